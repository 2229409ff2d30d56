/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "actuators/actuators.h"

/*
 * Runs argv[0], an absolute path, with no input, to a deadline; argv ends with NULL. An exit status that is not 0
 * is KS_E_IO with the end of what it wrote to stderr; KS_E_TIMEOUT when it was killed for the time or for the user.
 */
int ks_run(const struct ks_acting *a, const char *const *argv, unsigned timeout_ms, struct ks_error *err);
