/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/pool.h"

enum { POOL_ACTIVE };

static const char *id_of(struct ks_acting *a, const struct ks_step *step)
{
    return ks_sprintf(a->arena, "pool/%s", step->name);
}

/* ---- on and off --------------------------------------------------------------------------------------------- */

static const struct ks_plan_field *field_of(const struct ks_step *step, const char *path)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if (ks_streq(step->fields.v[i].path, path))
            return &step->fields.v[i];
    return NULL;
}

/* libvirt makes nothing but the directory where it is told nothing about the device. */
static int make_folder(struct ks_acting *a, virStoragePoolPtr pool, const char *type, struct ks_error *err)
{
    if (!ks_streq(type, "dir") && !ks_streq(type, "netfs") && !ks_streq(type, "fs"))
        return 0;
    if (KS_STORAGE_TRY(a, virStoragePoolBuild(pool, 0)) < 0)
        return ks_fail_virt(err, "make its directory");
    return 0;
}

/* What the plan found on the device, and was allowed to take, goes; an empty one libvirt finds empty, or refuses.
 */
static int format(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, struct ks_error *err)
{
    const struct ks_plan_field *build = field_of(step, "build");

    if (!build)
        return 0;
    ks_tell(a, step, "formatting", -1);
    if (KS_STORAGE_TRY(a, virStoragePoolBuild(pool, build->impact == KS_DATA_LOSS
                                                        ? VIR_STORAGE_POOL_BUILD_OVERWRITE
                                                        : VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)) < 0)
        return ks_fail_virt(err, "format its device");
    return 0;
}

/* `ours`: one that kvmstate makes, whose directory may be missing. */
static int start(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, const char *type,
                 bool ours, struct ks_error *err)
{
    if (virStoragePoolIsActive(pool) == 1)
        return 0;
    if ((ours && make_folder(a, pool, type, err) < 0) || format(a, step, pool, err) < 0)
        return -1;
    ks_tell(a, step, "activating", -1);
    if (KS_STORAGE_TRY(a, virStoragePoolCreate(pool, 0)) < 0)
        return ks_fail_virt(err, "activate it");
    return 0;
}

static int set_autostart(virStoragePoolPtr pool, bool wanted, struct ks_error *err)
{
    int have = 0;

    if (virStoragePoolGetAutostart(pool, &have) < 0)
        return ks_fail_virt(err, "read whether pool %s starts with the host", virStoragePoolGetName(pool));
    if ((have != 0) == wanted)
        return 0;
    if (virStoragePoolSetAutostart(pool, wanted) < 0 || virStoragePoolGetAutostart(pool, &have) < 0)
        return ks_fail_virt(err, "set whether pool %s starts with the host", virStoragePoolGetName(pool));
    if ((have != 0) != wanted)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "pool %s: autostart reads back as %s",
                       virStoragePoolGetName(pool), have ? "true" : "false");
    return 0;
}

static int check_active(virStoragePoolPtr pool, bool wanted, struct ks_error *err)
{
    const int active = virStoragePoolIsActive(pool);

    if (active < 0)
        return ks_fail_virt(err, "ask whether pool %s is active", virStoragePoolGetName(pool));
    if ((active == 1) != wanted)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "pool %s reads back as %s", virStoragePoolGetName(pool),
                       active ? "active" : "inactive");
    return 0;
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

static bool wants_active(const struct ks_pool *want)
{
    return !ks_has(&want->o, "state") || want->state == POOL_ACTIVE;
}

static int make_pool(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, struct ks_error *err)
{
    const struct ks_pool *want = (const struct ks_pool *)step->want;

    if (wants_active(want) && start(a, step, pool, ks_pool_type_name(a, want), true, err) < 0)
        return -1;
    if (ks_has(&want->o, "autostart") && set_autostart(pool, want->autostart, err) < 0)
        return -1;
    if (check_active(pool, wants_active(want), err) < 0)
        return -1;
    if (want->protect && ks_storage_protect(a, id_of(a, step), true, err) < 0)
        return -1;
    return ks_storage_made(a, id_of(a, step), err);
}

static int create(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL;
    char *xml;

    if (ks_storage_pool(a, step->name, &pool, err) < 0)
        return -1;
    if (pool)
        return ks_fail(err, KS_E_STALE, step->at, "pool %s was not there when this was planned", step->name);
    *ret = KS_WOULD_CHANGE;
    if (a->dry_run)
        return 0;
    ks_tell(a, step, "defining", -1);
    if (ks_storage_own(a, id_of(a, step), true, err) < 0)
        return -1;
    xml = ks_pool_xml(a, (const struct ks_pool *)step->want);
    pool = virStoragePoolDefineXML(a->conn, xml, 0);
    xmlFree(xml);
    if (!pool)
        (void)ks_fail_virt(err, "define it");
    if (!pool || make_pool(a, step, pool, err) < 0) {
        /* It was not there before: what did not come to be whole goes again; its directory and data stay. */
        if (!pool || (virStoragePoolIsActive(pool) != 1 && virStoragePoolUndefine(pool) == 0))
            (void)ks_storage_disown(a, id_of(a, step), NULL);
        return -1;
    }
    *ret = KS_CHANGED;
    return 0;
}

static int stop(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, struct ks_error *err)
{
    ks_tell(a, step, "deactivating", -1);
    if (virStoragePoolIsActive(pool) == 1 && KS_STORAGE_TRY(a, virStoragePoolDestroy(pool)) < 0)
        return ks_fail_virt(err, "deactivate it");
    return 0;
}

/* ---- editing ------------------------------------------------------------------------------------------------ */

static bool has_lines(const struct ks_step *step, bool live)
{
    for (size_t i = 0; i < step->fields.n; i++)
        if ((live ? step->fields.v[i].live : step->fields.v[i].define) &&
            (ks_streq(step->fields.v[i].path, "path") || ks_starts(step->fields.v[i].path, "source")))
            return true;
    return false;
}

static int define(struct ks_acting *a, const char *xml, struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = virStoragePoolDefineXML(a->conn, xml, 0);

    return pool ? 0 : ks_fail_virt(err, "define it");
}

/* It was active: whatever happens, it is to be so again. */
static int restart(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, const char *type,
                   const char *old, struct ks_error *err)
{
    ks_auto(ks_error_done) struct ks_error back = {0};

    if (stop(a, step, pool, err) < 0) {
        (void)define(a, old, &back);
        return ks_wrap(err, "its definition is as it was");
    }
    if (start(a, step, pool, type, field_of(step, "path"), err) == 0)
        return 0;
    if (define(a, old, &back) == 0 && KS_STORAGE_TRY(a, virStoragePoolCreate(pool, 0)) == 0)
        return ks_wrap(err, "it is active as it was");
    return ks_wrap(err, "it is inactive now");
}

/* The definition first: what libvirt does not take, it refuses before anything is stopped. */
static int edit(struct ks_acting *a, const struct ks_step *step, virStoragePoolPtr pool, struct ks_error *err)
{
    ks_auto(ks_freep) char *old = virStoragePoolGetXMLDesc(pool, VIR_STORAGE_XML_INACTIVE);
    const char *type = ks_pool_type_name(a, (const struct ks_pool *)step->have);
    char *xml;
    int failed;

    if (!old)
        return ks_fail_virt(err, "read its definition");
    if (has_lines(step, false)) {
        ks_tell(a, step, "writing the definition", -1);
        xml = ks_pool_edited_xml(a, step, old, err);
        failed = !xml || define(a, xml, err) < 0;
        xmlFree(xml);
        if (failed)
            return -1;
    }
    if (!has_lines(step, true) || virStoragePoolIsActive(pool) != 1)
        return 0;
    return restart(a, step, pool, type, old, err);
}

static int change(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL;
    const struct ks_pool *want = (const struct ks_pool *)step->want, *have = (const struct ks_pool *)step->have;
    const struct ks_plan_field *state = field_of(step, "state"), *autostart = field_of(step, "autostart");
    const bool making = ((const struct ks_seen_pool *)step->seen)->making;
    const bool active = state ? ks_streq(state->to, "active") : have->state == POOL_ACTIVE;

    if (ks_storage_pool(a, step->name, &pool, err) < 0)
        return -1;
    if (!pool)
        return ks_fail(err, KS_E_STALE, step->at, "pool %s is gone since this was planned", step->name);
    *ret = KS_WOULD_CHANGE;
    if (a->dry_run)
        return 0;
    if ((has_lines(step, false) || has_lines(step, true)) && edit(a, step, pool, err) < 0)
        return -1;
    if (state && active &&
        start(a, step, pool, ks_pool_type_name(a, have),
              making || field_of(step, "build") || field_of(step, "path"), err) < 0)
        return -1;
    if (state && !active && stop(a, step, pool, err) < 0)
        return -1;
    if (autostart && set_autostart(pool, ks_streq(autostart->to, "true"), err) < 0)
        return -1;
    if (check_active(pool, active, err) < 0)
        return -1;
    if (field_of(step, "protect") && ks_storage_protect(a, id_of(a, step), want->protect, err) < 0)
        return -1;
    *ret = KS_CHANGED;
    return making ? ks_storage_made(a, id_of(a, step), err) : 0;
}

static int mark(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    const struct ks_pool *want = (const struct ks_pool *)step->want;

    *ret = a->dry_run ? KS_WOULD_CHANGE : KS_CHANGED;
    if (ks_storage_own(a, id_of(a, step), false, err) < 0)
        return -1;
    if (!ks_stated(&want->o, "protect"))
        return 0;
    return ks_storage_protect(a, id_of(a, step), want->protect, err);
}

static int remove_pool(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    ks_auto(ks_poolp) virStoragePoolPtr pool = NULL, left = NULL;

    if (ks_storage_pool(a, step->name, &pool, err) < 0)
        return -1;
    *ret = !pool ? KS_NOOP : KS_WOULD_CHANGE;
    if (!pool)
        return ks_storage_disown(a, id_of(a, step), err);
    if (a->dry_run)
        return 0;
    if (stop(a, step, pool, err) < 0)
        return -1;
    if (virStoragePoolIsPersistent(pool) == 1 && KS_STORAGE_TRY(a, virStoragePoolUndefine(pool)) < 0)
        return ks_fail_virt(err, "undefine it");
    if (ks_storage_pool(a, step->name, &left, err) < 0)
        return -1;
    if (left)
        return ks_fail(err, KS_E_VERIFY, KS_NOWHERE, "pool %s is still there", step->name);
    *ret = KS_CHANGED;
    return ks_storage_disown(a, id_of(a, step), err);
}

int ks_act_pool(struct ks_acting *a, const struct ks_step *step, enum ks_outcome *ret, struct ks_error *err)
{
    int r;

    if (step->action == KS_ACT_DELETE)
        r = remove_pool(a, step, ret, err);
    else if (step->action == KS_ACT_MARK)
        r = mark(a, step, ret, err);
    else
        r = step->verb == KS_CREATE ? create(a, step, ret, err) : change(a, step, ret, err);
    return r < 0 ? ks_wrap(err, "in pool %s", step->name) : 0;
}
