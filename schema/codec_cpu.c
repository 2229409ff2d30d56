/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A CPU's mode: the attributes and the model that go with one mode are refused, or misread, with another. */
#include "schema/guest.h"
#include "schema/xml.h"

enum { CUSTOM, HOST_MODEL, HOST_PASSTHROUGH, MAXIMUM };

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
