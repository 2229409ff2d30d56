/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel as the doctor asks about it: the boot line, modules and what modprobe.d says of them. */
#include "state/facts.h"

enum { INDEX_MAX = 64 << 20, CONF_MAX = 1 << 20 };

struct reader {
    struct ks_facts_reading *r;
    struct ks_facts *ret;
    const char *deps, *builtin; /* modules.dep and modules.builtin; "" where there is none */
    struct ks_error *err;
};

/* modprobe.d(5); of files of the same name the first counts. */
static const char *const conf_dirs[] = {"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d",
                                        "usr/lib/modprobe.d", "lib/modprobe.d"};

/* '-' and '_' are the same in names of modules. */
static char *canonical(struct ks_arena *arena, const char *name)
{
    char *copy = ks_strdup(arena, name);

    for (char *c = copy; *c; c++)
        if (*c == '-')
            *c = '_';
    return copy;
}

/* ---- modules ------------------------------------------------------------------------------------------------ */

static int read_index(struct reader *d, const char *name, const char **ret)
{
    const char *path = ks_sprintf(d->r->arena, "lib/modules/%s/%s", d->ret->release, name);
    char *text;
    size_t len;

    *ret = "";
    if (!ks_file_exists(d->r->root, path))
        return 0;
    if (ks_file_read(d->r->root, path, INDEX_MAX, d->r->arena, &text, &len, d->err) < 0)
        return -1;
    *ret = text;
    return 0;
}

/* "kernel/drivers/vfio/pci/vfio-pci.ko.xz: ...": the file's name, '-' as '_', up to its ".ko". */
static bool is_indexed(const char *index, const char *name)
{
    const size_t n = strlen(name);

    for (const char *slash = strchr(index, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t i = 0;
        while (i < n && (slash[1 + i] == name[i] || (slash[1 + i] == '-' && name[i] == '_')))
            i++;
        if (i == n && ks_starts(slash + 1 + n, ".ko"))
            return true;
    }
    return false;
}

static void add_module(struct reader *d, const char *name)
{
    struct ks_fact_module *module;

    name = canonical(d->r->arena, name);
    for (size_t i = 0; i < d->ret->modules.n; i++)
        if (ks_streq(d->ret->modules.v[i].name, name))
            return;
    module = ks_vec_add(d->r->arena, &d->ret->modules);
    module->name = name;
    if (ks_file_exists(d->r->root, ks_sprintf(d->r->arena, "sys/module/%s", name)) || is_indexed(d->builtin, name))
        module->state = KS_MODULE_LOADED;
    else if (is_indexed(d->deps, name))
        module->state = KS_MODULE_AVAILABLE;
}

/* ---- parameters --------------------------------------------------------------------------------------------- */

static int add_parameter(struct reader *d, const char *module, const char *name)
{
    struct ks_fact_parameter *p;
    struct ks_host_module_parameter seen;

    module = canonical(d->r->arena, module);
    for (size_t i = 0; i < d->ret->parameters.n; i++)
        if (ks_streq(d->ret->parameters.v[i].module, module) && ks_streq(d->ret->parameters.v[i].name, name))
            return 0;
    if (ks_host_module_parameter_read(d->r->root, module, name, d->r->arena, &seen, d->err) < 0)
        return -1;
    p = ks_vec_add(d->r->arena, &d->ret->parameters);
    *p = (struct ks_fact_parameter){
        .module = module, .name = name, .exists = seen.exists, .writable = seen.writable, .value = seen.value};
    /* "vfio_iommu_type1.allow_unsafe_interrupts=1" on the boot line counts when the module is loaded, too. */
    for (size_t i = 0; i < d->ret->boot.n; i++) {
        const struct ks_fact_boot *boot = &d->ret->boot.v[i];
        if (ks_streq(canonical(d->r->arena, boot->key), ks_sprintf(d->r->arena, "%s.%s", module, name)))
            p->at_load = boot->value ? boot->value : "1";
    }
    return 0;
}

static void set_option(struct reader *d, const char *module, const char *option)
{
    const size_t n = strcspn(option, "=");

    for (size_t i = 0; i < d->ret->parameters.n; i++) {
        struct ks_fact_parameter *p = &d->ret->parameters.v[i];
        if (ks_streq(p->module, module) && strlen(p->name) == n && strncmp(p->name, option, n) == 0)
            p->at_load = option[n] ? option + n + 1 : "1";
    }
}

static void block_module(struct reader *d, const char *name)
{
    for (size_t i = 0; i < d->ret->modules.n; i++)
        if (ks_streq(d->ret->modules.v[i].name, name))
            d->ret->modules.v[i].blocked = true;
}

/* "options kvm_intel nested=1", "blacklist vfio-pci", "install vfio-pci /bin/false" */
static void read_line(struct reader *d, char *line)
{
    char *state = NULL;
    const char *verb = strtok_r(line, " \t", &state), *name = strtok_r(NULL, " \t", &state);
    const char *word;

    if (!verb || !name || *verb == '#')
        return;
    name = canonical(d->r->arena, name);
    if (ks_streq(verb, "blacklist"))
        block_module(d, name);
    while ((word = strtok_r(NULL, " \t", &state))) {
        if (ks_streq(verb, "options"))
            set_option(d, name, word);
        if (ks_streq(verb, "install") && (ks_streq(word, "/bin/false") || ks_streq(word, "/bin/true")))
            block_module(d, name);
    }
}

static int read_conf(struct reader *d, const char *path)
{
    char *text, *state = NULL;
    size_t len;

    if (ks_file_read(d->r->root, path, CONF_MAX, d->r->arena, &text, &len, d->err) < 0)
        return -1;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        read_line(d, line);
    return 0;
}

static bool is_known(const struct ks_strings *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (ks_streq(names->v[i], name))
            return true;
    return false;
}

static int read_confs(struct reader *d)
{
    struct ks_strings done = {0};

    for (size_t i = 0; i < KS_COUNT(conf_dirs); i++) {
        struct ks_strings names = {0};
        if (ks_dir_list_or(d->r->root, conf_dirs[i], d->r->arena, &names, d->err) < 0)
            return -1;
        for (size_t k = 0; k < names.n; k++) {
            const size_t n = strlen(names.v[k]);
            if (n < 5 || !ks_streq(names.v[k] + n - 5, ".conf") || is_known(&done, names.v[k]))
                continue;
            *ks_vec_add(d->r->arena, &done) = names.v[k];
            if (read_conf(d, ks_sprintf(d->r->arena, "%s/%s", conf_dirs[i], names.v[k])) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static int add_modules(struct reader *d)
{
    static const char *const asked[] = {"kvm_intel", "kvm_amd", "vfio_pci", "vfio_iommu_type1",
                                        "vhost_net", "tun",     "bridge"};
    const struct ks_kernel *kernel = d->r->want ? d->r->want->kernel : NULL;

    if (read_index(d, "modules.dep", &d->deps) < 0 || read_index(d, "modules.builtin", &d->builtin) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(asked); i++)
        add_module(d, asked[i]);
    if (add_parameter(d, "vfio_iommu_type1", "allow_unsafe_interrupts") < 0 ||
        add_parameter(d, "kvm_intel", "nested") < 0 || add_parameter(d, "kvm_amd", "nested") < 0)
        return -1;
    for (size_t i = 0; kernel && i < kernel->modules.n; i++) {
        const struct ks_module *module = (const struct ks_module *)kernel->modules.v[i];
        add_module(d, module->o.key);
        for (size_t k = 0; k < module->parameters.n; k++)
            if (add_parameter(d, module->o.key, module->parameters.v[k]->key) < 0)
                return -1;
    }
    return 0;
}

int ks_facts_kernel(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct reader d = {.r = r, .ret = ret, .deps = "", .builtin = "", .err = err};
    struct ks_host_knobs knobs;

    if (ks_host_knobs_read(r->root, r->arena, &knobs, err) < 0)
        return -1;
    ret->release = knobs.release;
    ret->ksm = knobs.ksm.supported;
    ret->numa_balancing = knobs.numa_balancing;
    for (size_t i = 0; i < knobs.boot.n; i++)
        *ks_vec_add(r->arena, &ret->boot) = (struct ks_fact_boot){knobs.boot.v[i].key, knobs.boot.v[i].value};
    return add_modules(&d) < 0 ? -1 : read_confs(&d);
}
