/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest: its definition and, when it runs, its live XML; then what manifest and ledger have to do with it. */
#include "state/guest.h"

#include "schema/mark.h"
#include "schema/xml.h"

/* Of firmware that libvirt chooses itself, only the XML of a running guest names the store. */
static bool has_nvram(const xmlNode *domain)
{
    const xmlNode *os = ks_xml_child(domain, "os");

    return os && (ks_xml_child(os, "nvram") || ks_streq(ks_xml_attr(os, "firmware"), "efi"));
}

static struct ks_guest *parse(struct ks_arena *arena, struct ks_xml_scratch *xml, const char *text,
                              struct ks_seen_guest *guest, struct ks_error *err)
{
    const size_t len = text ? strlen(text) : 0;
    xmlNode *root = text ? ks_xml_scratch_parse(xml, text, len, err) : NULL;
    struct ks_guest_mark mark;
    struct ks_guest *ret;

    if (text)
        guest->hash = ks_hash_long(guest->hash, text, len);
    if (!root)
        return NULL;
    ret = (struct ks_guest *)ks_obj_new(arena, &ks_guest_kind, guest->name);
    ks_xml_read(arena, root, &ret->o);
    ks_guest_mark_read(root, &mark);
    guest->has_nvram = guest->has_nvram || has_nvram(root);
    guest->owned = guest->owned || mark.owned;
    guest->protect = guest->protect || mark.protect;
    ks_obj_forget_xml(&ret->o);
    return ret;
}

static unsigned state_of(const struct ks_listed_guest *listed, const struct ks_seen_guest *guest)
{
    if (guest->id < 0)
        return KS_GUEST_STOPPED;
    return listed->flags & KS_LISTED_PAUSED ? KS_GUEST_PAUSED : KS_GUEST_RUNNING;
}

/* "BOOT-ID ID PATHS", noted when the definition was written: good while the guest has not been off since. */
static const char *read_pending(const struct ks_guest_settling *with, struct ks_arena *arena,
                                const struct ks_seen_guest *guest)
{
    const char *note, *expected;

    if (!with->o->ledger || !with->boot_id || guest->id < 0)
        return NULL;
    note = ks_ledger_note(with->o->ledger, ks_sprintf(arena, "guest/%s", guest->name), "pending");
    expected = ks_sprintf(arena, "%s %d ", with->boot_id, guest->id);
    return note && ks_starts(note, expected) ? ks_strdup(arena, note + strlen(expected)) : NULL;
}

bool ks_is_lent_by(const char *id, const char *guest)
{
    return ks_streq(strrchr(id, '/') + 1, guest);
}

/* It has been off since, by somebody else's hand, or it is another guest: what was owed is owed no more. */
static bool is_over(const struct ks_guest_settling *with, const struct ks_lent *lent,
                    const struct ks_seen_guest *guest)
{
    if (!ks_streq(lent->boot, with->boot_id ? with->boot_id : "") || !ks_streq(lent->uuid, guest->uuid))
        return true;
    return guest->id >= 0 ? guest->id != lent->id : !lent->off;
}

static void read_lent(const struct ks_guest_settling *with, struct ks_arena *arena, const char *id,
                      struct ks_seen_guest *guest)
{
    const char *text = ks_ledger_note(with->o->ledger, id, KS_LENT_NOTE);
    ks_auto(ks_error_done) struct ks_error failed = {0};
    struct ks_lent lent;

    if (!text || ks_lent_read(arena, text, &lent, &failed) < 0) {
        guest->lent_problem =
            ks_sprintf(arena, "what a run that was cut off took from it cannot be read (%s in ledger.json): %s", id,
                       text ? ks_error_text(arena, &failed) : "there is no note");
        return;
    }
    if (is_over(with, &lent, guest)) {
        *ks_vec_add(arena, &guest->over) = id;
        return;
    }
    for (size_t i = 0; i < lent.devices.n; i++)
        lent.devices.v[i].is_there =
            ks_file_exists(with->o->root, ks_sprintf(arena, "sys/bus/pci/devices/%s", lent.devices.v[i].address));
    *ks_vec_add(arena, &guest->lents.v) = lent;
    guest->hash = ks_hash_str(guest->hash, text);
}

static void read_lents(const struct ks_guest_settling *with, struct ks_arena *arena, struct ks_seen_guest *guest)
{
    for (size_t i = 0; i < with->lent.n; i++)
        if (ks_is_lent_by(with->lent.v[i], guest->name))
            read_lent(with, arena, with->lent.v[i], guest);
}

/* As the definition has it; where that could not be read, libvirt still knows it. */
static const char *uuid_of(struct ks_arena *arena, const struct ks_listed_guest *listed,
                           const struct ks_seen_guest *guest)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (guest->config && guest->config->uuid)
        return guest->config->uuid;
    return virDomainGetUUIDString(listed->handle, uuid) == 0 ? ks_strdup(arena, uuid) : NULL;
}

static const struct ks_guest *wanted_guest(const struct ks_observing *o, const char *name)
{
    const struct ks_guest *want = o->want ? (const struct ks_guest *)ks_map_get(&o->want->guests, name) : NULL;

    for (size_t i = 0; !want && o->want && i < o->want->guests.n; i++)
        if (ks_streq(((const struct ks_guest *)o->want->guests.v[i])->was, name))
            want = (const struct ks_guest *)o->want->guests.v[i];
    return want;
}

static bool is_another_image(const struct ks_disk *want, const struct ks_disk *have)
{
    const char *path = have->file ? have->file : have->block, *name = path ? strrchr(path, '/') : NULL;

    if (want->file || want->block)
        return path && !ks_streq(want->file ? want->file : want->block, path);
    /* A volume that stands in the XML by its path has its name at that path's end. */
    return want->volume && name && !ks_streq(strrchr(want->volume, '/'), name);
}

/* A snapshot of somebody else's puts a layer over a disk's image: the definition then names that layer. */
static int count_snapshots(const struct ks_guest *want, const struct ks_guest *have, virDomainPtr domain)
{
    for (size_t i = 0; want && have && i < want->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)want->disks.v[i];
        const struct ks_disk *there = (const struct ks_disk *)ks_map_get(&have->disks, disk->o.key);
        if (there && is_another_image(disk, there))
            return virDomainSnapshotNum(domain, 0);
    }
    return 0;
}

static char *read_text(const struct ks_listed_guest *listed, unsigned flags, struct ks_error *err)
{
    char *ret = virDomainGetXMLDesc(listed->handle, flags);

    if (!ret)
        (void)ks_fail_virt(err, "read the definition of guest %s", listed->name);
    return ret;
}

void ks_guest_fetch(const struct ks_listed_guest *listed, struct ks_guest_fetched *ret)
{
    ret->config_text = read_text(listed, VIR_DOMAIN_XML_INACTIVE, &ret->err);
    if (ret->config_text && listed->id >= 0)
        ret->live_text = read_text(listed, 0, &ret->err);
}

void ks_guest_parse(struct ks_arena *arena, struct ks_xml_scratch *xml, const struct ks_listed_guest *listed,
                    struct ks_seen_guest *ret, struct ks_guest_fetched *fetched)
{
    ret->name = ks_strdup(arena, listed->name);
    ret->id = listed->id;
    ret->persistent = !(listed->flags & KS_LISTED_TRANSIENT);
    ret->autostart = listed->flags & KS_LISTED_AUTOSTART;
    ret->managed_save = listed->flags & KS_LISTED_SAVED;
    ret->state = state_of(listed, ret);
    ret->hash = KS_HASH_START;
    ret->config = fetched->config = parse(arena, xml, fetched->config_text, ret, &fetched->err);
    ret->uuid = uuid_of(arena, listed, ret);
    if (ret->config)
        ret->live = fetched->live = parse(arena, xml, fetched->live_text, ret, &fetched->err);
}

void ks_guest_fetched_done(struct ks_guest_fetched *fetched)
{
    free(fetched->config_text);
    free(fetched->live_text);
    fetched->config_text = fetched->live_text = NULL;
    ks_error_done(&fetched->err);
}

/* Fragments are compared with the whole of the XML, which is kept for those guests alone that state some. */
static void keep_texts(struct ks_arena *arena, struct ks_guest_fetched *fetched)
{
    if (fetched->config)
        fetched->config->xml = ks_strdup(arena, fetched->config_text);
    if (fetched->live)
        fetched->live->xml = ks_strdup(arena, fetched->live_text);
}

void ks_guest_settle(const struct ks_guest_settling *with, struct ks_arena *arena, struct ks_listed_guest *listed,
                     struct ks_seen_guest *ret, struct ks_guest_fetched *fetched)
{
    const struct ks_guest *want = wanted_guest(with->o, ret->name);

    if (with->o->keep_xml || (want && ks_has(&want->o, "xml")))
        keep_texts(arena, fetched);
    ret->snapshots = count_snapshots(want, ret->config, listed->handle);
    ret->pending = read_pending(with, arena, ret);
    read_lents(with, arena, ret);
    ret->hash = ks_hash(ret->hash, &ret->state, sizeof ret->state);
    ret->hash = ks_hash(ret->hash, &ret->autostart, sizeof ret->autostart);
    if (fetched->err.n > 0)
        ret->unknown = ks_error_text(arena, &fetched->err);
    ks_guest_fetched_done(fetched);
    (void)virDomainFree(listed->handle); /* here, where there are many hands */
    listed->handle = NULL;
}

/* Storage that is to go may be in use by a guest that nobody names. */
static bool removes_storage(const struct ks_manifest *want)
{
    for (size_t i = 0; i < want->pools.n; i++)
        if (((const struct ks_pool *)want->pools.v[i])->state != 0)
            return true;
    for (size_t i = 0; i < want->volumes.n; i++) {
        const struct ks_pool_volumes *pool = (const struct ks_pool_volumes *)want->volumes.v[i];
        for (size_t k = 0; k < pool->volumes.n; k++)
            if (((const struct ks_volume *)pool->volumes.v[k])->state != 0)
                return true;
    }
    return false;
}

/* A guest that nobody names is read only where something may depend on it. */
static bool is_needed(const struct ks_observing *o, const char *name)
{
    const struct ks_manifest *want = o->want;

    if (!want || o->everything || o->all_guests || (want->defaults && want->defaults->prune) ||
        removes_storage(want))
        return true;
    if (ks_map_get(&want->guests, name))
        return true;
    for (size_t i = 0; i < want->guests.n; i++)
        if (ks_streq(((const struct ks_guest *)want->guests.v[i])->was, name))
            return true;
    return false;
}

static bool is_owed(const struct ks_guest_settling *with, const char *name)
{
    for (size_t i = 0; i < with->lent.n; i++)
        if (ks_is_lent_by(with->lent.v[i], name))
            return true;
    return false;
}

/* One flag for each guest of the outline. */
static const bool *choose(const struct ks_guest_settling *with, const struct ks_outline *outline)
{
    bool *ret = ks_new_n(with->o->arena, bool, outline->guests.n + 1);

    for (size_t i = 0; i < outline->guests.n; i++)
        ret[i] = is_needed(with->o, outline->guests.v[i].name) || is_owed(with, outline->guests.v[i].name);
    return ret;
}

static bool is_listed(const struct ks_outline *outline, const char *lent)
{
    for (size_t i = 0; i < outline->guests.n; i++)
        if (ks_is_lent_by(lent, outline->guests.v[i].name))
            return true;
    return false;
}

/* Notes on guests that are gone. Before any is read: who reads a guest frees its name in the outline. */
static void list_gone(const struct ks_guest_settling *with, const struct ks_outline *outline,
                      struct ks_observed *ret)
{
    for (size_t i = 0; i < with->lent.n; i++)
        if (!is_listed(outline, with->lent.v[i]))
            *ks_vec_add(with->o->arena, &ret->over) = with->lent.v[i];
}

/* Notes on guests that were off since. */
static void list_over(const struct ks_guest_settling *with, struct ks_observed *ret)
{
    for (size_t i = 0; i < ret->guests.n; i++)
        for (size_t k = 0; k < ret->guests.v[i].over.n; k++)
            *ks_vec_add(with->o->arena, &ret->over) = ret->guests.v[i].over.v[k];
}

static int read_listed(struct ks_observing *o, struct ks_outline *outline, struct ks_observed *ret,
                       struct ks_error *err)
{
    struct ks_guest_settling with = {.o = o};

    if (o->ledger)
        ks_ledger_list(o->ledger, KS_LENT_PREFIX, o->arena, &with.lent);
    list_gone(&with, outline, ret);
    if (o->ledger && (outline->any_runs || with.lent.n > 0) &&
        ks_attr_read(o->root, "proc/sys/kernel/random/boot_id", o->arena, &with.boot_id, err) < 0)
        return -1;
    ks_readers_read(outline, &with, choose(&with, outline), ret);
    list_over(&with, ret);
    return 0;
}

int ks_observe_guests(struct ks_observing *o, struct ks_observed *ret, struct ks_error *err)
{
    struct ks_outline *outline = o->outline;

    if (outline->failed.code == KS_E_NONE) {
        if (read_listed(o, outline, ret, err) < 0)
            return -1;
        ks_observe_passwords(o, ret);
        return 0;
    }
    *err = outline->failed;
    outline->failed = (struct ks_error){0};
    return -1;
}
