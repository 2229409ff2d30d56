/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that a manifest alone can tell about itself, beyond each field's own check. */
#include "schema/manifest_check.h"
#include "schema/manifest_private.h"

static struct ks_loc claimed_at(const struct ks_claim *claim)
{
    return claim->field ? ks_at(claim->part, claim->field) : claim->part->at;
}

static const char *claimant(struct ks_checking *c, const struct ks_claim *claim)
{
    struct ks_text out = {.arena = c->scratch};

    ks_text_addf(&out, claim->part->key ? "%s %s" : "%s", claim->kind, claim->part->key);
    if (claim->of)
        ks_text_addf(&out, " of %s %s", claim->of, claim->whole->key);
    if (claim->note)
        ks_text_addf(&out, " (%s)", claim->note);
    return ks_text_str(&out);
}

void ks_claim(struct ks_checking *c, struct ks_index *index, const char *noun, const char *key,
              struct ks_claim claim)
{
    struct ks_claim *mine = ks_new(c->scratch, struct ks_claim);
    const struct ks_claim *other;
    struct ks_loc at;

    index->arena = c->scratch;
    *mine = claim;
    other = ks_index_add(index, key, strlen(key), mine);
    if (!other || (claim.same && ks_streq(claim.same, other->same)) || (claim.shareable && other->shareable))
        return;
    at = claimed_at(other);
    ks_report(c->f, KS_E_CONFLICT, claimed_at(&claim), "%s %s is given twice: to %s and to %s (%s:%u)", noun, key,
              claimant(c, &claim), claimant(c, other), at.file, at.line);
}

bool ks_guest_counts(const struct ks_guest *guest)
{
    return guest->state != KS_GUEST_ABSENT && guest->state != KS_GUEST_UNMANAGED;
}

static void check(const struct ks_manifest *m, bool whole, struct ks_findings *f)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct ks_checking c = {.m = m, .f = f, .scratch = scratch};

    ks_check_names(&c);
    ks_check_devices(&c);
    ks_check_storage(&c);
    if (whole)
        ks_check_guests(&c);
}

void ks_manifest_check(const struct ks_manifest *m, struct ks_findings *f)
{
    check(m, true, f);
}

void ks_manifest_check_partial(const struct ks_manifest *m, struct ks_findings *f)
{
    check(m, false, f);
}
