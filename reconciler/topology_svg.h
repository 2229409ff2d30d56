/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within the picture of the topology: what its panels share. */
#pragma once

#include <inttypes.h>

#include "reconciler/svg.h"
#include "reconciler/topology.h"

enum { MARGIN = 24, GAP = 20, PAD = 18, PANEL = 520, WIDTH = 2 * MARGIN + 2 * PANEL + GAP };
enum { CELL = 27, CELL_GAP = 3, BAR_HEIGHT = 12, VF = 13, VF_GAP = 3, CHIP_HEIGHT = 20 };
enum { SMALL = 11, NORMAL = 13, TITLE = 17 };

/* A place in a panel: what is drawn goes to `out`, from `y` downwards. */
struct ks_pen {
    struct ks_text *out;
    const struct ks_topology *t;
    int x, y, width;
};

#define KS_SAY(p, ...) ks_sprintf((p)->out->arena, __VA_ARGS__)

static inline const char *ks_shown(const struct ks_pen *p, const char *text)
{
    return ks_display(p->out->arena, text);
}
static inline const char *ks_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}
static inline int ks_max(int a, int b)
{
    return a > b ? a : b;
}
static inline const char *ks_guest_color(const struct ks_pen *p, size_t guest)
{
    return ks_svg_color(p->out->arena, guest);
}

/* topology_svg_node.c: a node and what hangs on it; PFs and PCI devices of one node, -1: of none that is drawn. */
void ks_draw_node(struct ks_pen *p, const struct ks_topology_node *node);
void ks_draw_devices(struct ks_pen *p, int node);
bool ks_any_device(const struct ks_pen *p, int node);
