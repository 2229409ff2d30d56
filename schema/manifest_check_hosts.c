/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hosts share, and one of them alone can have: names of hosts, MAC addresses and addresses on the wire, UUIDs
 * of guests, images on storage that is reached over the network. What is each host's own (VFs, PCI devices, CPUs,
 * local volumes) may well be the same.
 */
#include <strings.h>

#include "schema/manifest_check.h"

enum { BRIDGE_ABSENT = 1 };

struct hosts {
    struct ks_checking c; /* of the manifest that is looked at */
    struct ks_index names, macs, ips, uuids, images;
    const char *note;
};

/* Within one manifest it was said already. */
static void claim(struct hosts *h, struct ks_index *index, const char *noun, const char *key, struct ks_claim mine)
{
    mine.note = h->note;
    mine.same = h->note;
    ks_claim(&h->c, index, noun, key, mine);
}

static void claim_name(struct hosts *h)
{
    const struct ks_manifest *m = h->c.m, *other;
    char *name = ks_strdup(h->c.scratch, m->host);

    for (char *p = name; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    h->names.arena = h->c.scratch;
    other = ks_index_add(&h->names, name, strlen(name), m);
    if (other)
        (void)ks_report(h->c.f, KS_E_CONFLICT, ks_at(&m->o, "host"), "host %s has a manifest already: %s", m->host,
                        ks_at(&other->o, "host").file);
}

/* ---- the wire ----------------------------------------------------------------------------------------------- */

static bool is_local(const char *address)
{
    return strncasecmp(address, "fe80:", 5) == 0 || ks_starts(address, "127.") || ks_starts(address, "::1/");
}

static void claim_bridge(struct hosts *h, const struct ks_bridge *b)
{
    if (b->state == BRIDGE_ABSENT || (ks_has(&b->o, "ports") && b->ports.n == 0))
        return; /* one without ports is the host's own */
    if (b->mac)
        claim(h, &h->macs, "MAC address", b->mac, (struct ks_claim){"bridge", &b->o, .field = "mac"});
    for (size_t i = 0; i < b->addresses.n; i++)
        if (!is_local(b->addresses.v[i]))
            claim(h, &h->ips, "IP address",
                  ks_strndup(h->c.scratch, b->addresses.v[i], strcspn(b->addresses.v[i], "/")),
                  (struct ks_claim){"bridge", &b->o, .field = "addresses"});
}

static void claim_vfs(struct hosts *h, const struct ks_sriov *pf)
{
    for (size_t i = 0; i < pf->vf.n; i++) {
        const struct ks_vf *vf = (const struct ks_vf *)pf->vf.v[i];
        if (vf->mac)
            claim(h, &h->macs, "MAC address", vf->mac,
                  (struct ks_claim){"VF", &vf->o, "sriov", &pf->o, .field = "mac"});
    }
}

static void claim_nics(struct hosts *h, const struct ks_guest *g)
{
    for (size_t i = 0; i < g->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)g->nics.v[i];
        if (nic->mac)
            claim(h, &h->macs, "MAC address", nic->mac,
                  (struct ks_claim){"nic", &nic->o, "guest", &g->o, .field = "mac"});
    }
}

/* ---- shared storage ----------------------------------------------------------------------------------------- */

static void add_hosts(struct ks_text *out, const struct ks_strings *hosts)
{
    const char **sorted = ks_new_n(out->arena, const char *, hosts->n + 1);

    /* A handful: the order of monitors means nothing. */
    for (size_t i = 0; i < hosts->n; i++) {
        size_t k = i;
        for (; k > 0 && strcmp(sorted[k - 1], hosts->v[i]) > 0; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = hosts->v[i];
    }
    for (size_t i = 0; i < hosts->n; i++)
        ks_text_addf(out, "%s%s", i ? "," : " of ", sorted[i]);
}

/* What a pool on the network holds, in the same words on every host; NULL: it is the host's own. */
static const char *shared_pool(struct hosts *h, const char *name)
{
    static const char *const shared[] = {"netfs", "iscsi", "iscsi-direct", "rbd"};
    const struct ks_pool *pool = (const struct ks_pool *)ks_map_get(&h->c.m->pools, name);
    const struct ks_pool_source *source = pool ? pool->source : NULL;
    struct ks_text out = {.arena = h->c.scratch};
    const char *type;

    if (!source || !ks_has(&pool->o, "type"))
        return NULL;
    type = ks_show(h->c.scratch, &ks_pool_kind.fields[ks_row(&ks_pool_kind, "type")], &pool->o);
    for (size_t i = 0; i < KS_COUNT(shared); i++) {
        if (!ks_streq(type, shared[i]))
            continue;
        ks_text_addf(&out, "%s", source->name ? source->name : source->dir ? source->dir : "");
        for (size_t k = 0; k < source->devices.n; k++)
            ks_text_addf(&out, " %s", source->devices.v[k]);
        if (source->host)
            ks_text_addf(&out, " of %s", source->host);
        add_hosts(&out, &source->hosts);
        return ks_text_str(&out);
    }
    return NULL;
}

static const char *image_of(struct hosts *h, const struct ks_disk *d, const char **ret_field)
{
    struct ks_text out = {.arena = h->c.scratch};
    const char *pool;

    if (d->rbd) {
        *ret_field = "rbd";
        ks_text_add(&out, d->rbd);
        add_hosts(&out, &d->hosts);
        return ks_text_str(&out);
    }
    if (!d->volume)
        return NULL;
    *ret_field = "volume";
    pool = shared_pool(h, ks_strndup(h->c.scratch, d->volume, strcspn(d->volume, "/")));
    return pool ? ks_sprintf(h->c.scratch, "%s in %s", strchr(d->volume, '/') + 1, pool) : NULL;
}

static void claim_images(struct hosts *h, const struct ks_guest *g)
{
    for (size_t i = 0; i < g->disks.n; i++) {
        const struct ks_disk *d = (const struct ks_disk *)g->disks.v[i];
        const char *field = NULL, *image = image_of(h, d, &field);
        if (image && !d->readonly && d->device != KS_DISK_CDROM)
            claim(h, &h->images, "image", image,
                  (struct ks_claim){"disk", &d->o, "guest", &g->o, .field = field, .shareable = d->shareable});
    }
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static void claim_all(struct hosts *h)
{
    const struct ks_manifest *m = h->c.m;

    claim_name(h);
    for (size_t i = 0; i < m->bridges.n; i++)
        claim_bridge(h, (const struct ks_bridge *)m->bridges.v[i]);
    for (size_t i = 0; i < m->sriov.n; i++)
        claim_vfs(h, (const struct ks_sriov *)m->sriov.v[i]);
    for (size_t i = 0; i < m->guests.n; i++) {
        const struct ks_guest *g = (const struct ks_guest *)m->guests.v[i];
        if (!ks_guest_counts(g))
            continue;
        if (g->uuid)
            claim(h, &h->uuids, "UUID", g->uuid, (struct ks_claim){"guest", &g->o, .field = "uuid"});
        claim_nics(h, g);
        claim_images(h, g);
    }
}

void ks_manifests_check(const struct ks_manifest *const *manifests, size_t n, struct ks_findings *f)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    struct hosts h = {.c = {.f = f, .scratch = scratch}};

    for (size_t i = 0; i < n; i++) {
        h.c.m = manifests[i];
        if (!h.c.m->host)
            continue;
        h.note = ks_sprintf(scratch, "host %s", h.c.m->host);
        claim_all(&h);
    }
}
