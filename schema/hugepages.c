/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Huge pages of the host: by page size, then by NUMA node. */
#include "schema/kinds.h"

KS_ENUM_TABLE(policies, "strict", "best-effort");

/* clang-format off */
#define SAFE .stopped = KS_SAFE, .running = KS_SAFE

static const struct ks_field pages_rows[] = {
    KS_ROW_UINT(struct ks_number, value, "pages", SAFE, .flags = KS_F_REQUIRED, .max = UINT32_MAX,
        .doc = "Pages on this node."),
};
static const struct ks_kind pages_kind = KS_KIND(struct ks_number, pages_rows, .name = "pages", .shorthand = "pages",
    .doc = "Pages of one size on one NUMA node.");

static const struct ks_field hugepages_rows[] = {
    KS_ROW_UINT(struct ks_hugepages, total, "total", SAFE, .max = UINT32_MAX,
        .doc = "Pages in all, spread evenly over the NUMA nodes; in place of pages by node."),
    KS_ROW_ENUM(struct ks_hugepages, policy, "policy", &policies, .flags = KS_F_POLICY,
        .doc = "strict: fewer pages than asked for is an error; best-effort: it is a warning."),
    KS_ROW_MAP(struct ks_hugepages, nodes, "nodes", &pages_kind, SAFE, .flags = KS_F_REST | KS_F_OPEN,
        .check_key = ks_check_number,
        .doc = "Pages by NUMA node: {0: 512, 1: 512}; nodes that are not named are left alone."),
};
/* clang-format on */

const char *ks_pages_note(struct ks_arena *arena, int node)
{
    return ks_sprintf(arena, "effort on node %d", node < 0 ? 0 : node);
}

static void validate_hugepages(const struct ks_obj *obj, struct ks_findings *f)
{
    if (ks_stated(obj, "total") && ks_stated(obj, "nodes"))
        ks_report(f, KS_E_INVALID, ks_at(obj, "total"), "'total' and pages by node exclude each other");
    else if (!ks_stated(obj, "total") && !ks_stated(obj, "nodes") && !obj->other)
        ks_report(f, KS_E_INVALID, obj->at, "expected a number of pages, or pages by node such as {0: 512}");
}

const struct ks_kind ks_hugepages_kind =
    KS_KIND(struct ks_hugepages, hugepages_rows, .name = "hugepages", .shorthand = "total",
            .doc = "Huge pages of one size, which is the key: 2MiB, 1GiB.", .validate = validate_hugepages);
