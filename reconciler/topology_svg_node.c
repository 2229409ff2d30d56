/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The panel of a node: memory, huge pages, CPUs and who is pinned there, PFs with their VFs, PCI devices. */
#include "reconciler/topology_svg.h"

/* ---- nodes -------------------------------------------------------------------------------------------------- */

/* A line of text at the left and one at the right, and a bar below. */
static void draw_bar(struct ks_pen *p, const char *left, const char *right, double used, const char *title)
{
    int full = (int)(used * p->width + 0.5);

    if (used > 0 && full < 3)
        full = 3;
    if (used < 1 && full > p->width - 3)
        full = p->width - 3;
    ks_svg_open(p->out, title);
    ks_svg_text(p->out, p->x, p->y + 12, "d", left);
    ks_svg_text(p->out, p->x + p->width, p->y + 12, "d r", right);
    ks_svg_rect(p->out, p->x, p->y + 18, p->width, BAR_HEIGHT, 3, "rail", NULL);
    if (full > 0)
        ks_svg_rect(p->out, p->x, p->y + 18, full, BAR_HEIGHT, 3, used >= 1 ? "full" : "fill", NULL);
    ks_svg_close(p->out);
    p->y += 18 + BAR_HEIGHT + 8;
}

static void draw_memory(struct ks_pen *p, const struct ks_topology_node *node)
{
    struct ks_arena *arena = p->out->arena;
    const char *right =
        KS_SAY(p, "%s free of %s", ks_topology_amount(arena, node->free), ks_topology_amount(arena, node->memory));

    if (node->memory > 0)
        draw_bar(p, "memory", right, 1 - (double)node->free / (double)node->memory, KS_SAY(p, "memory: %s", right));
}

static void draw_pages(struct ks_pen *p, const struct ks_topology_pages *pages)
{
    const char *size = ks_size_format(p->out->arena, pages->size);

    draw_bar(p, KS_SAY(p, "%s pages", size), KS_SAY(p, "%" PRIu64 " free of %" PRIu64, pages->free, pages->total),
             (double)pages->used / (double)pages->total,
             KS_SAY(p,
                    "%s pages: %" PRIu64 ", %" PRIu64 " used, %" PRIu64 " free, %" PRIu64 " surplus, %" PRIu64
                    " reserved",
                    size, pages->total, pages->used, pages->free, pages->surplus, pages->reserved));
}

static const char *cpu_title(struct ks_pen *p, const struct ks_topology_cpu *cpu)
{
    struct ks_text title = {.arena = p->out->arena};

    ks_text_addf(&title, "CPU %u", cpu->id);
    for (size_t i = 0; i < cpu->pins.n; i++) {
        const struct ks_topology_pin *pin = &cpu->pins.v[i];
        ks_text_addf(&title, "\n%s: %s%s", ks_shown(p, p->t->guests.v[pin->guest].seen->name),
                     ks_topology_pin_text(p->out->arena, pin), pin->whole_node ? " (whole node)" : "");
    }
    if (cpu->pins.n == 0)
        ks_text_add(&title, p->t->guests_known ? "\nnobody is pinned here" : "");
    return ks_text_str(&title);
}

static const char *cpu_class(const struct ks_topology_cpu *cpu)
{
    return cpu->helpers ? "helper" : cpu->floats ? "float" : "free";
}

static bool is_own(const struct ks_topology_cpu *cpu, size_t i)
{
    const struct ks_topology_pin *pin = &cpu->pins.v[i];

    return pin->kind == KS_PIN_VCPU && !pin->whole_node && (i == 0 || cpu->pins.v[i - 1].guest != pin->guest);
}

/* A stripe for each guest whose vCPUs are pinned here; four at most, the number says how many. */
static void draw_stripes(struct ks_pen *p, const struct ks_topology_cpu *cpu, int x, int y)
{
    const int n = cpu->n_guests > 4 ? 4 : (int)cpu->n_guests;
    int k = 0;

    for (size_t i = 0; i < cpu->pins.n && k < n; i++) {
        const size_t guest = cpu->pins.v[i].guest;
        if (!is_own(cpu, i))
            continue;
        ks_svg_rect(p->out, x + CELL * k / n, y, CELL * (k + 1) / n - CELL * k / n, CELL, n == 1 ? 3 : 0,
                    p->t->guests.v[guest].runs ? "own" : "own off", ks_guest_color(p, guest));
        k++;
    }
}

static void draw_cpu(struct ks_pen *p, const struct ks_topology_cpu *cpu, int x, int y)
{
    const char *text = ks_topology_cpu_text(p->out->arena, p->t, cpu);
    const bool own = cpu->n_guests > 0;
    const bool runs = cpu->n_guests != 1 || p->t->guests.v[cpu->guest].runs;

    ks_svg_open(p->out, cpu_title(p, cpu));
    if (own)
        draw_stripes(p, cpu, x, y);
    else
        ks_svg_rect(p->out, x, y, CELL, CELL, 3, cpu_class(cpu), NULL);
    ks_svg_text(p->out, x + 3, y + 9, own && runs ? "nk" : "n", KS_SAY(p, "%u", cpu->id));
    if (cpu->n_guests > 1)
        ks_svg_rect(p->out, x + CELL / 2 - 6, y + 10, 12, 14, 3, "mark", NULL);
    if (own)
        ks_svg_text(p->out, x + CELL / 2, y + 21, runs ? "c ink" : "c", text);
    ks_svg_close(p->out);
}

static void draw_cores(struct ks_pen *p, const struct ks_topology_node *node)
{
    const size_t per_line = (size_t)((p->width + CELL_GAP) / (CELL + CELL_GAP));
    const int height = (int)node->max_threads * (CELL + 1) + 5;

    for (size_t i = 0; i < node->cores.n; i++) {
        const int x = p->x + (int)(i % per_line) * (CELL + CELL_GAP);
        if (i > 0 && i % per_line == 0)
            p->y += height;
        for (size_t k = 0; k < node->cores.v[i].n_threads; k++)
            draw_cpu(p, &node->cores.v[i].threads[k], x, p->y + (int)k * (CELL + 1));
    }
    if (node->cores.n > 0)
        p->y += height + 3;
}

/* ---- PFs and devices ---------------------------------------------------------------------------------------- */

static const char *holders_text(struct ks_pen *p, size_t n, const char *const *holders)
{
    struct ks_text text = {.arena = p->out->arena};

    for (size_t i = 0; i < n; i++)
        ks_text_addf(&text, "%s%s", i ? ", " : "",
                     ks_shown(p, ks_topology_holder(p->out->arena, p->t, holders[i])));
    return n > 0 ? ks_text_str(&text) : p->t->seen->holders_unknown ? "no holder known" : "free";
}

/* The guest among the holders, or -1. */
static int guest_of(const struct ks_pen *p, size_t n, const char *const *holders)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p->t->guests.n && ks_starts(holders[i], "guest/"); k++)
            if (ks_streq(p->t->guests.v[k].seen->name, holders[i] + strlen("guest/")))
                return (int)k;
    return -1;
}

static const char *vf_title(struct ks_pen *p, const struct ks_seen_vf *vf)
{
    struct ks_text title = {.arena = p->out->arena};

    ks_text_addf(&title, "VF %u, %s: %s\ndriver %s", vf->index, ks_shown(p, vf->address),
                 holders_text(p, vf->n_holders, vf->holders), vf->driver ? ks_shown(p, vf->driver) : "none");
    if (vf->config && vf->config->mac)
        ks_text_addf(&title, "\nMAC %s", ks_shown(p, vf->config->mac));
    if (vf->config && vf->config->vlan > 0)
        ks_text_addf(&title, "\nVLAN %" PRIu64, vf->config->vlan);
    return ks_text_str(&title);
}

/* The colour of who has it. */
static void draw_square(struct ks_pen *p, int x, int y, int size, size_t n_holders, const char *const *holders)
{
    const int guest = guest_of(p, n_holders, holders);

    if (guest >= 0)
        ks_svg_rect(p->out, x, y, size, size, 2, p->t->guests.v[guest].runs ? "own" : "own off",
                    ks_guest_color(p, (size_t)guest));
    else
        ks_svg_rect(p->out, x, y, size, size, 2, n_holders > 0 ? "other" : "free", NULL);
}

static void draw_vfs(struct ks_pen *p, const struct ks_seen_pf *pf)
{
    const size_t per_line = (size_t)((p->width + VF_GAP) / (VF + VF_GAP));

    for (size_t i = 0; i < pf->n_vfs; i++) {
        const struct ks_seen_vf *vf = &pf->vfs[i];
        if (i > 0 && i % per_line == 0)
            p->y += VF + VF_GAP;
        ks_svg_open(p->out, vf_title(p, vf));
        draw_square(p, p->x + (int)(i % per_line) * (VF + VF_GAP), p->y, VF, vf->n_holders, vf->holders);
        ks_svg_close(p->out);
    }
    if (pf->n_vfs > 0)
        p->y += VF + 8;
}

static void draw_pf(struct ks_pen *p, const struct ks_seen_pf *pf)
{
    const char *name = pf->name ? pf->name : pf->address;
    const char *right = KS_SAY(p, "%s, %s%" PRIu64 " of %" PRIu64 " VFs", pf->driver ? pf->driver : "no driver",
                               pf->name && !pf->up ? "down, " : "", pf->num_vfs, pf->total_vfs);

    ks_svg_open(p->out, KS_SAY(p, "PF %s, %s, MTU %" PRIu64 "%s", ks_shown(p, name), pf->address, pf->mtu,
                               pf->default_route ? ", default route" : ""));
    ks_svg_text(p->out, p->x, p->y + 14, "b",
                ks_svg_fit(p->out->arena, KS_SAY(p, "%s", name), p->width / 2, NORMAL));
    ks_svg_text(p->out, p->x + p->width, p->y + 14, "d r",
                ks_svg_fit(p->out->arena, right, p->width / 2 - 10, SMALL));
    ks_svg_close(p->out);
    p->y += 22;
    draw_vfs(p, pf);
}

static void draw_device(struct ks_pen *p, const struct ks_seen_pci *d)
{
    const char *holders = holders_text(p, d->n_holders, d->holders);
    const char *what = d->what ? d->what : "";

    ks_svg_open(p->out, KS_SAY(p, "%s\n%s\ndriver %s, IOMMU group %s\n%s", d->address, ks_shown(p, what),
                               d->driver ? ks_shown(p, d->driver) : "none",
                               d->iommu_group < 0 ? "none" : KS_SAY(p, "%d", d->iommu_group), holders));
    draw_square(p, p->x, p->y + 3, VF, d->n_holders, d->holders);
    ks_svg_text(p->out, p->x + 20, p->y + 14, "b", d->address);
    ks_svg_text(
        p->out, p->x + 132, p->y + 14, "d",
        ks_svg_fit(p->out->arena, KS_SAY(p, "%s%s%s", holders, *what ? ": " : "", what), p->width - 132, SMALL));
    ks_svg_close(p->out);
    p->y += 22;
}

/* Those of one node; -1 also those of nodes that are not drawn. */
static bool is_on(const struct ks_pen *p, int device_node, int node)
{
    if (p->t->nodes.n == 1)
        return node == p->t->nodes.v[0].id;
    for (size_t i = 0; i < p->t->nodes.n; i++)
        if (p->t->nodes.v[i].id == device_node)
            return device_node == node;
    return node < 0;
}

static void draw_rule(struct ks_pen *p)
{
    ks_text_addf(p->out, "<path d=\"M%d %dh%d\" class=\"line\"/>\n", p->x, p->y, p->width);
    p->y += 6;
}

void ks_draw_devices(struct ks_pen *p, int node)
{
    bool first = true;

    for (size_t i = 0; i < p->t->seen->pfs.n; i++) {
        if (!is_on(p, p->t->seen->pfs.v[i].node, node))
            continue;
        if (first)
            draw_rule(p);
        first = false;
        draw_pf(p, &p->t->seen->pfs.v[i]);
    }
    for (size_t i = 0; i < p->t->devices.n; i++) {
        if (!is_on(p, p->t->devices.v[i]->node, node))
            continue;
        if (first)
            draw_rule(p);
        first = false;
        draw_device(p, p->t->devices.v[i]);
    }
}

bool ks_any_device(const struct ks_pen *p, int node)
{
    bool any = false;

    for (size_t i = 0; i < p->t->seen->pfs.n; i++)
        any = any || is_on(p, p->t->seen->pfs.v[i].node, node);
    for (size_t i = 0; i < p->t->devices.n; i++)
        any = any || is_on(p, p->t->devices.v[i]->node, node);
    return any;
}

void ks_draw_node(struct ks_pen *p, const struct ks_topology_node *node)
{
    const unsigned n = ks_cpuset_count(&node->cpus);
    const char *cores = node->max_threads > 1 ? KS_SAY(p, " in %zu cores", node->cores.n) : "";

    ks_svg_text(p->out, p->x, p->y + 18, "t", node->id < 0 ? "Machine" : KS_SAY(p, "Node %d", node->id));
    ks_svg_text(p->out, p->x + p->width, p->y + 18, "d r", KS_SAY(p, "%u CPU%s%s", n, ks_plural(n), cores));
    p->y += 30;
    draw_memory(p, node);
    for (size_t i = 0; i < node->pages.n; i++)
        if (node->pages.v[i].total > 0)
            draw_pages(p, &node->pages.v[i]);
    p->y += 4;
    draw_cores(p, node);
    ks_draw_devices(p, node->id);
}
