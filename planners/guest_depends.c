/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planners/device.h"
#include "planners/guest.h"

static void depend(struct ks_planning *p, struct ks_step *s, const char *kind, const char *name, bool is_there)
{
    const char *id = ks_sprintf(p->arena, "%s/%s", kind, name);

    if (is_there)
        ks_step_follows(p, s, id);
    else
        ks_step_needs(p, s, id);
}

static bool volume_is_there(const struct ks_planning *p, const char *pool_name, const char *name)
{
    const struct ks_seen_pool *pool = ks_seen_pool(p->have, pool_name);

    return pool && pool->volumes_known && ks_map_get(&pool->volumes, name);
}

static void depend_on_disk(struct ks_planning *p, struct ks_step *s, const struct ks_disk *disk)
{
    if (ks_has(&disk->o, "volume")) {
        const char *slash = strchr(disk->volume, '/');
        const char *pool = ks_strndup(p->arena, disk->volume, (size_t)(slash - disk->volume));
        depend(p, s, "pool", pool, ks_seen_pool(p->have, pool) != NULL);
        depend(p, s, "volume", disk->volume, volume_is_there(p, pool, slash + 1));
    }
    if (disk->auth && ks_has(&disk->auth->o, "secret"))
        depend(p, s, "secret", disk->auth->secret, ks_seen_secret(p->have, disk->auth->secret) != NULL);
}

static bool vf_is_there(const struct ks_planning *p, const struct ks_nic *nic)
{
    const struct ks_seen_pf *pf = ks_seen_pf(p->have, nic->vf->pf);
    uint64_t index;

    return pf && nic->vf->index && ks_parse_u64(nic->vf->index, &index) == 0 && ks_seen_vf_at(pf, index);
}

static void depend_on_nic(struct ks_planning *p, struct ks_step *s, const struct ks_nic *nic)
{
    if (ks_has(&nic->o, "bridge"))
        depend(p, s, "bridge", nic->bridge, ks_seen_bridge(p->have, nic->bridge) != NULL);
    if (ks_has(&nic->o, "network"))
        depend(p, s, "network", nic->network, ks_seen_network(p->have, nic->network) != NULL);
    if (nic->vf && ks_has(&nic->vf->o, "pf"))
        depend(p, s, "sriov", ks_sriov_key(p, nic->vf->pf), vf_is_there(p, nic));
}

void ks_guest_depends(struct ks_planning *p, struct ks_step *s, const struct ks_guest *want, bool starts)
{
    for (size_t i = 0; i < want->disks.n; i++)
        depend_on_disk(p, s, (const struct ks_disk *)want->disks.v[i]);
    for (size_t i = 0; i < want->nics.n; i++)
        depend_on_nic(p, s, (const struct ks_nic *)want->nics.v[i]);
    for (size_t i = 0; i < want->hugepages.n; i++)
        depend(p, s, "hugepages", want->hugepages.v[i]->key, !starts);
}
