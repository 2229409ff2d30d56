/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lock: one run at a time changes a host. The kernel frees the lock with the process, however it ends. */
#pragma once

#include "base/base.h"

/*
 * Takes the lock in the state directory and leaves there who holds it. KS_E_LOCKED says who does, with process id,
 * command and since when. `write` false (a dry run): nothing is made or written; without a lock file there is
 * nothing to take, and *ret is -1. Closing *ret frees the lock.
 */
int ks_lock_take(int state_dir, bool write, int argc, char *const *argv, int *ret, struct ks_error *err);
