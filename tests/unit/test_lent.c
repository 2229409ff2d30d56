/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests are owed, as it is written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/lent.h"

static void same_again(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const struct ks_lent_device devices[] = {
        {.address = "0000:81:10.2",
         .index = 1,
         .live = "<interface type='hostdev'>\n <a b='&lt;\"'/>\n</interface>"},
        {.address = "0001:ff:1f.7", .index = 62, .live = "<hostdev><!-- ]]> --></hostdev>", .defined = true},
    };
    const struct ks_lent lent = {.pf = "0000:81:00.0",
                                 .boot = "b-1",
                                 .uuid = "u-1",
                                 .id = 7,
                                 .off = true,
                                 .devices = {.n = 2, .cap = 2, .v = (struct ks_lent_device *)(uintptr_t)devices}};
    struct ks_error err = {0};
    struct ks_lent again;

    (void)state;
    assert_int_equal(ks_lent_read(arena, ks_lent_text(arena, &lent), &again, &err), 0);
    assert_string_equal(again.pf, lent.pf);
    assert_string_equal(again.boot, lent.boot);
    assert_string_equal(again.uuid, lent.uuid);
    assert_int_equal(again.id, 7);
    assert_true(again.off && !again.paused && !again.giving);
    assert_int_equal(again.devices.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(again.devices.v[i].address, devices[i].address);
        assert_int_equal(again.devices.v[i].index, devices[i].index);
        assert_string_equal(again.devices.v[i].live, devices[i].live);
        assert_int_equal(again.devices.v[i].defined, devices[i].defined);
    }
    assert_string_equal(ks_lent_text(arena, &again), ks_lent_text(arena, &lent));
}

static void damaged_ones_are_errors(void **state)
{
    static const char *const texts[] = {
        "",
        "lent",
        "<lent>",
        "<other pf='a' boot='b' uuid='c' id='1'/>",
        "<lent boot='b' uuid='c' id='1'/>",
        "<lent pf='a' uuid='c' id='1'/>",
        "<lent pf='a' boot='b' id='1'/>",
        "<lent pf='a' boot='b' uuid='c'/>",
        "<lent pf='a' boot='b' uuid='c' id='-1'/>",
        "<lent pf='a' boot='b' uuid='c' id='99999999999'/>",
        "<lent pf='a' boot='b' uuid='c' id='1'><device index='1'>x</device></lent>",
        "<lent pf='a' boot='b' uuid='c' id='1'><device address='d'>x</device></lent>",
        "<lent pf='a' boot='b' uuid='c' id='1'><device address='d' index='1'/></lent>",
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        ks_auto(ks_error_done) struct ks_error err = {0};
        struct ks_lent lent;
        assert_int_equal(ks_lent_read(arena, texts[i], &lent, &err), -1);
        assert_int_equal(err.code, KS_E_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_again),
        cmocka_unit_test(damaged_ones_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
