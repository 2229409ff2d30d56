/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * actuators/sriov.c, host_sriov.c and host_driver.c over a made-up tree, where a thread plays the kernel: it makes
 * and removes virtfn* as sriov_numvfs says, and refuses from N to M.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/inotify.h>

#include "actuators/actuators.h"
#include "actuators/host_write.h"
#include "pcitree.h"

#define PF "0000:81:00.0"
#define NUMVFS "sys/bus/pci/devices/" PF "/sriov_numvfs"
#define AUTOPROBE "sys/bus/pci/devices/" PF "/sriov_drivers_autoprobe"

struct fixture {
    struct tree tree;
    struct ks_writes w;
    struct ks_error err;
    pthread_t kernel;
    atomic_bool stop;
    atomic_uint most; /* VFs that come, however many are asked for */
    atomic_uint seen_zero;
};

static uint64_t number(struct fixture *f, const char *path)
{
    ks_auto(ks_closep) int fd = openat(f->tree.root, path, O_RDONLY | O_CLOEXEC);
    char text[16] = "";

    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
}

static void virtfn(struct fixture *f, unsigned index, bool make)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "sys/bus/pci/devices/" PF "/virtfn%u", index);
    if (make)
        tree_link(&f->tree, name, "../0000:81:10.0");
    else
        (void)unlinkat(f->tree.root, name, 0);
}

static void *play_kernel(void *data)
{
    struct fixture *f = data;
    unsigned have = 0;

    while (!f->stop) {
        const uint64_t asked = number(f, NUMVFS);
        if (asked == 0)
            f->seen_zero++;
        if (asked != UINT64_MAX && asked != have) {
            const unsigned most = f->most, want = asked < most ? (unsigned)asked : most;
            for (; have < want; have++)
                virtfn(f, have, true);
            for (; have > want; have--)
                virtfn(f, have - 1, false);
        }
        ks_sleep_ms(1);
    }
    return NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tree_new(&f->tree);
    f->w.arena = ks_arena_new();
    f->w.root = f->tree.root;
    f->most = 64;
    pci_put_pf(&f->tree, "64\n", "0\n");
    assert_int_equal(pthread_create(&f->kernel, NULL, play_kernel, f), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->stop = true;
    (void)pthread_join(f->kernel, NULL);
    tree_done(&f->tree);
    ks_arena_free(f->w.arena);
    ks_error_done(&f->err);
    free(f);
    return 0;
}

static int set(struct fixture *f, unsigned vfs)
{
    const struct ks_numvfs_want want = {.pf = PF, .vfs = vfs, .timeout_ms = 2000};

    f->w.log = (struct ks_strings){0};
    return ks_numvfs_set(&f->w, &want, &f->err);
}

static void check(struct fixture *f, int rc)
{
    if (rc < 0)
        fail_msg("%s", ks_error_text(f->w.arena, &f->err));
}

static void any_number_and_back(void **state)
{
    struct fixture *f = *state;
    static const unsigned counts[] = {4, 7, 2, 17, 63, 64, 0, 31};

    for (size_t i = 0; i < KS_COUNT(counts); i++) {
        check(f, set(f, counts[i]));
        assert_int_equal(f->w.log.n, 1);
        assert_int_equal(number(f, NUMVFS), counts[i]);
        check(f, set(f, counts[i]));
        assert_int_equal(f->w.log.n, 0);
    }
    assert_int_equal(number(f, AUTOPROBE), 1); /* as it was */
}

static void a_dry_run_leaves_it(void **state)
{
    struct fixture *f = *state;

    f->w.dry_run = true;
    check(f, set(f, 4));
    assert_int_equal(f->w.log.n, 1);
    assert_int_equal(number(f, NUMVFS), 0);
}

static void fewer_than_asked_is_an_error(void **state)
{
    struct fixture *f = *state;

    f->most = 17;
    assert_int_equal(set(f, 40), -1);
    assert_int_equal(f->err.code, KS_E_VERIFY);
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "sriov_numvfs says 40 and 17 came"));
    check(f, set(f, 17));
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    const struct ks_numvfs_want none = {.pf = "0000:99:00.0", .vfs = 1};

    assert_int_equal(set(f, 65), -1);
    assert_int_equal(f->err.code, KS_E_INVALID);
    assert_int_equal(ks_numvfs_set(&f->w, &none, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_NOT_FOUND);
    pci_put(&f->tree, "0000:99:00.0", "0x1\n", NULL, NULL);
    assert_int_equal(ks_numvfs_set(&f->w, &none, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_UNSUPPORTED);
}

static void a_driver_that_hangs(void **state)
{
    struct fixture *f = *state;
    const struct ks_numvfs_want want = {.pf = PF, .vfs = 4, .timeout_ms = 300};

    (void)signal(SIGIO, SIG_IGN);
    ks_auto(ks_closep) int lease = openat(f->tree.root, NUMVFS, O_RDONLY | O_CLOEXEC);
    if (fcntl(lease, F_SETLEASE, F_RDLCK) < 0)
        skip(); /* this file system has none: nothing else here holds up a writer */
    const uint64_t start = ks_now_ms();
    assert_int_equal(ks_numvfs_set(&f->w, &want, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_TIMEOUT);
    assert_in_range(ks_now_ms() - start, 290, 3000);
    assert_int_equal(number(f, AUTOPROBE), 1); /* put back all the same */
}

/* What is written to a PF's files from now on. */
static int watch_pf(struct fixture *f)
{
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, ks_sprintf(f->w.arena, "%s/sys/bus/pci/devices/" PF, f->tree.dir),
                                  IN_CLOSE_WRITE) >= 0);
    return fd;
}

/* The names of those files, in the order of the writes. */
static const char *written(struct fixture *f, int fd)
{
    alignas(struct inotify_event) char buffer[4096];
    struct ks_text names = {.arena = f->w.arena};
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (const char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            ks_text_addf(&names, "%s ", event->name);
            at += sizeof *event + event->len;
        }
    return ks_text_str(&names);
}

/* Whatever comes comes without a driver; then one is looked for, or others are kept off. */
static void no_driver_comes_by_itself(void **state)
{
    struct fixture *f = *state;
    const char *address = "0000:81:17.7";
    const struct ks_strings one = {.n = 1, .cap = 1, .v = &address};
    ks_auto(ks_closep) int writes = watch_pf(f);
    char *text;

    check(f, set(f, 62));
    assert_string_equal(written(f, writes), "sriov_drivers_autoprobe sriov_numvfs sriov_drivers_autoprobe ");
    pci_put_vf(&f->tree, 63, NULL);
    check(f, ks_driver_reserve(&f->w, address, "vfio-pci", &f->err));
    check(f,
          ks_attr_read(f->w.root, "sys/bus/pci/devices/0000:81:17.7/driver_override", f->w.arena, &text, &f->err));
    assert_string_equal(text, "vfio-pci");
    assert_int_equal(ks_drivers_probe(&f->w, &one), 0); /* nobody to ask: none is no error */
    tree_put(&f->tree, "sys/bus/pci/drivers_probe", "");
    assert_int_equal(ks_drivers_probe(&f->w, &one), 0);
    check(f, ks_attr_read(f->w.root, "sys/bus/pci/drivers_probe", f->w.arena, &text, &f->err));
    assert_string_equal(text, address);
    pci_put_vf(&f->tree, 62, "igbvf");
    address = "0000:81:17.6";
    f->w.log = (struct ks_strings){0};
    assert_int_equal(ks_drivers_probe(&f->w, &one), 0);
    check(f, ks_driver_reserve(&f->w, address, "vfio-pci", &f->err));
    assert_int_equal(f->w.log.n, 0);
}

/* The made-up tree binds nothing: what is written is all that can be seen here. */
static void drivers(void **state)
{
    struct fixture *f = *state;

    pci_put_vf(&f->tree, 63, "vfio-pci");
    const char *address = "0000:81:17.7";
    check(f, ks_driver_bind(&f->w, address, "vfio-pci", 0, &f->err));
    assert_int_equal(f->w.log.n, 0);
    assert_int_equal(ks_driver_bind(&f->w, address, "none-such", 0, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_NOT_FOUND);
    f->w.dry_run = true;
    check(f, ks_driver_bind(&f->w, address, "", 0, &f->err));
    assert_string_equal(f->w.log.v[f->w.log.n - 1], "0000:81:17.7: driver vfio-pci -> no driver");
    f->w.dry_run = false;
    tree_put(&f->tree, "sys/bus/pci/drivers/vfio-pci/unbind", "");
    tree_put(&f->tree, "sys/bus/pci/drivers/igbvf/bind", "");
    tree_put(&f->tree, "sys/bus/pci/drivers_probe", "");
    assert_int_equal(ks_driver_bind(&f->w, address, "igbvf", 0, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_VERIFY); /* nobody acts on it */
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "wanted igbvf, has vfio-pci"));
    char *text;
    check(f, ks_attr_read(f->w.root, "sys/bus/pci/drivers/vfio-pci/unbind", f->w.arena, &text, &f->err));
    assert_string_equal(text, address);
    check(f, ks_attr_read(f->w.root, "sys/bus/pci/drivers_probe", f->w.arena, &text, &f->err));
    assert_string_equal(text, address);
    check(f,
          ks_attr_read(f->w.root, "sys/bus/pci/devices/0000:81:17.7/driver_override", f->w.arena, &text, &f->err));
    assert_string_equal(text, "igbvf");
}

/* ---- the whole step ---- */

struct step {
    struct ks_seen_vf vfs[4];
    struct ks_seen_pf pf;
    struct ks_plan_field field;
    struct ks_sriov *want;
    struct ks_step s;
    struct ks_observed now; /* what looking again finds */
    struct ks_acting a;
};

static int look(void *data, struct ks_arena *arena, struct ks_observed *ret, struct ks_error *err)
{
    const struct step *step = data;

    (void)arena, (void)err;
    *ret = step->now;
    return 0;
}

/* From n VFs to `vfs`, with VF 1 held by `planned` when this was planned and by `now` now. */
static void make_step(struct fixture *f, struct step *t, unsigned n, unsigned vfs, const char **planned,
                      const char **now)
{
    struct ks_seen_pf *pf;

    *t = (struct step){.field = {.path = "vfs"}};
    t->want = (struct ks_sriov *)ks_obj_new(f->w.arena, &ks_sriov_kind, "ens1");
    t->want->vfs = vfs;
    ks_mark(&t->want->o, "vfs");
    for (unsigned i = 0; i < n; i++)
        t->vfs[i] = (struct ks_seen_vf){.index = i, .address = ks_sprintf(f->w.arena, "0000:81:10.%u", i)};
    t->pf = (struct ks_seen_pf){.name = "ens1", .address = PF, .n_vfs = n, .vfs = t->vfs};
    t->vfs[1].holders = now;
    t->vfs[1].n_holders = now ? 1 : 0;
    pf = ks_vec_add(f->w.arena, &t->now.pfs);
    *pf = t->pf;
    pf->vfs = ks_new_n(f->w.arena, struct ks_seen_vf, 4);
    memcpy(pf->vfs, t->vfs, sizeof t->vfs);
    t->vfs[1].holders = planned;
    t->vfs[1].n_holders = planned ? 1 : 0;
    t->s =
        (struct ks_step){.id = "sriov/ens1", .kind = "sriov", .name = "ens1", .want = &t->want->o, .seen = &t->pf};
    *ks_vec_add(f->w.arena, &t->s.fields) = t->field;
    t->a = (struct ks_acting){.arena = f->w.arena, .root = f->tree.root, .looking = {t, look}};
}

static int act(struct step *t, struct ks_error *err)
{
    enum ks_outcome outcome;

    ks_error_done(err);
    return ks_act_sriov(&t->a, &t->s, &outcome, err);
}

static void holders_are_looked_for_again(void **state)
{
    struct fixture *f = *state;
    struct step t;

    check(f, set(f, 4));
    make_step(f, &t, 4, 2, NULL, (const char *[]){"namespace blue"});
    assert_int_equal(act(&t, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "VF 1 is held by namespace blue since"));
    assert_int_equal(number(f, NUMVFS), 4);
    make_step(f, &t, 4, 2, NULL, NULL);
    t.now.holders_unknown = "no reason";
    assert_int_equal(act(&t, &f->err), -1);
    assert_int_equal(number(f, NUMVFS), 4);
    make_step(f, &t, 4, 2, NULL, NULL);
    t.now.pfs.n = 0; /* the card is gone */
    assert_int_equal(act(&t, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_STALE);
    /* A guest that is off and a network of the manifest were counted on. */
    make_step(f, &t, 4, 2, (const char *[]){"network/pool"}, (const char *[]){"network/pool"});
    check(f, act(&t, &f->err));
    assert_int_equal(number(f, NUMVFS), 2);
}

static void a_guest_started_meanwhile(void **state)
{
    struct fixture *f = *state;
    const char *holder[] = {"guest/g1"};
    struct ks_guest *live = (struct ks_guest *)ks_obj_new(f->w.arena, &ks_guest_kind, "g1");
    struct ks_nic *nic = (struct ks_nic *)ks_obj_new(f->w.arena, &ks_nic_kind, "fast");
    struct step t;

    check(f, set(f, 4));
    nic->vf_address = "0000:81:10.1";
    *ks_vec_add(f->w.arena, &live->nics) = &nic->o;
    make_step(f, &t, 4, 2, holder, holder);
    *ks_vec_add(f->w.arena, &t.now.guests) = (struct ks_seen_guest){.name = "g1", .live = live};
    assert_int_equal(act(&t, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_BLOCKED);
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "guest g1 runs with it since"));
    assert_int_equal(number(f, NUMVFS), 4);
}

static void a_short_count_is_rolled_back(void **state)
{
    struct fixture *f = *state;
    struct step t;

    check(f, set(f, 3));
    f->most = 3;
    make_step(f, &t, 3, 7, NULL, NULL);
    assert_int_equal(act(&t, &f->err), -1);
    assert_int_equal(f->err.code, KS_E_VERIFY);
    assert_non_null(strstr(ks_error_text(f->w.arena, &f->err), "there are 3 VFs again"));
    assert_int_equal(number(f, NUMVFS), 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_number_and_back),
        TEST(a_dry_run_leaves_it),
        TEST(fewer_than_asked_is_an_error),
        TEST(refusals),
        TEST(a_driver_that_hangs),
        TEST(no_driver_comes_by_itself),
        TEST(drivers),
        TEST(holders_are_looked_for_again),
        TEST(a_guest_started_meanwhile),
        TEST(a_short_count_is_rolled_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
