/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far libvirt is with a copy, which it does not say: the new file grows. */
#include "actuators/volume.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LOOK_MS = 200, BLOCK = 512 };

static void *look(void *data)
{
    struct ks_volume_watch *w = data;
    struct stat st;

    while (!w->ended) {
        if (fstatat(w->a->root, w->path + 1, &st, 0) == 0) {
            const uint64_t percent = (uint64_t)st.st_blocks * BLOCK * 100 / w->whole;
            ks_tell(w->a, w->step, "copying", percent < 100 ? (int)percent : 99);
        }
        ks_sleep_ms(LOOK_MS);
    }
    return NULL;
}

void ks_volume_watch_begin(struct ks_volume_watch *w)
{
    w->ended = false;
    w->looks = w->whole > 0 && w->a->progress.report && pthread_create(&w->thread, NULL, look, w) == 0;
}

void ks_volume_watch_end(struct ks_volume_watch *w)
{
    w->ended = true;
    if (w->looks)
        (void)pthread_join(w->thread, NULL);
}
