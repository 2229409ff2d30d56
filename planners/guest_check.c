/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this host can satisfy a guest: all of it is said at once, before anything changes. */
#include "planners/guest.h"
#include "planners/storage.h"

#include <inttypes.h>

static int complain(struct ks_planning *p, const struct ks_guest *guest, struct ks_loc at, const char *fmt, ...)
    KS_PRINTF(4, 5);
static int complain(struct ks_planning *p, const struct ks_guest *guest, struct ks_loc at, const char *fmt, ...)
{
    char buf[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    return ks_report(p->findings, KS_E_CONFLICT, at, "guest %s: %s", guest->o.key, buf);
}

static bool is_file_missing(const struct ks_observed *have, const char *path)
{
    for (size_t i = 0; i < have->missing_files.n; i++)
        if (ks_streq(have->missing_files.v[i], path))
            return true;
    return false;
}

static void check_volume(struct ks_planning *p, const struct ks_guest *guest, const struct ks_disk *disk)
{
    const char *slash = strchr(disk->volume, '/');
    const char *pool = ks_strndup(p->arena, disk->volume, (size_t)(slash - disk->volume));
    const struct ks_seen_pool *seen = ks_seen_pool(p->have, pool);
    const struct ks_loc at = ks_at(&disk->o, "volume");

    /* Under `volumes`, or in place. */
    if (ks_wanted_volume(p, disk->volume)) {
        if (!seen && !ks_map_get(&p->want->pools, pool))
            (void)complain(p, guest, at, "disk %s: there is no pool '%s', neither in the manifest nor on the host",
                           disk->o.key, pool);
        return;
    }
    if (ks_pools_unknown(p))
        (void)complain(p, guest, at, "disk %s: pools could not be read: %s", disk->o.key, ks_pools_unknown(p));
    else if (!seen && !ks_map_get(&p->want->pools, pool))
        (void)complain(p, guest, at, "disk %s: there is no pool '%s', neither in the manifest nor on the host",
                       disk->o.key, pool);
    else if (seen && seen->volumes_known && !ks_map_get(&seen->volumes, slash + 1))
        (void)complain(p, guest, at, "disk %s: pool '%s' has no volume '%s', and the manifest declares none",
                       disk->o.key, pool, slash + 1);
    else if (!seen)
        (void)complain(p, guest, at, "disk %s: pool '%s' is new, and the manifest declares no volume '%s' in it",
                       disk->o.key, pool, slash + 1);
}

static bool has_any(const struct ks_obj *obj, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ks_has(obj, keys[i]))
            return true;
    return false;
}

/* What the guest has already keeps what the manifest does not state; what is to be made needs it stated. */
static void check_origin(struct ks_planning *p, const struct ks_guest *guest, const struct ks_obj *device,
                         const struct ks_map *have, const char *const *keys, size_t n)
{
    struct ks_text list = {.arena = p->arena};

    if (has_any(device, keys, n) || device->other || ks_match(have, device))
        return;
    for (size_t i = 0; i < n; i++)
        ks_text_addf(&list, "%s%s", i == 0 ? "" : i + 1 == n ? " and " : ", ", keys[i]);
    (void)complain(p, guest, device->at, "%s %s is new, and one of %s is missing", device->kind->name, device->key,
                   ks_text_str(&list));
}

static void check_origins(struct ks_planning *p, const struct ks_guest *guest, const struct ks_seen_guest *seen)
{
    static const char *const disk_keys[] = {"volume", "file", "block", "rbd"};
    static const char *const nic_keys[] = {"bridge", "network", "vf"};
    const struct ks_guest *have = seen ? seen->config : NULL;

    for (size_t i = 0; i < guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[i];
        if (disk->device != KS_DISK_CDROM && disk->device != KS_DISK_FLOPPY)
            check_origin(p, guest, &disk->o, have ? &have->disks : NULL, disk_keys, KS_COUNT(disk_keys));
    }
    for (size_t i = 0; i < guest->nics.n; i++)
        check_origin(p, guest, guest->nics.v[i], have ? &have->nics : NULL, nic_keys, KS_COUNT(nic_keys));
}

static void check_disks(struct ks_planning *p, const struct ks_guest *guest)
{
    for (size_t i = 0; i < guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[i];
        if (ks_has(&disk->o, "volume"))
            check_volume(p, guest, disk);
        if (ks_has(&disk->o, "file") && is_file_missing(p->have, disk->file))
            (void)complain(p, guest, ks_at(&disk->o, "file"), "disk %s: there is no file %s", disk->o.key,
                           disk->file);
        if (ks_has(&disk->o, "block") && is_file_missing(p->have, disk->block))
            (void)complain(p, guest, ks_at(&disk->o, "block"), "disk %s: there is no device %s", disk->o.key,
                           disk->block);
    }
}

static bool is_absent(struct ks_planning *p, const struct ks_obj *obj)
{
    return ks_has(obj, "state") &&
           ks_streq(ks_show(p->arena, &obj->kind->fields[ks_row(obj->kind, "state")], obj), "absent");
}

static void check_nics(struct ks_planning *p, const struct ks_guest *guest)
{
    for (size_t i = 0; i < guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[i];
        if (ks_has(&nic->o, "bridge")) {
            const struct ks_obj *bridge = ks_map_get(&p->want->bridges, nic->bridge);
            const struct ks_seen_link *link = ks_seen_link(p->have, nic->bridge);
            if (bridge ? is_absent(p, bridge) : !ks_seen_bridge(p->have, nic->bridge) && !link)
                (void)complain(p, guest, ks_at(&nic->o, "bridge"),
                               "nic %s: there is no bridge '%s', neither in the manifest nor on the host",
                               nic->o.key, nic->bridge);
        }
        if (ks_has(&nic->o, "network")) {
            const struct ks_obj *network = ks_map_get(&p->want->networks, nic->network);
            if (network ? is_absent(p, network) : !ks_seen_network(p->have, nic->network))
                (void)complain(p, guest, ks_at(&nic->o, "network"),
                               "nic %s: there is no network '%s', neither in the manifest nor on the host",
                               nic->o.key, nic->network);
        }
    }
}

static void check_cpuset(struct ks_planning *p, const struct ks_guest *guest, struct ks_loc at, const char *what,
                         const struct ks_cpuset *set)
{
    if (ks_cpuset_count(&p->have->cpus) > 0 && !ks_cpuset_subset(set, &p->have->cpus))
        (void)complain(p, guest, at, "%s: host CPUs %s are not all online here (%s)", what,
                       ks_cpuset_format(p->arena, set), ks_cpuset_format(p->arena, &p->have->cpus));
}

static void check_pinning(struct ks_planning *p, const struct ks_guest *guest)
{
    const struct ks_pinning *pinning = guest->pinning;
    const struct {
        const char *what;
        const struct ks_map *map;
    } maps[] = {{"vCPU", pinning ? &pinning->vcpus : NULL}, {"iothread", pinning ? &pinning->iothreads : NULL}};

    for (size_t m = 0; m < KS_COUNT(maps) && pinning; m++) {
        for (size_t i = 0; i < maps[m].map->n; i++) {
            const struct ks_set *pin = (const struct ks_set *)maps[m].map->v[i];
            check_cpuset(p, guest, pin->o.at, ks_sprintf(p->arena, "%s %s", maps[m].what, pin->o.key), &pin->value);
        }
    }
    if (pinning && ks_has(&pinning->o, "emulator"))
        check_cpuset(p, guest, ks_at(&pinning->o, "emulator"), "emulator", &pinning->emulator);
}

static void check_nodes(struct ks_planning *p, const struct ks_guest *guest, struct ks_loc at,
                        const struct ks_cpuset *nodes)
{
    for (int id = ks_cpuset_next(nodes, 0); id >= 0; id = ks_cpuset_next(nodes, (unsigned)id + 1)) {
        bool found = p->have->nodes.n == 0;
        for (size_t i = 0; i < p->have->nodes.n; i++)
            found = found || p->have->nodes.v[i].id == id;
        if (!found)
            (void)complain(p, guest, at, "the host has no NUMA node %d (it has %zu)", id, p->have->nodes.n);
    }
}

static void check_numa(struct ks_planning *p, const struct ks_guest *guest)
{
    if (!guest->numa)
        return;
    if (ks_has(&guest->numa->o, "nodes"))
        check_nodes(p, guest, ks_at(&guest->numa->o, "nodes"), &guest->numa->nodes);
    for (size_t i = 0; i < guest->numa->cells.n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)guest->numa->cells.v[i];
        if (ks_has(&cell->o, "node"))
            check_nodes(p, guest, ks_at(&cell->o, "node"), &cell->node);
    }
}

static void check_machine(struct ks_planning *p, const struct ks_guest *guest)
{
    const char *near[128];
    size_t n = 0;

    if (!ks_has(&guest->o, "machine") || p->have->caps.machines.n == 0)
        return;
    for (size_t i = 0; i < p->have->caps.machines.n; i++) {
        if (ks_streq(p->have->caps.machines.v[i].alias, guest->machine) ||
            ks_streq(p->have->caps.machines.v[i].name, guest->machine))
            return;
        if (n < KS_COUNT(near))
            near[n++] = p->have->caps.machines.v[i].name;
    }
    (void)complain(p, guest, ks_at(&guest->o, "machine"), "machine '%s' is not known to QEMU here", guest->machine);
    if (ks_nearest(guest->machine, near, n))
        ks_report_hint(p->findings, "did you mean '%s'?", ks_nearest(guest->machine, near, n));
}

static void check_files(struct ks_planning *p, const struct ks_guest *guest)
{
    const struct ks_direct_kernel *dk = guest->direct_kernel;

    if (dk && ks_has(&dk->o, "kernel") && is_file_missing(p->have, dk->kernel))
        (void)complain(p, guest, ks_at(&dk->o, "kernel"), "there is no kernel %s", dk->kernel);
    if (dk && ks_has(&dk->o, "initrd") && is_file_missing(p->have, dk->initrd))
        (void)complain(p, guest, ks_at(&dk->o, "initrd"), "there is no initrd %s", dk->initrd);
    for (size_t i = 0; i < guest->filesystems.n; i++) {
        const struct ks_filesystem *fs = (const struct ks_filesystem *)guest->filesystems.v[i];
        if (ks_has(&fs->o, "source") && is_file_missing(p->have, fs->source))
            (void)complain(p, guest, ks_at(&fs->o, "source"), "filesystem %s: there is no directory %s", fs->o.key,
                           fs->source);
    }
}

/* What the manifest can say and nothing carries out is refused: silence would pass for consent. */
static void check_supported(struct ks_planning *p, const struct ks_guest *guest)
{
    const struct ks_obj *numa = guest->numa ? &guest->numa->o : NULL;

    if (ks_has(numa, "placement") && guest->numa->placement == KS_PLACEMENT_AUTO)
        (void)ks_report(p->findings, KS_E_UNSUPPORTED, ks_at(numa, "placement"),
                        "guest %s: automatic placement is not carried out yet: state nodes, cells and pinning",
                        guest->o.key);
    if (ks_has(&guest->o, "wait-for"))
        (void)ks_report(p->findings, KS_E_UNSUPPORTED, ks_at(&guest->o, "wait-for"),
                        "guest %s: nothing waits for an address yet", guest->o.key);
}

static void check_seed(struct ks_planning *p, const struct ks_guest *guest)
{
    const char *path = ks_seed_path(p->arena, p->have->seed_dir, guest);

    if (path && !p->have->seed_tool && !ks_seed_is_there(p->have, path))
        (void)complain(p, guest, ks_at(&guest->o, "cloud-init"),
                       "cloud-init: there is no program that makes an ISO image: install xorriso or genisoimage");
}

void ks_guest_check(struct ks_planning *p, const struct ks_guest *want, const struct ks_seen_guest *seen)
{
    check_supported(p, want);
    check_origins(p, want, seen);
    check_disks(p, want);
    check_nics(p, want);
    check_pinning(p, want);
    check_numa(p, want);
    check_machine(p, want);
    check_files(p, want);
    check_seed(p, want);
    if (ks_has(&want->o, "firmware") &&
        ks_streq(ks_show(p->arena, &want->o.kind->fields[ks_row(want->o.kind, "firmware")], &want->o), "efi") &&
        p->have->caps.machines.n > 0 && !p->have->caps.efi)
        (void)complain(p, want, ks_at(&want->o, "firmware"), "no UEFI firmware is installed for QEMU here");
}
