/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drawing for a terminal: no line is wider than it. */
#include <inttypes.h>

#include "reconciler/lines.h"
#include "reconciler/topology.h"

enum { WIDTH = 80, WIDTH_MIN = 60, WIDTH_MAX = 160, BAR = 24, GROUP = 8, NAME_MAX_WIDTH = 18, INDENT = 10 };

struct writer {
    struct ks_lines l;
    const struct ks_topology *t;
};

static const char *const guest_colors[] = {"\033[32m", "\033[33m", "\033[34m", "\033[35m", "\033[36m", "\033[31m"};

static const char *color_of(const struct ks_topology_guest *guest)
{
    return guest->code ? guest_colors[guest->color % KS_COUNT(guest_colors)] : NULL;
}

#define SAY(w, ...) ks_sprintf((w)->l.out->arena, __VA_ARGS__)

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- the host ----------------------------------------------------------------------------------------------- */

static const char *version(struct writer *w, unsigned long v)
{
    return SAY(w, "%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

static void put_host(struct writer *w)
{
    const struct ks_topology *t = w->t;
    const unsigned cpus = ks_cpuset_count(&t->seen->cpus);

    w->l.indent = 2;
    ks_line_long(&w->l, KS_BOLD, ks_display(w->l.out->arena, t->seen->host ? t->seen->host : "?"));
    if (t->nodes.n > 0)
        ks_line_item(&w->l, ": ", NULL,
                     t->nodes.v[0].id < 0 ? "no NUMA nodes"
                                          : SAY(w, "%zu NUMA node%s", t->nodes.n, plural(t->nodes.n)));
    ks_line_item(&w->l, t->nodes.n > 0 ? ", " : ": ", NULL, SAY(w, "%u CPU%s", cpus, plural(cpus)));
    if (t->guests_known)
        ks_line_item(&w->l, ", ", NULL,
                     SAY(w, "%zu guest%s (%zu running)", t->guests.n, plural(t->guests.n), t->n_running));
    if (t->seen->libvirt_version)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "libvirt %s", version(w, t->seen->libvirt_version)));
    if (t->seen->qemu_version)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "QEMU %s", version(w, t->seen->qemu_version)));
    ks_line_end(&w->l);
}

/* ---- nodes -------------------------------------------------------------------------------------------------- */

static void put_bar(struct writer *w, uint64_t used, uint64_t total)
{
    /* A page in use shows, and so does a free one. */
    size_t full = (size_t)((double)used / (double)total * (double)BAR + 0.5);

    if (used > 0 && full == 0)
        full = 1;
    if (used < total && full >= BAR)
        full = BAR - 1;
    for (size_t i = 0; i < BAR; i++)
        ks_line_put(&w->l, i < full ? NULL : KS_DIM, i < full ? "█" : "░");
}

static void put_pages(struct writer *w, const struct ks_topology_pages *p)
{
    w->l.indent = INDENT;
    ks_line_put(&w->l, NULL, SAY(w, "  %s", ks_size_format(w->l.out->arena, p->size)));
    ks_line_to(&w->l, INDENT);
    ks_line_put(&w->l, NULL,
                SAY(w, "%8" PRIu64 " pages %8" PRIu64 " used %8" PRIu64 " free  ", p->total, p->used, p->free));
    if (w->l.column + BAR <= w->l.width)
        put_bar(w, p->used, p->total);
    ks_line_end(&w->l);
    if (p->surplus == 0 && p->reserved == 0)
        return;
    ks_line_to(&w->l, INDENT);
    if (p->surplus > 0)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "%" PRIu64 " of them surplus", p->surplus));
    if (p->reserved > 0)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "%" PRIu64 " of the free ones reserved", p->reserved));
    ks_line_end(&w->l);
}

static void put_all_pages(struct writer *w, const struct ks_topology_node *node)
{
    bool any = false;

    for (size_t i = 0; i < node->pages.n; i++) {
        if (node->pages.v[i].total == 0)
            continue;
        put_pages(w, &node->pages.v[i]);
        any = true;
    }
    if (!any && node->pages.n > 0) {
        ks_line_put(&w->l, NULL, "  pages   no huge pages");
        ks_line_end(&w->l);
    }
}

static bool has_pins(const struct ks_topology_node *node)
{
    for (size_t i = 0; i < node->cores.n; i++)
        for (size_t k = 0; k < node->cores.v[i].n_threads; k++)
            if (node->cores.v[i].threads[k].pins.n > 0)
                return true;
    return false;
}

static void put_cpu(struct writer *w, const struct ks_topology_cpu *cpu)
{
    const char *text = ks_topology_cpu_text(w->l.out->arena, w->t, cpu);
    const char *color = cpu->n_guests == 1  ? color_of(&w->t->guests.v[cpu->guest])
                        : cpu->n_guests > 1 ? KS_BOLD
                                            : KS_DIM;

    ks_line_put(&w->l, color, text);
    for (size_t i = ks_columns(text); i < w->t->code_width; i++)
        ks_line_put(&w->l, NULL, " ");
}

/* The `thread`th threads of some cores, each below its siblings. */
static void put_threads(struct writer *w, const struct ks_topology_core *cores, size_t n, size_t thread,
                        size_t label_width)
{
    unsigned *ids = ks_new_n(w->l.out->arena, unsigned, n);
    size_t n_ids = 0;

    for (size_t i = 0; i < n; i++)
        if (thread < cores[i].n_threads)
            ids[n_ids++] = cores[i].threads[thread].id;
    if (n_ids == 0)
        return;
    ks_line_to(&w->l, INDENT);
    ks_line_put(&w->l, NULL, SAY(w, "%-*s", (int)label_width, ks_topology_label(w->l.out->arena, n_ids, ids)));
    for (size_t i = 0; i < n; i++) {
        ks_line_put(&w->l, NULL, i > 0 && i % GROUP == 0 ? "  " : " ");
        if (thread < cores[i].n_threads)
            put_cpu(w, &cores[i].threads[thread]);
        else
            ks_line_put(&w->l, NULL, SAY(w, "%*s", (int)w->t->code_width, ""));
    }
    ks_line_end(&w->l);
}

static void put_grid(struct writer *w, const struct ks_topology_node *node)
{
    const size_t label_width = 9, cell = w->t->code_width + 1;
    const size_t group = GROUP * cell + 1, room = w->l.width - INDENT - label_width;
    const size_t per_line = room / group > 0 ? room / group * GROUP : GROUP;

    ks_line_put(&w->l, NULL, "  pins");
    if (!has_pins(node)) {
        ks_line_to(&w->l, INDENT);
        ks_line_put(&w->l, NULL, w->t->guests_known ? "none" : "unknown");
        ks_line_end(&w->l);
        return;
    }
    for (size_t i = 0; i < node->cores.n; i += per_line) {
        const size_t left = node->cores.n - i;
        for (size_t thread = 0; thread < node->max_threads; thread++)
            put_threads(w, &node->cores.v[i], left < per_line ? left : per_line, thread, label_width);
    }
}

static void put_node(struct writer *w, const struct ks_topology_node *node)
{
    const unsigned n = ks_cpuset_count(&node->cpus);

    ks_line_heading(&w->l, node->id < 0 ? "Machine" : SAY(w, "Node %d", node->id), INDENT);
    ks_line_to(&w->l, INDENT);
    if (n > 0)
        ks_line_set(&w->l, "", &node->cpus);
    ks_line_item(&w->l, ": ", NULL, n > 0 ? SAY(w, "%u CPU%s", n, plural(n)) : "no CPUs");
    if (node->max_threads > 1)
        ks_line_item(&w->l, " ", NULL, SAY(w, "in %zu cores", node->cores.n));
    if (node->memory > 0)
        ks_line_item(&w->l, "; ", NULL,
                     SAY(w, "%s, %s free", ks_topology_amount(w->l.out->arena, node->memory),
                         ks_topology_amount(w->l.out->arena, node->free)));
    ks_line_end(&w->l);
    put_all_pages(w, node);
    if (n > 0)
        put_grid(w, node);
}

static void put_legend(struct writer *w)
{
    bool any = false, stacked = false;

    for (size_t i = 0; i < w->t->nodes.n; i++) {
        any = any || has_pins(&w->t->nodes.v[i]);
        stacked = stacked || w->t->nodes.v[i].max_threads > 1;
    }
    if (!any)
        return;
    ks_text_add(w->l.out, "\n");
    w->l.indent = 2;
    ks_line_to(&w->l, 2);
    ks_line_prose(
        &w->l, "", KS_DIM,
        "letter: the one guest whose vCPUs are pinned there; 2-9, +: so many guests; -: emulators and iothreads "
        "alone; ~: only what is pinned to the whole node; .: nobody.");
    if (stacked)
        ks_line_prose(&w->l, " ", KS_DIM, "Threads of a core stand one below the other.");
    ks_line_end(&w->l);
}

/* ---- guests ------------------------------------------------------------------------------------------------- */

struct columns {
    size_t name, state, vcpus, memory, pages, node, rest;
};

static struct columns layout(const struct writer *w)
{
    const size_t room = w->l.width < WIDTH ? NAME_MAX_WIDTH - (WIDTH - w->l.width) / 2 : NAME_MAX_WIDTH;
    size_t name = strlen("Guests") - 2 - w->t->code_width;
    struct columns c;

    for (size_t i = 0; i < w->t->guests.n; i++) {
        const size_t n = ks_columns(ks_display(w->l.out->arena, w->t->guests.v[i].seen->name));
        name = n > name ? n : name;
    }
    c.name = 2 + w->t->code_width + 1;
    c.state = c.name + (name > room ? room : name) + 2;
    c.vcpus = c.state + 8;
    c.memory = c.vcpus + 6;
    c.pages = c.memory + 10;
    c.node = c.pages + 6;
    c.rest = c.node + 5;
    return c;
}

static void put_right(struct writer *w, size_t end, const char *text)
{
    const size_t n = ks_columns(text);

    if (w->l.column + n < end)
        ks_line_to(&w->l, end - n);
    ks_line_put(&w->l, NULL, text);
}

static void put_guest_rest(struct writer *w, const struct ks_topology_guest *guest, size_t column)
{
    const struct ks_pinning *pinning = guest->config->pinning;
    const char *sep = "";

    ks_line_to(&w->l, column);
    w->l.indent = column;
    if (ks_cpuset_count(&guest->cpus) > 0) {
        ks_line_set(&w->l, "", &guest->cpus);
        sep = "; ";
    }
    if (pinning && ks_cpuset_count(&pinning->emulator) > 0) {
        ks_line_item(&w->l, sep, NULL, "emulator");
        ks_line_set(&w->l, " ", &pinning->emulator);
        sep = "; ";
    }
    for (size_t i = 0; pinning && i < pinning->iothreads.n; i++) {
        ks_line_item(&w->l, sep, NULL, SAY(w, "iothread %s", pinning->iothreads.v[i]->key));
        ks_line_set(&w->l, " ", &((const struct ks_set *)pinning->iothreads.v[i])->value);
        sep = "; ";
    }
    for (size_t i = 0; i < guest->devices.n; i++) {
        ks_line_item(&w->l, sep, NULL, guest->devices.v[i]);
        sep = "; ";
    }
}

static const char *pages_text(const struct ks_topology_guest *guest)
{
    return guest->pages.n == 0 ? "" : guest->pages.n == 1 ? guest->pages.v[0] : "mixed";
}

static void put_guest(struct writer *w, const struct ks_topology_guest *guest, const struct columns *c)
{
    ks_line_to(&w->l, 2);
    ks_line_put(&w->l, color_of(guest), guest->code ? guest->code : "");
    ks_line_to(&w->l, c->name);
    w->l.indent = c->name;
    ks_line_long(&w->l, NULL, ks_display(w->l.out->arena, guest->seen->name));
    if (w->l.column + 2 > c->state)
        ks_line_end(&w->l);
    ks_line_to(&w->l, c->state);
    ks_line_put(&w->l, guest->runs ? NULL : KS_DIM, ks_topology_state(guest));
    if (!guest->config) {
        w->l.indent = c->vcpus;
        ks_line_prose(&w->l, ": ", NULL, guest->seen->unknown ? guest->seen->unknown : "it has no definition");
        ks_line_end(&w->l);
        return;
    }
    put_right(w, c->vcpus + 5, SAY(w, "%" PRIu64, guest->config->vcpus));
    put_right(w, c->memory + 8, ks_topology_amount(w->l.out->arena, guest->config->memory));
    ks_line_to(&w->l, c->pages);
    ks_line_put(&w->l, NULL, pages_text(guest));
    ks_line_to(&w->l, w->l.column + 1 > c->node ? w->l.column + 1 : c->node);
    ks_line_put(&w->l, NULL, ks_cpuset_format(w->l.out->arena, &guest->nodes));
    if (w->l.column + 1 > c->rest)
        ks_line_put(&w->l, NULL, " ");
    put_guest_rest(w, guest, w->l.column > c->rest ? w->l.column : c->rest);
    ks_line_end(&w->l);
}

static void put_guests(struct writer *w)
{
    const struct columns c = layout(w);
    const struct {
        size_t column;
        const char *text;
    } heads[] = {{c.state, "state"}, {c.vcpus, "vCPUs"}, {c.memory + 2, "memory"},
                 {c.pages, "pages"}, {c.node, "node"},   {c.rest, "CPUs, devices"}};

    if (w->t->guests.n == 0)
        return;
    ks_line_heading(&w->l, "Guests", 2);
    for (size_t i = 0; i < KS_COUNT(heads); i++) {
        ks_line_to(&w->l, heads[i].column);
        ks_line_put(&w->l, KS_DIM, ks_strndup(w->l.out->arena, heads[i].text, w->l.width - w->l.column));
    }
    ks_line_end(&w->l);
    for (size_t i = 0; i < w->t->guests.n; i++)
        put_guest(w, &w->t->guests.v[i], &c);
}

/* ---- devices ------------------------------------------------------------------------------------------------ */

static void put_holders(struct writer *w, const char *sep, size_t n, const char *const *holders)
{
    for (size_t i = 0; i < n; i++) {
        ks_line_item(&w->l, sep, NULL, ks_topology_holder(w->l.out->arena, w->t, holders[i]));
        sep = ", ";
    }
}

static const char *nobody(const struct writer *w)
{
    return w->t->seen->holders_unknown ? "no holder known" : "free";
}

static void put_vfs(struct writer *w, const struct ks_seen_pf *pf, size_t first, size_t last)
{
    const struct ks_seen_vf *vf = &pf->vfs[first];

    ks_line_put(&w->l, NULL,
                first == last ? SAY(w, "  VF %u", vf->index)
                              : SAY(w, "  VF %u-%u", vf->index, pf->vfs[last].index));
    w->l.indent = INDENT + 1;
    ks_line_to(&w->l, INDENT + 1);
    ks_line_item(&w->l, "", vf->driver ? NULL : KS_DIM, vf->driver ? vf->driver : "no driver");
    ks_line_to(&w->l, w->l.column + 1 > INDENT + 13 ? w->l.column + 1 : INDENT + 13);
    w->l.indent = w->l.column;
    if (vf->n_holders == 0)
        ks_line_item(&w->l, "", KS_DIM, nobody(w));
    put_holders(w, "", vf->n_holders, vf->holders);
    if (first == last && vf->config && vf->config->mac && !ks_streq(vf->config->mac, "00:00:00:00:00:00"))
        ks_line_item(&w->l, "; ", NULL, vf->config->mac);
    if (first == last && vf->config && vf->config->vlan > 0)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "VLAN %" PRIu64, vf->config->vlan));
    ks_line_end(&w->l);
}

static void put_pf(struct writer *w, const struct ks_seen_pf *pf)
{
    ks_line_heading(&w->l, SAY(w, "PF %s", pf->name ? pf->name : pf->address), INDENT + 1);
    if (w->l.column < INDENT + 1)
        ks_line_to(&w->l, INDENT + 1);
    else
        ks_line_put(&w->l, NULL, " ");
    if (pf->name)
        ks_line_item(&w->l, "", NULL, SAY(w, "%s,", pf->address));
    if (pf->node >= 0)
        ks_line_item(&w->l, " ", NULL, SAY(w, "node %d,", pf->node));
    ks_line_item(&w->l, " ", NULL, pf->driver ? pf->driver : "no driver");
    if (pf->name)
        ks_line_item(&w->l, ", ", NULL, pf->up ? "up" : "down");
    if (pf->mtu > 0)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "MTU %" PRIu64, pf->mtu));
    if (pf->default_route)
        ks_line_item(&w->l, ", ", NULL, "default route");
    ks_line_item(&w->l, ", ", NULL, SAY(w, "%" PRIu64 " of %" PRIu64 " VFs", pf->num_vfs, pf->total_vfs));
    ks_line_end(&w->l);
    if (pf->unknown) {
        ks_line_to(&w->l, 2);
        w->l.indent = 2;
        ks_line_item(&w->l, "", NULL, pf->unknown);
        ks_line_end(&w->l);
    }
    for (size_t i = 0; i < pf->n_vfs; i++) {
        const size_t last = ks_topology_free_run(pf, i);
        put_vfs(w, pf, i, last);
        i = last;
    }
}

static void put_device(struct writer *w, const struct ks_seen_pci *d)
{
    ks_line_put(&w->l, NULL, SAY(w, "  %s", d->address));
    w->l.indent = INDENT + 6;
    ks_line_to(&w->l, INDENT + 6);
    if (d->node >= 0)
        ks_line_item(&w->l, "", NULL, SAY(w, "node %d,", d->node));
    ks_line_item(&w->l, " ", NULL, d->driver ? d->driver : "no driver");
    if (d->iommu_group >= 0)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "IOMMU group %d", d->iommu_group));
    if (d->n_holders == 0)
        ks_line_item(&w->l, ": ", NULL, nobody(w));
    put_holders(w, ": ", d->n_holders, d->holders);
    if (d->what)
        ks_line_prose(&w->l, "; ", KS_DIM, d->what);
    ks_line_end(&w->l);
}

static void put_devices(struct writer *w)
{
    for (size_t i = 0; i < w->t->seen->pfs.n; i++)
        put_pf(w, &w->t->seen->pfs.v[i]);
    if (w->t->devices.n == 0)
        return;
    ks_line_heading(&w->l, "PCI devices for guests", 2);
    ks_line_end(&w->l);
    for (size_t i = 0; i < w->t->devices.n; i++)
        put_device(w, w->t->devices.v[i]);
}

/* ---- bridges ------------------------------------------------------------------------------------------------ */

static void put_users(struct writer *w, const struct ks_topology_bridge *bridge)
{
    const char *sep = "";

    if (bridge->users.n == 0 && bridge->strangers == 0)
        return;
    ks_line_put(&w->l, NULL, "  guests");
    w->l.indent = INDENT;
    ks_line_to(&w->l, INDENT);
    for (size_t i = 0, n; i < bridge->users.n; i += n) {
        const struct ks_topology_guest *guest = &w->t->guests.v[bridge->users.v[i].guest];
        for (n = 1; i + n < bridge->users.n && bridge->users.v[i + n].guest == bridge->users.v[i].guest; n++)
            ;
        const char *nics = n > 1 ? SAY(w, " (%zu nics)", n) : "";
        ks_line_item(&w->l, sep, color_of(guest),
                     SAY(w, "%s%s%s", guest->seen->name, nics, guest->runs ? "" : " (stopped)"));
        sep = ", ";
    }
    if (bridge->strangers > 0)
        ks_line_item(&w->l, sep, NULL, SAY(w, "%u tap%s of others", bridge->strangers, plural(bridge->strangers)));
    ks_line_end(&w->l);
}

static void put_names(struct writer *w, const char *title, const struct ks_strings *names)
{
    const char *sep = "";

    if (names->n == 0)
        return;
    ks_line_put(&w->l, NULL, title);
    w->l.indent = INDENT;
    ks_line_to(&w->l, INDENT);
    for (size_t i = 0; i < names->n; i++) {
        ks_line_item(&w->l, sep, NULL, names->v[i]);
        sep = ", ";
    }
    ks_line_end(&w->l);
}

static void put_bridge(struct writer *w, const struct ks_topology_bridge *bridge)
{
    const struct ks_bridge *config = bridge->seen->config;

    ks_line_heading(&w->l, SAY(w, "Bridge %s", bridge->seen->name), INDENT);
    if (config) {
        ks_line_item(&w->l, ": ", NULL, config->up ? "up" : "down");
        ks_line_item(&w->l, ", ", NULL, SAY(w, "MTU %" PRIu64, config->mtu));
    }
    if (config && config->vlan_filtering)
        ks_line_item(&w->l, ", ", NULL, "VLAN filtering");
    if (bridge->seen->default_route)
        ks_line_item(&w->l, ", ", NULL, "default route");
    for (size_t i = 0; config && i < config->addresses.n; i++)
        ks_line_item(&w->l, ", ", NULL, config->addresses.v[i]);
    if (bridge->seen->managed_by)
        ks_line_item(&w->l, ", ", NULL, SAY(w, "managed by %s", bridge->seen->managed_by));
    ks_line_end(&w->l);
    if (config)
        put_names(w, "  ports", &config->ports);
    put_names(w, bridge->networks.n == 1 ? "  network" : "  networks", &bridge->networks);
    put_users(w, bridge);
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static void put_unknown(struct writer *w)
{
    const struct ks_observed *seen = w->t->seen;

    if (seen->unknown.n == 0 && !seen->holders_unknown)
        return;
    ks_line_heading(&w->l, "Not known", 2);
    ks_line_end(&w->l);
    for (size_t i = 0; i < seen->unknown.n; i++) {
        ks_line_to(&w->l, 2);
        ks_line_prose(&w->l, "", NULL, seen->unknown.v[i]);
        ks_line_end(&w->l);
    }
    if (!seen->holders_unknown)
        return;
    ks_line_to(&w->l, 2);
    ks_line_prose(&w->l, "", NULL, SAY(w, "who else holds devices: %s", seen->holders_unknown));
    ks_line_end(&w->l);
}

void ks_topology_text(struct ks_text *out, const struct ks_topology *t, const struct ks_topology_style *style)
{
    const size_t width = style->width ? style->width : WIDTH;
    struct writer w = {.l = {.out = out, .fresh = true, .color = style->color}, .t = t};

    w.l.width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    put_host(&w);
    for (size_t i = 0; i < t->nodes.n; i++)
        put_node(&w, &t->nodes.v[i]);
    put_legend(&w);
    put_guests(&w);
    put_devices(&w);
    for (size_t i = 0; i < t->bridges.n; i++)
        put_bridge(&w, &t->bridges.v[i]);
    put_unknown(&w);
}
