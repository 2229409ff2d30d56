/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A text gives the same tree from both parsers, as far as any reader sees; and what one refuses, so does the other.
 */
#include "guest_doc.h"

#include <dirent.h>

#include "schema/mark.h"
#include "schema/xml_private.h"
#include "xml_tree.h"

#define DOMAINS KS_SOURCE_DIR "/tests/corpus/domains"

static void same_of(struct ks_xml_scratch *scratch, const char *text)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_error_done) struct ks_error err = {0}, scratch_err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const int failed = ks_xml_parse(text, strlen(text), &doc, &err);
    const xmlNode *root = ks_xml_scratch_parse(scratch, text, strlen(text), &scratch_err);

    assert_int_equal(failed != 0, root == NULL);
    if (root)
        assert_true(t_same_tree(arena, xmlDocGetRootElement(doc), root));
    else
        assert_string_equal(ks_error_text(arena, &err), ks_error_text(arena, &scratch_err));
}

/* Whether the quick reader takes it by itself; whoever does, the tree is the same. */
static bool is_quick(struct ks_xml_scratch *scratch, const char *text)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();

    same_of(scratch, text);
    return ks_xml_quick(arena, ks_strdup(arena, text), strlen(text)) != NULL;
}

static const char *guest_of(struct ks_arena *arena, xmlNode *root)
{
    struct ks_text json = {.arena = arena};
    struct ks_obj *guest = ks_obj_new(arena, &ks_guest_kind, "g");

    ks_xml_read(arena, root, guest);
    ks_print_json(&json, guest);
    return ks_text_str(&json);
}

/* No row is passed over that has something: libxml2's own tree has no hints, and all rows are looked for there. */
static void same_guest(struct ks_xml_scratch *scratch, const char *text)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    assert_int_equal(ks_xml_parse(text, strlen(text), &doc, &err), 0);
    const char *json = guest_of(arena, xmlDocGetRootElement(doc));
    assert_true(strlen(json) > 20);
    assert_string_equal(json, guest_of(arena, ks_xml_scratch_parse(scratch, text, strlen(text), &err)));
}

/* Names of one letter, and whatever may stand behind a name in a path. */
static void paths(void **state)
{
    static const char text[] = "<a><b c='1' d2='2'><D3 e='x' F_='y'/><f-g>t</f-g></b><b c='2'><h i='z'/></b></a>";
    static const char *const found[][2] = {
        {"b/@c", "1"},          {"b/@d2", "2"},          {"b/D3/@e", "x"},
        {"./b/./D3/@F_", "y"},  {"b/f-g", "t"},          {"/b/f-g", "t"},
        {"b/h/@i", "z"},        {"b[@c='2']/h/@i", "z"}, {"b[D3/@e='x']/@c", "1"},
        {"b[@c!='1']/@c", "2"}, {"b[h/@i='z']/@c", "2"}, {"b[@c=$key]/@c", "2"},
    };
    static const char *const missing[] = {"c", "@b", "b/@e", "b/D3/@c", "b/h/@e", "b[@c='3']/@c", "b/b", "b2/@c"};
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    struct ks_error err = {0};
    xmlNode *root = ks_xml_scratch_parse(scratch, text, strlen(text), &err);

    (void)state;
    assert_non_null(root);
    for (size_t i = 0; i < KS_COUNT(found); i++)
        assert_string_equal(ks_xml_get(arena, root, found[i][0], "2"), found[i][1]);
    for (size_t i = 0; i < KS_COUNT(missing); i++)
        assert_null(ks_xml_get(arena, root, missing[i], "2"));
    ks_xml_scratch_free(scratch);
}

static void corpus(void **state)
{
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    DIR *dir = opendir(DOMAINS);
    size_t n = 0;

    (void)state;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        char path[512], *text = NULL;
        size_t cap = 0;
        (void)snprintf(path, sizeof path, DOMAINS "/%s", e->d_name);
        FILE *f = strstr(e->d_name, ".xml") ? fopen(path, "re") : NULL;
        if (!f)
            continue;
        assert_true(getdelim(&text, &cap, '\0', f) > 0);
        (void)fclose(f);
        /* What people write by hand may be anything; what libvirt writes is the quick reader's. */
        if (!is_quick(scratch, text))
            fail_msg("left to libxml2: %s", e->d_name);
        same_guest(scratch, text);
        free(text);
        n++;
    }
    (void)closedir(dir);
    assert_true(n > 3);
    ks_xml_scratch_free(scratch);
}

static void corners(void **state)
{
    static const char *const texts[] = {
        "<a/>",
        "<a x='1 &amp; &lt;2&gt; &#65;' y=''>t</a>",
        "<a>\n  <b> </b>\n  <c>x &amp; y</c>\n</a>",
        "<a> <b/> text <c/> </a>",
        "<a xml:space='preserve'> <b> <c/> </b> </a>",
        "<a>one<!-- no --></a>",
        "<a><![CDATA[ x < y ]]></a>",
        "<a xmlns:k='urn:k'><k:b k:c='1' c='2'/><d xmlns='urn:d'><e/></d></a>",
        "<?xml version='1.0' encoding='UTF-8'?><a>\xc3\xa4</a>",
        "",
        "<a>",
        "<a></b>",
        "<a x='1' x='2'/>",
        "<a>&nothing;</a>",
        "<a/><b/>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a/>",
        "<!DOCTYPE a><a/>",
    };
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();

    (void)state;
    for (size_t i = 0; i < KS_COUNT(texts); i++)
        same_of(scratch, texts[i]);
    ks_xml_scratch_free(scratch);
}

static void quick(void **state)
{
    static const char *const taken[] = {
        "<a/>",
        "<a></a>\n",
        "<a x='1' y=\"it's\" z=''/>",
        "<a x='&lt;&gt;&amp;&apos;&quot;' y='a>b]'>&amp;&lt;x> y</a>",
        "<a>\n  <b> </b>\n  <c>x</c> y <d/> \n</a>",
        "<a ><b /></a>",
        "<a xmlns:k='urn:k'><k:b c='1'><k:c/><d/></k:b><k:b/></a>",
        "<a><k:b xmlns:k='urn:k' xmlns:l='urn:l' x='1'><l:c xmlns:l='urn:m'/></k:b></a>",
    };
    static const char *const left[] = {
        "<?xml version='1.0'?><a/>",
        " <a/>",
        "<a><!-- c --></a>",
        "<a><![CDATA[x]]></a>",
        "<a>\xc3\xa4</a>",
        "<a x='1\n2'/>",
        "<a x='&#10;'/>",
        "<a>x\r\n</a>",
        "<a>]]></a>",
        "<a>]</a>",
        "<a x = '1'/>",
        "<a x='1'y='2'/>",
        "<a x='1' x='2'/>",
        "<a x='<'/>",
        "<a x='1'",
        "<a x='1",
        "<a>x",
        "<a></a >",
        "<a></b>",
        "<a></ab>",
        "<ab></a>",
        "<a/><b/>",
        "<a/>x",
        "</a>",
        "<a><k:b/></a>",
        "<k:a xmlns:k='urn:k'></l:a>",
        "<a xmlns:k='urn:k'><k:b></b></a>",
        "<a xmlns='urn:d'/>",
        "<a xmlns:k='urn:k' k:b='1'/>",
        "<a xmlns:k='' />",
        "<a xmlns:k='urn:k' xmlns:k='urn:l'/>",
        "<a xmlns:xml='urn:k'/>",
        "<a xml:space='preserve'> </a>",
        "<1/>",
        "<a 1='1'/>",
    };
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();

    (void)state;
    for (size_t i = 0; i < KS_COUNT(taken); i++)
        if (!is_quick(scratch, taken[i]))
            fail_msg("left to libxml2: %s", taken[i]);
    for (size_t i = 0; i < KS_COUNT(left); i++)
        if (is_quick(scratch, left[i]))
            fail_msg("taken: %s", left[i]);
    ks_xml_scratch_free(scratch);
}

/* The attribute's own text, however entities are declared: nothing is expanded, and the document is refused. */
static void bomb(void **state)
{
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    ks_auto(ks_error_done) struct ks_error err = {0};
    const char *text = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;&b;'>]><a x='&c;'>&c;</a>";

    (void)state;
    assert_null(ks_xml_scratch_parse(scratch, text, strlen(text), &err));
    assert_int_equal(err.code, KS_E_SYNTAX);
    ks_xml_scratch_free(scratch);
}

static void long_text(void **state)
{
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    struct ks_text text = {.arena = ks_arena_new()};

    (void)state;
    ks_text_add(&text, "<a x='");
    for (int i = 0; i < 20000; i++)
        ks_text_add(&text, "0123456789");
    ks_text_add(&text, "'>");
    for (int i = 0; i < 20000; i++)
        ks_text_add(&text, "<b>x&amp;</b>y");
    ks_text_add(&text, "</a>");
    same_of(scratch, ks_text_str(&text));
    same_of(scratch, "<a/>");
    same_of(scratch, ks_text_str(&text));
    ks_arena_free(text.arena);
    ks_xml_scratch_free(scratch);
}

/* The mark stands under a namespace: it is read from either tree, and so is what it says. */
static void mark(void **state)
{
    static const char text[] =
        "<domain><metadata><k:guest xmlns:k='" KS_MARK_NAMESPACE "' protect='yes'/></metadata></domain>";
    ks_auto(ks_error_done) struct ks_error err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_xml_scratch *scratch = ks_xml_scratch_new();
    struct ks_guest_mark found[2];

    (void)state;
    assert_int_equal(ks_xml_parse(text, strlen(text), &doc, &err), 0);
    ks_guest_mark_read(xmlDocGetRootElement(doc), &found[0]);
    ks_guest_mark_read(ks_xml_scratch_parse(scratch, text, strlen(text), &err), &found[1]);
    for (size_t i = 0; i < KS_COUNT(found); i++) {
        assert_true(found[i].owned);
        assert_true(found[i].protect);
    }
    ks_xml_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus),    cmocka_unit_test(corners), cmocka_unit_test(quick), cmocka_unit_test(bomb),
        cmocka_unit_test(long_text), cmocka_unit_test(mark),    cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
