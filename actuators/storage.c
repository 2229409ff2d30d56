/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "actuators/storage.h"

#include "schema/xml.h"

enum { BUSY_MS = 200, BUSY_TRIES = 300 };

bool ks_storage_busy(struct ks_acting *a, unsigned *tries)
{
    const char *message = virGetLastErrorMessage();
    ks_auto(ks_error_done) struct ks_error ignored = {0};

    /* libvirt has no error code of its own for either. */
    if (!message || (!strstr(message, "asynchronous jobs running") && !strstr(message, "still being allocated") &&
                     !strstr(message, "still in use")))
        return false;
    return ++*tries <= BUSY_TRIES && ks_pause(a, BUSY_MS, &ignored) == 0;
}

/* ---- the ledger --------------------------------------------------------------------------------------------- */

int ks_storage_own(struct ks_acting *a, const char *id, bool making, struct ks_error *err)
{
    if (!a->keeping.own || a->dry_run)
        return 0;
    if (a->keeping.own(a->keeping.data, id, err) < 0)
        return -1;
    return making ? a->keeping.note(a->keeping.data, id, "making", "1", err) : 0;
}

int ks_storage_made(struct ks_acting *a, const char *id, struct ks_error *err)
{
    return a->keeping.note && !a->dry_run ? a->keeping.note(a->keeping.data, id, "making", NULL, err) : 0;
}

int ks_storage_note_size(struct ks_acting *a, const char *id, uint64_t asked, uint64_t has, struct ks_error *err)
{
    const char *note = has > asked ? ks_sprintf(a->arena, "%llu", (unsigned long long)asked) : NULL;

    return a->keeping.note && !a->dry_run ? a->keeping.note(a->keeping.data, id, "size", note, err) : 0;
}

int ks_storage_disown(struct ks_acting *a, const char *id, struct ks_error *err)
{
    return a->keeping.disown && !a->dry_run ? a->keeping.disown(a->keeping.data, id, err) : 0;
}

int ks_storage_protect(struct ks_acting *a, const char *id, bool protect, struct ks_error *err)
{
    if (!a->keeping.note || a->dry_run)
        return 0;
    return a->keeping.note(a->keeping.data, id, "protect", protect ? "1" : NULL, err);
}

/* ---- libvirt's objects -------------------------------------------------------------------------------------- */

int ks_storage_pool(struct ks_acting *a, const char *name, virStoragePoolPtr *ret, struct ks_error *err)
{
    *ret = virStoragePoolLookupByName(a->conn, name);
    if (!*ret && ks_virt_errno() != VIR_ERR_NO_STORAGE_POOL)
        return ks_fail_virt(err, "look up pool %s", name);
    return 0;
}

int ks_storage_place(struct ks_acting *a, virStoragePoolPtr pool, struct ks_storage_place *ret,
                     struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virStoragePoolGetXMLDesc(pool, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const char *path;

    if (!text)
        return ks_fail_virt(err, "read pool %s", virStoragePoolGetName(pool));
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    path = ks_xml_get(a->arena, xmlDocGetRootElement(doc), "target/path", NULL);
    ret->type = ks_strdup(a->arena, ks_xml_attr(xmlDocGetRootElement(doc), "type"));
    ret->path = ks_strdup(a->arena, path ? path : "");
    ret->files = ks_streq(ret->type, "dir") || ks_streq(ret->type, "fs") || ks_streq(ret->type, "netfs");
    return 0;
}

int ks_storage_volume(struct ks_acting *a, virStoragePoolPtr pool, const char *name, virStorageVolPtr *ret,
                      struct ks_error *err)
{
    (void)a;
    *ret = virStorageVolLookupByName(pool, name);
    if (!*ret && ks_virt_errno() != VIR_ERR_NO_STORAGE_VOL)
        return ks_fail_virt(err, "look up volume %s", name);
    return 0;
}

int ks_storage_read(struct ks_acting *a, virStorageVolPtr volume, struct ks_volume **ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virStorageVolGetXMLDesc(volume, 0);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (!text)
        return ks_fail_virt(err, "read volume %s", virStorageVolGetName(volume));
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    *ret = (struct ks_volume *)ks_obj_new(a->arena, &ks_volume_kind, virStorageVolGetName(volume));
    ks_xml_read(a->arena, xmlDocGetRootElement(doc), &(*ret)->o);
    ks_obj_forget_xml(&(*ret)->o);
    return 0;
}

xmlNode *ks_storage_add(xmlNode *parent, const char *name, const char *text)
{
    xmlNode *node = xmlNewChild(parent, NULL, BAD_CAST name, NULL);

    if (text)
        xmlNodeAddContent(node, BAD_CAST text);
    return node;
}
