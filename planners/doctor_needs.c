/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a manifest makes necessary: of each thing the first that needs it. */
#include "planners/device.h"
#include "planners/doctor_private.h"

struct ks_needed ks_needed_by(const struct ks_obj *o, const char *path)
{
    return (struct ks_needed){path, o->at};
}

static void need(struct ks_doctor *d, enum ks_need what, struct ks_loc at, const char *fmt, ...) KS_PRINTF(4, 5);
static void need(struct ks_doctor *d, enum ks_need what, struct ks_loc at, const char *fmt, ...)
{
    va_list ap;

    if (d->needs[what].by)
        return;
    va_start(ap, fmt);
    d->needs[what] = (struct ks_needed){ks_vsprintf(d->arena, fmt, ap), at};
    va_end(ap);
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

static void find_cpu(struct ks_doctor *d, const struct ks_guest *guest)
{
    enum { HOST_PASSTHROUGH = 2 }; /* of the modes in guest_cpu.c */
    const struct ks_cpu *cpu = guest->cpu;

    if (!cpu)
        return;
    if (ks_has(&cpu->o, "mode") && cpu->mode == HOST_PASSTHROUGH)
        need(d, KS_NEED_KVM, ks_at(&cpu->o, "mode"), "guests.%s.cpu.mode", guest->o.key);
    for (size_t i = 0; i < cpu->features.n; i++) {
        const struct ks_word *feature = (const struct ks_word *)cpu->features.v[i];
        if (!ks_streq(feature->o.key, "vmx") && !ks_streq(feature->o.key, "svm"))
            continue;
        if (!ks_streq(feature->value, "require") && !ks_streq(feature->value, "force"))
            continue;
        need(d, KS_NEED_KVM, feature->o.at, "guests.%s.cpu.features.%s", guest->o.key, feature->o.key);
        need(d, KS_NEED_NESTED, feature->o.at, "guests.%s.cpu.features.%s", guest->o.key, feature->o.key);
    }
}

static void find_numa(struct ks_doctor *d, const struct ks_guest *guest)
{
    enum { RESTRICTIVE = 3 }; /* of the modes in guest_cpu.c */

    if (guest->pinning && guest->pinning->o.stated)
        need(d, KS_NEED_CPUSETS, guest->pinning->o.at, "guests.%s.pinning", guest->o.key);
    if (!guest->numa)
        return;
    need(d, KS_NEED_CPUSETS, guest->numa->o.at, "guests.%s.numa", guest->o.key);
    if (ks_has(&guest->numa->o, "mode") && guest->numa->mode == RESTRICTIVE)
        need(d, KS_NEED_RESTRICTIVE, ks_at(&guest->numa->o, "mode"), "guests.%s.numa.mode", guest->o.key);
}

static void find_nics(struct ks_doctor *d, const struct ks_guest *guest)
{
    enum { VHOST = 1 }; /* of the drivers in guest_nic.c */

    for (size_t i = 0; i < guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[i];
        if (nic->vf) {
            need(d, KS_NEED_PASSTHROUGH, nic->o.at, "guests.%s.nics.%s", guest->o.key, nic->o.key);
            need(d, KS_NEED_VFIO, nic->o.at, "guests.%s.nics.%s", guest->o.key, nic->o.key);
        } else {
            need(d, KS_NEED_TAP, nic->o.at, "guests.%s.nics.%s", guest->o.key, nic->o.key);
        }
        if (ks_has(&nic->o, "driver") && nic->driver == VHOST)
            need(d, KS_NEED_VHOST, ks_at(&nic->o, "driver"), "guests.%s.nics.%s.driver", guest->o.key, nic->o.key);
    }
}

static void find_devices(struct ks_doctor *d, const struct ks_guest *guest)
{
    enum { VIRTIOFS = 1 }; /* of the drivers in guest_device.c */

    for (size_t i = 0; i < guest->devices.n; i++) {
        const struct ks_obj *device = guest->devices.v[i];
        need(d, KS_NEED_PASSTHROUGH, device->at, "guests.%s.devices.%s", guest->o.key, device->key);
        need(d, KS_NEED_VFIO, device->at, "guests.%s.devices.%s", guest->o.key, device->key);
    }
    for (size_t i = 0; i < guest->filesystems.n; i++) {
        const struct ks_filesystem *fs = (const struct ks_filesystem *)guest->filesystems.v[i];
        if (ks_has(&fs->o, "driver") && fs->driver == VIRTIOFS)
            need(d, KS_NEED_VIRTIOFS, fs->o.at, "guests.%s.filesystems.%s", guest->o.key, fs->o.key);
    }
}

static void find_guest(struct ks_doctor *d, const struct ks_guest *guest)
{
    const struct ks_obj *o = &guest->o;

    need(d, KS_NEED_GUESTS, o->at, "guests.%s", o->key);
    if (ks_has(o, "firmware") && guest->firmware == 1)
        need(d, KS_NEED_EFI, ks_at(o, "firmware"), "guests.%s.firmware", o->key);
    if (ks_has(o, "secure-boot") && guest->secure_boot)
        need(d, KS_NEED_SECURE_BOOT, ks_at(o, "secure-boot"), "guests.%s.secure-boot", o->key);
    if (ks_has(o, "tpm") && ks_streq(guest->tpm, "passthrough"))
        need(d, KS_NEED_TPM, ks_at(o, "tpm"), "guests.%s.tpm", o->key);
    else if (ks_has(o, "tpm") && !ks_streq(guest->tpm, "none"))
        need(d, KS_NEED_SWTPM, ks_at(o, "tpm"), "guests.%s.tpm", o->key);
    for (size_t i = 0; i < guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[i];
        if (ks_has(&disk->o, "rbd"))
            need(d, KS_NEED_RBD, ks_at(&disk->o, "rbd"), "guests.%s.disks.%s.rbd", o->key, disk->o.key);
        if (ks_has(&disk->o, "size"))
            need(d, KS_NEED_IMAGES, ks_at(&disk->o, "size"), "guests.%s.disks.%s.size", o->key, disk->o.key);
    }
    if (ks_has(o, "cloud-init"))
        need(d, KS_NEED_SEED, ks_at(o, "cloud-init"), "guests.%s.cloud-init", o->key);
    find_cpu(d, guest);
    find_numa(d, guest);
    find_nics(d, guest);
    find_devices(d, guest);
}

/* ---- the host's things -------------------------------------------------------------------------------------- */

static void find_network(struct ks_doctor *d, const struct ks_network *network)
{
    const struct ks_obj *o = &network->o;

    if (ks_has(o, "state") && network->state != KS_NETWORK_ACTIVE)
        return;
    if (ks_has(o, "forward") && network->forward == KS_FORWARD_HOSTDEV) {
        need(d, KS_NEED_PASSTHROUGH, o->at, "networks.%s", o->key);
        need(d, KS_NEED_VFIO, o->at, "networks.%s", o->key);
    }
    if (!ks_forward_has_own_bridge(network->forward))
        return;
    need(d, KS_NEED_BRIDGE, o->at, "networks.%s", o->key);
    if (network->addresses.n > 0)
        need(d, KS_NEED_DNSMASQ, o->at, "networks.%s", o->key);
    if (network->forward != KS_FORWARD_OPEN && network->addresses.n > 0)
        need(d, KS_NEED_FILTER, o->at, "networks.%s", o->key);
}

static void find_sriov(struct ks_doctor *d, const struct ks_sriov *pf)
{
    need(d, KS_NEED_ROOT, pf->o.at, "sriov.%s", pf->o.key);
    if (ks_has(&pf->o, "driver") && ks_streq(pf->driver, "vfio-pci"))
        need(d, KS_NEED_VFIO, ks_at(&pf->o, "driver"), "sriov.%s.driver", pf->o.key);
    for (size_t i = 0; i < pf->vf.n; i++) {
        const struct ks_vf *vf = (const struct ks_vf *)pf->vf.v[i];
        if (ks_has(&vf->o, "driver") && ks_streq(vf->driver, "vfio-pci"))
            need(d, KS_NEED_VFIO, ks_at(&vf->o, "driver"), "sriov.%s.vf.%s.driver", pf->o.key, vf->o.key);
    }
}

static void find_pool(struct ks_doctor *d, const struct ks_pool *pool)
{
    /* By the names in pool.c. */
    static const struct {
        const char *type;
        enum ks_need need;
    } types[] = {{"logical", KS_NEED_LVM}, {"iscsi", KS_NEED_ISCSI}, {"zfs", KS_NEED_ZFS}, {"netfs", KS_NEED_NFS}};
    const struct ks_field *row = &pool->o.kind->fields[ks_row(pool->o.kind, "type")];
    const char *type = ks_has(&pool->o, "type") ? ks_show(d->arena, row, &pool->o) : NULL;

    for (size_t i = 0; i < KS_COUNT(types); i++)
        if (ks_streq(type, types[i].type))
            need(d, types[i].need, pool->o.at, "pools.%s", pool->o.key);
}

static void find_kernel(struct ks_doctor *d, const struct ks_kernel *kernel)
{
    if (kernel->ksm && ks_has(&kernel->ksm->o, "run") && kernel->ksm->run)
        need(d, KS_NEED_KSM, ks_at(&kernel->o, "ksm"), "kernel.ksm");
    if (ks_has(&kernel->o, "numa-balancing") && kernel->numa_balancing)
        need(d, KS_NEED_NUMA_BALANCING, ks_at(&kernel->o, "numa-balancing"), "kernel.numa-balancing");
    if (kernel->ksm || ks_has(&kernel->o, "numa-balancing") || kernel->modules.n > 0)
        need(d, KS_NEED_ROOT, kernel->o.at, "kernel");
}

void ks_doctor_find_needs(struct ks_doctor *d)
{
    const struct ks_manifest *want = d->want;

    if (!want)
        return;
    need(d, KS_NEED_RUN, ks_at(&want->o, "host"), "every manifest");
    if (want->kernel)
        find_kernel(d, want->kernel);
    for (size_t i = 0; i < want->hugepages.n; i++)
        need(d, KS_NEED_ROOT, want->hugepages.v[i]->at, "hugepages.%s", want->hugepages.v[i]->key);
    for (size_t i = 0; i < want->sriov.n; i++)
        find_sriov(d, (const struct ks_sriov *)want->sriov.v[i]);
    for (size_t i = 0; i < want->bridges.n; i++) {
        need(d, KS_NEED_ROOT, want->bridges.v[i]->at, "bridges.%s", want->bridges.v[i]->key);
        need(d, KS_NEED_BRIDGE, want->bridges.v[i]->at, "bridges.%s", want->bridges.v[i]->key);
    }
    for (size_t i = 0; i < want->pools.n; i++)
        find_pool(d, (const struct ks_pool *)want->pools.v[i]);
    for (size_t i = 0; i < want->volumes.n; i++)
        need(d, KS_NEED_IMAGES, want->volumes.v[i]->at, "volumes.%s", want->volumes.v[i]->key);
    for (size_t i = 0; i < want->networks.n; i++)
        find_network(d, (const struct ks_network *)want->networks.v[i]);
    for (size_t i = 0; i < want->guests.n; i++)
        if (ks_guest_is_wanted((const struct ks_guest *)want->guests.v[i]))
            find_guest(d, (const struct ks_guest *)want->guests.v[i]);
}
