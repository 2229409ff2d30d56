/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virt: what observers and actuators both need of libvirt: a connection, its errors as ours, and cleanups.
 */
#pragma once

#include "base/base.h"
#include "virt/table.h"

/*
 * Loads libvirt, once for all threads: 10 ms, in which manifests can be read. ks_connect() does it; who calls
 * libvirt before, calls this before. KS_E_VIRT.
 */
int ks_virt_load(struct ks_error *err);

/*
 * Opens the connection (uri NULL: libvirt's default). libvirt's own error handler is silenced; errors come back as
 * KS_E_VIRT with libvirt's message.
 */
int ks_connect(const char *uri, bool read_only, virConnectPtr *ret, struct ks_error *err);

/* libvirt runs on this host: the paths that it names are this host's. */
bool ks_virt_is_local(virConnectPtr conn);

/* Fills *err from libvirt's last error of this thread, ": message" behind the text; returns -1. */
int ks_fail_virt_(struct ks_error *err, const char *src, int src_line, const char *fmt, ...) KS_PRINTF(4, 5);
#define ks_fail_virt(err, ...) ks_fail_virt_((err), __FILE__, __LINE__, __VA_ARGS__)
/* The number (VIR_ERR_NO_DOMAIN, ...) of libvirt's last error of this thread; VIR_ERR_OK when there is none. */
int ks_virt_errno(void);

#define KS_VIRT_CLEANUP_(name, type, free_fn) \
    static inline void ks_##name##p(type *p) \
    { \
        if (*p) \
            (void)free_fn(*p); \
    }
KS_VIRT_CLEANUP_(conn, virConnectPtr, virConnectClose)
KS_VIRT_CLEANUP_(domain, virDomainPtr, virDomainFree)
KS_VIRT_CLEANUP_(pool, virStoragePoolPtr, virStoragePoolFree)
KS_VIRT_CLEANUP_(volume, virStorageVolPtr, virStorageVolFree)
KS_VIRT_CLEANUP_(network, virNetworkPtr, virNetworkFree)
KS_VIRT_CLEANUP_(secret, virSecretPtr, virSecretFree)
