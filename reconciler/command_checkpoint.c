/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `checkpoint revert`: what a run left that was cut off; at boot. `checkpoint guard`: a guardian's own life. */
#include "reconciler/checkpoint.h"
#include "reconciler/lock.h"
#include "reconciler/session.h"

static int revert(const struct ks_options *options, struct ks_arena *arena, struct ks_error *err)
{
    struct ks_session s;
    const char *done = NULL;
    ks_auto(ks_closep) int lock = -1;
    int failed = ks_session_open(&s, options, arena, false, err);

    if (!failed && s.state >= 0)
        failed = ks_lock_take(s.state, true, options->argc, options->argv, &lock, err) < 0 ||
                 ks_checkpoint_recover(s.state, arena, NULL, &done, err) < 0;
    if (!failed && !options->quiet)
        printf("%s\n", done ? done : "No change of the network was left behind.");
    ks_session_close(&s);
    return failed ? -1 : 0;
}

int ks_command_checkpoint(const struct ks_options *options, struct ks_arena *arena)
{
    struct ks_error err = {0};
    int status = KS_EXIT_OK;

    if (ks_streq(options->args.v[0], "guard"))
        return ks_guardian_run();
    if (!ks_streq(options->args.v[0], "revert"))
        (void)ks_fail(&err, KS_E_USAGE, KS_NOWHERE, "checkpoint takes revert, not '%s'", options->args.v[0]);
    if (err.code || revert(options, arena, &err) < 0)
        status = ks_print_error(options, &err);
    ks_error_done(&err);
    return ks_finish_output(status);
}
