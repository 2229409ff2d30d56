/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The places that were found, as if the manifest had stated them; or why there is none. */
#include <inttypes.h>

#include "planners/place.h"

static void add_pin(struct ks_placing *s, struct ks_pinning *pinning, unsigned vcpu, unsigned cpu)
{
    struct ks_set *pin =
        (struct ks_set *)ks_obj_new(s->p->arena, &ks_vcpu_pin_kind, ks_sprintf(s->p->arena, "%u", vcpu));

    ks_cpuset_add(s->p->arena, &pin->value, cpu);
    ks_mark(&pin->o, "cpus");
    pin->o.at = pinning->o.at;
    ks_map_put(s->p->arena, &pinning->vcpus, &pin->o);
}

static void write_pins(struct ks_placing *s, size_t i)
{
    const struct ks_fit_guest *guest = &s->fit.guests[i];
    struct ks_guest *want = s->guests[i].want;

    if (!want->pinning) {
        want->pinning = (struct ks_pinning *)ks_obj_new(s->p->arena, &ks_pinning_kind, NULL);
        want->pinning->o.at = want->numa->o.at;
        ks_mark(&want->o, "pinning");
    }
    for (unsigned v = 0; v < guest->n_vcpus && !guest->has_cpus; v++)
        add_pin(s, want->pinning, v, guest->cpus[v]);
    if (!guest->has_cpus)
        ks_mark(&want->pinning->o, "vcpus");
    if (s->guests[i].chooses_emulator && ks_cpuset_count(&s->guests[i].emulator) > 0) {
        want->pinning->emulator = s->guests[i].emulator;
        ks_mark(&want->pinning->o, "emulator");
    }
}

/* The last cell has the vCPUs that may still come. */
static void write_cell(struct ks_placing *s, struct ks_numa *numa, size_t i, const struct ks_fit_guest *guest)
{
    const struct ks_fit_unit *unit = &guest->units[i];
    struct ks_cell *cell =
        (struct ks_cell *)ks_obj_new(s->p->arena, &ks_cell_kind, ks_sprintf(s->p->arena, "%zu", i));

    for (int v = ks_cpuset_next(&unit->vcpus, 0); v >= 0; v = ks_cpuset_next(&unit->vcpus, (unsigned)v + 1))
        ks_cpuset_add(s->p->arena, &cell->cpus, (unsigned)v);
    for (unsigned v = guest->n_vcpus; v < guest->max_vcpus && i + 1 == guest->n_units; v++)
        ks_cpuset_add(s->p->arena, &cell->cpus, v);
    cell->memory = unit->memory;
    ks_cpuset_add(s->p->arena, &cell->node, (unsigned)s->fit.nodes[unit->node].id);
    cell->o.at = numa->o.at;
    ks_mark(&cell->o, "cpus");
    ks_mark(&cell->o, "memory");
    ks_mark(&cell->o, "node");
    ks_map_put(s->p->arena, &numa->cells, &cell->o);
}

/* Cells of an earlier placement, which a guest that fits on one node no longer needs. */
static bool has_old_cells(const struct ks_seen_guest *seen)
{
    const struct ks_numa *numa = seen && seen->config ? seen->config->numa : NULL;

    return numa && numa->cells.n > 0 && ks_has(numa->cells.v[0], "node");
}

static void write_nodes(struct ks_placing *s, size_t i)
{
    const struct ks_fit_guest *guest = &s->fit.guests[i];
    struct ks_numa *numa = s->guests[i].want->numa;
    struct ks_cpuset nodes = {0};

    for (size_t k = 0; k < guest->n_units; k++)
        ks_cpuset_add(s->p->arena, &nodes, (unsigned)s->fit.nodes[guest->units[k].node].id);
    if (!ks_stated(&numa->o, "nodes")) {
        numa->nodes = nodes;
        ks_mark(&numa->o, "nodes");
    }
    for (size_t k = 0; k < guest->n_units && guest->has_units; k++) {
        struct ks_cell *cell = (struct ks_cell *)numa->cells.v[k];
        if (ks_has(&cell->o, "node"))
            continue;
        ks_cpuset_add(s->p->arena, &cell->node, (unsigned)s->fit.nodes[guest->units[k].node].id);
        ks_mark(&cell->o, "node");
    }
    if (guest->has_units || (guest->n_units == 1 && !has_old_cells(s->guests[i].seen)))
        return;
    for (size_t k = 0; k < guest->n_units && guest->n_units > 1; k++)
        write_cell(s, numa, k, guest);
    ks_mark(&numa->o, "cells");
}

/* ---- why not ------------------------------------------------------------------------------------------------ */

static void say_cpus(struct ks_text *text, const struct ks_placing *s, size_t i)
{
    const struct ks_fit_node *node = &s->fit.nodes[i];
    const unsigned online = ks_cpuset_count(&s->p->have->nodes.v[i].cpus), usable = ks_cpuset_count(&node->cpus);
    const unsigned free = ks_fit_free_cpus(&s->fit, i);

    ks_text_addf(text, "; node %d: %u of %u CPUs free", node->id, free, online);
    if (usable < online)
        ks_text_addf(text, ", %u reserved", online - usable);
    if (free < usable)
        ks_text_addf(text, ", %u taken", usable - free);
}

static void say_memory(struct ks_text *text, const struct ks_placing *s, size_t i, uint64_t page)
{
    const struct ks_fit_node *node = &s->fit.nodes[i];
    bool any = false;

    if (!page && node->memory != UINT64_MAX)
        ks_text_addf(text, ", %s of %s free", ks_size_format(text->arena, node->memory_free >> 20 << 20),
                     ks_size_format(text->arena, node->memory >> 20 << 20));
    for (size_t k = 0; page && k < node->pages.n; k++) {
        if (node->pages.v[k].size != page)
            continue;
        ks_text_addf(text, ", %" PRIu64 " of %" PRIu64 " pages free", node->pages.v[k].free,
                     node->pages.v[k].total);
        any = true;
    }
    if (page && !any)
        ks_text_add(text, ", no such pages");
}

static bool has_threads(const struct ks_fit *fit)
{
    for (size_t i = 0; i < fit->n_cores; i++)
        if (ks_cpuset_count(&fit->cores[i]) > 1)
            return true;
    return false;
}

static void say_why(struct ks_placing *s, size_t i)
{
    static const char *const threads[] = {"", " with their thread siblings", " on cores of their own"};
    const struct ks_fit_guest *guest = &s->fit.guests[i];
    const struct ks_obj *numa = &s->guests[i].want->numa->o;
    struct ks_text text = {.arena = s->p->arena};

    ks_text_addf(&text, "%u vCPU%s%s and %s", guest->n_vcpus, guest->n_vcpus == 1 ? "" : "s",
                 threads[guest->threads], ks_size_format(text.arena, guest->memory));
    if (guest->page)
        ks_text_addf(&text, " (%" PRIu64 " pages of %s)", (guest->memory + guest->page - 1) / guest->page,
                     ks_size_format(text.arena, guest->page));
    ks_text_add(&text, ks_cpuset_count(&guest->nodes) > 0 ? ks_sprintf(text.arena, " do not fit on node %s",
                                                                       ks_cpuset_format(text.arena, &guest->nodes))
                                                          : " do not fit");
    for (size_t k = 0; k < s->fit.n_nodes; k++) {
        say_cpus(&text, s, k);
        say_memory(&text, s, k, guest->page);
    }
    if (guest->threads == KS_THREADS_REQUIRE && !has_threads(&s->fit))
        ks_text_add(&text, "; the host's cores have one thread each");
    (void)ks_report(s->p->findings, KS_E_CONFLICT, ks_at(numa, "placement"), "guest %s: %s", guest->name,
                    ks_text_str(&text));
}

void ks_placing_write(struct ks_placing *s)
{
    for (size_t i = 0; i < s->fit.n_guests; i++) {
        const struct ks_obj *numa = &s->guests[i].want->numa->o;
        if (!s->fit.guests[i].placed && s->unread) {
            (void)ks_report(s->p->findings, KS_E_CONFLICT, ks_at(numa, "placement"),
                            "guest %s: it cannot be placed: guest %s could not be read, and nobody knows its CPUs",
                            s->fit.guests[i].name, s->unread);
        } else if (!s->fit.guests[i].placed) {
            say_why(s, i);
        } else {
            write_pins(s, i);
            if (!s->p->have->no_numa)
                write_nodes(s, i);
        }
    }
}
