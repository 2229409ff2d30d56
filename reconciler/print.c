/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/ioctl.h>

#include "reconciler/report.h"
#include "reconciler/session.h"

bool ks_use_color(const struct ks_options *options, FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (options->color != KS_COLOR_AUTO)
        return options->color == KS_COLOR_ALWAYS;
    return !(no_color && *no_color) && !ks_streq(term, "dumb") && isatty(fileno(out));
}

unsigned ks_terminal_width(FILE *out)
{
    struct winsize size;

    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}

enum ks_exit ks_exit_of(const struct ks_error *err)
{
    switch (err->code) {
    case KS_E_LOCKED:
        return KS_EXIT_LOCKED;
    case KS_E_SOURCE:
        return KS_EXIT_SOURCE;
    case KS_E_STALE:
        return KS_EXIT_STALE;
    case KS_E_USAGE:
        return KS_EXIT_USAGE;
    default:
        return KS_EXIT_FAILED;
    }
}

int ks_print_error(const struct ks_options *options, const struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    if (err->at.line)
        fprintf(stderr, "%s:%u:%u: ", err->at.file, err->at.line, err->at.col);
    else
        fputs("kvmstate: ", stderr);
    fprintf(stderr, "%s\n", ks_error_text(arena, err));
    if (options->debug && err->src)
        fprintf(stderr, "  from %s:%d\n", err->src, err->src_line);
    if (err->code == KS_E_USAGE)
        fprintf(stderr, "Try 'kvmstate%s%s --help'.\n", options->command ? " " : "",
                options->command ? options->command->name : "");
    return (int)ks_exit_of(err);
}

int ks_print_fatal(const struct ks_options *options, const struct ks_error *err)
{
    if (options->json) {
        json_t *json = ks_report_error_json(err);
        ks_auto(ks_freep) char *text = ks_report_dump(json);
        fputs(text, stdout);
        json_decref(json);
    }
    return ks_print_error(options, err);
}

/* Paths in the repository become paths that the user can open. */
static const char *shown(const struct ks_session *s, const char *file)
{
    return file && s->source ? ks_source_shown(s->source, s->arena, file) : file;
}

void ks_print_findings(struct ks_session *s)
{
    struct ks_findings *f = &s->findings;

    for (size_t i = 0; i < f->n; i++)
        f->v[i].at.file = shown(s, f->v[i].at.file);
    for (size_t i = 0; i < f->sources.n; i++)
        f->sources.v[i].file = shown(s, f->sources.v[i].file);
    ks_findings_sort(f);
    if (!s->options->json)
        ks_findings_print(stderr, f, ks_use_color(s->options, stderr));
}

int ks_finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "kvmstate: cannot write to standard output: %s\n", strerror(errno));
    return status == KS_EXIT_OK ? KS_EXIT_FAILED : status;
}
