/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The drawing as a picture: a panel for each node, with what hangs on it; then bridges, and the guests. Colours say
 * which guest, letters say it too, and a tooltip tells the rest.
 */
#include "reconciler/topology_svg.h"

static const char style[] =
    ".bg{fill:#ffffff}.panel{fill:#f6f8fa;stroke:#d0d7de}.line{stroke:#d0d7de;fill:none}\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328;"
    "font-size:13px}\n"
    ".k{font-size:12px}.h{font-size:22px;font-weight:600}.t{font-size:17px;font-weight:600}.b{font-weight:600}\n"
    ".d{fill:#59636e;font-size:11px}.r{text-anchor:end}.ink{fill:#1f2328}\n"
    ".n{font-size:8px;fill:#59636e}.nk{font-size:8px;fill:#3d444d}.c{font-size:12px;font-weight:600;"
    "text-anchor:middle}\n"
    ".rail{fill:#d8dee4}.fill{fill:#4c8dd6}.full{fill:#d1662f}\n"
    ".free{fill:#ffffff;stroke:#c4ccd4}.float{fill:#dfe6ee;stroke:#c4ccd4}.helper{fill:#aab4bf}"
    ".other{fill:#57606a}.mark{fill:#ffffff;fill-opacity:.8}\n"
    ".own{stroke:#1f2328;stroke-opacity:.25}.off{fill-opacity:.45;stroke-dasharray:2 2}\n"
    "@media (prefers-color-scheme:dark){.bg{fill:#0d1117}.panel{fill:#151b23;stroke:#3d444d}.line{stroke:#3d444d}\n"
    "text{fill:#e6edf3}.ink,.c.ink{fill:#1f2328}.d,.n{fill:#9198a1}.nk{fill:#3d444d}.rail{fill:#2a313c}"
    ".fill{fill:#4184e4}.other{fill:#c9d1d9}\n"
    ".free{fill:#0d1117;stroke:#3d444d}.float{fill:#2a313c;stroke:#3d444d}.helper{fill:#59636e}.own{stroke:#fff}}"
    "\n";

/* ---- bridges and guests ------------------------------------------------------------------------------------- */

/* A guest's name on its colour; on the next line where this one has no room. */
static void draw_chip(struct ks_pen *p, int *x, const char *label, const char *title, const char *fill, bool runs)
{
    const char *text = ks_svg_fit(p->out->arena, label, p->width - 20, SMALL + 1);
    const int width = ks_svg_width(text, SMALL + 1) + 16;

    if (*x > p->x && *x + width > p->x + p->width) {
        *x = p->x;
        p->y += CHIP_HEIGHT + 5;
    }
    ks_svg_open(p->out, title);
    ks_svg_rect(p->out, *x, p->y, width, CHIP_HEIGHT, 10, !fill ? "float" : runs ? "own" : "own off", fill);
    ks_svg_text(p->out, *x + 8, p->y + 14, fill && runs ? "k ink" : "k", text);
    ks_svg_close(p->out);
    *x += width + 6;
}

static void draw_users(struct ks_pen *p, const struct ks_topology_bridge *bridge)
{
    int x = p->x;
    size_t n;

    for (size_t i = 0; i < bridge->users.n; i += n) {
        const struct ks_topology_user *user = &bridge->users.v[i];
        const struct ks_topology_guest *guest = &p->t->guests.v[user->guest];
        struct ks_text title = {.arena = p->out->arena};
        ks_text_addf(&title, "%s (%s): nic", ks_shown(p, guest->seen->name), ks_topology_state(guest));
        for (n = 0; i + n < bridge->users.n && user[n].guest == user->guest; n++)
            ks_text_addf(&title, "%s %s", n ? "," : "", ks_shown(p, user[n].nic));
        draw_chip(p, &x, n > 1 ? KS_SAY(p, "%s (%zu nics)", guest->seen->name, n) : guest->seen->name,
                  ks_text_str(&title), ks_guest_color(p, user->guest), guest->runs);
    }
    if (bridge->strangers > 0)
        draw_chip(p, &x, KS_SAY(p, "%u more tap%s", bridge->strangers, ks_plural(bridge->strangers)),
                  "taps that are no known guest's", NULL, true);
    if (x > p->x)
        p->y += CHIP_HEIGHT + 8;
}

static void add_names(struct ks_text *text, const char *title, const struct ks_strings *names)
{
    for (size_t i = 0; i < names->n; i++)
        ks_text_addf(text, "%s%s", i ? ", " : title, ks_display(text->arena, names->v[i]));
}

static void draw_bridge(struct ks_pen *p, const struct ks_topology_bridge *bridge)
{
    const struct ks_bridge *config = bridge->seen->config;
    struct ks_text text = {.arena = p->out->arena};
    const char *name = ks_svg_fit(p->out->arena, bridge->seen->name, p->width / 3, NORMAL);
    const int left = ks_svg_width(name, NORMAL) + 16;

    if (config)
        ks_text_addf(&text, "%s, MTU %" PRIu64, config->up ? "up" : "down", config->mtu);
    if (config)
        add_names(&text, "; ports ", &config->ports);
    add_names(&text, bridge->networks.n == 1 ? "; network " : "; networks ", &bridge->networks);
    if (config)
        add_names(&text, "; ", &config->addresses);
    ks_svg_open(p->out, KS_SAY(p, "bridge %s: %s", ks_shown(p, bridge->seen->name), ks_text_str(&text)));
    ks_svg_text(p->out, p->x, p->y + 14, "b", name);
    ks_svg_text(p->out, p->x + left, p->y + 14, "d",
                ks_svg_fit(p->out->arena, ks_text_str(&text), p->width - left, SMALL));
    ks_svg_close(p->out);
    p->y += 24;
    draw_users(p, bridge);
}

static void draw_bridges(struct ks_pen *p)
{
    ks_svg_text(p->out, p->x, p->y + 18, "t", "Bridges");
    p->y += 30;
    for (size_t i = 0; i < p->t->bridges.n; i++)
        draw_bridge(p, &p->t->bridges.v[i]);
}

/* What it is made of; why it is not known. */
static const char *guest_size(struct ks_pen *p, const struct ks_topology_guest *guest)
{
    struct ks_text text = {.arena = p->out->arena};

    if (!guest->config)
        return guest->seen->unknown ? guest->seen->unknown : "unknown";
    if (guest->seen->state != KS_GUEST_RUNNING)
        ks_text_addf(&text, "%s, ", ks_topology_state(guest));
    ks_text_addf(&text, "%" PRIu64 " vCPU%s, %s", guest->config->vcpus, ks_plural(guest->config->vcpus),
                 ks_topology_amount(text.arena, guest->config->memory));
    for (size_t i = 0; i < guest->pages.n; i++)
        ks_text_addf(&text, "%s%s%s", i ? ", " : " in ", guest->pages.v[i],
                     i + 1 == guest->pages.n ? " pages" : "");
    if (ks_cpuset_count(&guest->nodes) > 0)
        ks_text_addf(&text, " of node %s", ks_cpuset_format(text.arena, &guest->nodes));
    return ks_text_str(&text);
}

/* Where it runs, and what it has; "" where nothing is said. */
static const char *guest_place(struct ks_pen *p, const struct ks_topology_guest *guest)
{
    struct ks_text text = {.arena = p->out->arena};
    const struct ks_pinning *pinning = guest->config ? guest->config->pinning : NULL;

    if (ks_cpuset_count(&guest->cpus) > 0)
        ks_text_addf(&text, "CPUs %s", ks_cpuset_format(text.arena, &guest->cpus));
    if (pinning && ks_cpuset_count(&pinning->emulator) > 0)
        ks_text_addf(&text, "%semulator %s", text.n ? "; " : "", ks_cpuset_format(text.arena, &pinning->emulator));
    for (size_t i = 0; pinning && i < pinning->iothreads.n; i++) {
        const struct ks_set *set = (const struct ks_set *)pinning->iothreads.v[i];
        ks_text_addf(&text, "%siothread %s on %s", text.n ? "; " : "", set->o.key,
                     ks_cpuset_format(text.arena, &set->value));
    }
    add_names(&text, text.n ? "; " : "", &guest->devices);
    return ks_text_str(&text);
}

/* Returns its height. */
static int draw_guest(struct ks_pen *p, size_t i, int x, int width)
{
    const struct ks_topology_guest *guest = &p->t->guests.v[i];
    const char *size = guest_size(p, guest), *place = guest_place(p, guest);
    const int left = x + CELL + 9, room = width - CELL - 9;

    ks_svg_open(p->out,
                KS_SAY(p, "%s\n%s\n%s", ks_shown(p, guest->seen->name), ks_shown(p, size), ks_shown(p, place)));
    ks_svg_rect(p->out, x, p->y + 3, CELL, CELL, 3, guest->runs ? "own" : "own off", ks_guest_color(p, i));
    ks_svg_text(p->out, x + CELL / 2, p->y + 21, guest->runs ? "c ink" : "c", guest->code ? guest->code : "");
    ks_svg_text(p->out, left, p->y + 14, "b", ks_svg_fit(p->out->arena, guest->seen->name, room, NORMAL + 1));
    ks_svg_text(p->out, left, p->y + 29, "d", ks_svg_fit(p->out->arena, size, room, SMALL));
    ks_svg_text(p->out, left, p->y + 43, "d", ks_svg_fit(p->out->arena, place, room, SMALL));
    ks_svg_close(p->out);
    return *place ? 54 : 40;
}

/* In two columns, read downwards. */
static void draw_guests(struct ks_pen *p)
{
    const size_t rows = (p->t->guests.n + 1) / 2;
    const int width = (p->width - GAP) / 2;
    int top, bottom = 0;

    ks_svg_text(p->out, p->x, p->y + 18, "t", "Guests");
    p->y += 30;
    top = p->y;
    for (size_t i = 0; i < p->t->guests.n; i++) {
        if (i == rows)
            p->y = top;
        p->y += draw_guest(p, i, p->x + (i >= rows ? width + GAP : 0), width);
        bottom = ks_max(bottom, p->y);
    }
    p->y = bottom;
}

static void draw_unknown(struct ks_pen *p)
{
    const struct ks_observed *seen = p->t->seen;

    ks_svg_text(p->out, p->x, p->y + 18, "t", "Not known");
    p->y += 28;
    for (size_t i = 0; i < seen->unknown.n; i++, p->y += 18) {
        ks_svg_open(p->out, ks_shown(p, seen->unknown.v[i]));
        ks_svg_text(p->out, p->x, p->y + 12, "d", ks_svg_fit(p->out->arena, seen->unknown.v[i], p->width, SMALL));
        ks_svg_close(p->out);
    }
    if (!seen->holders_unknown)
        return;
    ks_svg_text(
        p->out, p->x, p->y + 12, "d",
        ks_svg_fit(p->out->arena, KS_SAY(p, "who else holds devices: %s", seen->holders_unknown), p->width, SMALL));
    p->y += 18;
}

/* ---- the page ----------------------------------------------------------------------------------------------- */

/* Draws into a text of its own, so that the panel's height is known when its frame is written. */
struct panel {
    struct ks_text text;
    struct ks_pen pen;
};

static void begin_panel(struct panel *panel, const struct ks_pen *page, int x, int width)
{
    *panel = (struct panel){.text = {.arena = page->out->arena}};
    panel->pen = (struct ks_pen){
        .out = &panel->text, .t = page->t, .x = x + PAD, .y = page->y + PAD - 4, .width = width - 2 * PAD};
}

static void end_panel(struct panel *panel, struct ks_pen *page, int bottom)
{
    ks_svg_rect(page->out, panel->pen.x - PAD, page->y, panel->pen.width + 2 * PAD, bottom - page->y, 8, "panel",
                NULL);
    ks_text_add(page->out, ks_text_str(&panel->text));
}

/* Two in a row, equally high; one alone has the row to itself. */
static void draw_nodes(struct ks_pen *page)
{
    const size_t n = page->t->nodes.n;

    for (size_t i = 0; i < n; i += 2) {
        struct panel panels[2];
        const size_t here = i + 1 < n ? 2 : 1;
        int bottom = 0;
        for (size_t k = 0; k < here; k++) {
            begin_panel(&panels[k], page, MARGIN + (int)k * (PANEL + GAP), n == 1 ? WIDTH - 2 * MARGIN : PANEL);
            ks_draw_node(&panels[k].pen, &page->t->nodes.v[i + k]);
            bottom = ks_max(bottom, panels[k].pen.y + PAD - 6);
        }
        for (size_t k = 0; k < here; k++)
            end_panel(&panels[k], page, bottom);
        page->y = bottom + GAP;
    }
}

static void draw_wide(struct ks_pen *page, void (*draw)(struct ks_pen *p))
{
    struct panel panel;
    int bottom;

    begin_panel(&panel, page, MARGIN, WIDTH - 2 * MARGIN);
    draw(&panel.pen);
    bottom = panel.pen.y + PAD - 6;
    end_panel(&panel, page, bottom);
    page->y = bottom + GAP;
}

static void draw_elsewhere(struct ks_pen *p)
{
    ks_svg_text(p->out, p->x, p->y + 18, "t", "Devices of no node");
    p->y += 28;
    ks_draw_devices(p, -1);
}

static void draw_legend(struct ks_pen *p)
{
    static const struct {
        const char *class, *text;
    } keys[] = {{"free", "free"},
                {"float", "only what is pinned to the whole node"},
                {"helper", "emulators, iothreads"},
                {"other", "held, but by no guest"},
                {NULL, "letters and colours: guests, pale when stopped"}};
    int x = MARGIN;

    for (size_t i = 0; i < KS_COUNT(keys); i++) {
        if (keys[i].class)
            ks_svg_rect(p->out, x, p->y, VF, VF, 2, keys[i].class, NULL);
        ks_svg_text(p->out, keys[i].class ? x + VF + 6 : x, p->y + 11, "d", keys[i].text);
        x += VF + 24 + ks_svg_width(keys[i].text, SMALL);
    }
    p->y += VF + GAP - 4;
}

static void draw_title(struct ks_pen *p)
{
    const struct ks_topology *t = p->t;
    const unsigned cpus = ks_cpuset_count(&t->seen->cpus);
    const char *host = t->seen->host ? t->seen->host : "?";
    const char *guests = t->guests_known ? KS_SAY(p, ", %zu guest%s (%zu running)", t->guests.n,
                                                  ks_plural(t->guests.n), t->n_running)
                                         : "";
    const char *nodes = t->nodes.n > 0 && t->nodes.v[0].id >= 0
                            ? KS_SAY(p, "%zu NUMA node%s, ", t->nodes.n, ks_plural(t->nodes.n))
                            : "";

    ks_svg_text(p->out, MARGIN, MARGIN + 20, "h", ks_svg_fit(p->out->arena, host, WIDTH / 2, 22));
    ks_svg_text(p->out, WIDTH - MARGIN, MARGIN + 18, "d r",
                KS_SAY(p, "%s%u CPU%s%s", nodes, cpus, ks_plural(cpus), guests));
    p->y = MARGIN + 40;
}

void ks_topology_svg(struct ks_text *out, const struct ks_topology *t)
{
    struct ks_text body = {.arena = out->arena};
    struct ks_pen page = {.out = &body, .t = t, .width = WIDTH};

    draw_title(&page);
    draw_nodes(&page);
    if (t->nodes.n != 1 && ks_any_device(&page, -1))
        draw_wide(&page, draw_elsewhere);
    draw_legend(&page);
    if (t->bridges.n > 0)
        draw_wide(&page, draw_bridges);
    if (t->guests.n > 0)
        draw_wide(&page, draw_guests);
    if (t->seen->unknown.n > 0 || t->seen->holders_unknown)
        draw_wide(&page, draw_unknown);
    ks_text_addf(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                 "role=\"img\">\n<title>Topology of %s</title>\n<style>\n%s</style>\n",
                 WIDTH, page.y + 4, WIDTH, page.y + 4,
                 ks_svg_escape(out->arena, t->seen->host ? t->seen->host : "?"), style);
    ks_svg_rect(out, 0, 0, WIDTH, page.y + 4, 0, "bg", NULL);
    ks_text_add(out, ks_text_str(&body));
    ks_text_add(out, "</svg>\n");
}
