/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PFs, VFs and other PCI devices, and who holds them. */
#include "state/device.h"

enum { MBIT = 1000000 };

struct reader {
    struct ks_observing *o;
    struct ks_observed *ret;
    struct ks_host_pci pci;
    struct ks_host_links links;
    struct ks_host_holders holders;
    struct ks_claims claims;
};

/* ---- holders ---- */

struct names {
    size_t n, cap;
    const char **v;
};

static void add_name(struct ks_arena *arena, struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (ks_streq(names->v[i], name))
            return;
    *ks_vec_add(arena, names) = name;
}

/* "guest/fw1" when a guest's QEMU has it open that libvirt says has it; else the process itself. */
static const char *name_process(struct reader *r, const struct ks_host_holder *holder)
{
    const char *guest = ks_guest_of_process(r->o, holder->pid);

    for (size_t i = 0; guest && i < r->claims.n; i++) {
        const struct ks_claim *claim = &r->claims.v[i];
        if (claim->live && ks_streq(claim->address, holder->address) && ks_starts(claim->holder, "guest/") &&
            ks_streq(claim->holder + strlen("guest/"), guest))
            return claim->holder;
    }
    return holder->text;
}

static struct names holders_of(struct reader *r, const struct ks_host_pci_device *d)
{
    struct names names = {0};

    for (size_t i = 0; i < r->claims.n; i++) {
        const struct ks_claim *claim = &r->claims.v[i];
        if (ks_streq(claim->address, d->address) || (claim->pf && ks_streq(claim->pf, d->pf)))
            add_name(r->o->arena, &names, claim->holder);
    }
    for (size_t i = 0; i < r->holders.holders.n; i++) {
        const struct ks_host_holder *holder = &r->holders.holders.v[i];
        if (ks_streq(holder->address, d->address))
            add_name(r->o->arena, &names,
                     holder->kind == KS_HOLDER_PROCESS ? name_process(r, holder) : holder->text);
    }
    return names;
}

/* ---- VFs ---- */

static const struct ks_host_link *link_of(const struct reader *r, const struct ks_host_pci_device *d)
{
    for (size_t i = 0; i < r->links.links.n; i++)
        if (ks_streq(r->links.links.v[i].bus_address, d->address))
            return &r->links.links.v[i];
    return d->netdevs.n ? ks_host_link_find(&r->links, d->netdevs.v[0]) : NULL;
}

static void read_attributes(const struct ks_host_link_vf *from, struct ks_vf *vf)
{
    vf->mac = from->mac;
    vf->vlan = from->vlan;
    vf->qos = from->qos;
    vf->spoof_check = from->spoof_check;
    vf->trust = from->trust;
    vf->link_state = (unsigned)from->link_state;
    vf->min_rate = (uint64_t)from->min_rate_mbit * MBIT;
    vf->max_rate = (uint64_t)from->max_rate_mbit * MBIT;
    if (vf->mac)
        ks_mark(&vf->o, "mac");
    ks_mark(&vf->o, "vlan");
    ks_mark(&vf->o, "qos");
    if (from->has_spoof_check)
        ks_mark(&vf->o, "spoof-check");
    if (from->has_trust)
        ks_mark(&vf->o, "trust");
    if (from->has_link_state)
        ks_mark(&vf->o, "link-state");
    if (from->has_rates) {
        ks_mark(&vf->o, "min-rate");
        ks_mark(&vf->o, "max-rate");
    }
}

static void read_vf(struct reader *r, const struct ks_host_link *link, const struct ks_host_pci_device *d,
                    struct ks_seen_vf *ret)
{
    const struct names holders = holders_of(r, d);

    *ret = (struct ks_seen_vf){
        .index = (unsigned)d->vf_index,
        .address = d->address,
        .driver = d->driver,
        .netdev = d->netdevs.n ? d->netdevs.v[0] : NULL,
        .config = (struct ks_vf *)ks_obj_new(r->o->arena, &ks_vf_kind, ks_sprintf(r->o->arena, "%d", d->vf_index)),
        .n_holders = holders.n,
        .holders = holders.v,
    };
    for (size_t i = 0; link && i < link->vfs.n; i++)
        if (link->vfs.v[i].index == ret->index)
            read_attributes(&link->vfs.v[i], ret->config);
    if (d->driver) {
        ret->config->driver = d->driver;
        ks_mark(&ret->config->o, "driver");
    }
}

/* ---- PFs ---- */

static uint64_t hash_vf(uint64_t hash, struct ks_arena *arena, const struct ks_seen_vf *vf)
{
    struct ks_text text = {.arena = arena};

    ks_print_json(&text, &vf->config->o);
    hash = ks_hash_str(ks_hash_str(hash, vf->address), ks_text_str(&text));
    for (size_t i = 0; i < vf->n_holders; i++)
        hash = ks_hash_str(hash, vf->holders[i]);
    return hash;
}

static int read_geometry(struct reader *r, struct ks_seen_pf *pf, struct ks_error *err)
{
    const char *dir = ks_sprintf(r->o->arena, "sys/bus/pci/devices/%s", pf->address);

    if (ks_attr_u64_or(r->o->root, ks_sprintf(r->o->arena, "%s/sriov_offset", dir), 0, &pf->vf_offset, err) < 0)
        return -1;
    return ks_attr_u64_or(r->o->root, ks_sprintf(r->o->arena, "%s/sriov_stride", dir), 0, &pf->vf_stride, err);
}

static int add_pf(struct reader *r, const struct ks_host_pci_device *d, struct ks_error *err)
{
    const struct ks_host_link *link = link_of(r, d);
    struct ks_seen_pf *pf = ks_vec_add(r->o->arena, &r->ret->pfs);

    *pf = (struct ks_seen_pf){
        .name = link           ? link->name
                : d->netdevs.n ? d->netdevs.v[0]
                               : NULL,
        .altnames = link ? link->altnames : (struct ks_strings){0},
        .address = d->address,
        .driver = d->driver,
        .total_vfs = d->total_vfs,
        .num_vfs = d->num_vfs,
        .mtu = link ? link->mtu : 0,
        .node = d->node,
        .up = link && link->up,
        .default_route = link && link->carries_default,
        .vfs = ks_new_n(r->o->arena, struct ks_seen_vf, d->vfs.n + 1),
    };
    if (read_geometry(r, pf, err) < 0)
        return -1;
    pf->hash = ks_hash(ks_hash(KS_HASH_START, &pf->num_vfs, sizeof pf->num_vfs), &pf->mtu, sizeof pf->mtu);
    for (size_t i = 0; i < d->vfs.n; i++) {
        const struct ks_host_pci_device *vf = ks_host_pci_find(&r->pci, d->vfs.v[i]);
        if (!vf)
            continue;
        read_vf(r, link, vf, &pf->vfs[pf->n_vfs]);
        pf->hash = hash_vf(pf->hash, r->o->arena, &pf->vfs[pf->n_vfs++]);
    }
    return 0;
}

static void add_device(struct reader *r, const struct ks_host_pci_device *d)
{
    const struct names holders = holders_of(r, d);

    *ks_vec_add(r->o->arena, &r->ret->pci) = (struct ks_seen_pci){
        .address = d->address,
        .driver = d->driver,
        .what = d->what,
        .pci_class = d->pci_class,
        .iommu_group = d->iommu_group,
        .node = d->node,
        .pf = d->pf,
        .is_bridge = d->is_bridge,
        .n_holders = holders.n,
        .holders = holders.v,
    };
}

/* What others hold is needed before anything is taken away; who cannot tell says why. */
static int read_holders(struct reader *r, struct ks_error *err)
{
    ks_auto(ks_error_done) struct ks_error failed = {0};

    if (ks_claims_read(r->o, r->ret, &r->pci, &r->claims, &failed) < 0)
        r->ret->holders_unknown = ks_error_text(r->o->arena, &failed);
    if (ks_host_holders_read(r->o->root, &r->pci, &r->links, r->o->arena, &r->holders, err) < 0)
        return -1;
    if (!r->holders.complete && !r->ret->holders_unknown)
        r->ret->holders_unknown = "not every process and network namespace could be looked into";
    return 0;
}

int ks_observe_devices(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct reader r = {.o = o, .ret = ret};

    if (ks_host_pci_read(o->root, o->arena, &r.pci, err) < 0 ||
        ks_host_links_read(o->root, o->arena, &r.links, err) < 0 || read_holders(&r, err) < 0)
        return -1;
    ks_host_pci_describe(&r.pci, o->arena);
    for (size_t i = 0; i < r.pci.devices.n; i++) {
        const struct ks_host_pci_device *d = &r.pci.devices.v[i];
        add_device(&r, d);
        if (d->is_pf && add_pf(&r, d, err) < 0)
            return -1;
    }
    return 0;
}
