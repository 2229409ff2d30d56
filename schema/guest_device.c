/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other devices of a guest, and what is done with it as a whole. */
#include "schema/guest.h"

KS_ENUM_TABLE(roms, "on", "off");
KS_ENUM_TABLE(fs_drivers, "9p", "virtiofs");
KS_ENUM_TABLE(fs_xml_drivers, "path", "virtiofs");
KS_ENUM_TABLE(access_modes, "passthrough", "mapped", "squash");
KS_ENUM_TABLE(actions, "reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi");
KS_ENUM_TABLE(thens, "destroy", "fail");
KS_ENUM_TABLE(waits, "none", "address", "agent"); /* enum ks_wait_what */

/* libvirt takes a host name as well. */
static const char *check_listen(struct ks_arena *arena, const char **text)
{
    const char *end = *text + strspn(*text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

    if (!ks_check_ip(arena, text) || (**text && !*end && !strchr("0123456789", **text)))
        return NULL;
    return "an IP address or a host name";
}

static const char *check_port(struct ks_arena *arena, const char **text)
{
    uint64_t port;

    (void)arena;
    if (ks_streq(*text, "auto"))
        return NULL;
    return ks_parse_u64(*text, &port) == 0 && port > 0 && port < 65536 ? NULL : "a port, or auto";
}

static const char *check_watchdog(struct ks_arena *arena, const char **text)
{
    static const char *const models[] = {"i6300esb", "ib700", "itco", "diag288"};

    (void)arena;
    for (size_t i = 0; i < KS_COUNT(models); i++)
        if (ks_streq(*text, models[i]))
            return NULL;
    return "i6300esb, ib700, itco or diag288";
}

/* clang-format off */
#define RESTART .stopped = KS_SAFE, .running = KS_RESTART
#define LIVE(how) .stopped = KS_SAFE, .running = KS_LIVE, .live = (how)
#define POLICY .flags = KS_F_POLICY

static const struct ks_field hugepage_rows[] = {
    KS_ROW_CPUSET(struct ks_set, value, "cells", RESTART, .doc = "Guest NUMA cells; by default all that no other "
                                                                 "size names."),
};
const struct ks_kind ks_hugepage_kind = KS_KIND(struct ks_set, hugepage_rows, .name = "hugepages",
    .doc = "A page size and the cells that use it.", .shorthand = "cells");

static const struct ks_field kernel_rows[] = {
    KS_ROW_STRING(struct ks_direct_kernel, kernel, "kernel", RESTART, .check = ks_check_path, .xml = "os/kernel",
        .doc = "The kernel's path on the host."),
    KS_ROW_STRING(struct ks_direct_kernel, initrd, "initrd", RESTART, .check = ks_check_path, .xml = "os/initrd",
        .doc = "The initrd's path on the host."),
    KS_ROW_STRING(struct ks_direct_kernel, cmdline, "cmdline", RESTART, .xml = "os/cmdline",
        .doc = "The kernel's command line."),
};
const struct ks_kind ks_direct_kernel_kind = KS_KIND(struct ks_direct_kernel, kernel_rows, .name = "direct-kernel",
    .doc = "A kernel of the host that the guest boots.");

static const struct ks_field pci_rows[] = {
    KS_ROW_STRING(struct ks_pci_device, pci, "pci", RESTART, .flags = KS_F_REQUIRED, .check = ks_check_pci,
        .codec = &ks_pci_codec, .doc = "Its address on the host."),
    KS_ROW_BOOL(struct ks_pci_device, managed, "managed", RESTART, .fallback = "false", .values = &ks_yes_no,
        .xml = "@managed", .doc = "libvirt takes it from its driver and gives it back; of a new one true."),
    KS_ROW_ENUM(struct ks_pci_device, rom, "rom", &roms, RESTART, .fallback = "on", .xml = "rom/@bar",
        .doc = "Whether the guest sees its ROM."),
};

static const struct ks_field filesystem_rows[] = {
    KS_ROW_STRING(struct ks_filesystem, source, "source", RESTART, .check = ks_check_path, .xml = "source/@dir",
        .doc = "The host's directory."),
    KS_ROW_ENUM(struct ks_filesystem, driver, "driver", &fs_drivers, RESTART, .xml_values = &fs_xml_drivers,
        .fallback = "9p", .xml = "driver/@type", .codec = &ks_virtiofs_codec,
        .doc = "9p, or virtiofs, which has the guest's memory shared with a daemon of the host."),
    KS_ROW_ENUM(struct ks_filesystem, access_mode, "access-mode", &access_modes, RESTART,
        .fallback = "passthrough", .xml = "@accessmode", .doc = "Whose permissions files have (9p)."),
    KS_ROW_BOOL(struct ks_filesystem, readonly, "readonly", RESTART, .flags = KS_F_PRESENCE, .fallback = "false",
        .xml = "readonly", .doc = "The guest cannot write to it."),
};

static const struct ks_field password_rows[] = {
    KS_ROW_STRING(struct ks_secret_ref, file, "file", POLICY, .check = ks_check_path,
        .doc = "A file of the host that holds it."),
    KS_ROW_STRING(struct ks_secret_ref, credential, "credential", POLICY, .check = ks_check_name,
        .doc = "A systemd credential that holds it."),
};
static const struct ks_kind password_kind = KS_KIND(struct ks_secret_ref, password_rows, .name = "password",
    .doc = "Where a password is; never the password. A newline at its end does not count; VNC knows 8 characters.");

static const struct ks_field server_rows[] = {
    KS_ROW_STRING(struct ks_graphics_server, listen, "listen", RESTART, .codec = &ks_listen_codec,
        .check = check_listen, .doc = "The address that it listens on."),
    KS_ROW_STRING(struct ks_graphics_server, port, "port", RESTART, .codec = &ks_port_codec, .check = check_port,
        .fallback = "auto", .doc = "Its port; auto has libvirt choose one at each start."),
    KS_ROW_OBJECT(struct ks_graphics_server, password, struct ks_secret_ref, "password", &password_kind,
        LIVE(KS_LIVE_DEVICE), .flags = KS_F_SECRET, .doc = "Where its password is."),
    KS_ROW_BOOL(struct ks_graphics_server, autoport, "autoport", .flags = KS_F_HIDDEN, .codec = &ks_port_codec),
};
static const struct ks_kind server_kind = KS_KIND(struct ks_graphics_server, server_rows,
    .name = "graphics server", .doc = "A server for the guest's display.");

static const struct ks_field graphics_rows[] = {
    KS_ROW_OBJECT(struct ks_graphics, vnc, struct ks_graphics_server, "vnc", &server_kind, RESTART,
        .xml = "devices/graphics[@type='vnc']", .doc = "VNC."),
    KS_ROW_OBJECT(struct ks_graphics, spice, struct ks_graphics_server, "spice", &server_kind, RESTART,
        .xml = "devices/graphics[@type='spice']", .doc = "SPICE."),
};
const struct ks_kind ks_graphics_kind = KS_KIND(struct ks_graphics, graphics_rows, .name = "graphics",
    .doc = "Servers for the guest's display.");

static const struct ks_field watchdog_rows[] = {
    KS_ROW_STRING(struct ks_watchdog, model, "model", RESTART, .flags = KS_F_REQUIRED, .check = check_watchdog,
        .xml = "@model", .doc = "The card."),
    KS_ROW_ENUM(struct ks_watchdog, action, "action", &actions, RESTART, .fallback = "reset", .xml = "@action",
        .doc = "What the host does with a guest that no longer feeds it."),
};
const struct ks_kind ks_watchdog_kind = KS_KIND(struct ks_watchdog, watchdog_rows, .name = "watchdog",
    .doc = "A watchdog card.", .shorthand = "model");

static const struct ks_field cloud_init_rows[] = {
    KS_ROW_STRING(struct ks_cloud_init, user_data, "user-data", POLICY,
        .doc = "A file of the repository, relative to the file that states it; without one it is empty."),
    KS_ROW_MAP(struct ks_cloud_init, meta_data, "meta-data", &ks_word_kind, POLICY,
        .doc = "Metadata; instance-id and local-hostname are the guest's name by default. cloud-init does its "
               "once-only work again when the instance-id changes, and only then."),
    KS_ROW_STRING(struct ks_cloud_init, meta_data_file, "meta-data-file", POLICY,
        .doc = "The same from a file of the repository, with the same defaults."),
    KS_ROW_STRING(struct ks_cloud_init, network_config, "network-config", POLICY,
        .doc = "A file of the repository, likewise."),
    KS_ROW_STRING(struct ks_cloud_init, target, "target", POLICY, .check = ks_check_target,
        .doc = "The CD-ROM that carries it, sdX or hdX; by default the first free sdX."),
};

static void validate_cloud_init(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_cloud_init *c = (const struct ks_cloud_init *)obj;

    if (ks_has(obj, "meta-data") && ks_has(obj, "meta-data-file"))
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "meta-data-file"),
                        "cloud-init: meta-data or meta-data-file, not both");
    if (ks_has(obj, "target") && c->target[0] != 's' && c->target[0] != 'h')
        (void)ks_report(f, KS_E_INVALID, ks_at(obj, "target"),
                        "target: expected a CD-ROM's (sdX, or hdX for IDE), found '%s'", c->target);
}

const struct ks_kind ks_cloud_init_kind = KS_KIND(struct ks_cloud_init, cloud_init_rows, .name = "cloud-init",
    .doc = "A seed for cloud-init.", .validate = validate_cloud_init);

static const struct ks_field wait_rows[] = {
    KS_ROW_ENUM(struct ks_wait, what, "for", &waits, .flags = KS_F_POLICY | KS_F_REQUIRED,
        .doc = "address: one that the agent tells, or that the DHCP server of a libvirt network leased since the "
               "start; agent: an agent that answers; or none."),
    KS_ROW_DURATION(struct ks_wait, timeout, "timeout", POLICY,
        .doc = "How long it may take; by default 5m. The guest runs on when it has passed, and the run fails."),
};
const struct ks_kind ks_wait_kind = KS_KIND(struct ks_wait, wait_rows, .name = "wait-for",
    .doc = "What is waited for after a start.", .shorthand = "for");

static const struct ks_field shutdown_rows[] = {
    KS_ROW_DURATION(struct ks_shutdown, timeout, "timeout", POLICY, .doc = "How long it has to power itself off."),
    KS_ROW_ENUM(struct ks_shutdown, then, "then", &thens, POLICY,
        .doc = "What follows when it has not: destroy takes its power away, fail leaves it running."),
};
const struct ks_kind ks_shutdown_kind = KS_KIND(struct ks_shutdown, shutdown_rows, .name = "shutdown",
    .doc = "How a guest is stopped.", .shorthand = "timeout");
/* clang-format on */

static bool same_pci(const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_pci_device *w = (const struct ks_pci_device *)want, *h = (const struct ks_pci_device *)have;

    return w->pci && ks_streq(w->pci, h->pci);
}

/* "pci-0000-5e-00-0": made of the address, so that it stays when another device goes. */
static const char *make_pci_key(struct ks_arena *arena, const struct ks_obj *have, size_t index)
{
    const char *pci = ((const struct ks_pci_device *)have)->pci;
    char *key;

    if (!pci)
        return ks_sprintf(arena, "pci%zu", index);
    key = ks_sprintf(arena, "pci-%s", pci);
    for (char *p = key; *p; p++)
        if (*p == ':' || *p == '.')
            *p = '-';
    return key;
}

const struct ks_kind ks_pci_device_kind =
    KS_KIND(struct ks_pci_device, pci_rows, .name = "device", .doc = "A PCI device of the host.",
            .shorthand = "pci", .xml_alias = "alias/@name", .same = same_pci, .make_key = make_pci_key);
static void validate_filesystem(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_filesystem *fs = (const struct ks_filesystem *)obj;

    if (ks_stated(obj, "source") && !ks_has(obj, "source"))
        (void)ks_report(f, KS_E_INVALID, ks_at(obj, "source"), "filesystem %s: it shares a directory; null is none",
                        obj->key);
    if (ks_has(obj, "driver") && fs->driver == 1 && ks_has(obj, "access-mode") && fs->access_mode != 0)
        (void)ks_report(f, KS_E_CONFLICT, ks_at(obj, "access-mode"),
                        "filesystem %s: virtiofs knows passthrough alone", obj->key);
}

const struct ks_kind ks_filesystem_kind =
    KS_KIND(struct ks_filesystem, filesystem_rows, .name = "filesystem", .validate = validate_filesystem,
            .doc = "A directory shared with the guest.", .xml_key = "target/@dir");

bool ks_guest_takes_pci(const struct ks_guest *guest, const char *address)
{
    for (size_t i = 0; i < guest->nics.n; i++)
        if (ks_streq(((const struct ks_nic *)guest->nics.v[i])->vf_address, address))
            return true;
    for (size_t i = 0; i < guest->devices.n; i++)
        if (ks_streq(((const struct ks_pci_device *)guest->devices.v[i])->pci, address))
            return true;
    return false;
}
