/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/import.h"

static int print(struct ks_session *s, const struct ks_observed *have, struct ks_error *err)
{
    struct ks_text text = {.arena = s->arena};
    const int status = ks_import_manifest(s, have, &text, err);

    if (status >= 0)
        fputs(ks_text_str(&text), stdout);
    return status;
}

static int run(struct ks_session *s, struct ks_error *err)
{
    struct ks_observing observing = {.arena = s->arena, .root = s->root, .everything = true, .keep_xml = true};
    struct ks_observed have = {0};

    ks_session_connect_start(s, false);
    if (ks_session_connect_finish(s, err) < 0 || ks_session_ledger(s, err) < 0)
        return -1;
    observing.conn = s->conn;
    observing.outline = s->outline;
    observing.ledger = s->ledger;
    if (ks_observe(&observing, &have, err) < 0)
        return -1;
    return print(s, &have, err);
}

int ks_command_import(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_session s;
    struct ks_error err = {0};
    int status = -1;

    if (ks_session_open(&s, options, arena, false, &err) == 0)
        status = run(&s, &err);
    if (status < 0)
        status = ks_print_fatal(options, &err);
    ks_error_done(&err);
    ks_session_close(&s);
    return ks_finish_output(status);
}
