/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory, vCPUs, iothreads and huge pages. <memory> is the ceiling and <currentMemory> what the guest has; <vcpu>
 * is the ceiling and its attribute `current` what is plugged in. Each of the two follows where the other would
 * leave the pair impossible: a value above the ceiling raises it, a ceiling below the value lowers that.
 */
#include <inttypes.h>

#include "schema/guest.h"
#include "schema/xml.h"

enum { MIB = 1 << 20 };

static bool is_null(const struct ks_field *field, const struct ks_obj *obj)
{
    return obj->null & ks_xml_bit(obj, field);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* Bytes; 0 when the element is missing or no size. */
static uint64_t read_size(struct ks_arena *arena, xmlNode *domain, const char *name)
{
    const xmlNode *node = ks_xml_child(domain, name);
    const char *unit = node ? ks_xml_attr(node, "unit") : NULL;
    const uint64_t scale = ks_xml_unit(unit ? unit : "KiB");
    uint64_t number;

    if (!node || ks_parse_u64(ks_xml_content(arena, node), &number) < 0 ||
        __builtin_mul_overflow(number, scale, &number))
        return 0;
    return number;
}

static void write_number(xmlNode *node, uint64_t bytes, const char *attr)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, (bytes + 1023) / 1024);
    ks_xml_set_attr(node, "unit", "KiB");
    if (attr)
        ks_xml_set_attr(node, attr, text);
    else
        ks_xml_set_content(node, text);
}

static uint64_t cell_size(const xmlNode *cell)
{
    const char *unit = ks_xml_attr(cell, "unit"), *text = ks_xml_attr(cell, "memory");
    uint64_t number;

    if (!text || ks_parse_u64(text, &number) < 0 ||
        __builtin_mul_overflow(number, ks_xml_unit(unit ? unit : "KiB"), &number))
        return 0;
    return number;
}

/*
 * Of a guest with NUMA cells, their sum is what libvirt takes for the ceiling: they grow and shrink with it, each
 * in its share, in whole MiB; what rounding leaves is the first one's. Cells that the manifest states are written
 * after this, as they are.
 */
static void share_among_cells(xmlNode *domain, uint64_t bytes)
{
    xmlNode *first = ks_xml_find(domain, "cpu/numa/cell", NULL);
    uint64_t sum = 0, left = bytes;

    for (const xmlNode *c = first; c; c = ks_xml_next(c, "cell"))
        sum += cell_size(c);
    if (!sum || sum == bytes)
        return;
    for (xmlNode *c = ks_xml_next(first, "cell"); c; c = ks_xml_next(c, "cell")) {
        const uint64_t share = (uint64_t)((double)cell_size(c) / (double)sum * (double)bytes) / MIB * MIB;
        left -= share;
        write_number(c, share, "memory");
    }
    write_number(first, left, "memory");
}

static void write_size(xmlNode *domain, const char *name, uint64_t bytes)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();

    if (ks_streq(name, "memory")) {
        share_among_cells(domain, bytes);
        /* Room for memory devices, where a definition made elsewhere has it: never less than the memory. */
        if (ks_xml_child(domain, "maxMemory") && read_size(scratch, domain, "maxMemory") < bytes)
            write_number(ks_xml_child(domain, "maxMemory"), bytes, NULL);
    }
    if (read_size(scratch, domain, name) != bytes)
        write_number(ks_xml_ensure_child(domain, name), bytes, NULL);
}

static uint64_t has_memory(xmlNode *domain, const char *name)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();

    return read_size(scratch, domain, name);
}

static void memory_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    uint64_t *value = ks_member(obj, field);

    *value = read_size(arena, node, "currentMemory");
    if (!*value)
        *value = read_size(arena, node, "memory");
    if (*value)
        ks_xml_mark(obj, field);
}

static int memory_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                        struct ks_error *err)
{
    const uint64_t value = *(const uint64_t *)ks_member(want, field);
    xmlNode *current = ks_xml_child(node, "currentMemory");

    (void)err;
    if (is_null(field, want)) {
        if (current)
            ks_xml_remove(current, node);
        return 0;
    }
    if (has_memory(node, "memory") < value)
        write_size(node, "memory", value);
    write_size(node, "currentMemory", value);
    return 0;
}

/* QEMU has memory in whole MiB, and libvirt rounds up to them when the guest starts. */
static uint64_t whole_mib(uint64_t bytes)
{
    return (bytes + MIB - 1) / MIB * MIB;
}

static bool memory_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;

    if (!have)
        return false;
    if (is_null(field, want))
        return h->memory == h->max_memory;
    return w->memory == h->memory || (whole_mib(w->memory) == h->max_memory && h->memory == h->max_memory);
}

static void max_memory_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    uint64_t *value = ks_member(obj, field);

    *value = read_size(arena, node, "memory");
    if (*value)
        ks_xml_mark(obj, field);
}

static int max_memory_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                            struct ks_error *err)
{
    const uint64_t current = has_memory(node, "currentMemory"), old = has_memory(node, "memory");
    uint64_t value = *(const uint64_t *)ks_member(want, field);

    (void)err;
    if (is_null(field, want))
        value = current ? current : old;
    if (!current && old && old < value) /* it has what the ceiling was, and keeps that */
        write_size(node, "currentMemory", old);
    write_size(node, "memory", value);
    if (current > value)
        write_size(node, "currentMemory", value);
    return 0;
}

static bool max_memory_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;

    if (!have)
        return false;
    if (is_null(field, want))
        return whole_mib(h->memory) == whole_mib(h->max_memory);
    return whole_mib(w->max_memory) == whole_mib(h->max_memory);
}

const struct ks_codec ks_memory_codec = {.read = memory_read, .write = memory_write, .same = memory_same};
const struct ks_codec ks_max_memory_codec = {
    .read = max_memory_read, .write = max_memory_write, .same = max_memory_same};

/* ---- vCPUs -------------------------------------------------------------------------------------------------- */

struct vcpus {
    uint64_t max, current;
};

static struct vcpus read_vcpus(xmlNode *domain)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const xmlNode *node = ks_xml_child(domain, "vcpu");
    const char *current = node ? ks_xml_attr(node, "current") : NULL;
    struct vcpus ret = {1, 1};

    if (node && ks_parse_u64(ks_xml_content(scratch, node), &ret.max) < 0)
        ret.max = 1;
    ret.current = ret.max;
    if (current && ks_parse_u64(current, &ret.current) < 0)
        ret.current = ret.max;
    return ret;
}

static bool is_enabled(const xmlNode *vcpu)
{
    return ks_streq(ks_xml_attr(vcpu, "enabled"), "yes");
}

static bool is_pluggable(const xmlNode *vcpu)
{
    return ks_streq(ks_xml_attr(vcpu, "hotpluggable"), "yes");
}

static void set_number(xmlNode *node, const char *attr, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    ks_xml_set_attr(node, attr, text);
}

/* As many <vcpu> as the ceiling: new ones are unplugged. */
static void resize_states(xmlNode *states, uint64_t max)
{
    uint64_t n = 0;
    xmlNode *next;

    for (xmlNode *v = ks_xml_child(states, "vcpu"); v; v = next, n++) {
        next = ks_xml_next(v, "vcpu");
        if (n < max)
            continue;
        xmlUnlinkNode(v);
        xmlFreeNode(v);
    }
    for (; n < max; n++) {
        xmlNode *v = ks_xml_add(states, "vcpu");
        set_number(v, "id", n);
        ks_xml_set_attr(v, "enabled", "no");
        ks_xml_set_attr(v, "hotpluggable", "yes");
    }
}

/* The last one that can go; else the last one at all: a definition may say so, a running guest may not. */
static xmlNode *last_enabled(const xmlNode *states)
{
    xmlNode *any = NULL, *pluggable = NULL;

    for (xmlNode *v = ks_xml_child(states, "vcpu"); v; v = ks_xml_next(v, "vcpu")) {
        if (!is_enabled(v))
            continue;
        any = v;
        if (is_pluggable(v))
            pluggable = v;
    }
    return pluggable ? pluggable : any;
}

static xmlNode *first_disabled(const xmlNode *states)
{
    xmlNode *v = ks_xml_child(states, "vcpu");

    while (v && is_enabled(v))
        v = ks_xml_next(v, "vcpu");
    return v;
}

/*
 * <vcpus> states each vCPU by itself, and libvirt takes it over what <vcpu> says: it must follow. libvirt writes it
 * once vCPUs were plugged into a running guest. The order of plugging is no longer what it was, so it goes.
 */
static void write_states(xmlNode *domain, struct vcpus vcpus)
{
    xmlNode *states = ks_xml_child(domain, "vcpus"), *v;
    uint64_t enabled = 0;

    if (!states)
        return;
    resize_states(states, vcpus.max);
    for (v = ks_xml_child(states, "vcpu"); v; v = ks_xml_next(v, "vcpu")) {
        ks_xml_set_attr(v, "order", NULL);
        enabled += is_enabled(v);
    }
    for (; enabled > vcpus.current && (v = last_enabled(states)); enabled--) {
        ks_xml_set_attr(v, "enabled", "no");
        ks_xml_set_attr(v, "hotpluggable", "yes");
    }
    for (; enabled < vcpus.current && (v = first_disabled(states)); enabled++)
        ks_xml_set_attr(v, "enabled", "yes");
}

static uint64_t part(const xmlNode *topology, const char *name)
{
    const char *text = ks_xml_attr(topology, name);
    uint64_t number;

    return text && ks_parse_u64(text, &number) == 0 && number ? number : 1;
}

/*
 * libvirt wants the topology to make up the ceiling. One that the manifest states is written after this; of
 * another, the sockets follow where they can.
 */
static int fit_topology(xmlNode *domain, const struct ks_guest *want, uint64_t max, struct ks_error *err)
{
    xmlNode *topology = ks_xml_find(domain, "cpu/topology", NULL);
    uint64_t socket;

    if (!topology || (ks_has(&want->o, "cpu") && ks_stated(&want->cpu->o, "topology")))
        return 0;
    socket = part(topology, "dies") * part(topology, "cores") * part(topology, "threads");
    if (max % socket)
        return ks_fail(err, KS_E_CONFLICT, ks_at(&want->o, "max-vcpus"),
                       "%" PRIu64 " vCPUs do not fit the guest's topology, of %" PRIu64
                       " in a socket: state cpu.topology",
                       max, socket);
    set_number(topology, "sockets", max / socket);
    return 0;
}

static void write_vcpus(xmlNode *domain, struct vcpus vcpus)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    xmlNode *node = ks_xml_ensure_child(domain, "vcpu");

    ks_xml_set_content(node, ks_sprintf(scratch, "%" PRIu64, vcpus.max));
    if (vcpus.current == vcpus.max)
        ks_xml_set_attr(node, "current", NULL);
    else
        set_number(node, "current", vcpus.current);
    write_states(domain, vcpus);
}

static void vcpus_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    (void)arena;
    *(uint64_t *)ks_member(obj, field) = read_vcpus(node).current;
    ks_xml_mark(obj, field);
}

static int vcpus_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    struct vcpus vcpus = read_vcpus(node);

    vcpus.current = is_null(field, want) ? vcpus.max : *(const uint64_t *)ks_member(want, field);
    if (!ks_xml_child(node, "vcpu") || vcpus.max < vcpus.current)
        vcpus.max = vcpus.current;
    write_vcpus(node, vcpus);
    return fit_topology(node, (const struct ks_guest *)want, vcpus.max, err);
}

static bool vcpus_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;

    return have && h->vcpus == (is_null(field, want) ? h->max_vcpus : w->vcpus);
}

static void max_vcpus_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    (void)arena;
    *(uint64_t *)ks_member(obj, field) = read_vcpus(node).max;
    ks_xml_mark(obj, field);
}

static int max_vcpus_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                           struct ks_error *err)
{
    struct vcpus vcpus = read_vcpus(node);

    vcpus.max = is_null(field, want) ? vcpus.current : *(const uint64_t *)ks_member(want, field);
    if (vcpus.current > vcpus.max)
        vcpus.current = vcpus.max;
    write_vcpus(node, vcpus);
    return fit_topology(node, (const struct ks_guest *)want, vcpus.max, err);
}

static bool max_vcpus_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_guest *w = (const struct ks_guest *)want, *h = (const struct ks_guest *)have;

    return have && h->max_vcpus == (is_null(field, want) ? h->vcpus : w->max_vcpus);
}

/* Without <vcpus>, all that are there were there at the start, and none can be unplugged. */
static void min_vcpus_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    uint64_t *fixed = ks_member(obj, field);
    const xmlNode *states = ks_xml_child(node, "vcpus");

    (void)arena;
    *fixed = states ? 0 : read_vcpus(node).current;
    for (const xmlNode *v = states ? ks_xml_child(states, "vcpu") : NULL; v; v = ks_xml_next(v, "vcpu"))
        *fixed += is_enabled(v) && !is_pluggable(v);
    ks_xml_mark(obj, field);
}

const struct ks_codec ks_vcpus_codec = {.read = vcpus_read, .write = vcpus_write, .same = vcpus_same};
const struct ks_codec ks_max_vcpus_codec = {
    .read = max_vcpus_read, .write = max_vcpus_write, .same = max_vcpus_same};
const struct ks_codec ks_min_vcpus_codec = {.read = min_vcpus_read};

/* ---- iothreads ---------------------------------------------------------------------------------------------- */

static void iothreads_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    const xmlNode *iothreads = ks_xml_child(node, "iothreads");

    if (iothreads && ks_parse_u64(ks_xml_content(arena, iothreads), ks_member(obj, field)) == 0)
        ks_xml_mark(obj, field);
}

/* <iothreadids> numbers them; libvirt numbers those that it does not name. More names than threads are refused. */
static void trim_ids(xmlNode *domain, uint64_t n)
{
    xmlNode *ids = ks_xml_child(domain, "iothreadids"), *next;
    uint64_t i = 0;

    for (xmlNode *id = ids ? ks_xml_child(ids, "iothread") : NULL; id; id = next, i++) {
        next = ks_xml_next(id, "iothread");
        if (i >= n) {
            xmlUnlinkNode(id);
            xmlFreeNode(id);
        }
    }
    if (ids && !ks_xml_child(ids, NULL))
        ks_xml_remove(ids, domain);
}

static int iothreads_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                           struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const uint64_t n = is_null(field, want) ? 0 : *(const uint64_t *)ks_member(want, field);
    xmlNode *iothreads = ks_xml_child(node, "iothreads");

    (void)err;
    trim_ids(node, n);
    if (n)
        ks_xml_set_content(ks_xml_ensure_child(node, "iothreads"), ks_sprintf(scratch, "%" PRIu64, n));
    else if (iothreads)
        ks_xml_remove(iothreads, node);
    return 0;
}

const struct ks_codec ks_iothreads_codec = {.read = iothreads_read, .write = iothreads_write};

/* ---- huge pages --------------------------------------------------------------------------------------------- */

static const char default_size[] = "default";

static const char *page_key(struct ks_arena *arena, const xmlNode *page)
{
    const char *size = ks_xml_attr(page, "size"), *unit = ks_xml_attr(page, "unit");
    const uint64_t scale = ks_xml_unit(unit ? unit : "KiB");
    uint64_t number;

    if (!size || ks_parse_u64(size, &number) < 0 || __builtin_mul_overflow(number, scale, &number))
        return default_size;
    return ks_size_format(arena, number);
}

static void hugepages_read(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj)
{
    struct ks_map *map = ks_member(obj, field);
    const xmlNode *pages = ks_xml_find(node, "memoryBacking/hugepages", NULL);
    const xmlNode *page = pages ? ks_xml_child(pages, "page") : NULL;

    if (!pages)
        return;
    ks_xml_mark(obj, field);
    if (!page)
        ks_map_put(arena, map, ks_obj_new(arena, field->kind, default_size));
    for (; page; page = ks_xml_next(page, "page")) {
        struct ks_set *set = (struct ks_set *)ks_obj_new(arena, field->kind, page_key(arena, page));
        const char *nodeset = ks_xml_attr(page, "nodeset");
        if (nodeset && !ks_cpuset_parse(arena, nodeset, &set->value))
            ks_mark(&set->o, "cells");
        ks_map_put(arena, map, &set->o);
    }
}

static void write_page(struct ks_arena *arena, xmlNode *pages, const struct ks_set *set)
{
    xmlNode *page;
    uint64_t bytes;

    if (ks_streq(set->o.key, default_size) || ks_size_parse(set->o.key, &bytes))
        return;
    page = ks_xml_add(pages, "page");
    set_number(page, "size", bytes / 1024);
    ks_xml_set_attr(page, "unit", "KiB");
    if (ks_has(&set->o, "cells"))
        ks_xml_set_attr(page, "nodeset", ks_cpuset_format(arena, &set->value));
}

static int hugepages_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                           struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    const struct ks_map *map = ks_member(want, field);
    xmlNode *pages = ks_xml_find(node, "memoryBacking/hugepages", NULL);

    if (pages)
        ks_xml_remove(pages, node);
    if (is_null(field, want) || map->n == 0)
        return 0;
    pages = ks_xml_ensure(node, "memoryBacking/hugepages", NULL, NULL, err);
    if (!pages)
        return -1;
    for (size_t i = 0; i < map->n; i++)
        write_page(scratch, pages, (const struct ks_set *)map->v[i]);
    return 0;
}

/* A size for all cells may be written with their set, or without: then both say the same only when the set is all.
 */
static bool same_cells(const struct ks_set *want, const struct ks_set *have)
{
    if (!ks_has(&want->o, "cells") || !ks_has(&have->o, "cells"))
        return ks_has(&want->o, "cells") == ks_has(&have->o, "cells");
    return ks_cpuset_equal(&want->value, &have->value);
}

static bool hugepages_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    const struct ks_map *w = ks_member(want, field), *h = have ? ks_member(have, field) : NULL;

    if (is_null(field, want) || !h || w->n != h->n)
        return w->n == 0 && (!h || h->n == 0);
    for (size_t i = 0; i < w->n; i++) {
        const struct ks_obj *found = ks_map_get(h, w->v[i]->key);
        if (!found || !same_cells((const struct ks_set *)w->v[i], (const struct ks_set *)found))
            return false;
    }
    return true;
}

static const char *hugepages_show(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    const struct ks_map *map = ks_member(obj, field);
    struct ks_text out = {.arena = arena};

    for (size_t i = 0; i < map->n; i++) {
        const struct ks_set *set = (const struct ks_set *)map->v[i];
        ks_text_addf(&out, "%s%s", i ? ", " : "", set->o.key);
        if (ks_has(&set->o, "cells"))
            ks_text_addf(&out, ": %s", ks_cpuset_format(arena, &set->value));
    }
    return ks_text_str(&out);
}

const struct ks_codec ks_hugepages_codec = {
    .read = hugepages_read, .write = hugepages_write, .same = hugepages_same, .show = hugepages_show};
