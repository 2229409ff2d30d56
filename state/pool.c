/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pools and their volumes. One list call for each fact of pools, one for the volumes of a pool; a volume's own XML
 * is read only where the manifest can make a difference to it, because a host has thousands of them.
 */
#include "schema/guest.h"
#include "schema/xml.h"
#include "state/state.h"

#include <fcntl.h>
#include <libxml/parser.h>
#include <sys/statvfs.h>

enum { VOLUME_ABSENT = 1, POOL_ABSENT = 2 };

/* What of one pool is asked for. */
struct pool_reading {
    struct ks_observing *o;
    struct ks_observed *ret;
    struct ks_seen_pool *seen;
    virStoragePoolPtr handle;
    const struct ks_strings *read; /* "pool/name" of volumes whose XML is needed, of all pools; sorted */
    bool read_all;
    bool files; /* its volumes are files */
    bool netfs; /* on a server */
};

static bool prunes(const struct ks_manifest *want)
{
    return want->defaults && want->defaults->prune;
}

static bool is_everything(const struct ks_observing *o)
{
    return !o->want || o->everything;
}

/* ---- which volumes' XML the manifest needs ------------------------------------------------------------------ */

static void need_base(struct ks_arena *arena, const char *pool, const char *base, struct ks_strings *ret)
{
    if (base && *base != '/')
        *ks_vec_add(arena, ret) = strchr(base, '/') ? base : ks_sprintf(arena, "%s/%s", pool, base);
}

static void need_declared(struct ks_arena *arena, const struct ks_manifest *want, struct ks_strings *ret)
{
    for (size_t i = 0; i < want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++) {
            const struct ks_volume *volume = (const struct ks_volume *)pool->volumes.v[k];
            *ks_vec_add(arena, ret) = ks_sprintf(arena, "%s/%s", pool->o.key, volume->o.key);
            need_base(arena, pool->o.key, volume->backing, ret);
            need_base(arena, pool->o.key, volume->clone, ret);
        }
    }
}

/* A disk that will be made takes its format from its volume. */
static bool is_new_disk(const struct ks_observed *seen, const char *guest, const struct ks_disk *disk)
{
    const struct ks_seen_guest *have = ks_seen_guest(seen, guest);

    return !have || !have->config || !ks_map_get(&have->config->disks, disk->o.key);
}

static void need_disk(struct ks_arena *arena, const struct ks_observed *seen, const char *guest,
                      const struct ks_disk *disk, struct ks_strings *ret)
{
    const char *pool;

    if (!disk->volume)
        return;
    if (ks_has(&disk->o, "size") || disk->backing || disk->clone ||
        (!ks_has(&disk->o, "format") && is_new_disk(seen, guest, disk)))
        *ks_vec_add(arena, ret) = disk->volume;
    pool = ks_strndup(arena, disk->volume, strcspn(disk->volume, "/"));
    need_base(arena, pool, disk->backing, ret);
    need_base(arena, pool, disk->clone, ret);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void needed_volumes(struct ks_observing *o, const struct ks_observed *seen, struct ks_strings *ret)
{
    if (!o->want)
        return;
    need_declared(o->arena, o->want, ret);
    for (size_t i = 0; i < o->want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)o->want->guests.v[i];
        for (size_t k = 0; k < guest->disks.n; k++)
            need_disk(o->arena, seen, guest->o.key, (const struct ks_disk *)guest->disks.v[k], ret);
    }
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof *ret->v, compare_strings);
}

static bool is_listed(const struct ks_strings *sorted, const char *text)
{
    return sorted->n > 0 && bsearch(&text, sorted->v, sorted->n, sizeof *sorted->v, compare_strings);
}

/* ---- volumes ------------------------------------------------------------------------------------------------ */

static int read_volume_xml(struct pool_reading *r, virStorageVolPtr handle, struct ks_volume *volume,
                           struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virStorageVolGetXMLDesc(handle, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const char *allocation, *path;

    if (!text)
        return ks_virt_errno() == VIR_ERR_NO_STORAGE_VOL
                   ? 0
                   : ks_fail_virt(err, "read volume %s/%s", r->seen->name, volume->o.key);
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    ks_xml_read(r->o->arena, xmlDocGetRootElement(doc), &volume->o);
    allocation = ks_xml_get(r->o->arena, xmlDocGetRootElement(doc), "allocation", NULL);
    if (allocation)
        (void)ks_parse_u64(allocation, &volume->allocation);
    path = ks_xml_get(r->o->arena, xmlDocGetRootElement(doc), "target/path", NULL);
    if (path)
        volume->path = ks_strdup(r->o->arena, path);
    ks_obj_forget_xml(&volume->o);
    return 0;
}

static void read_asked(struct pool_reading *r, struct ks_volume *volume)
{
    const char *id = ks_sprintf(r->o->arena, "volume/%s/%s", r->seen->name, volume->o.key);
    const char *note = r->o->ledger ? ks_ledger_note(r->o->ledger, id, "size") : NULL;

    if (note)
        (void)ks_parse_u64(note, &volume->asked);
}

/* libvirt lists files until it looks again: one that somebody took away is not there. */
static bool is_file_gone(const struct pool_reading *r, const char *name)
{
    return r->files && r->seen->path &&
           !ks_file_exists(r->o->root, ks_sprintf(r->o->arena, "%s/%s", r->seen->path, name));
}

static int read_volume(struct pool_reading *r, virStorageVolPtr handle, struct ks_error *err)
{
    const char *name = virStorageVolGetName(handle);
    struct ks_volume *volume;

    if (!name)
        return 0;
    volume = (struct ks_volume *)ks_obj_new(r->o->arena, &ks_volume_kind, ks_strdup(r->o->arena, name));
    if (r->read_all || is_listed(r->read, ks_sprintf(r->o->arena, "%s/%s", r->seen->name, name))) {
        if (is_file_gone(r, name))
            return 0;
        if (read_volume_xml(r, handle, volume, err) < 0)
            return -1;
        read_asked(r, volume);
    } else if (r->seen->path) {
        volume->path = ks_sprintf(r->o->arena, "%s/%s", r->seen->path, name);
    }
    ks_map_put(r->o->arena, &r->seen->volumes, &volume->o);
    return 0;
}

static int compare_handles(const void *a, const void *b)
{
    const char *one = virStorageVolGetName(*(const virStorageVolPtr *)a);
    const char *two = virStorageVolGetName(*(const virStorageVolPtr *)b);

    return ks_strcmp_natural(one ? one : "", two ? two : "");
}

static int read_volumes(struct pool_reading *r, struct ks_error *err)
{
    virStorageVolPtr *list;
    const int n = virStoragePoolListAllVolumes(r->handle, &list, 0);
    int result = 0;

    if (n < 0)
        return ks_fail_virt(err, "list the volumes of pool %s", r->seen->name);
    if (n > 1)
        qsort(list, (size_t)n, sizeof *list, compare_handles);
    for (int i = 0; i < n; i++) {
        if (result == 0)
            result = read_volume(r, list[i], err);
        (void)virStorageVolFree(list[i]);
    }
    free(list);
    r->seen->volumes_known = result == 0;
    return result;
}

/* ---- the ledger --------------------------------------------------------------------------------------------- */

static void read_ledger(struct ks_observing *o, struct ks_seen_pool *seen)
{
    const char *id = ks_sprintf(o->arena, "pool/%s", seen->name);
    const char *prefix = ks_sprintf(o->arena, "volume/%s/", seen->name);
    struct ks_strings ids = {0};

    if (!o->ledger)
        return;
    seen->owned = ks_ledger_has(o->ledger, id);
    seen->protect = ks_ledger_note(o->ledger, id, "protect") != NULL;
    seen->making = ks_ledger_note(o->ledger, id, "making") != NULL;
    ks_ledger_list(o->ledger, prefix, o->arena, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        const char *name = ids.v[i] + strlen(prefix);
        if (ks_ledger_note(o->ledger, ids.v[i], "protect"))
            *ks_vec_add(o->arena, &seen->protected_volumes) = name;
        if (ks_ledger_note(o->ledger, ids.v[i], "making"))
            *ks_vec_add(o->arena, &seen->making_volumes) = name;
        ids.v[i] = name;
    }
    seen->owned_volumes = ids.v;
    seen->n_owned_volumes = ids.n;
}

/* Whether a volume of this pool may go: then what stands on which matters, of all of them. */
static bool may_delete(const struct ks_observing *o, const struct ks_seen_pool *seen)
{
    const struct ks_pool_volumes *volumes;

    if (!o->want)
        return false;
    volumes = (const struct ks_pool_volumes *)ks_map_get(&o->want->volumes, seen->name);
    for (size_t i = 0; volumes && i < volumes->volumes.n; i++)
        if (((const struct ks_volume *)volumes->volumes.v[i])->state == VOLUME_ABSENT)
            return true;
    for (size_t i = 0; i < seen->n_owned_volumes && prunes(o->want); i++)
        if (!volumes || !ks_map_get(&volumes->volumes, seen->owned_volumes[i]))
            return true;
    return false;
}

/* ---- pools -------------------------------------------------------------------------------------------------- */

static void read_auth(struct ks_arena *arena, xmlNode *root, struct ks_pool *pool)
{
    const char *user = ks_xml_get(arena, root, "source/auth/@username", NULL);
    const char *secret = ks_xml_get(arena, root, "source/auth/secret/@usage", NULL);

    if (!user || !pool->source)
        return;
    pool->source->auth = (struct ks_auth *)ks_obj_new(arena, &ks_auth_kind, NULL);
    pool->source->auth->user = ks_strdup(arena, user);
    ks_mark(&pool->source->auth->o, "user");
    if (secret) {
        pool->source->auth->secret = ks_strdup(arena, secret);
        ks_mark(&pool->source->auth->o, "secret");
    }
    ks_mark(&pool->source->o, "auth");
}

/* As the manifest words it: host, host:port, [IPv6]:port. */
static const char *host_text(struct ks_arena *arena, const xmlNode *host)
{
    const char *name = ks_xml_attr(host, "name"), *port = ks_xml_attr(host, "port");

    if (!name || !port)
        return name ? ks_strdup(arena, name) : NULL;
    return ks_sprintf(arena, strchr(name, ':') ? "[%s]:%s" : "%s:%s", name, port);
}

/* Ceph's monitors are `hosts`; a pool of another type has one server, which is its `host`. */
static void read_hosts(struct ks_arena *arena, xmlNode *root, struct ks_pool *pool)
{
    const bool many = ks_streq(ks_xml_attr(root, "type"), "rbd");
    struct ks_pool_source *source = pool->source;

    for (xmlNode *host = NULL; source && (host = ks_xml_each(root, "source/host", NULL, host));) {
        const char *text = host_text(arena, host);
        if (text && many)
            *ks_vec_add(arena, &source->hosts) = text;
        else if (text && !source->host)
            source->host = text;
    }
    if (source && source->hosts.n > 0)
        ks_mark(&source->o, "hosts");
    if (source && source->host)
        ks_mark(&source->o, "host");
}

static uint64_t number_at(struct ks_arena *arena, xmlNode *root, const char *path)
{
    const char *text = ks_xml_get(arena, root, path, NULL);
    uint64_t ret = 0;

    if (text)
        (void)ks_parse_u64(text, &ret);
    return ret;
}

static void set_runtime(struct ks_seen_pool *seen, struct ks_pool *pool)
{
    pool->state = seen->active ? 0 : 1;
    ks_mark(&pool->o, "state");
    pool->autostart = seen->autostart;
    ks_mark(&pool->o, "autostart");
}

/*
 * libvirt tells the room that it saw when it last refreshed the pool; the file system may have grown since, or
 * filled. Not of netfs: a server that is gone would be waited for.
 */
static void look_at_room(struct pool_reading *r)
{
    const char *path = r->seen->path;
    struct statvfs fs;

    if (!r->files || r->netfs || !r->seen->active || !path || !ks_virt_is_local(r->o->conn))
        return;
    ks_auto(ks_closep) int fd = openat(r->o->root, path + (*path == '/'), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstatvfs(fd, &fs) < 0)
        return;
    r->seen->capacity = (uint64_t)fs.f_blocks * fs.f_frsize;
    r->seen->available = (uint64_t)fs.f_bfree * fs.f_frsize;
}

static struct ks_pool *read_config(struct pool_reading *r, xmlNode *root)
{
    struct ks_arena *arena = r->o->arena;
    struct ks_pool *pool = (struct ks_pool *)ks_obj_new(arena, &ks_pool_kind, r->seen->name);

    ks_xml_read(arena, root, &pool->o);
    read_auth(arena, root, pool);
    read_hosts(arena, root, pool);
    set_runtime(r->seen, pool);
    ks_obj_forget_xml(&pool->o);
    return pool;
}

/* An active pool has what it was started with; its definition may have been changed since. */
static int read_definition(struct pool_reading *r, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = NULL;
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (!r->seen->active || !r->seen->persistent || !r->o->want || !ks_map_get(&r->o->want->pools, r->seen->name))
        return 0;
    text = virStoragePoolGetXMLDesc(r->handle, VIR_STORAGE_XML_INACTIVE);
    if (!text)
        return ks_fail_virt(err, "read the definition of pool %s", r->seen->name);
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    r->seen->defined = read_config(r, xmlDocGetRootElement(doc));
    return 0;
}

static int read_pool_xml(struct pool_reading *r, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virStoragePoolGetXMLDesc(r->handle, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_arena *arena = r->o->arena;
    const char *type;
    struct ks_pool *pool;
    xmlNode *root;

    if (!text)
        return ks_fail_virt(err, "read pool %s", r->seen->name);
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    pool = read_config(r, root);
    type = ks_xml_attr(root, "type");
    r->netfs = ks_streq(type, "netfs");
    r->files = r->netfs || ks_streq(type, "dir") || ks_streq(type, "fs");
    if (r->o->keep_xml)
        r->seen->xml = ks_strdup(arena, text);
    r->seen->config = pool;
    r->seen->path = pool->path;
    r->seen->capacity = number_at(arena, root, "capacity");
    r->seen->allocation = number_at(arena, root, "allocation");
    r->seen->available = number_at(arena, root, "available");
    look_at_room(r);
    return read_definition(r, err);
}

/* Not the sizes: they change with every block that a guest writes. */
static void hash_pool(struct ks_arena *arena, struct ks_seen_pool *seen)
{
    const bool flags[] = {seen->active, seen->autostart, seen->persistent,
                          seen->owned,  seen->protect,   seen->making};
    struct ks_text text = {.arena = arena};

    ks_print_json(&text, &seen->config->o);
    if (seen->defined)
        ks_print_json(&text, &seen->defined->o);
    seen->hash = ks_hash(ks_hash_str(KS_HASH_START, ks_text_str(&text)), flags, sizeof flags);
}

static bool is_disk_pool(const struct ks_manifest *want, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < want->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)want->guests.v[i];
        for (size_t k = 0; k < guest->disks.n; k++) {
            const char *volume = ((const struct ks_disk *)guest->disks.v[k])->volume;
            if (volume && strncmp(volume, name, n) == 0 && volume[n] == '/')
                return true;
        }
    }
    return false;
}

static bool is_needed(const struct ks_observing *o, const char *name)
{
    return is_everything(o) || prunes(o->want) || ks_map_get(&o->want->pools, name) ||
           ks_map_get(&o->want->volumes, name) || is_disk_pool(o->want, name);
}

/* A pool is known by its path too: a disk's file in it is a volume. So all are read; volumes of the needed ones. */
static void read_pool(struct pool_reading *r)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    const char *name = virStoragePoolGetName(r->handle);

    r->seen->name = ks_strdup(r->o->arena, name);
    r->seen->persistent = virStoragePoolIsPersistent(r->handle) == 1;
    read_ledger(r->o, r->seen);
    r->read_all = is_everything(r->o) || may_delete(r->o, r->seen);
    if (read_pool_xml(r, &err) == 0 && r->seen->active && is_needed(r->o, name))
        (void)read_volumes(r, &err);
    if (err.n > 0)
        r->seen->unknown = ks_error_text(r->o->arena, &err);
    if (r->seen->config)
        hash_pool(r->o->arena, r->seen);
}

/* One list call tells a fact of all pools. */
static int list_names(struct ks_observing *o, unsigned filter, struct ks_strings *ret, struct ks_error *err)
{
    virStoragePoolPtr *list;
    const int n = virConnectListAllStoragePools(o->conn, &list, filter);

    if (n < 0)
        return ks_fail_virt(err, "list storage pools");
    for (int i = 0; i < n; i++) {
        *ks_vec_add(o->arena, ret) = ks_strdup(o->arena, virStoragePoolGetName(list[i]));
        (void)virStoragePoolFree(list[i]);
    }
    free(list);
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof *ret->v, compare_strings);
    return 0;
}

static void read_listed(struct ks_observing *o, virStoragePoolPtr *list, size_t n, const struct ks_strings *active,
                        const struct ks_strings *autostart, struct ks_observed *ret)
{
    struct ks_strings read = {0};

    needed_volumes(o, ret, &read);
    for (size_t i = 0; i < n; i++) {
        const char *name = virStoragePoolGetName(list[i]);
        struct pool_reading r = {.o = o, .ret = ret, .handle = list[i], .read = &read};
        r.seen = ks_vec_add(o->arena, &ret->pools);
        r.seen->active = is_listed(active, name);
        r.seen->autostart = is_listed(autostart, name);
        read_pool(&r);
    }
}

int ks_observe_pools(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct ks_strings active = {0}, autostart = {0};
    virStoragePoolPtr *list;
    int n;

    if (list_names(o, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, &active, err) < 0 ||
        list_names(o, VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART, &autostart, err) < 0)
        return -1;
    n = virConnectListAllStoragePools(o->conn, &list, 0);
    if (n < 0)
        return ks_fail_virt(err, "list storage pools");
    read_listed(o, list, (size_t)n, &active, &autostart, ret);
    for (int i = 0; i < n; i++)
        (void)virStoragePoolFree(list[i]);
    free(list);
    return 0;
}
