/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to actuators/host_*.c. */
#pragma once

#include "actuators/host.h"

/* Logs a write; true: do it, false: a dry run, leave it out. */
bool ks_write_now(struct ks_writes *w, const char *fmt, ...) KS_PRINTF(2, 3);
bool ks_write_cancelled(const struct ks_writes *w);
/* CLOCK_MONOTONIC in milliseconds. */
uint64_t ks_now_ms(void);
void ks_sleep_ms(unsigned ms);

struct ks_attr_text {
    const char *path, *text;
};
struct ks_attr_writes {
    const struct ks_attr_text *v;
    size_t n;
    const struct ks_attr_text *orphaned; /* what the child writes last when its parent was killed; or NULL */
    uint32_t timeout_ms;
};
/*
 * Writes to attributes, in order, in a child that is left behind when the deadline passes (KS_E_TIMEOUT).
 * *ret_failed: the index of the one that the kernel refused.
 */
int ks_attrs_write_by_child(int root, const struct ks_attr_writes *writes, size_t *ret_failed,
                            struct ks_error *err);
