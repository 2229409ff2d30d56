/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside schema/: what a network's XML says in more than one way. */
#pragma once

#include "schema/schema.h"

/* forward/@mode: none is no element; what another mode cannot have goes with it. */
extern const struct ks_codec ks_forward_codec;
/* forward/@dev, which libvirt repeats as the first <interface>. */
extern const struct ks_codec ks_forward_dev_codec;
/* <ip address= netmask=/> or prefix=, as address/prefix. */
extern const struct ks_codec ks_ip_codec;
/* <range start= end=/> of <dhcp>. */
extern const struct ks_codec ks_dhcp_range_codec;
