/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/saved.h"

#include "reconciler/report.h"

enum { SAVED_FORMAT = 1, SAVED_MAX = 256 << 20 };
#define SAVED_MARK "kvmstate-plan"

/* ---- writing ------------------------------------------------------------------------------------------------ */

static json_t *texts_json(const struct ks_session *s)
{
    json_t *array = json_array();

    for (size_t i = 0; i < s->texts.n; i++)
        if (json_array_append_new(array, json_pack("{s:s, s:s%}", "path", s->texts.v[i].path, "text",
                                                   s->texts.v[i].text, s->texts.v[i].len)) < 0)
            return json_decref(array), NULL;
    return array;
}

static json_t *impacts_json(unsigned allow)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < KS_IMPACTS; i++)
        if (allow >> i & 1 && json_array_append_new(array, json_string(ks_impact_name(i))) < 0)
            abort();
    return array;
}

static json_t *options_json(const struct ks_session *s, const struct ks_plan_options *options)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < options->n_targets; i++)
        if (json_array_append_new(targets, json_string(options->targets[i])) < 0)
            abort();
    return json_pack("{s:s?, s:s?, s:o, s:o}", "host", s->options->host, "connect", s->connect, "allow",
                     impacts_json(options->allow), "targets", targets);
}

int ks_saved_write(struct ks_session *s, const struct ks_planned *planned, const struct ks_plan_options *options,
                   const char *path, struct ks_error *err)
{
    const struct ks_report report = {.plan = planned->plan, .have = &planned->have, .commit = s->commit};
    ks_auto(ks_closep) int dir = -1;
    json_t *root, *texts;
    int failed = -1;

    texts = texts_json(s);
    if (!texts)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "save the plan: a file of the manifest is not UTF-8 text");
    root = json_pack("{s:s, s:i, s:s, s:o, s:o, s:o}", "file", SAVED_MARK, "format", SAVED_FORMAT, "manifest",
                     s->manifest_path, "options", options_json(s, options), "texts", texts, "plan",
                     ks_report_json(&report));
    if (!root)
        abort();
    ks_auto(ks_freep) char *text = ks_report_dump(root);
    json_decref(root);
    if (ks_root_open(*path == '/' ? "/" : ".", &dir, err) == 0)
        failed = ks_file_replace(dir, path, text, strlen(text), 0600, err);
    return failed ? ks_wrap(err, "save the plan as %s", path) : 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static int not_a_plan(const char *path, const char *what, struct ks_error *err)
{
    return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is not a saved plan: %s", path, what);
}

static int load_json(const char *path, struct ks_arena *arena, json_t **ret, struct ks_error *err)
{
    ks_auto(ks_closep) int dir = -1;
    json_error_t problem;
    char *text;
    size_t len;

    if (ks_root_open(*path == '/' ? "/" : ".", &dir, err) < 0 ||
        ks_file_read(dir, path, SAVED_MAX, arena, &text, &len, err) < 0)
        return ks_wrap(err, "read the saved plan %s", path);
    *ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
    if (!*ret)
        return not_a_plan(path, problem.text, err);
    return 0;
}

/* Every text is taken out of the JSON, which may go. */
static int take_texts(struct ks_session *s, const json_t *texts)
{
    size_t i;
    json_t *entry;

    json_array_foreach(texts, i, entry)
    {
        const char *path = json_string_value(json_object_get(entry, "path"));
        const json_t *text = json_object_get(entry, "text");
        const size_t len = json_string_length(text);
        if (!path || !json_is_string(text))
            return -1;
        *ks_vec_add(s->arena, &s->texts) = (struct ks_kept_text){
            ks_strdup(s->arena, path), ks_strndup(s->arena, json_string_value(text), len), len};
    }
    return 0;
}

static char *take_text(struct ks_session *s, const json_t *object, const char *key)
{
    return ks_strdup(s->arena, json_string_value(json_object_get(object, key)));
}

static void take_commit(struct ks_session *s, const json_t *json)
{
    struct ks_source_commit *c;

    if (!json_is_object(json))
        return;
    c = ks_new(s->arena, struct ks_source_commit);
    c->id = take_text(s, json, "id");
    c->short_id = c->id ? ks_strndup(s->arena, c->id, 7) : "?";
    c->url = take_text(s, json, "url");
    c->ref = take_text(s, json, "ref");
    c->author = take_text(s, json, "author");
    c->summary = take_text(s, json, "summary");
    c->time = json_integer_value(json_object_get(json, "time"));
    s->commit = c;
}

static int take_options(struct ks_session *s, const json_t *json, struct ks_plan_options *ret)
{
    struct ks_strings targets = {0};
    enum ks_impact impact;
    size_t i;
    json_t *word;

    if (!s->options->host && take_text(s, json, "host"))
        s->host = take_text(s, json, "host");
    if (!s->options->connect)
        s->connect = take_text(s, json, "connect");
    json_array_foreach(json_object_get(json, "allow"), i, word)
    {
        if (ks_impact_parse(json_string_value(word), &impact) < 0)
            return -1;
        ret->allow |= 1U << impact;
    }
    json_array_foreach(json_object_get(json, "targets"), i, word) if (json_is_string(word)) *
        ks_vec_add(s->arena, &targets) = ks_strdup(s->arena, json_string_value(word));
    ret->targets = targets.v;
    ret->n_targets = targets.n;
    return 0;
}

int ks_saved_read(struct ks_session *s, const char *path, struct ks_saved *ret, struct ks_plan_options *options,
                  struct ks_error *err)
{
    const json_t *plan;

    *ret = (struct ks_saved){0};
    if (load_json(path, s->arena, &ret->root, err) < 0)
        return -1;
    plan = json_object_get(ret->root, "plan");
    ret->steps = json_object_get(plan, "steps");
    if (!ks_streq(json_string_value(json_object_get(ret->root, "file")), SAVED_MARK) || !json_is_array(ret->steps))
        return not_a_plan(path, "it was not written by kvmstate plan --out", err);
    if (json_integer_value(json_object_get(ret->root, "format")) != SAVED_FORMAT)
        return not_a_plan(path, "its format is another version's", err);
    s->manifest_path = take_text(s, ret->root, "manifest");
    if (!s->manifest_path || take_texts(s, json_object_get(ret->root, "texts")) < 0 ||
        take_options(s, json_object_get(ret->root, "options"), options) < 0)
        return not_a_plan(path, "parts of it are missing", err);
    take_commit(s, json_object_get(plan, "commit"));
    s->texts_complete = true;
    return 0;
}

void ks_saved_done(struct ks_saved *saved)
{
    json_decref(saved->root);
    *saved = (struct ks_saved){0};
}

/* ---- is it still so? ------------------------------------------------------------------------------------------
 */

/* Neither what consent was given for, nor what merely comes first, says anything about the host. */
static json_t *comparable(const json_t *step)
{
    json_t *copy = json_deep_copy(step);

    (void)json_object_del(copy, "held");
    (void)json_object_del(copy, "follows");
    return copy;
}

static const json_t *saved_step(const struct ks_saved *saved, const char *id)
{
    size_t i;
    json_t *step;

    json_array_foreach(saved->steps, i,
                       step) if (ks_streq(json_string_value(json_object_get(step, "id")), id)) return step;
    return NULL;
}

bool ks_saved_has(void *data, const struct ks_step *step)
{
    return saved_step(data, step->id) != NULL;
}

static const struct ks_step *current_step(const struct ks_plan *now, const char *id)
{
    for (size_t i = 0; i < now->n; i++)
        if (ks_streq(now->v[i]->id, id))
            return now->v[i];
    return NULL;
}

/* NULL, or in what way the step is not what it was. */
static const char *difference(const json_t *was, const struct ks_plan *now)
{
    const struct ks_step *step = current_step(now, json_string_value(json_object_get(was, "id")));
    json_t *json, *a, *b;
    const char *what = NULL;

    if (!step)
        return "there is nothing to do any more";
    json = ks_report_step_json(step);
    a = comparable(was);
    b = comparable(json);
    if (!json_equal(json_object_get(a, "fingerprint"), json_object_get(b, "fingerprint")))
        what = "the host was changed";
    else if (!json_equal(a, b))
        what = "the step would be another one";
    json_decref(a);
    json_decref(b);
    json_decref(json);
    return what;
}

int ks_saved_check(const struct ks_saved *saved, const struct ks_plan *now, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_text text = {.arena = arena};
    size_t i;
    json_t *step;

    json_array_foreach(saved->steps, i, step)
    {
        const char *what = difference(step, now);
        if (what)
            ks_text_addf(&text, "%s%s: %s", text.n ? "; " : "", json_string_value(json_object_get(step, "id")),
                         what);
    }
    if (text.n == 0)
        return 0;
    return ks_fail(err, KS_E_STALE, KS_NOWHERE, "the saved plan is stale: %s", ks_text_str(&text));
}
