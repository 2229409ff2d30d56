/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Automatic placement: first who is placed already, then who is not, then everybody's emulator. */
#include "planners/place.h"

static bool any_auto(const struct ks_manifest *want)
{
    for (size_t i = 0; i < want->guests.n; i++)
        if (ks_placing_is_auto((const struct ks_guest *)want->guests.v[i]))
            return true;
    return false;
}

/* ---- emulators ---------------------------------------------------------------------------------------------- */

static bool is_own(const struct ks_fit_guest *guest, unsigned cpu)
{
    for (unsigned i = 0; i < guest->n_vcpus && !guest->has_cpus; i++)
        if (guest->cpus[i] == cpu)
            return true;
    return false;
}

static bool is_on_own_node(const struct ks_fit *fit, const struct ks_fit_guest *guest, unsigned cpu)
{
    for (size_t i = 0; i < guest->n_units; i++)
        if (ks_cpuset_has(&fit->nodes[guest->units[i].node].cpus, cpu))
            return true;
    return false;
}

/* An emulator may share a CPU with other emulators and with its own guest, with no other's vCPU. */
static bool emulator_fits(const struct ks_placing *s, size_t i, const struct ks_cpuset *set)
{
    const struct ks_fit *fit = &s->fit;

    for (int cpu = ks_cpuset_next(set, 0); cpu >= 0; cpu = ks_cpuset_next(set, (unsigned)cpu + 1)) {
        if ((unsigned)cpu >= fit->n_cpus || !is_on_own_node(fit, &fit->guests[i], (unsigned)cpu))
            return false;
        if (fit->taken[cpu] > 0 && !s->emulators[cpu] && !is_own(&fit->guests[i], (unsigned)cpu))
            return false;
    }
    return ks_cpuset_count(set) > 0;
}

/* No vCPU comes there any more; a guest's own CPUs are its own anyway. */
static void take_emulator(struct ks_placing *s, size_t i)
{
    const struct ks_cpuset *set = &s->guests[i].emulator;

    for (int cpu = ks_cpuset_next(set, 0); cpu >= 0; cpu = ks_cpuset_next(set, (unsigned)cpu + 1)) {
        if (is_own(&s->fit.guests[i], (unsigned)cpu) || s->emulators[cpu])
            continue;
        s->emulators[cpu] = true;
        ks_fit_take(&s->fit, KS_THREADS_PREFER, (unsigned)cpu, 1);
    }
}

static void keep_emulator(struct ks_placing *s, size_t i)
{
    struct ks_placing_guest *guest = &s->guests[i];
    const struct ks_pinning *pinning = guest->seen && guest->seen->config ? guest->seen->config->pinning : NULL;

    if (!s->fit.guests[i].kept || !guest->chooses_emulator || !pinning || !emulator_fits(s, i, &pinning->emulator))
        return;
    guest->emulator = pinning->emulator;
    take_emulator(s, i);
}

static void keep_emulators(struct ks_placing *s)
{
    for (size_t i = 0; i < s->fit.n_guests; i++)
        keep_emulator(s, i);
}

static void forget_emulators(struct ks_placing *s)
{
    for (unsigned cpu = 0; cpu < s->fit.n_cpus; cpu++) {
        if (s->emulators[cpu])
            ks_fit_take(&s->fit, KS_THREADS_PREFER, cpu, -1);
        s->emulators[cpu] = false;
    }
    for (size_t i = 0; i < s->fit.n_guests; i++)
        s->guests[i].emulator = (struct ks_cpuset){0};
}

/* Beside other emulators of its node, else on a CPU that is free, else where its own vCPUs are. */
static void choose_emulator(struct ks_placing *s, size_t i)
{
    const struct ks_fit_guest *fit = &s->fit.guests[i];
    struct ks_placing_guest *guest = &s->guests[i];
    const size_t node = fit->n_units ? fit->units[0].node : 0;
    const struct ks_cpuset *cpus = &s->fit.nodes[node].cpus;
    int found = -1;

    if (!fit->placed || !guest->chooses_emulator || ks_cpuset_count(&guest->emulator) > 0)
        return;
    for (int cpu = ks_cpuset_next(cpus, 0); cpu >= 0 && found < 0; cpu = ks_cpuset_next(cpus, (unsigned)cpu + 1))
        if (s->emulators[cpu])
            found = cpu;
    if (found < 0)
        found = ks_fit_spare_cpu(&s->fit, node);
    if (found >= 0)
        ks_cpuset_add(s->p->arena, &guest->emulator, (unsigned)found);
    for (unsigned k = 0; k < fit->n_vcpus && found < 0 && !fit->has_cpus; k++)
        ks_cpuset_add(s->p->arena, &guest->emulator, fit->cpus[k]);
    take_emulator(s, i);
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static bool all_placed(const struct ks_fit *fit)
{
    for (size_t i = 0; i < fit->n_guests; i++)
        if (!fit->guests[i].placed)
            return false;
    return true;
}

/* Where there is no room, emulators give way to vCPUs: they can be elsewhere, if need be with their own guest. */
static void solve(struct ks_placing *s)
{
    keep_emulators(s);
    ks_fit_solve(&s->fit);
    if (all_placed(&s->fit))
        return;
    forget_emulators(s);
    ks_fit_solve(&s->fit);
    keep_emulators(s);
}

void ks_place_guests(struct ks_planning *p)
{
    struct ks_placing s = {.p = p, .fit = {.arena = p->arena}};

    if (!any_auto(p->want))
        return;
    ks_placing_host(&s);
    ks_placing_guests(&s);
    ks_placing_keep(&s);
    if (s.unread)
        keep_emulators(&s);
    else
        solve(&s);
    for (size_t i = 0; i < s.fit.n_guests; i++)
        choose_emulator(&s, i);
    ks_placing_write(&s);
}
