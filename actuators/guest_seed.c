/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloud-init seeds: an ISO image with the label "cidata" and the files user-data, meta-data and network-config in
 * it, made by xorrisofs or genisoimage. An image is complete when it has its name, which holds the digest of its
 * content; so one that is there is right, and one that no guest uses any more can go.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "actuators/guest.h"

enum { TOOL_MS = 120000 };

struct seed {
    struct ks_acting *a;
    int root;           /* of the real file system: what QEMU will open */
    const char *folder; /* of the guest's seeds */
    const char *path;   /* of the image */
    const char *draft;  /* of the image while it is made */
    const char *files;  /* the folder of what goes into it */
};

static void remove_files(const struct seed *s)
{
    struct ks_strings names = {0};
    struct ks_error ignored = {0};

    if (ks_dir_list(s->root, s->files, s->a->arena, &names, &ignored) == 0)
        for (size_t i = 0; i < names.n; i++)
            (void)unlink(ks_sprintf(s->a->arena, "%s/%s", s->files, names.v[i]));
    ks_error_done(&ignored);
    (void)rmdir(s->files);
    (void)unlink(s->draft);
}

static void seed_done(struct seed *s)
{
    if (s->draft)
        remove_files(s);
    ks_closep(&s->root);
}

/* QEMU has a user of its own, which must get to the image through the state directory, and see nothing on the way.
 */
static int open_way(const struct seed *s, struct ks_error *err)
{
    char *dir = ks_strdup(s->a->arena, s->a->have->seed_dir);
    struct stat st;

    if (ks_mkdirs(s->root, s->folder, 0711, err) < 0)
        return -1;
    *strrchr(dir, '/') = '\0';
    if (stat(dir, &st) < 0 || ((st.st_mode & 0111) != 0111 && chmod(dir, (st.st_mode & 07777) | 0111) < 0))
        return ks_fail_errno(err, "let QEMU's user through %s", dir);
    return 0;
}

static int write_files(const struct seed *s, const struct ks_cloud_init *c, struct ks_error *err)
{
    const struct {
        const char *name;
        const struct ks_file_text *text;
    } files[] = {{"user-data", &c->user}, {"meta-data", &c->meta}, {"network-config", &c->network}};

    if (ks_mkdirs(s->root, s->files, 0700, err) < 0)
        return -1;
    for (size_t i = 0; i < KS_COUNT(files); i++)
        if (files[i].text->text &&
            ks_file_replace(s->root, ks_sprintf(s->a->arena, "%s/%s", s->files, files[i].name), files[i].text->text,
                            files[i].text->len, 0600, err) < 0)
            return -1;
    return 0;
}

/* Under its name only when all of it is on the disk. */
static int publish(const struct seed *s, struct ks_error *err)
{
    ks_auto(ks_closep) int fd = open(s->draft, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    ks_auto(ks_closep) int dir = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || dir < 0 || fstat(fd, &st) < 0)
        return ks_fail_errno(err, "open %s", s->draft);
    if (st.st_size == 0)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "%s made an empty image", s->a->have->seed_tool);
    if (fchmod(fd, 0600) < 0 || fsync(fd) < 0 || rename(s->draft, s->path) < 0 || fsync(dir) < 0)
        return ks_fail_errno(err, "write %s", s->path);
    return 0;
}

static int make(const struct seed *s, const struct ks_cloud_init *c, struct ks_error *err)
{
    const char *tool = s->a->have->seed_tool;
    const char *const argv[] = {tool,     "-quiet",  "-output",        s->draft, "-volid",
                                "cidata", "-joliet", "-rational-rock", s->files, NULL};

    if (!tool)
        return ks_fail(err, KS_E_UNSUPPORTED, KS_NOWHERE, "neither xorrisofs nor genisoimage is installed");
    remove_files(s); /* what a killed run left */
    if (open_way(s, err) < 0 || write_files(s, c, err) < 0 || ks_run(s->a, argv, TOOL_MS, err) < 0)
        return -1;
    return publish(s, err);
}

int ks_seed_make(struct ks_acting *a, const struct ks_step *step, bool *ret_made, struct ks_error *err)
{
    const struct ks_guest *want = (const struct ks_guest *)step->want;
    ks_auto(seed_done) struct seed s = {.a = a, .root = -1};
    struct stat st;

    s.path = ks_seed_path(a->arena, a->have->seed_dir, want);
    if (!s.path || stat(s.path, &st) == 0)
        return 0;
    *ret_made = true;
    if (a->dry_run)
        return 0;
    ks_tell(a, step, "making the cloud-init seed", -1);
    if (ks_root_open("/", &s.root, err) < 0)
        return -1;
    s.folder = ks_sprintf(a->arena, "%s/%s", a->have->seed_dir, want->o.key);
    s.draft = ks_sprintf(a->arena, "%s/.new.iso", s.folder);
    s.files = ks_sprintf(a->arena, "%s/.new", s.folder);
    return make(&s, want->cloud_init, err) < 0 ? ks_wrap(err, "make the cloud-init seed of guest %s", want->o.key)
                                               : 0;
}

/* ---- sweeping ----------------------------------------------------------------------------------------------- */

static void add_used(struct ks_acting *a, virDomainPtr domain, unsigned flags, struct ks_strings *ret)
{
    ks_auto(ks_guest_doc_done) struct ks_guest_doc d = {0};
    struct ks_error ignored = {0};

    if (ks_guest_doc_read(a, domain, flags, NULL, &d, &ignored) == 0)
        for (size_t i = 0; i < d.have->disks.n; i++)
            *ks_vec_add(a->arena, ret) = ((const struct ks_disk *)d.have->disks.v[i])->file;
    ks_error_done(&ignored);
}

static bool is_used(const struct ks_strings *used, const char *path)
{
    for (size_t i = 0; i < used->n; i++)
        if (ks_streq(used->v[i], path))
            return true;
    return false;
}

static void sweep_folder(struct ks_acting *a, const char *folder, const struct ks_strings *used)
{
    struct ks_strings names = {0};
    struct ks_error ignored = {0};
    ks_auto(ks_closep) int root = -1;

    if (ks_root_open("/", &root, &ignored) == 0 && ks_dir_list(root, folder, a->arena, &names, &ignored) == 0)
        for (size_t i = 0; i < names.n; i++) {
            const char *path = ks_sprintf(a->arena, "%s/%s", folder, names.v[i]);
            if (!is_used(used, path))
                (void)unlink(path);
        }
    (void)rmdir(folder); /* refused while something is in it */
    ks_error_done(&ignored);
}

void ks_seed_sweep(struct ks_acting *a, const char *name)
{
    const char *folder = ks_sprintf(a->arena, "%s/%s", a->have->seed_dir ? a->have->seed_dir : "", name);
    ks_auto(ks_domainp) virDomainPtr domain = NULL;
    struct ks_strings used = {0};

    if (!a->have->seed_dir || access(folder, F_OK) < 0)
        return;
    domain = virDomainLookupByName(a->conn, name);
    if (!domain && ks_virt_errno() != VIR_ERR_NO_DOMAIN)
        return; /* unknown is not absent */
    if (domain) {
        add_used(a, domain, VIR_DOMAIN_XML_INACTIVE, &used);
        if (virDomainIsActive(domain) == 1)
            add_used(a, domain, 0, &used);
    }
    sweep_folder(a, folder, &used);
}
