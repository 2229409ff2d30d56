/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Huge pages of one size on one node. Facts: Documentation/admin-guide/mm/hugetlbpage.rst. A write to
 * nr_hugepages that gets fewer succeeds all the same; one below what is in use turns pages into surplus.
 */
#include "actuators/host_write.h"

enum { TIMEOUT_MS = 10 * 1000, PAUSE_MS = 200, GIB_IN_KIB = 1024 * 1024 };

struct pool {
    uint64_t total, free, surplus; /* of the node */
    uint64_t reserved, machine_free;
};

struct run {
    struct ks_writes *w;
    const struct ks_pages_want *want;
    const char *dir;  /* of the node's pool */
    const char *what; /* "2 MiB pages on node 0" */
    struct pool pool;
    struct ks_error *err;
};

static const char *size_text(struct ks_arena *arena, uint64_t kib)
{
    return ks_size_format(arena, kib * 1024);
}

static int read_pool(struct run *r)
{
    const char *machine =
        ks_sprintf(r->w->arena, "sys/kernel/mm/hugepages/hugepages-%llukB", (unsigned long long)r->want->size_kib);
    struct pool *p = &r->pool;
    const struct {
        const char *dir, *name;
        uint64_t *value;
    } files[] = {
        {r->dir, "nr_hugepages", &p->total},           {r->dir, "free_hugepages", &p->free},
        {r->dir, "surplus_hugepages", &p->surplus},    {machine, "resv_hugepages", &p->reserved},
        {machine, "free_hugepages", &p->machine_free},
    };

    for (size_t i = 0; i < KS_COUNT(files); i++) {
        const char *path = ks_sprintf(r->w->arena, "%s/%s", files[i].dir, files[i].name);
        if (ks_attr_read_u64(r->w->root, path, files[i].value, r->err) < 0)
            return ks_wrap(r->err, "reading %s", r->what);
    }
    return 0;
}

static uint64_t persistent(const struct pool *p)
{
    return p->total > p->surplus ? p->total - p->surplus : 0;
}

/* What is free may be promised; which node the promise will be kept from is not known, so none may be broken. */
static int check_in_use(struct run *r)
{
    const struct pool *p = &r->pool;
    const uint64_t used = p->total - (p->free < p->total ? p->free : p->total), wanted = r->want->pages;
    const uint64_t cut = persistent(p) > wanted ? persistent(p) - wanted : 0;

    if (cut == 0)
        return 0;
    if (wanted < used)
        return ks_fail(r->err, KS_E_BLOCKED, KS_NOWHERE,
                       "%s: wanted %llu, but %llu of %llu are in use; the guests that use them must stop first",
                       r->what, (unsigned long long)wanted, (unsigned long long)used, (unsigned long long)p->total);
    if (cut + p->reserved > p->machine_free)
        return ks_fail(
            r->err, KS_E_BLOCKED, KS_NOWHERE,
            "%s: wanted %llu, %llu fewer than now, but of the %llu free on this machine %llu are reserved", r->what,
            (unsigned long long)wanted, (unsigned long long)cut, (unsigned long long)p->machine_free,
            (unsigned long long)p->reserved);
    return 0;
}

static int write_pages(struct run *r, uint64_t pages)
{
    const char *path = ks_sprintf(r->w->arena, "%s/nr_hugepages", r->dir);

    if (ks_attr_write(r->w->root, path, ks_sprintf(r->w->arena, "%llu", (unsigned long long)pages), r->err) < 0)
        return ks_wrap(r->err, "setting %s to %llu", r->what, (unsigned long long)pages);
    return read_pool(r);
}

/* Makes contiguous memory by moving pages; a help, so that its failure is none. */
static void compact(struct run *r)
{
    const char *path = r->want->node < 0
                           ? "proc/sys/vm/compact_memory"
                           : ks_sprintf(r->w->arena, "sys/devices/system/node/node%d/compact", r->want->node);
    struct ks_error ignored = {0};

    (void)ks_attr_write(r->w->root, path, "1", &ignored);
    ks_error_done(&ignored);
}

static int grow(struct run *r)
{
    const uint64_t deadline = ks_now_ms() + (r->want->timeout_ms ? r->want->timeout_ms : TIMEOUT_MS);

    for (;;) {
        if (write_pages(r, r->want->pages) < 0)
            return -1;
        if (persistent(&r->pool) >= r->want->pages || ks_now_ms() >= deadline || ks_write_cancelled(r->w))
            return 0;
        compact(r);
        ks_sleep_ms(PAUSE_MS);
    }
}

/* Somebody may have taken pages since they were counted: what became surplus by it is made persistent again. */
static int shrink(struct run *r)
{
    const uint64_t surplus = r->pool.surplus;

    if (write_pages(r, r->want->pages) < 0)
        return -1;
    if (r->pool.surplus <= surplus)
        return 0;
    if (write_pages(r, r->pool.total - surplus) < 0)
        return -1;
    return ks_fail(r->err, KS_E_BLOCKED, KS_NOWHERE, "%s: wanted %llu, but %llu have been taken into use meanwhile",
                   r->what, (unsigned long long)r->want->pages, (unsigned long long)persistent(&r->pool));
}

/* Free memory of the node, or of a machine without nodes. */
static uint64_t free_memory_kib(struct run *r)
{
    const char *path = r->want->node < 0
                           ? "proc/meminfo"
                           : ks_sprintf(r->w->arena, "sys/devices/system/node/node%d/meminfo", r->want->node);
    struct ks_error ignored = {0};
    char *text;
    size_t len;

    if (ks_file_read(r->w->root, path, 65536, r->w->arena, &text, &len, &ignored) < 0) {
        ks_error_done(&ignored);
        return 0;
    }
    const char *at = strstr(text, "MemFree:");
    return at ? strtoull(at + strlen("MemFree:"), NULL, 10) : 0;
}

/* From 1 GiB on, memory is seldom contiguous enough once the host is up. */
static const char *boot_hint(struct run *r)
{
    const char *pages = ks_sprintf(r->w->arena, "%llu", (unsigned long long)r->want->pages);

    if (r->want->size_kib < GIB_IN_KIB)
        return "";
    if (r->want->node >= 0)
        pages = ks_sprintf(r->w->arena, "%d:%s", r->want->node, pages);
    return ks_sprintf(r->w->arena, "; boot with hugepagesz=%lluG hugepages=%s",
                      (unsigned long long)(r->want->size_kib / GIB_IN_KIB), pages);
}

static int fail_short(struct run *r, uint64_t before)
{
    const uint64_t got = persistent(&r->pool), missing = r->want->pages - got;
    const uint64_t free_kib = free_memory_kib(r);
    struct ks_error ignored = {0};
    struct ks_error *err = r->err;

    r->err = &ignored; /* pages that are too few are of no use to anybody, and the memory is */
    (void)write_pages(r, before);
    ks_error_done(&ignored);
    r->err = err;
    return ks_fail(err, KS_E_VERIFY, KS_NOWHERE,
                   "%s: wanted %llu, got %llu: %llu short (%s), with %s of memory free%s; the pool is back at %llu",
                   r->what, (unsigned long long)r->want->pages, (unsigned long long)got,
                   (unsigned long long)missing, size_text(r->w->arena, missing * r->want->size_kib),
                   size_text(r->w->arena, free_kib - free_kib % 1024), boot_hint(r),
                   (unsigned long long)persistent(&r->pool));
}

int ks_pages_set(struct ks_writes *w, const struct ks_pages_want *want, struct ks_pages_got *ret,
                 struct ks_error *err)
{
    struct run r = {.w = w, .want = want, .err = err};
    const char *size = size_text(w->arena, want->size_kib);

    if (want->node < 0) {
        r.dir =
            ks_sprintf(w->arena, "sys/kernel/mm/hugepages/hugepages-%llukB", (unsigned long long)want->size_kib);
        r.what = ks_sprintf(w->arena, "pages of %s", size);
    } else {
        r.dir = ks_sprintf(w->arena, "sys/devices/system/node/node%d/hugepages/hugepages-%llukB", want->node,
                           (unsigned long long)want->size_kib);
        r.what = ks_sprintf(w->arena, "pages of %s on node %d", size, want->node);
    }
    *ret = (struct ks_pages_got){0};
    if (!ks_file_exists(w->root, r.dir))
        return ks_fail(err, KS_E_UNSUPPORTED, KS_NOWHERE, "%s: this kernel has no such node or page size", r.what);
    if (read_pool(&r) < 0)
        return -1;
    const uint64_t before = ret->before = ret->after = persistent(&r.pool);
    if (before == want->pages)
        return 0;
    if (check_in_use(&r) < 0)
        return -1;
    ret->after = want->pages;
    if (!ks_write_now(w, "%s: %llu -> %llu", r.what, (unsigned long long)before, (unsigned long long)want->pages))
        return 0;
    if ((before < want->pages ? grow(&r) : shrink(&r)) < 0)
        return -1;
    ret->after = persistent(&r.pool);
    if (ret->after < want->pages && !want->best_effort) {
        ret->after = before;
        return fail_short(&r, before);
    }
    if (ret->after < want->pages)
        ret->free_kib = free_memory_kib(&r);
    if (ret->after > want->pages)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "%s: wanted %llu, but %llu stay", r.what,
                       (unsigned long long)want->pages, (unsigned long long)ret->after);
    return 0;
}
