/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/report.h"
#include "reconciler/session.h"

/* The files to check: the one host's, or all. A single file needs no host name: it says itself whose it is. */
static int list_files(struct ks_session *s, struct ks_strings *ret, struct ks_error *err)
{
    const char *path;

    if (s->options->all || s->source->file)
        return ks_source_manifests(s->source, s->arena, ret, err);
    if (ks_source_manifest(s->source, s->host, s->arena, &path, err) < 0)
        return ks_wrap(err, "of a directory of hosts: --host NAME, or --all");
    *ks_vec_add(s->arena, ret) = path;
    return 0;
}

static void check_files(struct ks_session *s, const struct ks_strings *files)
{
    const struct ks_manifest **all = ks_new_n(s->arena, const struct ks_manifest *, files->n + 1);

    for (size_t i = 0; i < files->n; i++) {
        const size_t errors = s->findings.n_errors;
        const struct ks_manifest *m;
        s->findings.n_errors = 0;
        m = ks_manifest_load(s->arena, &s->files, files->v[i], NULL, &s->findings);
        all[i] = m;
        s->findings.n_errors += errors;
        if (m->host && s->options->host && !s->options->all && !ks_streq(m->host, s->options->host))
            (void)ks_report(&s->findings, KS_E_CONFLICT, ks_at(&m->o, "host"),
                            "this manifest is for %s, not for %s", m->host, s->options->host);
    }
    if (s->options->all)
        ks_manifests_check(all, files->n, &s->findings);
}

static void print_result(struct ks_session *s, const struct ks_strings *files)
{
    const struct ks_findings *f = &s->findings;

    ks_print_findings(s);
    if (s->options->json) {
        json_t *json = json_object();
        if (json_object_set_new(json, "format", json_integer(KS_REPORT_FORMAT)) < 0 ||
            json_object_set_new(json, "files", json_integer((json_int_t)files->n)) < 0 ||
            json_object_set_new(json, "errors", json_integer((json_int_t)f->n_errors)) < 0 ||
            json_object_set_new(json, "findings", ks_report_findings_json(f)) < 0)
            abort();
        ks_auto(ks_freep) char *text = ks_report_dump(json);
        fputs(text, stdout);
        json_decref(json);
    } else if (f->n_errors > 0) {
        fprintf(stderr, "%zu error%s in %zu manifest%s.\n", f->n_errors, f->n_errors == 1 ? "" : "s", files->n,
                files->n == 1 ? "" : "s");
    } else if (!s->options->quiet) {
        printf("%zu manifest%s valid.\n", files->n, files->n == 1 ? " is" : "s are");
    }
}

int ks_command_validate(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_session s;
    struct ks_error err = {0};
    struct ks_strings files = {0};
    int status;

    if (ks_session_open(&s, options, arena, false, &err) < 0 || ks_session_source(&s, &err) < 0 ||
        list_files(&s, &files, &err) < 0) {
        status = ks_print_fatal(options, &err);
    } else {
        if (files.n == 0)
            (void)ks_report(&s.findings, KS_E_NOT_FOUND, KS_NOWHERE, "there is no manifest here");
        check_files(&s, &files);
        print_result(&s, &files);
        status = s.findings.n_errors > 0 ? KS_EXIT_FAILED : KS_EXIT_OK;
    }
    ks_error_done(&err);
    ks_session_close(&s);
    return ks_finish_output(status);
}
