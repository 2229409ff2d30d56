/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: a thread that runs libvirt's default event loop, so that events arrive while others work. */
#pragma once

struct ks_event_loop;
/* Call before any connection is opened. NULL when it cannot be had: events then do not arrive. */
struct ks_event_loop *ks_event_loop_start(void);
/* NULL is fine. Connections must be closed before. */
void ks_event_loop_stop(struct ks_event_loop *loop);
