/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifests from files to findings: each folder of tests/golden/manifest/ holds host.yaml and what it includes, and
 * expected.txt: every finding as it is printed, then, when there is no error, the manifest as it was understood.
 * KS_REGENERATE=1 rewrites expected.txt. A folder's `host` file, when there, is the host that is asked for.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "schema/kinds.h"

#define GOLDEN KS_SOURCE_DIR "/tests/golden/manifest"
enum { FILE_MAX = 1 << 20 };

static int read_file(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    return ks_file_read(*(int *)data, path, FILE_MAX, arena, ret, ret_len, err);
}

static char *optional(int root, const char *path, struct ks_arena *arena)
{
    struct ks_error err = {0};
    char *text = NULL;
    size_t len;

    if (ks_file_read(root, path, FILE_MAX, arena, &text, &len, &err) < 0)
        ks_error_done(&err);
    return text;
}

/* What a run over a folder says. */
static char *understood(int root, struct ks_arena *arena)
{
    struct ks_findings f = {.arena = arena};
    const struct ks_files files = {&root, read_file};
    char *host = optional(root, "host", arena);
    const struct ks_manifest *m;
    struct ks_text yaml = {.arena = arena};
    char *printed = NULL, *ret;
    size_t len;
    FILE *out = open_memstream(&printed, &len);

    if (host)
        host[strcspn(host, "\n")] = '\0';
    m = ks_manifest_load(arena, &files, "host.yaml", host, &f);
    ks_findings_sort(&f);
    ks_findings_print(out, &f, false);
    if (f.n_errors == 0)
        ks_print_yaml(&yaml, &m->o, 0);
    (void)fclose(out);
    ret = ks_sprintf(arena, "%s%s%s", printed, f.n ? "---\n" : "", ks_text_str(&yaml));
    free(printed);
    return ret;
}

static void run_folder(const char *name)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int root = open(ks_sprintf(arena, GOLDEN "/%s", name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ks_error err = {0};
    char *got, *expected;

    assert_true(root >= 0);
    got = understood(root, arena);
    if (getenv("KS_REGENERATE")) {
        assert_int_equal(ks_file_replace(root, "expected.txt", got, strlen(got), 0644, &err), 0);
        return;
    }
    expected = optional(root, "expected.txt", arena);
    if (!ks_streq(got, expected))
        fail_msg("%s: expected\n%s\ngot\n%s", name, expected ? expected : "(no expected.txt)", got);
}

static void test_golden(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int root = -1;
    struct ks_strings names = {0};
    struct ks_error err = {0};

    (void)state;
    assert_int_equal(ks_root_open(GOLDEN, &root, &err), 0);
    assert_int_equal(ks_dir_list(root, ".", arena, &names, &err), 0);
    assert_true(names.n > 30);
    for (size_t i = 0; i < names.n; i++)
        run_folder(names.v[i]);
}

/* ---- what a folder cannot show --------------------------------------------------------------------------------
 */

struct memory {
    const char *const (*files)[2];
    size_t n;
    unsigned reads;
};

static int read_memory(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                       struct ks_error *err)
{
    struct memory *m = data;

    m->reads++;
    for (size_t i = 0; i < m->n; i++) {
        if (!ks_streq(m->files[i][0], path))
            continue;
        *ret = ks_strdup(arena, m->files[i][1]);
        *ret_len = strlen(*ret);
        return 0;
    }
    return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "no file %s", path);
}

struct loaded {
    struct ks_arena *arena;
    struct ks_findings f;
    struct memory memory;
    const struct ks_manifest *m;
};

static void loaded_done(struct loaded *l)
{
    ks_arena_free(l->arena);
}

static struct loaded load(const char *const (*files)[2], size_t n, const char *path)
{
    struct loaded l = {.arena = ks_arena_new(), .memory = {files, n, 0}};
    const struct ks_files source = {&l.memory, read_memory};

    l.f.arena = l.arena;
    l.m = ks_manifest_load(l.arena, &source, path, NULL, &l.f);
    ks_findings_sort(&l.f);
    return l;
}

static void test_missing_manifest(void **state)
{
    ks_auto(loaded_done) struct loaded l = load(NULL, 0, "hosts/a.yaml");

    (void)state;
    assert_non_null(l.m);
    assert_int_equal(l.f.n, 1);
    assert_int_equal(l.f.v[0].code, KS_E_NOT_FOUND);
}

/* A file that is included along two ways is read once. */
static void test_diamond(void **state)
{
    static const char *const files[][2] = {
        {"hosts/a.yaml", "version: 1\nhost: a\nincludes: [../b.yaml, ../c.yaml]\n"},
        {"b.yaml", "includes: [d.yaml]\nplacement: {reserved-cpus: 1}\n"},
        {"c.yaml", "includes: [./x/../d.yaml]\n"},
        {"d.yaml", "placement: {reserved-cpus: 7}\n"},
    };
    ks_auto(loaded_done) struct loaded l = load(files, KS_COUNT(files), "hosts/a.yaml");

    (void)state;
    assert_int_equal(l.f.n, 0);
    assert_int_equal(l.memory.reads, 4);
    /* c.yaml says nothing about it, so b.yaml's word stands, although d.yaml is c.yaml's too. */
    assert_true(ks_cpuset_has(&l.m->placement->reserved_cpus, 1));
    assert_int_equal(ks_cpuset_count(&l.m->placement->reserved_cpus), 1);
}

static void test_too_many_includes(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    enum { N = KS_MANIFEST_MAX_INCLUDES + 10 };
    const char *files[N][2];

    (void)state;
    for (int i = 0; i < N; i++) {
        files[i][0] = ks_sprintf(arena, "f%d.yaml", i);
        files[i][1] = ks_sprintf(arena, "version: 1\nhost: a\nincludes: [f%d.yaml]\n", i + 1);
    }

    ks_auto(loaded_done) struct loaded l = load((const char *const(*)[2])files, N, "f0.yaml");

    assert_int_equal(l.f.n, 1);
    assert_non_null(strstr(l.f.v[0].msg, "too many files"));
    assert_int_equal(l.memory.reads, KS_MANIFEST_MAX_INCLUDES);
}

/* One fault in a profile is one finding, however many guests use it, and pushes no other out. */
static void test_profile_fault_once(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_text text = {.arena = arena};

    (void)state;
    ks_text_add(&text, "version: 1\nhost: a\nprofiles:\n  p: {memry: 1GiB, vcpus: x}\nguests:\n");
    for (int i = 0; i < 1000; i++)
        ks_text_addf(&text, "  g%d: {profiles: [p]}\n", i);
    ks_text_add(&text, "  last: {memory: 1}\n");

    const char *const files[][2] = {{"a.yaml", ks_text_str(&text)}};
    ks_auto(loaded_done) struct loaded l = load(files, 1, "a.yaml");

    assert_int_equal(l.f.n, 3);
    assert_int_equal(l.f.n_errors, 3);
    assert_int_equal(l.f.n_omitted, 0);
    assert_int_equal(l.f.v[2].at.line, 1006);
}

/* Many guests are loaded by two threads: none is lost, none out of order, and a fault in either half is found. */
static void test_many_guests(void **state)
{
    for (int faulty = -1; faulty < 1000; faulty += 500) { /* none, in the first half, in the second */
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct ks_text text = {.arena = arena};

        (void)state;
        ks_text_add(&text, "version: 1\nhost: a\nguests:\n");
        for (int i = 999; i >= 0; i--)
            ks_text_addf(&text, "  g%d: {memory: %dMiB, title: \"{guest} of {host}\"}\n", i,
                         999 - i == faulty ? 0 : i + 1);

        const char *const files[][2] = {{"a.yaml", ks_text_str(&text)}};
        ks_auto(loaded_done) struct loaded l = load(files, 1, "a.yaml");

        assert_int_equal(l.f.n, faulty < 0 ? 0 : 1);
        assert_int_equal(l.m->guests.n, 1000);
        if (faulty >= 0) {
            assert_int_equal(l.f.v[0].at.line, 4 + faulty);
            continue;
        }
        for (size_t i = 0; i < 1000; i++) {
            const struct ks_guest *guest = (const struct ks_guest *)l.m->guests.v[i];
            assert_string_equal(guest->o.key, ks_sprintf(arena, "g%zu", i));
            assert_string_equal(guest->title, ks_sprintf(arena, "g%zu of a", i));
            assert_int_equal(guest->memory, (i + 1) << 20);
        }
    }
}

/* Profiles multiply: a thousand guests with a profile of ten thousand values each are refused, in no time. */
static void test_profile_bomb(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct ks_text text = {.arena = arena};

    (void)state;
    ks_text_add(&text, "version: 1\nhost: a\nprofiles:\n  p:\n    boot: [disk:vda");
    for (int i = 0; i < 10000; i++)
        ks_text_add(&text, ", disk:vda");
    ks_text_add(&text, "]\nguests:\n");
    for (int i = 0; i < 1000; i++)
        ks_text_addf(&text, "  g%d: {profiles: [p]}\n", i);

    const char *const files[][2] = {{"a.yaml", ks_text_str(&text)}};
    ks_auto(loaded_done) struct loaded l = load(files, 1, "a.yaml");

    assert_int_equal(l.f.n, 1);
    assert_non_null(strstr(l.f.v[0].msg, "profiles bring too many values"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_missing_manifest),
        cmocka_unit_test(test_diamond),
        cmocka_unit_test(test_too_many_includes),
        cmocka_unit_test(test_profile_fault_once),
        cmocka_unit_test(test_many_guests),
        cmocka_unit_test(test_profile_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
