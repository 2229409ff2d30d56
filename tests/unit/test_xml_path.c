/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path language: finding, making, removing; and what parsing keeps and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "xml_kind.h"

static const char source[] = "<d><a n='1'/><a n='2'><b k='x'>one</b><b k='y'>two</b></a><q:a xmlns:q='u' n='3'/>"
                             "<c><t name='agent'/></c><c><t name='spice'/></c><e/></d>";

static const char *text_of(struct ks_arena *arena, xmlNode *node)
{
    char *text = ks_xml_text(node);
    const char *copy = ks_strdup(arena, text);
    xmlFree(text);
    return copy;
}

static void finds_by_name_predicate_and_key(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, source);
    const struct {
        const char *path, *key, *want;
    } cases[] = {
        {"a/@n", NULL, "1"},
        {"a[@n='2']/b", NULL, "one"},
        {"a[@n=$key]/b[@k='y']", "2", "two"},
        {"a[@n=$key]/@n", "2", "2"},
        {"a/b", NULL, "one"}, /* the first <a> leads nowhere */
        {"/a/b/@k", NULL, "x"},
        {"c[t/@name='spice']/t/@name", NULL, "spice"},
        {"a[@n='2'][b/@k='x']/@n", NULL, "2"},
        {"a[@n!='1']/@n", NULL, "2"},
        {"e[@n!='1']", NULL, ""}, /* one that has none has another */
        {"a[@n!='1'][@n!='2']/@n", NULL, NULL},
        {"./a/@n", NULL, "1"},
        {"e", NULL, ""},
        {"a[@n='3']/@n", NULL, NULL}, /* another namespace */
        {"a[@n=$key]/@n", NULL, NULL},
        {"c[t/@name='spic']/t/@name", NULL, NULL},
        {"e/@n", NULL, NULL},
        {"ab", NULL, NULL},
        {"a[", NULL, NULL},
        {"a[@n='1", NULL, NULL},
    };
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        const char *found = ks_xml_get(d.arena, d.root, cases[i].path, cases[i].key);
        if (!ks_streq(found, cases[i].want))
            fail_msg("%s: '%s'", cases[i].path, found ? found : "(nothing)");
    }
    t_doc_done(&d);
}

static void starts_at_the_document_element(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, source);
    xmlNode *b = ks_xml_find(d.root, "a/b[@k='y']", NULL);
    assert_ptr_equal(ks_xml_top(b), d.root);
    assert_string_equal(ks_xml_get(d.arena, b, "/a/@n", NULL), "1");
    assert_string_equal(ks_xml_get(d.arena, b, "@k", NULL), "y");
    assert_string_equal(ks_xml_get(d.arena, b, ".", NULL), "two");
    t_doc_done(&d);
}

static void makes_what_the_path_demands(void **state)
{
    struct t_doc d;
    struct ks_error err = {0};
    (void)state;
    t_doc_parse(&d, "<d><x/></d>");
    assert_non_null(ks_xml_ensure(d.root, "x/y[@k=$key][s/@t='v']/z", "7", "<z a='$key'/>", &err));
    assert_string_equal(
        text_of(d.arena, d.root),
        "<d>\n  <x>\n    <y k=\"7\">\n      <s t=\"v\"/>\n      <z a=\"7\"/>\n    </y>\n  </x>\n</d>");
    /* It is there now: nothing more is made. */
    assert_non_null(ks_xml_ensure(d.root, "x/y[@k!='8']/z", NULL, NULL, &err));
    assert_non_null(ks_xml_ensure(d.root, "x/y[@k=$key][s/@t='v']/z", "7", "<z a='$key'/>", &err));
    assert_int_equal(ks_xml_set(d.root, "x/y[@k='7']/z/@a", NULL, NULL, "<&'>", &err), 0);
    assert_string_equal(ks_xml_get(d.arena, d.root, "x/y/z/@a", NULL), "<&'>");
    assert_int_equal(ks_xml_set(d.root, "x/y/z", NULL, NULL, "a & b < c", &err), 0);
    assert_string_equal(ks_xml_get(d.arena, d.root, "x/y/z", NULL), "a & b < c");
    t_doc_done(&d);
}

static void reports_broken_paths_and_fragments(void **state)
{
    struct t_doc d;
    struct ks_error err = {0};
    (void)state;
    t_doc_parse(&d, "<d/>");
    assert_null(ks_xml_ensure(d.root, "x[@a=$key]", NULL, NULL, &err));
    assert_int_equal(err.code, KS_E_BUG);
    assert_null(ks_xml_ensure(d.root, "y", NULL, "<z/>", &err));
    assert_int_equal(err.code, KS_E_BUG);
    assert_null(ks_xml_ensure(d.root, "y", NULL, "<y>", &err));
    assert_int_equal(err.code, KS_E_BUG);
    assert_null(ks_xml_append(d.root, "@a", NULL, NULL, &err));
    ks_error_done(&err);
    t_doc_done(&d);
}

static void removes_what_it_emptied_and_no_more(void **state)
{
    const struct {
        const char *from, *path, *create, *to;
    } cases[] = {
        {"<d><a><b k='1'/></a><c/></d>", "a/b/@k", NULL, "<d>\n  <c/>\n</d>"},
        {"<d><a><b k='1' l='2'/></a></d>", "a/b/@k", NULL, "<d>\n  <a>\n    <b l=\"2\"/>\n  </a>\n</d>"},
        {"<d><a><b k='1'/><b/></a></d>", "a/b/@k", NULL, "<d>\n  <a>\n    <b/>\n  </a>\n</d>"},
        {"<d><a x='1'><b>t</b></a></d>", "a/b", NULL, "<d>\n  <a x=\"1\"/>\n</d>"},
        {"<d><b i='0' k='1'/></d>", "b[@i='0']/@k", NULL, "<d/>"},
        {"<d><b m='s' k='1'/></d>", "b/@k", "<b m='s'/>", "<d/>"},
        {"<d><b m='t' k='1'/></d>", "b/@k", "<b m='s'/>", "<d>\n  <b m=\"t\"/>\n</d>"},
        {"<d k='1'/>", "@k", NULL, "<d/>"},
        {"<d><a/></d>", "a/@k", NULL, "<d>\n  <a/>\n</d>"},
    };
    (void)state;
    for (size_t i = 0; i < KS_COUNT(cases); i++) {
        struct t_doc d;
        t_doc_parse(&d, cases[i].from);
        ks_xml_unset(d.root, cases[i].path, NULL, cases[i].create, d.root);
        assert_string_equal(text_of(d.arena, d.root), cases[i].to);
        t_doc_done(&d);
    }
}

static void walks_repeated_elements(void **state)
{
    struct t_doc d;
    (void)state;
    t_doc_parse(&d, "<d><l><h n='a'/><x/><h n='b'/><h n='c'/></l></d>");
    char seen[4] = "";
    size_t n = 0;
    for (xmlNode *e = NULL; (e = ks_xml_each(d.root, "l/h/@n", NULL, e));)
        seen[n++] = *ks_xml_attr(e, "n");
    assert_string_equal(seen, "abc");
    assert_null(ks_xml_each(d.root, "m/h", NULL, NULL));
    t_doc_done(&d);
}

static void knows_a_valid_path(void **state)
{
    static const char *const good[] = {
        "a", "a/b/@c", "@c", "./@c", ".", "/a[@b='c/d]']/e", "a[b/@c=$key]/@d", "a[@b='c'][@d='']", "a[@b!='c']/d"};
    static const char *const bad[] = {"",       "a//b",       "a[@b]",    "a[b='c']", "a[@b='c'", "a/@",
                                      "a/@b/c", "a[@b=$kex]", "a[@='b']", "a[@b!]",   "a]",       "//a"};
    (void)state;
    for (size_t i = 0; i < KS_COUNT(good); i++)
        if (!ks_xml_path_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < KS_COUNT(bad); i++)
        if (ks_xml_path_valid(bad[i]))
            fail_msg("took: %s", bad[i]);
}

static void parses_no_document_types_and_says_why_not(void **state)
{
    static const char *const bad[] = {"<a",
                                      "",
                                      "<a></b>",
                                      "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
                                      "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
                                      "<a>&undefined;</a>"};
    (void)state;
    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        xmlDoc *doc = NULL;
        struct ks_error err = {0};
        assert_int_equal(ks_xml_parse(bad[i], strlen(bad[i]), &doc, &err), -1);
        assert_int_equal(err.code, KS_E_SYNTAX);
        assert_null(doc);
        ks_error_done(&err);
    }
}

static void units_are_those_of_libvirt(void **state)
{
    (void)state;
    assert_int_equal(ks_xml_unit("b"), 1);
    assert_int_equal(ks_xml_unit("bytes"), 1);
    assert_int_equal(ks_xml_unit("KB"), 1000);
    assert_int_equal(ks_xml_unit("k"), 1024);
    assert_int_equal(ks_xml_unit("KiB"), 1024);
    assert_int_equal(ks_xml_unit("MB"), 1000000);
    assert_int_equal(ks_xml_unit("M"), 1 << 20);
    assert_int_equal(ks_xml_unit("GiB"), 1 << 30);
    assert_true(ks_xml_unit("TiB") == UINT64_C(1) << 40);
    assert_true(ks_xml_unit("E") == UINT64_C(1) << 60);
    assert_int_equal(ks_xml_unit("pages"), 0);
    assert_int_equal(ks_xml_unit("KiBs"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_name_predicate_and_key),
        cmocka_unit_test(starts_at_the_document_element),
        cmocka_unit_test(makes_what_the_path_demands),
        cmocka_unit_test(reports_broken_paths_and_fragments),
        cmocka_unit_test(removes_what_it_emptied_and_no_more),
        cmocka_unit_test(walks_repeated_elements),
        cmocka_unit_test(knows_a_valid_path),
        cmocka_unit_test(parses_no_document_types_and_says_why_not),
        cmocka_unit_test(units_are_those_of_libvirt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
