/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file into a volume: checked first, then sent, from one descriptor. */
#include "actuators/storage.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { CHUNK = 256 * 1024 };

static const char *skip_slash(const char *path)
{
    return *path == '/' ? path + 1 : path;
}

static void hex(const uint8_t *bytes, size_t n, char *ret)
{
    for (size_t i = 0; i < n; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static int digest_file(struct ks_acting *a, const struct ks_step *step, const struct ks_upload *u, char *ret,
                       struct ks_error *err)
{
    ks_auto(ks_freep) uint8_t *chunk = malloc(CHUNK);
    uint8_t sum[SHA256_DIGEST_SIZE];
    struct sha256_ctx ctx;
    uint64_t done = 0;
    ssize_t n;

    sha256_init(&ctx);
    while (chunk && (n = read(u->fd, chunk, CHUNK)) != 0) {
        if (n < 0)
            return ks_fail_errno(err, "read the file");
        sha256_update(&ctx, (size_t)n, chunk);
        done += (uint64_t)n;
        ks_tell(a, step, "checking its SHA-256", u->size ? (int)(done * 100 / u->size) : -1);
        if (a->cancelled && *a->cancelled)
            return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "stopped on request");
    }
    sha256_digest(&ctx, sizeof sum, sum);
    hex(sum, sizeof sum, ret);
    return lseek(u->fd, 0, SEEK_SET) < 0 ? ks_fail_errno(err, "rewind the file") : 0;
}

static int check_digest(struct ks_acting *a, const struct ks_step *step, const struct ks_volume_source *source,
                        const struct ks_upload *u, struct ks_error *err)
{
    char found[2 * SHA256_DIGEST_SIZE + 1];

    if (!ks_has(&source->o, "sha256"))
        return 0;
    if (digest_file(a, step, u, found, err) < 0)
        return ks_wrap(err, "in %s", source->file);
    if (ks_streq(found, source->sha256))
        return 0;
    return ks_fail(err, KS_E_CONFLICT, ks_at(&source->o, "sha256"),
                   "%s is not what the manifest asks for: its SHA-256 is %s", source->file, found);
}

int ks_upload_open(struct ks_acting *a, const struct ks_step *step, const struct ks_volume_source *source,
                   struct ks_upload *ret, struct ks_error *err)
{
    struct stat st;

    ret->fd = openat(a->root, skip_slash(source->file), O_RDONLY | O_CLOEXEC);
    if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
        return ks_fail_errno(err, "open %s", source->file);
    if (!S_ISREG(st.st_mode))
        return ks_fail(err, KS_E_INVALID, ks_at(&source->o, "file"), "%s is not a file", source->file);
    ret->size = (uint64_t)st.st_size;
    return check_digest(a, step, source, ret, err);
}

static int send_all(virStreamPtr stream, const char *chunk, size_t n, struct ks_error *err)
{
    for (size_t sent = 0; sent < n;) {
        const int r = virStreamSend(stream, chunk + sent, n - sent);
        if (r < 0)
            return ks_fail_virt(err, "send the file");
        sent += (size_t)r;
    }
    return 0;
}

static int pump(struct ks_acting *a, const struct ks_step *step, const struct ks_upload *from, virStreamPtr stream,
                struct ks_error *err)
{
    ks_auto(ks_freep) char *chunk = malloc(CHUNK);
    uint64_t done = 0;
    ssize_t n;

    while (chunk && (n = read(from->fd, chunk, CHUNK)) != 0) {
        if (n < 0)
            return ks_fail_errno(err, "read the file");
        if (a->cancelled && *a->cancelled)
            return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "stopped on request");
        if (send_all(stream, chunk, (size_t)n, err) < 0)
            return -1;
        done += (uint64_t)n;
        ks_tell(a, step, "uploading", (int)(done * 100 / from->size));
    }
    if (done != from->size)
        return ks_fail(err, KS_E_STALE, KS_NOWHERE, "the file changed while it was read");
    return 0;
}

/*
 * The libvirtd of libvirt 11.3 dies of a segmentation fault when the file system is full in the middle of an
 * upload: what cannot fit is not begun. All of the file's bytes are written, holes too.
 */
static int check_room(struct ks_acting *a, const struct ks_upload *from, virStorageVolPtr to, struct ks_error *err)
{
    ks_auto(ks_freep) char *path = virStorageVolGetPath(to);
    struct statvfs fs;
    struct stat st;

    if (!path || !ks_virt_is_local(a->conn))
        return 0;
    ks_auto(ks_closep) int fd = openat(a->root, skip_slash(path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fstatvfs(fd, &fs) < 0 || fs.f_blocks == 0)
        return 0; /* a device, or unknown */
    const uint64_t room = (uint64_t)fs.f_bfree * fs.f_frsize + (uint64_t)st.st_blocks * 512;
    if (from->size <= room)
        return 0;
    errno = ENOSPC;
    return ks_fail_errno(err, "it takes %s, and there is room for %s", ks_size_format(a->arena, from->size),
                         ks_size_format(a->arena, room));
}

int ks_upload_send(struct ks_acting *a, const struct ks_step *step, const struct ks_upload *from,
                   virStorageVolPtr to, struct ks_error *err)
{
    virStreamPtr stream;
    int r;

    if (check_room(a, from, to, err) < 0)
        return -1;
    stream = virStreamNew(a->conn, 0);
    if (!stream)
        return ks_fail_virt(err, "open a stream");
    r = KS_STORAGE_TRY(a, virStorageVolUpload(to, stream, 0, from->size, 0));
    if (r < 0) {
        (void)ks_fail_virt(err, "begin the upload");
    } else {
        r = pump(a, step, from, stream, err);
        if (r < 0)
            (void)virStreamAbort(stream);
        else if (virStreamFinish(stream) < 0)
            r = ks_fail_virt(err, "end the upload");
    }
    (void)virStreamFree(stream);
    return r;
}

const char *ks_image_format(int fd)
{
    static const unsigned char qcow[4] = {'Q', 'F', 'I', 0xfb};
    unsigned char head[8] = {0};

    if (pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, qcow, sizeof qcow) == 0 && head[7] >= 2)
        return "qcow2";
    return "raw";
}
