/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan's text and JSON, from plans made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/report.h"

static struct ks_arena *arena;
static struct ks_plan plan;
static struct ks_observed have;
static struct ks_source_commit commit;

static int set_up(void **state)
{
    (void)state;
    arena = ks_arena_new();
    plan = (struct ks_plan){.arena = arena, .host = "kvm-a01"};
    have = (struct ks_observed){.libvirt_version = 9000000, .qemu_version = 7002022};
    commit = (struct ks_source_commit){.id = "3f9c2ab04d", .short_id = "3f9c2ab", .url = "https://example.org/h"};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ks_arena_free(arena);
    return 0;
}

static struct ks_step *add(enum ks_verb verb, const char *kind, const char *name, enum ks_impact impact)
{
    struct ks_step *s = ks_new(arena, struct ks_step);

    s->id = ks_sprintf(arena, "%s/%s", kind, name);
    s->kind = kind;
    s->name = name;
    s->verb = verb;
    s->impact = impact;
    *ks_vec_add(arena, &plan) = s;
    return s;
}

static struct ks_plan_field *field(struct ks_step *s, enum ks_change_op op, const char *path, const char *from,
                                   const char *to)
{
    struct ks_plan_field *f = ks_vec_add(arena, &s->fields);

    *f = (struct ks_plan_field){.path = path, .from = from, .to = to, .op = op};
    return f;
}

static const char *text(bool with_commit, const struct ks_report_style *style)
{
    const struct ks_report_style plain = {0};
    const struct ks_report report = {.plan = &plan,
                                     .have = &have,
                                     .commit = with_commit ? &commit : NULL,
                                     .signer = with_commit ? "ops@example.org" : NULL};
    struct ks_text out = {.arena = arena};

    ks_report_text(&out, &report, style ? style : &plain);
    return out.buf;
}

/* The example of the page on commands, whole. */
static void build_example(void)
{
    struct ks_step *s;

    field(add(KS_CREATE, "bridge", "br0", KS_NETWORK), KS_ADD, "ports", NULL, "[enp3s0]");
    s = add(KS_CHANGE, "guest", "web1", KS_LIVE);
    field(s, KS_SET, "vcpus", "2", "4")->note = "max 8: hot-plugged";
    field(s, KS_ADD, "disks.vdb", NULL, "images/data1.qcow2")->note = "20 GiB";
    field(s, KS_REMOVE, "nics.old", "{bridge: br9}", NULL);
    s = add(KS_CHANGE, "guest", "db1", KS_RESTART);
    s->held = "--allow restart";
    field(s, KS_SET, "cpu.mode", "host-model", "host-passthrough");
    add(KS_ADOPT, "guest", "old1", KS_SAFE)->reason = "adopted";
    add(KS_DESTROY, "volume", "images/tmp.qcow2", KS_DATA_LOSS)->held = "--allow data-loss";
    s = add(KS_CHANGE, "sriov", "ens2", KS_NETWORK);
    s->blocked = "VF 1 is held by guest fw1 (not in the manifest)";
    field(s, KS_SET, "vfs", "4", "8");
}

static void the_example(void **state)
{
    (void)state;
    build_example();
    assert_string_equal(text(true, NULL),
                        "kvm-a01 at 3f9c2ab (signed by ops@example.org), libvirt 9.0.0, QEMU 7.2.22\n"
                        "\n"
                        "  + bridge br0                                     network\n"
                        "      ports       [enp3s0]\n"
                        "  ~ guest web1                                     live\n"
                        "      vcpus       2 → 4                  (max 8: hot-plugged)\n"
                        "      disks.vdb   + images/data1.qcow2   (20 GiB)\n"
                        "      nics.old    - {bridge: br9}\n"
                        "  ~ guest db1                                      restart   held: --allow restart\n"
                        "      cpu.mode    host-model → host-passthrough\n"
                        "  > guest old1                                     safe      adopted\n"
                        "  - volume images/tmp.qcow2                        data-loss held: --allow data-loss\n"
                        "  ! sriov ens2                                     blocked\n"
                        "      vfs         4 → 8                  VF 1 is held by guest fw1 (not in the manifest)\n"
                        "\n"
                        "Plan: 1 to create, 2 to change, 1 to adopt, 1 to delete; 2 held, 1 blocked.\n");
}

static void nothing_to_do(void **state)
{
    (void)state;
    have = (struct ks_observed){0};
    assert_string_equal(text(false, NULL), "kvm-a01\n\nNothing to do.\n");
}

static void pending_restarts_are_named(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++) {
        struct ks_step *s = add(KS_CHANGE, "guest", ks_sprintf(arena, "db%d", i), KS_RESTART);
        s->action = KS_ACT_RESTART;
        s->held = "--allow restart";
        s->pending = true;
        field(s, KS_SET, "machine", "pc", "q35");
    }
    assert_string_equal(strchr(text(false, NULL), '\n') + 2,
                        "  ~ guest db1                                      restart   "
                        "pending since it was started; held: --allow restart\n"
                        "      machine     pc → q35\n"
                        "  ~ guest db2                                      restart   "
                        "pending since it was started; held: --allow restart\n"
                        "      machine     pc → q35\n"
                        "\n"
                        "Nothing to do; pending restart: db1, db2.\n");
}

static void values_that_are_not_there(void **state)
{
    struct ks_step *s = add(KS_CHANGE, "guest", "a", KS_LIVE);
    struct ks_plan_field *f;

    (void)state;
    field(s, KS_UNSET, "title", "old", NULL);
    field(s, KS_SET, "uuid", NULL, "new");
    f = field(s, KS_SET, "vcpus", "2", "4");
    f->live_from = "3";
    f = field(s, KS_SET, "memory", "2GiB", "4GiB");
    f->live_from = "2GiB";
    *ks_vec_add(arena, &s->affects) = "guest/fw1";
    assert_string_equal(strstr(text(false, NULL), " live\n"),
                        " live\n"
                        "      title       old → (none)\n"
                        "      uuid        (none) → new\n"
                        "      vcpus       2 → 4                  (runs with 3)\n"
                        "      memory      2GiB → 4GiB\n"
                        "      affects     guest/fw1\n"
                        "\nPlan: 1 to change.\n");
}

/* A restart shows its fields; the definition beside it, which shows the same, is not an entry of its own. */
static void a_quiet_step_is_no_entry(void **state)
{
    struct ks_step *s = add(KS_CHANGE, "guest", "a", KS_SAFE);

    (void)state;
    s->restart_only = true;
    field(s, KS_SET, "machine", "pc", "q35");
    assert_null(strstr(text(false, NULL), "guest a"));
}

static void nothing_hostile_reaches_the_terminal(void **state)
{
    (void)state;
    field(add(KS_CHANGE, "guest", "a\033[2J", KS_LIVE), KS_SET, "xml", "x\n", "<a>\n\t<b/>\r\n</a>\033]0;title\a");
    const char *out = text(false, NULL);
    assert_null(strchr(out, '\033'));
    assert_non_null(strstr(out, "x → <a>\\n?<b/>?\\n</a>?]0;title?\n"));
}

static void colors_change_no_letter(void **state)
{
    const struct ks_report_style colored = {.color = true};
    struct ks_text plain = {.arena = arena};
    const char *out;

    (void)state;
    build_example();
    out = text(true, &colored);
    assert_non_null(strstr(out, "\033[32m+\033[0m"));
    for (; *out; out++) {
        if (*out == '\033')
            out = strchr(out, 'm');
        else
            ks_text_addn(&plain, out, 1);
    }
    assert_string_equal(plain.buf, text(true, NULL));
}

static size_t columns(const char *line, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)line[i] & 0xc0) != 0x80;
    return count;
}

/* What can be broken is broken at the width of the terminal. */
static void narrow_terminals(void **state)
{
    const struct ks_report_style narrow = {.width = 76};
    const char *out;

    (void)state;
    build_example();
    out = strchr(text(true, &narrow), '\n') + 1;
    while (*out) {
        const size_t n = strcspn(out, "\n");
        assert_true(columns(out, n) <= 76);
        out += n + 1;
    }
}

static void verbose_tells_the_order(void **state)
{
    const struct ks_report_style verbose = {.verbose = true};
    struct ks_step *s = add(KS_CREATE, "guest", "a", KS_SAFE);

    (void)state;
    *ks_vec_add(arena, &s->needs) = "pool/p";
    *ks_vec_add(arena, &s->needs) = "volume/p/v";
    *ks_vec_add(arena, &s->follows) = "bridge/br0";
    const char *out = text(false, &verbose);
    assert_non_null(strstr(out, "      needs       pool/p, volume/p/v\n      follows     bridge/br0\n"));
    assert_null(strstr(text(false, NULL), "pool/p"));
}

static void json_says_the_same(void **state)
{
    const struct ks_report report = {.plan = &plan, .have = &have, .commit = &commit};
    json_t *json, *step;

    (void)state;
    build_example();
    plan.v[1]->fingerprint = 0xabc;
    json = ks_report_json(&report);
    assert_int_equal(json_integer_value(json_object_get(json, "format")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "steps")), 6);
    step = json_array_get(json_object_get(json, "steps"), 1);
    assert_string_equal(json_string_value(json_object_get(step, "fingerprint")), "0000000000000abc");
    assert_int_equal(json_array_size(json_object_get(step, "fields")), 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "counts"), "held")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "versions"), "qemu")), "7.2.22");
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "commit"), "id")), "3f9c2ab04d");
    ks_auto(ks_freep) char *first = ks_report_dump(json);
    json_decref(json);
    json = ks_report_json(&report);
    ks_auto(ks_freep) char *second = ks_report_dump(json);
    json_decref(json);
    assert_string_equal(first, second);
}

static void json_of_text_that_is_not_utf8(void **state)
{
    struct ks_step *s = add(KS_CREATE, "guest", "a\xff", KS_SAFE);
    json_t *json = ks_report_step_json(s);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "name")), "a?");
    json_decref(json);
}

/* ---- results
 * ----------------------------------------------------------------------------------------------------- */

static const char *result_text(enum ks_step_status status, const struct ks_plan *after, bool dry_run)
{
    static const struct ks_report_style plain;
    struct ks_execution x = {.plan = &plan, .arena = arena, .acting = {.dry_run = dry_run}};
    struct ks_text out = {.arena = arena};

    x.results = ks_new_n(arena, struct ks_step_result, plan.n);
    for (size_t i = 0; i < plan.n; i++) {
        x.results[i] = (struct ks_step_result){.step = plan.v[i], .status = status};
        x.counts[status]++;
    }
    ks_report_result(&out, &x, after, &plain);
    return out.buf;
}

static void results(void **state)
{
    struct ks_plan empty = {.arena = arena, .host = "kvm-a01"}, again = empty;

    (void)state;
    add(KS_CREATE, "guest", "a", KS_SAFE);
    add(KS_CHANGE, "guest", "b", KS_SAFE);
    *ks_vec_add(arena, &again) = plan.v[1];
    assert_string_equal(result_text(KS_STEP_DONE, &empty, false),
                        "Applied: 1 created, 1 changed.\n"
                        "\nVerified: read back and planned again; nothing is left to do.\n");
    assert_string_equal(result_text(KS_STEP_DONE, &again, false),
                        "Applied: 1 created, 1 changed.\n\nDid not hold:\n"
                        "  ~ guest b                                        safe\n"
                        "\nVerified: 1 step did not hold.\n");
    assert_string_equal(result_text(KS_STEP_PENDING, &again, false),
                        "Applied: 2 pending.\n\nWaiting for the guest:\n"
                        "  ~ guest b                                        safe\n"
                        "\nVerified: what was done holds; 1 step is left to do.\n");
    assert_string_equal(result_text(KS_STEP_FAILED, &again, false),
                        "Applied: 2 failed.\n"
                        "\nVerified: what was done holds; 1 step is left to do.\n");
    assert_string_equal(result_text(KS_STEP_WOULD, NULL, true),
                        "Dry run, nothing was written: 1 created, 1 changed.\n");
    again.v[0]->held = "--allow restart";
    assert_string_equal(result_text(KS_STEP_DONE, &again, false),
                        "Applied: 1 created, 1 changed.\n\nHeld or blocked:\n"
                        "  ~ guest b                                        safe      held: --allow restart\n"
                        "\nVerified: read back and planned again; nothing is left but 1 held.\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_example),
        TEST(nothing_to_do),
        TEST(pending_restarts_are_named),
        TEST(values_that_are_not_there),
        TEST(a_quiet_step_is_no_entry),
        TEST(nothing_hostile_reaches_the_terminal),
        TEST(colors_change_no_letter),
        TEST(narrow_terminals),
        TEST(verbose_tells_the_order),
        TEST(json_says_the_same),
        TEST(json_of_text_that_is_not_utf8),
        TEST(results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
