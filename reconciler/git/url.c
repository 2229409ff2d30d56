/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What --repo says: which kind of remote it is, and how it may be shown. */
#include "reconciler/git/git.h"

#include <limits.h>

const char *ks_git_clean(struct ks_arena *arena, const char *text)
{
    char *clean = ks_strdup(arena, text ? text : "");

    for (unsigned char *p = (unsigned char *)clean; *p; p++) {
        /* C1 controls are 0xc2 0x80..0x9f in UTF-8: some terminals act on them. */
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
        if (*p < 0x20 || *p == 0x7f || c1)
            *p = '?';
        if (c1)
            p[1] = '?';
    }
    return clean;
}

/* "https://user:secret@host/x" -> "https://user@host/x". */
static const char *without_password(struct ks_arena *arena, const char *url)
{
    const char *start = strstr(url, "://");
    if (!start)
        return ks_git_clean(arena, url);
    start += 3;
    const char *end = start + strcspn(start, "/?#");
    const char *at = memrchr(start, '@', (size_t)(end - start));
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (!colon)
        return ks_git_clean(arena, url);
    return ks_git_clean(arena, ks_sprintf(arena, "%.*s%s", (int)(colon - url), url, at));
}

static int refuse(struct ks_error *err, const struct ks_git_url *u, const char *why)
{
    return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "--repo %s: %s", u->shown, why);
}

/* A word that ssh would take as an option, or that is not there at all, is nobody's host, user or path. */
static bool is_plain(const char *word)
{
    return *word && *word != '-';
}

static bool is_port(const char *text)
{
    uint64_t port;
    return ks_parse_u64(text, &port) == 0 && port > 0 && port < 65536;
}

/* "user@host", "user@[::1]", "host" into user and host. */
static void split_host(struct ks_arena *arena, const char *text, struct ks_git_url *u)
{
    const char *at = strrchr(text, '@');
    if (at)
        u->user = ks_strndup(arena, text, (size_t)(at - text));
    const char *host = at ? at + 1 : text;
    size_t n = strlen(host);
    u->host =
        n > 1 && host[0] == '[' && host[n - 1] == ']' ? ks_strndup(arena, host + 1, n - 2) : ks_strdup(arena, host);
}

/* "ssh://[user@]host[:port]/path"; "/~/x" means the user's home, as git has it. */
static int parse_ssh(struct ks_arena *arena, const char *rest, struct ks_git_url *u, struct ks_error *err)
{
    size_t n = strcspn(rest, "/");
    char *authority = ks_strndup(arena, rest, n);
    char *bracket = strrchr(authority, ']');
    char *colon = strrchr(bracket ? bracket : authority, ':');

    if (colon) {
        *colon = '\0';
        u->port = colon + 1;
    }
    split_host(arena, authority, u);
    if (u->user && strchr(u->user, ':'))
        *strchr((char *)u->user, ':') = '\0'; /* ssh takes no password from a URL */
    u->path = ks_starts(rest + n, "/~") ? rest + n + 1 : rest + n;
    if (!is_plain(u->host) || !is_plain(u->path) || (u->user && !is_plain(u->user)) ||
        (u->port && !is_port(u->port)))
        return refuse(err, u, "not ssh://[user@]host[:port]/path");
    return 0;
}

/* "[user@]host:path", as ssh and git take it. */
static int parse_scp(struct ks_arena *arena, const char *text, const char *colon, struct ks_git_url *u,
                     struct ks_error *err)
{
    split_host(arena, ks_strndup(arena, text, (size_t)(colon - text)), u);
    u->path = ks_strdup(arena, colon + 1);
    if (!is_plain(u->host) || !is_plain(u->path) || *u->path == ':' || (u->user && !is_plain(u->user)))
        return refuse(err, u, "not user@host:path");
    return 0;
}

/* The colon of "host:path"; NULL for a path: one has a slash before its first colon. */
static const char *scp_colon(const char *text)
{
    const char *bracket = text[strcspn(text, "[/")] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(bracket ? bracket : text, ':');
    const char *slash = strchr(text, '/');
    return colon && (!slash || colon < slash) ? colon : NULL;
}

static int parse_local(struct ks_arena *arena, const char *path, struct ks_git_url *u, struct ks_error *err)
{
    char real[PATH_MAX];

    if (!realpath(path, real)) {
        if (*path == '/') /* perhaps not mounted now: what the clone has may stand in */
            return 0;
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE, "--repo %s: %s", u->shown, strerror(errno));
    }
    u->url = ks_strdup(arena, real);
    u->shown = ks_git_clean(arena, real);
    return 0;
}

int ks_git_url_parse(struct ks_arena *arena, const char *text, struct ks_git_url *ret, struct ks_error *err)
{
    struct ks_git_url u = {.url = ks_strdup(arena, text), .shown = without_password(arena, text)};
    const char *colon;
    int r = 0;

    if (!ks_streq(ks_git_clean(arena, text), text))
        return refuse(err, &u, "it contains control characters");
    if (ks_starts(text, "https://")) {
        u.scheme = KS_GIT_HTTPS;
    } else if (ks_starts(text, "ssh://")) {
        u.scheme = KS_GIT_SSH;
        r = parse_ssh(arena, text + strlen("ssh://"), &u, err);
    } else if (ks_starts(text, "file://")) {
        u.scheme = KS_GIT_LOCAL;
    } else if (ks_starts(text, "http://") || ks_starts(text, "git://")) {
        return refuse(err, &u, "neither encrypted nor authenticated: use https or ssh");
    } else if (strstr(text, "://")) {
        return refuse(err, &u, "known are https://, ssh://, user@host:path, file:// and paths");
    } else if ((colon = scp_colon(text))) {
        u.scheme = KS_GIT_SSH;
        r = parse_scp(arena, text, colon, &u, err);
    } else {
        u.scheme = KS_GIT_LOCAL;
        r = parse_local(arena, text, &u, err);
    }
    if (r < 0)
        return -1;
    *ret = u;
    return 0;
}
