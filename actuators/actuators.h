/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * actuators: the only code that writes to the host. Each step is idempotent (done already: KS_NOOP), knows a dry
 * run (the same walk with the writes left out), refuses when the host is no longer what was planned for
 * (KS_E_STALE), and reads back what it wrote (KS_E_VERIFY).
 */
#pragma once

#include "schema/plan.h"
#include "virt/virt.h"

enum ks_outcome {
    KS_NOOP,         /* it was so already */
    KS_CHANGED,      /* done and read back */
    KS_WOULD_CHANGE, /* dry run */
    KS_PENDING,      /* asked the guest, which has not agreed yet; the definition is done */
};

/* Where actuators tell how far they are; called from any thread. percent < 0: unknown. */
struct ks_progress {
    void *data;
    void (*report)(void *data, const struct ks_step *step, const char *what, int percent);
};

/* What an actuator keeps beyond the thing itself; the reconciler gives the functions (ledger). NULL: nothing is
 * kept. */
struct ks_keeping {
    void *data;
    int (*own)(void *data, const char *id, struct ks_error *err);    /* before a thing is made */
    int (*disown)(void *data, const char *id, struct ks_error *err); /* after it is gone or released */
    int (*note)(void *data, const char *id, const char *note, const char *value, struct ks_error *err);
};

/*
 * The whole host as it is now, read anew into `arena`: for what must still hold right before a write. NULL where
 * nobody can tell; what was planned for is trusted then.
 */
struct ks_looking {
    void *data;
    int (*look)(void *data, struct ks_arena *arena, struct ks_observed *ret, struct ks_error *err);
};

struct ks_acting {
    struct ks_arena *arena; /* of this step */
    virConnectPtr conn;
    int root; /* directory descriptor of "/" or of --root */
    bool dry_run;
    const struct ks_manifest *want;
    const struct ks_observed *have;
    const struct ks_files *files; /* of the manifest's repository */
    struct ks_progress progress;
    struct ks_keeping keeping;
    struct ks_looking looking;
    const char *remark;            /* what the user wants to know of a step that is done; or NULL */
    const _Atomic bool *cancelled; /* the user asked to stop: no new waits */
};

/* One function a kind: carries out one step of that kind. */
typedef int ks_act_fn(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);
ks_act_fn ks_act_kernel, ks_act_hugepages, ks_act_sriov, ks_act_bridge, ks_act_secret, ks_act_pool, ks_act_volume,
    ks_act_network, ks_act_guest;

static inline void ks_tell(const struct ks_acting *a, const struct ks_step *step, const char *what, int percent)
{
    if (a->progress.report)
        a->progress.report(a->progress.data, step, what, percent);
}
