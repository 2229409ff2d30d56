/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest, from its domain XML to what a manifest says of it. */
#include <string.h>

#include "schema/guest.h"
#include "schema/guest_new.h"
#include "schema/import.h"
#include "schema/value.h"
#include "schema/xml.h"

struct job {
    struct ks_arena *arena;
    const struct ks_observed *host;
    xmlNode *domain;
    struct ks_guest *want, *full;
    bool kvm;
    struct ks_imported *ret;
};

static void leave(struct job *j, const char *path, const char *why)
{
    *ks_vec_add(j->arena, &j->ret->left) = ks_sprintf(j->arena, "%s: %s", path, why);
}

/* ---- what needs another word than the host's ------------------------------------------------------------------
 */

/* By the alias where that means this very machine here, and would in a new guest, too. */
static void settle_machine(struct job *j)
{
    const struct ks_seen_caps *caps = &j->host->caps;

    for (size_t i = 0; j->want->machine && i < caps->machines.n; i++)
        if (caps->machines.v[i].alias && ks_streq(caps->machines.v[i].name, j->want->machine))
            j->want->machine = j->full->machine = caps->machines.v[i].alias;
}

/* Images that the domain names by hand stay named by hand: a fragment says them. */
static void settle_firmware(struct job *j)
{
    if (ks_xml_find(j->domain, "os/@firmware", NULL) || !ks_xml_find(j->domain, "os/loader", NULL))
        return;
    ks_unmark(&j->want->o, "firmware");
    ks_unmark(&j->want->o, "secure-boot");
}

/* libvirt boots the first disk when nothing is asked for, and writes that down. */
static void settle_boot(struct job *j)
{
    const unsigned i = ks_row(&ks_guest_kind, "boot");
    xmlNode *boot = ks_xml_find(j->domain, "os/boot", NULL);
    bool ordered = false;

    for (xmlNode *d = ks_xml_find(j->domain, "devices", NULL)
                          ? ks_xml_child(ks_xml_child(j->domain, "devices"), NULL)
                          : NULL;
         d; d = ks_xml_next(d, NULL))
        ordered = ordered || ks_xml_child(d, "boot");
    if (j->full->o.other >> i & 1) {
        leave(j, "boot", "the order names a device that is none of disks, nics and devices");
        ks_unmark(&j->want->o, "boot");
    } else if (!ordered && boot && ks_streq(ks_xml_attr(boot, "dev"), "hd") && !ks_xml_next(boot, "boot")) {
        ks_unmark(&j->want->o, "boot");
    }
}

/* The one that libvirt writes into the definition of a guest without KVM that asks for none. */
static bool is_default_cpu(struct job *j, const struct ks_cpu *cpu)
{
    static const char *const others[] = {"migratable", "features", "topology"};
    const char *check = ks_show(j->arena, &cpu->o.kind->fields[ks_row(cpu->o.kind, "check")], &cpu->o);

    for (size_t i = 0; i < KS_COUNT(others); i++)
        if (ks_has(&cpu->o, others[i]))
            return false;
    return !j->kvm && (!ks_has(&cpu->o, "mode") || cpu->mode == 0) && ks_streq(check, "none") &&
           (ks_streq(cpu->model, "qemu64") || ks_streq(cpu->model, "qemu32"));
}

/* What libvirt sets by itself for each mode (qemuDomainDefCPUPostParse). */
static void settle_cpu(struct job *j)
{
    struct ks_cpu *cpu = j->want->cpu;
    const char *check;

    if (!cpu || !ks_has(&cpu->o, "check"))
        return;
    if (is_default_cpu(j, cpu)) {
        ks_unmark(&j->want->o, "cpu");
        ks_xml_unset(j->domain, "cpu/model", NULL, NULL, j->domain);
        return;
    }
    check = ks_has(&cpu->o, "mode") && cpu->mode >= 2 ? "none" : "partial";
    if (ks_streq(ks_show(j->arena, &cpu->o.kind->fields[ks_row(cpu->o.kind, "check")], &cpu->o), check))
        ks_unmark(&cpu->o, "check");
}

/* libvirt makes every CD-ROM read-only. */
static void settle_disks(struct job *j)
{
    for (size_t i = 0; i < j->want->disks.n; i++) {
        struct ks_disk *disk = (struct ks_disk *)j->want->disks.v[i];
        if (ks_has(&disk->o, "device") && disk->device == KS_DISK_CDROM)
            ks_unmark(&disk->o, "readonly");
    }
}

static void settle_vcpus(struct job *j)
{
    if (j->want->vcpus == j->want->max_vcpus)
        ks_unmark(&j->want->o, "max-vcpus");
}

static bool is_writable(const struct ks_obj *guest)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    return ks_xml_parse("<domain/>", strlen("<domain/>"), &doc, &err) == 0 &&
           ks_xml_write(xmlDocGetRootElement(doc), guest, &err) == 0;
}

/* What a new definition cannot be given by its row alone is said by a fragment. */
static void keep_writable(struct job *j)
{
    struct ks_obj *guest = &j->want->o;
    uint64_t stated = guest->stated;

    for (unsigned i = 0; i < guest->kind->n_fields; i++) {
        const struct ks_field *field = &guest->kind->fields[i];
        const uint64_t bit = UINT64_C(1) << i;
        if (!(stated & bit) || field->type == KS_MAP || ks_streq(field->key, "boot"))
            continue;
        guest->stated = bit;
        if (!is_writable(guest))
            stated &= ~bit;
    }
    guest->stated = stated;
}

/* Whatever would still be a difference is not stated: the plan of what was imported is empty. */
static void keep_equal(struct job *j)
{
    struct ks_changes changes = {0};

    ks_diff(j->arena, &j->want->o, &j->full->o, false, &changes);
    for (size_t i = 0; i < changes.n; i++) {
        const struct ks_change *c = &changes.v[i];
        struct ks_obj *obj = (struct ks_obj *)(uintptr_t)c->want;
        obj->stated &= ~(UINT64_C(1) << (c->field - obj->kind->fields));
        leave(j, c->path, c->from ? c->from : "as it is");
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------
 */

static struct ks_guest *read_guest(struct job *j, const char *name)
{
    struct ks_guest *guest = (struct ks_guest *)ks_obj_new(j->arena, &ks_guest_kind, name);

    ks_xml_read(j->arena, j->domain, &guest->o);
    return guest;
}

static bool is_kvm(const xmlNode *domain)
{
    return ks_streq(ks_xml_attr(domain, "type"), "kvm");
}

static void state_rest(struct job *j, const struct ks_xml_rest *rest)
{
    struct ks_text text = {.arena = j->arena};

    for (size_t i = 0; i < rest->fragments.n; i++)
        ks_text_addf(&text, "%s\n", rest->fragments.v[i]);
    for (size_t i = 0; i < rest->left.n; i++)
        *ks_vec_add(j->arena, &j->ret->left) = rest->left.v[i];
    if (!text.n)
        return;
    j->want->xml = ks_text_str(&text);
    ks_mark(&j->want->o, "xml");
}

static int import(struct job *j, struct ks_error *err)
{
    ks_auto(ks_xml_docp) xmlDoc *said = NULL;
    struct ks_xml_rest rest = {0};

    (void)ks_import_keep_loadable(j->arena, &j->want->o, "", &j->ret->left);
    settle_machine(j);
    settle_firmware(j);
    settle_boot(j);
    settle_cpu(j);
    settle_vcpus(j);
    settle_disks(j);
    keep_writable(j);
    keep_equal(j);
    /* Of all that rows can say, for what need not be said is not lost: it is what a guest has anyway. */
    if (ks_guest_written_xml(j->want, j->kvm, &said, err) < 0)
        return -1;
    ks_import_minimise(j->arena, j->want, j->full, j->kvm);
    if (!j->kvm && j->host->caps.kvm)
        leave(j, "domain", ks_sprintf(j->arena, "type='%s'", ks_xml_attr(j->domain, "type")));
    ks_import_rest(j->arena, j->want, j->domain, xmlDocGetRootElement(said), j->host, &rest);
    state_rest(j, &rest);
    return 0;
}

int ks_import_guest(struct ks_arena *arena, const char *name, const char *xml, const struct ks_observed *host,
                    struct ks_imported *ret, struct ks_error *err)
{
    struct job j = {.arena = arena, .host = host, .ret = ret};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    int failed;

    if (ks_xml_parse(xml, strlen(xml), &doc, err) < 0)
        return -1;
    j.domain = xmlDocGetRootElement(doc);
    j.kvm = is_kvm(j.domain);
    j.want = ret->guest = read_guest(&j, name);
    j.full = read_guest(&j, name);
    failed = import(&j, err);
    ks_obj_forget_xml(&j.want->o);
    return failed ? ks_wrap(err, "in the definition of guest %s", name) : 0;
}
