/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole host, kind by kind; only what the manifest can make a difference to is asked for. */
#include "state/outline.h"

#include <sys/stat.h>
#include <unistd.h>

typedef int ks_observe_fn(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err);

static bool always(const struct ks_manifest *want)
{
    (void)want;
    return true;
}

static bool prunes(const struct ks_manifest *want)
{
    return want->defaults && want->defaults->prune;
}

static bool any_disk(const struct ks_manifest *want, bool (*is)(const struct ks_disk *))
{
    for (size_t i = 0; i < want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)want->guests.v[i];
        for (size_t k = 0; k < guest->disks.n; k++)
            if (is((const struct ks_disk *)guest->disks.v[k]))
                return true;
    }
    return false;
}

static bool any_nic(const struct ks_manifest *want, bool (*is)(const struct ks_nic *))
{
    for (size_t i = 0; i < want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)want->guests.v[i];
        for (size_t k = 0; k < guest->nics.n; k++)
            if (is((const struct ks_nic *)guest->nics.v[k]))
                return true;
    }
    return false;
}

static bool disk_has_volume(const struct ks_disk *disk)
{
    return disk->volume != NULL;
}

static bool disk_has_secret(const struct ks_disk *disk)
{
    return disk->auth != NULL;
}

static bool nic_has_bridge(const struct ks_nic *nic)
{
    return nic->bridge != NULL;
}

static bool nic_has_network(const struct ks_nic *nic)
{
    return nic->network != NULL;
}

static bool nic_has_vf(const struct ks_nic *nic)
{
    return nic->vf != NULL;
}

static bool names_pools(const struct ks_manifest *want)
{
    return want->pools.n > 0 || want->volumes.n > 0 || any_disk(want, disk_has_volume);
}

static bool names_networks(const struct ks_manifest *want)
{
    return want->networks.n > 0 || any_nic(want, nic_has_network);
}

static bool names_secrets(const struct ks_manifest *want)
{
    return want->secrets.n > 0 || any_disk(want, disk_has_secret);
}

static bool needs_links(const struct ks_manifest *want)
{
    return want->bridges.n > 0 || want->sriov.n > 0 || want->networks.n > 0 || prunes(want) ||
           any_nic(want, nic_has_bridge);
}

static bool needs_devices(const struct ks_manifest *want)
{
    if (want->sriov.n > 0 || any_nic(want, nic_has_vf))
        return true;
    for (size_t i = 0; i < want->networks.n; i++)
        if (((const struct ks_network *)want->networks.v[i])->pf)
            return true;
    for (size_t i = 0; i < want->guests.n; i++)
        if (((const struct ks_guest *)want->guests.v[i])->devices.n > 0)
            return true;
    return false;
}

/* CPUs that any guest is pinned to are not free. */
static bool places_guests(const struct ks_manifest *want)
{
    for (size_t i = 0; i < want->guests.n; i++) {
        const struct ks_numa *numa = ((const struct ks_guest *)want->guests.v[i])->numa;
        if (numa && ks_has(&numa->o, "placement") && numa->placement == KS_PLACEMENT_AUTO)
            return true;
    }
    return false;
}

static bool needs_kernel(const struct ks_manifest *want)
{
    return want->kernel != NULL;
}

static bool needs_seeds(const struct ks_manifest *want)
{
    return want->guests.n > 0;
}

/* What a picture shows, and whether it takes libvirt to know it. */
enum drawn { NOT_DRAWN, DRAWN, HARDWARE };

static const struct kind {
    const char *name; /* as ->unknown says it */
    ks_observe_fn *observe;
    bool (*needed)(const struct ks_manifest *want);
    enum drawn drawn;
    bool asks_libvirt;
    /* A driver that libvirt may be without: its things' ids in the ledger start so. Read to prune, too. */
    const char *ids[2];
} kinds[] = {
    {"guests", ks_observe_guests, always, DRAWN, true, {NULL}},
    {"pools", ks_observe_pools, names_pools, NOT_DRAWN, true, {"pool/", "volume/"}},
    {"networks", ks_observe_networks, names_networks, DRAWN, true, {"network/"}},
    {"secrets", ks_observe_secrets, names_secrets, NOT_DRAWN, true, {"secret/"}},
    {"links", ks_observe_links, needs_links, HARDWARE, false, {NULL}},
    {"hugepages", ks_observe_hugepages, always, HARDWARE, false, {NULL}},
    {"devices", ks_observe_devices, needs_devices, HARDWARE, true, {NULL}},
    {"kernel", ks_observe_kernel, needs_kernel, NOT_DRAWN, false, {NULL}},
    {"capabilities", ks_observe_caps, always, NOT_DRAWN, true, {NULL}},
    {"seeds", ks_observe_seeds, needs_seeds, NOT_DRAWN, false, {NULL}},
};

static void add_missing(struct ks_observing *o, struct ks_observed *ret, const char *path)
{
    if (path && !ks_file_exists(o->root, path))
        *ks_vec_add(o->arena, &ret->missing_files) = path;
}

static void add_missing_base(struct ks_observing *o, struct ks_observed *ret, const char *base)
{
    if (base && *base == '/')
        add_missing(o, ret, base);
}

/* What a volume is to be filled with takes room in its pool. */
static void add_source(struct ks_observing *o, struct ks_observed *ret, const char *path)
{
    struct stat st;

    if (path && fstatat(o->root, path + (*path == '/'), &st, 0) == 0)
        *ks_vec_add(o->arena, &ret->files) = (struct ks_seen_file){.path = path, .size = (uint64_t)st.st_size};
    else
        add_missing(o, ret, path);
}

static void find_missing_of_volumes(struct ks_observing *o, struct ks_observed *ret)
{
    for (size_t i = 0; i < o->want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)o->want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++) {
            const struct ks_volume *volume = (const struct ks_volume *)pool->volumes.v[k];
            add_missing_base(o, ret, volume->backing);
            add_missing_base(o, ret, volume->clone);
            if (volume->source)
                add_source(o, ret, volume->source->file);
        }
    }
}

/* Only files that the manifest itself names: one stat for each. */
static void find_missing(struct ks_observing *o, struct ks_observed *ret)
{
    find_missing_of_volumes(o, ret);
    for (size_t i = 0; i < o->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)o->want->guests.v[i];
        for (size_t k = 0; k < guest->disks.n; k++) {
            const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[k];
            add_missing(o, ret, disk->file);
            add_missing(o, ret, disk->block);
            add_missing_base(o, ret, disk->backing);
            add_missing_base(o, ret, disk->clone);
        }
        for (size_t k = 0; k < guest->filesystems.n; k++)
            add_missing(o, ret, ((const struct ks_filesystem *)guest->filesystems.v[k])->source);
        if (guest->direct_kernel) {
            add_missing(o, ret, guest->direct_kernel->kernel);
            add_missing(o, ret, guest->direct_kernel->initrd);
        }
    }
}

static bool is_needed(const struct ks_observing *o, const struct kind *kind)
{
    return !o->want || o->everything || kind->needed(o->want) || (kind->ids[0] && prunes(o->want));
}

/* A libvirt without that driver (an embedded one) has no such things: nothing is asked of it, and nothing was made.
 */
static bool is_without(const struct ks_observing *o, const struct kind *kind, const struct ks_error *err)
{
    struct ks_strings made = {0};

    if (err->sys_errno != VIR_ERR_NO_SUPPORT || err->code != KS_E_VIRT || !kind->ids[0] ||
        (o->want && kind->needed(o->want)))
        return false;
    for (size_t i = 0; i < KS_COUNT(kind->ids) && o->ledger; i++)
        if (kind->ids[i] && made.n == 0)
            ks_ledger_list(o->ledger, kind->ids[i], o->arena, &made);
    return made.n == 0;
}

static void observe_kind(struct ks_observing *o, size_t i, struct ks_observed *ret)
{
    ks_auto(ks_error_done) struct ks_error failed = {0};

    if (kinds[i].observe(o, ret, &failed) < 0 && !is_without(o, &kinds[i], &failed))
        *ks_vec_add(o->arena, &ret->unknown) =
            ks_sprintf(o->arena, "%s: %s", kinds[i].name, ks_error_text(o->arena, &failed));
}

static void read_host_name(struct ks_observing *o, struct ks_observed *ret)
{
    char name[256] = "";

    (void)gethostname(name, sizeof name - 1);
    ret->host = ks_strdup(o->arena, name);
}

static void observe_needed(struct ks_observing *o, bool asks_libvirt, struct ks_observed *ret)
{
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (kinds[i].asks_libvirt == asks_libvirt && is_needed(o, &kinds[i]))
            observe_kind(o, i, ret);
}

void ks_observe_host(struct ks_observing *o, struct ks_observed *ret)
{
    read_host_name(o, ret);
    observe_needed(o, false, ret);
    if (o->want)
        find_missing(o, ret);
    o->host_done = true;
}

/* Takes the outline that there is, or reads one into *ret_own. */
static int take_outline(struct ks_observing *o, struct ks_observed *ret, struct ks_outline **ret_own,
                        struct ks_error *err)
{
    if (!o->outline && ks_outline_read(o->conn, ret_own, err) < 0)
        return -1;
    if (!o->outline)
        o->outline = *ret_own;
    ret->libvirt_version = o->outline->libvirt_version;
    ret->qemu_version = o->outline->qemu_version;
    return 0;
}

/* Whether a pool that is there is to be made of something else, which guests that nobody names may be using. */
static bool edits_pools(struct ks_observing *o, const struct ks_observed *ret)
{
    struct ks_changes changes = {0};

    for (size_t i = 0; o->want && i < o->want->pools.n; i++) {
        const struct ks_seen_pool *seen = ks_seen_pool(ret, o->want->pools.v[i]->key);
        if (seen && seen->config)
            ks_diff(o->arena, o->want->pools.v[i], &seen->config->o, false, &changes);
    }
    return changes.n > 0;
}

/* Once more, of a new outline: who reads a guest frees its handle. */
static void read_all_guests(struct ks_observing *o, struct ks_observed *ret)
{
    ks_auto(ks_outline_freep) struct ks_outline *again = NULL;
    ks_auto(ks_error_done) struct ks_error failed = {0};

    for (size_t i = 0; i < ret->unknown.n; i++)
        if (ks_starts(ret->unknown.v[i], "guests: "))
            return;
    o->all_guests = true;
    ret->guests.n = 0;
    if (ks_outline_read(o->conn, &again, &failed) < 0) {
        *ks_vec_add(o->arena, &ret->unknown) =
            ks_sprintf(o->arena, "%s: %s", kinds[0].name, ks_error_text(o->arena, &failed));
        return;
    }
    o->outline = again;
    observe_kind(o, 0, ret);
    o->outline = NULL;
    ks_observed_sort(ret);
}

int ks_observe(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    ks_auto(ks_outline_freep) struct ks_outline *own = NULL;

    if (take_outline(o, ret, &own, err) < 0)
        return -1;
    o->all_guests = o->want && (needs_devices(o->want) || places_guests(o->want));
    if (!o->host_done)
        ks_observe_host(o, ret);
    observe_needed(o, true, ret);
    ks_observed_sort(ret);
    if (!o->all_guests && edits_pools(o, ret))
        read_all_guests(o, ret);
    ks_observe_blocks(o, ret);
    for (size_t i = 0; i < ret->guests.n && ret->pools.n > 0; i++) {
        ks_name_volumes(o->arena, ret, ret->guests.v[i].config);
        ks_name_volumes(o->arena, ret, ret->guests.v[i].live);
    }
    o->outline = NULL;
    return 0;
}

void ks_observe_picture(struct ks_observing *o, struct ks_observed *ret)
{
    ks_auto(ks_outline_freep) struct ks_outline *own = NULL;
    ks_auto(ks_error_done) struct ks_error failed = {0};

    read_host_name(o, ret);
    const bool asks = o->conn && take_outline(o, ret, &own, &failed) == 0;
    if (o->conn && !asks)
        *ks_vec_add(o->arena, &ret->unknown) = ks_error_text(o->arena, &failed);
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (kinds[i].drawn == HARDWARE || (asks && kinds[i].drawn == DRAWN))
            observe_kind(o, i, ret);
    ks_observed_sort(ret);
    o->outline = NULL;
}
