/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside actuators/: the parts of the volume's actuator. */
#pragma once

#include <pthread.h>

#include "actuators/storage.h"

/* The pool of a step's volume; NULL in a dry run alone, where it may be yet to be made. */
int ks_volume_pool(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr *ret, struct ks_error *err);
/* Makes it: empty, as a layer, as a copy, from a file. What a killed run left half done is made anew. */
int ks_volume_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err);
/* Makes it larger, with nobody told of it. */
int ks_volume_resize(struct ks_acting *a, virStoragePoolPtr pool, virStorageVolPtr volume, uint64_t size,
                     struct ks_error *err);
/* Notes under `id` what was asked for where it rounds up. KS_E_VERIFY when it is smaller than this. */
int ks_volume_verify_size(struct ks_acting *a, const char *id, virStorageVolPtr volume, uint64_t size,
                          struct ks_error *err);

/* Tells how far a copy is while another thread is in libvirt's call. `whole`: bytes; 0: not known, nothing is told.
 */
struct ks_volume_watch {
    struct ks_acting *a;
    const struct ks_step *step;
    const char *path; /* of the file that grows */
    uint64_t whole;
    pthread_t thread;
    _Atomic bool ended;
    bool looks;
};
void ks_volume_watch_begin(struct ks_volume_watch *w);
void ks_volume_watch_end(struct ks_volume_watch *w);
