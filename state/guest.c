/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests: one read of each definition (and of the live XML of those that run), shared out over several threads on
 * the one connection: the daemon formats XML in parallel, and a round trip costs more than the parse. Which there
 * are, and what lists tell of them, is in the outline.
 */
#include "state/outline.h"

#include <libxml/parser.h>
#include <pthread.h>
#include <stdatomic.h>

#include "schema/mark.h"
#include "schema/xml.h"

enum { READERS = 12 }; /* more than libvirtd works on at once for a client (5): its next ones are in line */

struct reading {
    struct ks_observing *o;
    size_t n;
    struct ks_listed_guest **listed;
    struct ks_strings lent;       /* ids in the ledger of what runs that were cut off owe guests */
    struct ks_seen_guest *guests; /* one for each that is listed, in the same order */
    char *boot_id;                /* of the host, or NULL when nothing asks for it */
    atomic_size_t next;
};

struct reader {
    struct reading *all;
    struct ks_arena *arena;
    struct ks_xml_scratch *xml;
    pthread_t thread;
    bool started;
};

/* Fragments are compared with the whole of the XML, which is kept for those guests alone that state some. */
static bool states_fragments(const struct ks_observing *o, const char *name)
{
    const struct ks_obj *want = o->want ? ks_map_get(&o->want->guests, name) : NULL;

    return o->keep_xml || (want && ks_has(want, "xml"));
}

/* Of firmware that libvirt chooses itself, only the XML of a running guest names the store. */
static bool has_nvram(const xmlNode *domain)
{
    const xmlNode *os = ks_xml_child(domain, "os");

    return os && (ks_xml_child(os, "nvram") || ks_streq(ks_xml_attr(os, "firmware"), "efi"));
}

static const struct ks_guest *parse(struct reader *r, const char *text, struct ks_seen_guest *guest,
                                    struct ks_error *err)
{
    xmlNode *root = ks_xml_scratch_parse(r->xml, text, strlen(text), err);
    struct ks_guest_mark mark;
    struct ks_guest *ret;

    if (!root)
        return NULL;
    ret = (struct ks_guest *)ks_obj_new(r->arena, &ks_guest_kind, guest->name);
    ks_xml_read(r->arena, root, &ret->o);
    if (states_fragments(r->all->o, guest->name))
        ret->xml = ks_strdup(r->arena, text);
    ks_guest_mark_read(root, &mark);
    guest->has_nvram = guest->has_nvram || has_nvram(root);
    guest->owned = guest->owned || mark.owned;
    guest->protect = guest->protect || mark.protect;
    ks_obj_forget_xml(&ret->o);
    return ret;
}

static const struct ks_guest *read_xml(struct reader *r, virDomainPtr domain, unsigned flags,
                                       struct ks_seen_guest *guest, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virDomainGetXMLDesc(domain, flags);

    if (!text) {
        (void)ks_fail_virt(err, "read the definition of guest %s", guest->name);
        return NULL;
    }
    guest->hash = ks_hash_long(guest->hash, text, strlen(text));
    return parse(r, text, guest, err);
}

static unsigned state_of(const struct ks_listed_guest *listed, const struct ks_seen_guest *guest)
{
    if (guest->id < 0)
        return KS_GUEST_STOPPED;
    return listed->flags & KS_LISTED_PAUSED ? KS_GUEST_PAUSED : KS_GUEST_RUNNING;
}

/* "BOOT-ID ID PATHS", noted when the definition was written: good while the guest has not been off since. */
static const char *read_pending(struct reader *r, const struct ks_seen_guest *guest)
{
    const struct reading *all = r->all;
    const char *note, *expected;

    if (!all->o->ledger || !all->boot_id || guest->id < 0)
        return NULL;
    note = ks_ledger_note(all->o->ledger, ks_sprintf(r->arena, "guest/%s", guest->name), "pending");
    expected = ks_sprintf(r->arena, "%s %d ", all->boot_id, guest->id);
    return note && ks_starts(note, expected) ? ks_strdup(r->arena, note + strlen(expected)) : NULL;
}

/* "lent/PF/GUEST", and a guest's name has no '/'. */
static bool is_lent_by(const char *id, const char *guest)
{
    return ks_streq(strrchr(id, '/') + 1, guest);
}

/* It has been off since, by somebody else's hand, or it is another guest: what was owed is owed no more. */
static bool is_over(const struct reading *all, const struct ks_lent *lent, const struct ks_seen_guest *guest)
{
    if (!ks_streq(lent->boot, all->boot_id ? all->boot_id : "") || !ks_streq(lent->uuid, guest->uuid))
        return true;
    return guest->id >= 0 ? guest->id != lent->id : !lent->off;
}

static void read_lent(struct reader *r, const char *id, struct ks_seen_guest *guest)
{
    const char *text = ks_ledger_note(r->all->o->ledger, id, KS_LENT_NOTE);
    ks_auto(ks_error_done) struct ks_error failed = {0};
    struct ks_lent lent;

    if (!text || ks_lent_read(r->arena, text, &lent, &failed) < 0) {
        guest->lent_problem =
            ks_sprintf(r->arena, "what a run that was cut off took from it cannot be read (%s in ledger.json): %s",
                       id, text ? ks_error_text(r->arena, &failed) : "there is no note");
        return;
    }
    if (is_over(r->all, &lent, guest)) {
        *ks_vec_add(r->arena, &guest->over) = id;
        return;
    }
    for (size_t i = 0; i < lent.devices.n; i++)
        lent.devices.v[i].is_there = ks_file_exists(
            r->all->o->root, ks_sprintf(r->arena, "sys/bus/pci/devices/%s", lent.devices.v[i].address));
    *ks_vec_add(r->arena, &guest->lents.v) = lent;
    guest->hash = ks_hash_str(guest->hash, text);
}

static void read_lents(struct reader *r, struct ks_seen_guest *guest)
{
    for (size_t i = 0; i < r->all->lent.n; i++)
        if (is_lent_by(r->all->lent.v[i], guest->name))
            read_lent(r, r->all->lent.v[i], guest);
}

/* As the definition has it; where that could not be read, libvirt still knows it. */
static const char *uuid_of(const struct reader *r, const struct ks_listed_guest *listed,
                           const struct ks_seen_guest *guest)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (guest->config && guest->config->uuid)
        return guest->config->uuid;
    return virDomainGetUUIDString(listed->handle, uuid) == 0 ? ks_strdup(r->arena, uuid) : NULL;
}

static const struct ks_guest *wanted_guest(const struct ks_observing *o, const char *name)
{
    const struct ks_guest *want = o->want ? (const struct ks_guest *)ks_map_get(&o->want->guests, name) : NULL;

    for (size_t i = 0; !want && o->want && i < o->want->guests.n; i++)
        if (ks_streq(((const struct ks_guest *)o->want->guests.v[i])->was, name))
            want = (const struct ks_guest *)o->want->guests.v[i];
    return want;
}

static bool is_another_image(const struct ks_disk *want, const struct ks_disk *have)
{
    const char *path = have->file ? have->file : have->block, *name = path ? strrchr(path, '/') : NULL;

    if (want->file || want->block)
        return path && !ks_streq(want->file ? want->file : want->block, path);
    /* A volume that stands in the XML by its path has its name at that path's end. */
    return want->volume && name && !ks_streq(strrchr(want->volume, '/'), name);
}

/* A snapshot of somebody else's puts a layer over a disk's image: the definition then names that layer. */
static int count_snapshots(const struct ks_guest *want, const struct ks_guest *have, virDomainPtr domain)
{
    for (size_t i = 0; want && have && i < want->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)want->disks.v[i];
        const struct ks_disk *there = (const struct ks_disk *)ks_map_get(&have->disks, disk->o.key);
        if (there && is_another_image(disk, there))
            return virDomainSnapshotNum(domain, 0);
    }
    return 0;
}

static void read_guest(struct reader *r, struct ks_listed_guest *listed, struct ks_seen_guest *guest)
{
    ks_auto(ks_error_done) struct ks_error err = {0};

    guest->name = ks_strdup(r->arena, listed->name);
    guest->id = listed->id;
    guest->persistent = !(listed->flags & KS_LISTED_TRANSIENT);
    guest->autostart = listed->flags & KS_LISTED_AUTOSTART;
    guest->managed_save = listed->flags & KS_LISTED_SAVED;
    guest->state = state_of(listed, guest);
    guest->hash = KS_HASH_START;
    guest->config = read_xml(r, listed->handle, VIR_DOMAIN_XML_INACTIVE, guest, &err);
    guest->uuid = uuid_of(r, listed, guest);
    if (guest->config && guest->id >= 0)
        guest->live = read_xml(r, listed->handle, 0, guest, &err);
    guest->snapshots = count_snapshots(wanted_guest(r->all->o, guest->name), guest->config, listed->handle);
    guest->pending = read_pending(r, guest);
    read_lents(r, guest);
    guest->hash = ks_hash(guest->hash, &guest->state, sizeof guest->state);
    guest->hash = ks_hash(guest->hash, &guest->autostart, sizeof guest->autostart);
    if (err.n > 0)
        guest->unknown = ks_error_text(r->arena, &err);
    (void)virDomainFree(listed->handle); /* here, where there are many hands */
    listed->handle = NULL;
}

static void *read_all(void *data)
{
    struct reader *r = data;
    size_t i;

    r->xml = ks_xml_scratch_new();
    while ((i = atomic_fetch_add(&r->all->next, 1)) < r->all->n)
        read_guest(r, r->all->listed[i], &r->all->guests[i]);
    ks_xml_scratch_free(r->xml);
    return NULL;
}

static void run_readers(struct reading *all)
{
    struct reader readers[64] = {0};
    unsigned n = all->o->threads ? all->o->threads : READERS;

    if (n > KS_COUNT(readers))
        n = KS_COUNT(readers);
    /* A thread costs as much as a read: one for every four guests is plenty. */
    if (n > 1 + all->n / 4)
        n = 1 + (unsigned)(all->n / 4);
    for (unsigned i = 0; i < n; i++) {
        readers[i].all = all;
        readers[i].arena = ks_arena_new();
        /* Where no thread is to be had, fewer read more. */
        if (i > 0)
            readers[i].started = pthread_create(&readers[i].thread, NULL, read_all, &readers[i]) == 0;
    }
    (void)read_all(&readers[0]);
    for (unsigned i = 0; i < n; i++) {
        if (readers[i].started)
            (void)pthread_join(readers[i].thread, NULL);
        ks_arena_join(all->o->arena, readers[i].arena);
    }
}

/* Storage that is to go may be in use by a guest that nobody names. */
static bool removes_storage(const struct ks_manifest *want)
{
    for (size_t i = 0; i < want->pools.n; i++)
        if (((const struct ks_pool *)want->pools.v[i])->state != 0)
            return true;
    for (size_t i = 0; i < want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++)
            if (((const struct ks_volume *)pool->volumes.v[k])->state != 0)
                return true;
    }
    return false;
}

/* A guest that nobody names is read only where something may depend on it. */
static bool is_needed(const struct ks_observing *o, const char *name)
{
    const struct ks_manifest *want = o->want;

    if (!want || o->everything || o->all_guests || (want->defaults && want->defaults->prune) ||
        removes_storage(want))
        return true;
    if (ks_map_get(&want->guests, name))
        return true;
    for (size_t i = 0; i < want->guests.n; i++)
        if (ks_streq(((const struct ks_guest *)want->guests.v[i])->was, name))
            return true;
    return false;
}

static bool is_owed(const struct reading *all, const char *name)
{
    for (size_t i = 0; i < all->lent.n; i++)
        if (is_lent_by(all->lent.v[i], name))
            return true;
    return false;
}

static void keep_needed(const struct ks_outline *outline, struct reading *all)
{
    if (all->o->ledger)
        ks_ledger_list(all->o->ledger, KS_LENT_PREFIX, all->o->arena, &all->lent);
    all->listed = ks_new_n(all->o->arena, struct ks_listed_guest *, outline->guests.n + 1);
    for (size_t i = 0; i < outline->guests.n; i++)
        if (is_needed(all->o, outline->guests.v[i].name) || is_owed(all, outline->guests.v[i].name))
            all->listed[all->n++] = &outline->guests.v[i];
}

static bool is_listed(const struct ks_outline *outline, const char *lent)
{
    for (size_t i = 0; i < outline->guests.n; i++)
        if (is_lent_by(lent, outline->guests.v[i].name))
            return true;
    return false;
}

/* Notes on guests that are gone. Before any is read: who reads a guest frees its name in the outline. */
static void list_gone(const struct reading *all, const struct ks_outline *outline, struct ks_observed *ret)
{
    for (size_t i = 0; i < all->lent.n; i++)
        if (!is_listed(outline, all->lent.v[i]))
            *ks_vec_add(all->o->arena, &ret->over) = all->lent.v[i];
}

/* Notes on guests that were off since. */
static void list_over(const struct reading *all, struct ks_observed *ret)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < all->guests[i].over.n; k++)
            *ks_vec_add(all->o->arena, &ret->over) = all->guests[i].over.v[k];
}

static int read_listed(struct ks_observing *o, const struct ks_outline *outline, struct ks_observed *ret,
                       struct ks_error *err)
{
    struct reading all = {.o = o};

    keep_needed(outline, &all);
    list_gone(&all, outline, ret);
    if (all.n == 0)
        return 0;
    all.guests = ks_new_n(o->arena, struct ks_seen_guest, all.n);
    if (o->ledger && (outline->any_runs || all.lent.n > 0) &&
        ks_attr_read(o->root, "proc/sys/kernel/random/boot_id", o->arena, &all.boot_id, err) < 0)
        return -1;
    xmlInitParser();
    run_readers(&all);
    list_over(&all, ret);
    ret->guests.v = all.guests;
    ret->guests.n = ret->guests.cap = all.n;
    return 0;
}

int ks_observe_guests(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct ks_outline *outline = o->outline;

    if (outline->failed.code == KS_E_NONE) {
        if (read_listed(o, outline, ret, err) < 0)
            return -1;
        ks_observe_passwords(o, ret);
        return 0;
    }
    *err = outline->failed;
    outline->failed = (struct ks_error){0};
    return -1;
}
