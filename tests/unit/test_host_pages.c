/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * actuators/host_pages.c: refusals over a made-up tree; with KS_TEST_HUGEPAGES=1 also this machine's own pages of
 * 2 MiB, which other programs see: put back afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "actuators/host.h"
#include "tree.h"

#define NODE0 "sys/devices/system/node/node0/hugepages/hugepages-2048kB"
#define MACHINE "sys/kernel/mm/hugepages/hugepages-2048kB"
#define GIANT "sys/devices/system/node/node0/hugepages/hugepages-1048576kB"

struct fixture {
    struct tree tree;
    struct ks_writes w;
    struct ks_error err;
    struct ks_pages_got got;
};

TREE_FIXTURE(w.arena, f->w.root = f->tree.root)

static void put_pools(struct fixture *f, const char *total, const char *avail, const char *surplus,
                      const char *reserved)
{
    tree_put(&f->tree, NODE0 "/nr_hugepages", total);
    tree_put(&f->tree, NODE0 "/free_hugepages", avail);
    tree_put(&f->tree, NODE0 "/surplus_hugepages", surplus);
    tree_put(&f->tree, MACHINE "/free_hugepages", avail);
    tree_put(&f->tree, MACHINE "/resv_hugepages", reserved);
}

static uint64_t total(struct fixture *f)
{
    uint64_t value = 0;

    assert_int_equal(ks_attr_read_u64(f->w.root, NODE0 "/nr_hugepages", &value, &f->err), 0);
    return value;
}

static int set(struct fixture *f, uint64_t pages)
{
    const struct ks_pages_want want = {.node = 0, .size_kib = 2048, .pages = pages, .timeout_ms = 1000};

    f->w.log = (struct ks_strings){0};
    return ks_pages_set(&f->w, &want, &f->got, &f->err);
}

static const char *error(struct fixture *f)
{
    return ks_error_text(f->w.arena, &f->err);
}

static void up_down_and_nothing_to_do(void **state)
{
    struct fixture *f = *state;

    put_pools(f, "10\n", "10\n", "0\n", "0\n");
    assert_int_equal(set(f, 20), 0);
    assert_int_equal(total(f), 20);
    assert_int_equal(f->got.before, 10);
    assert_int_equal(f->got.after, 20);
    assert_string_equal(f->w.log.v[0], "pages of 2MiB on node 0: 10 -> 20");
    assert_int_equal(set(f, 20), 0);
    assert_int_equal(f->w.log.n, 0);
    assert_int_equal(set(f, 12), 0);
    assert_int_equal(total(f), 12);
    f->w.dry_run = true;
    assert_int_equal(set(f, 13), 0);
    assert_int_equal(f->w.log.n, 1);
    assert_int_equal(total(f), 12);
}

static void never_below_what_is_in_use(void **state)
{
    struct fixture *f = *state;

    put_pools(f, "10\n", "4\n", "0\n", "0\n");
    assert_int_equal(set(f, 5), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    assert_non_null(strstr(error(f), "wanted 5, but 6 of 10 are in use"));
    assert_int_equal(total(f), 10);
    assert_int_equal(set(f, 6), 0);
    put_pools(f, "10\n", "4\n", "0\n", "2\n"); /* two of the free are promised */
    assert_int_equal(set(f, 7), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    assert_non_null(strstr(error(f), "2 are reserved"));
    assert_int_equal(set(f, 8), 0);
    f->w.dry_run = true; /* a dry run refuses alike */
    put_pools(f, "10\n", "4\n", "0\n", "0\n");
    assert_int_equal(set(f, 5), -1);
}

static void surplus_pages_do_not_count(void **state)
{
    struct fixture *f = *state;

    put_pools(f, "12\n", "0\n", "2\n", "0\n");
    assert_int_equal(set(f, 10), 0); /* ten stay when the surplus goes */
    assert_int_equal(f->w.log.n, 0);
}

static void no_such_pool(void **state)
{
    struct fixture *f = *state;
    const struct ks_pages_want want = {.node = 7, .size_kib = 2048, .pages = 1};

    put_pools(f, "10\n", "4\n", "0\n", "0\n");
    assert_int_equal(ks_pages_set(&f->w, &want, &f->got, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_UNSUPPORTED);
    assert_non_null(strstr(error(f), "on node 7"));
}

/* ---- this machine's own ---- */

static void real(struct fixture *f)
{
    if (!getenv("KS_TEST_HUGEPAGES"))
        skip();
    f->w.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (faccessat(f->w.root, NODE0 "/nr_hugepages", W_OK, 0) < 0)
        skip();
}

static void real_pages_come_and_go(void **state)
{
    struct fixture *f = *state;
    const size_t page = 2 << 20;

    real(f);
    const uint64_t before = total(f);
    assert_int_equal(set(f, before + 4), 0);
    assert_int_equal(total(f), before + 4);
    char *used = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    assert_true(used != MAP_FAILED);
    assert_int_equal(set(f, 0), -1); /* reserved, not yet touched */
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    used[0] = used[page] = 1;
    assert_int_equal(set(f, before + 1), before ? 0 : -1);
    (void)munmap(used, 2 * page);
    assert_int_equal(set(f, before), 0);
    assert_int_equal(total(f), before);
}

/* More than the node has: falls short, says by how much, and gives all back. */
static void real_shortfall(void **state)
{
    struct fixture *f = *state;
    struct ks_pages_want want = {.node = 0, .size_kib = 1048576, .timeout_ms = 500};
    uint64_t before;

    real(f);
    if (getenv("KS_TEST_HUGEPAGES")[0] != '2')
        skip(); /* takes all of the machine's memory for a moment: on a throw-away host alone */
    assert_int_equal(ks_attr_read_u64(f->w.root, GIANT "/nr_hugepages", &before, &f->err), 0);
    want.pages = before + 4;
    assert_int_equal(ks_pages_set(&f->w, &want, &f->got, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_VERIFY);
    assert_non_null(strstr(error(f), "short ("));
    assert_non_null(strstr(error(f), "boot with hugepagesz=1G hugepages=0:4"));
    print_message("%s\n", error(f));
    assert_int_equal(ks_attr_read_u64(f->w.root, GIANT "/nr_hugepages", &f->got.after, &f->err), 0);
    assert_int_equal(f->got.after, before);
    want.best_effort = true;
    assert_int_equal(ks_pages_set(&f->w, &want, &f->got, &f->err), 0);
    assert_true(f->got.after < want.pages);
    want.pages = before;
    assert_int_equal(ks_pages_set(&f->w, &want, &f->got, &f->err), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(up_down_and_nothing_to_do),  TEST(never_below_what_is_in_use),
        TEST(surplus_pages_do_not_count), TEST(no_such_pool),
        TEST(real_pages_come_and_go),     TEST(real_shortfall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
