/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All guests, shared out over several threads on the one connection: the daemon formats XML in parallel, and a
 * round trip costs more than the parse. Most threads ask; one of a lower priority parses what has come, so that
 * the daemon never waits for a question, and no CPU for the daemon. They may begin before the manifest is read, for
 * libvirt has nothing else to do then, and hosts mostly have the guests that their manifest names; once it is known
 * who is wanted, the rest is left.
 */
#include <libxml/parser.h>
#include <pthread.h>
#include <sys/resource.h>

#include "schema/xml.h"
#include "state/guest.h"

enum {
    ASKING = 12,   /* more than libvirtd works on at once for a client (5): its next ones are in line */
    PARSING = 1,   /* beside them, where there are MANY guests */
    MANY = 48,     /* a thread costs as much as a read */
    BACKLOG = 256, /* texts that wait for a parser, 6 KB each; then who asks has to help */
    AT_ONCE = 8,   /* worth waking who waits for them; who asked parses what is left */
    LOWER = 10,    /* nice */
};

/* How far a guest has come. */
enum stage { LISTED, FETCHED, PARSED, SETTLED };

struct reader {
    struct ks_readers *all;
    struct ks_arena *arena;
    struct ks_xml_scratch *xml; /* once it has parsed something */
    pthread_t thread;
    bool started, parses;
};

struct ks_readers {
    struct ks_outline *outline;
    size_t n; /* of each of these, in the outline's order */
    struct ks_seen_guest *guests;
    struct ks_guest_fetched *fetched;
    enum stage *stages;
    bool *wanted;
    size_t *arrived; /* fetched, in the order in which they came */
    unsigned n_readers;
    struct reader readers[ASKING + PARSING];
    pthread_mutex_t lock; /* of what follows, and of the stages */
    pthread_cond_t told;
    unsigned n_waiting;
    bool known; /* who is wanted, and what to settle them with */
    size_t next, n_arrived, next_arrived;
    size_t next_unsettled; /* among the first n_ahead, which were taken before */
    size_t n_ahead;
    struct ks_guest_settling with;
};

/* ---- what is to be done next; under the lock ---- */

/* The next one to fetch. */
static bool take_next(struct ks_readers *all, size_t *ret)
{
    while (all->known && all->next < all->n && !all->wanted[all->next])
        all->next++;
    if (all->next == all->n)
        return false;
    *ret = all->next++;
    return true;
}

/* The next one to parse. */
static bool take_arrived(struct ks_readers *all, size_t *ret)
{
    while (all->next_arrived < all->n_arrived) {
        *ret = all->arrived[all->next_arrived++];
        if (!all->known || all->wanted[*ret])
            return true;
    }
    return false;
}

/* The next that was parsed ahead; who is still at one settles it himself. */
static bool take_unsettled(struct ks_readers *all, size_t *ret)
{
    for (; all->known && all->next_unsettled < all->n_ahead; all->next_unsettled++)
        if (all->wanted[all->next_unsettled] && all->stages[all->next_unsettled] == PARSED) {
            *ret = all->next_unsettled++;
            return true;
        }
    return false;
}

static bool take_any(struct reader *r, size_t *ret)
{
    struct ks_readers *all = r->all;

    if (r->parses)
        return take_arrived(all, ret) || take_unsettled(all, ret);
    if (all->n_arrived - all->next_arrived >= BACKLOG && take_arrived(all, ret))
        return true;
    return take_next(all, ret) || take_arrived(all, ret) || take_unsettled(all, ret);
}

/* Waits for texts to parse, and where it is not known yet who is wanted. false: there is nothing left to do. */
static bool take(struct reader *r, size_t *ret, enum stage *stage)
{
    struct ks_readers *all = r->all;
    bool found;

    (void)pthread_mutex_lock(&all->lock);
    while (!(found = take_any(r, ret)) && (!all->known || all->next < all->n)) {
        all->n_waiting++;
        (void)pthread_cond_wait(&all->told, &all->lock);
        all->n_waiting--;
    }
    if (found)
        *stage = all->stages[*ret];
    else if (all->n_waiting > 0)
        (void)pthread_cond_broadcast(&all->told);
    (void)pthread_mutex_unlock(&all->lock);
    return found;
}

/* ---- doing it ---- */

static void fetch(struct ks_readers *all, size_t i)
{
    ks_guest_fetch(&all->outline->guests.v[i], &all->fetched[i]);
    (void)pthread_mutex_lock(&all->lock);
    all->stages[i] = FETCHED;
    all->arrived[all->n_arrived++] = i;
    if (all->n_waiting > 0 && all->n_arrived - all->next_arrived >= AT_ONCE)
        (void)pthread_cond_signal(&all->told);
    (void)pthread_mutex_unlock(&all->lock);
}

static void settle(struct reader *r, size_t i)
{
    struct ks_readers *all = r->all;

    ks_guest_settle(&all->with, r->arena, &all->outline->guests.v[i], &all->guests[i], &all->fetched[i]);
}

static void parse(struct reader *r, size_t i)
{
    struct ks_readers *all = r->all;
    bool known;

    if (!r->xml)
        r->xml = ks_xml_scratch_new();
    ks_guest_parse(r->arena, r->xml, &all->outline->guests.v[i], &all->guests[i], &all->fetched[i]);
    (void)pthread_mutex_lock(&all->lock);
    known = all->known && all->wanted[i];
    all->stages[i] = known ? SETTLED : PARSED;
    (void)pthread_mutex_unlock(&all->lock);
    if (known)
        settle(r, i);
}

static void *read_on(void *data)
{
    struct reader *r = data;
    enum stage stage;
    size_t i;

    if (r->parses)
        (void)setpriority(PRIO_PROCESS, 0, LOWER); /* of this thread */
    while (take(r, &i, &stage))
        if (stage == LISTED)
            fetch(r->all, i);
        else if (stage == FETCHED)
            parse(r, i);
        else
            settle(r, i);
    if (r->xml)
        ks_xml_scratch_free(r->xml);
    return NULL;
}

static struct ks_readers *make(struct ks_outline *outline)
{
    struct ks_arena *arena = outline->arena;
    struct ks_readers *all = ks_new(arena, struct ks_readers);

    all->outline = outline;
    all->n = outline->guests.n;
    all->guests = ks_new_n(arena, struct ks_seen_guest, all->n + 1);
    all->fetched = ks_new_n(arena, struct ks_guest_fetched, all->n + 1);
    all->stages = ks_new_n(arena, enum stage, all->n + 1);
    all->wanted = ks_new_n(arena, bool, all->n + 1);
    all->arrived = ks_new_n(arena, size_t, all->n + 1);
    (void)pthread_mutex_init(&all->lock, NULL);
    (void)pthread_cond_init(&all->told, NULL);
    xmlInitParser();
    return all;
}

/* One for every four guests is plenty. The first reader is the caller. */
static void start(struct ks_readers *all, size_t n_guests)
{
    const unsigned asking = n_guests / 4 + 1 < ASKING ? (unsigned)(n_guests / 4 + 1) : ASKING;

    all->n_readers = asking + (n_guests < MANY ? 0 : PARSING);
    for (unsigned i = 0; i < all->n_readers; i++) {
        struct reader *r = &all->readers[i];
        r->all = all;
        r->arena = ks_arena_new();
        r->parses = i >= asking;
        /* Where no thread is to be had, fewer read more. */
        r->started = i > 0 && pthread_create(&r->thread, NULL, read_on, r) == 0;
    }
}

void ks_readers_ahead(struct ks_outline *outline)
{
    if (outline->failed.code != KS_E_NONE || outline->readers || outline->guests.n < 4)
        return;
    outline->readers = make(outline);
    start(outline->readers, outline->guests.n);
}

/* Says who is wanted; NULL: nobody. */
static void tell(struct ks_readers *all, const bool *wanted)
{
    (void)pthread_mutex_lock(&all->lock);
    for (size_t i = 0; wanted && i < all->n; i++)
        all->wanted[i] = wanted[i];
    all->known = true;
    all->n_ahead = all->next;
    (void)pthread_cond_broadcast(&all->told);
    (void)pthread_mutex_unlock(&all->lock);
}

/* Sees the readers, who have been told, to their end. What they read goes to the arena. */
static void finish(struct ks_readers *all, struct ks_arena *arena)
{
    (void)read_on(&all->readers[0]);
    for (unsigned i = 0; i < all->n_readers; i++) {
        if (all->readers[i].started)
            (void)pthread_join(all->readers[i].thread, NULL);
        if (arena)
            ks_arena_join(arena, all->readers[i].arena);
        else
            ks_arena_free(all->readers[i].arena);
    }
    for (size_t i = 0; i < all->n; i++)
        ks_guest_fetched_done(&all->fetched[i]); /* of those that nobody wanted */
    (void)pthread_cond_destroy(&all->told);
    (void)pthread_mutex_destroy(&all->lock);
}

void ks_readers_free(struct ks_readers *all)
{
    if (!all)
        return;
    tell(all, NULL);
    finish(all, NULL);
}

void ks_readers_read(struct ks_outline *outline, const struct ks_guest_settling *with, const bool *wanted,
                     struct ks_observed *ret)
{
    struct ks_readers *all = outline->readers ? outline->readers : make(outline);
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++)
        n += wanted[i];
    all->with = *with;
    tell(all, wanted);
    if (!outline->readers)
        start(all, n);
    outline->readers = NULL;
    finish(all, with->o->arena);
    ret->guests.v = ks_new_n(with->o->arena, struct ks_seen_guest, n + 1);
    ret->guests.n = ret->guests.cap = n;
    n = 0;
    for (size_t i = 0; i < all->n; i++)
        if (wanted[i])
            ret->guests.v[n++] = all->guests[i];
}
