/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds a VF: processes through vfio's files, other network namespaces, links of this one. Reading is all that
 * is done; nothing is asked of libvirt here.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "schema/observed.h"
#include "state/host.h"

struct reader {
    int root;
    const struct ks_host_pci *pci;
    const struct ks_host_links *links;
    struct ks_arena *arena;
    struct ks_host_holders *holders;
    struct ks_error *err;
};

static void add_holder(struct reader *r, const char *address, enum ks_holder_kind kind, const char *text, int pid)
{
    for (size_t i = 0; i < r->holders->holders.n; i++) {
        const struct ks_host_holder *h = &r->holders->holders.v[i];
        if (ks_streq(h->address, address) && ks_streq(h->text, text))
            return;
    }
    struct ks_host_holder *h = ks_vec_add(r->arena, &r->holders->holders);
    *h = (struct ks_host_holder){.address = address, .kind = kind, .text = text, .pid = pid};
}

static void closedirp(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

/* NULL when it is gone or not for us to see; the latter makes the picture incomplete. */
static DIR *open_dir(struct reader *r, const char *path)
{
    const int fd = openat(r->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        if (errno == EACCES || errno == EPERM)
            r->holders->complete = false;
        return NULL;
    }
    DIR *dir = fdopendir(fd);
    if (!dir)
        (void)close(fd);
    return dir;
}

static const char *command_of(struct reader *r, const char *pid)
{
    struct ks_error ignored = {0};
    char *comm = NULL;

    if (ks_attr_read(r->root, ks_sprintf(r->arena, "proc/%s/comm", pid), r->arena, &comm, &ignored) < 0)
        ks_error_done(&ignored);
    return comm ? comm : "unknown";
}

/* ---- vfio's files ---- */

/* "/dev/vfio/12", "/dev/vfio/noiommu-0": the group; "/dev/vfio/devices/vfio3": the device. */
static bool opens(const char *target, const struct ks_host_pci_device *d)
{
    const char *file = strstr(target, "/vfio/"); /* a private /dev may stand anywhere in another mount namespace */
    uint64_t group;

    if (!file)
        return false;
    file += strlen("/vfio/");
    if (ks_starts(file, "devices/"))
        return ks_streq(file + strlen("devices/"), d->vfio_device);
    if (ks_starts(file, "noiommu-"))
        file += strlen("noiommu-");
    return ks_parse_u64(file, &group) == 0 && d->iommu_group >= 0 && group == (uint64_t)d->iommu_group;
}

static void look_at_target(struct reader *r, const char *pid, const char *target)
{
    for (size_t i = 0; i < r->pci->devices.n; i++) {
        const struct ks_host_pci_device *d = &r->pci->devices.v[i];
        if (ks_driver_is_vfio(d->driver) && opens(target, d))
            add_holder(r, d->address, KS_HOLDER_PROCESS,
                       ks_sprintf(r->arena, "process %s (%s)", pid, command_of(r, pid)), atoi(pid));
    }
}

static void look_at_process(struct reader *r, const char *pid)
{
    char path[64], target[256];
    ks_auto(closedirp) DIR *dir = NULL;

    (void)snprintf(path, sizeof(path), "proc/%.16s/fd", pid);
    dir = open_dir(r, path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        const ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        if (strstr(target, "vfio"))
            look_at_target(r, pid, target);
    }
}

static bool is_pid(const char *name)
{
    return *name && name[strspn(name, "0123456789")] == '\0';
}

static void look_at_processes(struct reader *r)
{
    ks_auto(closedirp) DIR *dir = open_dir(r, "proc");

    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_pid(entry->d_name))
            look_at_process(r, entry->d_name);
}

/* ---- other network namespaces ---- */

struct space {
    dev_t dev;
    ino_t ino;
    const char *path; /* under root */
    const char *text; /* "namespace blue", "namespace of process 12 (dnsmasq)" */
};

struct spaces {
    KS_VEC(struct space) v;
};

/* `name` or, for one that only a process tells of, `pid`. */
static void add_space(struct reader *r, struct spaces *spaces, const char *path, const char *name, const char *pid)
{
    struct stat st;
    struct statfs fs;
    ks_auto(ks_closep) int fd = openat(r->root, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        if (errno == EACCES || errno == EPERM)
            r->holders->complete = false;
        return;
    }
    if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC || fstat(fd, &st) < 0)
        return; /* a file in /run/netns that nothing is mounted on */
    for (size_t i = 0; i < spaces->v.n; i++)
        if (spaces->v.v[i].ino == st.st_ino && spaces->v.v[i].dev == st.st_dev)
            return;
    struct space *space = ks_vec_add(r->arena, &spaces->v);
    *space = (struct space){.dev = st.st_dev, .ino = st.st_ino, .path = ks_strdup(r->arena, path)};
    space->text = name ? ks_sprintf(r->arena, "namespace %s", name)
                       : ks_sprintf(r->arena, "namespace of process %s (%s)", pid, command_of(r, pid));
}

/* Our own first, so that others with the same are left out; names before processes, as they say more. */
static int list_spaces(struct reader *r, struct spaces *spaces)
{
    struct ks_strings names = {0};
    ks_auto(closedirp) DIR *dir = NULL;

    add_space(r, spaces, "proc/thread-self/ns/net", "(this)", NULL);
    if (ks_dir_list_or(r->root, "run/netns", r->arena, &names, r->err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++)
        add_space(r, spaces, ks_sprintf(r->arena, "run/netns/%s", names.v[i]), names.v[i], NULL);
    dir = open_dir(r, "proc");
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[64];
        (void)snprintf(path, sizeof(path), "proc/%.16s/ns/net", entry->d_name);
        if (is_pid(entry->d_name))
            add_space(r, spaces, path, NULL, entry->d_name);
    }
    return 0;
}

static void look_at_space(struct reader *r, const struct space *space)
{
    ks_auto(ks_closep) int fd = openat(r->root, space->path, O_RDONLY | O_CLOEXEC);
    struct ks_host_links links;
    struct ks_error failed = {0};

    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
        r->holders->complete &= fd < 0 && errno == ENOENT;
        return;
    }
    if (ks_net_read(r->arena, &links, &failed) < 0) {
        r->holders->complete = false;
        ks_error_done(&failed);
        return;
    }
    for (size_t i = 0; i < links.links.n; i++) {
        const struct ks_host_pci_device *d =
            links.links.v[i].bus_address ? ks_host_pci_find(r->pci, links.links.v[i].bus_address) : NULL;
        if (d)
            add_holder(r, d->address, KS_HOLDER_NAMESPACE, space->text, 0);
    }
}

struct walk {
    struct reader *r;
    struct spaces *spaces;
};

/* In a thread that ends: it never has to find its way back into the namespace that it came from. */
static void *walk_spaces(void *data)
{
    const struct walk *walk = data;

    for (size_t i = 1; i < walk->spaces->v.n; i++) /* 0 is ours */
        look_at_space(walk->r, &walk->spaces->v.v[i]);
    return NULL;
}

static int look_at_spaces(struct reader *r)
{
    struct spaces spaces = {0};
    struct walk walk = {r, &spaces};
    pthread_t thread;

    if (list_spaces(r, &spaces) < 0)
        return -1;
    if (spaces.v.n < 2)
        return 0;
    const int rc = pthread_create(&thread, NULL, walk_spaces, &walk);
    if (rc != 0) {
        errno = rc;
        return ks_fail_errno(r->err, "starting a thread");
    }
    (void)pthread_join(thread, NULL);
    return 0;
}

/* ---- links of this namespace ---- */

static const struct ks_host_link *link_of(struct reader *r, const struct ks_host_pci_device *d)
{
    for (size_t i = 0; i < r->links->links.n; i++)
        if (ks_streq(r->links->links.v[i].bus_address, d->address))
            return &r->links->links.v[i];
    return d->netdevs.n ? ks_host_link_find(r->links, d->netdevs.v[0]) : NULL;
}

static void look_at_link(struct reader *r, const struct ks_host_pci_device *d, const struct ks_host_link *link)
{
    const struct ks_host_link *master = link->master ? ks_host_link_find(r->links, link->master) : NULL;

    if (link->master)
        add_holder(r, d->address, KS_HOLDER_LINK,
                   ks_sprintf(r->arena, "%s %s", master && master->kind ? master->kind : "link", link->master), 0);
    for (size_t i = 0; i < r->links->links.n; i++) {
        const struct ks_host_link *upper = &r->links->links.v[i];
        if (ks_streq(upper->lower, link->name))
            add_holder(r, d->address, KS_HOLDER_LINK,
                       ks_sprintf(r->arena, "%s %s", upper->kind ? upper->kind : "link", upper->name), 0);
    }
    for (size_t i = 0; i < link->addresses.n; i++)
        if (link->addresses.v[i].scope < RT_SCOPE_LINK)
            add_holder(r, d->address, KS_HOLDER_ADDRESS,
                       ks_sprintf(r->arena, "address %s", link->addresses.v[i].text), 0);
}

int ks_host_holders_read(int root, const struct ks_host_pci *pci, const struct ks_host_links *links,
                         struct ks_arena *arena, struct ks_host_holders *ret, struct ks_error *err)
{
    struct reader r = {root, pci, links, arena, ret, err};
    bool vfio = false, elsewhere = false;

    *ret = (struct ks_host_holders){.complete = true};
    for (size_t i = 0; i < pci->devices.n; i++) {
        const struct ks_host_pci_device *d = &pci->devices.v[i];
        const struct ks_host_link *link = d->pf ? link_of(&r, d) : NULL;
        vfio |= ks_driver_is_vfio(d->driver);
        elsewhere |= (d->pf || d->is_pf) && d->has_net && d->netdevs.n == 0;
        if (link)
            look_at_link(&r, d, link);
    }
    if (vfio)
        look_at_processes(&r);
    if (elsewhere && look_at_spaces(&r) < 0)
        return ks_wrap(err, "finding out who holds which VF");
    return 0;
}
