/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs, firmware images, and the paths that a manifest names, as QEMU's user gets at them. */
#include "state/facts.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

enum { DESCRIPTOR_MAX = 1 << 20, CONF_MAX = 4 << 20 };

/* ---- programs ----------------------------------------------------------------------------------------------- */

static const char *find_program(struct ks_facts_reading *r, const char *name)
{
    static const char *const dirs[] = {"usr/bin",     "usr/sbin",      "bin",
                                       "sbin",        "usr/local/bin", "usr/local/sbin",
                                       "usr/libexec", "usr/lib/qemu",  "usr/libexec/qemu"};

    for (size_t i = 0; i < KS_COUNT(dirs); i++) {
        const char *path = ks_sprintf(r->arena, "%s/%s", dirs[i], name);
        if (faccessat(r->root, path, X_OK, 0) == 0)
            return ks_sprintf(r->arena, "/%s", path);
    }
    return NULL;
}

/* A module of QEMU's: /usr/lib/x86_64-linux-gnu/qemu on Debian, /usr/lib64/qemu-kvm or the like elsewhere. */
static const char *find_block_driver(struct ks_facts_reading *r, const char *arch, const char *name)
{
    const char *const dirs[] = {ks_sprintf(r->arena, "usr/lib/%s-linux-gnu/qemu", arch), "usr/lib/qemu",
                                "usr/lib64/qemu", "usr/lib64/qemu-kvm"};

    for (size_t i = 0; i < KS_COUNT(dirs); i++) {
        const char *path = ks_sprintf(r->arena, "%s/%s", dirs[i], name);
        if (ks_file_exists(r->root, path))
            return ks_sprintf(r->arena, "/%s", path);
    }
    return NULL;
}

int ks_facts_programs(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    const char *arch = ret->arch ? ret->arch : "x86_64";
    const char *const names[] = {ks_sprintf(r->arena, "qemu-system-%s", arch),
                                 "qemu-img",
                                 "swtpm",
                                 "swtpm_setup",
                                 "virtiofsd",
                                 "dnsmasq",
                                 "iptables",
                                 "nft",
                                 "vgs",
                                 "mount.nfs",
                                 "iscsiadm",
                                 "zfs",
                                 "xorrisofs",
                                 "genisoimage",
                                 "mkisofs"};
    static const char rbd[] = "block-rbd.so";

    (void)err;
    for (size_t i = 0; i < KS_COUNT(names); i++)
        *ks_vec_add(r->arena, &ret->programs) = (struct ks_fact_program){names[i], find_program(r, names[i])};
    *ks_vec_add(r->arena, &ret->programs) = (struct ks_fact_program){rbd, find_block_driver(r, arch, rbd)};
    return 0;
}

/* ---- firmware ----------------------------------------------------------------------------------------------- */

static bool array_has(const json_t *array, const char *word)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (ks_streq(json_string_value(json_array_get(array, i)), word))
            return true;
    return false;
}

static bool is_for(const json_t *root, const char *arch)
{
    const json_t *targets = json_object_get(root, "targets");

    for (size_t i = 0; i < json_array_size(targets); i++)
        if (ks_streq(json_string_value(json_object_get(json_array_get(targets, i), "architecture")), arch))
            return true;
    return false;
}

/* QEMU's docs/interop/firmware.json. Bad ones are libvirt's to complain about. */
static void read_descriptor(struct ks_facts_reading *r, const char *path, struct ks_facts *ret)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    const json_t *executable, *features;
    const char *file;
    char *text;
    size_t len;
    json_t *root;

    if (ks_file_read(r->root, path, DESCRIPTOR_MAX, r->arena, &text, &len, &err) < 0)
        return;
    root = json_loadb(text, len, 0, NULL);
    executable = json_object_get(json_object_get(root, "mapping"), "executable");
    features = json_object_get(root, "features");
    file = json_string_value(json_object_get(executable, "filename"));
    if (file && array_has(json_object_get(root, "interface-types"), "uefi") && is_for(root, ret->arch))
        *ks_vec_add(r->arena, &ret->firmwares) =
            (struct ks_fact_firmware){.file = ks_strdup(r->arena, file),
                                      .exists = ks_file_exists(r->root, file),
                                      .secure_boot = array_has(features, "secure-boot"),
                                      .enrolled = array_has(features, "enrolled-keys")};
    json_decref(root);
}

/* A file in /etc hides the one of the same name in /usr, also when it is empty. */
int ks_facts_firmware(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    static const char *const dirs[] = {"etc/qemu/firmware", "usr/share/qemu/firmware"};
    struct ks_strings names[KS_COUNT(dirs)] = {0};

    for (size_t i = 0; i < KS_COUNT(dirs); i++) {
        if (ks_dir_list_or(r->root, dirs[i], r->arena, &names[i], err) < 0)
            return -1;
        for (size_t k = 0; k < names[i].n; k++)
            if (i == 0 || !ks_file_exists(r->root, ks_sprintf(r->arena, "%s/%s", dirs[0], names[i].v[k])))
                read_descriptor(r, ks_sprintf(r->arena, "%s/%s", dirs[i], names[i].v[k]), ret);
    }
    return 0;
}

/* ---- QEMU's user -------------------------------------------------------------------------------------------- */

struct user {
    const char *name;
    uint64_t uid;
    KS_VEC(uint64_t) groups;
};

static char *read_lines(struct ks_facts_reading *r, const char *path)
{
    ks_auto(ks_error_done) struct ks_error err = {0};
    char *text;
    size_t len;

    return ks_file_read(r->root, path, CONF_MAX, r->arena, &text, &len, &err) < 0 ? NULL : text;
}

/* user = "libvirt-qemu" in qemu.conf */
static const char *stated_user(struct ks_facts_reading *r)
{
    char *text = read_lines(r, "etc/libvirt/qemu.conf"), *state = NULL;
    char name[64];

    for (char *line = text ? strtok_r(text, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state))
        if (sscanf(line, " user = \"%63[^\"]\"", name) == 1)
            return ks_strdup(r->arena, *name == '+' ? name + 1 : name);
    return NULL;
}

/* Colon-separated, as passwd(5) and group(5) are. */
static char *field(char *line, unsigned n)
{
    for (; line && n > 0; n--) {
        line = strchr(line, ':');
        line = line ? line + 1 : NULL;
    }
    return line;
}

static bool begins_with_field(const char *line, const char *word)
{
    return ks_starts(line, word) && line[strlen(word)] == ':';
}

static bool read_passwd(struct ks_facts_reading *r, struct user *user)
{
    char *text = read_lines(r, "etc/passwd"), *state = NULL;

    for (char *line = text ? strtok_r(text, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
        if (!begins_with_field(line, user->name) || !field(line, 3))
            continue;
        user->uid = strtoull(field(line, 2), NULL, 10);
        *ks_vec_add(r->arena, &user->groups) = strtoull(field(line, 3), NULL, 10);
        return true;
    }
    return false;
}

static void read_groups(struct ks_facts_reading *r, struct user *user)
{
    char *text = read_lines(r, "etc/group"), *state = NULL;

    for (char *line = text ? strtok_r(text, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
        char *members = field(line, 3), *member_state = NULL;
        const uint64_t gid = members ? strtoull(field(line, 2), NULL, 10) : 0;
        for (char *m = members ? strtok_r(members, ",", &member_state) : NULL; m;
             m = strtok_r(NULL, ",", &member_state))
            if (ks_streq(m, user->name))
                *ks_vec_add(r->arena, &user->groups) = gid;
    }
}

/* false: nobody can tell who QEMU runs as. */
static bool find_user(struct ks_facts_reading *r, struct user *user)
{
    static const char *const usual[] = {"libvirt-qemu", "qemu"};
    const char *stated = stated_user(r);

    for (size_t i = 0; i < (stated ? 1 : KS_COUNT(usual)); i++) {
        user->name = stated ? stated : usual[i];
        if (read_passwd(r, user)) {
            read_groups(r, user);
            return true;
        }
    }
    return stated && ks_parse_u64(stated, &user->uid) == 0;
}

/* ---- paths -------------------------------------------------------------------------------------------------- */

static bool may_search(struct ks_facts_reading *r, const struct user *user, const char *dir)
{
    struct stat st;

    if (user->uid == 0 || fstatat(r->root, *dir ? dir : ".", &st, 0) < 0)
        return true;
    if (st.st_uid == user->uid)
        return st.st_mode & S_IXUSR;
    /* With an access list the group's bits are its mask: what it says of a user is not looked up here. */
    ks_auto(ks_closep) int fd = openat(r->root, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0)
        return true;
    for (size_t i = 0; i < user->groups.n; i++)
        if (user->groups.v[i] == st.st_gid)
            return st.st_mode & S_IXGRP;
    return st.st_mode & S_IXOTH;
}

static uint64_t free_at(struct ks_facts_reading *r, const char *dir)
{
    ks_auto(ks_closep) int fd = openat(r->root, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statvfs fs;

    return fd >= 0 && fstatvfs(fd, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

static const char *label_of(struct ks_facts_reading *r, const char *dir)
{
    ks_auto(ks_closep) int fd = openat(r->root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char label[256];
    const ssize_t n = fd >= 0 ? fgetxattr(fd, "security.selinux", label, sizeof label) : -1;

    return n > 0 ? ks_strndup(r->arena, label, strnlen(label, (size_t)n)) : NULL;
}

static void add_path(struct ks_facts_reading *r, struct ks_facts *ret, const struct user *user, const char *path)
{
    struct ks_fact_path *fact;
    struct stat st;
    char *part;

    if (!path || *path != '/')
        return;
    for (size_t i = 0; i < ret->paths.n; i++)
        if (ks_streq(ret->paths.v[i].path, path))
            return;
    fact = ks_vec_add(r->arena, &ret->paths);
    fact->path = path;
    fact->exists = fstatat(r->root, path + strspn(path, "/"), &st, 0) == 0;
    fact->is_dir = fact->exists && S_ISDIR(st.st_mode);
    fact->label = fact->is_dir ? label_of(r, path + strspn(path, "/")) : NULL;
    fact->open_to_all = fact->exists && st.st_mode & S_IROTH;
    part = ks_strdup(r->arena, path + strspn(path, "/"));
    for (char *slash = part; *slash; slash += *slash != '\0') {
        slash += strcspn(slash, "/");
        const char end = *slash;
        *slash = '\0';
        if (fstatat(r->root, part, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
            fact->free = free_at(r, part);
            if (user->name && !fact->closed && !may_search(r, user, part))
                fact->closed = ks_sprintf(r->arena, "/%s", part);
        }
        *slash = end;
    }
}

static void add_volumes(struct ks_facts_reading *r, struct ks_facts *ret, const struct user *user)
{
    for (size_t i = 0; i < r->want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)r->want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++) {
            const struct ks_volume *volume = (const struct ks_volume *)pool->volumes.v[k];
            add_path(r, ret, user, volume->backing);
            add_path(r, ret, user, volume->clone);
            add_path(r, ret, user, volume->source ? volume->source->file : NULL);
        }
    }
}

static void add_guest(struct ks_facts_reading *r, struct ks_facts *ret, const struct user *user,
                      const struct ks_guest *guest)
{
    for (size_t i = 0; i < guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[i];
        add_path(r, ret, user, disk->file);
        add_path(r, ret, user, disk->block);
        add_path(r, ret, user, disk->backing);
        add_path(r, ret, user, disk->clone);
    }
    for (size_t i = 0; i < guest->filesystems.n; i++)
        add_path(r, ret, user, ((const struct ks_filesystem *)guest->filesystems.v[i])->source);
    if (guest->direct_kernel) {
        add_path(r, ret, user, guest->direct_kernel->kernel);
        add_path(r, ret, user, guest->direct_kernel->initrd);
    }
}

int ks_facts_paths(struct ks_facts_reading *r, struct ks_facts *ret, struct ks_error *err)
{
    struct user user = {0};

    (void)err;
    if (!find_user(r, &user))
        user.name = NULL;
    ret->qemu_user = user.name;
    if (!r->want)
        return 0;
    for (size_t i = 0; i < r->want->pools.n; i++)
        add_path(r, ret, &user, ((const struct ks_pool *)r->want->pools.v[i])->path);
    for (size_t i = 0; i < r->want->secrets.n; i++) {
        const struct ks_secret *secret = (const struct ks_secret *)r->want->secrets.v[i];
        add_path(r, ret, &user, secret->value ? secret->value->file : NULL);
    }
    add_volumes(r, ret, &user);
    for (size_t i = 0; i < r->want->guests.n; i++)
        add_guest(r, ret, &user, (const struct ks_guest *)r->want->guests.v[i]);
    return 0;
}
