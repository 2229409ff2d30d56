/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which driver a PCI device has. Facts: Documentation/ABI/testing/sysfs-bus-pci. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "actuators/host_write.h"

#define DEVICES "sys/bus/pci/devices"
#define PROBE "sys/bus/pci/drivers_probe"
enum { TIMEOUT_MS = 30 * 1000, PROBE_MS = 10 * 1000, SETTLE_MS = 2000, PAUSE_MS = 20 };

struct run {
    struct ks_writes *w;
    const char *address, *dir;
    uint32_t timeout_ms;
    struct ks_error *err;
};

static const char *driver_of(struct run *r)
{
    return ks_link_base(r->w->root, ks_sprintf(r->w->arena, "%s/driver", r->dir), r->w->arena);
}

/* ---- the driver itself ---- */

static bool is_real_root(int root)
{
    struct stat ours, real;

    return fstat(root, &ours) == 0 && stat("/", &real) == 0 && ours.st_dev == real.st_dev &&
           ours.st_ino == real.st_ino;
}

/* A module's name is its driver's with '_' for '-', which modprobe sees to. Success is told by the driver's
 * presence. */
static void load(struct run *r, const char *driver)
{
    char *argv[] = {"modprobe", "-q", "--", (char *)driver, NULL},
         *env[] = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL};
    const uint64_t deadline = ks_now_ms() + r->timeout_ms;
    pid_t child;

    if (posix_spawn(&child, "/sbin/modprobe", NULL, NULL, argv, env) != 0)
        return;
    while (waitpid(child, NULL, WNOHANG) == 0) {
        if (ks_now_ms() >= deadline) {
            (void)kill(child, SIGKILL);
            return;
        }
        ks_sleep_ms(PAUSE_MS);
    }
}

/* Whether the driver is there now. */
static bool load_driver(struct run *r, const char *driver)
{
    const char *path = ks_sprintf(r->w->arena, "sys/bus/pci/drivers/%s", driver);

    if (!ks_file_exists(r->w->root, path) && is_real_root(r->w->root))
        load(r, driver);
    return ks_file_exists(r->w->root, path);
}

static int ensure_driver(struct run *r, const char *driver)
{
    return load_driver(r, driver)
               ? 0
               : ks_fail(r->err, KS_E_NOT_FOUND, KS_NOWHERE, "%s: there is no PCI driver %s, and no module for it",
                         r->address, driver);
}

/* ---- binding ---- */

static const char *wanted_name(const char *driver)
{
    return !driver ? "the kernel's choice" : *driver ? driver : "no driver";
}

/* override, unbind, probe: as one series in a child, since unbinding waits for whoever has the device open. */
static int rebind(struct run *r, const char *driver, const char *current)
{
    struct ks_attr_text each[3];
    struct ks_attr_writes writes = {.v = each, .timeout_ms = r->timeout_ms};
    size_t failed;
    const char *override = ks_sprintf(r->w->arena, "%s/driver_override", r->dir);

    if (driver && *driver)
        each[writes.n++] = (struct ks_attr_text){override, driver};
    else if (ks_file_exists(r->w->root, override))
        each[writes.n++] = (struct ks_attr_text){override, "\n"}; /* a newline alone clears it */
    if (current)
        each[writes.n++] = (struct ks_attr_text){ks_sprintf(r->w->arena, "%s/driver/unbind", r->dir), r->address};
    if (!driver || *driver)
        each[writes.n++] = (struct ks_attr_text){PROBE, r->address};
    if (writes.n == 0 || ks_attrs_write_by_child(r->w->root, &writes, &failed, r->err) == 0)
        return 0;
    if (r->err->code == KS_E_TIMEOUT && current)
        return ks_wrap(r->err, "%s: taking it from driver %s waits for whoever uses it", r->address, current);
    return ks_wrap(r->err, "binding %s to %s", r->address, wanted_name(driver));
}

static bool holds(const char *driver, const char *now)
{
    if (!driver)
        return now != NULL;
    return *driver ? ks_streq(driver, now) : now == NULL;
}

static int verify(struct run *r, const char *driver)
{
    const uint64_t deadline = ks_now_ms() + SETTLE_MS;
    const char *now;

    while (!holds(driver, now = driver_of(r))) {
        if (ks_now_ms() >= deadline)
            return ks_fail(r->err, KS_E_VERIFY, KS_NOWHERE, "%s: wanted %s, has %s%s", r->address,
                           wanted_name(driver), now ? now : "no driver",
                           now ? "" : ": the kernel's log says why the driver declined");
        ks_sleep_ms(PAUSE_MS);
    }
    return 0;
}

/* *ret: something overrides the kernel's choice. */
static int overridden(struct run *r, bool *ret)
{
    const char *text;

    if (ks_attr_text_or(r->w->root, ks_sprintf(r->w->arena, "%s/driver_override", r->dir), "", r->w->arena, &text,
                        r->err) < 0)
        return -1;
    *ret = *text && !ks_streq(text, "(null)");
    return 0;
}

static struct run run_of(struct ks_writes *w, const char *address, struct ks_error *err)
{
    return (struct run){.w = w,
                        .address = address,
                        .dir = ks_sprintf(w->arena, DEVICES "/%s", address),
                        .timeout_ms = TIMEOUT_MS,
                        .err = err};
}

int ks_driver_bind(struct ks_writes *w, const char *address, const char *driver, uint32_t timeout_ms,
                   struct ks_error *err)
{
    struct run r = run_of(w, address, err);
    bool override;

    if (timeout_ms)
        r.timeout_ms = timeout_ms;
    if (!ks_file_exists(w->root, r.dir))
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "there is no PCI device %s", address);
    const char *current = driver_of(&r);
    if (overridden(&r, &override) < 0)
        return -1;
    /* one bound by an override is not what the kernel would have chosen */
    if (holds(driver, current) && (driver || !override))
        return 0;
    if (!ks_write_now(w, "%s: driver %s -> %s", address, current ? current : "none", wanted_name(driver)))
        return 0;
    if (driver && *driver && ensure_driver(&r, driver) < 0)
        return -1;
    return rebind(&r, driver, current) < 0 ? -1 : verify(&r, driver);
}

int ks_driver_reserve(struct ks_writes *w, const char *address, const char *driver, struct ks_error *err)
{
    struct run r = run_of(w, address, err);
    const struct ks_attr_text write = {ks_sprintf(w->arena, "%s/driver_override", r.dir), driver};
    const struct ks_attr_writes writes = {.v = &write, .n = 1, .timeout_ms = r.timeout_ms};
    size_t failed;

    if (driver_of(&r) || !ks_file_exists(w->root, write.path) ||
        !ks_write_now(w, "%s: kept for %s", address, driver))
        return 0;
    /* Loaded later it takes all that are kept for it, and libvirt would not give back what it finds bound. */
    (void)load_driver(&r, driver);
    return ks_attrs_write_by_child(w->root, &writes, &failed, err) < 0
               ? ks_wrap(err, "keeping %s for %s", address, driver)
               : 0;
}

/* ---- the kernel's choice, of many ---- */

/* A child of its own for each: a driver may take seconds, or not come back, and is not waited for then. */
static pid_t start_probe(int root, const char *address)
{
    const pid_t child = _Fork();

    if (child == 0) {
        const int fd = openat(root, PROBE, O_WRONLY | O_CLOEXEC);
        _exit(fd >= 0 && write(fd, address, strlen(address)) > 0 ? 0 : 1);
    }
    return child;
}

static unsigned count_running(const struct ks_strings *addresses, pid_t *children)
{
    unsigned n = 0;

    for (size_t i = 0; i < addresses->n; i++) {
        if (children[i] > 0 && waitpid(children[i], NULL, WNOHANG) != 0)
            children[i] = 0;
        n += children[i] > 0;
    }
    return n;
}

unsigned ks_drivers_probe(struct ks_writes *w, const struct ks_strings *addresses)
{
    pid_t *children = ks_new_n(w->arena, pid_t, addresses->n + 1);
    const uint64_t deadline = ks_now_ms() + PROBE_MS;
    unsigned running;

    for (size_t i = 0; i < addresses->n; i++) {
        const char *driver =
            ks_link_base(w->root, ks_sprintf(w->arena, DEVICES "/%s/driver", addresses->v[i]), w->arena);
        if (!driver && ks_write_now(w, "%s: driver none -> %s", addresses->v[i], wanted_name(NULL)))
            children[i] = start_probe(w->root, addresses->v[i]);
    }
    while ((running = count_running(addresses, children)) > 0 && ks_now_ms() < deadline &&
           !(w->cancelled && *w->cancelled))
        ks_sleep_ms(PAUSE_MS);
    return running;
}
