/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Knobs of the host's kernel. */
#include <ctype.h>

#include "schema/kinds.h"

/* clang-format off */
#define SAFE .stopped = KS_SAFE, .running = KS_SAFE

static const struct ks_field ksm_rows[] = {
    KS_ROW_BOOL(struct ks_ksm, run, "run", SAFE, .doc = "Merges equal pages of memory (/sys/kernel/mm/ksm/run)."),
    KS_ROW_UINT(struct ks_ksm, pages_to_scan, "pages-to-scan", SAFE, .min = 1, .max = UINT32_MAX,
        .doc = "Pages looked at before each sleep."),
    KS_ROW_DURATION(struct ks_ksm, sleep, "sleep", SAFE, .max = UINT32_MAX, .doc = "How long it sleeps in between."),
    KS_ROW_BOOL(struct ks_ksm, merge_across_nodes, "merge-across-nodes", SAFE,
        .doc = "Also merges pages of different NUMA nodes."),
};
static const struct ks_kind ksm_kind = KS_KIND(struct ks_ksm, ksm_rows, .name = "ksm",
    .doc = "Kernel samepage merging.");
/* clang-format on */

/* The kernel prints a bool parameter as Y or N, and takes it as any of these (kstrtobool()). */
static int truth(const char *text)
{
    static const char *const words[][2] = {{"N", "Y"}, {"0", "1"}, {"false", "true"}, {"off", "on"}, {"no", "yes"}};

    for (size_t i = 0; i < KS_COUNT(words); i++)
        for (int value = 0; value < 2; value++)
            if (strcasecmp(text, words[i][value]) == 0)
                return value;
    return -1;
}

static bool same_parameter(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const char *w = *(const char **)ks_member(want, field), *h = *(const char **)ks_member(have, field);

    if (!w || !h)
        return w == h;
    return strcmp(w, h) == 0 || (truth(w) >= 0 && truth(w) == truth(h));
}

static const struct ks_codec parameter_codec = {.same = same_parameter};

/* Module parameters: letters, digits, '_' and '-', and a '.' between a built-in module and its parameter. */
static const char *check_parameter(struct ks_arena *arena, const char **text)
{
    (void)arena;
    for (const char *p = *text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-.", *p))
            return "a parameter's name";
    return **text ? NULL : "a parameter's name";
}

/* As the kernel has it in sysfs: with '_', however it is typed. */
static const char *check_module(struct ks_arena *arena, const char **text)
{
    char *name;

    if (check_parameter(arena, text) || strchr(*text, '.'))
        return "a module's name";
    name = ks_strdup(arena, *text);
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '_';
    *text = name;
    return NULL;
}

static const char *check_module_parameter(struct ks_arena *arena, const char **text)
{
    return check_module(arena, text) ? "a parameter's name" : NULL;
}

/* clang-format off */
static const struct ks_field value_rows[] = {
    KS_ROW_STRING(struct ks_word, value, "value", SAFE, .flags = KS_F_REQUIRED, .codec = &parameter_codec,
        .doc = "The value; true, on, yes, 1 and Y are the same."),
};
static const struct ks_kind value_kind = KS_KIND(struct ks_word, value_rows, .name = "parameter",
    .shorthand = "value", .doc = "The value of a parameter.");

static const struct ks_field module_rows[] = {
    KS_ROW_MAP(struct ks_module, parameters, "parameters", &value_kind, SAFE, .flags = KS_F_REST | KS_F_OPEN,
        .check_key = check_module_parameter, .doc = "Parameters by name (/sys/module/MODULE/parameters)."),
};
static const struct ks_kind module_kind = KS_KIND(struct ks_module, module_rows, .name = "module",
    .doc = "Parameters of one module.");

static const struct ks_field kernel_rows[] = {
    KS_ROW_OBJECT(struct ks_kernel, ksm, struct ks_ksm, "ksm", &ksm_kind, SAFE, .doc = "Kernel samepage merging."),
    KS_ROW_BOOL(struct ks_kernel, numa_balancing, "numa-balancing", SAFE,
        .doc = "Automatic NUMA balancing (kernel.numa_balancing)."),
    KS_ROW_MAP(struct ks_kernel, parameters, "parameters", &value_kind, SAFE, .flags = KS_F_OPEN,
        .check_key = check_parameter,
        .doc = "Kernel command line; checked, never written: a difference is reported as needing a reboot."),
    KS_ROW_MAP(struct ks_kernel, modules, "modules", &module_kind, SAFE, .flags = KS_F_OPEN,
        .check_key = check_module, .doc = "Module parameters, by module."),
};
const struct ks_kind ks_kernel_kind = KS_KIND(struct ks_kernel, kernel_rows, .name = "kernel",
    .doc = "Knobs of the host's kernel.");
/* clang-format on */
