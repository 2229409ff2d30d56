/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A libvirt secret: its value is kept elsewhere, and never shown. */
#include "schema/kinds.h"

KS_ENUM_TABLE(types, "ceph", "iscsi", "volume", "vtpm", "tls");

/* clang-format off */
static const struct ks_field secret_rows[] = {
    KS_ROW_ENUM(struct ks_secret, type, "type", &types, .flags = KS_F_REQUIRED | KS_F_CREATE,
        .doc = "What it is for."),
    KS_ROW_STRING(struct ks_secret, description, "description", .doc = "A description for people."),
    KS_ROW_OBJECT(struct ks_secret, value, struct ks_secret_ref, "value", &ks_secret_ref_kind,
        .flags = KS_F_SECRET | KS_F_POLICY, .doc = "Where its value is kept."),
};
const struct ks_kind ks_secret_kind = KS_KIND(struct ks_secret, secret_rows, .name = "secret",
    .doc = "A libvirt secret, by name.");
/* clang-format on */
