/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The drawings of made-up hosts: a folder each in tests/golden/topology, with the host (actual.yaml), and what is
 * drawn of it. KS_REGENERATE=1 rewrites the drawings: look at them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observed_fixture.h"
#include "reconciler/report.h"
#include "reconciler/topology.h"

#define GOLDEN KS_SOURCE_DIR "/tests/golden/topology"

struct folder {
    struct ks_arena *arena;
    const char *name;
    int dir;
    struct ks_observed seen;
    struct ks_topology topology;
};

static void load(struct folder *f)
{
    struct ks_findings findings = {.arena = f->arena};
    struct ks_error err = {0};
    char *text;
    size_t len;

    assert_int_equal(ks_file_read(f->dir, "actual.yaml", 1 << 20, f->arena, &text, &len, &err), 0);
    fx_load(f->arena, "actual.yaml", text, len, &findings, &f->seen);
    ks_findings_print(stderr, &findings, false);
    assert_int_equal(findings.n_errors, 0);
    ks_topology_build(f->arena, &f->seen, &f->topology);
}

static const char *draw_text(struct folder *f, unsigned width, bool color)
{
    const struct ks_topology_style style = {.width = width, .color = color};
    struct ks_text text = {.arena = f->arena};

    ks_topology_text(&text, &f->topology, &style);
    return ks_text_str(&text);
}

static const char *draw_svg(struct folder *f)
{
    struct ks_text text = {.arena = f->arena};

    ks_topology_svg(&text, &f->topology);
    return ks_text_str(&text);
}

static const char *draw_json(struct folder *f)
{
    json_t *json = ks_topology_json(&f->topology);
    ks_auto(ks_freep) char *text = ks_report_dump(json);

    json_decref(json);
    return ks_strdup(f->arena, text);
}

static bool check(struct folder *f, const char *file, const char *text)
{
    struct ks_error err = {0};
    char *want = NULL;
    size_t len;

    if (getenv("KS_REGENERATE")) {
        assert_int_equal(ks_file_replace(f->dir, file, text, strlen(text), 0644, &err), 0);
        return true;
    }
    if (ks_file_read(f->dir, file, 1 << 22, f->arena, &want, &len, &err) < 0)
        ks_error_done(&err);
    if (ks_streq(want, text))
        return true;
    print_error("%s/%s is no longer what is drawn:\n%s\n", f->name, file, text);
    return false;
}

/* What every text must be, whatever the host: no line too wide, nothing that a terminal would obey. */
static void check_lines(const struct folder *f, const char *text, unsigned width)
{
    for (const char *line = text; *line;) {
        const size_t n = strcspn(line, "\n");
        const char *copy = ks_strndup(f->arena, line, n);
        if (line[n] != '\n')
            fail_msg("%s: the last line has no end", f->name);
        if (ks_columns(copy) > width)
            fail_msg("%s: wider than %u: %s", f->name, width, copy);
        if (copy[strcspn(copy, "\x1b\a\r\b\t")] || ks_display(f->arena, copy) != copy)
            fail_msg("%s: a control character in: %s", f->name, copy);
        if (n > 0 && copy[n - 1] == ' ')
            fail_msg("%s: a blank at the end of: %s|", f->name, copy);
        line += n + 1;
    }
}

/* Every guest, PF, bridge and device is somewhere in it. */
static void check_names(struct folder *f, const char *text)
{
    struct ks_text joined = {.arena = f->arena};

    /* Long names are broken over lines: compared without blanks and line ends. */
    for (const char *p = text; *p; p++)
        if (*p != ' ' && *p != '\n')
            ks_text_addn(&joined, p, 1);
    for (size_t i = 0; i < f->seen.guests.n; i++)
        if (!strpbrk(f->seen.guests.v[i].name, " ") &&
            !strstr(ks_text_str(&joined), ks_display(f->arena, f->seen.guests.v[i].name)))
            fail_msg("%s: guest %s is missing", f->name, f->seen.guests.v[i].name);
    for (size_t i = 0; i < f->seen.pci.n; i++)
        assert_non_null(strstr(text, f->seen.pci.v[i].address));
    for (size_t i = 0; i < f->seen.bridges.n; i++)
        assert_non_null(strstr(text, ks_display(f->arena, f->seen.bridges.v[i].name)));
}

/* XML, whatever is in the names, and nothing that acts or comes from elsewhere. */
static void check_svg(const struct folder *f, const char *svg)
{
    static const char *const forbidden[] = {"<script", "onload=", "href",          "url(",
                                            "@import", "<image",  "<foreignObject"};
    struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (ks_xml_parse(svg, strlen(svg), &doc, &err) < 0)
        fail_msg("%s: %s", f->name, ks_error_text(f->arena, &err));
    assert_string_equal((const char *)xmlDocGetRootElement(doc)->name, "svg");
    for (size_t i = 0; i < KS_COUNT(forbidden); i++)
        if (strstr(svg, forbidden[i]))
            /* In a text, as &lt;script, it is harmless; the attribute would need a quote, which is escaped. */
            assert_true(ks_streq(forbidden[i], "onload=") && !strstr(svg, "onload=\""));
}

static void golden_drawings(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int top = -1;
    struct ks_strings names;
    struct ks_error err = {0};
    unsigned wrong = 0;

    (void)state;
    assert_int_equal(ks_root_open(GOLDEN, &top, &err), 0);
    assert_int_equal(ks_dir_list(top, ".", arena, &names, &err), 0);
    assert_true(names.n > 0);
    for (size_t i = 0; i < names.n; i++) {
        ks_auto(ks_arena_freep) struct ks_arena *own = ks_arena_new();
        struct folder f = {.name = names.v[i], .arena = own, .dir = -1};
        assert_int_equal(ks_root_open(ks_sprintf(own, GOLDEN "/%s", names.v[i]), &f.dir, &err), 0);
        load(&f);
        const char *text = draw_text(&f, 0, false);
        check_lines(&f, text, 80);
        check_names(&f, text);
        wrong += !check(&f, "topology.txt", text);
        wrong += !check(&f, "topology.json", draw_json(&f));
        check_svg(&f, draw_svg(&f));
        wrong += !check(&f, "topology.svg", draw_svg(&f));
        for (unsigned width = 1; width < 200; width += 7)
            check_lines(&f, draw_text(&f, width, false), width < 60 ? 60 : width > 160 ? 160 : width);
        ks_closep(&f.dir);
    }
    assert_int_equal(wrong, 0);
}

/* docs/topology.md shows the text of one of them, between two fences. */
static void the_page_is_true(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int top = -1;
    struct ks_error err = {0};
    char *page, *text;
    size_t len;

    (void)state;
    assert_int_equal(ks_root_open(KS_SOURCE_DIR, &top, &err), 0);
    assert_int_equal(ks_file_read(top, "docs/topology.md", 1 << 20, arena, &page, &len, &err), 0);
    assert_int_equal(
        ks_file_read(top, "tests/golden/topology/two-nodes/topology.txt", 1 << 20, arena, &text, &len, &err), 0);
    char *begin = strstr(page, "```\n"), *end = begin ? strstr(begin + 4, "```\n") : NULL;
    assert_non_null(end);
    if (getenv("KS_REGENERATE")) {
        const char *made = ks_sprintf(arena, "%.*s%s%s", (int)(begin + 4 - page), page, text, end);
        assert_int_equal(ks_file_replace(top, "docs/topology.md", made, strlen(made), 0644, &err), 0);
        return;
    }
    *end = '\0';
    assert_string_equal(begin + 4, text);
}

static void texts_from_outside(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    static const struct {
        const char *text, *shown;
        size_t columns; /* of what is shown */
    } cases[] = {
        {"", "", 0},
        {"web1", "web1", 4},
        {"a\nb\tc", "a\\nb\\tc", 7},
        {"\x1b[31m", "\\x1b[31m", 8},
        {"\xc2\x9b", "\\x9b", 4},                /* C1: a terminal takes it for ESC [ */
        {"\xff\xfe", "\\xff\\xfe", 8},           /* no UTF-8 */
        {"\xc0\xaf", "\\xc0\\xaf", 8},           /* '/' in a form that is too long */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", 12}, /* half a surrogate pair */
        {"\xe6\x95", "\\xe6\\x95", 8},           /* cut off */
        {"\xe2\x80\xae", "\\u202e", 6},          /* right to left from here */
        {"\xf3\xa0\x80\xa1", "\\U000e0021", 10}, /* a tag, not seen */
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 4},
        {"e\xcc\x81", "e\xcc\x81", 1}, /* e and an accent on it */
        {"\xe6\x95\xb0\xe6\x8d\xae", "\xe6\x95\xb0\xe6\x8d\xae", 4},
        {"\xf0\x9f\x9a\x80", "\xf0\x9f\x9a\x80", 2},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        const char *shown = ks_display(arena, cases[i].text);
        assert_string_equal(shown, cases[i].shown);
        assert_int_equal(ks_columns(shown), cases[i].columns);
        assert_int_equal(ks_columns_fit(shown, 1000), strlen(shown));
        assert_string_equal(ks_display(arena, shown), shown);
    }
    assert_int_equal(ks_columns_fit("\xe6\x95\xb0\xe6\x8d\xae", 3), 3);
    assert_int_equal(ks_columns_fit("abc", 2), 2);
    assert_int_equal(ks_columns_fit("abc", 0), 0);
}

/* In colour the same text, with nothing but colours added. */
static void color_adds_nothing_else(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int dir = -1;
    struct folder f = {.arena = arena, .name = "two-nodes"};
    struct ks_text stripped = {.arena = arena};
    struct ks_error err = {0};

    (void)state;
    assert_int_equal(ks_root_open(GOLDEN "/two-nodes", &dir, &err), 0);
    f.dir = dir;
    load(&f);
    const char *colored = draw_text(&f, 80, true);
    assert_non_null(strchr(colored, '\x1b'));
    for (const char *p = colored; *p; p++) {
        if (*p != '\x1b')
            ks_text_addn(&stripped, p, 1);
        else
            p += strcspn(p, "m");
    }
    assert_string_equal(ks_text_str(&stripped), draw_text(&f, 80, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_drawings), cmocka_unit_test(the_page_is_true),
                                       cmocka_unit_test(texts_from_outside),
                                       cmocka_unit_test(color_adds_nothing_else)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
