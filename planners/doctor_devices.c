/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: what it takes to hand out devices: the IOMMU, interrupt remapping, vfio-pci, the devices, SR-IOV. */
#include "planners/device.h"
#include "planners/doctor_private.h"

/* ---- the IOMMU ---------------------------------------------------------------------------------------------- */

/* A word that switches it off: "intel_iommu=off", "amd_iommu=off", "iommu=off". */
static const char *switched_off(const struct ks_doctor *d)
{
    static const char *const keys[] = {"intel_iommu", "amd_iommu", "iommu"};

    for (size_t i = 0; i < KS_COUNT(keys); i++) {
        const struct ks_fact_boot *boot = ks_fact_boot(d->facts, keys[i]);
        if (boot && boot->value && ks_starts(boot->value, "off"))
            return ks_sprintf(d->arena, "%s=%s", boot->key, boot->value);
    }
    return NULL;
}

static const char *iommu_name(const struct ks_facts *f)
{
    return f->dmar ? "VT-d" : f->ivrs ? "AMD-Vi" : "";
}

static bool is_asked_for(const struct ks_doctor *d, const char *key)
{
    const struct ks_fact_boot *boot = ks_fact_boot(d->facts, key);

    return boot && boot->value && ks_starts(boot->value, "on");
}

/* What makes the kernel use one. */
static const char *iommu_cure(const struct ks_doctor *d)
{
    const char *off = switched_off(d);

    if (off)
        return ks_sprintf(
            d->arena, "take %s out of GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot", off);
    if ((d->facts->dmar && is_asked_for(d, "intel_iommu")) || (d->facts->ivrs && is_asked_for(d, "amd_iommu")))
        return "see what the kernel says of it: dmesg | grep -i -e DMAR -e AMD-Vi; firmware updates often mend it";
    if (d->facts->dmar || d->facts->ivrs)
        return ks_sprintf(d->arena,
                          "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot",
                          d->facts->dmar ? "intel_iommu=on" : "amd_iommu=on");
    return "switch on VT-d (Intel) or AMD-Vi/IOMMU (AMD) in the firmware's setup, and boot with intel_iommu=on "
           "where "
           "the CPU is Intel's";
}

void ks_judge_iommu(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;
    const char *off = switched_off(d);

    if (f->iommu_groups > 0)
        ks_doctor_ok(d, "%s%s%u groups", iommu_name(f), *iommu_name(f) ? ", " : "", f->iommu_groups);
    else if (off)
        ks_doctor_lacks(d, iommu_cure(d), "switched off at boot by %s", off);
    else if (f->dmar || f->ivrs)
        ks_doctor_lacks(d, iommu_cure(d), "the firmware offers %s, and the kernel does not use it", iommu_name(f));
    else
        ks_doctor_lacks(d, iommu_cure(d), "none: the firmware has no DMAR or IVRS table");
}

/* ---- interrupt remapping ------------------------------------------------------------------------------------ */

#define UNSAFE_MODULE "vfio_iommu_type1"
#define UNSAFE "allow_unsafe_interrupts"

static bool manifest_allows_unsafe(const struct ks_manifest *want)
{
    for (size_t i = 0; want && want->kernel && i < want->kernel->modules.n; i++) {
        const struct ks_module *module = (const struct ks_module *)want->kernel->modules.v[i];
        if (!ks_streq(module->o.key, UNSAFE_MODULE) && !ks_streq(module->o.key, "vfio-iommu-type1"))
            continue;
        for (size_t k = 0; k < module->parameters.n; k++)
            if (ks_streq(module->parameters.v[k]->key, UNSAFE))
                return ks_fact_is_on(((const struct ks_word *)module->parameters.v[k])->value);
    }
    return false;
}

/* vfio hands devices out without remapping when it is told that guests are trusted: what stands in, or NULL. */
static const char *stands_in(const struct ks_doctor *d)
{
    const struct ks_fact_parameter *p = ks_fact_parameter(d->facts, UNSAFE_MODULE, UNSAFE);
    const bool loaded = ks_fact_module(d->facts, UNSAFE_MODULE)->state == KS_MODULE_LOADED;

    if (ks_fact_is_on(p->value))
        return UNSAFE_MODULE "." UNSAFE " stands in";
    if (!loaded && ks_fact_is_on(p->at_load))
        return UNSAFE_MODULE "." UNSAFE " stands in once the module is loaded";
    if (loaded && p->writable && manifest_allows_unsafe(d->want))
        return UNSAFE_MODULE "." UNSAFE " stands in once the manifest is applied";
    return NULL;
}

static const char *remapping_switch(const struct ks_doctor *d)
{
    const struct ks_fact_boot *intremap = ks_fact_boot(d->facts, "intremap");

    if (ks_fact_boot(d->facts, "nointremap"))
        return "nointremap";
    return intremap && intremap->value && ks_starts(intremap->value, "off") ? "intremap=off" : NULL;
}

static const char *remapping_cure(const struct ks_doctor *d)
{
    const char *word = remapping_switch(d);
    const bool loaded = ks_fact_module(d->facts, UNSAFE_MODULE)->state == KS_MODULE_LOADED;

    if (word)
        return ks_sprintf(
            d->arena, "take %s out of GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot", word);
    return ks_sprintf(
        d->arena,
        "switch on interrupt remapping (x2APIC) in the firmware's setup; or, where guests are trusted: %s",
        loaded ? "echo 1 > /sys/module/" UNSAFE_MODULE "/parameters/" UNSAFE
               : "echo 'options " UNSAFE_MODULE " " UNSAFE "=1' > /etc/modprobe.d/vfio.conf");
}

void ks_judge_remapping(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;
    const char *instead = stands_in(d), *word = remapping_switch(d);

    if (f->iommu_groups == 0)
        ks_doctor_lacks(d, iommu_cure(d), "off, as is the IOMMU");
    else if (f->remapping == KS_FACT_YES)
        ks_doctor_ok(d, "on");
    else if (f->remapping == KS_FACT_UNKNOWN)
        ks_doctor_cannot_tell(d, NULL, "this kernel does not say");
    else if (instead)
        ks_doctor_warns(d,
                        "hand devices to trusted guests alone: with one, a guest can send the host any interrupt",
                        "off; %s", instead);
    else if (word)
        ks_doctor_lacks(d, remapping_cure(d), "switched off at boot by %s", word);
    else
        ks_doctor_lacks(d, remapping_cure(d), "off%s",
                        f->dmar_remapping == KS_FACT_NO ? ": the firmware does not offer it" : "");
}

void ks_judge_vfio(struct ks_doctor *d)
{
    const struct ks_fact_module *module = ks_fact_module(d->facts, "vfio_pci");

    if (module->state == KS_MODULE_LOADED)
        ks_doctor_ok(d, "loaded");
    else if (module->blocked)
        ks_doctor_lacks(d, "take vfio-pci out of the files in /etc/modprobe.d that keep it from being loaded",
                        "kept from being loaded by a file in modprobe.d");
    else if (module->state == KS_MODULE_AVAILABLE)
        ks_doctor_ok(d, "loaded when it is needed");
    else
        ks_doctor_lacks(d, "install a kernel that has it: apt-get install linux-image-amd64",
                        "the kernel %s has no vfio-pci", d->facts->release ? d->facts->release : "here");
}

/* ---- devices that guests are given -------------------------------------------------------------------------- */

static const struct ks_fact_device *find(const struct ks_facts *f, const char *name)
{
    for (size_t i = 0; i < f->devices.n; i++)
        if (ks_streq(f->devices.v[i].address, name) || ks_streq(f->devices.v[i].name, name))
            return &f->devices.v[i];
    return NULL;
}

/* What else is in the group must go with it, unless it can stand aside (Documentation/driver-api/vfio.rst). */
static const struct ks_fact_device *in_the_way(const struct ks_facts *f, const struct ks_guest *guest,
                                               const struct ks_fact_device *device)
{
    for (size_t i = 0; device->iommu_group >= 0 && i < f->devices.n; i++) {
        const struct ks_fact_device *other = &f->devices.v[i];
        if (other != device && other->iommu_group == device->iommu_group && !other->is_bridge && other->driver &&
            !ks_driver_keeps_for_guests(other->driver) && !ks_guest_takes_pci(guest, other->address))
            return other;
    }
    return NULL;
}

static void judge_device(struct ks_doctor *d, const struct ks_guest *guest, const char *address)
{
    const struct ks_fact_device *device = find(d->facts, address), *other;

    d->subject = address;
    if (!device) {
        ks_doctor_lacks(d, "state an address that lspci -D shows", "the host has no such device");
        return;
    }
    other = in_the_way(d->facts, guest, device);
    if (device->is_bridge)
        ks_doctor_lacks(d, "state the address of a device behind it", "a bridge, which cannot be handed out");
    else if (other)
        ks_doctor_lacks(
            d,
            ks_sprintf(d->arena,
                       "give the guest %s as well, or bind that to vfio-pci, or move the card to another "
                       "slot",
                       other->address),
            "shares IOMMU group %d with %s (driver %s)", device->iommu_group, other->address, other->driver);
    else
        ks_doctor_ok(d, "IOMMU group %d, driver %s", device->iommu_group, device->driver ? device->driver : "none");
}

void ks_judge_devices(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && i < d->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)d->want->guests.v[i];
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->devices.n; k++) {
            const struct ks_pci_device *device = (const struct ks_pci_device *)guest->devices.v[k];
            if (!device->pci)
                continue;
            d->need =
                ks_needed_by(&device->o, ks_sprintf(d->arena, "guests.%s.devices.%s", guest->o.key, device->o.key));
            judge_device(d, guest, device->pci);
        }
    }
}

/* ---- SR-IOV ------------------------------------------------------------------------------------------------- */

static const char *driver_of(const struct ks_fact_device *pf)
{
    return pf->driver ? pf->driver : "no driver";
}

static void judge_room(struct ks_doctor *d, const struct ks_fact_device *pf, uint64_t vfs)
{
    if (vfs > pf->total_vfs)
        ks_doctor_lacks(
            d,
            ks_starts(driver_of(pf), "mlx")
                ? ks_sprintf(d->arena, "mlxconfig -d %s set SRIOV_EN=1 NUM_OF_VFS=%llu, then reboot", pf->address,
                             (unsigned long long)vfs)
                : ks_sprintf(d->arena, "state vfs: %u at most, or raise it in the card's firmware", pf->total_vfs),
            "%s, %u VFs at most, and %llu are asked for", driver_of(pf), pf->total_vfs, (unsigned long long)vfs);
    else if (pf->no_room)
        ks_doctor_lacks(d,
                        "switch on SR-IOV and Above 4G Decoding in the firmware's setup; or boot with pci=realloc",
                        "%s: the firmware left no room for its VFs' memory", driver_of(pf));
    else
        ks_doctor_ok(d, "%s, %u of %u VFs", driver_of(pf), pf->num_vfs, pf->total_vfs);
}

static void judge_pf(struct ks_doctor *d, const char *name, uint64_t vfs)
{
    const struct ks_fact_device *pf = find(d->facts, name);

    d->subject = name;
    if (!pf)
        ks_doctor_lacks(d, "state an interface that ip link shows, or an address that lspci -D shows",
                        "the host has no such device");
    else if (!pf->is_pf)
        ks_doctor_lacks(d,
                        ks_starts(driver_of(pf), "mlx")
                            ? ks_sprintf(d->arena, "mlxconfig -d %s set SRIOV_EN=1 NUM_OF_VFS=%llu, then reboot",
                                         pf->address, (unsigned long long)(vfs ? vfs : 8))
                            : "switch on SR-IOV for it in the firmware's setup and in the card's own firmware",
                        "%s (%s): no SR-IOV; either the card has none or its firmware hides it", pf->address,
                        driver_of(pf));
    else
        judge_room(d, pf, vfs);
}

static bool is_wanted(const struct ks_manifest *want, const struct ks_fact_device *pf)
{
    for (size_t i = 0; i < want->sriov.n; i++)
        if (ks_streq(want->sriov.v[i]->key, pf->address) || ks_streq(want->sriov.v[i]->key, pf->name))
            return true;
    return false;
}

/* A PF that the manifest uses, and whose VFs it leaves as they are. */
static void judge_used_pf(struct ks_doctor *d, const char *name, const char *index)
{
    const struct ks_fact_device *pf = find(d->facts, name);
    uint64_t number = 0;

    if (pf && is_wanted(d->want, pf))
        return;
    if (!pf || !pf->is_pf || (index && ks_parse_u64(index, &number) < 0) || number < pf->num_vfs) {
        judge_pf(d, name, 0);
        return;
    }
    d->subject = name;
    ks_doctor_lacks(d,
                    ks_sprintf(d->arena, "state sriov: {%s: {vfs: %llu}} in the manifest", name,
                               (unsigned long long)number + 1),
                    "%s, %u of %u VFs, and the manifest makes none", driver_of(pf), pf->num_vfs, pf->total_vfs);
}

static void judge_used_pfs(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && i < d->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)d->want->guests.v[i];
        for (size_t k = 0; ks_guest_is_wanted(guest) && k < guest->nics.n; k++) {
            const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[k];
            if (!nic->vf || !nic->vf->pf || ks_map_get(&d->want->sriov, nic->vf->pf))
                continue;
            d->need = (struct ks_needed){ks_sprintf(d->arena, "guests.%s.nics.%s.vf", guest->o.key, nic->o.key),
                                         ks_at(&nic->o, "vf")};
            judge_used_pf(d, nic->vf->pf, nic->vf->index);
        }
    }
    for (size_t i = 0; d->want && i < d->want->networks.n; i++) {
        const struct ks_network *network = (const struct ks_network *)d->want->networks.v[i];
        if (!network->pf || network->state == KS_NETWORK_ABSENT || ks_map_get(&d->want->sriov, network->pf))
            continue;
        d->need = ks_needed_by(&network->o, ks_sprintf(d->arena, "networks.%s.pf", network->o.key));
        judge_used_pf(d, network->pf, NULL);
    }
}

static bool is_said(const struct ks_doctor *d, const struct ks_fact_device *pf)
{
    for (size_t i = 0; i < d->diagnoses.n; i++)
        if (ks_streq(d->diagnoses.v[i].check, d->check) &&
            (ks_streq(d->diagnoses.v[i].subject, pf->name) || ks_streq(d->diagnoses.v[i].subject, pf->address)))
            return true;
    return false;
}

void ks_judge_sriov(struct ks_doctor *d)
{
    const size_t before = d->diagnoses.n;

    for (size_t i = 0; d->want && i < d->want->sriov.n; i++) {
        const struct ks_sriov *pf = (const struct ks_sriov *)d->want->sriov.v[i];
        d->need = ks_needed_by(&pf->o, ks_sprintf(d->arena, "sriov.%s", pf->o.key));
        judge_pf(d, pf->o.key, ks_has(&pf->o, "vfs") ? pf->vfs : 0);
    }
    judge_used_pfs(d);
    d->need = (struct ks_needed){0};
    for (size_t i = 0; i < d->facts->devices.n; i++) {
        const struct ks_fact_device *pf = &d->facts->devices.v[i];
        if (!pf->is_pf || is_said(d, pf))
            continue;
        d->subject = pf->name ? pf->name : pf->address;
        judge_room(d, pf, 0);
    }
    d->subject = NULL;
    if (d->diagnoses.n == before)
        ks_doctor_lacks(d, "a card with SR-IOV, switched on in the firmware's setup and its own",
                        "no device has it");
}
