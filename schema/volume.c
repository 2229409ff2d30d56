/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A storage volume. */
#include "schema/kinds.h"

KS_ENUM_TABLE(states, "present", "absent");
KS_ENUM_TABLE(preallocations, "off", "metadata", "falloc", "full");
KS_ENUM_TABLE(formats, "raw", "qcow2", "qed", "qcow", "vmdk", "vdi", "vpc");

/* "name", "pool/name", or an absolute path. */
static const char *check_base(struct ks_arena *arena, const char **text)
{
    if (**text == '/')
        return ks_check_path(arena, text);
    if (!ks_check_name(arena, text) || !ks_check_volume(arena, text))
        return NULL;
    return "a volume of this pool, 'pool/name', or an absolute path";
}

/* clang-format off */
#define CREATE .flags = KS_F_CREATE

static const struct ks_field source_rows[] = {
    KS_ROW_STRING(struct ks_volume_source, file, "file", .flags = KS_F_REQUIRED | KS_F_POLICY,
        .check = ks_check_path, .doc = "A file of the host that its content comes from."),
    KS_ROW_STRING(struct ks_volume_source, sha256, "sha256", .flags = KS_F_POLICY, .check = ks_check_sha256,
        .doc = "The SHA-256 that the file must have."),
};
static const struct ks_kind source_kind = KS_KIND(struct ks_volume_source, source_rows, .name = "volume source",
    .shorthand = "file", .doc = "What a new volume is filled with.");

static const struct ks_field volume_rows[] = {
    KS_ROW_ENUM(struct ks_volume, state, "state", &states, .flags = KS_F_RUNTIME,
        .doc = "Whether it is there; absent removes it with its data."),
    KS_ROW_SIZE(struct ks_volume, size, "size", .min = 512, .running = KS_LIVE, .xml = "capacity", .xml_unit = "bytes", .doc = "What a guest sees as its size; it can grow."),
    KS_ROW_ENUM(struct ks_volume, format, "format", &formats, CREATE, .xml = "target/format/@type", .doc = "The format of the image."),
    KS_ROW_ENUM(struct ks_volume, preallocation, "preallocation", &preallocations, .flags = KS_F_POLICY,
        .doc = "What is allocated when it is made."),
    KS_ROW_STRING(struct ks_volume, backing, "backing", CREATE, .check = check_base, .xml = "backingStore/path",
        .doc = "What it is a copy-on-write layer over."),
    KS_ROW_STRING(struct ks_volume, clone, "clone", .flags = KS_F_POLICY, .check = check_base,
        .doc = "What it starts as a full copy of."),
    KS_ROW_ENUM(struct ks_volume, backing_format, "backing-format", &formats, CREATE,
        .xml = "backingStore/format/@type",
        .doc = "The format of what backs it."),
    KS_ROW_OBJECT(struct ks_volume, source, struct ks_volume_source, "source", &source_kind, .flags = KS_F_POLICY,
        .doc = "What it is filled with when it is made."),
    KS_ROW_BOOL(struct ks_volume, protect, "protect", .flags = KS_F_POLICY, .doc = "Never deleted."),
};

static const struct ks_field pool_volumes_rows[] = {
    KS_ROW_MAP(struct ks_pool_volumes, volumes, "volumes", &ks_volume_kind, .flags = KS_F_REST | KS_F_OPEN,
        .check_key = ks_check_name, .doc = "Volumes of this pool, by name."),
};
/* clang-format on */

static void validate_volume(const struct ks_obj *obj, struct ks_findings *f)
{
    static const char *const origins[] = {"backing", "clone", "source"};
    unsigned n = 0;

    for (size_t i = 0; i < KS_COUNT(origins); i++)
        n += ks_has(obj, origins[i]);
    if (n > 1)
        ks_report(f, KS_E_CONFLICT, obj->at, "volume %s: one of backing, clone and source, not several", obj->key);
}

const struct ks_kind ks_volume_kind = KS_KIND(struct ks_volume, volume_rows, .name = "volume",
                                              .doc = "A storage volume.", .validate = validate_volume);
const struct ks_kind ks_pool_volumes_kind =
    KS_KIND(struct ks_pool_volumes, pool_volumes_rows, .name = "pool's volumes", .doc = "The volumes of one pool.");
