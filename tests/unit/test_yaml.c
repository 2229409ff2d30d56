/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML text to trees: what comes out, and every finding with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "schema/node.h"

struct doc {
    struct ks_arena *arena;
    struct ks_findings f;
    const struct ks_node *root;
};

static void doc_done(struct doc *d)
{
    ks_arena_free(d->arena);
}

static struct doc parse_n(const char *text, size_t len)
{
    struct doc d = {.arena = ks_arena_new()};
    char *copy;

    d.f.arena = d.arena;
    copy = ks_arena_alloc(d.arena, len + 1);
    memcpy(copy, text, len);
    d.root = ks_yaml_parse(&d.f, "t.yaml", copy, len);
    ks_findings_sort(&d.f);
    return d;
}

static struct doc parse(const char *text)
{
    return parse_n(text, strlen(text));
}

/* A tree in one line: maps {k: v}, lists [a], quoted texts 'x', nulls ~. */
static void dump(struct ks_text *out, const struct ks_node *node)
{
    if (!node) {
        ks_text_add(out, "(nothing)");
        return;
    }
    switch (node->type) {
    case KS_NODE_NULL:
        ks_text_add(out, "~");
        break;
    case KS_NODE_SCALAR:
        ks_text_addf(out, node->quoted ? "'%s'" : "%s", node->text);
        break;
    case KS_NODE_SEQ:
        ks_text_add(out, "[");
        for (size_t i = 0; i < node->n; i++) {
            ks_text_add(out, i ? " " : "");
            dump(out, node->items[i]);
        }
        ks_text_add(out, "]");
        break;
    case KS_NODE_MAP:
        ks_text_add(out, "{");
        for (size_t i = 0; i < node->n; i++) {
            ks_text_addf(out, "%s%s:", i ? " " : "", node->pairs[i].key->text);
            dump(out, node->pairs[i].value);
        }
        ks_text_add(out, "}");
        break;
    }
}

static const char *dumped(struct doc *d)
{
    struct ks_text out = {.arena = d->arena};

    dump(&out, d->root);
    return ks_text_str(&out);
}

/* "line:col message" of each finding, a line each. */
static const char *found(struct doc *d)
{
    struct ks_text out = {.arena = d->arena};

    for (size_t i = 0; i < d->f.n; i++)
        ks_text_addf(&out, "%s%u:%u %s", i ? "\n" : "", d->f.v[i].at.line, d->f.v[i].at.col, d->f.v[i].msg);
    assert_int_equal(d->f.n, d->f.n_errors);
    return ks_text_str(&out);
}

static void expect(const char *text, const char *tree, const char *findings)
{
    ks_auto(doc_done) struct doc d = parse_n(text, strlen(text));

    assert_string_equal(found(&d), findings);
    assert_string_equal(dumped(&d), tree);
}

static void test_values(void **state)
{
    (void)state;
    expect("", "(nothing)", "");
    expect("# only this\n", "(nothing)", "");
    expect("---\n", "~", "");
    expect("word", "word", "");
    expect("a: 1\nb: [x, 'y', \"z\"]\nc: {d: e}\n", "{a:1 b:[x 'y' 'z'] c:{d:e}}", "");
    expect("a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: NULL\nnull: 1\n", "{a:~ b:~ c:~ d:'' e:'null' f:~ null:1}", "");
    expect("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a:'x\ny\n' b:'x y'}", "");
    expect("\xef\xbb\xbf"
           "a: \xc3\xa9\n",
           "{a:\xc3\xa9}", "");
    expect("%YAML 1.1\n---\na: 1\n...\n", "{a:1}", "");
    expect("a: 1\r\nb: 2\r\n", "{a:1 b:2}", "");
}

static void test_tags(void **state)
{
    (void)state;
    expect("a: !!str 4\nb: !!int '4'\nc: !!null x\nd: ! 4\ne: !!map {}\nf: !!seq []\n",
           "{a:'4' b:4 c:~ d:'4' e:{} f:[]}", "");
    expect("a: !mine 4\nb: !!set {x}\nc: !!str [1]\n", "{a:4 b:{x:~} c:[1]}",
           "1:4 unknown tag '!mine'\n2:4 unknown tag '!!set'\n3:4 tag '!!str' does not fit this value");
}

static void test_aliases(void **state)
{
    (void)state;
    expect("a: &x {p: 1}\nb: *x\nc: [*x, *x]\n", "{a:{p:1} b:{p:1} c:[{p:1} {p:1}]}", "");
    expect("&k a: 1\nb: *k\n*k : 2\n", "{a:1 b:a}", "3:1 'a' is given twice (first on line 1)");
    expect("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "{a:1 b:1 c:2 d:2}", "");
    expect("a: *none\n", "{a:~}", "1:4 alias '*none' has no anchor '&none' before it");
    expect("a: &r [1, {b: *r}]\n", "{a:[1 {b:~}]}", "1:15 alias '*r' stands within what it names");

    ks_auto(doc_done) struct doc d = parse("a: &x {p: 1}\nb: *x\n");

    assert_ptr_equal(ks_node_get(d.root, "a"), ks_node_get(d.root, "b"));
}

static void test_merge_keys(void **state)
{
    (void)state;
    expect("a: &a {p: 1, q: 2}\nb: {<<: *a, q: 3}\n", "{a:{p:1 q:2} b:{q:3 p:1}}", "");
    expect("a: &a {p: 1}\nb: &b {p: 2, r: 3}\nc: {<<: [*a, *b]}\nd: {<<: [*b, {p: 9, s: 4}], r: 0}\n",
           "{a:{p:1} b:{p:2 r:3} c:{p:1 r:3} d:{r:0 p:2 s:4}}", "");
    expect("a: &a {p: 1}\nb: &b {<<: *a}\nc: {<<: *b}\n", "{a:{p:1} b:{p:1} c:{p:1}}", "");
    expect("a: {'<<': 1}\n", "{a:{<<:1}}", "");
    expect("a: {<<: 1}\nb: {<<: [{x: 1}, 2]}\n", "{a:{} b:{x:1}}",
           "1:9 '<<' takes a map, or a list of maps\n2:18 '<<' takes a map, or a list of maps");
    expect("a: {<<: {x: 1}, <<: {y: 2}}\n", "{a:{x:1}}", "1:17 '<<' is given twice: it takes a list of maps");
}

static void test_keys(void **state)
{
    (void)state;
    expect("a: 1\nb: 2\na: 3\n", "{a:1 b:2}", "3:1 'a' is given twice (first on line 1)");
    expect("x: {a: 1, 'a': 2}\n", "{x:{a:1}}", "1:11 'a' is given twice (first on line 1)");
    expect("? [a]\n: 1\nb: 2\n", "{b:2}", "1:3 a key must be a text, not a list, a map or nothing");
    expect("'': 1\nb: 2\n", "{b:2}", "1:1 a key is missing before ':'");
    expect("b: 2\n: 1\n", "{b:2}", "2:1 a key is missing before ':'");
    expect("a: \"x\\0y\"\n", "{a:'x'}", "1:4 a text cannot hold a NUL character");
    expect("a: 1\n---\nb: 2\n", "{a:1}", "2:1 a second document begins here: a file holds one");
}

static void test_syntax(void **state)
{
    (void)state;
    expect("a: 1\nb:\n\tc: 1\n  d: 2\ne: 3\n", "{a:1 b:{d:2} e:3}", "3:1 a tab cannot indent YAML");
    expect("a: [1, 2\nb: 3\n", "{b:3}", "1:4 the list that '[' opens here is not closed by ']'");
    expect("a: {x: 1\nb: 3\nc: 4\n", "{b:3 c:4}", "1:4 the map that '{' opens here is not closed by '}'");
    expect("a: {\n  x: [\n  y: 1\n}\nb: 3\n", "{a:{y:1} b:3}",
           "2:6 the list that '[' opens here is not closed by ']'");
    expect("a: \"x\nb: 1\n", "{b:1}", "1:4 the quote that opens here is never closed");
    expect("a: \"x\nb: 1\nc: \"y\"\n", "{b:1 c:'y'}",
           "1:4 the quote that opens here is closed too late, if at all");
    expect("a: 1\n b: 2\nc: 3\n", "{a:1 c:3}", "2:3 a ':' cannot stand here");
    expect("a: 1\nb: x: y\nc: 3\n", "{a:1 c:3}", "2:5 a ':' cannot stand here");
    expect("a\n  x:\n    p: 1\n  y: 2\nc: 3\n", "{c:3}", "1:1 ':' is missing behind 'a'");
    expect("a: 1\nb 2\nc: 3\n", "{a:1 c:3}", "2:1 ':' is missing behind this key");
    expect("a: @x\nb: *\nc: \"\\q\"\nd: 1\n", "{d:1}",
           "1:4 a value cannot begin with '@'\n"
           "2:4 a value that begins with '*' or '&' is an alias or an anchor, and needs a name\n"
           "3:5 no such escape in a double-quoted text");
    expect("  a: 1\n b: 2\n  c: 3\n", "{a:1}", "2:2 this stands outside of the map that the file is");
    expect("x:\n  - 1\n - 2\ny: 1\n", "{x:[1] y:1}",
           "3:2 this is no key of the map that begins on line 1: its keys stand in the same column");
}

/* Faults of every sort in one text: each is found, and none twice. */
static void test_many_at_once(void **state)
{
    (void)state;
    expect("a: 1\na: 2\nb: [1\nc: *no\nd: 'x\ne: \"y\nf: @z\ng: !t 5\nh: 6\n", "{a:1 c:~ g:5 h:6}",
           "2:1 'a' is given twice (first on line 1)\n"
           "3:4 the list that '[' opens here is not closed by ']'\n"
           "4:4 alias '*no' has no anchor '&no' before it\n"
           "5:4 the quote that opens here is never closed\n"
           "6:4 the quote that opens here is never closed\n"
           "7:4 a value cannot begin with '@'\n"
           "8:4 unknown tag '!t'");
}

static void test_bytes(void **state)
{
    static const char text[] = "a: \xff\nb: x\000y\nc: \x01\nd: \xc2\x85 \xed\xa0\x80\ne: x\ry\nf: 1\n";
    ks_auto(doc_done) struct doc d = parse_n(text, sizeof text - 1);
    ks_auto(doc_done) struct doc wide = parse_n("\xff\xfe"
                                                "a\0:\0",
                                                6);

    (void)state;
    assert_string_equal(found(&d), "1:4 byte 0xff is not UTF-8\n"
                                   "2:5 a NUL byte cannot stand in YAML\n"
                                   "3:4 a control character cannot stand in YAML\n"
                                   "4:4 a Unicode line separator cannot stand in YAML\n"
                                   "4:6 byte 0xed is not UTF-8\n"
                                   "4:7 byte 0xa0 is not UTF-8\n"
                                   "4:8 byte 0x80 is not UTF-8\n"
                                   "5:5 a carriage return without a newline cannot stand in YAML");
    assert_non_null(ks_node_get(d.root, "f"));
    assert_string_equal(found(&wide), "1:1 the file is UTF-16: save it as UTF-8");
    assert_null(wide.root);
}

static void test_places(void **state)
{
    ks_auto(doc_done) struct doc d = parse("a:\n  - \xc3\xa9: {b: 'x'}\n");
    const struct ks_node *item, *value;

    (void)state;
    assert_int_equal(d.f.n, 0);
    item = ks_node_get(d.root, "a")->items[0];
    value = item->pairs[0].value;
    assert_int_equal(item->at.line, 2);
    assert_int_equal(item->at.col, 5);
    assert_int_equal(value->at.col, 8); /* in characters, not in bytes */
    assert_int_equal(value->pairs[0].value->at.col, 12);
    assert_string_equal(value->at.file, "t.yaml");
}

static void expect_bound(struct ks_text *text, const char *part)
{
    ks_auto(doc_done) struct doc d = parse_n(ks_text_str(text), text->n);

    assert_int_equal(d.f.n, 1);
    assert_non_null(strstr(d.f.v[0].msg, part));
    ks_arena_free(text->arena);
}

static struct ks_text text_new(void)
{
    return (struct ks_text){.arena = ks_arena_new()};
}

static void test_bounds(void **state)
{
    struct ks_text bomb = text_new(), deep = text_new(), high = text_new(), merges = text_new();

    (void)state;
    ks_text_add(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++)
        ks_text_addf(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                     i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    expect_bound(&bomb, "with every alias written out");

    for (int i = 0; i < 100000; i++)
        ks_text_add(&deep, "[");
    expect_bound(&deep, "nested too deep (the bound is 64)");

    ks_text_add(&high, "a0: &a0 [x]\n"); /* each level is shallow as written */
    for (int i = 1; i < 70; i++)
        ks_text_addf(&high, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    expect_bound(&high, "nested too deep (the bound is 64)");

    ks_text_add(&merges, "a: &a {");
    for (int i = 0; i < 3000; i++)
        ks_text_addf(&merges, "k%d: 1,", i);
    ks_text_add(&merges, "}\n");
    for (int i = 0; i < 3000; i++)
        ks_text_addf(&merges, "m%d: {<<: *a}\n", i);
    expect_bound(&merges, "with every alias written out");
}

static void test_too_large(void **state)
{
    struct ks_text text = text_new();

    (void)state;
    ks_text_add(&text, "a: 1\n#");
    while (text.n <= KS_YAML_MAX_BYTES)
        ks_text_add(&text, "################################################################\n#");
    expect_bound(&text, "larger than 16 MiB");
}

/* Quadratic work on a map of 200,000 keys would take minutes. */
static void test_big_maps(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_text text = {.arena = arena};

    (void)state;
    for (int i = 0; i < 200000; i++)
        ks_text_addf(&text, "k%d: {v: 1}\n", i);
    ks_text_add(&text, "k77: 1\n");

    ks_auto(doc_done) struct doc d = parse_n(ks_text_str(&text), text.n), e = parse("k5: {w: 2}\nx: 1\n");

    assert_string_equal(found(&d), "200001:1 'k77' is given twice (first on line 78)");
    assert_int_equal(d.root->n, 200000);

    const struct ks_node *merged = ks_node_merge(d.arena, d.root, d.root->pairs[0].value);
    const struct ks_node *twice = ks_node_merge(d.arena, merged, ks_node_merge(d.arena, e.root, d.root));

    assert_int_equal(merged->n, 200001);
    assert_int_equal(twice->n, 200002);
    assert_string_equal(ks_node_get(ks_node_get(twice, "k5"), "w")->text, "2");
    assert_string_equal(ks_node_get(ks_node_get(twice, "k5"), "v")->text, "1");
}

static void expect_merge(const char *over, const char *under, const char *tree)
{
    ks_auto(doc_done) struct doc a = parse_n(over, strlen(over)), b = parse_n(under, strlen(under));
    struct doc merged = {.arena = a.arena, .root = ks_node_merge(a.arena, a.root, b.root)};

    assert_string_equal(dumped(&merged), tree);
}

static void test_merge(void **state)
{
    (void)state;
    expect_merge("{a: 1, m: {x: 1}}", "{b: 2, m: {y: 2, x: 3}}", "{a:1 m:{x:1 y:2} b:2}");
    expect_merge("{a: [1]}", "{a: [2, 3]}", "{a:[1]}");
    expect_merge("{a: ~, b: 1, c: {x: 1}}", "{a: {x: 1}, b: {x: 1}, c: 5}", "{a:~ b:1 c:{x:1}}");
    expect_merge("", "{a: 1}", "{a:1}");
    expect_merge("{a: 1}", "", "{a:1}");
    expect_merge("{}", "{a: 1}", "{a:1}");
}

static void test_merge_shares(void **state)
{
    ks_auto(doc_done) struct doc d = parse("a: {x: 1, y: {z: 1}}\nb: {x: 2}\n");
    const struct ks_node *a = ks_node_get(d.root, "a"), *b = ks_node_get(d.root, "b");

    (void)state;
    assert_ptr_equal(ks_node_merge(d.arena, a, b), a);
    assert_ptr_equal(ks_node_get(ks_node_merge(d.arena, b, a), "y"), ks_node_get(a, "y"));
    assert_int_equal(ks_node_merge(d.arena, b, a)->at.line, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_tags),         cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_merge_keys),   cmocka_unit_test(test_keys),         cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_many_at_once), cmocka_unit_test(test_bytes),        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_too_large),    cmocka_unit_test(test_big_maps),
        cmocka_unit_test(test_merge),        cmocka_unit_test(test_merge_shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
