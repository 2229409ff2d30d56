/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>

#include "base/base.h"

void ks_both(void *(*fn)(void *), void *first, void *second)
{
    pthread_t other;
    /* Where no thread is to be had, one does both. */
    const bool started = pthread_create(&other, NULL, fn, second) == 0;

    (void)fn(first);
    if (started)
        (void)pthread_join(other, NULL);
    else
        (void)fn(second);
}
