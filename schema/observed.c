/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/observed.h"

/* Lists are sorted by name, which is the first member of every element. */
static const void *find(const void *list, size_t n, size_t size, const char *name)
{
    size_t low = 0, high = n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *element = (const char *)list + middle * size;
        const int order = strcmp(*(const char *const *)(const void *)element, name);
        if (order == 0)
            return element;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
#define FIND(list, name) find((list).v, (list).n, sizeof *(list).v, (name))

const struct ks_seen_guest *ks_seen_guest(const struct ks_observed *o, const char *name)
{
    return FIND(o->guests, name);
}

const struct ks_seen_pool *ks_seen_pool(const struct ks_observed *o, const char *name)
{
    return FIND(o->pools, name);
}

const struct ks_seen_network *ks_seen_network(const struct ks_observed *o, const char *name)
{
    return FIND(o->networks, name);
}

const struct ks_seen_secret *ks_seen_secret(const struct ks_observed *o, const char *name)
{
    return FIND(o->secrets, name);
}

const struct ks_seen_bridge *ks_seen_bridge(const struct ks_observed *o, const char *name)
{
    return FIND(o->bridges, name);
}

const struct ks_seen_link *ks_seen_link(const struct ks_observed *o, const char *name)
{
    return FIND(o->links, name);
}

const struct ks_seen_pci *ks_seen_pci(const struct ks_observed *o, const char *address)
{
    return FIND(o->pci, address);
}

/* PFs are few, and have two names. */
static bool has_altname(const struct ks_seen_pf *pf, const char *name)
{
    for (size_t i = 0; i < pf->altnames.n; i++)
        if (ks_streq(pf->altnames.v[i], name))
            return true;
    return false;
}

const struct ks_seen_pf *ks_seen_pf(const struct ks_observed *o, const char *name)
{
    for (size_t i = 0; i < o->pfs.n; i++)
        if (ks_streq(o->pfs.v[i].name, name) || ks_streq(o->pfs.v[i].address, name))
            return &o->pfs.v[i];
    for (size_t i = 0; i < o->pfs.n; i++)
        if (has_altname(&o->pfs.v[i], name))
            return &o->pfs.v[i];
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
#define SORT(list) \
    do { \
        if ((list).n > 1) \
            qsort((list).v, (list).n, sizeof *(list).v, compare_names); \
    } while (0)

void ks_observed_sort(struct ks_observed *o)
{
    SORT(o->guests);
    SORT(o->pools);
    SORT(o->networks);
    SORT(o->secrets);
    SORT(o->bridges);
    SORT(o->links);
    SORT(o->pci);
    SORT(o->seeds);
}

bool ks_seed_is_there(const struct ks_observed *o, const char *path)
{
    return o->seeds.n && bsearch(&path, o->seeds.v, o->seeds.n, sizeof *o->seeds.v, compare_names);
}

/* "/pool/path/name" in a pool at "/pool/path" is volume "pool/name" as well. */
static void name_volume(struct ks_arena *arena, const struct ks_observed *seen, struct ks_disk *disk)
{
    const char *path = disk->file ? disk->file : disk->block;
    const char *slash = path ? strrchr(path, '/') : NULL;

    for (size_t i = 0; slash && i < seen->pools.n; i++) {
        const struct ks_seen_pool *pool = &seen->pools.v[i];
        if (!pool->path || strncmp(pool->path, path, (size_t)(slash - path)) != 0 ||
            pool->path[slash - path] != '\0')
            continue;
        disk->volume = ks_sprintf(arena, "%s/%s", pool->name, slash + 1);
        ks_mark(&disk->o, "volume");
        return;
    }
}

void ks_name_volumes(struct ks_arena *arena, const struct ks_observed *seen, const struct ks_guest *guest)
{
    for (size_t i = 0; guest && i < guest->disks.n; i++) {
        struct ks_disk *disk = (struct ks_disk *)guest->disks.v[i];
        if (!disk->volume)
            name_volume(arena, seen, disk);
    }
}

bool ks_seen_runs_with(const struct ks_seen_guest *guest, const char *address)
{
    for (size_t i = 0; guest && guest->live && i < guest->live->nics.n; i++)
        if (ks_streq(((const struct ks_nic *)guest->live->nics.v[i])->vf_address, address))
            return true;
    for (size_t i = 0; guest && guest->live && i < guest->live->devices.n; i++)
        if (ks_streq(((const struct ks_pci_device *)guest->live->devices.v[i])->pci, address))
            return true;
    return false;
}

bool ks_driver_is_vfio(const char *driver)
{
    return driver && strstr(driver, "vfio");
}

/* Documentation/driver-api/vfio.rst: a group may go to a guest while such drivers have the rest of it. */
bool ks_driver_keeps_for_guests(const char *driver)
{
    return ks_driver_is_vfio(driver) || ks_streq(driver, "pci-stub");
}
