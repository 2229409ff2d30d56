/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/doctor.h"
#include "reconciler/report.h"
#include "reconciler/session.h"
#include "state/facts.h"

enum { CONNECT_S = 10 }; /* seconds for libvirt to answer */

struct doctor {
    struct ks_session *s;
    const struct ks_manifest *want; /* NULL: the host in general */
    struct ks_facts facts;
    struct ks_diagnoses found;
};

static const char *manifest_name(const struct doctor *d)
{
    if (!d->want)
        return NULL;
    return d->s->source ? ks_source_shown(d->s->source, d->s->arena, d->s->manifest_path) : d->s->manifest_path;
}

static void print_json(const struct doctor *d)
{
    json_t *json = ks_report_doctor_json(&d->facts, &d->found, manifest_name(d));

    if (json_object_set_new(json, "findings", ks_report_findings_json(&d->s->findings)) < 0)
        abort();
    ks_auto(ks_freep) char *text = ks_report_dump(json);
    fputs(text, stdout);
    json_decref(json);
}

static void print_text(const struct doctor *d)
{
    const struct ks_options *o = d->s->options;
    const struct ks_report_style style = {.color = ks_use_color(o, stdout), .verbose = o->verbose};
    struct ks_text text = {.arena = d->s->arena};

    ks_report_doctor(&text, &d->facts, &d->found, manifest_name(d), o->quiet, &style);
    fputs(ks_text_str(&text), stdout);
}

/* Reads the host, whether libvirt can be had or not. */
static void examine(struct doctor *d)
{
    struct ks_session *s = d->s;
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_facts_reading reading = {
        .arena = s->arena, .root = s->root, .state_path = s->state_path, .want = d->want};

    if (ks_session_connect_within(s, CONNECT_S, &err) < 0)
        reading.no_libvirt = ks_error_text(s->arena, &err);
    else
        reading.conn = s->conn;
    ks_facts_read(&reading, &d->facts);
    d->found = ks_doctor(s->arena, d->want, &d->facts);
    for (size_t i = 0; s->source && i < d->found.n; i++)
        if (d->found.v[i].at.file)
            d->found.v[i].at.file = ks_source_shown(s->source, s->arena, d->found.v[i].at.file);
}

static int run(struct doctor *d, struct ks_error *err)
{
    struct ks_session *s = d->s;
    const bool has_source = s->file || s->repo;

    ks_session_connect_start(s, false);
    if (has_source && ks_session_source(s, err) < 0)
        return ks_print_fatal(s->options, err);
    if (has_source && s->findings.n_errors == 0)
        d->want = ks_session_manifest(s, s->arena);
    examine(d);
    ks_print_findings(s);
    if (s->options->json)
        print_json(d);
    else
        print_text(d);
    return s->findings.n_errors > 0 || d->found.counts[KS_HEALTH_MISSING] > 0 ? KS_EXIT_FAILED : KS_EXIT_OK;
}

int ks_command_doctor(const struct ks_options *options, struct ks_arena *arena)
{
    static struct ks_session s; /* a connection that never comes may still write to it */
    struct doctor d = {.s = &s};
    struct ks_error err = {0};
    int status;

    if (ks_session_open(&s, options, arena, false, &err) < 0)
        status = ks_print_fatal(options, &err);
    else
        status = run(&d, &err);
    ks_error_done(&err);
    ks_session_close(&s);
    return ks_finish_output(status);
}
