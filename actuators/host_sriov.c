/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The number of a PF's VFs. Facts: Documentation/PCI/pci-iov-howto.rst; a change between two numbers that are not 0
 * is EBUSY; a driver that makes fewer than asked for still succeeds.
 */
#include <inttypes.h>

#include "actuators/host_write.h"

enum { TIMEOUT_MS = 60 * 1000, SETTLE_MS = 1000, PAUSE_MS = 20 };

struct run {
    struct ks_writes *w;
    const struct ks_numvfs_want *want;
    const char *dir;
    uint32_t timeout_ms;
    struct ks_error *err;
};

static const char *path_of(struct run *r, const char *name)
{
    return ks_sprintf(r->w->arena, "%s/%s", r->dir, name);
}

static int count_virtfn(struct run *r, unsigned *ret)
{
    struct ks_strings names = {0};

    *ret = 0;
    if (ks_dir_list(r->w->root, r->dir, r->w->arena, &names, r->err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++)
        *ret += ks_starts(names.v[i], "virtfn");
    return 0;
}

/* What there is: the number written, and the VFs that came. */
static int read_both(struct run *r, uint64_t *ret_num, unsigned *ret_virtfn)
{
    if (ks_attr_read_u64(r->w->root, path_of(r, "sriov_numvfs"), ret_num, r->err) < 0)
        return -1;
    return count_virtfn(r, ret_virtfn);
}

static int check_total(struct run *r)
{
    uint64_t total;

    if (!ks_file_exists(r->w->root, r->dir))
        return ks_fail(r->err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no PCI device %s", r->want->pf);
    if (!ks_file_exists(r->w->root, path_of(r, "sriov_totalvfs")))
        return ks_fail(r->err, KS_E_UNSUPPORTED, KS_NOWHERE, "%s has no SR-IOV", r->want->pf);
    if (ks_attr_read_u64(r->w->root, path_of(r, "sriov_totalvfs"), &total, r->err) < 0)
        return -1;
    if (r->want->vfs > total)
        return ks_fail(r->err, KS_E_INVALID, KS_NOWHERE, "%s: wanted %u VFs, but it has %" PRIu64 " at most",
                       r->want->pf, r->want->vfs, total);
    return 0;
}

/* Whoever is left puts autoprobe back: the child, when we are killed while the driver is at work. */
static int write_numvfs(struct run *r, bool through_zero, const struct ks_attr_text *put_back)
{
    const char *path = path_of(r, "sriov_numvfs"), *number = ks_sprintf(r->w->arena, "%u", r->want->vfs);
    const struct ks_attr_text both[] = {{path, "0"}, {path, number}};
    const bool zero_alone = r->want->vfs == 0;
    const size_t first = through_zero || zero_alone ? 0 : 1, n = zero_alone ? 1 : KS_COUNT(both) - first;
    const struct ks_attr_writes writes = {
        .v = both + first, .n = n, .orphaned = put_back, .timeout_ms = r->timeout_ms};
    size_t failed;

    if (ks_attrs_write_by_child(r->w->root, &writes, &failed, r->err) == 0)
        return 0;
    if (r->err->code == KS_E_TIMEOUT)
        return ks_wrap(r->err,
                       "%s: the driver does not come back; until it does, its links cannot be changed either",
                       r->want->pf);
    return ks_wrap(r->err, "%s: %s VFs%s", r->want->pf, both[first + failed].text,
                   first + failed == 1 && through_zero ? " (it has none now)" : "");
}

/* autoprobe off, write, autoprobe as it was: also when the write failed. */
static int write_unprobed(struct run *r, bool through_zero)
{
    const char *path = path_of(r, "sriov_drivers_autoprobe");
    const struct ks_attr_text put_back = {path, "1"};
    uint64_t before;

    if (ks_attr_u64_or(r->w->root, path, 0, &before, r->err) < 0)
        return -1;
    if (r->want->vfs == 0 || before == 0)
        return write_numvfs(r, through_zero, NULL);
    if (ks_attr_write(r->w->root, path, "0", r->err) < 0)
        return -1;
    const int rc = write_numvfs(r, through_zero, &put_back);
    struct ks_error second = {0};
    if (ks_attr_write(r->w->root, path, "1", &second) == 0)
        return rc;
    if (rc == 0)
        (void)ks_fail(r->err, KS_E_IO, KS_NOWHERE, "%s: drivers_autoprobe cannot be set back to 1", r->want->pf);
    ks_error_done(&second);
    return -1;
}

static int verify(struct run *r)
{
    const uint64_t deadline = ks_now_ms() + SETTLE_MS;
    uint64_t num;
    unsigned virtfn;

    for (;;) {
        if (read_both(r, &num, &virtfn) < 0)
            return -1;
        if (num == r->want->vfs && virtfn == r->want->vfs)
            return 0;
        if (ks_now_ms() >= deadline)
            break;
        ks_sleep_ms(PAUSE_MS);
    }
    return ks_fail(r->err, KS_E_VERIFY, KS_NOWHERE,
                   "%s: wanted %u VFs, but sriov_numvfs says %" PRIu64 " and %u came", r->want->pf, r->want->vfs,
                   num, virtfn);
}

int ks_numvfs_set(struct ks_writes *w, const struct ks_numvfs_want *want, struct ks_error *err)
{
    struct run r = {.w = w,
                    .want = want,
                    .dir = ks_sprintf(w->arena, "sys/bus/pci/devices/%s", want->pf),
                    .timeout_ms = want->timeout_ms ? want->timeout_ms : TIMEOUT_MS,
                    .err = err};
    uint64_t num;
    unsigned virtfn;

    if (check_total(&r) < 0 || read_both(&r, &num, &virtfn) < 0)
        return -1;
    if (num == want->vfs && virtfn == want->vfs)
        return 0;
    if (!ks_write_now(w, "%s: %u -> %u VFs", want->pf, virtfn, want->vfs))
        return 0;
    return write_unprobed(&r, num != 0) < 0 ? -1 : verify(&r);
}
