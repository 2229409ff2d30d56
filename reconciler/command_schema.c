/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/session.h"

int ks_command_schema(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_text text = {.arena = arena};

    if (options->markdown)
        ks_markdown(&text, &ks_manifest_kind);
    else
        ks_json_schema(&text, &ks_manifest_kind);
    fputs(ks_text_str(&text), stdout);
    return ks_finish_output(KS_EXIT_OK);
}

/* For packagers and for the test that keeps docs/ true: what the tables of the command line say. */
int ks_command_generate(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_text text = {.arena = arena};
    struct ks_error err = {0};

    if (ks_streq(options->args.v[0], "man")) {
        ks_man_page(&text);
    } else if (ks_streq(options->args.v[0], "bash")) {
        ks_bash_completion(&text);
    } else {
        (void)ks_fail(&err, KS_E_USAGE, KS_NOWHERE, "generate takes man or bash, not '%s'", options->args.v[0]);
        const int status = ks_print_error(options, &err);
        ks_error_done(&err);
        return status;
    }
    fputs(ks_text_str(&text), stdout);
    return ks_finish_output(KS_EXIT_OK);
}
