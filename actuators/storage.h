/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: what pools and volumes share. */
#pragma once

#include "actuators/guest.h"

/*
 * Pool calls fail while another runs in the same pool, or while a volume is still being made by a run that was
 * killed. kvmstate runs the steps of one pool one after another; this waits for everybody else's: true when the
 * call is to be made again. `tries` starts at 0.
 */
bool ks_storage_busy(struct ks_acting *a, unsigned *tries);
#define KS_STORAGE_TRY(a, call) \
    ({ \
        unsigned tries_ = 0; \
        int result_; \
        do \
            result_ = (call); \
        while (result_ < 0 && ks_storage_busy((a), &tries_)); \
        result_; \
    })

/* The ledger: what is made is listed before it is, and noted as being made until it is whole. */
int ks_storage_own(struct ks_acting *a, const char *id, bool making, struct ks_error *err);
int ks_storage_made(struct ks_acting *a, const char *id, struct ks_error *err);
/* The size that was asked for, where the volume has more. */
int ks_storage_note_size(struct ks_acting *a, const char *id, uint64_t asked, uint64_t has, struct ks_error *err);
int ks_storage_disown(struct ks_acting *a, const char *id, struct ks_error *err);
int ks_storage_protect(struct ks_acting *a, const char *id, bool protect, struct ks_error *err);

/* A pool's type and target path ("" when it has none), as libvirt has them. */
struct ks_storage_place {
    const char *type, *path;
    bool files; /* its volumes are files in a file system */
};
int ks_storage_place(struct ks_acting *a, virStoragePoolPtr pool, struct ks_storage_place *ret,
                     struct ks_error *err);
/* *ret NULL when there is none. */
int ks_storage_pool(struct ks_acting *a, const char *name, virStoragePoolPtr *ret, struct ks_error *err);
int ks_storage_volume(struct ks_acting *a, virStoragePoolPtr pool, const char *name, virStorageVolPtr *ret,
                      struct ks_error *err);
/* What libvirt says of a volume now, in the manifest's terms. */
int ks_storage_read(struct ks_acting *a, virStorageVolPtr volume, struct ks_volume **ret, struct ks_error *err);
/* The first element child's text is set; libxml2 escapes it. */
xmlNode *ks_storage_add(xmlNode *parent, const char *name, const char *text);

/*
 * A file of the host that a volume is filled with: opened once, so that what was checked is what is sent.
 * KS_E_CONFLICT when its SHA-256 is another.
 */
struct ks_upload {
    int fd;
    uint64_t size; /* bytes */
};
int ks_upload_open(struct ks_acting *a, const struct ks_step *step, const struct ks_volume_source *source,
                   struct ks_upload *ret, struct ks_error *err);
int ks_upload_send(struct ks_acting *a, const struct ks_step *step, const struct ks_upload *from,
                   virStorageVolPtr to, struct ks_error *err);
/* "qcow2" or "raw", by its first bytes. */
const char *ks_image_format(int fd);
