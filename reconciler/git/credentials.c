/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User and password for https: from the environment, then from ~/.netrc. (ssh brings its own: ssh.c.) */
#include "reconciler/git/git.h"

#include <fcntl.h>
#include <pwd.h>

enum { NETRC_MAX = 1 << 16 };
static const char BLANKS[] = " \t\r\n";

struct login {
    const char *user, *password;
};

static const char *home(void)
{
    const char *dir = getenv("HOME");
    if (dir && *dir)
        return dir;
    const struct passwd *pw = getpwuid(geteuid());
    return pw ? pw->pw_dir : "/";
}

static const char *host_of(struct ks_arena *arena, const char *url)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t n = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    size_t colon = strcspn(start, ":/");
    return ks_strndup(arena, start, colon < n ? colon : n);
}

static const char *word(char **rest)
{
    char *p = *rest + strspn(*rest, BLANKS);
    if (!*p)
        return NULL;
    size_t n = strcspn(p, BLANKS);
    *rest = p[n] ? p + n + 1 : p + n;
    p[n] = '\0';
    return p;
}

/* The first entry for the host (or the default one), and for the user where one is asked for. */
static bool scan_netrc(char *text, const char *host, const char *user, struct login *ret)
{
    struct login found = {0};
    bool here = false;

    for (const char *key = word(&text); key; key = word(&text)) {
        bool is_machine = ks_streq(key, "machine"), is_default = ks_streq(key, "default");
        if (is_machine || is_default) {
            if (here && found.password && (!user || ks_streq(user, found.user)))
                break;
            found = (struct login){0};
            here = is_default || ks_streq(word(&text), host);
        } else if (ks_streq(key, "login")) {
            found.user = word(&text);
        } else if (ks_streq(key, "password")) {
            found.password = word(&text);
        } else if (ks_streq(key, "macdef")) {
            char *end = strstr(text, "\n\n"); /* a macro ends with an empty line */
            text = end ? end : text + strlen(text);
        }
    }
    if (!here || !found.password || (user && found.user && !ks_streq(user, found.user)))
        return false;
    *ret = found;
    return true;
}

static bool from_netrc(struct ks_arena *arena, const char *url, const char *user, struct login *ret)
{
    struct ks_error err = {0};
    const char *path = getenv("NETRC");
    int ks_auto(ks_closep) root = -1;
    char *text;
    size_t n;

    if (!path)
        path = ks_sprintf(arena, "%s/.netrc", home());
    if (ks_root_open(*path == '/' ? "/" : ".", &root, &err) < 0 ||
        ks_file_read(root, path, NETRC_MAX, arena, &text, &n, &err) < 0) {
        ks_error_done(&err);
        return false;
    }
    return scan_netrc(text, host_of(arena, url), user, ret);
}

static bool from_environment(struct login *ret)
{
    const char *token = getenv("KVMSTATE_GIT_TOKEN"), *user = getenv("KVMSTATE_GIT_USER");
    if (!token || !*token)
        return false;
    /* Forges look at the token alone, but want a user beside it. */
    *ret = (struct login){user && *user ? user : "kvmstate", token};
    return true;
}

int ks_git_credentials(git_credential **out, const char *url, const char *username, unsigned types, void *data)
{
    struct ks_git_session *s = data;
    struct login login = {0};
    bool found = false;

    /* It asks again after each refusal. */
    if (types & GIT_CREDENTIAL_USERPASS_PLAINTEXT) {
        if (s->tried == 0)
            found = from_environment(&login);
        if (!found && s->tried <= 1) {
            s->tried = 1;
            found = from_netrc(s->arena, url, username, &login);
        }
        s->tried++;
    }
    if (!found) {
        s->refused = true;
        s->why = "it wants a user and a password, and what there is in KVMSTATE_GIT_TOKEN (with "
                 "KVMSTATE_GIT_USER), ~/.netrc or the URL is not it";
        return GIT_EAUTH;
    }
    const char *user = username && *username ? username : login.user ? login.user : "kvmstate";
    return git_credential_userpass_plaintext_new(out, user, login.password);
}
