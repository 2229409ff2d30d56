/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small kinds that others are made of: a secret's place, and one scalar as a map entry. */
#include "schema/kinds.h"

static const struct ks_field secret_ref_fields[] = {
    KS_ROW_STRING(struct ks_secret_ref, file, "file", .check = ks_check_path,
                  .doc = "Absolute path on the host of a file that holds the secret."),
    KS_ROW_STRING(struct ks_secret_ref, credential, "credential", .check = ks_check_name,
                  .doc = "Name of a systemd credential (LoadCredential=) that holds the secret."),
};

static void validate_secret_ref(const struct ks_obj *obj, struct ks_findings *f)
{
    bool file = ks_has(obj, "file"), credential = ks_has(obj, "credential");

    if (file && credential)
        ks_report(f, KS_E_INVALID, ks_at(obj, "credential"), "'file' and 'credential' exclude each other");
    else if (!file && !credential && !obj->other)
        ks_report(f, KS_E_INVALID, obj->at, "expected {file: /PATH} or {credential: NAME}");
}

const struct ks_kind ks_secret_ref_kind =
    KS_KIND(struct ks_secret_ref, secret_ref_fields, .name = "secret reference", .validate = validate_secret_ref,
            .doc = "Where a secret is kept; its value never stands in a manifest and is never shown.");

static const struct ks_field number_fields[] = {
    KS_ROW_UINT(struct ks_number, value, "value", .flags = KS_F_REQUIRED, .doc = "The number."),
};
const struct ks_kind ks_number_kind =
    KS_KIND(struct ks_number, number_fields, .name = "number", .shorthand = "value", .doc = "A whole number.");

static const struct ks_field word_fields[] = {
    KS_ROW_STRING(struct ks_word, value, "value", .flags = KS_F_REQUIRED, .doc = "The text."),
};
const struct ks_kind ks_word_kind =
    KS_KIND(struct ks_word, word_fields, .name = "word", .shorthand = "value", .doc = "A text.");

static const struct ks_field set_fields[] = {
    KS_ROW_CPUSET(struct ks_set, value, "value", .flags = KS_F_REQUIRED, .doc = "The set, as 0-3,8 or 0-7,^5."),
};
const struct ks_kind ks_set_kind = KS_KIND(struct ks_set, set_fields, .name = "set", .shorthand = "value",
                                           .doc = "A set of CPUs, NUMA nodes or guest cells.");
