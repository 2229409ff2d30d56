/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices, their IOMMU groups and VFs. From sysfs and not through libpci's access methods: these end the
 * process on a machine without PCI, and know nothing of VFs and network interfaces. Names come from libpci.
 */
#include "state/host.h"

#define DEVICES "sys/bus/pci/devices"
#define CLASS_BRIDGE 0x06

struct reader {
    int root;
    struct ks_arena *arena;
    struct ks_host_pci_device *device;
    struct ks_error *err;
};

static const char *path_of(struct reader *r, const char *name)
{
    return ks_sprintf(r->arena, DEVICES "/%s/%s", r->device->address, name);
}

static int read_ids(struct reader *r)
{
    uint64_t vendor, device, pci_class;

    if (ks_attr_u64_or(r->root, path_of(r, "vendor"), 0, &vendor, r->err) < 0 ||
        ks_attr_u64_or(r->root, path_of(r, "device"), 0, &device, r->err) < 0 ||
        ks_attr_u64_or(r->root, path_of(r, "class"), 0, &pci_class, r->err) < 0)
        return -1;
    r->device->vendor = (uint16_t)vendor;
    r->device->device = (uint16_t)device;
    r->device->pci_class = (uint32_t)pci_class;
    r->device->is_bridge = pci_class >> 16 == CLASS_BRIDGE;
    return 0;
}

static int read_binding(struct reader *r)
{
    const char *override, *group = ks_link_base(r->root, path_of(r, "iommu_group"), r->arena);
    uint64_t number;

    if (ks_attr_text_or(r->root, path_of(r, "driver_override"), NULL, r->arena, &override, r->err) < 0 ||
        ks_attr_int_or(r->root, path_of(r, "numa_node"), -1, &r->device->node, r->err) < 0)
        return -1;
    r->device->driver = ks_link_base(r->root, path_of(r, "driver"), r->arena);
    if (override && *override && !ks_streq(override, "(null)"))
        r->device->driver_override = override;
    r->device->iommu_group = group && ks_parse_u64(group, &number) == 0 ? (int)number : -1;
    return 0;
}

static int read_netdevs(struct reader *r)
{
    const char *path = path_of(r, "net");

    r->device->has_net = ks_file_exists(r->root, path);
    return r->device->has_net ? ks_dir_list_or(r->root, path, r->arena, &r->device->netdevs, r->err) : 0;
}

static int read_vfio_device(struct reader *r)
{
    struct ks_strings names = {0};

    if (ks_dir_list_or(r->root, path_of(r, "vfio-dev"), r->arena, &names, r->err) < 0)
        return -1;
    r->device->vfio_device = names.n ? names.v[0] : NULL;
    return 0;
}

/* ---- SR-IOV ---- */

static int read_vfs(struct reader *r)
{
    struct ks_strings names = {0};
    struct ks_host_pci_device *d = r->device;

    if (ks_dir_list(r->root, ks_sprintf(r->arena, DEVICES "/%s", d->address), r->arena, &names, r->err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) { /* in natural order: virtfn9 before virtfn10 */
        uint64_t index;
        if (!ks_starts(names.v[i], "virtfn") || ks_parse_u64(names.v[i] + strlen("virtfn"), &index) < 0 ||
            index > UINT16_MAX)
            continue;
        const char *address = ks_link_base(r->root, path_of(r, names.v[i]), r->arena);
        while (d->vfs.n <= index)
            *(const char **)ks_vec_add(r->arena, &d->vfs) = "";
        d->vfs.v[index] = address ? address : "";
        d->n_virtfn++;
    }
    return 0;
}

static int read_pf(struct reader *r)
{
    struct ks_host_pci_device *d = r->device;
    uint64_t total, num, autoprobe;

    d->is_pf = ks_file_exists(r->root, path_of(r, "sriov_totalvfs"));
    if (!d->is_pf)
        return 0;
    if (ks_attr_u64_or(r->root, path_of(r, "sriov_totalvfs"), 0, &total, r->err) < 0 ||
        ks_attr_u64_or(r->root, path_of(r, "sriov_numvfs"), 0, &num, r->err) < 0 ||
        ks_attr_u64_or(r->root, path_of(r, "sriov_drivers_autoprobe"), 1, &autoprobe, r->err) < 0)
        return -1;
    d->total_vfs = (unsigned)total;
    d->num_vfs = (unsigned)num;
    d->autoprobe = autoprobe != 0;
    return read_vfs(r);
}

/* Once all are read: each VF learns its index from its PF. */
static void number_vfs(struct ks_host_pci *pci)
{
    for (size_t i = 0; i < pci->devices.n; i++) {
        const struct ks_host_pci_device *pf = &pci->devices.v[i];
        for (size_t index = 0; index < pf->vfs.n; index++) {
            struct ks_host_pci_device *vf = (struct ks_host_pci_device *)ks_host_pci_find(pci, pf->vfs.v[index]);
            if (!vf)
                continue;
            vf->vf_index = (int)index;
            vf->pf = pf->address;
        }
    }
}

/* ---- all ---- */

static int read_device(struct reader *r)
{
    if (read_ids(r) < 0 || read_binding(r) < 0 || read_netdevs(r) < 0 || read_vfio_device(r) < 0 || read_pf(r) < 0)
        return -1;
    r->device->pf = ks_link_base(r->root, path_of(r, "physfn"), r->arena);
    return 0;
}

static int address_cmp(const void *a, const void *b)
{
    const struct ks_host_pci_device *x = a, *y = b;

    return strcmp(x->address, y->address);
}

int ks_host_pci_read(int root, struct ks_arena *arena, struct ks_host_pci *ret, struct ks_error *err)
{
    struct ks_strings names = {0};

    *ret = (struct ks_host_pci){0};
    if (ks_dir_list_or(root, DEVICES, arena, &names, err) < 0)
        return ks_wrap(err, "reading the host's PCI devices");
    for (size_t i = 0; i < names.n; i++) {
        struct ks_host_pci_device *device = ks_vec_add(arena, &ret->devices);
        struct reader r = {root, arena, device, err};
        *device = (struct ks_host_pci_device){.address = names.v[i], .iommu_group = -1, .node = -1, .vf_index = -1};
        if (read_device(&r) < 0)
            return ks_wrap(err, "reading PCI device %s", names.v[i]);
        ret->iommu |= device->iommu_group >= 0;
    }
    if (ret->devices.n > 0)
        qsort(ret->devices.v, ret->devices.n, sizeof(*ret->devices.v), address_cmp);
    number_vfs(ret);
    return 0;
}

const struct ks_host_pci_device *ks_host_pci_find(const struct ks_host_pci *pci, const char *address)
{
    const struct ks_host_pci_device key = {.address = address};

    return pci->devices.n ? bsearch(&key, pci->devices.v, pci->devices.n, sizeof(key), address_cmp) : NULL;
}

const struct ks_host_pci_device *ks_host_pci_pf(const struct ks_host_pci *pci, const char *name)
{
    const struct ks_host_pci_device *found = ks_host_pci_find(pci, name);

    if (found)
        return found->is_pf ? found : NULL;
    for (size_t i = 0; i < pci->devices.n; i++) {
        const struct ks_host_pci_device *device = &pci->devices.v[i];
        for (size_t j = 0; device->is_pf && j < device->netdevs.n; j++)
            if (ks_streq(device->netdevs.v[j], name))
                return device;
    }
    return NULL;
}

void ks_host_pci_group(const struct ks_host_pci *pci, const struct ks_host_pci_device *device,
                       struct ks_arena *arena, struct ks_strings *ret)
{
    for (size_t i = 0; i < pci->devices.n; i++) {
        const struct ks_host_pci_device *other = &pci->devices.v[i];
        const bool together =
            other == device || (device->iommu_group >= 0 && other->iommu_group == device->iommu_group);
        if (together && !other->is_bridge)
            *(const char **)ks_vec_add(arena, ret) = other->address;
    }
}
