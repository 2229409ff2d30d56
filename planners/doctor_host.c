/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: what runs guests at all: the CPU, KVM, libvirt, QEMU, firmware; and what kvmstate itself needs. */
#include "planners/device.h"
#include "planners/doctor_private.h"

enum { TESTED_LIBVIRT = 9000000, TESTED_QEMU = 7002000 };
#define MIB (UINT64_C(1) << 20)

static const char *version_text(struct ks_arena *arena, unsigned long version)
{
    return ks_sprintf(arena, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

static const char *kvm_module(const struct ks_facts *f)
{
    return f->svm || ks_fact_module(f, "kvm_amd")->state == KS_MODULE_LOADED ? "kvm_amd" : "kvm_intel";
}

/* ---- the CPU and KVM ---------------------------------------------------------------------------------------- */

static bool is_x86(const struct ks_facts *f)
{
    return ks_streq(f->arch, "x86_64") || ks_streq(f->arch, "i686");
}

/* What gives this machine hardware virtualization. */
static const char *cpu_cure(const struct ks_facts *f)
{
    if (f->in_vm)
        return "this machine is virtual: on its host, set kvm_intel.nested=1 (kvm_amd.nested=1) and give it CPU "
               "mode "
               "host-passthrough";
    return "switch on VT-x (Intel) or SVM (AMD) in the firmware's setup";
}

/* What makes /dev/kvm work. */
static const char *kvm_cure(const struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    if (is_x86(f) && !f->vmx && !f->svm)
        return cpu_cure(f);
    if (f->kvm_there && !f->is_root)
        return "run as root, or as a member of group kvm";
    return ks_sprintf(d->arena, "modprobe %s, and see what dmesg says of kvm", kvm_module(f));
}

void ks_judge_cpu(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    if (!is_x86(f))
        ks_doctor_ok(d, "%s", f->arch ? f->arch : "unknown");
    else if (f->vmx || f->svm)
        ks_doctor_ok(d, "%s%s", f->vmx ? "Intel VT-x" : "AMD-V", f->in_vm ? ", in a virtual machine" : "");
    else
        ks_doctor_lacks(d, cpu_cure(f), "no hardware virtualization (neither vmx nor svm)");
}

/* Without it guests are made all the same, and emulated. */
static void lacks_kvm(struct ks_doctor *d, const char *what)
{
    const char *cure = kvm_cure(d);

    if (!d->need.by && (d->needs[KS_NEED_GUESTS].by || !d->want)) {
        d->need = d->needs[KS_NEED_GUESTS];
        ks_doctor_warns(d, cure, "%s: guests are emulated, many times slower", what);
    } else {
        ks_doctor_lacks(d, cure, "%s", what);
    }
}

void ks_judge_kvm(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    if (f->kvm_opens)
        ks_doctor_ok(d, "/dev/kvm");
    else if (f->have.caps.kvm)
        ks_doctor_ok(d, "/dev/kvm, by libvirt");
    else if (f->kvm_there)
        lacks_kvm(d, ks_sprintf(d->arena, "/dev/kvm does not open: %s", f->kvm_why ? f->kvm_why : "unknown"));
    else
        lacks_kvm(d, "no /dev/kvm");
}

void ks_judge_nested(struct ks_doctor *d)
{
    const char *module = kvm_module(d->facts);

    if (ks_fact_is_on(d->facts->nested))
        ks_doctor_ok(d, "on: guests can run guests");
    else if (d->facts->nested)
        ks_doctor_lacks(
            d,
            ks_sprintf(d->arena,
                       "echo 'options %s nested=1' > /etc/modprobe.d/kvm-nested.conf; then, with no guest "
                       "running, modprobe -r %s && modprobe %s",
                       module, module, module),
            "off (%s.nested=%s)", module, d->facts->nested);
    else
        ks_doctor_lacks(d, kvm_cure(d), "off: KVM is not there");
}

/* ---- libvirt and QEMU --------------------------------------------------------------------------------------- */

static const char *libvirt_cure(const char *why)
{
    if (strstr(why, "ermission denied") || strstr(why, "authentication") || strstr(why, "ccess denied"))
        return "run as root, or as a member of group libvirt";
    if (strstr(why, "did not answer"))
        return "systemctl restart libvirtd, and see journalctl -u libvirtd";
    return "systemctl start libvirtd; where there is none: apt-get install libvirt-daemon-system";
}

void ks_judge_libvirt(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;
    const char *why = f->unknown[KS_FACTS_LIBVIRT];

    if (f->have.libvirt_version == 0 && d->want)
        ks_doctor_lacks(d, libvirt_cure(why ? why : ""), "out of reach: %s", why ? why : "not asked");
    else if (f->have.libvirt_version == 0)
        ks_doctor_warns(d, libvirt_cure(why ? why : ""), "out of reach: %s", why ? why : "not asked");
    else if (why)
        ks_doctor_warns(d, "systemctl restart libvirtd, and see its log", "%s answers, but: %s",
                        version_text(d->arena, f->have.libvirt_version), why);
    else if (f->have.libvirt_version < TESTED_LIBVIRT)
        ks_doctor_warns(d, "upgrade to libvirt 9.0 or later", "%s is older than any that kvmstate is tested with",
                        version_text(d->arena, f->have.libvirt_version));
    else
        ks_doctor_ok(d, "%s", version_text(d->arena, f->have.libvirt_version));
}

void ks_judge_qemu(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;
    const char *name = ks_sprintf(d->arena, "qemu-system-%s", f->arch ? f->arch : "x86_64");
    const char *path = f->have.caps.emulator ? f->have.caps.emulator : ks_fact_program(f, name);
    const unsigned long version = f->have.qemu_version;

    if (!path)
        ks_doctor_lacks(
            d, ks_streq(f->arch, "aarch64") ? "apt-get install qemu-system-arm" : "apt-get install qemu-system-x86",
            "there is no %s", name);
    else if (version && version < TESTED_QEMU)
        ks_doctor_warns(d, "upgrade to QEMU 7.2 or later", "%s is older than any that kvmstate is tested with",
                        version_text(d->arena, version));
    else if (version)
        ks_doctor_ok(d, "%s, %s", version_text(d->arena, version), path);
    else
        ks_doctor_ok(d, "%s", path);
}

static bool is_known(const struct ks_seen_caps *caps, const char *machine)
{
    for (size_t i = 0; i < caps->machines.n; i++)
        if (ks_streq(caps->machines.v[i].alias, machine) || ks_streq(caps->machines.v[i].name, machine))
            return true;
    return false;
}

static const char *nearest_machine(struct ks_arena *arena, const struct ks_seen_caps *caps, const char *machine)
{
    struct ks_strings names = {0};

    for (size_t i = 0; i < caps->machines.n; i++) {
        if (caps->machines.v[i].alias)
            *ks_vec_add(arena, &names) = caps->machines.v[i].alias;
        *ks_vec_add(arena, &names) = caps->machines.v[i].name;
    }
    return ks_nearest(machine, names.v, names.n);
}

void ks_judge_machines(struct ks_doctor *d)
{
    const struct ks_seen_caps *caps = &d->facts->have.caps;
    const size_t n = d->want ? d->want->guests.n : 0;
    bool all = true;

    for (size_t i = 0; i < n && caps->machines.n > 0; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)d->want->guests.v[i];
        const char *near;
        if (!ks_guest_is_wanted(guest) || !ks_has(&guest->o, "machine") || is_known(caps, guest->machine))
            continue;
        near = nearest_machine(d->arena, caps, guest->machine);
        all = false;
        d->subject = guest->machine;
        d->need = (struct ks_needed){ks_sprintf(d->arena, "guests.%s.machine", guest->o.key),
                                     ks_at(&guest->o, "machine")};
        ks_doctor_lacks(d,
                        near ? ks_sprintf(d->arena, "state machine: %s", near)
                             : "state machine: q35, or see qemu-system-x86_64 -machine help",
                        "not known to QEMU here");
    }
    if (all && caps->machines.n > 0)
        ks_doctor_ok(d, "%zu, %s", caps->machines.n,
                     is_known(caps, "q35") ? "q35 among them" : caps->machines.v[0].name);
    else if (all)
        ks_doctor_cannot_tell(d, NULL, "libvirt names none");
}

/* ---- firmware ----------------------------------------------------------------------------------------------- */

static const char *ovmf_cure(const struct ks_facts *f)
{
    return ks_streq(f->arch, "aarch64") ? "apt-get install qemu-efi-aarch64" : "apt-get install ovmf";
}

void ks_judge_firmware(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    for (size_t i = 0; i < f->firmwares.n; i++) {
        if (!f->firmwares.v[i].exists)
            continue;
        ks_doctor_ok(d, "%s", f->firmwares.v[i].file);
        return;
    }
    if (f->have.caps.efi)
        ks_doctor_ok(d, "by libvirt");
    else if (f->firmwares.n > 0)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "%s (again)", ovmf_cure(f)),
                        "there is no %s, which QEMU is told of", f->firmwares.v[0].file);
    else
        ks_doctor_lacks(d, ovmf_cure(f), "no image for guests with UEFI");
}

void ks_judge_secure_boot(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    for (size_t i = 0; i < f->firmwares.n; i++) {
        if (!f->firmwares.v[i].exists || !f->firmwares.v[i].secure_boot)
            continue;
        ks_doctor_ok(d, "%s", f->firmwares.v[i].file);
        return;
    }
    if (f->have.caps.secure_boot)
        ks_doctor_ok(d, "by libvirt");
    else
        ks_doctor_lacks(d, ovmf_cure(f), "no image with Secure Boot");
}

/* ---- what holds QEMU back ----------------------------------------------------------------------------------- */

void ks_judge_confinement(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;

    if (f->selinux || f->apparmor)
        ks_doctor_ok(d, "%s", f->selinux ? "SELinux" : "AppArmor");
    else
        ks_doctor_lacks(d, "apt-get install apparmor, boot with apparmor=1 security=apparmor, and restart libvirtd",
                        "neither AppArmor nor SELinux: QEMU is held back by its user alone");
}

/* ---- kvmstate itself ---------------------------------------------------------------------------------------- */

void ks_judge_privileges(struct ks_doctor *d)
{
    if (d->facts->is_root)
        ks_doctor_ok(d, "root");
    else
        ks_doctor_lacks(d, "run as root: sudo kvmstate ...", "not root: sysfs and links cannot be written");
}

void ks_judge_state(struct ks_doctor *d)
{
    const struct ks_facts *f = d->facts;
    const char *left = ks_sprintf(d->arena, "%lluMiB free", (unsigned long long)(f->state_free / MIB));

    if (!f->state_writable)
        ks_doctor_lacks(d,
                        f->is_root ? ks_sprintf(d->arena, "mount what holds %s for writing", f->state_path)
                                   : "run as root, or set KVMSTATE_STATE_DIR",
                        "%s cannot be written", f->state_path);
    else if (f->state_free < 16 * MIB)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "make room where %s lies: 256MiB at least", f->state_path),
                        "%s: %s", f->state_path, left);
    else if (f->state_free < 256 * MIB)
        ks_doctor_warns(d, ks_sprintf(d->arena, "make room where %s lies: 256MiB at least", f->state_path),
                        "%s: %s", f->state_path, left);
    else
        ks_doctor_ok(d, "%s, %s%s", f->state_path, left, f->state_exists ? "" : ", made by the first apply");
}

void ks_judge_clock(struct ks_doctor *d)
{
    d->need = d->needs[KS_NEED_RUN];
    if (d->facts->year < 2024)
        ks_doctor_warns(d, "set the clock: timedatectl set-ntp true", "it is %d here: no certificate is valid yet",
                        d->facts->year);
    else if (!d->facts->synchronized)
        ks_doctor_warns(d, "timedatectl set-ntp true (apt-get install chrony)",
                        "nobody keeps it: guests take their time from it");
    else
        ks_doctor_ok(d, "synchronized");
}

void ks_judge_clocksource(struct ks_doctor *d)
{
    const char *source = d->facts->clocksource;

    d->need = d->needs[KS_NEED_GUESTS];
    if (!source)
        ks_doctor_cannot_tell(d, NULL, "this kernel does not say");
    else if (is_x86(d->facts) && (ks_streq(source, "hpet") || ks_streq(source, "acpi_pm")))
        ks_doctor_warns(d, "see why the kernel gave up tsc: dmesg | grep -i tsc; BIOS updates often mend it",
                        "%s: slow to read, and guests lose kvm-clock's fast path", source);
    else
        ks_doctor_ok(d, "%s", source);
}
