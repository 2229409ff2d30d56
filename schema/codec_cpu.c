/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU mode, host nodes, clock: what goes with one value is refused, or misread, with another. */
#include "schema/guest.h"
#include "schema/xml.h"

enum { CUSTOM, HOST_MODEL, HOST_PASSTHROUGH, MAXIMUM };
enum { CHECK_FULL = 2 };

static int mode_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *obj, struct ks_error *err)
{
    const struct ks_cpu *want = (const struct ks_cpu *)obj;
    xmlNode *cpu = ks_xml_ensure_child(node, "cpu"), *model = ks_xml_child(cpu, "model");
    const char *name = field->values->names[want->mode];

    (void)err;
    if (obj->null & ks_xml_bit(obj, field))
        name = NULL;
    if (ks_streq(ks_xml_attr(cpu, "mode"), name) && name)
        return 0;
    ks_xml_set_attr(cpu, "mode", name);
    ks_xml_set_attr(cpu, "match", name && want->mode == CUSTOM ? "exact" : NULL);
    ks_xml_set_attr(cpu, "check", NULL);
    if (!name || want->mode < HOST_PASSTHROUGH)
        ks_xml_set_attr(cpu, "migratable", NULL);
    if (model && (!name || want->mode != CUSTOM))
        ks_xml_remove(model, cpu);
    if (!name)
        ks_xml_prune(cpu, node);
    return 0;
}

const struct ks_codec ks_cpu_mode_codec = {.write = mode_write};

/* libvirt gives a guest without a CPU the one that QEMU would, and writes it down: qemu64, custom. */
static bool is_default_model(const struct ks_field *field, const struct ks_obj *have)
{
    const struct ks_cpu *cpu = (const struct ks_cpu *)have;

    (void)field;
    return cpu->mode == CUSTOM && (!cpu->model || ks_streq(cpu->model, "qemu64"));
}

/* It writes how it checks a CPU as well: none or partial, by the model; full is another's choice. */
static bool is_default_check(const struct ks_field *field, const struct ks_obj *have)
{
    (void)field;
    return ((const struct ks_cpu *)have)->check != CHECK_FULL;
}

static bool is_default_cpu(const struct ks_field *field, const struct ks_obj *have)
{
    const struct ks_cpu *cpu = ((const struct ks_guest *)have)->cpu;

    return cpu && is_default_model(field, &cpu->o) && is_default_check(field, &cpu->o) && cpu->features.n == 0 &&
           (!cpu->topology || !ks_stated(&cpu->o, "topology"));
}

const struct ks_codec ks_cpu_codec = {.is_unset = is_default_cpu};
const struct ks_codec ks_cpu_model_codec = {.is_unset = is_default_model};
const struct ks_codec ks_cpu_check_codec = {.is_unset = is_default_check};

/* ---- host nodes --------------------------------------------------------------------------------------------- */

/* Nodes and placement='auto', by which libvirt asks numad for them, exclude each other. */
static int nodes_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    xmlNode *memory;

    if (want->null & ks_xml_bit(want, field)) {
        ks_xml_unset(node, field->xml, NULL, NULL, ks_xml_top(node));
        return 0;
    }
    memory = ks_xml_ensure(node, "/numatune/memory", NULL, NULL, err);
    if (!memory)
        return -1;
    ks_xml_set_attr(memory, "placement", NULL);
    ks_xml_set_attr(memory, "nodeset", ks_cpuset_format(scratch, ks_member(want, field)));
    return 0;
}

const struct ks_codec ks_nodes_codec = {.write = nodes_write};

/* ---- clock -------------------------------------------------------------------------------------------------- */

static int clock_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err)
{
    static const char *const of_others[] = {"timezone", "adjustment", "basis", "start"};
    const bool null = want->null & ks_xml_bit(want, field);
    const char *offset = null ? "utc" : field->values->names[*(const unsigned *)ks_member(want, field)];
    xmlNode *clock = ks_xml_ensure_child(node, "clock");

    if (ks_streq(ks_xml_attr(clock, "offset"), offset))
        return 0;
    if (ks_streq(offset, "timezone") || ks_streq(offset, "absolute"))
        return ks_fail(err, KS_E_UNSUPPORTED, ks_at(want, field->key),
                       "clock: %s needs more than this word; state <clock> in xml", offset);
    for (size_t i = 0; i < KS_COUNT(of_others); i++)
        ks_xml_set_attr(clock, of_others[i], NULL);
    ks_xml_set_attr(clock, "offset", offset);
    return 0;
}

const struct ks_codec ks_clock_codec = {.write = clock_write};
