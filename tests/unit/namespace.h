/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cmocka tests: a network namespace of the test's own, set up with iproute2. Include after cmocka.h. */
#pragma once

#include <sched.h>
#include <stdlib.h>

static inline void sh(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* A fresh, empty one for this test; skipped where that is not allowed or there are no bridges. */
static inline void enter_namespace(void)
{
    if (unshare(CLONE_NEWNET) < 0 || system("ip link add probe0 type bridge 2>/dev/null") != 0)
        skip();
    sh("ip link del probe0");
}
