/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest in three steps: two can be taken before it is known who is wanted. Of state/ alone. */
#pragma once

#include "state/outline.h"

struct ks_xml_scratch;

/* What settling adds to a guest; the same for all of them. */
struct ks_guest_settling {
    const struct ks_observing *o;
    struct ks_strings lent; /* ids in the ledger of what runs that were cut off owe guests */
    char *boot_id;          /* of the host, or NULL when nothing asks for it */
};

/* What libvirt said of a guest, until it is settled. */
struct ks_guest_fetched {
    struct ks_guest *config, *live; /* the same as in the guest, which may not be written */
    char *config_text, *live_text;  /* libvirt's */
    struct ks_error err;
};

/* Asks libvirt, whoever wants it: for its definition, and what runs. A round trip or two, and nothing else. */
void ks_guest_fetch(const struct ks_listed_guest *listed, struct ks_guest_fetched *ret);
/* Makes fields of what came. */
void ks_guest_parse(struct ks_arena *arena, struct ks_xml_scratch *xml, const struct ks_listed_guest *listed,
                    struct ks_seen_guest *ret, struct ks_guest_fetched *fetched);
/* Adds what manifest and ledger have to do with it, and lets go of what was fetched and of the handle. */
void ks_guest_settle(const struct ks_guest_settling *with, struct ks_arena *arena, struct ks_listed_guest *listed,
                     struct ks_seen_guest *ret, struct ks_guest_fetched *fetched);
/* For one that nobody wants after all. */
void ks_guest_fetched_done(struct ks_guest_fetched *fetched);

/* "lent/PF/GUEST", and a guest's name has no '/'. */
bool ks_is_lent_by(const char *id, const char *guest);
