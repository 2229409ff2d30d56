/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that a manifest alone can tell about itself, beyond each field's own check. */
#include "schema/manifest_check.h"

static const char *place_text(struct ks_checking *c, struct ks_loc at)
{
    return at.line ? ks_sprintf(c->scratch, " (%s:%u)", at.file, at.line) : "";
}

void ks_claim(struct ks_checking *c, struct ks_index *index, const char *what, const char *key,
              struct ks_claim claim)
{
    struct ks_claim *mine = ks_new(c->scratch, struct ks_claim);
    const struct ks_claim *other;

    index->arena = c->scratch;
    *mine = claim;
    other = ks_index_add(index, key, strlen(key), mine);
    if (!other || (claim.same && ks_streq(claim.same, other->same)) || (claim.shareable && other->shareable))
        return;
    ks_report(c->f, KS_E_CONFLICT, claim.at, "%s is given twice: to %s and to %s%s", what, claim.who, other->who,
              place_text(c, other->at));
}

bool ks_guest_counts(const struct ks_guest *guest)
{
    return guest->state != KS_GUEST_ABSENT && guest->state != KS_GUEST_UNMANAGED;
}

const char *ks_part_of(struct ks_checking *c, const char *kind, const struct ks_obj *part,
                       const struct ks_guest *guest)
{
    return ks_sprintf(c->scratch, "%s %s of guest %s", kind, part->key, guest->o.key);
}

void ks_manifest_check(const struct ks_manifest *m, struct ks_findings *f)
{
    static void (*const checks[])(struct ks_checking *) = {ks_check_names, ks_check_devices, ks_check_storage,
                                                           ks_check_guests};
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct ks_checking c = {.m = m, .f = f, .scratch = scratch};

    for (size_t i = 0; i < KS_COUNT(checks); i++)
        checks[i](&c);
}
