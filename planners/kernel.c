/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's knobs. What can be written now, what waits for a module to be loaded anew, and what waits for
 * a reboot are steps of their own: the latter two are blocked, and say what a person has to do.
 */
#include "planners/planners.h"

/* One step for what belongs together: "ksm", "numa-balancing", a module, the command line. */
static struct ks_step *step_of(struct ks_planning *p, const char *name, const char *part)
{
    const char *id = ks_sprintf(p->arena, "kernel/%s%s%s", name, part ? ":" : "", part ? part : "");
    struct ks_step *s;

    for (size_t i = 0; i < p->plan->n; i++)
        if (ks_streq(p->plan->v[i]->id, id))
            return p->plan->v[i];
    s = ks_plan_add(p, "kernel", name, part, KS_CHANGE, KS_ACT_DEFINE, KS_HASH_START);
    s->want = &p->want->kernel->o;
    s->have = p->have->kernel ? &p->have->kernel->o : NULL;
    s->at = p->want->kernel->o.at;
    return s;
}

/* A parameter's own text, without the quotes of YAML. */
static const char *value_of(const struct ks_change *change)
{
    const bool is_parameter =
        ks_starts(change->path, "parameters.") ||
        (ks_starts(change->path, "modules.") && strchr(change->path + strlen("modules."), '.'));

    if (change->op == KS_ADD && change->entry && is_parameter)
        return ((const struct ks_word *)change->entry)->value;
    return change->to;
}

static void add(struct ks_planning *p, struct ks_step *s, const struct ks_change *change)
{
    struct ks_plan_field *field = ks_step_add(p, s, change->path, change->from, value_of(change), KS_SAFE);

    field->op = change->op;
    field->define = true;
    s->fingerprint = ks_hash_str(ks_hash_str(s->fingerprint, change->path), change->from);
}

static const struct ks_seen_parameter *find(const struct ks_planning *p, const char *name)
{
    for (size_t i = 0; i < p->have->parameters.n; i++)
        if (ks_streq(p->have->parameters.v[i].name, name))
            return &p->have->parameters.v[i];
    return NULL;
}

/* "modules.kvm_intel.nested" */
static void plan_parameter(struct ks_planning *p, const struct ks_change *change)
{
    const char *name = change->path + strlen("modules.");
    const char *module = ks_strndup(p->arena, name, strcspn(name, ".")), *parameter = name + strlen(module);
    const struct ks_seen_parameter *seen = find(p, name);
    const char *to = value_of(change) ? value_of(change) : "";
    struct ks_step *s;

    if (!*parameter)
        return;
    parameter++;
    s = step_of(p, module, seen && seen->exists && seen->writable ? NULL : parameter);
    add(p, s, change);
    if (!seen || !seen->loaded)
        ks_step_block(p, s, "module %s is not loaded: load it with %s=%s", module, parameter, to);
    else if (!seen->exists)
        ks_step_block(p, s, "module %s has no parameter %s", module, parameter);
    else if (!seen->writable)
        ks_step_block(p, s,
                      "needs a reload of module %s: it cannot change at run time; write \"options %s %s=%s\" to "
                      "a file in /etc/modprobe.d",
                      module, module, parameter, to);
}

/* The words as they stand on the command line. */
static const char *boot_word(struct ks_planning *p, const struct ks_change *change)
{
    const char *key = change->path + strlen("parameters."), *to = value_of(change);

    if (!to || change->op == KS_UNSET)
        return ks_sprintf(p->arena, "no %s", key);
    return ks_streq(to, "true") || !*to ? key : ks_sprintf(p->arena, "%s=%s", key, to);
}

static void plan_knob(struct ks_planning *p, const struct ks_change *change, struct ks_text *boot)
{
    struct ks_step *s;

    if (ks_starts(change->path, "parameters.")) {
        add(p, step_of(p, "command-line", NULL), change);
        ks_text_addf(boot, "%s%s", boot->n ? " " : "", boot_word(p, change));
    } else if (ks_starts(change->path, "modules.")) {
        plan_parameter(p, change);
    } else if (ks_starts(change->path, "ksm")) {
        s = step_of(p, "ksm", NULL);
        add(p, s, change);
        if (!p->have->kernel->ksm)
            ks_step_block(p, s, "this kernel has no KSM");
    } else {
        s = step_of(p, "numa-balancing", NULL);
        add(p, s, change);
        if (!ks_has(&p->have->kernel->o, "numa-balancing"))
            ks_step_block(p, s, "this kernel has no automatic NUMA balancing");
    }
}

static bool is_met(const struct ks_planning *p, const struct ks_change *change)
{
    /* There is no value to go back to but on the command line. */
    if (change->op == KS_UNSET && !ks_starts(change->path, "parameters."))
        return true;
    /* What a kernel does not have is off. */
    return (ks_streq(change->path, "numa-balancing") || ks_streq(change->path, "ksm.run")) && !change->from &&
           ks_streq(change->to, "false") && p->have->kernel;
}

void ks_plan_kernel(struct ks_planning *p)
{
    struct ks_text boot = {.arena = p->arena};
    struct ks_changes changes = {0};

    if (!p->want->kernel || !p->have->kernel)
        return;
    ks_diff(p->arena, &p->want->kernel->o, &p->have->kernel->o, false, &changes);
    for (size_t i = 0; i < changes.n; i++)
        if (!is_met(p, &changes.v[i]))
            plan_knob(p, &changes.v[i], &boot);
    if (boot.n > 0)
        ks_step_block(p, step_of(p, "command-line", NULL), "needs a reboot with %s", ks_text_str(&boot));
}
