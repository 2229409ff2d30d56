/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the integration tests: opens a source and prints the commit as JSON, and a file's text when PATH is given.
 * ks-source [--offline] [--silence SECONDS] STATE-DIR URL [REF [PATH]]      exit status 6 as kvmstate's
 */
#include "reconciler/source.h"
#include "reconciler/source_backends.h"

#include <jansson.h>

static int failed(struct ks_error *err)
{
    struct ks_arena *arena = ks_arena_new();

    (void)fprintf(stderr, "%s\n", ks_error_text(arena, err));
    int status = err->code == KS_E_SOURCE ? 6 : err->code == KS_E_LOCKED ? 5 : 1;
    ks_arena_free(arena);
    ks_error_done(err);
    return status;
}

static int show(struct ks_source_files *s, const char *path, struct ks_error *err)
{
    const struct ks_source_commit *c = s->commit;
    char *text = NULL;
    size_t n = 0;

    if (path && ks_source_read(s, path, s->arena, &text, &n, err) < 0)
        return -1;
    json_t *json =
        json_pack("{s:s, s:s?, s:s, s:s, s:s, s:b, s:s?, s:s?}", "id", c->id, "ref", c->ref, "author", c->author,
                  "summary", c->summary, "url", c->url, "cached", c->cached, "why", c->why_cached, "text", text);
    (void)json_dumpf(json, stdout, JSON_INDENT(1));
    json_decref(json);
    return 0;
}

int main(int argc, char **argv)
{
    struct ks_source_opts opts = {0};
    struct ks_source_files *ks_auto(ks_source_freep) s = NULL;
    struct ks_error err = {0};
    int i = 1;

    for (; i < argc && ks_starts(argv[i], "--"); i++) {
        if (ks_streq(argv[i], "--offline"))
            opts.offline_ok = true;
        else if (ks_streq(argv[i], "--silence") && i + 1 < argc)
            opts.silence_s = (unsigned)atoi(argv[++i]);
    }
    if (argc - i < 2)
        return 64;
    opts.state_dir = argv[i];
    opts.repo = argv[i + 1];
    opts.ref = i + 2 < argc && *argv[i + 2] ? argv[i + 2] : NULL;
    (void)ks_source_git_module_dir(KS_GIT_MODULE_DIR);
    if (ks_source_open(&opts, &s, &err) < 0 || show(s, i + 3 < argc ? argv[i + 3] : NULL, &err) < 0)
        return failed(&err);
    return 0;
}
