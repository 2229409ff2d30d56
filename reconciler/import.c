/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/import.h"

struct job {
    struct ks_session *s;
    struct ks_arena *arena;
    const struct ks_observed *have;
    struct ks_text *out;
    bool failed; /* something could not be read */
};

/* A comment of one line; what comes from elsewhere must not break out of it. */
static void comment(struct job *j, unsigned indent, const char *text)
{
    ks_text_addf(j->out, "%*s# ", (int)indent, "");
    for (const char *p = text; *p; p++)
        ks_text_addn(j->out, (unsigned char)*p < 0x20 || *p == 0x7f ? " " : p, 1);
    ks_text_add(j->out, "\n");
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const struct job *j, const char *name)
{
    const struct ks_strings *guests = &j->s->options->guests;

    for (size_t i = 0; i < guests->n; i++)
        if (ks_streq(guests->v[i], name))
            return true;
    return guests->n == 0;
}

static int check_asked(struct job *j, struct ks_error *err)
{
    const struct ks_strings *guests = &j->s->options->guests;
    struct ks_strings names = {0};
    const char *near;

    for (size_t i = 0; i < j->have->guests.n; i++)
        *ks_vec_add(j->arena, &names) = j->have->guests.v[i].name;
    for (size_t i = 0; i < guests->n; i++) {
        if (ks_seen_guest(j->have, guests->v[i]))
            continue;
        near = ks_nearest(guests->v[i], names.v, names.n);
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no guest '%s'%s", guests->v[i],
                       near ? ks_sprintf(j->arena, "; did you mean '%s'?", near) : "");
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

static void add_key(struct job *j, const char *key)
{
    struct ks_text quoted = {.arena = j->arena};

    ks_print_word(&quoted, key);
    ks_text_addf(j->out, "  %s:", ks_text_str(&quoted));
}

static void print_guest(struct job *j, const struct ks_seen_guest *seen, const struct ks_imported *imported)
{
    struct ks_text body = {.arena = j->arena};

    ks_print_yaml(&body, &imported->guest->o, 4);
    add_key(j, seen->name);
    ks_text_addf(j->out, "%s\n%s", body.n ? "" : " {}", ks_text_str(&body));
    if (imported->left.n)
        comment(j, 4, "These have no field here, and stay as they are:");
    for (size_t i = 0; i < imported->left.n; i++)
        comment(j, 4, ks_sprintf(j->arena, "  %s", imported->left.v[i]));
}

static void import_guest(struct job *j, const struct ks_seen_guest *seen)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    struct ks_imported imported = {0};

    if (seen->unknown) {
        comment(j, 2, ks_sprintf(j->arena, "%s: could not be read: %s", seen->name, seen->unknown));
        j->failed = true;
    } else if (!seen->persistent) {
        comment(j, 2, ks_sprintf(j->arena, "%s: transient: it has no definition to manage", seen->name));
    } else if (ks_import_guest(j->arena, seen->name, seen->config->xml, j->have, &imported, &err) < 0) {
        comment(j, 2, ks_sprintf(j->arena, "%s: left out: %s", seen->name, ks_error_text(j->arena, &err)));
        j->failed = true;
    } else {
        state_runtime(seen, imported.guest);
        print_guest(j, seen, &imported);
    }
}

static void import_guests(struct job *j)
{
    bool any = false;

    for (size_t i = 0; i < j->have->guests.n; i++) {
        const struct ks_seen_guest *seen = &j->have->guests.v[i];
        if (!is_asked_for(j, seen->name))
            continue;
        if (!any)
            ks_text_add(j->out, "\nguests:\n");
        any = true;
        import_guest(j, seen);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

int ks_import_manifest(struct ks_session *s, const struct ks_observed *have, struct ks_text *out,
                       struct ks_error *err)
{
    struct job j = {.s = s, .arena = s->arena, .have = have, .out = out};

    if (check_asked(&j, err) < 0)
        return -1;
    ks_text_addf(out, "version: 1\nhost: %s\n", s->host);
    import_guests(&j);
    return j.failed ? KS_EXIT_FAILED : KS_EXIT_OK;
}
