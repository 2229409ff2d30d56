/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as YAML: where the quick reader gives a tree at all, libyaml finds no fault, and gives the same one. */
#include "schema/yaml_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct ks_node *a, const struct ks_node *b)
{
    if (a->type != b->type || a->quoted != b->quoted || a->n != b->n || a->at.line != b->at.line ||
        a->at.col != b->at.col)
        return false;
    if (a->type == KS_NODE_SCALAR || a->type == KS_NODE_NULL)
        return memcmp(a->text, b->text, a->n + 1) == 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->type == KS_NODE_SEQ
                ? !same(a->items[i], b->items[i])
                : !same(a->pairs[i].key, b->pairs[i].key) || !same(a->pairs[i].value, b->pairs[i].value))
            return false;
    return true;
}

static void dump(const struct ks_node *node, int depth)
{
    fprintf(stderr, "%*stype %d%s at %u:%u '%s'\n", depth * 2, "", (int)node->type, node->quoted ? " quoted" : "",
            node->at.line, node->at.col, node->text ? node->text : "");
    for (size_t i = 0; node->type == KS_NODE_SEQ && i < node->n; i++)
        dump(node->items[i], depth + 1);
    for (size_t i = 0; node->type == KS_NODE_MAP && i < node->n; i++) {
        dump(node->pairs[i].key, depth + 1);
        dump(node->pairs[i].value, depth + 2);
    }
}

static int differ(const struct ks_node *quick, const struct ks_node *slow, const struct ks_findings *f)
{
    fprintf(stderr, "quick:\n");
    dump(quick, 1);
    fprintf(stderr, "libyaml:\n");
    if (slow)
        dump(slow, 1);
    ks_findings_print(stderr, f, false);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_findings f = {.arena = arena};
    const char *text = (const char *)data;
    const struct ks_node *quick, *slow;
    struct ks_yaml_stop stop;

    if (ks_yaml_clean(&f, "f", text, size) != text)
        return 0;
    quick = ks_yaml_quick(arena, "f", text, size);
    if (!quick)
        return 0;
    if (ks_yaml_build(&f, "f", text, size, &slow, &stop) < 0 || f.n || !slow || !same(quick, slow))
        return differ(quick, slow, &f);
    return 0;
}
