/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A storage pool. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "active", "inactive", "absent");
KS_ENUM_TABLE(types, "dir", "fs", "netfs", "logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "rbd",
              "zfs");

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
#define CREATE .flags = KS_F_CREATE

static const struct ks_field source_rows[] = {
    KS_ROW_STRING(struct ks_pool_source, name, "name", CREATE, .check = ks_check_name, .xml = "name",
        .doc = "A volume group's, Ceph pool's or ZFS pool's name."),
    KS_ROW_STRING(struct ks_pool_source, host, "host", CREATE, .xml = "host/@name", .doc = "The server's name or address."),
    KS_ROW_STRING(struct ks_pool_source, dir, "dir", CREATE, .check = check_place, .xml = "dir/@path",
        .doc = "The directory that the server exports, or its share's or volume's name."),
    KS_ROW_STRING(struct ks_pool_source, format, "format", CREATE, .xml = "format/@type", .doc = "The format, such as nfs or lvm2."),
    KS_ROW_STRINGS(struct ks_pool_source, devices, "devices", .flags = KS_F_CREATE | KS_F_SET,
        .check = check_place, .xml = "device/@path",
        .doc = "Block devices that it is made of; of iSCSI, the target's name (IQN)."),
    KS_ROW_STRINGS(struct ks_pool_source, hosts, "hosts", .flags = KS_F_CREATE | KS_F_SET,
        .doc = "Ceph monitors, as host or host:port."),
    KS_ROW_OBJECT(struct ks_pool_source, auth, struct ks_auth, "auth", &ks_auth_kind, CREATE,
        .doc = "How to log in."),
};
static const struct ks_kind source_kind = KS_KIND(struct ks_pool_source, source_rows, .name = "pool source",
    .doc = "Where a pool's storage comes from.");

static const struct ks_field pool_rows[] = {
    KS_ROW_ENUM(struct ks_pool, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "active, inactive, or absent: removed, its volumes are not."),
    KS_ROW_ENUM(struct ks_pool, type, "type", &types, CREATE, .xml = "@type", .doc = "What it is made of."),
    KS_ROW_STRING(struct ks_pool, path, "path", CREATE, .check = ks_check_path, .xml = "target/path",
        .doc = "Where its volumes are found on the host."),
    KS_ROW_OBJECT(struct ks_pool, source, struct ks_pool_source, "source", &source_kind, CREATE, .xml = "source",
        .doc = "Where its storage comes from."),
    KS_ROW_BOOL(struct ks_pool, autostart, "autostart", .flags = KS_F_RUNTIME, .fallback = "false",
        .doc = "Starts with the host."),
    KS_ROW_BOOL(struct ks_pool, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
};
/* clang-format on */

const struct ks_kind ks_pool_kind =
    KS_KIND(struct ks_pool, pool_rows, .name = "pool", .doc = "A storage pool, by name.");
