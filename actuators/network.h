/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: the parts of the network's actuator. */
#pragma once

#include "actuators/actuators.h"

/* A network's XML as it is now, parsed, read, and compared with what is wanted. */
struct ks_network_doc {
    xmlDoc *doc;
    struct ks_network *have;
    struct ks_changes changes;
};
void ks_network_doc_done(struct ks_network_doc *d);
/* flags: VIR_NETWORK_XML_INACTIVE, or 0 for the running network. */
int ks_network_doc_read(struct ks_acting *a, virNetworkPtr network, unsigned flags, const struct ks_obj *want,
                        struct ks_network_doc *ret, struct ks_error *err);
/* No field of the step that was written (to the running network: `live`) is still different. */
int ks_network_verify(const struct ks_step *step, const struct ks_network_doc *d, bool live, struct ks_error *err);

/* Gives the running network what the step says it takes live. */
int ks_network_edit_live(struct ks_acting *a, const struct ks_step *step, virNetworkPtr network, bool *ret_changed,
                         struct ks_error *err);

/* Guests' links on the network's bridge: those there, and put back on it after it was made anew. */
int ks_network_ports(struct ks_acting *a, virNetworkPtr network, struct ks_strings *ret, struct ks_error *err);
int ks_network_plug(struct ks_acting *a, virNetworkPtr network, const struct ks_strings *ports,
                    struct ks_error *err);
