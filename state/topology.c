/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA nodes, CPUs and huge pages, from sysfs. */
#include "state/host.h"

#include <limits.h>

#define NODES "sys/devices/system/node"
#define CPUS "sys/devices/system/cpu"
#define POOLS "sys/kernel/mm/hugepages"

enum { MEMINFO_MAX = 64 * 1024, MOUNTS_MAX = 16 * 1024 * 1024 };

struct reader {
    int root;
    struct ks_arena *arena;
    struct ks_host_topology *t;
    struct ks_error *err;
};

/* ---- pages ---- */

static int pool_cmp(const void *a, const void *b)
{
    const struct ks_host_page_pool *x = a, *y = b;

    return x->size_kib < y->size_kib ? -1 : x->size_kib > y->size_kib;
}

static int read_pool(struct reader *r, const char *dir, struct ks_host_page_pool *pool)
{
    const struct {
        const char *name;
        uint64_t *value;
    } files[] = {
        {"nr_hugepages", &pool->total},
        {"free_hugepages", &pool->free},
        {"surplus_hugepages", &pool->surplus},
        {"resv_hugepages", &pool->reserved},
    };

    for (size_t i = 0; i < KS_COUNT(files); i++)
        if (ks_attr_u64_or(r->root, ks_sprintf(r->arena, "%s/%s", dir, files[i].name), 0, files[i].value, r->err) <
            0)
            return -1;
    return 0;
}

/* "hugepages-2048kB" -> 2048 */
static bool pool_size(const char *name, uint64_t *ret_kib)
{
    char digits[24];

    if (!ks_starts(name, "hugepages-"))
        return false;
    name += strlen("hugepages-");
    const size_t n = strspn(name, "0123456789");
    if (n == 0 || n >= sizeof(digits) || !ks_streq(name + n, "kB"))
        return false;
    memcpy(digits, name, n);
    digits[n] = '\0';
    return ks_parse_u64(digits, ret_kib) == 0 && *ret_kib > 0;
}

static int read_pools(struct reader *r, const char *dir, size_t *ret_n, struct ks_host_page_pool **ret)
{
    KS_VEC(struct ks_host_page_pool) pools = {0};
    struct ks_strings names = {0};

    if (ks_dir_list_or(r->root, dir, r->arena, &names, r->err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        uint64_t size_kib;
        if (!pool_size(names.v[i], &size_kib))
            continue;
        struct ks_host_page_pool *pool = ks_vec_add(r->arena, &pools);
        pool->size_kib = size_kib;
        if (read_pool(r, ks_sprintf(r->arena, "%s/%s", dir, names.v[i]), pool) < 0)
            return -1;
    }
    if (pools.n > 0)
        qsort(pools.v, pools.n, sizeof(*pools.v), pool_cmp);
    *ret_n = pools.n;
    *ret = pools.v;
    return 0;
}

/* ---- memory ---- */

/* The number behind `key` in text of the form "...Key:   123 kB". */
static uint64_t meminfo_kib(const char *text, const char *key)
{
    const char *at = text ? strstr(text, key) : NULL;

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int read_meminfo(struct reader *r, const char *path, char **ret)
{
    size_t len;

    *ret = NULL;
    if (!ks_file_exists(r->root, path))
        return 0;
    return ks_file_read(r->root, path, MEMINFO_MAX, r->arena, ret, &len, r->err);
}

/* ---- nodes ---- */

static int read_distances(struct reader *r, const char *dir, struct ks_host_node *node)
{
    KS_VEC(unsigned) distances = {0};
    const char *text;

    if (ks_attr_text_or(r->root, ks_sprintf(r->arena, "%s/distance", dir), "", r->arena, &text, r->err) < 0)
        return -1;
    for (char *end; *text; text = end) {
        const unsigned long value = strtoul(text, &end, 10);
        if (end == text)
            break;
        *(unsigned *)ks_vec_add(r->arena, &distances) = (unsigned)value;
    }
    node->n_distances = distances.n;
    node->distances = distances.v;
    return 0;
}

static int read_node(struct reader *r, unsigned id)
{
    struct ks_host_node *node = ks_vec_add(r->arena, &r->t->nodes);
    const char *dir = ks_sprintf(r->arena, NODES "/node%u", id);
    char *meminfo;

    node->id = id;
    if (ks_attr_cpuset_or(r->root, ks_sprintf(r->arena, "%s/cpulist", dir), r->arena, &node->cpus, r->err) < 0 ||
        read_meminfo(r, ks_sprintf(r->arena, "%s/meminfo", dir), &meminfo) < 0 || read_distances(r, dir, node) < 0)
        return -1;
    node->memory_kib = meminfo_kib(meminfo, "MemTotal:");
    node->free_kib = meminfo_kib(meminfo, "MemFree:");
    return read_pools(r, ks_sprintf(r->arena, "%s/hugepages", dir), &node->pools.n, &node->pools.v);
}

/* A kernel without CONFIG_NUMA: one node with all there is. */
static void single_node(struct reader *r, const char *meminfo)
{
    struct ks_host_node *node = ks_vec_add(r->arena, &r->t->nodes);

    node->cpus = r->t->online;
    node->memory_kib = meminfo_kib(meminfo, "MemTotal:");
    node->free_kib = meminfo_kib(meminfo, "MemFree:");
    node->pools.n = r->t->pools.n;
    node->pools.v = r->t->pools.v;
    ks_cpuset_add(r->arena, &r->t->node_ids, 0);
}

static int read_nodes(struct reader *r, const char *meminfo)
{
    struct ks_host_topology *t = r->t;

    if (ks_attr_cpuset_or(r->root, NODES "/online", r->arena, &t->node_ids, r->err) < 0)
        return -1;
    t->numa = ks_cpuset_count(&t->node_ids) > 0;
    if (!t->numa) {
        single_node(r, meminfo);
        return 0;
    }
    for (int id = ks_cpuset_next(&t->node_ids, 0); id >= 0; id = ks_cpuset_next(&t->node_ids, (unsigned)id + 1))
        if (read_node(r, (unsigned)id) < 0)
            return -1;
    return 0;
}

/* ---- CPUs ---- */

static unsigned node_of_cpu(const struct ks_host_topology *t, unsigned cpu)
{
    for (size_t i = 0; i < t->nodes.n; i++)
        if (ks_cpuset_has(&t->nodes.v[i].cpus, cpu))
            return t->nodes.v[i].id;
    return t->nodes.v[0].id;
}

static int read_cpu(struct reader *r, unsigned id)
{
    struct ks_host_cpu *cpu = ks_vec_add(r->arena, &r->t->cpus);
    const char *dir = ks_sprintf(r->arena, CPUS "/cpu%u/topology", id);

    *cpu = (struct ks_host_cpu){.id = id,
                                .online = ks_cpuset_has(&r->t->online, id),
                                .node = node_of_cpu(r->t, id),
                                .socket = -1,
                                .core = -1};
    if (ks_attr_int_or(r->root, ks_sprintf(r->arena, "%s/physical_package_id", dir), -1, &cpu->socket, r->err) <
            0 ||
        ks_attr_int_or(r->root, ks_sprintf(r->arena, "%s/core_id", dir), -1, &cpu->core, r->err) < 0 ||
        ks_attr_cpuset_or(r->root, ks_sprintf(r->arena, "%s/thread_siblings_list", dir), r->arena, &cpu->siblings,
                          r->err) < 0)
        return -1;
    ks_cpuset_add(r->arena, &cpu->siblings, id);
    return 0;
}

/* Once the nodes are known: an offline CPU's node cannot be told, and is the first. */
static int read_cpus(struct reader *r)
{
    const struct ks_cpuset *present = &r->t->present;

    for (int id = ks_cpuset_next(present, 0); id >= 0; id = ks_cpuset_next(present, (unsigned)id + 1))
        if (read_cpu(r, (unsigned)id) < 0)
            return -1;
    return 0;
}

/* ---- mounts ---- */

/* proc(5): blanks in a path are written as octal escapes. */
static char *unescape(char *path)
{
    char *to = path;

    for (const char *from = path; *from; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
    return path;
}

static uint64_t mount_page_kib(const char *options, uint64_t fallback)
{
    const char *at = strstr(options, "pagesize=");
    char *unit;

    if (!at)
        return fallback;
    const uint64_t number = strtoull(at + strlen("pagesize="), &unit, 10);
    switch (*unit) {
    case 'K':
        return number;
    case 'M':
        return number * 1024;
    case 'G':
        return number * 1024 * 1024;
    default:
        return number / 1024;
    }
}

static int read_mounts(struct reader *r)
{
    char *text, *line_state = NULL;
    size_t len;

    if (!ks_file_exists(r->root, "proc/mounts"))
        return 0;
    if (ks_file_read(r->root, "proc/mounts", MOUNTS_MAX, r->arena, &text, &len, r->err) < 0)
        return -1;
    for (char *line = strtok_r(text, "\n", &line_state); line; line = strtok_r(NULL, "\n", &line_state)) {
        char *state = NULL;
        (void)strtok_r(line, " ", &state);
        char *path = strtok_r(NULL, " ", &state), *type = strtok_r(NULL, " ", &state);
        const char *options = strtok_r(NULL, " ", &state);
        if (!options || !ks_streq(type, "hugetlbfs"))
            continue;
        struct ks_host_hugetlbfs *mount = ks_vec_add(r->arena, &r->t->mounts);
        mount->path = unescape(path);
        mount->size_kib = mount_page_kib(options, r->t->default_page_kib);
    }
    return 0;
}

/* ---- all ---- */

int ks_host_topology_read(int root, struct ks_arena *arena, struct ks_host_topology *ret, struct ks_error *err)
{
    struct reader r = {root, arena, ret, err};
    char *meminfo;

    *ret = (struct ks_host_topology){0};
    if (read_meminfo(&r, "proc/meminfo", &meminfo) < 0 ||
        ks_attr_cpuset_or(root, CPUS "/present", arena, &ret->present, err) < 0 ||
        ks_attr_cpuset_or(root, CPUS "/online", arena, &ret->online, err) < 0 ||
        read_pools(&r, POOLS, &ret->pools.n, &ret->pools.v) < 0)
        return ks_wrap(err, "reading the host's topology");
    ret->default_page_kib = ret->pools.n ? meminfo_kib(meminfo, "Hugepagesize:") : 0;
    if (read_nodes(&r, meminfo) < 0 || read_cpus(&r) < 0 || read_mounts(&r) < 0)
        return ks_wrap(err, "reading the host's topology");
    return 0;
}

const struct ks_host_node *ks_host_topology_node(const struct ks_host_topology *topology, unsigned id)
{
    for (size_t i = 0; i < topology->nodes.n; i++)
        if (topology->nodes.v[i].id == id)
            return &topology->nodes.v[i];
    return NULL;
}

const struct ks_host_page_pool *ks_host_topology_pool(const struct ks_host_topology *topology,
                                                      const struct ks_host_node *node, uint64_t size_kib)
{
    const size_t n = node ? node->pools.n : topology->pools.n;
    const struct ks_host_page_pool *pools = node ? node->pools.v : topology->pools.v;

    for (size_t i = 0; i < n; i++)
        if (pools[i].size_kib == size_kib)
            return &pools[i];
    return NULL;
}
