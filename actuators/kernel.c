/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <strings.h>

#include "actuators/actuators.h"
#include "actuators/host.h"

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text && strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* In the kernel's own words: a manifest may say true where the kernel prints Y, or 1. */
static const char *kernels_word(const char *now, const char *want)
{
    static const char *const yes[] = {"Y", "1", "true", "on", "yes"}, *const no[] = {"N", "0", "false", "off",
                                                                                     "no"};
    const bool letters = is_one_of(now, (const char *const[]){"Y", "N"}, 2);

    if (!letters && !is_one_of(now, (const char *const[]){"0", "1"}, 2))
        return want;
    if (is_one_of(want, yes, KS_COUNT(yes)))
        return letters ? "Y" : "1";
    if (is_one_of(want, no, KS_COUNT(no)))
        return letters ? "N" : "0";
    return want;
}

static int set_parameter(struct ks_acting *a, const struct ks_plan_field *field, struct ks_writes *w,
                         struct ks_error *err)
{
    const char *name = field->path + strlen("modules.");
    const char *module = ks_strndup(a->arena, name, strcspn(name, ".")), *parameter = name + strlen(module);

    if (*parameter != '.')
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "a plan that says '%s'", field->path);
    return ks_module_parameter_set(w, module, parameter + 1, kernels_word(field->from, field->to), err);
}

static void want_ksm(const struct ks_ksm *ksm, const char *path, struct ks_ksm_want *ret)
{
    static const struct {
        const char *path;
        unsigned stated;
    } rows[] = {
        {"ksm.run", KS_KSM_RUN},
        {"ksm.pages-to-scan", KS_KSM_PAGES_TO_SCAN},
        {"ksm.sleep", KS_KSM_SLEEP},
        {"ksm.merge-across-nodes", KS_KSM_MERGE_ACROSS_NODES},
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        if (ks_streq(rows[i].path, path))
            ret->stated |= rows[i].stated;
    ret->run = ksm->run;
    ret->pages_to_scan = ksm->pages_to_scan;
    ret->sleep_ms = ksm->sleep;
    ret->merge_across_nodes = ksm->merge_across_nodes;
}

int ks_act_kernel(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    struct ks_writes w = {.arena = a->arena, .root = a->root, .dry_run = a->dry_run, .cancelled = a->cancelled};
    const struct ks_kernel *want = (const struct ks_kernel *)step->want;
    struct ks_ksm_want ksm = {0};
    int r = 0;

    ks_tell(a, step, "setting the kernel's knobs", -1);
    for (size_t i = 0; i < step->fields.n && r == 0; i++) {
        const struct ks_plan_field *field = &step->fields.v[i];
        if (!field->to)
            continue; /* null: the kernel keeps what it has */
        if (ks_starts(field->path, "ksm."))
            want_ksm(want->ksm, field->path, &ksm);
        else if (ks_streq(field->path, "numa-balancing"))
            r = ks_numa_balancing_set(&w, want->numa_balancing, err);
        else if (ks_starts(field->path, "modules."))
            r = set_parameter(a, field, &w, err);
    }
    if (r == 0 && ksm.stated)
        r = ks_ksm_set(&w, &ksm, err);
    if (r < 0)
        return ks_wrap(err, "in kernel %s", step->name);
    *ret = w.log.n == 0 ? KS_NOOP : a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return 0;
}
