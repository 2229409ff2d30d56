/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/report.h"
#include "reconciler/session.h"
#include "reconciler/topology.h"

/* Hardware is drawn without libvirt, too: that it is out of reach is said, on stderr and in the drawing. */
static void connect_or_say(struct ks_session *s, struct ks_observed *seen)
{
    struct ks_error err = {0};

    ks_session_connect_start(s, false);
    if (ks_session_connect_finish(s, &err) == 0)
        return;
    (void)ks_print_error(s->options, &err);
    *ks_vec_add(s->arena, &seen->unknown) = ks_sprintf(s->arena, "guests: %s", ks_error_text(s->arena, &err));
    ks_error_done(&err);
}

static void print_json(const struct ks_topology *t)
{
    json_t *json = ks_topology_json(t);
    ks_auto(ks_freep) char *text = ks_report_dump(json);

    fputs(text, stdout);
    json_decref(json);
}

static void draw(struct ks_session *s, const struct ks_topology *t)
{
    const struct ks_topology_style style = {.color = ks_use_color(s->options, stdout),
                                            .width = ks_terminal_width(stdout)};
    struct ks_text text = {.arena = s->arena};

    if (s->options->json) {
        print_json(t);
        return;
    }
    if (s->options->svg)
        ks_topology_svg(&text, t);
    else
        ks_topology_text(&text, t, &style);
    fputs(ks_text_str(&text), stdout);
}

static int run(struct ks_session *s)
{
    struct ks_observed seen = {0};
    struct ks_topology topology;
    struct ks_observing observing = {.arena = s->arena, .root = s->root};

    ks_print_findings(s);
    if (s->findings.n_errors > 0)
        return KS_EXIT_FAILED;
    connect_or_say(s, &seen);
    observing.conn = s->conn;
    observing.outline = s->outline;
    ks_observe_picture(&observing, &seen);
    ks_topology_build(s->arena, &seen, &topology);
    draw(s, &topology);
    return KS_EXIT_OK;
}

int ks_command_topology(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_session s;
    struct ks_error err = {0};
    int status;

    if (ks_session_open(&s, options, arena, false, &err) < 0)
        status = ks_print_fatal(options, &err);
    else
        status = run(&s);
    ks_error_done(&err);
    ks_session_close(&s);
    return ks_finish_output(status);
}
