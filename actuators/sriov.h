/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: VFs that are in use while their number changes. */
#pragma once

#include "actuators/actuators.h"
#include "schema/lent.h"

/* One running guest, and what it gave up. What it is owed stands in the ledger until it has it back. */
struct ks_lender {
    virDomainPtr domain;
    const struct ks_guest *want; /* or NULL: the manifest does not name it */
    const char *name;
    struct ks_lent lent;
};
void ks_lender_done(struct ks_lender *lender);

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

/* ---- one lender (sriov_lent.c) ---- */

/* Looks up the domain by name; what it is, and whether it is paused, goes into ->lent. */
int ks_lender_open(struct ks_acting *a, struct ks_lender *lender, struct ks_error *err);
/* Writes down what is owed, before it is taken. */
int ks_lender_remember(struct ks_acting *a, const struct ks_lender *lender, struct ks_error *err);
/* 1: it has let go of all of them, or is off; 0: not in time. */
int ks_lender_wait(struct ks_acting *a, const struct ks_lender *lender, struct ks_error *err);
bool ks_lender_has(struct ks_acting *a, const struct ks_lender *lender, const struct ks_lent_device *device);
struct ks_step ks_lender_power(const struct ks_step *step, const struct ks_lender *lender);
/* Of the running guest, or with VIR_DOMAIN_XML_INACTIVE its definition. */
xmlDoc *ks_lender_doc(const struct ks_lender *lender, unsigned flags, struct ks_error *err);
/* The first node under <devices>, or NULL. */
const xmlNode *ks_lender_devices(xmlDoc *doc);
/* The PCI device that a <hostdev>, or an <interface> that is one, passes through; else NULL. */
const char *ks_lender_source(struct ks_arena *arena, const xmlNode *device);
/* The definition's element of a device as it runs: a nic from a pool of VFs has no VF there, but the same MAC. */
const xmlNode *ks_lender_find(struct ks_arena *arena, xmlDoc *config, const xmlNode *live);
