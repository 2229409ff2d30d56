/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A libvirt secret: its value is kept elsewhere, and never shown. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "present", "absent");
KS_ENUM_TABLE(yes_no, "no", "yes");
KS_ENUM_TABLE(types, "ceph", "iscsi", "volume", "vtpm", "tls");

/* clang-format off */
static const struct ks_field secret_rows[] = {
    KS_ROW_ENUM(struct ks_secret, state, "state", &states, .flags = KS_F_RUNTIME, .doc = "present, or absent."),
    KS_ROW_ENUM(struct ks_secret, type, "type", &types, .xml = "usage/@type", .flags = KS_F_REQUIRED | KS_F_CREATE,
        .doc = "What it is for."),
    KS_ROW_STRING(struct ks_secret, usage, "usage", .flags = KS_F_CREATE, .doc = "What libvirt knows it by: the path of a volume, "
        "else a name; by default its key here."),
    KS_ROW_STRING(struct ks_secret, description, "description", .xml = "description", .doc = "A description for people."),
    KS_ROW_OBJECT(struct ks_secret, value, struct ks_secret_ref, "value", &ks_secret_ref_kind,
        .flags = KS_F_SECRET | KS_F_POLICY, .doc = "Where its value is kept. A ceph key is written "
        "as ceph prints it, in base64; of any other, a newline at the end does not count."),
    KS_ROW_BOOL(struct ks_secret, ephemeral, "ephemeral", .xml = "@ephemeral", .values = &yes_no, .fallback = "false",
        .doc = "libvirt keeps it in memory alone."),
    KS_ROW_BOOL(struct ks_secret, is_private, "private", .xml = "@private", .values = &yes_no, .fallback = "false",
        .doc = "libvirt tells its value to nobody, and kvmstate cannot compare it."),
    KS_ROW_BOOL(struct ks_secret, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
};
const struct ks_kind ks_secret_kind = KS_KIND(struct ks_secret, secret_rows, .name = "secret",
    .doc = "A libvirt secret, by name.");
/* clang-format on */
