/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/progress.h"

#include <sys/ioctl.h>

#define ERASE "\r\033[K"

void ks_progress_init(struct ks_progress_line *p, FILE *out, bool color)
{
    struct winsize size;

    *p = (struct ks_progress_line){.out = out, .color = color, .width = 80};
    p->rewrites = isatty(fileno(out));
    if (p->rewrites && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        p->width = size.ws_col;
}

static void erase(struct ks_progress_line *p)
{
    if (p->drawn)
        fputs(ERASE, p->out);
    p->drawn = false;
}

static void draw(struct ks_progress_line *p)
{
    ks_auto(ks_freep) char *line = NULL;

    if (!p->rewrites)
        return;
    if (asprintf(&line, "%zu of %zu  %s", p->ended, p->total, p->what) < 0)
        abort();
    if (strlen(line) >= p->width)
        line[p->width - 1] = '\0';
    if (p->drawn && ks_streq(line, p->last))
        return;
    fprintf(p->out, ERASE "%s", line);
    (void)fflush(p->out);
    free(p->last);
    p->last = ks_take(line);
    p->drawn = true;
}

static const char *color_of(enum ks_step_status status)
{
    switch (status) {
    case KS_STEP_DONE:
        return "\033[32m";
    case KS_STEP_FAILED:
        return "\033[31m";
    case KS_STEP_SKIPPED:
    case KS_STEP_CANCELLED:
    case KS_STEP_PENDING:
        return "\033[33m";
    default:
        return "";
    }
}

/* "  done     guest web1": the action where it says more than the plan's verb. */
static void print_end(struct ks_progress_line *p, const struct ks_step_result *r)
{
    const char *color = p->color ? color_of(r->status) : "";
    const enum ks_action action = r->step->action;

    erase(p);
    fprintf(p->out, "  %s%-9s%s %s %s", color, ks_step_status_name(r->status), *color ? "\033[0m" : "",
            r->step->kind, r->step->name);
    if (action != KS_ACT_DEFINE && action != KS_ACT_DELETE)
        fprintf(p->out, " (%s)", ks_action_name(action));
    if (r->detail)
        fprintf(p->out, ": %s", r->detail);
    fputc('\n', p->out);
    (void)fflush(p->out);
}

void ks_progress_watch(void *data, const struct ks_execution *x, const struct ks_step_result *r, const char *what,
                       int percent)
{
    struct ks_progress_line *p = data;

    (void)x;
    if (what || r->status == KS_STEP_RUNNING) {
        int n = snprintf(p->what, sizeof p->what, "%s %s%s%s", r->step->kind, r->step->name, what ? ": " : "",
                         what ? what : "");
        if (percent >= 0 && n > 0 && (size_t)n < sizeof p->what)
            (void)snprintf(p->what + n, sizeof p->what - (size_t)n, " %d %%", percent);
        return;
    }
    p->ended++;
    print_end(p, r);
}

void ks_progress_tick(void *data, const struct ks_execution *x)
{
    struct ks_progress_line *p = data;

    if (x->acting.cancelled && *x->acting.cancelled && !p->cancel_said) {
        p->cancel_said = true;
        erase(p);
        fputs("  stopping: what runs is finished, nothing new is started\n", p->out);
        (void)fflush(p->out);
    }
    draw(p);
}

void ks_progress_end(struct ks_progress_line *p)
{
    erase(p);
    (void)fflush(p->out);
    free(p->last);
    p->last = NULL;
}
