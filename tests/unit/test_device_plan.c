/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans of VFs, of guests with VFs and PCI devices, and of the kernel's knobs, on hosts that are made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planners/planners.h"

struct host {
    struct ks_arena *arena;
    struct ks_observed have;
    struct ks_findings findings;
    const char *text;
};

static int read_text(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    const struct host *h = data;

    (void)path, (void)err;
    *ret = ks_strdup(arena, h->text);
    *ret_len = strlen(h->text);
    return 0;
}

static const struct ks_plan *plan(struct host *h, const char *text)
{
    static const struct ks_plan_options options;
    const struct ks_files files = {.data = h, .read = read_text};
    const struct ks_manifest *want;

    h->text = ks_sprintf(h->arena, "version: 1\nhost: lab\n%s", text);
    h->findings = (struct ks_findings){.arena = h->arena};
    want = ks_manifest_load(h->arena, &files, "lab.yaml", NULL, &h->findings);
    for (size_t i = 0; i < h->findings.n; i++)
        print_message("%s\n", h->findings.v[i].msg);
    assert_int_equal(h->findings.n_errors, 0);
    return ks_plan_make(h->arena, (struct ks_manifest *)(uintptr_t)want, &h->have, &options, &h->findings);
}

static void expect_finding(const struct host *h, const char *text)
{
    for (size_t i = 0; i < h->findings.n; i++)
        if (strstr(h->findings.v[i].msg, text))
            return;
    for (size_t i = 0; i < h->findings.n; i++)
        print_error("%s\n", h->findings.v[i].msg);
    fail_msg("no finding says '%s'", text);
}

static struct ks_vf *new_vf(struct host *h, bool trust)
{
    struct ks_vf *vf = (struct ks_vf *)ks_obj_new(h->arena, &ks_vf_kind, NULL);

    vf->trust = trust;
    ks_mark(&vf->o, "trust");
    return vf;
}

static struct ks_seen_pci *add_pci(struct host *h, const char *address, int group, const char *driver)
{
    struct ks_seen_pci *d = ks_vec_add(h->arena, &h->have.pci);

    *d = (struct ks_seen_pci){
        .address = address, .iommu_group = group, .driver = driver, .what = "a card", .node = -1};
    return d;
}

static struct ks_seen_pf *add_pf(struct host *h, unsigned total, unsigned n)
{
    struct ks_seen_pf *pf = ks_vec_add(h->arena, &h->have.pfs);

    *pf = (struct ks_seen_pf){.name = "ens1",
                              .address = "0000:81:00.0",
                              .driver = "ixgbe",
                              .total_vfs = total,
                              .num_vfs = n,
                              .mtu = 1500,
                              .vf_offset = 128,
                              .vf_stride = 2,
                              .n_vfs = n,
                              .vfs = ks_new_n(h->arena, struct ks_seen_vf, n + 1)};
    (void)add_pci(h, pf->address, 1, "ixgbe");
    for (unsigned i = 0; i < n; i++) {
        const unsigned id = 0x8100 + 128 + 2 * i;
        pf->vfs[i] = (struct ks_seen_vf){.index = i, .config = new_vf(h, true)};
        pf->vfs[i].address = ks_sprintf(h->arena, "0000:%02x:%02x.%x", id >> 8, id >> 3 & 0x1f, id & 7);
        (void)add_pci(h, pf->vfs[i].address, (int)(10 + i), NULL);
    }
    return pf;
}

static struct host new_host(struct ks_arena *arena)
{
    return (struct host){.arena = arena, .have = {.host = "lab"}};
}

static void hold(struct host *h, struct ks_seen_vf *vf, const char *holder)
{
    vf->holders = ks_new_n(h->arena, const char *, 1);
    vf->holders[0] = holder;
    vf->n_holders = 1;
}

/* 17 to 63 VFs: the range in which a rounded-down count of tries once became none. */
static void many_vfs(void **state)
{
    (void)state;
    for (unsigned n = 17; n <= 63; n++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct host none = new_host(arena), all = new_host(arena);
        const char *text = ks_sprintf(arena, "sriov: {ens1: {vfs: %u, each: {trust: true}}}\n", n);
        const struct ks_plan *made;

        (void)add_pf(&none, 63, 0);
        made = plan(&none, text);
        assert_int_equal(made->n, 1);
        assert_string_equal(made->v[0]->id, "sriov/ens1");
        assert_string_equal(made->v[0]->fields.v[0].path, "vfs");
        assert_string_equal(made->v[0]->fields.v[0].to, ks_sprintf(arena, "%u", n));
        assert_null(made->v[0]->held);
        add_pf(&all, 63, n);
        assert_int_equal(plan(&all, text)->n, 0);
        all.have.pfs.v[0].vfs[n - 1].config->trust = false;
        made = plan(&all, text);
        assert_int_equal(made->n, 1);
        assert_int_equal(made->v[0]->fields.n, 1);
        assert_string_equal(made->v[0]->fields.v[0].path, ks_sprintf(arena, "vf.%u.trust", n - 1));
    }
}

static void more_than_there_can_be(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    (void)add_pf(&h, 63, 0);
    (void)plan(&h, "sriov: {ens1: {vfs: 64}}\n");
    expect_finding(&h, "64 VFs are asked for, and it can have 63");
    (void)plan(&h, "sriov: {ens2: {vfs: 1}}\n");
    expect_finding(&h, "sriov ens2: the host has no such PF");
}

/* A short enable: the number says 8, and 5 are there. */
static void fewer_than_the_number_says(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    add_pf(&h, 63, 8)->n_vfs = 5;
    assert_string_equal(plan(&h, "sriov: {ens1: {vfs: 8}}\n")->v[0]->fields.v[0].from, "5");
}

static void holders_block(void **state)
{
    static const struct {
        const char *holder, *blocked;
    } rows[] = {
        {"namespace blue", "VF 1 is held by namespace blue"},
        {"process 4711 (qemu-system-x86)", "VF 1 is held by process 4711 (qemu-system-x86)"},
        {"guest/fw1", "VF 1 is held by guest fw1 (not in the manifest)"},
        {"network/pool", "VF 1 is held by network pool (not in the manifest)"},
        {"bond bond0", "VF 1 is held by bond bond0"},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct host h = new_host(arena);
        hold(&h, &add_pf(&h, 63, 4)->vfs[1], rows[i].holder);
        assert_string_equal(plan(&h, "sriov: {ens1: {vfs: 7}}\n")->v[0]->blocked, rows[i].blocked);
        assert_int_equal(plan(&h, "sriov: {ens1: {vfs: 4}}\n")->n, 0);
    }
}

static void start_with(struct host *h, const char *name, const char *address)
{
    struct ks_guest *live = (struct ks_guest *)ks_obj_new(h->arena, &ks_guest_kind, name);
    struct ks_nic *nic = (struct ks_nic *)ks_obj_new(h->arena, &ks_nic_kind, "fast");

    nic->vf_address = address;
    *ks_vec_add(h->arena, &live->nics) = &nic->o;
    *ks_vec_add(h->arena, &h->have.guests) = (struct ks_seen_guest){
        .name = name, .state = KS_GUEST_RUNNING, .persistent = true, .owned = true, .live = live, .config = live};
}

static void a_pf_by_any_of_its_names(void **state)
{
    static const char *const names[] = {"lan0", "ens1", "\"0000:81:00.0\""};

    (void)state;
    for (size_t i = 0; i < KS_COUNT(names); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct host h = new_host(arena);
        struct ks_seen_pf *pf = add_pf(&h, 63, 4);
        pf->name = "lan0";
        *ks_vec_add(arena, &pf->altnames) = "ens1";
        assert_int_equal(plan(&h, ks_sprintf(arena, "sriov: {%s: {vfs: 4}}\n", names[i]))->n, 0);
        assert_int_equal(plan(&h, ks_sprintf(arena, "sriov: {%s: {vfs: 5}}\n", names[i]))->n, 1);
    }
}

static void running_guests_lend_their_vfs(void **state)
{
    const char *text = "sriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}, g2: {autostart: false}}\n";
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_seen_pf *pf = add_pf(&h, 63, 4);
    const struct ks_step *s;

    (void)state;
    start_with(&h, "g1", pf->vfs[1].address);
    start_with(&h, "g2", pf->vfs[3].address);
    hold(&h, &pf->vfs[1], "guest/g1");
    hold(&h, &pf->vfs[3], "guest/g2");
    s = plan(&h, text)->v[0];
    assert_string_equal(s->id, "sriov/ens1");
    assert_null(s->blocked);
    assert_string_equal(s->held, "--allow restart");
    assert_int_equal(s->affects.n, 2);
    assert_string_equal(s->affects.v[1], "guest/g2");
    assert_string_equal(s->fields.v[0].note, "taken from, and given back to, running guests: g1 (VF 1), g2 (VF 3)");
    /* One that is off finds its VF again when it starts. */
    h.have.guests.v[0].live = h.have.guests.v[1].live = NULL;
    s = plan(&h, text)->v[0];
    assert_null(s->held);
    assert_int_equal(s->affects.n, 0);
}

static const char *to_of(const struct ks_plan *made, const char *id, const char *path)
{
    for (size_t i = 0; i < made->n; i++)
        for (size_t k = 0; ks_streq(made->v[i]->id, id) && k < made->v[i]->fields.n; k++)
            if (ks_starts(made->v[i]->fields.v[k].path, path))
                return made->v[i]->fields.v[k].to;
    return NULL;
}

/* The note of a run that was cut off after it took VF 1 from g1. */
static void owe(struct host *h, const struct ks_seen_pf *pf, bool is_there)
{
    struct ks_seen_guest *g1 = &h->have.guests.v[0];
    struct ks_lent *lent = ks_vec_add(h->arena, &g1->lents.v);

    *lent = (struct ks_lent){.pf = pf->address, .boot = "b", .uuid = "u", .id = 1};
    *ks_vec_add(h->arena, &lent->devices) = (struct ks_lent_device){
        .address = "0000:81:10.2", .index = 1, .live = "<interface/>", .defined = true, .is_there = is_there};
    g1->live = (struct ks_guest *)ks_obj_new(h->arena, &ks_guest_kind, "g1");
}

static const struct ks_step *step_of(const struct ks_plan *made, const char *id)
{
    for (size_t i = 0; i < made->n; i++)
        if (ks_streq(made->v[i]->id, id))
            return made->v[i];
    return NULL;
}

/* Whatever the manifest states of the guest, or of the PF. */
static void what_is_owed_is_given_back(void **state)
{
    static const struct {
        unsigned vfs; /* that there are */
        const char *text, *to, *blocked;
    } rows[] = {
        {4, "{}", "given back", NULL},
        {4, "sriov: {ens1: {vfs: 4}}\n", "given back", NULL},
        {4, "sriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}}\n", "given back", NULL},
        {0, "sriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}}\n", "given back", NULL},
        {0, "sriov: {ens1: {vfs: 7}}\nguests: {g1: {state: unmanaged}}\n", "given back", NULL},
        {0, "sriov: {ens1: {vfs: 1}}\nguests: {g1: {autostart: false}}\n", "gone", NULL},
        {0, "guests: {g1: {autostart: false}}\n", "given back",
         "VF 1 of 0000:81:00.0 (0000:81:10.2) is not there: give the PF its VFs again, or start the guest anew"},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct host h = new_host(arena);
        const struct ks_seen_pf *pf = add_pf(&h, 63, rows[i].vfs);
        const struct ks_plan *made;
        const struct ks_step *s;
        start_with(&h, "g1", "0000:81:10.2");
        owe(&h, pf, rows[i].vfs > 0);
        made = plan(&h, ks_streq(rows[i].text, "{}") ? "" : rows[i].text);
        s = step_of(made, "guest/g1:give-back/0000:81:00.0");
        assert_non_null(s);
        for (size_t k = 0; k + 1 < made->n; k++) /* behind the PF's and the guest's own, but for the mark */
            assert_true(made->v[k] != s || made->v[k + 1]->action == KS_ACT_MARK);
        assert_string_equal(s->fields.v[0].path, "lent.0000:81:10.2");
        assert_string_equal(s->fields.v[0].to, rows[i].to);
        assert_null(s->held);
        rows[i].blocked ? assert_string_equal(s->blocked, rows[i].blocked) : assert_null(s->blocked);
    }
}

static void who_was_shut_down_is_started(void **state)
{
    static const struct {
        const char *text, *to;
    } rows[] = {
        {"sriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}}\n", "running"},
        {"guests: {g1: {state: running}}\n", NULL}, /* its own step does */
        {"guests: {g1: {state: stopped}}\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
        struct host h = new_host(arena);
        const char *id = "guest/g1:give-back/0000:81:00.0";
        const struct ks_plan *made;
        start_with(&h, "g1", "0000:81:10.2");
        owe(&h, add_pf(&h, 63, 4), true);
        h.have.guests.v[0].lents.v.v[0].off = true;
        h.have.guests.v[0].state = KS_GUEST_STOPPED;
        h.have.guests.v[0].live = NULL;
        made = plan(&h, rows[i].text);
        assert_non_null(step_of(made, id));
        rows[i].to ? assert_string_equal(to_of(made, id, "state"), rows[i].to)
                   : assert_null(to_of(made, id, "state"));
        assert_string_equal(to_of(made, id, "lent"), "back with its start");
    }
}

/* The guest still runs with another of the PF's VFs: the step that takes that one gives back both. */
static void what_is_taken_anew_is_given_back_once(void **state)
{
    const char *text = "defaults: {allow: [restart]}\nsriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}}\n";
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_seen_pf *pf = add_pf(&h, 63, 4);
    const struct ks_guest *live;

    (void)state;
    start_with(&h, "g1", pf->vfs[2].address);
    live = h.have.guests.v[0].live;
    owe(&h, pf, true);
    h.have.guests.v[0].live = live;
    hold(&h, &pf->vfs[2], "guest/g1");
    assert_null(step_of(plan(&h, text), "guest/g1:give-back/0000:81:00.0"));
    /* Not before it may. */
    assert_non_null(step_of(plan(&h, strchr(text, '\n') + 1), "guest/g1:give-back/0000:81:00.0"));
}

/* A guest whose devices the manifest leaves alone would be left with a VF that is no more. */
static void a_vf_in_a_definition_stays(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_seen_pf *pf = add_pf(&h, 63, 4);

    (void)state;
    start_with(&h, "g1", pf->vfs[3].address);
    hold(&h, &pf->vfs[3], "guest/g1");
    assert_string_equal(
        step_of(plan(&h, "sriov: {ens1: {vfs: 2}}\nguests: {g1: {autostart: false}}\n"), "sriov/ens1")->blocked,
        "VF 3 would be gone, and guest g1 has it: state its nics and devices without it, or more VFs");
    assert_null(step_of(plan(&h, "sriov: {ens1: {vfs: 2}}\nguests: {g1: {nics: {}}}\n"), "sriov/ens1")->blocked);
    assert_null(
        step_of(plan(&h, "sriov: {ens1: {vfs: 7}}\nguests: {g1: {autostart: false}}\n"), "sriov/ens1")->blocked);
}

static void unknown_holders_block(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    (void)add_pf(&h, 63, 4);
    h.have.holders_unknown = "no reason";
    assert_non_null(strstr(plan(&h, "sriov: {ens1: {vfs: 7}}\n")->v[0]->blocked, "no reason"));
}

static void what_a_driver_cannot_do(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    (void)add_pf(&h, 63, 1);
    assert_string_equal(plan(&h, "sriov: {ens1: {each: {spoof-check: true}}}\n")->v[0]->blocked,
                        "VF 0: driver ixgbe has no spoof-check");
}

/* ---- guests ---- */

#define GUEST(nics) "guests: {g1: {memory: 64MiB, nics: {fast: {vf: " nics "}}}}\n"

static const char *address_of(const struct ks_plan *made, const char *id)
{
    for (size_t i = 0; i < made->n; i++)
        if (ks_streq(made->v[i]->id, id))
            return ((const struct ks_nic *)((const struct ks_guest *)made->v[i]->want)->nics.v[0])->vf_address;
    return NULL;
}

/* VFs that are yet to be made: their addresses follow from the PF's, over the end of the bus. */
static void vf_by_pf_and_index(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    const struct ks_plan *made;

    (void)state;
    (void)add_pf(&h, 127, 0);
    made = plan(&h, "sriov: {ens1: {vfs: 64}}\n" GUEST("{pf: ens1, index: 3}"));
    assert_string_equal(address_of(made, "guest/g1"), "0000:81:10.6");
    assert_string_equal(made->v[0]->id, "sriov/ens1");
    made = plan(&h, "sriov: {ens1: {vfs: 127}}\n" GUEST("{pf: ens1, index: 64}"));
    assert_string_equal(address_of(made, "guest/g1"), "0000:82:00.0");
    (void)plan(&h, GUEST("{pf: ens1, index: 3}"));
    expect_finding(&h, "there is no VF 3 of ens1: it has 0");
}

static void auto_takes_a_free_one(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_seen_pf *pf = add_pf(&h, 63, 3);
    const struct ks_plan *made;

    (void)state;
    hold(&h, &pf->vfs[0], "namespace blue");
    made = plan(&h, "guests: {g1: {nics: {a: {vf: {pf: ens1, index: auto}}}}, "
                    "g2: {nics: {a: {vf: {pf: ens1, index: 1}}}}}\n");
    assert_int_equal(h.findings.n_errors, 0);
    assert_string_equal(address_of(made, "guest/g1"), pf->vfs[2].address);
    assert_non_null(to_of(made, "guest/g1", "nics.a"));
    (void)plan(&h, "guests: {g1: {nics: {a: {vf: {pf: ens1, index: auto}}}}, "
                   "g2: {nics: {a: {vf: {pf: ens1, index: 1}}, b: {vf: {pf: ens1, index: 2}}}}}\n");
    expect_finding(&h, "none of the 3 VFs of ens1 is free");
}

static void held_by_a_stranger(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_seen_pf *pf = add_pf(&h, 63, 2);

    (void)state;
    hold(&h, &pf->vfs[1], "namespace blue");
    h.have.pci.v[2].holders = pf->vfs[1].holders;
    h.have.pci.v[2].n_holders = 1;
    (void)plan(&h, GUEST("{pf: ens1, index: 1}"));
    expect_finding(&h, "is held by namespace blue");
}

static void whole_groups(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    (void)add_pci(&h, "0000:84:01.0", 5, "e1000");
    (void)add_pci(&h, "0000:84:02.0", 5, "e1000");
    (void)plan(&h, "guests: {g1: {devices: {a: {pci: '0000:84:01.0', managed: true}}}}\n");
    expect_finding(&h, "shares IOMMU group 5 with 0000:84:02.0 (a card, driver e1000)");
    (void)plan(&h, "guests: {g1: {devices: {a: {pci: '0000:84:01.0', managed: true}, "
                   "b: {pci: '0000:84:02.0', managed: true}}}}\n");
    assert_int_equal(h.findings.n_errors, 0);
    (void)plan(&h, "guests: {g1: {devices: {a: {pci: '0000:85:01.0', managed: true}}}}\n");
    expect_finding(&h, "the host has no PCI device 0000:85:01.0");
}

static void no_iommu(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);

    (void)state;
    (void)add_pci(&h, "0000:84:01.0", -1, "e1000");
    (void)plan(&h, "guests: {g1: {devices: {a: {pci: '0000:84:01.0', managed: true}}}}\n");
    expect_finding(&h, "no IOMMU in use");
}

/* ---- kernel ---- */

static void knobs(void **state)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct host h = new_host(arena);
    struct ks_kernel *kernel = (struct ks_kernel *)ks_obj_new(arena, &ks_kernel_kind, NULL);
    const struct ks_plan *made;

    (void)state;
    kernel->numa_balancing = true;
    ks_mark(&kernel->o, "numa-balancing");
    ks_map_put(arena, &kernel->modules,
               ks_obj_new(arena, ks_kernel_kind.fields[ks_row(&ks_kernel_kind, "modules")].kind, "kvm_intel"));
    ks_mark(&kernel->o, "modules");
    h.have.kernel = kernel;
    *ks_vec_add(arena, &h.have.parameters) =
        (struct ks_seen_parameter){.name = "kvm_intel.nested", .loaded = true, .exists = true};
    made = plan(&h, "kernel: {ksm: {run: false}, numa-balancing: false, parameters: {iommu: pt, quiet: true}, "
                    "modules: {kvm_intel: {nested: true}}}\n");
    assert_int_equal(made->n, 3);
    assert_string_equal(made->v[0]->id, "kernel/command-line");
    assert_string_equal(made->v[0]->blocked, "needs a reboot with iommu=pt quiet");
    assert_string_equal(made->v[1]->id, "kernel/kvm_intel:nested");
    assert_true(ks_starts(made->v[1]->blocked, "needs a reload of module kvm_intel"));
    assert_string_equal(made->v[2]->id, "kernel/numa-balancing");
    assert_null(made->v[2]->blocked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_vfs),
        cmocka_unit_test(more_than_there_can_be),
        cmocka_unit_test(fewer_than_the_number_says),
        cmocka_unit_test(holders_block),
        cmocka_unit_test(a_pf_by_any_of_its_names),
        cmocka_unit_test(running_guests_lend_their_vfs),
        cmocka_unit_test(what_is_owed_is_given_back),
        cmocka_unit_test(who_was_shut_down_is_started),
        cmocka_unit_test(what_is_taken_anew_is_given_back_once),
        cmocka_unit_test(a_vf_in_a_definition_stays),
        cmocka_unit_test(unknown_holders_block),
        cmocka_unit_test(what_a_driver_cannot_do),
        cmocka_unit_test(vf_by_pf_and_index),
        cmocka_unit_test(auto_takes_a_free_one),
        cmocka_unit_test(held_by_a_stranger),
        cmocka_unit_test(whole_groups),
        cmocka_unit_test(no_iommu),
        cmocka_unit_test(knobs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
