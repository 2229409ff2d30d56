/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/import.h"

void ks_import_note(struct ks_importing *i, const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    *(struct ks_import_note *)ks_vec_add(i->arena, &i->notes) =
        (struct ks_import_note){path, ks_vsprintf(i->arena, fmt, ap)};
    va_end(ap);
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const struct ks_importing *i, const char *name)
{
    const struct ks_strings *guests = &i->s->options->guests;

    for (size_t k = 0; k < guests->n; k++)
        if (ks_streq(guests->v[k], name))
            return true;
    return guests->n == 0;
}

static int check_asked(struct ks_importing *i, struct ks_error *err)
{
    const struct ks_strings *guests = &i->s->options->guests;
    struct ks_strings names = {0};
    const char *near;

    for (size_t k = 0; k < i->have->guests.n; k++)
        *ks_vec_add(i->arena, &names) = i->have->guests.v[k].name;
    for (size_t k = 0; k < guests->n; k++) {
        if (ks_seen_guest(i->have, guests->v[k]))
            continue;
        near = ks_nearest(guests->v[k], names.v, names.n);
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no guest '%s'%s", guests->v[k],
                       near ? ks_sprintf(i->arena, "; did you mean '%s'?", near) : "");
    }
    return 0;
}

/* A new guest is made stopped, and does not start with the host: that needs no word. */
static void state_runtime(const struct ks_seen_guest *seen, struct ks_guest *want)
{
    if (seen->state != KS_GUEST_STOPPED) {
        want->state = seen->state;
        ks_mark(&want->o, "state");
    }
    if (seen->autostart) {
        want->autostart = true;
        ks_mark(&want->o, "autostart");
    }
    if (seen->protect) {
        want->protect = true;
        ks_mark(&want->o, "protect");
    }
}

static bool is_volume(const struct ks_importing *i, const char *id)
{
    const char *slash = strchr(id, '/');
    const struct ks_seen_pool *pool;

    if (!slash || ks_check_volume(i->arena, &id))
        return false;
    pool = ks_seen_pool(i->have, ks_strndup(i->arena, id, (size_t)(slash - id)));
    return pool && !pool->unknown && pool->volumes_known && ks_map_get(&pool->volumes, slash + 1);
}

/* A file in a pool that libvirt has is a volume of it, and easier to read as one. */
static void name_volumes(struct ks_importing *i, const struct ks_seen_guest *seen, struct ks_guest *want)
{
    for (size_t k = 0; k < want->disks.n; k++) {
        struct ks_disk *disk = (struct ks_disk *)want->disks.v[k];
        const struct ks_disk *have = (const struct ks_disk *)ks_map_get(&seen->config->disks, disk->o.key);
        if (!have || !have->volume || !is_volume(i, have->volume) ||
            !(ks_has(&disk->o, "file") || ks_has(&disk->o, "block")))
            continue;
        ks_unmark(&disk->o, "file");
        ks_unmark(&disk->o, "block");
        disk->file = disk->block = NULL;
        disk->volume = have->volume;
        ks_mark(&disk->o, "volume");
    }
}

static void import_guest(struct ks_importing *i, const struct ks_seen_guest *seen)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    const char *path = ks_sprintf(i->arena, "guests.%s", seen->name);
    struct ks_imported imported = {0};

    if (seen->unknown) {
        ks_import_note(i, NULL, "%s: could not be read: %s", path, seen->unknown);
        i->failed = true;
        return;
    }
    if (!seen->persistent) {
        ks_import_note(i, NULL, "%s: transient: it has no definition to manage", path);
        return;
    }
    if (ks_import_guest(i->arena, seen->name, seen->config->xml, i->have, &imported, &err) < 0) {
        ks_import_note(i, NULL, "%s: left out: %s", path, ks_error_text(i->arena, &err));
        i->failed = true;
        return;
    }
    state_runtime(seen, imported.guest);
    name_volumes(i, seen, imported.guest);
    for (size_t k = 0; k < imported.left.n; k++)
        ks_import_note(i, path, "%s", imported.left.v[k]);
    ks_map_put(i->arena, &i->m->guests, &imported.guest->o);
    ks_mark(&i->m->o, "guests");
}

static void import_guests(struct ks_importing *i)
{
    for (size_t k = 0; k < i->have->guests.n; k++)
        if (is_asked_for(i, i->have->guests.v[k].name))
            import_guest(i, &i->have->guests.v[k]);
}

/* ---- the text ----------------------------------------------------------------------------------------------- */

/* A comment of one line; what comes from elsewhere must not break out of it. */
static void add_comment(struct ks_text *out, unsigned indent, const char *text)
{
    ks_text_addf(out, "%*s# ", (int)indent, "");
    for (const char *p = text; *p; p++)
        ks_text_addn(out, (unsigned char)*p < 0x20 || *p == 0x7f ? " " : p, 1);
    ks_text_add(out, "\n");
}

/* Behind the thing, a line each. */
static void add_notes(struct ks_importing *i, struct ks_text *out, const char *path, unsigned indent)
{
    bool any = false;

    for (size_t k = 0; k < i->notes.n; k++) {
        const struct ks_import_note *note = &i->notes.v[k];
        if (!ks_streq(note->path, path))
            continue;
        if (!any)
            add_comment(out, indent, path ? "Not in the manifest's words, and left as it is:" : "Left out:");
        any = true;
        add_comment(out, indent, ks_sprintf(i->arena, "  %s", note->line));
    }
}

/* One map of the manifest, a thing at a time, with its notes behind each. */
static void add_map(struct ks_importing *i, struct ks_text *out, const struct ks_field *field)
{
    const struct ks_map *map = ks_member(&i->m->o, field);

    ks_text_addf(out, "\n%s:\n", field->key);
    for (size_t k = 0; k < map->n; k++) {
        const struct ks_obj *obj = map->v[k];
        const char *path = ks_sprintf(i->arena, "%s.%s", field->key, obj->key);
        struct ks_text one = {.arena = i->arena};
        ks_print_entry(&one, field, obj, 2, ks_streq(field->key, "guests") || ks_streq(field->key, "volumes"));
        ks_text_add(out, ks_text_str(&one));
        add_notes(i, out, path, 4);
    }
}

static void print(struct ks_importing *i, struct ks_text *out)
{
    ks_text_addf(out, "version: 1\nhost: %s\n", i->s->host);
    for (unsigned k = 0; k < ks_manifest_kind.n_fields; k++) {
        const struct ks_field *field = &ks_manifest_kind.fields[k];
        if (!ks_stated_i(&i->m->o, k) || field->flags & KS_F_REQUIRED)
            continue;
        if (field->type == KS_MAP) {
            if (((const struct ks_map *)ks_member(&i->m->o, field))->n)
                add_map(i, out, field);
        } else {
            struct ks_manifest one = *i->m;
            one.o.stated = UINT64_C(1) << k;
            ks_text_add(out, "\n");
            ks_print_yaml(out, &one.o, 0);
        }
    }
    for (size_t k = 0; k < i->notes.n; k++) {
        if (i->notes.v[k].path)
            continue;
        ks_text_add(out, "\n");
        add_notes(i, out, NULL, 0);
        break;
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

/* A path of the manifest as that of the thing, and what is below it: "guests.web1" and "nics.lan.mac: ...". */
static void note_taken_out(struct ks_importing *i, const char *line)
{
    for (size_t k = 0; k < i->m->guests.n; k++) {
        const char *path = ks_sprintf(i->arena, "guests.%s", i->m->guests.v[k]->key);
        const size_t n = strlen(path);
        if (ks_starts(line, path) && line[n] == '.') {
            ks_import_note(i, path, "%s", line + n + 1);
            return;
        }
    }
    ks_import_note(i, NULL, "%s", line);
}

int ks_import_manifest(struct ks_session *s, const struct ks_observed *have, struct ks_text *out,
                       struct ks_error *err)
{
    struct ks_importing i = {.s = s, .arena = s->arena, .have = have};
    struct ks_strings taken_out = {0};

    i.m = (struct ks_manifest *)ks_obj_new(s->arena, &ks_manifest_kind, NULL);
    i.m->version = 1;
    i.m->host = s->host;
    if (check_asked(&i, err) < 0)
        return -1;
    import_guests(&i);
    if (s->options->guests.n == 0)
        ks_import_host(&i);
    ks_import_make_valid(s->arena, i.m, &taken_out);
    for (size_t k = 0; k < taken_out.n; k++)
        note_taken_out(&i, taken_out.v[k]);
    print(&i, out);
    return i.failed ? KS_EXIT_FAILED : KS_EXIT_OK;
}
