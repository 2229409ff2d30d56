/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <malloc.h>

#include "reconciler/session.h"

static int show_help(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_text text = {.arena = arena};

    if (options->version)
        ks_version_line(&text);
    else
        ks_help_text(&text, options->command);
    fputs(ks_text_str(&text), stdout);
    return ks_finish_output(KS_EXIT_OK);
}

int main(int argc, char **argv)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_options options;
    struct ks_error err = {0};
    int status;

    /* Threads wait for libvirt far more than they allocate: an arena for each would cost its pages, and no more. */
    (void)mallopt(M_ARENA_MAX, 2);
    if (ks_options_parse(arena, argc, argv, &options, &err) < 0) {
        status = ks_print_error(&options, &err);
        ks_error_done(&err);
        return status;
    }
    if (options.help || options.version)
        return show_help(&options, arena);
    return options.command->run(&options, arena);
}
