/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A storage pool. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "active", "inactive", "absent");
KS_ENUM_TABLE(types, "dir", "fs", "netfs", "logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "rbd",
              "zfs");

enum { DIR, FS, NETFS, LOGICAL, DISK, ISCSI, ISCSI_DIRECT, SCSI, MPATH, RBD, ZFS }; /* as above */

extern const struct ks_kind ks_auth_kind;

/* A path; or what servers and portals name otherwise: a CIFS share, a Gluster volume, an iSCSI target (IQN). */
static const char *check_place(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "an absolute path, or the name of a share or target";

    if (**text == '/')
        return ks_check_path(arena, text);
    for (const char *p = *text; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return expected;
    return **text ? NULL : expected;
}

/* clang-format off */
/* What it is made of, it is stopped and started again for; its own planner (planners/pool_edit.c) says when. */
#define EDIT .stopped = KS_SAFE, .running = KS_LIVE

static const struct ks_field source_rows[] = {
    KS_ROW_STRING(struct ks_pool_source, name, "name", EDIT, .check = ks_check_name, .xml = "name",
        .doc = "A volume group's, Ceph pool's or ZFS pool's name."),
    KS_ROW_STRING(struct ks_pool_source, host, "host", EDIT,
        .doc = "The server's name or address, as host or host:port."),
    KS_ROW_STRING(struct ks_pool_source, dir, "dir", EDIT, .check = check_place, .xml = "dir/@path",
        .doc = "The directory that the server exports, or its share's or volume's name."),
    KS_ROW_STRING(struct ks_pool_source, format, "format", EDIT, .xml = "format/@type", .doc = "The format, such as nfs or lvm2."),
    KS_ROW_STRINGS(struct ks_pool_source, devices, "devices", .flags = KS_F_SET, EDIT,
        .check = check_place, .xml = "device/@path",
        .doc = "Block devices that it is made of: formatted when they are empty, and never before that is allowed when "
               "they hold something. Of iSCSI, the target's name (IQN)."),
    KS_ROW_STRINGS(struct ks_pool_source, hosts, "hosts", .flags = KS_F_SET, EDIT,
        .doc = "Ceph monitors, as host or host:port."),
    KS_ROW_STRING(struct ks_pool_source, initiator, "initiator", EDIT, .xml = "initiator/iqn/@name",
        .doc = "The iSCSI name that the host calls itself."),
    KS_ROW_STRING(struct ks_pool_source, adapter, "adapter", EDIT, .xml = "adapter/@name",
        .doc = "Of scsi, the host bus adapter, such as scsi_host2."),
    KS_ROW_OBJECT(struct ks_pool_source, auth, struct ks_auth, "auth", &ks_auth_kind, EDIT,
        .doc = "How to log in."),
};
static const struct ks_kind source_kind = KS_KIND(struct ks_pool_source, source_rows, .name = "pool source",
    .doc = "Where a pool's storage comes from.");

static const struct ks_field pool_rows[] = {
    KS_ROW_ENUM(struct ks_pool, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "active, inactive, or absent: removed, its volumes are not."),
    KS_ROW_ENUM(struct ks_pool, type, "type", &types, .flags = KS_F_CREATE, .xml = "@type", .doc = "What it is made of."),
    KS_ROW_STRING(struct ks_pool, path, "path", EDIT, .check = ks_check_path, .xml = "target/path",
        .doc = "Where its volumes are found on the host."),
    KS_ROW_OBJECT(struct ks_pool, source, struct ks_pool_source, "source", &source_kind, EDIT, .xml = "source",
        .doc = "Where its storage comes from."),
    KS_ROW_BOOL(struct ks_pool, autostart, "autostart", .flags = KS_F_RUNTIME, .fallback = "false",
        .doc = "Starts with the host."),
    KS_ROW_BOOL(struct ks_pool, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
};
/* clang-format on */

/* What libvirt refuses later, and with fewer words. `one`: more than one device is too many. */
static const struct {
    bool path, device, one, host, hosts, dir, name;
} demands[] = {
    [DIR] = {.path = true},
    [FS] = {.path = true, .device = true, .one = true},
    [NETFS] = {.path = true, .host = true, .dir = true},
    [DISK] = {.device = true, .one = true},
    [ISCSI] = {.device = true, .one = true, .host = true},
    [ISCSI_DIRECT] = {.device = true, .one = true, .host = true},
    [RBD] = {.hosts = true, .name = true},
    [ZFS] = {.name = true},
};

static void demand(const struct ks_obj *obj, bool needed, bool there, const char *what, struct ks_findings *f)
{
    if (needed && !there)
        ks_report(f, KS_E_INVALID, ks_at(obj, "type"), "pool %s: one of type %s needs %s", obj->key,
                  types.names[((const struct ks_pool *)obj)->type], what);
}

static void validate_pool(const struct ks_obj *obj, struct ks_findings *f)
{
    static const struct ks_pool_source none = {0};
    const struct ks_pool *p = (const struct ks_pool *)obj;
    const struct ks_pool_source *s = p->source ? p->source : &none;

    if (!ks_has(obj, "type") || p->type >= KS_COUNT(demands))
        return;
    demand(obj, demands[p->type].path, p->path, "a path", f);
    demand(obj, demands[p->type].device, s->devices.n > 0, "source.devices", f);
    demand(obj, demands[p->type].host, s->host, "source.host", f);
    demand(obj, demands[p->type].hosts, s->hosts.n > 0, "source.hosts", f);
    demand(obj, demands[p->type].dir, s->dir, "source.dir", f);
    demand(obj, demands[p->type].name, s->name, "source.name", f);
    if (demands[p->type].one && s->devices.n > 1)
        ks_report(f, KS_E_INVALID, ks_at(&s->o, "devices"), "pool %s: one of type %s has one device, not %zu",
                  obj->key, types.names[p->type], s->devices.n);
}

const struct ks_kind ks_pool_kind = KS_KIND(struct ks_pool, pool_rows, .name = "pool",
                                            .doc = "A storage pool, by name.", .validate = validate_pool);
