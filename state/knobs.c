/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot parameters, KSM, automatic NUMA balancing, module parameters. */
#include "state/host.h"

#include <fcntl.h>
#include <sys/stat.h>

#define KSM "sys/kernel/mm/ksm"

enum { CMDLINE_MAX = 64 * 1024 };

/* ---- the kernel command line ---- */

/* Where the word that begins at `text` ends: quotes keep blanks in (Documentation/admin-guide/kernel-parameters).
 */
static char *word_end(char *text)
{
    bool quoted = false;

    for (; *text; text++) {
        if (*text == '"')
            quoted = !quoted;
        else if (!quoted && strchr(" \t\n", *text))
            break;
    }
    return text;
}

static const char *unquote(char *text)
{
    size_t n = strlen(text);

    if (n >= 1 && text[n - 1] == '"')
        text[n - 1] = '\0';
    return *text == '"' ? text + 1 : text;
}

static void add_word(struct ks_arena *arena, struct ks_host_knobs *knobs, char *word)
{
    struct ks_host_boot_parameter *p = ks_vec_add(arena, &knobs->boot);

    word = (char *)unquote(word);
    char *equals = strchr(word, '=');
    p->key = word;
    if (equals) {
        *equals = '\0';
        p->value = unquote(equals + 1);
    }
}

static int read_cmdline(int root, struct ks_arena *arena, struct ks_host_knobs *knobs, struct ks_error *err)
{
    char *text;
    size_t len;

    if (!ks_file_exists(root, "proc/cmdline"))
        return 0;
    if (ks_file_read(root, "proc/cmdline", CMDLINE_MAX, arena, &text, &len, err) < 0)
        return -1;
    while (*(text += strspn(text, " \t\n"))) {
        char *end = word_end(text);
        const bool last = *end == '\0';
        *end = '\0';
        if (ks_streq(text, "--")) /* the rest is for init */
            break;
        add_word(arena, knobs, text);
        if (last)
            break;
        text = end + 1;
    }
    return 0;
}

/* '-' and '_' are the same in names of parameters and modules. */
static bool same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

const struct ks_host_boot_parameter *ks_host_boot_parameter(const struct ks_host_knobs *knobs, const char *key)
{
    for (size_t i = knobs->boot.n; i-- > 0;)
        if (same_key(knobs->boot.v[i].key, key))
            return &knobs->boot.v[i];
    return NULL;
}

/* ---- knobs ---- */

static int read_ksm(int root, struct ks_host_ksm *ksm, struct ks_error *err)
{
    uint64_t run, merge;

    ksm->supported = ks_file_exists(root, KSM "/run");
    if (!ksm->supported)
        return 0;
    if (ks_attr_u64_or(root, KSM "/run", 0, &run, err) < 0 ||
        ks_attr_u64_or(root, KSM "/pages_to_scan", 0, &ksm->pages_to_scan, err) < 0 ||
        ks_attr_u64_or(root, KSM "/sleep_millisecs", 0, &ksm->sleep_ms, err) < 0 ||
        ks_attr_u64_or(root, KSM "/merge_across_nodes", 1, &merge, err) < 0 ||
        ks_attr_u64_or(root, KSM "/pages_shared", 0, &ksm->pages_shared, err) < 0)
        return -1;
    ksm->run = (unsigned)run;
    ksm->merge_across_nodes = merge != 0; /* the file is there on NUMA kernels only; elsewhere it makes no odds */
    return 0;
}

int ks_host_knobs_read(int root, struct ks_arena *arena, struct ks_host_knobs *ret, struct ks_error *err)
{
    *ret = (struct ks_host_knobs){0};
    if (ks_attr_text_or(root, "proc/sys/kernel/osrelease", NULL, arena, &ret->release, err) < 0 ||
        read_cmdline(root, arena, ret, err) < 0 || read_ksm(root, &ret->ksm, err) < 0 ||
        ks_attr_int_or(root, "proc/sys/kernel/numa_balancing", -1, &ret->numa_balancing, err) < 0)
        return ks_wrap(err, "reading the host's kernel settings");
    return 0;
}

int ks_host_module_parameter_read(int root, const char *module, const char *parameter, struct ks_arena *arena,
                                  struct ks_host_module_parameter *ret, struct ks_error *err)
{
    char *dir = ks_sprintf(arena, "sys/module/%s", module);
    struct stat st;

    *ret = (struct ks_host_module_parameter){0};
    for (char *c = dir; *c; c++)
        if (*c == '-')
            *c = '_';
    ret->loaded = ks_file_exists(root, dir);
    const char *path = ks_sprintf(arena, "%s/parameters/%s", dir, parameter);
    if (fstatat(root, path, &st, 0) < 0)
        return errno == ENOENT ? 0 : ks_fail_errno(err, "parameter %s of module %s", parameter, module);
    ret->exists = true;
    ret->writable = st.st_mode & S_IWUSR;
    if (!(st.st_mode & S_IRUSR))
        return 0; /* a few are write-only */
    return ks_attr_text_or(root, path, NULL, arena, &ret->value, err);
}
