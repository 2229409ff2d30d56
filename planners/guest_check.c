/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this host can satisfy a guest: all of it is said at once, before anything changes. */
#include "planners/guest.h"
#include "planners/storage.h"

#include <inttypes.h>

/* One guest that is checked. */
struct check {
    struct ks_planning *p;
    const struct ks_guest *guest;
    const struct ks_seen_guest *seen; /* or NULL */
    struct ks_changes changes;        /* against its definition; made when the first complaint asks */
    bool compared;
};

/* What the definition says already counts for nothing new, unless this plan starts the guest. */
static bool is_new(struct check *c, const struct ks_obj *obj, const char *key)
{
    const bool starts = ks_has(&c->guest->o, "state") && c->guest->state != KS_GUEST_STOPPED;

    if (!c->seen || !c->seen->config || (starts && c->seen->state == KS_GUEST_STOPPED))
        return true;
    if (!c->compared)
        ks_diff(c->p->arena, &c->guest->o, &c->seen->config->o, false, &c->changes);
    c->compared = true;
    for (size_t i = 0; i < c->changes.n; i++) {
        const struct ks_change *change = &c->changes.v[i];
        if (change->op == KS_ADD ? change->entry == obj
                                 : change->want == obj && (!key || ks_streq(change->field->key, key)))
            return true;
    }
    return false;
}

/* An error in what changes; a warning in what stays as it is, which stands in nobody's way. */
static void complain(struct check *c, const struct ks_obj *obj, const char *key, const char *fmt, ...)
    KS_PRINTF(4, 5);
static void complain(struct check *c, const struct ks_obj *obj, const char *key, const char *fmt, ...)
{
    const struct ks_loc at = key ? ks_at(obj, key) : obj->at;
    va_list ap;

    va_start(ap, fmt);
    const char *text = ks_vsprintf(c->p->arena, fmt, ap);
    va_end(ap);
    if (is_new(c, obj, key))
        (void)ks_report(c->p->findings, KS_E_CONFLICT, at, "guest %s: %s", c->guest->o.key, text);
    else
        ks_report_warning(c->p->findings, KS_E_CONFLICT, at, "guest %s: %s; its definition has it so",
                          c->guest->o.key, text);
}

static bool is_file_missing(const struct ks_observed *have, const char *path)
{
    for (size_t i = 0; i < have->missing_files.n; i++)
        if (ks_streq(have->missing_files.v[i], path))
            return true;
    return false;
}

static void check_volume(struct check *c, const struct ks_disk *disk)
{
    const char *slash = strchr(disk->volume, '/');
    const char *pool = ks_strndup(c->p->arena, disk->volume, (size_t)(slash - disk->volume));
    const struct ks_seen_pool *seen = ks_seen_pool(c->p->have, pool);

    /* Under `volumes`, or in place. */
    if (ks_wanted_volume(c->p, disk->volume)) {
        if (!seen && !ks_map_get(&c->p->want->pools, pool))
            complain(c, &disk->o, "volume",
                     "disk %s: there is no pool '%s', neither in the manifest nor on the host", disk->o.key, pool);
        return;
    }
    if (ks_pools_unknown(c->p))
        complain(c, &disk->o, "volume", "disk %s: pools could not be read: %s", disk->o.key,
                 ks_pools_unknown(c->p));
    else if (!seen && !ks_map_get(&c->p->want->pools, pool))
        complain(c, &disk->o, "volume", "disk %s: there is no pool '%s', neither in the manifest nor on the host",
                 disk->o.key, pool);
    else if (seen && seen->volumes_known && !ks_map_get(&seen->volumes, slash + 1))
        complain(c, &disk->o, "volume", "disk %s: pool '%s' has no volume '%s', and the manifest declares none",
                 disk->o.key, pool, slash + 1);
    else if (!seen)
        complain(c, &disk->o, "volume", "disk %s: pool '%s' is new, and the manifest declares no volume '%s' in it",
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
static void check_origin(struct check *c, const struct ks_obj *device, const struct ks_map *have,
                         const char *const *keys, size_t n)
{
    struct ks_text list = {.arena = c->p->arena};

    if (has_any(device, keys, n) || device->other || ks_match(have, device))
        return;
    for (size_t i = 0; i < n; i++)
        ks_text_addf(&list, "%s%s", i == 0 ? "" : i + 1 == n ? " and " : ", ", keys[i]);
    complain(c, device, NULL, "%s %s is new, and one of %s is missing", device->kind->name, device->key,
             ks_text_str(&list));
}

static void check_origins(struct check *c)
{
    static const char *const disk_keys[] = {"volume", "file", "block", "rbd"};
    static const char *const nic_keys[] = {"bridge", "network", "vf"};
    const struct ks_guest *have = c->seen ? c->seen->config : NULL;

    for (size_t i = 0; i < c->guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)c->guest->disks.v[i];
        if (disk->device != KS_DISK_CDROM && disk->device != KS_DISK_FLOPPY)
            check_origin(c, &disk->o, have ? &have->disks : NULL, disk_keys, KS_COUNT(disk_keys));
    }
    for (size_t i = 0; i < c->guest->nics.n; i++)
        check_origin(c, c->guest->nics.v[i], have ? &have->nics : NULL, nic_keys, KS_COUNT(nic_keys));
}

/* A drive of which only the medium can be taken out. */
static void check_media(struct check *c, const struct ks_disk *disk)
{
    static const char *const keys[] = {"volume", "file", "block", "rbd"};
    const struct ks_guest *have = c->seen ? c->seen->config : NULL;
    const struct ks_disk *there = (const struct ks_disk *)(have ? ks_match(&have->disks, &disk->o) : NULL);
    const unsigned device = ks_has(&disk->o, "device") ? disk->device : there ? there->device : KS_DISK_DISK;
    bool nulled = false;

    for (size_t i = 0; i < KS_COUNT(keys); i++) {
        if (ks_has(&disk->o, keys[i]))
            return;
        nulled = nulled || ks_stated(&disk->o, keys[i]);
    }
    if (nulled && device != KS_DISK_CDROM && device != KS_DISK_FLOPPY)
        complain(c, &disk->o, NULL, "disk %s: only a CD-ROM or a floppy drive can be without a medium",
                 disk->o.key);
}

static void check_disks(struct check *c)
{
    for (size_t i = 0; i < c->guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)c->guest->disks.v[i];
        check_media(c, disk);
        if (ks_has(&disk->o, "volume"))
            check_volume(c, disk);
        if (ks_has(&disk->o, "file") && is_file_missing(c->p->have, disk->file))
            complain(c, &disk->o, "file", "disk %s: there is no file %s", disk->o.key, disk->file);
        if (ks_has(&disk->o, "block") && is_file_missing(c->p->have, disk->block))
            complain(c, &disk->o, "block", "disk %s: there is no device %s", disk->o.key, disk->block);
    }
}

static bool is_absent(struct ks_planning *p, const struct ks_obj *obj)
{
    return ks_has(obj, "state") &&
           ks_streq(ks_show(p->arena, &obj->kind->fields[ks_row(obj->kind, "state")], obj), "absent");
}

enum { VLAN_ON_BRIDGES = 11000000 }; /* libvirt 11.0.0 tags a nic's traffic on a Linux bridge */

/* What the nic is plugged into, in words, where libvirt puts no VLAN on it; else NULL. */
static const char *without_vlans(struct check *c, const struct ks_nic *nic)
{
    const struct ks_seen_network *seen = nic->network ? ks_seen_network(c->p->have, nic->network) : NULL;
    const struct ks_network *network =
        (const struct ks_network *)(nic->network ? ks_map_get(&c->p->want->networks, nic->network) : NULL);
    const struct ks_seen_link *link = nic->bridge ? ks_seen_link(c->p->have, nic->bridge) : NULL;

    if (c->p->have->libvirt_version >= VLAN_ON_BRIDGES)
        return NULL;
    if (ks_has(&nic->o, "bridge")) /* Open vSwitch's own are links of another kind */
        return !link || ks_streq(link->kind, "bridge") || ks_seen_bridge(c->p->have, nic->bridge) ? "a Linux bridge"
                                                                                                  : NULL;
    if (!network && seen)
        network = seen->config;
    return network && ks_forward_has_own_bridge(network->forward) ? "a network with a bridge of libvirt's" : NULL;
}

static void check_vlan(struct check *c, const struct ks_nic *nic)
{
    const struct ks_guest *have = c->seen ? c->seen->config : NULL;
    const struct ks_nic *there = (const struct ks_nic *)(have ? ks_match(&have->nics, &nic->o) : NULL);
    struct ks_nic plugged = *nic;
    const char *what;

    if (!ks_has(&nic->o, "vlan") || nic->vlan == 0)
        return;
    if (there && !ks_has(&nic->o, "bridge") && !ks_has(&nic->o, "network") && !ks_has(&nic->o, "vf"))
        plugged = *there;
    what = without_vlans(c, &plugged);
    if (what)
        complain(
            c, &nic->o, "vlan",
            "nic %s: this libvirt puts no VLAN on %s: it takes libvirt 11, Open vSwitch, a VF, or a bridge of its "
            "own for the VLAN",
            nic->o.key, what);
}

static void check_nics(struct check *c)
{
    for (size_t i = 0; i < c->guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)c->guest->nics.v[i];
        check_vlan(c, nic);
        if (ks_has(&nic->o, "bridge")) {
            const struct ks_obj *bridge = ks_map_get(&c->p->want->bridges, nic->bridge);
            const struct ks_seen_link *link = ks_seen_link(c->p->have, nic->bridge);
            if (bridge ? is_absent(c->p, bridge) : !ks_seen_bridge(c->p->have, nic->bridge) && !link)
                complain(c, &nic->o, "bridge",
                         "nic %s: there is no bridge '%s', neither in the manifest nor on the host", nic->o.key,
                         nic->bridge);
        }
        if (ks_has(&nic->o, "network")) {
            const struct ks_obj *network = ks_map_get(&c->p->want->networks, nic->network);
            if (network ? is_absent(c->p, network) : !ks_seen_network(c->p->have, nic->network))
                complain(c, &nic->o, "network",
                         "nic %s: there is no network '%s', neither in the manifest nor on the host", nic->o.key,
                         nic->network);
        }
    }
}

/* `id`: which of those it is, or NULL. */
static void check_cpuset(struct check *c, const struct ks_obj *obj, const char *key, const char *what,
                         const char *id, const struct ks_cpuset *set)
{
    if (ks_cpuset_count(&c->p->have->cpus) > 0 && !ks_cpuset_subset(set, &c->p->have->cpus))
        complain(c, obj, key, "%s%s%s: host CPUs %s are not all online here (%s)", what, id ? " " : "",
                 id ? id : "", ks_cpuset_format(c->p->arena, set),
                 ks_cpuset_format(c->p->arena, &c->p->have->cpus));
}

static void check_pinning(struct check *c)
{
    const struct ks_pinning *pinning = c->guest->pinning;
    const struct {
        const char *what;
        const struct ks_map *map;
    } maps[] = {{"vCPU", pinning ? &pinning->vcpus : NULL}, {"iothread", pinning ? &pinning->iothreads : NULL}};

    for (size_t m = 0; m < KS_COUNT(maps) && pinning; m++) {
        for (size_t i = 0; i < maps[m].map->n; i++) {
            const struct ks_set *pin = (const struct ks_set *)maps[m].map->v[i];
            check_cpuset(c, &pin->o, "cpus", maps[m].what, pin->o.key, &pin->value);
        }
    }
    if (pinning && ks_has(&pinning->o, "emulator"))
        check_cpuset(c, &pinning->o, "emulator", "emulator", NULL, &pinning->emulator);
}

static void check_nodes(struct check *c, const struct ks_obj *obj, const char *key, const struct ks_cpuset *nodes)
{
    for (int id = ks_cpuset_next(nodes, 0); id >= 0; id = ks_cpuset_next(nodes, (unsigned)id + 1)) {
        bool found = c->p->have->nodes.n == 0;
        for (size_t i = 0; i < c->p->have->nodes.n; i++)
            found = found || c->p->have->nodes.v[i].id == id;
        if (!found)
            complain(c, obj, key, "the host has no NUMA node %d (it has %zu)", id, c->p->have->nodes.n);
    }
}

/* libvirt takes no mode without the nodes that it is for. */
static void check_numa_mode(struct check *c)
{
    const struct ks_guest *have = c->seen ? c->seen->config : NULL;
    const struct ks_obj *numa = &c->guest->numa->o;
    const bool there = have && have->numa && ks_has(&have->numa->o, "nodes");

    if (ks_has(numa, "mode") && !ks_has(numa, "placement") && !ks_has(numa, "nodes") &&
        (!there || ks_stated(numa, "nodes")))
        complain(c, numa, "mode", "numa: mode says how memory comes from nodes, and needs nodes");
}

static void check_numa(struct check *c)
{
    if (!c->guest->numa)
        return;
    check_numa_mode(c);
    if (ks_has(&c->guest->numa->o, "nodes"))
        check_nodes(c, &c->guest->numa->o, "nodes", &c->guest->numa->nodes);
    for (size_t i = 0; i < c->guest->numa->cells.n; i++) {
        const struct ks_cell *cell = (const struct ks_cell *)c->guest->numa->cells.v[i];
        if (ks_has(&cell->o, "node"))
            check_nodes(c, &cell->o, "node", &cell->node);
    }
}

static void check_machine(struct check *c)
{
    const char *near[128];
    size_t n = 0;

    if (!ks_has(&c->guest->o, "machine") || c->p->have->caps.machines.n == 0)
        return;
    for (size_t i = 0; i < c->p->have->caps.machines.n; i++) {
        if (ks_streq(c->p->have->caps.machines.v[i].alias, c->guest->machine) ||
            ks_streq(c->p->have->caps.machines.v[i].name, c->guest->machine))
            return;
        if (n < KS_COUNT(near))
            near[n++] = c->p->have->caps.machines.v[i].name;
    }
    complain(c, &c->guest->o, "machine", "machine '%s' is not known to QEMU here", c->guest->machine);
    if (ks_nearest(c->guest->machine, near, n))
        ks_report_hint(c->p->findings, "did you mean '%s'?", ks_nearest(c->guest->machine, near, n));
}

static void check_files(struct check *c)
{
    const struct ks_direct_kernel *dk = c->guest->direct_kernel;

    if (dk && ks_has(&dk->o, "kernel") && is_file_missing(c->p->have, dk->kernel))
        complain(c, &dk->o, "kernel", "there is no kernel %s", dk->kernel);
    if (dk && ks_has(&dk->o, "initrd") && is_file_missing(c->p->have, dk->initrd))
        complain(c, &dk->o, "initrd", "there is no initrd %s", dk->initrd);
    for (size_t i = 0; i < c->guest->filesystems.n; i++) {
        const struct ks_filesystem *fs = (const struct ks_filesystem *)c->guest->filesystems.v[i];
        if (ks_has(&fs->o, "source") && is_file_missing(c->p->have, fs->source))
            complain(c, &fs->o, "source", "filesystem %s: there is no directory %s", fs->o.key, fs->source);
    }
}

static void check_passwords(struct check *c)
{
    if (c->seen && c->seen->password_problem)
        complain(c, &c->guest->o, "graphics", "%s", c->seen->password_problem);
}

static void check_seed(struct check *c)
{
    const char *path = ks_seed_path(c->p->arena, c->p->have->seed_dir, c->guest);

    if (path && !c->p->have->seed_tool && !ks_seed_is_there(c->p->have, path))
        complain(c, &c->guest->o, "cloud-init",
                 "cloud-init: there is no program that makes an ISO image: install xorriso or genisoimage");
}

static void check_firmware(struct check *c)
{
    const struct ks_obj *guest = &c->guest->o;

    if (ks_has(guest, "firmware") &&
        ks_streq(ks_show(c->p->arena, &guest->kind->fields[ks_row(guest->kind, "firmware")], guest), "efi") &&
        c->p->have->caps.machines.n > 0 && !c->p->have->caps.efi)
        complain(c, guest, "firmware", "no UEFI firmware is installed for QEMU here");
}

void ks_guest_check(struct ks_planning *p, const struct ks_guest *want, const struct ks_seen_guest *seen)
{
    struct check c = {.p = p, .guest = want, .seen = seen};

    check_origins(&c);
    check_disks(&c);
    check_nics(&c);
    check_pinning(&c);
    check_numa(&c);
    check_machine(&c);
    check_files(&c);
    check_seed(&c);
    check_passwords(&c);
    check_firmware(&c);
}
