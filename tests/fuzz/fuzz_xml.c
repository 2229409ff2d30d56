/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as XML: what the quick reader takes, libxml2 takes too, and makes the same tree of; and where the one
 * that only reads gives up or refuses, so does libxml2.
 */
#include "schema/xml_private.h"
#include "tests/unit/xml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *law)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", law);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_freep) char *text = malloc(size + 1);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    ks_auto(ks_error_done) struct ks_error err = {0}, scratch_err = {0};
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    const xmlNode *quick, *root;

    must(text, "there is memory");
    memcpy(text, data, size);
    text[size] = '\0';
    const bool taken = ks_xml_parse((const char *)data, size, &doc, &err) == 0;
    root = ks_xml_scratch_parse(scratch, text, size, &scratch_err);
    must(taken == (root != NULL), "both parsers take a text, or neither does");
    must(!root || t_same_tree(arena, xmlDocGetRootElement(doc), root), "both make the same tree of it");
    quick = ks_xml_quick(arena, text, size);
    must(!quick || taken, "what the quick reader takes, libxml2 takes");
    must(!quick || t_same_tree(arena, xmlDocGetRootElement(doc), quick), "the quick reader's tree is libxml2's");
    ks_xml_scratch_free(scratch);
    return 0;
}
