/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A text gives the same tree from both parsers, as far as any reader sees; and what one refuses, so does the other.
 */
#include "guest_doc.h"

#include <dirent.h>

#include "schema/xml.h"

#define DOMAINS KS_SOURCE_DIR "/tests/corpus/domains"

static const char *ns_of(const xmlNs *ns)
{
    return ns ? (const char *)ns->href : "";
}

static void same_attrs(const xmlNode *a, const xmlNode *b)
{
    const xmlAttr *x = a->properties, *y = b->properties;

    for (; x && y; x = x->next, y = y->next) {
        assert_string_equal((const char *)x->name, (const char *)y->name);
        assert_string_equal(ns_of(x->ns), ns_of(y->ns));
        assert_string_equal(x->children ? (const char *)x->children->content : "",
                            y->children ? (const char *)y->children->content : "");
    }
    assert_true(!x && !y);
}

static const xmlNode *seen(const xmlNode *node)
{
    while (node && (node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE))
        node = node->next;
    return node;
}

static void same_tree(struct ks_arena *arena, const xmlNode *a, const xmlNode *b)
{
    assert_int_equal(a->type, b->type);
    if (a->type != XML_ELEMENT_NODE) {
        assert_string_equal((const char *)a->content, (const char *)b->content);
        return;
    }
    assert_string_equal((const char *)a->name, (const char *)b->name);
    assert_string_equal(ns_of(a->ns), ns_of(b->ns));
    same_attrs(a, b);
    assert_string_equal(ks_xml_content(arena, a), ks_xml_content(arena, b));
    const xmlNode *x = seen(a->children), *y = b->children;
    for (; x && y; x = seen(x->next), y = y->next) {
        assert_ptr_equal(y->parent, b);
        same_tree(arena, x, y);
    }
    assert_true(!x && !y);
}

static void same_of(struct ks_xml_scratch *scratch, const char *text)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_error_done) struct ks_error err = {0}, scratch_err = {0};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const int failed = ks_xml_parse(text, strlen(text), &doc, &err);
    const xmlNode *root = ks_xml_scratch_parse(scratch, text, strlen(text), &scratch_err);

    assert_int_equal(failed != 0, root == NULL);
    if (root)
        same_tree(arena, xmlDocGetRootElement(doc), root);
    else
        assert_string_equal(ks_error_text(arena, &err), ks_error_text(arena, &scratch_err));
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
        same_of(scratch, text);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus),
        cmocka_unit_test(corners),
        cmocka_unit_test(bomb),
        cmocka_unit_test(long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
