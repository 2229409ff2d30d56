/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of a secret, read from where the manifest says it is kept. It is in no message and no arena. */
#pragma once

#include "base/base.h"

struct ks_secret_value {
    unsigned char *data; /* wiped by ks_secret_value_done() */
    size_t len;
    char stamp[64]; /* size and time of last change of its file: tells a new value without telling the value */
};

/*
 * `file`: absolute, under `root`; else `credential`: a name in $CREDENTIALS_DIRECTORY (systemd). A newline at the
 * end does not count. `base64`: the text is decoded, as a ceph key is written. KS_E_NOT_FOUND, KS_E_IO;
 * KS_E_INVALID when it is empty, too long, or no base64.
 */
int ks_secret_value_read(int root, const char *file, const char *credential, bool base64,
                         struct ks_secret_value *ret, struct ks_error *err);
void ks_secret_value_done(struct ks_secret_value *v);
