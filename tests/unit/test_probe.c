/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reconciler/probe.c: which host a repository lies on; what answers and what does not, in a network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "namespace.h"
#include "reconciler/probe.h"

static struct ks_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = ks_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_arena_free(arena);
    return 0;
}

static void a_repository_has_a_host_or_none(void **state)
{
    static const struct {
        const char *url, *target;
    } rows[] = {
        {"https://git.example.org/hosts.git", "git.example.org:443"},
        {"https://me:secret@git.example.org:8443/hosts.git", "git.example.org:8443"},
        {"http://git.example.org", "git.example.org:80"},
        {"ssh://git@git.example.org/~/x", "git.example.org:22"},
        {"ssh://git@[2001:db8::1]:2222/x", "[2001:db8::1]:2222"},
        {"https://[2001:db8::1]/x", "[2001:db8::1]:443"},
        {"git@git.example.org:hosts.git", "git.example.org:22"},
        {"git.example.org:a/b", "git.example.org:22"},
        {"file:///srv/hosts.git", NULL},
        {"/srv/hosts.git", NULL},
        {"./a:b", NULL},
        {"hosts", NULL},
        {"https://", NULL},
        {"https://user@/x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        const char *target = ks_probe_target_of(arena, rows[i].url);
        if (!ks_streq(target, rows[i].target))
            fail_msg("%s: %s, not %s", rows[i].url, target ? target : "none",
                     rows[i].target ? rows[i].target : "none");
    }
}

/* A service of this host's own; *port is the kernel's choice. */
static int listen_here(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 && listen(fd, 4) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void what_never_answered_is_not_asked(void **state)
{
    struct ks_probe_wish wish = {0};
    struct ks_probes probes;
    const char *failed;
    unsigned port;

    (void)state;
    enter_namespace();
    sh("ip link set lo up");
    const int fd = listen_here(&port);
    *ks_vec_add(arena, &wish.targets) = ks_sprintf(arena, "127.0.0.1:%u", port);
    *ks_vec_add(arena, &wish.targets) = "127.0.0.1:1";
    ks_probes_take(arena, &wish, &probes);
    assert_int_equal(probes.n, 1); /* no gateway, and nobody at port 1 */
    ks_probes_ask(arena, &probes, 1000, &failed);
    assert_null(failed);
    (void)close(fd);
    ks_probes_ask(arena, &probes, 1000, &failed);
    assert_string_equal(failed, wish.targets.v[0]);
}

static void gateways_and_the_login_are_asked_for_by_arp(void **state)
{
    const struct ks_probe_wish wish = {.peer = "192.0.2.7"};
    struct ks_probes probes;
    const char *failed;

    (void)state;
    enter_namespace();
    /* Permanent entries stand for stations that answer; the integration tests have real ones. */
    sh("ip link set lo up; ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up; "
       "sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    sh("ip address add 192.0.2.10/24 dev eth0; ip route add default via 192.0.2.1; "
       "ip neighbour add 192.0.2.1 lladdr 52:54:00:00:00:01 dev eth0 nud permanent; "
       "ip neighbour add 192.0.2.7 lladdr 52:54:00:00:00:07 dev eth0 nud permanent");
    ks_probes_take(arena, &wish, &probes);
    assert_int_equal(probes.n, 2);
    ks_probes_ask(arena, &probes, 300, &failed);
    assert_null(failed);
    sh("ip neighbour flush all; ip neighbour del 192.0.2.1 dev eth0; ip neighbour del 192.0.2.7 dev eth0; true");
    ks_probes_ask(arena, &probes, 300, &failed);
    assert_string_equal(failed, "the default gateway of IPv4, 192.0.2.7");
    sh("ip route del default");
    ks_probes_ask(arena, &probes, 300, &failed);
    assert_string_equal(failed, "the default gateway of IPv4, 192.0.2.7");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_repository_has_a_host_or_none),
        TEST(what_never_answered_is_not_asked),
        TEST(gateways_and_the_login_are_asked_for_by_arp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
