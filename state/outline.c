/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which guests there are, and what lists tell of all of them at once: one call for each fact. */
#include "state/outline.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct ks_listed_guest *)a)->name, ((const struct ks_listed_guest *)b)->name);
}

static struct ks_listed_guest *find(struct ks_outline *o, const char *name)
{
    const struct ks_listed_guest key = {.name = name};

    return o->guests.n ? bsearch(&key, o->guests.v, o->guests.n, sizeof key, compare_names) : NULL;
}

/* Lists again with a filter. */
static int mark_listed(struct ks_outline *o, virConnectPtr conn, unsigned filter, unsigned flag)
{
    virDomainPtr *list;
    const int found = virConnectListAllDomains(conn, &list, filter);

    if (found < 0)
        return ks_fail_virt(&o->failed, "list guests");
    for (int i = 0; i < found; i++) {
        struct ks_listed_guest *guest = find(o, virDomainGetName(list[i]));
        if (guest)
            guest->flags |= flag;
        (void)virDomainFree(list[i]);
    }
    free(list);
    return 0;
}

static int read_flags(struct ks_outline *o, virConnectPtr conn)
{
    static const struct {
        unsigned filter, flag;
        bool of_running;
    } lists[] = {
        {VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, KS_LISTED_SAVED, false},
        {VIR_CONNECT_LIST_DOMAINS_PAUSED, KS_LISTED_PAUSED, true},
        {VIR_CONNECT_LIST_DOMAINS_TRANSIENT, KS_LISTED_TRANSIENT, true},
    };

    for (size_t i = 0; i < KS_COUNT(lists) && o->guests.n > 0; i++)
        if ((o->any_runs || !lists[i].of_running) && mark_listed(o, conn, lists[i].filter, lists[i].flag) < 0)
            return -1;
    return 0;
}

/*
 * The parts that all guests are listed in, so that of each there is one handle, which says whether it runs and
 * starts with the host: asking a handle, and dropping one more, costs libvirt's client more than the list does (it
 * writes the UUID down each time, for a log that nobody keeps).
 */
static const struct part {
    unsigned filter, flags;
    bool runs;
} parts[] = {
    {VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_AUTOSTART, KS_LISTED_AUTOSTART, true},
    {VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, 0, true},
    {VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_AUTOSTART, KS_LISTED_AUTOSTART, false},
    {VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, 0, false},
};

static int list_part(struct ks_outline *o, virConnectPtr conn, const struct part *part)
{
    virDomainPtr *list;
    const int n = virConnectListAllDomains(conn, &list, part->filter);

    if (n < 0)
        return ks_fail_virt(&o->failed, "list guests");
    for (int i = 0; i < n; i++)
        *ks_vec_add(o->arena, &o->guests) =
            (struct ks_listed_guest){.handle = list[i],
                                     .name = virDomainGetName(list[i]),
                                     .id = part->runs ? (int)virDomainGetID(list[i]) : -1,
                                     .flags = part->flags};
    free(list);
    return 0;
}

/* Sorted, and each guest once: one that was started meanwhile is in two parts. */
static void put_in_order(struct ks_outline *o)
{
    size_t n = 0;

    if (o->guests.n > 0)
        qsort(o->guests.v, o->guests.n, sizeof *o->guests.v, compare_names);
    for (size_t i = 0; i < o->guests.n; i++) {
        if (n == 0 || compare_names(&o->guests.v[n - 1], &o->guests.v[i]) != 0)
            o->guests.v[n++] = o->guests.v[i];
        else
            (void)virDomainFree(o->guests.v[i].handle);
    }
    o->guests.n = n;
}

/* A guest that changed between two parts may be in neither: then the sum tells. */
static bool is_whole(const struct ks_outline *o, virConnectPtr conn)
{
    const int running = virConnectNumOfDomains(conn), off = virConnectNumOfDefinedDomains(conn);

    return running >= 0 && off >= 0 && o->guests.n == (size_t)running + (size_t)off;
}

static void free_handles(struct ks_outline *o)
{
    for (size_t i = 0; i < o->guests.n; i++)
        if (o->guests.v[i].handle)
            (void)virDomainFree(o->guests.v[i].handle);
    o->guests.n = 0;
}

/* All at once: what is asked of each guest then takes longer, but none is missed. */
static int list_at_once(struct ks_outline *o, virConnectPtr conn)
{
    static const struct part everything = {0, 0, true};

    free_handles(o);
    if (list_part(o, conn, &everything) < 0)
        return -1;
    put_in_order(o);
    return mark_listed(o, conn, VIR_CONNECT_LIST_DOMAINS_AUTOSTART, KS_LISTED_AUTOSTART);
}

static int list_guests(struct ks_outline *o, virConnectPtr conn)
{
    for (size_t i = 0; i < KS_COUNT(parts); i++)
        if (list_part(o, conn, &parts[i]) < 0)
            return -1;
    put_in_order(o);
    if (!is_whole(o, conn) && list_at_once(o, conn) < 0)
        return -1;
    for (size_t i = 0; i < o->guests.n; i++)
        o->any_runs |= o->guests.v[i].id >= 0;
    return read_flags(o, conn);
}

int ks_outline_read(virConnectPtr conn, struct ks_outline **ret, struct ks_error *err)
{
    struct ks_arena *arena = ks_arena_new();
    struct ks_outline *o = ks_new(arena, struct ks_outline);

    o->arena = arena;
    if (virConnectGetLibVersion(conn, &o->libvirt_version) < 0) {
        ks_outline_free(o);
        return ks_fail_virt(err, "ask libvirt for its version");
    }
    if (virConnectGetVersion(conn, &o->qemu_version) < 0)
        o->qemu_version = 0;
    (void)list_guests(o, conn);
    *ret = o;
    return 0;
}

void ks_outline_free(struct ks_outline *o)
{
    if (!o)
        return;
    ks_readers_free(o->readers);
    free_handles(o);
    ks_error_done(&o->failed);
    ks_arena_free(o->arena);
}
