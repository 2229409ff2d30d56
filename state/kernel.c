/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's knobs as the manifest words them; of parameters, those that it names. */
#include "state/host.h"
#include "state/state.h"

static struct ks_ksm *read_ksm(struct ks_arena *arena, const struct ks_host_ksm *from)
{
    struct ks_ksm *ksm = (struct ks_ksm *)ks_obj_new(arena, ks_kernel_kind.fields[0].kind, NULL);

    ksm->run = from->run == 1;
    ksm->pages_to_scan = from->pages_to_scan;
    ksm->sleep = from->sleep_ms;
    ksm->merge_across_nodes = from->merge_across_nodes;
    ks_mark(&ksm->o, "run");
    ks_mark(&ksm->o, "pages-to-scan");
    ks_mark(&ksm->o, "sleep");
    ks_mark(&ksm->o, "merge-across-nodes");
    return ksm;
}

static void put_word(struct ks_arena *arena, struct ks_map *map, const struct ks_obj *like, const char *value)
{
    struct ks_word *word = (struct ks_word *)ks_obj_new(arena, like->kind, like->key);

    word->value = value;
    ks_mark(&word->o, "value");
    ks_map_put(arena, map, &word->o);
}

/* A bare word is a switch that is on. */
static void read_boot(struct ks_observing *o, const struct ks_kernel *want, const struct ks_host_knobs *knobs,
                      struct ks_kernel *ret)
{
    for (size_t i = 0; i < want->parameters.n; i++) {
        const struct ks_host_boot_parameter *p = ks_host_boot_parameter(knobs, want->parameters.v[i]->key);
        if (p)
            put_word(o->arena, &ret->parameters, want->parameters.v[i], p->value ? p->value : "true");
    }
    if (ret->parameters.n > 0)
        ks_mark(&ret->o, "parameters");
}

static int read_module(struct ks_observing *o, const struct ks_module *want, struct ks_module *have,
                       struct ks_observed *ret, struct ks_error *err)
{
    for (size_t i = 0; i < want->parameters.n; i++) {
        const char *name = want->parameters.v[i]->key;
        struct ks_host_module_parameter p;
        if (ks_host_module_parameter_read(o->root, want->o.key, name, o->arena, &p, err) < 0)
            return -1;
        *ks_vec_add(o->arena, &ret->parameters) =
            (struct ks_seen_parameter){.name = ks_sprintf(o->arena, "%s.%s", want->o.key, name),
                                       .loaded = p.loaded,
                                       .exists = p.exists,
                                       .writable = p.writable};
        if (p.value)
            put_word(o->arena, &have->parameters, want->parameters.v[i], p.value);
    }
    ks_mark(&have->o, "parameters");
    return 0;
}

static int read_modules(struct ks_observing *o, const struct ks_kernel *want, struct ks_kernel *kernel,
                        struct ks_observed *ret, struct ks_error *err)
{
    for (size_t i = 0; i < want->modules.n; i++) {
        struct ks_obj *have = ks_obj_new(o->arena, want->modules.v[i]->kind, want->modules.v[i]->key);
        if (read_module(o, (const struct ks_module *)want->modules.v[i], (struct ks_module *)have, ret, err) < 0)
            return -1;
        ks_map_put(o->arena, &kernel->modules, have);
    }
    if (kernel->modules.n > 0)
        ks_mark(&kernel->o, "modules");
    return 0;
}

int ks_observe_kernel(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    const struct ks_kernel *want = o->want ? o->want->kernel : NULL;
    struct ks_kernel *kernel = (struct ks_kernel *)ks_obj_new(o->arena, &ks_kernel_kind, NULL);
    struct ks_host_knobs knobs;

    if (ks_host_knobs_read(o->root, o->arena, &knobs, err) < 0 ||
        ks_attr_text_or(o->root, "proc/cmdline", NULL, o->arena, &ret->cmdline, err) < 0)
        return -1;
    if (knobs.ksm.supported) {
        kernel->ksm = read_ksm(o->arena, &knobs.ksm);
        ks_mark(&kernel->o, "ksm");
    }
    if (knobs.numa_balancing >= 0) {
        kernel->numa_balancing = knobs.numa_balancing > 0;
        ks_mark(&kernel->o, "numa-balancing");
    }
    if (want) {
        read_boot(o, want, &knobs, kernel);
        if (read_modules(o, want, kernel, ret, err) < 0)
            return -1;
    }
    ret->kernel = kernel;
    return 0;
}
