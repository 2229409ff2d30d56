/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON Schema and the reference page, from a table of our own and from the manifest's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "schema/doc.h"
#include "xml_kind.h"

static const struct ks_field words_rows[] = {
    KS_ROW_STRING(struct t_feature, policy, "value", .doc = "A \"quoted\" | word.\n"),
};
static const struct ks_kind words_kind =
    KS_KIND(struct t_feature, words_rows, .name = "disk", .shorthand = "value");

struct t_all {
    struct ks_obj o;
    bool flag, hidden;
    uint64_t number, size, time, bits, bytes;
    unsigned word;
    struct ks_cpuset set;
    const char *text;
    struct ks_strings list;
    struct ks_map disks, rest, names, seq;
    struct t_topology *topology;
};
static const struct ks_field all_rows[] = {
    KS_ROW_BOOL(struct t_all, flag, "flag", .fallback = "false", .doc = "A flag.", .running = KS_RESTART),
    KS_ROW_BOOL(struct t_all, hidden, "hidden", .flags = KS_F_HIDDEN),
    KS_ROW_UINT(struct t_all, number, "number", .min = 1, .max = 16, .fallback = "4"),
    KS_ROW_SIZE(struct t_all, size, "size", .min = 1 << 20, .step = 1 << 10, .flags = KS_F_REQUIRED),
    KS_ROW_DURATION(struct t_all, time, "time"),
    KS_ROW_BITRATE(struct t_all, bits, "bits"),
    KS_ROW_BYTERATE(struct t_all, bytes, "bytes"),
    KS_ROW_ENUM(struct t_all, word, "word", &t_caches, .fallback = "none"),
    KS_ROW_CPUSET(struct t_all, set, "set"),
    KS_ROW_STRING(struct t_all, text, "text", .flags = KS_F_SECRET),
    KS_ROW_STRINGS(struct t_all, list, "list"),
    KS_ROW_MAP(struct t_all, disks, "disks", &t_disk_kind),
    KS_ROW_MAP(struct t_all, names, "names", &words_kind, .flags = KS_F_SCALAR_KEY),
    KS_ROW_MAP(struct t_all, seq, "seq", &t_nic_kind, .flags = KS_F_SEQ),
    KS_ROW_OBJECT(struct t_all, topology, struct t_topology, "topology", &t_topology_kind),
    KS_ROW_MAP(struct t_all, rest, "rest", &words_kind, .flags = KS_F_REST),
};
static const struct ks_kind all_kind = KS_KIND(struct t_all, all_rows, .name = "all", .doc = "All of it.");

static const char *schema_of(struct ks_arena *arena, const struct ks_kind *kind)
{
    struct ks_text out = {.arena = arena};
    ks_json_schema(&out, kind);
    return ks_text_str(&out);
}

/* Every $ref leads somewhere. */
static void check_refs(const json_t *defs, const json_t *node)
{
    const char *key;
    const json_t *value;
    size_t i;
    if (json_is_object(node)) {
        json_object_foreach((json_t *)(uintptr_t)node, key, value)
        {
            if (strcmp(key, "$ref") == 0)
                assert_non_null(json_object_get(defs, json_string_value(value) + strlen("#/$defs/")));
            check_refs(defs, value);
        }
    }
    json_array_foreach(node, i, value) check_refs(defs, value);
}

static void schema_is_json_and_whole(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_error_t error;
    json_t *root = json_loads(schema_of(arena, &all_kind), JSON_REJECT_DUPLICATES, &error);
    (void)state;
    if (!root)
        fail_msg("line %d: %s", error.line, error.text);
    const json_t *defs = json_object_get(root, "$defs"), *all = json_object_get(defs, "all");
    const json_t *properties = json_object_get(all, "properties");
    check_refs(defs, root);
    assert_int_equal(json_object_size(properties), KS_COUNT(all_rows) - 2); /* hidden; rest */
    assert_null(json_object_get(properties, "hidden"));
    assert_non_null(json_object_get(defs, "disk-2")); /* two kinds have this name */
    assert_true(json_is_false(json_object_get(json_object_get(defs, "topology"), "additionalProperties")));
    assert_true(json_is_object(json_object_get(all, "additionalProperties")));
    json_decref(root);
}

/* What the loader takes and what it refuses, judged by a validator that is not ours. */
static const char judge[] =
    "import json, sys\n"
    "try:\n"
    "    from jsonschema import Draft202012Validator as V\n"
    "except ImportError:\n"
    "    sys.exit(77)\n"
    "s = json.load(open(sys.argv[1]))\n"
    "V.check_schema(s)\n"
    "v = V(s)\n"
    "good = [{'flag': True}, {'flag': None}, {'number': 16}, {'size': '4GiB'}, {'size': '1.5MB'}, {'size': 0},\n"
    "  {'time': '1h30m'}, {'bits': '100Mbit'}, {'bytes': '100kB/s'}, {'word': 'none'}, {'set': '0-3,^2'},\n"
    "  {'set': 3}, {'text': 'x'}, {'text': 2.0}, {'list': ['a', 'b']}, {'disks': {'vda': {'cache': 'none'}}},\n"
    "  {'disks': {'vda': None}}, {'names': 'x'}, {'names': {'x': 'y', 'z': {'value': 'y'}}}, {'anything': 'y'},\n"
    "  {'seq': [{'mtu': 1500}]}, {'topology': {'cores': 2}}, {}]\n"
    "bad = [{'flag': 'yes'}, {'number': 0}, {'number': 17}, {'number': '4'}, {'size': 4}, {'size': '4'},\n"
    "  {'time': 30}, {'bits': '100'}, {'bytes': '1kB'}, {'word': 'never'}, {'set': 'a-b'}, {'set': -1},\n"
    "  {'list': 'a'}, {'disks': {'vda': {'cash': 'none'}}}, {'disks': ['vda']}, {'seq': {'a': {}}},\n"
    "  {'topology': {'cores': 0}}, {'topology': 2}, {'anything': {'valu': 'y'}}, []]\n"
    "for d in good: v.validate(d)\n"
    "for d in bad: assert not v.is_valid(d), d\n";

static void a_validator_agrees(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    char script[] = "/tmp/kvmstate-judge-XXXXXX", file[] = "/tmp/kvmstate-schema-XXXXXX";
    const char *schema = schema_of(arena, &all_kind);
    int fd = mkstemp(script), fd2 = mkstemp(file);
    (void)state;
    assert_int_equal(write(fd, judge, strlen(judge)), strlen(judge));
    assert_int_equal(write(fd2, schema, strlen(schema)), strlen(schema));
    (void)close(fd);
    (void)close(fd2);
    int status = system(ks_sprintf(arena, "/usr/bin/python3 %s %s", script, file));
    (void)unlink(script);
    (void)unlink(file);
    if (status == 77 << 8)
        skip(); /* python3-jsonschema is not installed */
    assert_int_equal(status, 0);
}

/* The real tables: every path is one of the language, every row says what it is. */
static void check_rows(struct ks_arena *arena, const struct ks_kind *top)
{
    struct ks_doc_kinds kinds = {0};
    ks_doc_collect(arena, top, &kinds);
    for (size_t i = 0; i < kinds.n; i++) {
        const struct ks_kind *kind = kinds.v[i].kind;
        if (kind->xml_key && !ks_xml_path_valid(kind->xml_key))
            fail_msg("%s: broken key path '%s'", kind->name, kind->xml_key);
        for (size_t k = 0; k < kind->n_fields; k++) {
            const struct ks_field *f = &kind->fields[k];
            if (f->xml && !ks_xml_path_valid(f->xml))
                fail_msg("%s.%s: broken path '%s'", kind->name, f->key, f->xml);
            if (ks_doc_shown(f) && !f->doc)
                fail_msg("%s.%s says nothing of itself", kind->name, f->key);
        }
    }
}

static void the_guest_is_whole(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    json_error_t error;
    json_t *root = json_loads(schema_of(arena, &ks_guest_kind), JSON_REJECT_DUPLICATES, &error);
    (void)state;
    if (!root)
        fail_msg("line %d: %s", error.line, error.text);
    check_refs(json_object_get(root, "$defs"), root);
    json_decref(root);
    check_rows(arena, &ks_guest_kind);
}

static void reference_has_every_row(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_text out = {.arena = arena};
    (void)state;
    ks_markdown(&out, &all_kind);
    const char *page = ks_text_str(&out);
    static const char *const lines[] = {
        "\n## all\n\nAll of it.\n",
        "\n| `flag` | true or false | `false` | safe | restart | A flag. |\n",
        "\n| `number` | number, 1 to 16 | `4` | safe | safe |  |\n",
        "\n| `size` | size (`4GiB`, `512MiB`), 1MiB or more, in steps of 1KiB |  | safe | safe |  Required. |\n",
        "\n| `word` | `default`, `none`, `writeback`, `writethrough` | `none` |",
        "\n| `topology` | [topology](#topology) |",
        "\n| `names` | map of [disk-2](#disk-2); or one key alone |",
        "\n| *any other key* | map of [disk-2](#disk-2) |",
        "\n## disk-2\n\nIn place of the map, its `value` alone may be given.\n",
        "| A \"quoted\" \\| word.  |\n",
    };
    for (size_t i = 0; i < KS_COUNT(lines); i++)
        if (!strstr(page, lines[i]))
            fail_msg("not in the page: %s\n%s", lines[i], page);
    assert_null(strstr(page, "hidden"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_is_json_and_whole),
        cmocka_unit_test(a_validator_agrees),
        cmocka_unit_test(the_guest_is_whole),
        cmocka_unit_test(reference_has_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
