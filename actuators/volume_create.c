/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes come to be: empty, as a layer over another, as a full copy, or from a file. */
#include "actuators/volume.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "schema/xml.h"

enum { OFF, METADATA, FALLOC, FULL };

struct making {
    struct ks_acting *a;
    const struct ks_step *step;
    const struct ks_volume *want;
    const char *id, *name, *pool_name;
    virStoragePoolPtr pool;
    const char *folder;
    bool files; /* of a pool in a file system */
    virStorageVolPtr base;
    const char *base_path, *base_format;
    uint64_t base_size, base_allocation; /* bytes; 0: unknown */
    struct ks_upload upload;
};

static void done(struct making *m)
{
    if (m->pool)
        (void)virStoragePoolFree(m->pool);
    if (m->base)
        (void)virStorageVolFree(m->base);
    if (m->upload.fd >= 0)
        (void)close(m->upload.fd);
}

static const char *show_format(struct making *m, const struct ks_volume *volume)
{
    return ks_show(m->a->arena, &volume->o.kind->fields[ks_row(volume->o.kind, "format")], &volume->o);
}

/* ---- what it is made from ----------------------------------------------------------------------------------- */

static int read_base(struct making *m, struct ks_error *err)
{
    struct ks_volume *volume = NULL;
    virStorageVolInfo info;
    ks_auto(ks_freep) char *path = virStorageVolGetPath(m->base);

    if (!path)
        return ks_fail_virt(err, "ask for the path of what it comes from");
    if (ks_storage_read(m->a, m->base, &volume, err) < 0)
        return -1;
    m->base_path = ks_strdup(m->a->arena, path);
    m->base_format = ks_has(&volume->o, "format") ? show_format(m, volume) : "raw";
    m->base_size = volume->size;
    if (virStorageVolGetInfo(m->base, &info) == 0)
        m->base_allocation = info.allocation;
    return 0;
}

/* A file that no pool has: its size is the image's where it is raw; a qcow2's header says its own. */
static int read_base_file(struct making *m, const char *path, struct ks_error *err)
{
    ks_auto(ks_closep) int fd = openat(m->a->root, path + 1, O_RDONLY | O_CLOEXEC);
    unsigned char size[8] = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return ks_fail_errno(err, "open %s", path);
    m->base_path = path;
    m->base_format = ks_image_format(fd);
    m->base_size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (ks_streq(m->base_format, "qcow2") && pread(fd, size, sizeof size, 24) == sizeof size) {
        m->base_size = 0;
        for (size_t i = 0; i < sizeof size; i++)
            m->base_size = m->base_size << 8 | size[i];
    }
    return 0;
}

static int find_base_in_pool(struct making *m, const char *base, struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL;
    const char *slash = strchr(base, '/');
    const char *pool_name = slash ? ks_strndup(m->a->arena, base, (size_t)(slash - base)) : m->pool_name;

    if (ks_storage_pool(m->a, pool_name, &pool, err) < 0)
        return -1;
    if (!pool)
        return ks_fail(err, KS_E_NOT_FOUND, m->step->at, "there is no pool %s for what it comes from", pool_name);
    if (ks_storage_volume(m->a, pool, slash ? slash + 1 : base, &m->base, err) < 0)
        return -1;
    if (!m->base)
        return ks_fail(err, KS_E_NOT_FOUND, m->step->at, "there is no volume %s that it could come from", base);
    return read_base(m, err);
}

static int find_base(struct making *m, struct ks_error *err)
{
    const char *base = m->want->backing ? m->want->backing : m->want->clone;

    if (!base)
        return 0;
    if (*base != '/')
        return find_base_in_pool(m, base, err);
    m->base = virStorageVolLookupByPath(m->a->conn, base);
    if (m->base)
        return read_base(m, err);
    if (m->want->clone)
        return ks_fail(err, KS_E_NOT_FOUND, ks_at(&m->want->o, "clone"),
                       "%s is a volume of no active pool: name it as source: {file: ...}", base);
    return read_base_file(m, base, err);
}

/* ---- its XML ------------------------------------------------------------------------------------------------ */

static const char *format_of(struct making *m)
{
    if (m->want->source)
        return "raw"; /* the content brings its own */
    if (ks_has(&m->want->o, "format"))
        return show_format(m, m->want);
    return m->want->clone ? m->base_format : m->want->backing ? "qcow2" : "raw";
}

static uint64_t capacity_of(struct making *m)
{
    uint64_t size = ks_has(&m->want->o, "size") ? m->want->size : 0;

    if (m->want->source)
        return m->files || m->upload.size > size ? m->upload.size : size;
    return size > 0 && !(m->want->clone && m->base_size > size) ? size : m->base_size;
}

static void add_number(struct making *m, xmlNode *root, const char *name, uint64_t bytes)
{
    ks_xml_set_attr(ks_storage_add(root, name, ks_sprintf(m->a->arena, "%llu", (unsigned long long)bytes)), "unit",
                    "bytes");
}

static unsigned preallocation_of(const struct making *m)
{
    return ks_has(&m->want->o, "preallocation") ? m->want->preallocation : OFF;
}

/* A volume group has no holes: there the allocation is libvirt's to choose. */
static char *make_xml(struct making *m)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewNode(NULL, BAD_CAST "volume"), *node;

    (void)xmlDocSetRootElement(doc, root);
    (void)ks_storage_add(root, "name", m->name);
    add_number(m, root, "capacity", capacity_of(m));
    if (m->files)
        add_number(m, root, "allocation", preallocation_of(m) >= FALLOC ? capacity_of(m) : 0);
    node = ks_storage_add(root, "target", NULL);
    if (m->files)
        ks_xml_set_attr(ks_storage_add(node, "format", NULL), "type", format_of(m));
    if (m->want->backing) {
        node = ks_storage_add(root, "backingStore", NULL);
        (void)ks_storage_add(node, "path", m->base_path);
        ks_xml_set_attr(ks_storage_add(node, "format", NULL), "type",
                        ks_has(&m->want->o, "backing-format")
                            ? ks_show(m->a->arena,
                                      &ks_volume_kind.fields[ks_row(&ks_volume_kind, "backing-format")],
                                      &m->want->o)
                            : m->base_format);
    }
    return ks_xml_text(root);
}

/* ---- making it ---------------------------------------------------------------------------------------------- */

static virStorageVolPtr create_call(struct making *m, const char *xml)
{
    const bool metadata = preallocation_of(m) != OFF && ks_streq(format_of(m), "qcow2") && m->files;
    const unsigned flags = metadata ? VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA : 0;
    struct ks_volume_watch watch = {.a = m->a,
                                    .step = m->step,
                                    .path = ks_sprintf(m->a->arena, "%s/%s", m->folder, m->name),
                                    .whole = m->files && m->want->clone ? m->base_allocation : 0};
    virStorageVolPtr volume;
    unsigned tries = 0;

    ks_volume_watch_begin(&watch);
    do
        volume = m->want->clone ? virStorageVolCreateXMLFrom(m->pool, xml, m->base, flags)
                                : virStorageVolCreateXML(m->pool, xml, flags);
    while (!volume && ks_storage_busy(m->a, &tries));
    ks_volume_watch_end(&watch);
    return volume;
}

/* libvirt looks into images when it refreshes their pool, and not before. */
static int fill(struct making *m, virStorageVolPtr *volume, struct ks_error *err)
{
    if (ks_upload_send(m->a, m->step, &m->upload, *volume, err) < 0)
        return -1;
    if (KS_STORAGE_TRY(m->a, virStoragePoolRefresh(m->pool, 0)) < 0)
        return ks_fail_virt(err, "refresh pool %s", m->pool_name);
    (void)virStorageVolFree(*volume);
    if (ks_storage_volume(m->a, m->pool, m->name, volume, err) < 0)
        return -1;
    return *volume ? 0 : ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "it is not there after the upload");
}

static int finish(struct making *m, virStorageVolPtr volume, struct ks_error *err)
{
    const struct ks_volume *want = m->want;
    struct ks_volume *now = NULL;

    if (ks_storage_read(m->a, volume, &now, err) < 0)
        return -1;
    if (m->files && ks_has(&want->o, "format") && ks_has(&now->o, "format") && now->format != want->format)
        return ks_fail(err, KS_E_VERIFY, ks_at(&want->o, "format"), "its format is %s, not %s", show_format(m, now),
                       show_format(m, want));
    if (ks_has(&want->o, "size") && now->size < want->size &&
        ks_volume_resize(m->a, m->pool, volume, want->size, err) < 0)
        return -1;
    if (preallocation_of(m) == FULL && !want->source && !want->clone && virStorageVolWipe(volume, 0) < 0)
        return ks_fail_virt(err, "write it out");
    return ks_has(&want->o, "size") ? ks_volume_verify_size(m->a, m->id, volume, want->size, err) : 0;
}

static int make(struct making *m, virStorageVolPtr *volume, struct ks_error *err)
{
    char *xml = make_xml(m);

    ks_tell(m->a, m->step, m->want->clone ? "copying" : "making", -1);
    *volume = create_call(m, xml);
    xmlFree(xml);
    if (!*volume)
        return ks_fail_virt(err, "make it");
    if (m->want->source && fill(m, volume, err) < 0)
        return -1;
    return finish(m, *volume, err);
}

/* Nothing half made stays, and nothing that is not ours is listed as ours. */
static void undo(struct making *m)
{
    ks_auto(ks_error_done) struct ks_error ignored = {0};
    ks_auto(ks_volumep) virStorageVolPtr left = NULL;

    if (ks_storage_volume(m->a, m->pool, m->name, &left, &ignored) < 0)
        return;
    if (!left || KS_STORAGE_TRY(m->a, virStorageVolDelete(left, 0)) == 0)
        (void)ks_storage_disown(m->a, m->id, NULL);
}

static int make_owned(struct making *m, struct ks_error *err)
{
    virStorageVolPtr volume = NULL;
    int r;

    if (ks_storage_own(m->a, m->id, true, err) < 0)
        return -1;
    r = make(m, &volume, err);
    if (volume)
        (void)virStorageVolFree(volume);
    if (r < 0) {
        undo(m);
        return -1;
    }
    if (m->want->protect && ks_storage_protect(m->a, m->id, true, err) < 0)
        return -1;
    return ks_storage_made(m->a, m->id, err);
}

/* ---- what is there already ---------------------------------------------------------------------------------- */

/* In a pool that was off when this was planned a volume may turn up: as it should be, it is taken on. */
static int take_on(struct making *m, virStorageVolPtr there, enum ks_outcome *ret, struct ks_error *err)
{
    struct ks_volume *now = NULL;

    if (ks_storage_read(m->a, there, &now, err) < 0)
        return -1;
    if ((ks_has(&m->want->o, "size") && now->size != m->want->size) ||
        (m->files && ks_has(&m->want->o, "format") && now->format != m->want->format))
        return ks_fail(err, KS_E_STALE, m->step->at,
                       "there is one already, of %s and format %s: plan again to see what is to be done",
                       ks_size_format(m->a->arena, now->size), show_format(m, now));
    *ret = m->a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    return ks_storage_own(m->a, m->id, false, err);
}

/* libvirt lists the files that were there when it last looked: where that is no longer so, it looks again. */
static int find_there(struct making *m, virStorageVolPtr *there, struct ks_error *err)
{
    const char *path = ks_sprintf(m->a->arena, "%s/%s", m->folder, m->name);

    if (ks_storage_volume(m->a, m->pool, m->name, there, err) < 0)
        return -1;
    if (!m->files || m->a->dry_run || ks_file_exists(m->a->root, path) == (*there != NULL))
        return 0;
    if (KS_STORAGE_TRY(m->a, virStoragePoolRefresh(m->pool, 0)) < 0)
        return ks_fail_virt(err, "refresh pool %s", m->pool_name);
    if (*there)
        (void)virStorageVolFree(*there);
    return ks_storage_volume(m->a, m->pool, m->name, there, err);
}

/* 1: there was one, and all is done. */
static int clear(struct making *m, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_volumep) virStorageVolPtr there = NULL;

    if (find_there(m, &there, err) < 0)
        return -1;
    if (!there)
        return 0;
    if (!m->step->have)
        return take_on(m, there, ret, err) < 0 ? -1 : 1;
    if (m->a->dry_run)
        return 0;
    ks_tell(m->a, m->step, "removing what was left half made", -1);
    if (KS_STORAGE_TRY(m->a, virStorageVolDelete(there, 0)) < 0)
        return ks_fail_virt(err, "remove what was left half made");
    return 0;
}

static int find_place(struct making *m, struct ks_error *err)
{
    struct ks_storage_place place;

    if (ks_storage_place(m->a, m->pool, &place, err) < 0)
        return -1;
    m->files = place.files;
    m->folder = place.path;
    return 0;
}

static int create(struct making *m, enum ks_outcome *ret, struct ks_error *err)
{
    int r;

    *ret = KS_WOULD_CHANGE;
    if (ks_volume_pool(m->a, m->step, &m->pool, err) < 0)
        return -1;
    if (!m->pool) /* a dry run: it is yet to be made */
        return 0;
    if (find_place(m, err) < 0)
        return -1;
    if (m->want->source && ks_upload_open(m->a, m->step, m->want->source, &m->upload, err) < 0)
        return -1;
    r = virStoragePoolIsActive(m->pool) == 1 ? clear(m, ret, err) : 0;
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (m->a->dry_run)
        return 0;
    if (find_base(m, err) < 0 || make_owned(m, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return 0;
}

int ks_volume_create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    struct making m = {
        .a = a, .step = step, .want = (const struct ks_volume *)step->want, .upload = {.fd = -1, .size = 0}};
    int r;

    m.id = ks_sprintf(a->arena, "volume/%s", step->name);
    m.pool_name = ks_strndup(a->arena, step->name, strcspn(step->name, "/"));
    m.name = strchr(step->name, '/') + 1;
    r = create(&m, ret, err);
    done(&m);
    return r;
}
