/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains as people have them: read, printed as a manifest, loaded again, and nothing differs; a field is changed,
 * and that field and nothing else differs.
 */
#include "guest_doc.h"

#include <dirent.h>

#define CORPUS KS_SOURCE_DIR "/tests/corpus/domains"

enum { MAX_FILES = 256 };
static struct g_libvirt libvirt;

static char *slurp(const char *path)
{
    ks_auto(ks_fclosep) FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;

    if (!f || getdelim(&text, &cap, '\0', f) < 0)
        fail_msg("%s: cannot read", path);
    return text;
}

static xmlDoc *document(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", CORPUS, name);
    ks_auto(ks_freep) char *text = slurp(path);
    return g_parse(text);
}

/* The same as libvirt has it, when it takes it (a machine that is not this one's, KVM: it does not). */
static xmlDoc *as_libvirt_has_it(struct ks_arena *arena, const char *name, xmlDoc *doc)
{
    const char *said = NULL;
    xmlDoc *made = libvirt.conn ? g_define(&libvirt, arena, doc, &said) : NULL;

    if (said)
        print_message("%s: %s\n", name, said);
    if (!made)
        return doc;
    xmlFreeDoc(doc);
    return made;
}

static size_t count(xmlDoc *doc, const char *path)
{
    xmlNode *root = xmlDocGetRootElement(doc);
    size_t n = 0;

    for (xmlNode *e = NULL; (e = ks_xml_each(root, path, NULL, e));)
        n++;
    return n;
}

static void nothing_is_lost(const char *name, const struct ks_guest *guest, xmlDoc *doc)
{
    const struct {
        const char *path;
        size_t n;
    } maps[] = {
        {"devices/disk", guest->disks.n},
        {"devices/interface", guest->nics.n},
        {"devices/hostdev[@type='pci']", guest->devices.n},
        {"devices/filesystem", guest->filesystems.n},
    };

    for (size_t i = 0; i < KS_COUNT(maps); i++)
        if (maps[i].n != count(doc, maps[i].path))
            fail_msg("%s: %zu of %zu %s", name, maps[i].n, count(doc, maps[i].path), maps[i].path);
}

static struct ks_guest *printed_and_loaded(struct ks_arena *arena, const char *name, const struct ks_guest *guest)
{
    struct ks_text yaml = {.arena = arena};
    struct ks_findings f = {0};
    struct ks_guest *again;

    ks_print_yaml(&yaml, &guest->o, 0);
    again = g_load(arena, ks_text_str(&yaml), &f);
    if (f.n_errors) {
        ks_findings_print(stderr, &f, false);
        fail_msg("%s: what was read does not load:\n%s", name, ks_text_str(&yaml));
    }
    return again;
}

static void plans_empty(struct ks_arena *arena, const char *name, xmlDoc *doc)
{
    const struct ks_guest *guest = g_read(arena, doc);

    nothing_is_lost(name, guest, doc);
    g_no_changes(arena, name, printed_and_loaded(arena, name, guest), doc);
}

/* ---- one field changed ------------------------------------------------------------------------------------- */

/* Changes that any guest takes, in a running one's definition too. */
static const struct {
    const char *yaml;
    const char *prefixes[3]; /* what may differ */
    const char *unless;      /* a guest with this cannot have it */
} edits[] = {
    {"title: another", {"title"}, NULL},
    {"description: \"another\\n<one> & two\"", {"description"}, NULL},
    {"memory: 192MiB", {"memory"}, NULL},
    {"max-memory: 128GiB", {"max-memory", "numa.cells"}, NULL},
    {"vcpus: 1", {"vcpus"}, NULL},
    {"max-vcpus: 128", {"max-vcpus", "cpu.topology.sockets"}, NULL},
    {"iothreads: 9", {"iothreads"}, NULL},
    {"machine: pc-q35-5.2", {"machine"}, NULL},
    {"cpu: {mode: custom, model: Penryn}", {"cpu"}, NULL},
    {"clock: localtime", {"clock"}, NULL},
    {"pinning: {vcpus: {0: 3}, emulator: 3}", {"pinning"}, NULL},
    {"hugepages: 4MiB", {"hugepages"}, NULL},
    {"serial: false", {"serial"}, NULL},
    {"agent: true", {"agent"}, NULL},
    {"rng: true", {"rng"}, NULL},
    {"memballoon: none", {"memballoon"}, NULL},
    {"video: bochs", {"video"}, NULL},
    {"on-crash: restart", {"on-crash"}, NULL},
    {"hotplug-ports: 3", {"hotplug-ports"}, "devices/controller[@model='pci-root']"},
    {"watchdog: {model: ib700, action: pause}", {"watchdog"}, NULL},
    {"direct-kernel: {kernel: /boot/k, cmdline: x}", {"direct-kernel"}, NULL},
    {"xml: \"<memtune><soft_limit unit='KiB'>7</soft_limit></memtune>\"", {"xml"}, NULL},
    {"numa: {mode: preferred, nodes: 1}", {"numa"}, NULL},
};

static bool is_expected(const char *const *prefixes, size_t n, const char *path)
{
    for (size_t i = 0; i < n && prefixes[i]; i++)
        if (ks_starts(path, prefixes[i]))
            return true;
    return false;
}

/* What the document says after an edit, held against all that it said before. */
static void only_this_differs(struct ks_arena *arena, const char *name, size_t i, const struct ks_guest *before,
                              xmlDoc *doc)
{
    const struct ks_changes c = g_diff(arena, before, g_read(arena, doc));

    for (size_t k = 0; k < c.n; k++)
        if (!is_expected(edits[i].prefixes, KS_COUNT(edits[i].prefixes), c.v[k].path))
            fail_msg("%s: '%s' also changed %s from %s to %s", name, edits[i].yaml, c.v[k].path, c.v[k].to,
                     c.v[k].from);
}

/* libvirt may refuse what does not go together (80 vCPUs in a topology of 4); what it takes, it must keep. */
static void libvirt_takes_it(struct ks_arena *arena, const char *name, const char *yaml,
                             const struct ks_guest *want, xmlDoc *doc)
{
    const char *said = "";
    ks_auto(ks_xml_docp) xmlDoc *made = libvirt.conn ? g_define(&libvirt, arena, doc, &said) : NULL;

    if (made)
        g_no_changes(arena, yaml, want, made);
    else if (*said && getenv("KS_VERBOSE"))
        print_message("%s: %s: %s\n", name, yaml, said);
}

static void takes_an_edit(const char *name, xmlDoc *doc, size_t i)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *copy = xmlCopyDoc(doc, 1);
    const struct ks_guest *want = g_guest(arena, edits[i].yaml);
    const struct ks_guest *before = printed_and_loaded(arena, name, g_read(arena, copy));

    (void)g_apply(arena, name, want, copy);
    g_no_changes(arena, name, want, copy);
    only_this_differs(arena, name, i, before, copy);
    /* What is so already is not touched, to the byte. */
    const char *once = g_text(arena, copy);
    assert_int_equal(g_apply(arena, name, want, copy), 0);
    assert_string_equal(g_text(arena, copy), once);
    libvirt_takes_it(arena, name, edits[i].yaml, want, copy);
}

/* A stated map takes the rest away, and gives what it names. */
static void takes_other_devices(const char *name, xmlDoc *doc)
{
    static const char yaml[] = "disks: {vda: {file: /new.qcow2, cache: none}, sdz: {device: cdrom}}\n"
                               "nics: {lan: {bridge: b0, mac: \"52:54:00:12:34:56\", link: down}}\n"
                               "devices: {d: \"0000:01:00.0\"}\n"
                               "filesystems: {}\nboot: [nic:lan, disk:vda]\n";
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *copy = xmlCopyDoc(doc, 1);
    const struct ks_guest *want = g_guest(arena, yaml);

    (void)g_apply(arena, name, want, copy);
    g_no_changes(arena, name, want, copy);
    assert_int_equal(count(copy, "devices/disk"), 2);
    assert_int_equal(count(copy, "devices/interface"), 1);
    assert_int_equal(count(copy, "devices/hostdev[@type='pci']"), 1);
    assert_int_equal(count(copy, "devices/filesystem"), 0);
    assert_int_equal(count(copy, "os/boot"), 0);
}

static void a_domain(void **state)
{
    const char *name = *state;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    xmlDoc *doc = document(name);

    plans_empty(arena, name, doc);
    doc = as_libvirt_has_it(arena, name, doc);
    plans_empty(arena, name, doc);
    for (size_t i = 0; i < KS_COUNT(edits); i++)
        if (!edits[i].unless || !count(doc, edits[i].unless))
            takes_an_edit(name, doc, i);
    takes_other_devices(name, doc);
    xmlFreeDoc(doc);
}

static int open_libvirt(void **state)
{
    (void)state;
    g_libvirt_open(&libvirt);
    return 0;
}

static int close_libvirt(void **state)
{
    (void)state;
    g_libvirt_close(&libvirt);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[MAX_FILES];
    struct dirent **names;
    const int n = scandir(CORPUS, &names, NULL, alphasort);
    size_t k = 0;

    for (int i = 0; i < n && k < MAX_FILES; i++)
        if (strstr(names[i]->d_name, ".xml"))
            tests[k++] = (struct CMUnitTest){
                .name = names[i]->d_name, .test_func = a_domain, .initial_state = names[i]->d_name};
    if (k == 0) {
        fprintf(stderr, "no domains in %s\n", CORPUS);
        return 1;
    }
    const int failed = _cmocka_run_group_tests("guest corpus", tests, k, open_libvirt, close_libvirt);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return failed;
}
