/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "virt/virt.h"

#include <strings.h>
#include <unistd.h>

/* Errors come back through return values; libvirt would print each one to stderr besides. */
static void silent(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

bool ks_virt_is_local(virConnectPtr conn)
{
    ks_auto(ks_freep) char *uri = virConnectGetURI(conn);
    const char *authority = uri ? strstr(uri, "://") : NULL;

    return authority && authority[3] == '/';
}

int ks_virt_errno(void)
{
    const virError *error = ks_virt ? virGetLastError() : NULL;
    return error ? error->code : VIR_ERR_OK;
}

int ks_fail_virt_(struct ks_error *err, const char *src, int src_line, const char *fmt, ...)
{
    const virError *error = ks_virt ? virGetLastError() : NULL;
    const char *cause = error && error->message ? error->message : "libvirt gave no reason";
    const int code = error ? error->code : VIR_ERR_OK;
    size_t n = strlen(cause); /* what a program said that libvirt ran ends with its line */
    ks_auto(ks_freep) char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    while (n > 0 && (cause[n - 1] == '\n' || cause[n - 1] == ' '))
        n--;
    (void)ks_fail_(err, src, src_line, KS_E_VIRT, KS_NOWHERE, "%s: %.*s", text, (int)n, cause);
    err->sys_errno = code;
    return -1;
}

static bool is_same_host(const char *one, const char *other)
{
    const size_t n = strcspn(one, "."); /* either may have its domain behind it */

    return n > 0 && n == strcspn(other, ".") && strncasecmp(one, other, n) == 0;
}

/* The machine that libvirt runs on, where that is another one; else NULL. The caller frees it. */
static char *other_host(virConnectPtr conn)
{
    ks_auto(ks_freep) char *uri = virConnectGetURI(conn);
    const char *authority = uri ? strstr(uri, "://") : NULL;
    char here[256] = "", *there;

    if (!authority || authority[3] == '/' || authority[3] == '\0')
        return NULL;
    there = virConnectGetHostname(conn);
    (void)gethostname(here, sizeof here - 1);
    if (there && !is_same_host(there, here))
        return there;
    free(there);
    return NULL;
}

int ks_connect(const char *uri, bool read_only, virConnectPtr *ret, struct ks_error *err)
{
    virConnectPtr conn;

    if (ks_virt_load(err) < 0)
        return -1;
    virSetErrorFunc(NULL, silent);
    if (virInitialize() < 0)
        return ks_fail_virt(err, "initialise libvirt");
    conn = read_only ? virConnectOpenReadOnly(uri) : virConnectOpen(uri);
    if (!conn)
        return ks_fail_virt(err, "connect to libvirt at %s", uri ? uri : "its default URI");
    ks_auto(ks_freep) char *other = other_host(conn);
    if (other) {
        (void)virConnectClose(conn);
        return ks_fail(
            err, KS_E_UNSUPPORTED, KS_NOWHERE,
            "libvirt at %s is on another machine, %s: kvmstate reads and writes files, links and devices "
            "of the machine that it runs on; run it there",
            uri ? uri : "its default URI", other);
    }
    *ret = conn;
    return 0;
}
