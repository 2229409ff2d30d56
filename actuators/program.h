/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: another program, where libvirt and the kernel have no call for a thing. */
#pragma once

#include "actuators/actuators.h"

/* Runs it to its end without input; what it said is in the error. KS_E_TIMEOUT when it had to be killed. */
int ks_program_run(struct ks_acting *a, char *const argv[], unsigned timeout_ms, struct ks_error *err);
