/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "net/neighbour.h"

enum { ANSWER_MS = 3000, ADDRESSES = 8 };

enum kind { GATEWAY, TARGET, PEER };

struct ks_probe {
    enum kind kind;
    int family;       /* of a gateway or peer */
    const char *what; /* "the default gateway of IPv4", "git.example.org:443", an address */
    /* Of a target, asked for once: afterwards the name server may be what is out of reach. */
    struct sockaddr_storage addresses[ADDRESSES];
    socklen_t sizes[ADDRESSES];
    size_t n_addresses;
    /* ---- */
    pthread_t thread;
    uint32_t timeout_ms;
    bool started, resolves, passes;
};

/* ---- one probe ---------------------------------------------------------------------------------------------- */

/* "host:port" or "[v6]:port", in place. */
static bool split(char *text, const char **host, const char **port)
{
    char *colon = strrchr(text, ':');

    if (!colon || colon == text)
        return false;
    *colon = '\0';
    *port = colon + 1;
    *host = text;
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        *host = text + 1;
    }
    return **host && **port;
}

static void resolve(struct ks_probe *p)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    ks_auto(ks_freep) char *text = strdup(p->what);
    struct addrinfo *found = NULL;
    const char *host, *port;

    if (!text || !split(text, &host, &port) || getaddrinfo(host, port, &hints, &found) != 0)
        return;
    for (const struct addrinfo *a = found; a && p->n_addresses < ADDRESSES; a = a->ai_next) {
        memcpy(&p->addresses[p->n_addresses], a->ai_addr, a->ai_addrlen);
        p->sizes[p->n_addresses++] = a->ai_addrlen;
    }
    freeaddrinfo(found);
}

static bool connects(const struct sockaddr_storage *address, socklen_t size, uint32_t timeout_ms)
{
    ks_auto(ks_closep) int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    struct pollfd waiting = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t n = sizeof error;

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)address, size) == 0)
        return true;
    return errno == EINPROGRESS && poll(&waiting, 1, (int)timeout_ms) > 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

static bool reaches(const struct ks_probe *p)
{
    for (size_t i = 0; i < p->n_addresses; i++)
        if (connects(&p->addresses[i], p->sizes[i], p->timeout_ms))
            return true;
    return false;
}

static bool hop_answers(const struct ks_probe *p)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *ip = p->kind == PEER ? p->what : NULL;
    struct ks_error ignored = {0};
    struct ks_next_hop hop;
    const bool found = ks_next_hop_find(arena, p->family, ip, &hop, &ignored) == 0;

    ks_error_done(&ignored);
    return found && ks_next_hop_answers(&hop, p->timeout_ms);
}

static void *ask(void *data)
{
    struct ks_probe *p = data;

    if (p->kind == TARGET && p->resolves)
        resolve(p);
    p->passes = p->kind == TARGET ? reaches(p) : hop_answers(p);
    return NULL;
}

static void ask_all(const struct ks_probes *probes, bool resolves, uint32_t timeout_ms)
{
    for (size_t i = 0; i < probes->n; i++) {
        struct ks_probe *p = probes->v[i];
        p->resolves = resolves;
        p->timeout_ms = timeout_ms;
        p->started = pthread_create(&p->thread, NULL, ask, p) == 0;
        if (!p->started)
            (void)ask(p);
    }
    for (size_t i = 0; i < probes->n; i++)
        if (probes->v[i]->started)
            (void)pthread_join(probes->v[i]->thread, NULL);
}

/* ---- all of them -------------------------------------------------------------------------------------------- */

static void add(struct ks_arena *arena, struct ks_probes *probes, enum kind kind, int family, const char *what)
{
    struct ks_probe *p = ks_new(arena, struct ks_probe);

    for (size_t i = 0; i < probes->n; i++)
        if (probes->v[i]->kind == kind && ks_streq(probes->v[i]->what, what))
            return;
    *p = (struct ks_probe){.kind = kind, .family = family, .what = what};
    *ks_vec_add(arena, probes) = p;
}

void ks_probes_take(struct ks_arena *arena, const struct ks_probe_wish *wish, struct ks_probes *ret)
{
    const char *repo = wish->repo ? ks_probe_target_of(arena, wish->repo) : NULL;
    struct ks_probes all = {0};

    *ret = (struct ks_probes){0};
    add(arena, &all, GATEWAY, AF_INET, "the default gateway of IPv4");
    add(arena, &all, GATEWAY, AF_INET6, "the default gateway of IPv6");
    for (size_t i = 0; i < wish->targets.n; i++)
        add(arena, &all, TARGET, AF_UNSPEC, wish->targets.v[i]);
    if (repo)
        add(arena, &all, TARGET, AF_UNSPEC, repo);
    if (wish->peer)
        add(arena, &all, PEER, strchr(wish->peer, ':') ? AF_INET6 : AF_INET, wish->peer);
    ask_all(&all, true, ANSWER_MS);
    for (size_t i = 0; i < all.n; i++)
        if (all.v[i]->passes)
            *ks_vec_add(arena, ret) = all.v[i];
}

void ks_probes_ask(struct ks_arena *arena, const struct ks_probes *probes, uint32_t timeout_ms, const char **failed)
{
    struct ks_text text = {.arena = arena};

    ask_all(probes, false, timeout_ms < ANSWER_MS ? timeout_ms : ANSWER_MS);
    for (size_t i = 0; i < probes->n; i++)
        if (!probes->v[i]->passes)
            ks_text_addf(&text, "%s%s", text.n ? ", " : "", probes->v[i]->what);
    *failed = text.n ? text.buf : NULL;
}

/* ---- the repository's host ---------------------------------------------------------------------------------- */

static const char *with_port(struct ks_arena *arena, const char *authority, size_t n, const char *port)
{
    const char *text = ks_strndup(arena, authority, n);
    const char *at = strrchr(text, '@');
    const char *host = at ? at + 1 : text;
    const char *colon = strrchr(host, ':'), *bracket = strchr(host, ']');

    if (!*host)
        return NULL;
    return colon && colon > bracket ? host : ks_sprintf(arena, "%s:%s", host, port);
}

const char *ks_probe_target_of(struct ks_arena *arena, const char *url)
{
    static const struct {
        const char *scheme, *port;
    } rows[] = {{"https://", "443"}, {"http://", "80"}, {"ssh://", "22"}, {"git://", "9418"}};

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        if (ks_starts(url, rows[i].scheme)) {
            const char *authority = url + strlen(rows[i].scheme);
            return with_port(arena, authority, strcspn(authority, "/?#"), rows[i].port);
        }
    if (strstr(url, "://"))
        return NULL;
    /* "git@host:path", as ssh has it; a path has a '/' before any ':'. */
    const size_t n = strcspn(url, ":/");
    return url[n] == ':' ? with_port(arena, url, n, "22") : NULL;
}
