/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: the parts of the guest's actuator. */
#pragma once

#include "actuators/actuators.h"
#include "actuators/host_write.h"
#include "actuators/run.h"

/* A domain's XML as it is now, parsed, read, and compared with what is wanted. */
struct ks_guest_doc {
    xmlDoc *doc;
    char *text; /* as libvirt gave it */
    struct ks_guest *have;
    struct ks_changes changes;
};
void ks_guest_doc_done(struct ks_guest_doc *d);
/* flags: VIR_DOMAIN_XML_INACTIVE, or 0 for the running guest. Secrets are read too: the text goes back to libvirt.
 */
int ks_guest_doc_read(struct ks_acting *a, virDomainPtr domain, unsigned flags, const struct ks_guest *want,
                      struct ks_guest_doc *ret, struct ks_error *err);

int ks_guest_lookup(struct ks_acting *a, const char *name, virDomainPtr *ret, struct ks_error *err);
/* virDomainState, or -1. */
int ks_guest_power_state(virDomainPtr domain, struct ks_error *err);

/* Makes a new guest from the manifest alone, and starts it when it is to run. */
int ks_guest_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);
/* Edits the definition in place, then changes the running guest as far as the step says. */
int ks_guest_edit(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);
/* The live half of an edit. *ret becomes KS_PENDING when the guest has not agreed to something in time. */
int ks_guest_edit_live(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, enum ks_outcome *ret,
                       struct ks_error *err);
/* Tuning calls, one for each KS_LIVE_* that is no device. */
int ks_guest_tune(struct ks_acting *a, virDomainPtr domain, const struct ks_change *change, struct ks_error *err);

/* What a start waits for, and which leases the guest had before it: those are no sign of life. */
struct ks_lease {
    const char *network, *mac;
    bool known;
    long long end; /* seconds since 1970; 0: for ever */
};
struct ks_waiting {
    const struct ks_wait *what; /* NULL: nothing */
    KS_VEC(struct ks_lease) leases;
};
/* Before the start, and after it: to the manifest's deadline, which is KS_E_TIMEOUT. What was found becomes the
 * step's remark. */
int ks_wait_begin(struct ks_acting *a, const struct ks_guest *want, virDomainPtr domain, struct ks_waiting *ret,
                  struct ks_error *err);
int ks_wait_end(struct ks_acting *a, const struct ks_step *step, const struct ks_waiting *w, virDomainPtr domain,
                struct ks_error *err);
/* The guest's agent has its end of the channel open. */
bool ks_agent_is_connected(virDomainPtr domain);

int ks_guest_start(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, bool paused,
                   struct ks_error *err);
/* Asks by agent where one answers, then by ACPI, to the manifest's deadline; then what the manifest says. */
int ks_guest_stop(struct ks_acting *a, const struct ks_step *step, virDomainPtr domain, struct ks_error *err);
/* What a run that was cut off had taken from it for a while; the step's id says of which PF. (sriov_lent.c) */
int ks_guest_give_back(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);
int ks_guest_delete(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);

/*
 * Makes the cloud-init seed that the guest is to have, when it is not there; *ret_made: it was not. In a dry run
 * nothing else.
 */
int ks_seed_make(struct ks_acting *a, const struct ks_step *step, bool *ret_made, struct ks_error *err);
/* Puts the passwords of the guest's graphics servers into a definition. */
int ks_passwords_write(struct ks_acting *a, const struct ks_guest *want, const xmlDoc *doc, struct ks_error *err);
/* Gives them to the running guest. */
int ks_passwords_update(struct ks_acting *a, const struct ks_guest *want, virDomainPtr domain,
                        struct ks_error *err);
/* Whether the step has a line for one; `live`: one for the running guest. */
bool ks_passwords_planned(const struct ks_step *step, bool live);

/* Removes the seeds of a guest that neither its definition nor the running guest names. */
void ks_seed_sweep(struct ks_acting *a, const char *name);

/* Waits `ms`, or less when the user asked to stop: -1 with KS_E_TIMEOUT then. */
int ks_pause(const struct ks_acting *a, unsigned ms, struct ks_error *err);
