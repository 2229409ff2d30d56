/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan, findings and results for programs. Keys come in the order in which they are set, always the same. */
#include <inttypes.h>

#include "reconciler/report.h"

static const char *const ops[] = {[KS_SET] = "set", [KS_UNSET] = "unset", [KS_ADD] = "add", [KS_REMOVE] = "remove"};

/* Text that is not UTF-8 (a path, a name) still gives valid JSON: its other bytes become '?'. */
static json_t *text_json(const char *text)
{
    json_t *json;
    char *copy;

    if (!text)
        return json_null();
    json = json_string(text);
    if (json)
        return json;
    copy = strdup(text);
    if (!copy)
        abort();
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    free(copy);
    return json;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        abort(); /* out of memory, or no value: both end a run */
}

static void set_text(json_t *object, const char *key, const char *text)
{
    set(object, key, text_json(text));
}

/* Left out where there is nothing to say. */
static void set_text_if(json_t *object, const char *key, const char *text)
{
    if (text)
        set_text(object, key, text);
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        abort();
}

static json_t *strings_json(const struct ks_strings *strings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < strings->n; i++)
        append(array, text_json(strings->v[i]));
    return array;
}

static json_t *field_json(const struct ks_plan_field *f)
{
    json_t *json = json_object();

    set_text(json, "path", f->path);
    set_text(json, "op", ops[f->op]);
    set_text(json, "from", f->from);
    set_text(json, "to", f->to);
    set_text(json, "impact", ks_impact_name(f->impact));
    set(json, "define", json_boolean(f->define));
    set(json, "live", json_boolean(f->live));
    set_text_if(json, "live_from", f->live_from);
    set_text_if(json, "note", f->note);
    return json;
}

json_t *ks_report_step_json(const struct ks_step *s)
{
    char fingerprint[17];
    json_t *json = json_object(), *fields = json_array();

    (void)snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, s->fingerprint);
    set_text(json, "id", s->id);
    set_text(json, "kind", s->kind);
    set_text(json, "name", s->name);
    set_text(json, "verb", ks_verb_name(s->verb));
    set_text(json, "action", ks_action_name(s->action));
    set_text(json, "impact", ks_impact_name(s->impact));
    for (size_t i = 0; i < s->fields.n; i++)
        append(fields, field_json(&s->fields.v[i]));
    set(json, "fields", fields);
    set_text_if(json, "reason", s->reason);
    set_text_if(json, "held", s->held);
    set_text_if(json, "blocked", s->blocked);
    set(json, "pending", json_boolean(s->pending));
    set(json, "needs", strings_json(&s->needs));
    set(json, "follows", strings_json(&s->follows));
    set(json, "affects", strings_json(&s->affects));
    set_text(json, "fingerprint", fingerprint);
    return json;
}

static json_t *commit_json(const struct ks_source_commit *c)
{
    json_t *json;

    if (!c)
        return json_null();
    json = json_object();
    set_text(json, "id", c->id);
    set_text(json, "url", c->url);
    set_text(json, "ref", c->ref);
    set_text(json, "author", c->author);
    set_text(json, "summary", c->summary);
    set(json, "time", json_integer((json_int_t)c->time));
    set(json, "cached", json_boolean(c->cached));
    return json;
}

static json_t *versions_json(const struct ks_observed *have)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object();

    set_text(json, "libvirt", have->libvirt_version ? ks_version_text(arena, have->libvirt_version) : NULL);
    set_text(json, "qemu", have->qemu_version ? ks_version_text(arena, have->qemu_version) : NULL);
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
        set(json, counts[i].key, json_integer(counts[i].n));
    return json;
}

json_t *ks_report_json(const struct ks_report *r)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *steps = json_array(), *unknown = json_array();
    struct ks_text summary = {.arena = arena};

    set(json, "format", json_integer(KS_REPORT_FORMAT));
    set_text(json, "host", r->plan->host);
    set(json, "commit", commit_json(r->commit));
    set_text_if(json, "signer", r->signer);
    set(json, "versions", versions_json(r->have));
    for (size_t i = 0; i < r->plan->n; i++)
        append(steps, ks_report_step_json(r->plan->v[i]));
    set(json, "steps", steps);
    for (size_t i = 0; i < r->have->unknown.n; i++)
        append(unknown, text_json(r->have->unknown.v[i]));
    set(json, "unknown", unknown);
    set(json, "counts", counts_json(r->plan));
    ks_report_summary(&summary, r->plan);
    set(json, "summary", json_stringn(summary.buf, summary.n - 1));
    return json;
}

static json_t *finding_json(const struct ks_finding *f)
{
    json_t *json = json_object();

    set_text(json, "severity", f->severity == KS_ERROR ? "error" : "warning");
    set_text(json, "code", ks_code_name(f->code));
    set_text_if(json, "file", f->at.file);
    if (f->at.line) {
        set(json, "line", json_integer(f->at.line));
        set(json, "column", json_integer(f->at.col));
    }
    set_text(json, "message", f->msg);
    set_text_if(json, "hint", f->hint);
    return json;
}

json_t *ks_report_findings_json(const struct ks_findings *f)
{
    json_t *array = json_array();

    for (size_t i = 0; i < f->n; i++)
        append(array, finding_json(&f->v[i]));
    return array;
}

json_t *ks_report_error_json(const struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *error = json_object();

    set(json, "format", json_integer(KS_REPORT_FORMAT));
    set_text(error, "code", ks_code_name(err->code));
    set_text(error, "message", ks_error_text(arena, err));
    set(json, "error", error);
    return json;
}

json_t *ks_report_results_json(const struct ks_execution *x)
{
    json_t *array = json_array();

    for (size_t i = 0; i < x->plan->n; i++) {
        const struct ks_step_result *r = &x->results[i];
        json_t *json = json_object();
        set_text(json, "id", r->step->id);
        set_text(json, "status", ks_step_status_name(r->status));
        if (r->status == KS_STEP_FAILED)
            set_text(json, "code", ks_code_name(r->code));
        set_text_if(json, "detail", r->detail);
        append(array, json);
    }
    return array;
}

static json_t *diagnosis_json(const struct ks_diagnosis *d)
{
    json_t *json = json_object();

    set_text(json, "check", d->check);
    set_text_if(json, "subject", d->subject);
    set_text(json, "health", ks_health_name(d->health));
    set_text(json, "text", d->text);
    set_text_if(json, "cure", d->cure);
    set_text_if(json, "needed_by", d->needed_by);
    if (d->at.line) {
        set_text_if(json, "file", d->at.file);
        set(json, "line", json_integer(d->at.line));
        set(json, "column", json_integer(d->at.col));
    }
    return json;
}

json_t *ks_report_doctor_json(const struct ks_facts *facts, const struct ks_diagnoses *found, const char *manifest)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_t *json = json_object(), *checks = json_array();

    for (size_t i = 0; i < found->n; i++)
        append(checks, diagnosis_json(&found->v[i]));
    set(json, "format", json_integer(KS_REPORT_FORMAT));
    set_text(json, "host", facts->host);
    set_text_if(json, "kernel", facts->release);
    set_text(json, "libvirt", ks_version_text(arena, facts->have.libvirt_version));
    set_text(json, "qemu", ks_version_text(arena, facts->have.qemu_version));
    set_text(json, "manifest", manifest);
    set(json, "fit", json_boolean(found->counts[KS_HEALTH_MISSING] == 0));
    set(json, "missing", json_integer(found->counts[KS_HEALTH_MISSING]));
    set(json, "warnings", json_integer(found->counts[KS_HEALTH_WARNING]));
    set(json, "checks", checks);
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
