/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: VFs that are in use while their number changes. */
#pragma once

#include "actuators/actuators.h"

/* One running guest, and what it gave up. */
struct ks_lender {
    virDomainPtr domain;
    const struct ks_guest *want;
    const char *name;
    bool off;    /* it did not let go, and was shut down */
    bool paused; /* as it was before */
    KS_VEC(struct ks_lent {
        const char *address; /* of the VF */
        const char *live;    /* the device's XML, to take it with and, where `config` is NULL, to give it back */
        const char *config;  /* as its definition has it */
    })
    devices;
};

struct ks_lenders {
    KS_VEC(struct ks_lender) v;
};
void ks_lenders_done(struct ks_lenders *lenders);

/*
 * Reads the host anew: KS_E_BLOCKED when somebody whom the plan did not count on holds a VF that goes, or that gets
 * another driver.
 */
int ks_sriov_recheck(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *planned,
                     struct ks_error *err);
/*
 * Takes the PF's VFs from the running guests that the step says it affects: live where the guest agrees in time,
 * else it is shut down. When one does neither, those before it have theirs back, and that is the error.
 */
int ks_sriov_take(struct ks_acting *a, const struct ks_step *step, const struct ks_seen_pf *pf,
                  struct ks_lenders *ret, struct ks_error *err);
/* Gives back the VFs that exist, and starts who was shut down; tries all before it fails. */
int ks_sriov_give_back(struct ks_acting *a, const struct ks_step *step, struct ks_lenders *lenders,
                       struct ks_error *err);
