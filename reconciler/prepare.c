/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the command line to a plan. */
#include <time.h>

#include "reconciler/session.h"

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- targets ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *kind;
    size_t offset;
} maps[] = {
    {"hugepages", offsetof(struct ks_manifest, hugepages)}, {"sriov", offsetof(struct ks_manifest, sriov)},
    {"bridge", offsetof(struct ks_manifest, bridges)},      {"secret", offsetof(struct ks_manifest, secrets)},
    {"pool", offsetof(struct ks_manifest, pools)},          {"network", offsetof(struct ks_manifest, networks)},
    {"guest", offsetof(struct ks_manifest, guests)},
};

static const struct ks_map *map_of(const struct ks_manifest *want, const char *kind)
{
    for (size_t i = 0; i < KS_COUNT(maps); i++)
        if (ks_streq(maps[i].kind, kind))
            return (const struct ks_map *)((const char *)want + maps[i].offset);
    return NULL;
}

static bool is_planned(const struct ks_planned *planned, const char *kind, const char *name)
{
    for (size_t i = 0; planned->plan && i < planned->plan->n; i++)
        if (ks_streq(planned->plan->v[i]->kind, kind) && ks_streq(planned->plan->v[i]->name, name))
            return true;
    return false;
}

static void check_target(struct ks_session *s, const char *target, const struct ks_planned *planned)
{
    const char *slash = strchr(target, '/');
    struct ks_strings names = {0};
    const struct ks_map *map;
    const char *kind, *near;

    if (!slash)
        return;
    kind = ks_strndup(s->arena, target, (size_t)(slash - target));
    map = map_of(planned->want, kind);
    if (!map || ks_map_get(map, slash + 1) || is_planned(planned, kind, slash + 1))
        return;
    for (size_t i = 0; i < map->n; i++)
        *ks_vec_add(s->arena, &names) = map->v[i]->key;
    (void)ks_report(&s->findings, KS_E_NOT_FOUND, KS_NOWHERE, "--target %s: the manifest has no %s of that name",
                    target, kind);
    near = ks_nearest(slash + 1, names.v, names.n);
    if (near)
        ks_report_hint(&s->findings, "did you mean '%s/%s'?", kind, near);
}

void ks_session_check_targets(struct ks_session *s, const struct ks_plan_options *options,
                              const struct ks_planned *planned)
{
    for (size_t i = 0; i < options->n_targets; i++)
        check_target(s, options->targets[i], planned);
}

/* ---- the plan ----------------------------------------------------------------------------------------------- */

static void say_observed(const struct ks_session *s, const struct ks_planned *p, uint64_t start_ms)
{
    if (s->options->verbose)
        fprintf(stderr,
                "kvmstate: %zu files read; %zu guests, %zu pools, %zu networks, %zu bridges observed; %llu ms\n",
                s->texts.n, p->have.guests.n, p->have.pools.n, p->have.networks.n, p->have.bridges.n,
                (unsigned long long)(now_ms() - start_ms));
}

/* Without libvirt: another thread may still be connecting. */
static struct ks_observing observing_of(const struct ks_session *s, const struct ks_planned *p)
{
    return (struct ks_observing){.arena = p->arena,
                                 .host_done = p->host_done,
                                 .root = s->root,
                                 .want = p->want,
                                 .ledger = s->ledger,
                                 .state_path = s->state_path};
}

/* What libvirt has no part in is read while it is connected to; a driver in this process may be starting guests. */
static void observe_host(const struct ks_session *s, struct ks_planned *p)
{
    struct ks_observing observing = observing_of(s, p);

    if (ks_session_is_embedded(s))
        return;
    ks_observe_host(&observing, &p->have);
    p->host_done = true;
}

int ks_session_plan(struct ks_session *s, const struct ks_plan_options *options, struct ks_planned *ret,
                    struct ks_error *err)
{
    struct ks_observing observing = observing_of(s, ret);
    int failed;

    observing.conn = s->conn;
    observing.outline = s->outline;
    failed = ks_observe(&observing, &ret->have, err);
    ks_outline_free(s->outline); /* what it says is good for one look */
    s->outline = NULL;
    if (failed < 0)
        return -1;
    for (size_t i = 0; i < ret->have.unknown.n; i++)
        ks_report_warning(&s->findings, KS_E_IO, KS_NOWHERE, "could not be read, so nothing is planned for it: %s",
                          ret->have.unknown.v[i]);
    ret->plan = ks_plan_make(ret->arena, ret->want, &ret->have, options, &s->findings);
    ks_session_check_targets(s, options, ret);
    if (s->findings.n_errors > 0)
        ret->plan = NULL;
    else
        ret->counts = ks_plan_count(ret->plan);
    return 0;
}

int ks_session_prepare(struct ks_session *s, bool writes, const struct ks_plan_options *options,
                       struct ks_planned *ret, struct ks_error *err)
{
    const uint64_t start_ms = now_ms();

    s->reads_ahead = !writes && !ks_session_is_embedded(s);
    ks_session_connect_start(s, writes);
    if (ks_session_source(s, err) < 0)
        return -1;
    ret->want = s->findings.n_errors > 0 ? NULL : ks_session_manifest(s, ret->arena);
    if (!ret->want)
        return 0;
    if (ks_session_ledger(s, err) < 0) /* it says more of the host's pages than sysfs does */
        return -1;
    observe_host(s, ret);
    if (ks_session_connect_finish(s, err) < 0)
        return -1;
    if (ks_session_plan(s, options, ret, err) < 0)
        return -1;
    say_observed(s, ret, start_ms);
    return 0;
}
