/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "virt/secret_value.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { VALUE_MAX = 64 << 10 }; /* libvirt takes no more */

void ks_secret_value_done(struct ks_secret_value *v)
{
    if (v->data)
        explicit_bzero(v->data, v->len);
    free(v->data);
    *v = (struct ks_secret_value){0};
}

static int open_value(int root, const char *file, const char *credential, int *ret, struct ks_error *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    ks_auto(ks_freep) char *path = NULL;

    if (!file && !dir)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE,
                       "credential %s: $CREDENTIALS_DIRECTORY is not set: not run by systemd with LoadCredential=",
                       credential);
    if (asprintf(&path, "%s/%s", file ? "" : dir, file ? file : credential) < 0)
        abort();
    if (file) {
        const char *relative = path + strspn(path, "/");
        *ret = openat(root, *relative ? relative : ".", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } else {
        *ret = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    if (*ret >= 0)
        return 0;
    (void)ks_fail_errno(err, "%s %s", file ? "file" : "credential", file ? file : credential);
    if (errno == ENOENT)
        err->code = KS_E_NOT_FOUND;
    return -1;
}

static int read_all(int fd, const char *name, struct ks_secret_value *v, struct ks_error *err)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return ks_fail_errno(err, "%s", name);
    if (!S_ISREG(st.st_mode))
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is no regular file", name);
    if (st.st_size > VALUE_MAX)
        return ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is longer than the 64 KiB that libvirt takes", name);
    (void)snprintf(v->stamp, sizeof v->stamp, "%lld.%lld.%09ld", (long long)st.st_size,
                   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    v->data = calloc(1, VALUE_MAX + 1);
    if (!v->data)
        abort();
    v->len = 0;
    while ((n = read(fd, v->data + v->len, VALUE_MAX - v->len)) > 0)
        v->len += (size_t)n;
    if (n < 0)
        return ks_fail_errno(err, "%s", name);
    if (v->len > 0 && v->data[v->len - 1] == '\n')
        v->data[--v->len] = '\0';
    return v->len > 0 ? 0 : ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s is empty", name);
}

static int digit(unsigned char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* In place; RFC 4648 with padding. false: not base64. */
static bool decode(struct ks_secret_value *v)
{
    size_t out = 0, len = v->len, pad = 0;

    if (len % 4 != 0)
        return false;
    while (pad < 2 && v->data[len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < len; i += 4) {
        const size_t missing = i + 4 == len ? pad : 0;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            const int value = k >= 4 - missing ? 0 : digit(v->data[i + k]);
            if (value < 0)
                return false;
            bits = bits << 6 | (uint32_t)value;
        }
        for (size_t k = 0; k < 3 - missing; k++)
            v->data[out++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    explicit_bzero(v->data + out, len - out);
    v->len = out;
    return out > 0;
}

int ks_secret_value_read(int root, const char *file, const char *credential, bool base64,
                         struct ks_secret_value *ret, struct ks_error *err)
{
    const char *name = file ? file : credential;
    ks_auto(ks_closep) int fd = -1;

    *ret = (struct ks_secret_value){0};
    if (open_value(root, file, credential, &fd, err) < 0)
        return -1;
    if (read_all(fd, name, ret, err) == 0) {
        if (!base64 || decode(ret))
            return 0;
        (void)ks_fail(err, KS_E_INVALID, KS_NOWHERE, "%s does not hold base64, as a ceph key is written", name);
    }
    ks_secret_value_done(ret);
    return -1;
}
