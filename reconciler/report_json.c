/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan, findings and results for programs. Keys come in the order in which they are set, always the same. */
#include <inttypes.h>

#include "reconciler/json.h"
#include "reconciler/report.h"

static const char *const ops[] = {[KS_SET] = "set", [KS_UNSET] = "unset", [KS_ADD] = "add", [KS_REMOVE] = "remove"};

static json_t *field_json(const struct ks_plan_field *f)
{
    json_t *json = json_object();

    ks_json_set_text(json, "path", f->path);
    ks_json_set_text(json, "op", ops[f->op]);
    ks_json_set_text(json, "from", f->from);
    ks_json_set_text(json, "to", f->to);
    ks_json_set_text(json, "impact", ks_impact_name(f->impact));
    ks_json_set(json, "define", json_boolean(f->define));
    ks_json_set(json, "live", json_boolean(f->live));
    ks_json_set_text_if(json, "live_from", f->live_from);
    ks_json_set_text_if(json, "note", f->note);
    return json;
}

json_t *ks_report_step_json(const struct ks_step *s)
{
    char fingerprint[17];
    json_t *json = json_object(), *fields = json_array();

    (void)snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, s->fingerprint);
    ks_json_set_text(json, "id", s->id);
    ks_json_set_text(json, "kind", s->kind);
    ks_json_set_text(json, "name", s->name);
    ks_json_set_text(json, "verb", ks_verb_name(s->verb));
    ks_json_set_text(json, "action", ks_action_name(s->action));
    ks_json_set_text(json, "impact", ks_impact_name(s->impact));
    for (size_t i = 0; i < s->fields.n; i++)
        ks_json_append(fields, field_json(&s->fields.v[i]));
    ks_json_set(json, "fields", fields);
    ks_json_set_text_if(json, "reason", s->reason);
    ks_json_set_text_if(json, "held", s->held);
    ks_json_set_text_if(json, "blocked", s->blocked);
    ks_json_set(json, "pending", json_boolean(s->pending));
    ks_json_set(json, "needs", ks_json_strings(&s->needs));
    ks_json_set(json, "follows", ks_json_strings(&s->follows));
    ks_json_set(json, "affects", ks_json_strings(&s->affects));
    ks_json_set_text(json, "fingerprint", fingerprint);
    return json;
}

static json_t *commit_json(const struct ks_source_commit *c)
{
    json_t *json;

    if (!c)
        return json_null();
    json = json_object();
    ks_json_set_text(json, "id", c->id);
    ks_json_set_text(json, "url", c->url);
    ks_json_set_text(json, "ref", c->ref);
    ks_json_set_text(json, "author", c->author);
    ks_json_set_text(json, "summary", c->summary);
    ks_json_set(json, "time", json_integer((json_int_t)c->time));
    ks_json_set(json, "cached", json_boolean(c->cached));
    return json;
}

json_t *ks_report_versions_json(const struct ks_observed *have)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object();

    ks_json_set_text(json, "libvirt", have->libvirt_version ? ks_version_text(arena, have->libvirt_version) : NULL);
    ks_json_set_text(json, "qemu", have->qemu_version ? ks_version_text(arena, have->qemu_version) : NULL);
    return json;
}

static json_t *counts_json(const struct ks_plan *plan)
{
    const struct ks_plan_counts c = ks_plan_count(plan);
    const struct {
        const char *key;
        unsigned n;
    } counts[] = {
        {"create", c.create},   {"change", c.change},  {"replace", c.replace}, {"adopt", c.adopt},
        {"release", c.release}, {"delete", c.destroy}, {"held", c.held},       {"blocked", c.blocked},
        {"pending", c.pending}, {"ready", c.ready},
    };
    json_t *json = json_object();

    for (size_t i = 0; i < KS_COUNT(counts); i++)
        ks_json_set(json, counts[i].key, json_integer(counts[i].n));
    return json;
}

json_t *ks_report_json(const struct ks_report *r)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *steps = json_array(), *unknown = json_array();
    struct ks_text summary = {.arena = arena};

    ks_json_set(json, "format", json_integer(KS_REPORT_FORMAT));
    ks_json_set_text(json, "host", r->plan->host);
    ks_json_set(json, "commit", commit_json(r->commit));
    ks_json_set_text_if(json, "signer", r->signer);
    ks_json_set(json, "versions", ks_report_versions_json(r->have));
    for (size_t i = 0; i < r->plan->n; i++)
        ks_json_append(steps, ks_report_step_json(r->plan->v[i]));
    ks_json_set(json, "steps", steps);
    for (size_t i = 0; i < r->have->unknown.n; i++)
        ks_json_append(unknown, ks_json_text(r->have->unknown.v[i]));
    ks_json_set(json, "unknown", unknown);
    ks_json_set(json, "counts", counts_json(r->plan));
    ks_report_summary(&summary, r->plan);
    ks_json_set(json, "summary", json_stringn(summary.buf, summary.n - 1));
    return json;
}

static json_t *finding_json(const struct ks_finding *f)
{
    json_t *json = json_object();

    ks_json_set_text(json, "severity", f->severity == KS_ERROR ? "error" : "warning");
    ks_json_set_text(json, "code", ks_code_name(f->code));
    ks_json_set_text_if(json, "file", f->at.file);
    if (f->at.line) {
        ks_json_set(json, "line", json_integer(f->at.line));
        ks_json_set(json, "column", json_integer(f->at.col));
    }
    ks_json_set_text(json, "message", f->msg);
    ks_json_set_text_if(json, "hint", f->hint);
    return json;
}

json_t *ks_report_findings_json(const struct ks_findings *f)
{
    json_t *array = json_array();

    for (size_t i = 0; i < f->n; i++)
        ks_json_append(array, finding_json(&f->v[i]));
    return array;
}

json_t *ks_report_error_json(const struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *error = json_object();

    ks_json_set(json, "format", json_integer(KS_REPORT_FORMAT));
    ks_json_set_text(error, "code", ks_code_name(err->code));
    ks_json_set_text(error, "message", ks_error_text(arena, err));
    ks_json_set(json, "error", error);
    return json;
}

json_t *ks_report_results_json(const struct ks_execution *x)
{
    json_t *array = json_array();

    for (size_t i = 0; i < x->plan->n; i++) {
        const struct ks_step_result *r = &x->results[i];
        json_t *json = json_object();
        ks_json_set_text(json, "id", r->step->id);
        ks_json_set_text(json, "status", ks_step_status_name(r->status));
        if (r->status == KS_STEP_FAILED)
            ks_json_set_text(json, "code", ks_code_name(r->code));
        ks_json_set_text_if(json, "detail", r->detail);
        ks_json_append(array, json);
    }
    return array;
}

static json_t *diagnosis_json(const struct ks_diagnosis *d)
{
    json_t *json = json_object();

    ks_json_set_text(json, "check", d->check);
    ks_json_set_text_if(json, "subject", d->subject);
    ks_json_set_text(json, "health", ks_health_name(d->health));
    ks_json_set_text(json, "text", d->text);
    ks_json_set_text_if(json, "cure", d->cure);
    ks_json_set_text_if(json, "needed_by", d->needed_by);
    if (d->at.line) {
        ks_json_set_text_if(json, "file", d->at.file);
        ks_json_set(json, "line", json_integer(d->at.line));
        ks_json_set(json, "column", json_integer(d->at.col));
    }
    return json;
}

json_t *ks_report_doctor_json(const struct ks_facts *facts, const struct ks_diagnoses *found, const char *manifest)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *checks = json_array();

    for (size_t i = 0; i < found->n; i++)
        ks_json_append(checks, diagnosis_json(&found->v[i]));
    ks_json_set(json, "format", json_integer(KS_REPORT_FORMAT));
    ks_json_set_text(json, "host", facts->host);
    ks_json_set_text_if(json, "kernel", facts->release);
    ks_json_set_text(json, "libvirt", ks_version_text(arena, facts->have.libvirt_version));
    ks_json_set_text(json, "qemu", ks_version_text(arena, facts->have.qemu_version));
    ks_json_set_text(json, "manifest", manifest);
    ks_json_set(json, "fit", json_boolean(found->counts[KS_HEALTH_MISSING] == 0));
    ks_json_set(json, "missing", json_integer(found->counts[KS_HEALTH_MISSING]));
    ks_json_set(json, "warnings", json_integer(found->counts[KS_HEALTH_WARNING]));
    ks_json_set(json, "checks", checks);
    return json;
}

char *ks_report_dump(const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    char *line;

    if (!text || asprintf(&line, "%s\n", text) < 0)
        abort();
    free(text);
    return line;
}
