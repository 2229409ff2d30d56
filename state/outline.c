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

    return o->n ? bsearch(&key, o->guests, o->n, sizeof *o->guests, compare_names) : NULL;
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
        {VIR_CONNECT_LIST_DOMAINS_AUTOSTART, KS_LISTED_AUTOSTART, false},
        {VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, KS_LISTED_SAVED, false},
        {VIR_CONNECT_LIST_DOMAINS_PAUSED, KS_LISTED_PAUSED, true},
        {VIR_CONNECT_LIST_DOMAINS_TRANSIENT, KS_LISTED_TRANSIENT, true},
    };

    for (size_t i = 0; i < KS_COUNT(lists) && o->n > 0; i++)
        if ((o->any_runs || !lists[i].of_running) && mark_listed(o, conn, lists[i].filter, lists[i].flag) < 0)
            return -1;
    return 0;
}

static int list_guests(struct ks_outline *o, virConnectPtr conn)
{
    virDomainPtr *list;
    const int n = virConnectListAllDomains(conn, &list, 0);

    if (n < 0)
        return ks_fail_virt(&o->failed, "list guests");
    o->n = (size_t)n;
    o->guests = ks_new_n(o->arena, struct ks_listed_guest, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        o->guests[i] = (struct ks_listed_guest){
            .handle = list[i], .name = virDomainGetName(list[i]), .id = (int)virDomainGetID(list[i])};
        o->any_runs |= o->guests[i].id >= 0;
    }
    free(list);
    qsort(o->guests, o->n, sizeof *o->guests, compare_names);
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
    for (size_t i = 0; i < o->n; i++)
        if (o->guests[i].handle)
            (void)virDomainFree(o->guests[i].handle);
    ks_error_done(&o->failed);
    ks_arena_free(o->arena);
}
