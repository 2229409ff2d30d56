/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "virt/virt.h"

struct ks_event_loop {
    pthread_t thread;
    atomic_bool stop;
    int timer; /* wakes the loop when it is to end */
};

static void on_timer(int timer, void *data)
{
    (void)data;
    (void)virEventUpdateTimeout(timer, -1);
}

static void *run(void *data)
{
    struct ks_event_loop *loop = data;

    while (!atomic_load(&loop->stop))
        if (virEventRunDefaultImpl() < 0)
            break;
    return NULL;
}

struct ks_event_loop *ks_event_loop_start(void)
{
    struct ks_event_loop *loop = calloc(1, sizeof *loop);

    if (!loop)
        abort();
    if (virEventRegisterDefaultImpl() == 0 && (loop->timer = virEventAddTimeout(-1, on_timer, NULL, NULL)) >= 0) {
        if (pthread_create(&loop->thread, NULL, run, loop) == 0)
            return loop;
        (void)virEventRemoveTimeout(loop->timer);
    }
    free(loop);
    return NULL;
}

void ks_event_loop_stop(struct ks_event_loop *loop)
{
    if (!loop)
        return;
    atomic_store(&loop->stop, true);
    (void)virEventUpdateTimeout(loop->timer, 0);
    (void)pthread_join(loop->thread, NULL);
    (void)virEventRemoveTimeout(loop->timer);
    free(loop);
}
