/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared checks of texts: what is taken, in which form, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "schema/kinds.h"

struct row {
    const char *(*check)(struct ks_arena *arena, const char **text);
    const char *in, *out; /* out NULL: refused */
};

static const struct row rows[] = {
    {ks_check_mac, "52:54:00:AB:cd:01", "52:54:00:ab:cd:01"},
    {ks_check_mac, "53:54:00:ab:cd:01", NULL},
    {ks_check_mac, "5f:54:00:ab:cd:01", NULL},
    {ks_check_mac, "00:00:00:00:00:00", NULL},
    {ks_check_mac, "52-54-00-ab-cd-01", NULL},
    {ks_check_mac, "52:54:00:ab:cd", NULL},
    {ks_check_mac, "52:54:00:ab:cd:0g", NULL},
    {ks_check_mac, "52:54:00:ab:cd:01:02", NULL},
    {ks_check_ip, "192.0.2.1", "192.0.2.1"},
    {ks_check_ip, "2001:DB8:0:0::1", "2001:db8::1"},
    {ks_check_ip, "192.0.2.256", NULL},
    {ks_check_ip, "192.0.2.1/24", NULL},
    {ks_check_ip, "host", NULL},
    {ks_check_cidr, "192.0.2.10/24", "192.0.2.10/24"},
    {ks_check_cidr, "2001:DB8::10/064", "2001:db8::10/64"},
    {ks_check_cidr, "192.0.2.10", NULL},
    {ks_check_cidr, "192.0.2.10/33", NULL},
    {ks_check_cidr, "2001:db8::1/129", NULL},
    {ks_check_cidr, "192.0.2.10/", NULL},
    {ks_check_cidr, "192.0.2.10/-1", NULL},
    {ks_check_route, "default", "default"},
    {ks_check_route, "0.0.0.0/0", "default"},
    {ks_check_route, "10.0.0.0/8", "10.0.0.0/8"},
    {ks_check_route, "10.0.0.1", "10.0.0.1/32"},
    {ks_check_route, "2001:db8::/32", "2001:db8::/32"},
    {ks_check_route, "10.0.0.1/8", NULL},
    {ks_check_route, "2001:db8::1/64", NULL},
    {ks_check_route, "nowhere", NULL},
    {ks_check_pci, "0000:5E:00.0", "0000:5e:00.0"},
    {ks_check_pci, "5e:1f.7", "0000:5e:1f.7"},
    {ks_check_pci, "0000:5e:20.0", NULL},
    {ks_check_pci, "0000:5e:00.8", NULL},
    {ks_check_pci, "0000:5e:00", NULL},
    {ks_check_pci, "ens1", NULL},
    {ks_check_name, "debian 12.qcow2", "debian 12.qcow2"},
    {ks_check_name, "a/b", NULL},
    {ks_check_name, "a\nb", NULL},
    {ks_check_name, "..", NULL},
    {ks_check_name, " a", NULL},
    {ks_check_name, "", NULL},
    {ks_check_key, "lan_0-A", "lan_0-A"},
    {ks_check_key, "lan.0", NULL},
    {ks_check_key, "", NULL},
    {ks_check_ifname, "enp3s0f1np1", "enp3s0f1np1"},
    {ks_check_ifname, "abcdefghijklmno", "abcdefghijklmno"},
    {ks_check_ifname, "abcdefghijklmnop", NULL},
    {ks_check_ifname, "a b", NULL},
    {ks_check_ifname, "a/b", NULL},
    {ks_check_ifname, "a:b", NULL},
    {ks_check_ifname, ".", NULL},
    {ks_check_ifname, "", NULL},
    {ks_check_path, "/a//b/./c/", "/a/b/c"},
    {ks_check_path, "/", "/"},
    {ks_check_path, "/..a/b..", "/..a/b.."},
    {ks_check_path, "/a/../b", NULL},
    {ks_check_path, "a/b", NULL},
    {ks_check_path, "", NULL},
    {ks_check_uuid, "5B8F2C1E-0d3a-4f6b-9a77-1c2d3e4f5a6b", "5b8f2c1e-0d3a-4f6b-9a77-1c2d3e4f5a6b"},
    {ks_check_uuid, "5b8f2c1e0d3a4f6b9a771c2d3e4f5a6b", NULL},
    {ks_check_uuid, "5b8f2c1e-0d3a-4f6b-9a77-1c2d3e4f5a6g", NULL},
    {ks_check_sha256, "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {ks_check_sha256, "e3b0c442", NULL},
    {ks_check_number, "007", "7"},
    {ks_check_number, "8191", "8191"},
    {ks_check_number, "8192", NULL},
    {ks_check_number, "-1", NULL},
    {ks_check_number, "x", NULL},
    {ks_check_size_key, "2048KiB", "2MiB"},
    {ks_check_size_key, "1GiB", "1GiB"},
    {ks_check_size_key, "3MiB", NULL},
    {ks_check_size_key, "2048", NULL},
    {ks_check_size_key, "0", NULL},
    {ks_check_target, "vda", "vda"},
    {ks_check_target, "sdaz", "sdaz"},
    {ks_check_target, "vd", NULL},
    {ks_check_target, "vda1", NULL},
    {ks_check_target, "disk", NULL},
    {ks_check_volume, "images/web1.qcow2", "images/web1.qcow2"},
    {ks_check_volume, "web1.qcow2", NULL},
    {ks_check_volume, "images/", NULL},
    {ks_check_volume, "/images", NULL},
    {ks_check_volume, "a/b/c", NULL},
};

static void test_checks(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    (void)state;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        const char *text = rows[i].in, *expected = rows[i].check(arena, &text);

        if (!expected != !!rows[i].out)
            fail_msg("'%s': %s", rows[i].in, expected ? expected : "was taken");
        if (rows[i].out)
            assert_string_equal(text, rows[i].out);
        else
            assert_string_equal(text, rows[i].in); /* left alone */
    }
}

static void test_derived_mac(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *mac = ks_derived_mac(arena, "kvm-a01", "web1", "lan");
    const char *same = mac;

    (void)state;
    assert_null(ks_check_mac(arena, &same));
    assert_string_equal(mac, same);
    assert_true(ks_starts(mac, "52:54:00:"));
    assert_string_equal(mac, ks_derived_mac(arena, "kvm-a01", "web1", "lan"));
    assert_string_not_equal(mac, ks_derived_mac(arena, "kvm-a01", "web1", "lan2"));
    assert_string_not_equal(mac, ks_derived_mac(arena, "kvm-a01", "web2", "lan"));
    assert_string_not_equal(mac, ks_derived_mac(arena, "kvm-a02", "web1", "lan"));
    assert_string_not_equal(ks_derived_mac(arena, "a", "bc", "d"), ks_derived_mac(arena, "ab", "c", "d"));
    /* A promise to those who run it: this value never changes between releases. */
    assert_string_equal(mac, "52:54:00:b4:8d:32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_derived_mac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
