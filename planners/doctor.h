/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor: whether a host is fit, in general or for a manifest. One row a check: what in a manifest makes it
 * necessary, which facts it stands on, and a pure judgement that says what is there and how to mend it.
 */
#pragma once

#include "schema/facts.h"
#include "schema/kinds.h"

enum ks_health {
    KS_HEALTH_OK,
    KS_HEALTH_NOTE,    /* not there, and nothing asks for it */
    KS_HEALTH_UNKNOWN, /* could not be read */
    KS_HEALTH_WARNING, /* it works, but not as well as it should */
    KS_HEALTH_MISSING, /* the manifest needs it */
    KS_HEALTHS
};
const char *ks_health_name(enum ks_health health); /* "ok", "missing", ... */

struct ks_diagnosis {
    const char *check;   /* "interrupt-remapping": a row of the table */
    const char *subject; /* one of several that the check looks at ("ens1", "1GiB"), or NULL */
    enum ks_health health;
    const char *text;      /* what is there */
    const char *cure;      /* one line; NULL where nothing is to be done */
    const char *needed_by; /* what the manifest calls it: "guests.fw1.nics.fast"; or NULL */
    struct ks_loc at;      /* where it says so */
};
struct ks_diagnoses {
    size_t n, cap;
    struct ks_diagnosis *v;
    unsigned counts[KS_HEALTHS];
};

/* `want` NULL: the host in general. The facts were read for the same manifest. */
struct ks_diagnoses ks_doctor(struct ks_arena *arena, const struct ks_manifest *want, const struct ks_facts *facts);
