/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as domain XML: parsed, read as a guest, compared with itself, written back. Beyond not crashing: what
 * was read is there, and writing it again changes nothing.
 */
#include "schema/kinds.h"
#include "tests/unit/xml_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *law)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", law);
    abort();
}

static struct ks_obj *read_as(struct ks_arena *arena, const struct ks_kind *kind, xmlNode *root)
{
    struct ks_obj *obj = ks_obj_new(arena, kind, NULL);
    ks_xml_read(arena, root, obj);
    return obj;
}

static void expect_no_difference(struct ks_arena *arena, const struct ks_obj *want, const struct ks_obj *have)
{
    struct ks_changes changes = {0};
    ks_diff(arena, want, have, false, &changes);
    must(changes.n == 0, "what was read differs from nothing");
}

/* Rows without codecs keep the stronger law. */
static void same_values_change_no_byte(struct ks_arena *arena, xmlNode *root)
{
    const struct ks_obj *obj = read_as(arena, &t_guest_kind, root);
    struct ks_error err = {0};
    char *before = ks_xml_text(root);
    expect_no_difference(arena, obj, obj);
    must(ks_xml_write(root, obj, &err) == 0, "what was read can be written");
    char *after = ks_xml_text(root);
    must(strcmp(before, after) == 0, "the same values change no byte");
    xmlFree(before);
    xmlFree(after);
}

static void a_guest_survives(struct ks_arena *arena, xmlNode *root)
{
    const struct ks_obj *obj = read_as(arena, &ks_guest_kind, root);
    struct ks_text text = {.arena = arena};
    struct ks_error err = {0};
    ks_print_yaml(&text, obj, 0);
    ks_print_json(&text, obj);
    expect_no_difference(arena, obj, obj);
    (void)ks_xml_write(root, obj, &err); /* codecs may refuse what libvirt would */
    ks_error_done(&err);
    read_as(arena, &ks_guest_kind, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_error err = {0};
    if (ks_xml_parse((const char *)data, size, &doc, &err)) {
        ks_error_done(&err);
        return 0;
    }
    same_values_change_no_byte(arena, xmlDocGetRootElement(doc));
    a_guest_survives(arena, xmlDocGetRootElement(doc));
    return 0;
}
