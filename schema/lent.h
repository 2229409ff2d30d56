/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run has taken from a running guest for a while, and owes it: a PF's VFs, while their number changes. It is
 * written ahead, as XML, so that the next run gives back what a run that was cut off could not.
 */
#pragma once

#include "schema/schema.h"

struct ks_lent_device {
    const char *address; /* of the VF */
    unsigned index;      /* of the VF */
    const char *live;    /* the device's XML as the guest ran with it */
    bool defined;        /* the guest's definition had it, too: it gets what that says, or nothing */
    bool is_there;       /* the host has the VF now; filled by who observes, and not kept */
};

struct ks_lent {
    const char *pf;   /* its PCI address */
    const char *boot; /* of the host: the kernel's boot_id; "" where it is not known */
    const char *uuid; /* the guest's */
    int id;           /* libvirt's id of it while it ran so */
    bool off;         /* it is shut down because it did not let go, and started again */
    bool paused;      /* it was when it was taken from */
    bool giving;      /* all were taken: they are being given back */
    KS_VEC(struct ks_lent_device) devices;
};
struct ks_lents {
    KS_VEC(struct ks_lent) v;
};

/* "lent/PF/GUEST": its id in the ledger, which has the text as the note "what". */
#define KS_LENT_PREFIX "lent/"
#define KS_LENT_NOTE "what"
const char *ks_lent_id(struct ks_arena *arena, const char *pf, const char *guest);

const char *ks_lent_text(struct ks_arena *arena, const struct ks_lent *lent);
/* KS_E_SYNTAX: it is none. */
int ks_lent_read(struct ks_arena *arena, const char *text, struct ks_lent *ret, struct ks_error *err);
/* Of the step that gives it back: "guest/GUEST:give-back/PF". */
const char *ks_lent_step_id(struct ks_arena *arena, const char *pf, const char *guest);
#define KS_LENT_STEP "give-back/"
