/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: {"format": 1, "things": {"volume/images/data1.qcow2": {"note": "value"}}}. Held in memory, written
 * whole at each change. One that cannot be read is an error, never an empty one: what it lists is not forgotten.
 */
#include <jansson.h>
#include <pthread.h>

#include "state/state.h"

#define LEDGER_FILE "ledger.json"
enum { LEDGER_FORMAT = 1, LEDGER_MAX = 64 << 20 };

struct ks_ledger {
    int dir;
    json_t *root, *things;
    json_t *replaced; /* values that were handed out stay valid until the ledger is closed */
    pthread_mutex_t lock;
};

static int damaged(const char *what, struct ks_error *err)
{
    return ks_fail(err, KS_E_SYNTAX, KS_NOWHERE,
                   "the ledger (" LEDGER_FILE " in the state directory) is damaged: %s; moved away, the next run "
                   "starts a new one and deletes nothing that the old one listed",
                   what);
}

static int load(struct ks_ledger *l, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_error_t problem;
    char *text;
    size_t len;

    if (!ks_file_exists(l->dir, LEDGER_FILE)) {
        l->root = json_pack("{s:i, s:{}}", "format", LEDGER_FORMAT, "things");
    } else {
        if (ks_file_read(l->dir, LEDGER_FILE, LEDGER_MAX, arena, &text, &len, err) < 0)
            return -1;
        l->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
        if (!l->root)
            return damaged(problem.text, err);
        if (json_integer_value(json_object_get(l->root, "format")) != LEDGER_FORMAT)
            return damaged("its format is another version's", err);
    }
    l->things = json_object_get(l->root, "things");
    return json_is_object(l->things) ? 0 : damaged("it has no list of things", err);
}

int ks_ledger_open(int state_dir, struct ks_ledger **ret, struct ks_error *err)
{
    struct ks_ledger *l = calloc(1, sizeof *l);

    if (!l)
        abort();
    l->replaced = json_array();
    (void)pthread_mutex_init(&l->lock, NULL);
    l->dir = dup(state_dir);
    if (l->dir < 0) {
        (void)ks_fail_errno(err, "open the ledger");
    } else if (load(l, err) == 0) {
        *ret = l;
        return 0;
    }
    ks_ledger_close(l);
    return -1;
}

void ks_ledger_close(struct ks_ledger *l)
{
    if (!l)
        return;
    json_decref(l->root);
    json_decref(l->replaced);
    ks_closep(&l->dir);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Readers are const for their callers; the lock is not. */
static void lock(const struct ks_ledger *l)
{
    (void)pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&l->lock);
}

static void unlock(const struct ks_ledger *l)
{
    (void)pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&l->lock);
}

bool ks_ledger_has(const struct ks_ledger *l, const char *id)
{
    lock(l);
    const bool has = json_object_get(l->things, id) != NULL;
    unlock(l);
    return has;
}

const char *ks_ledger_note(const struct ks_ledger *l, const char *id, const char *note)
{
    lock(l);
    const char *text = json_string_value(json_object_get(json_object_get(l->things, id), note));
    unlock(l);
    return text;
}

static int write_out(struct ks_ledger *l, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = json_dumps(l->root, JSON_INDENT(1) | JSON_SORT_KEYS);

    if (!text)
        abort();
    if (ks_file_replace(l->dir, LEDGER_FILE, text, strlen(text), 0600, err) < 0)
        return ks_wrap(err, "write the ledger");
    return 0;
}

/* Sets a member of an object, or removes it (value NULL), keeping alive what stood there. */
static void put(struct ks_ledger *l, json_t *object, const char *key, json_t *value)
{
    json_t *was = json_object_get(object, key);

    if (was && json_array_append(l->replaced, was) < 0)
        abort();
    if (value && json_object_set_new(object, key, value) < 0)
        abort();
    if (!value)
        (void)json_object_del(object, key);
}

int ks_ledger_add(struct ks_ledger *l, const char *id, struct ks_error *err)
{
    int failed = 0;

    lock(l);
    if (!json_object_get(l->things, id)) {
        put(l, l->things, id, json_object());
        failed = write_out(l, err);
        if (failed) /* what is not on disk is not promised in memory either */
            put(l, l->things, id, NULL);
    }
    unlock(l);
    return failed;
}

int ks_ledger_remove(struct ks_ledger *l, const char *id, struct ks_error *err)
{
    int failed = 0;

    lock(l);
    json_t *was = json_incref(json_object_get(l->things, id));
    if (was) {
        put(l, l->things, id, NULL);
        failed = write_out(l, err);
        if (failed)
            put(l, l->things, id, json_incref(was));
    }
    json_decref(was);
    unlock(l);
    return failed;
}

int ks_ledger_set_note(struct ks_ledger *l, const char *id, const char *note, const char *value,
                       struct ks_error *err)
{
    int failed = 0;

    lock(l);
    json_t *thing = json_object_get(l->things, id);
    json_t *was = json_incref(json_object_get(thing, note));
    if (!thing && value) {
        thing = json_object();
        put(l, l->things, id, thing);
    }
    if (thing && !ks_streq(json_string_value(was), value)) {
        put(l, thing, note, value ? json_string(value) : NULL);
        failed = write_out(l, err);
        if (failed)
            put(l, thing, note, was ? json_incref(was) : NULL);
    }
    json_decref(was);
    unlock(l);
    return failed;
}

void ks_ledger_list(const struct ks_ledger *l, const char *prefix, struct ks_arena *arena, struct ks_strings *ret)
{
    const char *id;
    json_t *thing;

    *ret = (struct ks_strings){0};
    lock(l);
    json_object_foreach(l->things, id, thing) if (ks_starts(id, prefix)) * ks_vec_add(arena, ret) =
        ks_strdup(arena, id);
    unlock(l);
    for (size_t i = 1; i < ret->n; i++) { /* jansson keeps the order of insertion; mostly sorted on disk */
        const char *moving = ret->v[i];
        size_t k = i;
        for (; k > 0 && strcmp(ret->v[k - 1], moving) > 0; k--)
            ret->v[k] = ret->v[k - 1];
        ret->v[k] = moving;
    }
}
