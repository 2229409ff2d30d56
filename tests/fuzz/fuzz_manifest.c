/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifests from anybody's repository. What stands behind a line "%%%" is the file that any include names. When
 * there is nothing wrong, what is printed of the manifest must load again, and print the same.
 */
#include "schema/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *main, *other;
    size_t main_len, other_len;
};

static int give(struct ks_arena *arena, const char *text, size_t len, char **ret, size_t *ret_len)
{
    *ret = ks_arena_alloc(arena, len + 1);
    if (len)
        memcpy(*ret, text, len);
    *ret_len = len;
    return 0;
}

static int read_input(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                      struct ks_error *err)
{
    const struct input *in = data;

    if (ks_streq(path, "host.yaml"))
        return give(arena, in->main, in->main_len, ret, ret_len);
    if (in->other)
        return give(arena, in->other, in->other_len, ret, ret_len);
    return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no file %s", path);
}

static const char *load(struct ks_arena *arena, struct input *in, bool *ret_closed)
{
    struct ks_findings f = {.arena = arena};
    const struct ks_files files = {in, read_input};
    const struct ks_manifest *m = ks_manifest_load(arena, &files, "host.yaml", NULL, &f);
    struct ks_text out = {.arena = arena};
    FILE *sink = fopen("/dev/null", "w");

    ks_findings_sort(&f);
    if (sink) {
        ks_findings_print(sink, &f, true);
        (void)fclose(sink);
    }
    if (f.n_errors)
        return NULL;
    *ret_closed = m->profiles.n == 0 && m->includes.n == 0; /* else it takes its other half to mean the same */
    ks_print_yaml(&out, &m->o, 0);
    return ks_text_str(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n%%%\n";
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *text = (const char *)data, *split = size ? memmem(text, size, mark, strlen(mark)) : NULL;
    struct input in = {.main = text, .main_len = split ? (size_t)(split - text) : size};
    bool closed = false;
    const char *once, *twice;

    if (split) {
        in.other = split + strlen(mark);
        in.other_len = size - in.main_len - strlen(mark);
    }
    once = load(arena, &in, &closed);
    if (!once || !closed)
        return 0;
    in = (struct input){.main = once, .main_len = strlen(once)};
    twice = load(arena, &in, &closed);
    if (!ks_streq(once, twice)) {
        fprintf(stderr, "printed\n%s\nloads as\n%s\n", once, twice ? twice : "(errors)");
        abort();
    }
    return 0;
}
