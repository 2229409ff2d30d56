/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/actuators.h"
#include "actuators/host.h"

#include <inttypes.h>

/* "node 1" -> 1, or -1 on a machine without nodes. */
static int node_of(const struct ks_acting *a, const struct ks_plan_field *field)
{
    uint64_t node;

    for (size_t i = 0; i < a->have->hugepages.n; i++)
        if (a->have->hugepages.v[i].node < 0)
            return -1;
    if (!ks_starts(field->path, "node ") || ks_parse_u64(field->path + 5, &node) < 0)
        return -1;
    return (int)node;
}

/*
 * A best effort that came up short is remembered, so that the next plan does not ask for the same again; one that
 * did not, forgotten.
 */
static int note_effort(struct ks_acting *a, const struct ks_step *step, uint64_t size,
                       const struct ks_pages_want *want, const struct ks_pages_got *got, struct ks_error *err)
{
    const char *id = ks_sprintf(a->arena, "hugepages/%s", ks_size_format(a->arena, size));
    const char *value = NULL;

    if (got->after < want->pages) {
        const char *said = ks_sprintf(a->arena, "%" PRIu64 " of %" PRIu64 " pages came on node %d: best-effort",
                                      got->after, want->pages, want->node < 0 ? 0 : want->node);
        a->remark = a->remark ? ks_sprintf(a->arena, "%s; %s", a->remark, said) : said;
        ks_tell(a, step, said, -1);
        value = ks_sprintf(a->arena, "%" PRIu64 " %" PRIu64 " %" PRIu64, want->pages, got->after, got->free_kib);
    }
    return a->keeping.note ? a->keeping.note(a->keeping.data, id, ks_pages_note(a->arena, want->node), value, err)
                           : 0;
}

static int set_node(struct ks_acting *a, const struct ks_step *step, const struct ks_plan_field *field,
                    struct ks_writes *w, struct ks_error *err)
{
    const struct ks_hugepages *want = (const struct ks_hugepages *)step->want;
    struct ks_pages_want pages = {.node = node_of(a, field), .best_effort = want->policy == KS_PAGES_BEST_EFFORT};
    struct ks_pages_got got;
    uint64_t size;

    if (ks_size_parse(step->name, &size) != NULL || ks_parse_u64(field->to, &pages.pages) < 0)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "hugepages %s: a plan that says '%s'", step->name, field->to);
    pages.size_kib = size / 1024;
    ks_tell(a, step, ks_sprintf(a->arena, "%s: %s pages", field->path, field->to), -1);
    if (ks_pages_set(w, &pages, &got, err) < 0)
        return -1;
    return a->dry_run ? 0 : note_effort(a, step, size, &pages, &got, err);
}

int ks_act_hugepages(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    struct ks_writes w = {.arena = a->arena, .root = a->root, .dry_run = a->dry_run, .cancelled = a->cancelled};

    /* What shrinks comes first: it makes room. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < step->fields.n; i++) {
            const struct ks_plan_field *field = &step->fields.v[i];
            uint64_t from = 0, to = 0;
            (void)ks_parse_u64(field->from ? field->from : "0", &from);
            (void)ks_parse_u64(field->to ? field->to : "0", &to);
            if ((to > from) == (pass == 1) && set_node(a, step, field, &w, err) < 0)
                return ks_wrap(err, "in hugepages %s", step->name);
        }
    }
    *ret = w.log.n == 0 ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return 0;
}
