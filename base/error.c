/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One failure, with its cause and the context that callers add on the way up. */
#include "base/base.h"

KS_PRINTF(1, 0) static char *format(const char *fmt, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0)
        abort();
    return text;
}

static void set(struct ks_error *err, const char *src, int src_line, enum ks_code code, struct ks_loc at,
                int sys_errno, char *msg)
{
    ks_error_done(err);
    *err = (struct ks_error){
        .code = code,
        .sys_errno = sys_errno,
        .at = at,
        .src = src,
        .src_line = src_line,
        .n = 1,
        .msg = {msg},
    };
}

int ks_fail_(struct ks_error *err, const char *src, int src_line, enum ks_code code, struct ks_loc at,
             const char *fmt, ...)
{
    int saved = errno;
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);
    set(err, src, src_line, code, at, saved, format(fmt, args)); /* formatted first: args may point into *err */
    va_end(args);
    errno = saved;
    return -1;
}

int ks_fail_errno_(struct ks_error *err, const char *src, int src_line, const char *fmt, ...)
{
    int saved = errno;
    char *msg;
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);

    ks_auto(ks_freep) char *what = format(fmt, args);

    va_end(args);
    errno = saved;
    if (asprintf(&msg, "%s: %m", what) < 0) /* %m: strerror(errno), and safe with threads */
        abort();
    set(err, src, src_line, KS_E_IO, KS_NOWHERE, saved, msg);
    errno = saved;
    return -1;
}

int ks_wrap(struct ks_error *err, const char *fmt, ...)
{
    int saved = errno;
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);

    char *frame = format(fmt, args);

    va_end(args);
    if (err->n < KS_FRAMES) {
        err->msg[err->n++] = frame;
    } else { /* full: the last frame takes it in, so that nothing is lost */
        char *both;

        if (asprintf(&both, "%s; %s", err->msg[KS_FRAMES - 1], frame) < 0)
            abort();
        free(frame);
        free(err->msg[KS_FRAMES - 1]);
        err->msg[KS_FRAMES - 1] = both;
    }
    errno = saved;
    return -1;
}

void ks_error_done(struct ks_error *err)
{
    if (!err)
        return;
    for (unsigned i = 0; i < err->n; i++)
        free(err->msg[i]);
    *err = (struct ks_error){0};
}

char *ks_error_text(struct ks_arena *arena, const struct ks_error *err)
{
    struct ks_text text = {.arena = arena};

    for (unsigned i = 0; i < err->n; i++) {
        if (i)
            ks_text_add(&text, "; ");
        ks_text_add(&text, err->msg[i]);
    }
    return text.buf ? text.buf : ks_strdup(arena, "");
}

const char *ks_code_name(enum ks_code code)
{
    static const char *const names[] = {
        [KS_E_NONE] = "none",         [KS_E_SYNTAX] = "syntax",       [KS_E_INVALID] = "invalid",
        [KS_E_CONFLICT] = "conflict", [KS_E_NOT_FOUND] = "not-found", [KS_E_UNSUPPORTED] = "unsupported",
        [KS_E_BLOCKED] = "blocked",   [KS_E_STALE] = "stale",         [KS_E_IO] = "io",
        [KS_E_VIRT] = "virt",         [KS_E_TIMEOUT] = "timeout",     [KS_E_VERIFY] = "verify",
        [KS_E_LOCKED] = "locked",     [KS_E_SOURCE] = "source",       [KS_E_USAGE] = "usage",
        [KS_E_BUG] = "bug",
    };
    _Static_assert(KS_COUNT(names) == KS_E_BUG + 1, "every code has a name");

    return (size_t)code < KS_COUNT(names) ? names[code] : "bug";
}
