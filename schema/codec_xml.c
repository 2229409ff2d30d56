/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments: XML that the manifest states as such. Each element is merged into the domain: one of its kind exists,
 * or one is told from the next by attributes; what the fragment says is laid over it, the rest stays. The host
 * satisfies a fragment that is a subset of what it has.
 */
#include <libxml/parser.h>

#include "schema/guest.h"
#include "schema/xml.h"

/* Elements that stand under <devices>. */
static const char *const device_names[] = {
    "emulator", "disk",    "controller", "lease",       "filesystem", "interface", "smartcard",  "serial",
    "parallel", "console", "channel",    "input",       "tpm",        "graphics",  "sound",      "audio",
    "video",    "hostdev", "redirdev",   "redirfilter", "hub",        "watchdog",  "memballoon", "rng",
    "nvram",    "panic",   "shmem",      "memory",      "iommu",      "vsock",     "crypto",     "pstore",
};

/*
 * Elements that there may be several of, and what tells one from the next: paths of attributes. One whose fragment
 * states none of them is its own identity: it is there when one like it is, and else is added.
 */
static const struct repeatable {
    const char *name;
    const char *id[KS_XML_IDS];
} repeatables[] = {
    {"disk", {"target/@dev"}},
    {"controller", {"@type", "@model"}},
    {"lease", {"key"}},
    {"filesystem", {"target/@dir"}},
    {"interface", {"mac/@address"}},
    {"smartcard", {"@mode"}},
    {"serial", {"target/@port"}},
    {"parallel", {"target/@port"}},
    {"console", {"target/@type", "target/@port"}},
    {"channel", {"target/@name", "target/@type"}},
    {"input", {"@type", "@bus"}},
    {"graphics", {"@type"}},
    {"sound", {"@model"}},
    {"audio", {"@id"}},
    {"video", {"model/@type"}},
    {"hostdev", {"@type"}},
    {"redirdev", {"@bus", "@type"}},
    {"hub", {"@type"}},
    {"watchdog", {"@model"}},
    {"rng", {"backend/@model"}},
    {"panic", {"@model"}},
    {"shmem", {"@name"}},
    {"memory", {"@model"}},
    {"crypto", {"@model"}},
    {"seclabel", {"@type", "@model"}},
    {"sysinfo", {"@type"}},
    {"timer", {"@name"}},
    {"feature", {"@name"}},
    {"vcpupin", {"@vcpu"}},
    {"iothreadpin", {"@iothread"}},
    {"vcpusched", {"@vcpus"}},
    {"iothreadsched", {"@iothreads"}},
    {"cell", {"@id"}},
    {"page", {"@size"}},
    {"entry", {"@name"}},
    {"boot", {"@dev"}},
    {"host", {"@name"}},
    {"tag", {"@id"}},
    {"device", {"@path"}},
    {"memnode", {"@cellid"}},
    {"vcpu", {"@id"}},
    {"iothread", {"@id"}},
    {"arg", {"@value"}},
    {"env", {"@name"}},
    {"capability", {"@name"}},
};

/* ---- names -------------------------------------------------------------------------------------------------- */

static bool same_name(const xmlNode *a, const xmlNode *b)
{
    const char *x = a->ns ? (const char *)a->ns->href : NULL, *y = b->ns ? (const char *)b->ns->href : NULL;

    return ks_streq((const char *)a->name, (const char *)b->name) && ks_streq(x, y);
}

static xmlNode *next_element(xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

static xmlNode *next_named(xmlNode *node, const xmlNode *like)
{
    for (node = next_element(node); node; node = next_element(node->next))
        if (same_name(node, like))
            return node;
    return NULL;
}

bool ks_xml_is_device(const xmlNode *node)
{
    for (size_t i = 0; i < KS_COUNT(device_names); i++)
        if (ks_xml_is(node, device_names[i]))
            return true;
    return false;
}

static bool is_named(const xmlNode *node, const char *name)
{
    return node && ks_streq((const char *)node->name, name);
}

/* <memory> is a device, else there is one; <vcpu> likewise in <vcpus>. */
static const struct repeatable *repeatable_of(const xmlNode *node, const xmlNode *parent)
{
    const bool is_one = (ks_xml_is(node, "memory") && !is_named(parent, "devices")) ||
                        (ks_xml_is(node, "vcpu") && !is_named(parent, "vcpus"));

    for (size_t i = 0; i < KS_COUNT(repeatables) && !is_one; i++)
        if (ks_streq((const char *)node->name, repeatables[i].name))
            return &repeatables[i];
    return NULL;
}

/* ---- subset ------------------------------------------------------------------------------------------------- */

static bool is_subset(struct ks_arena *arena, xmlNode *want, xmlNode *have);

static const char *trimmed(struct ks_arena *arena, const xmlNode *node)
{
    const char *text = ks_xml_content(arena, node);
    size_t n;

    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    return ks_strndup(arena, text, n);
}

/* "0x1a" and "26" are one number to libvirt; a number with a leading zero is the same without. */
static bool same_value(const char *want, const char *have)
{
    char *a, *b;
    unsigned long x, y;

    if (ks_streq(want, have))
        return true;
    if (!have || !ks_starts(want, "0x") || !ks_starts(have, "0x"))
        return false;
    x = strtoul(want, &a, 16);
    y = strtoul(have, &b, 16);
    return !*a && !*b && x == y;
}

static bool attrs_are_subset(const xmlNode *want, const xmlNode *have)
{
    for (const xmlAttr *a = want->properties; a; a = a->next)
        if (!a->ns &&
            !same_value(ks_xml_attr(want, (const char *)a->name), ks_xml_attr(have, (const char *)a->name)))
            return false;
    return true;
}

static bool has_subset(struct ks_arena *arena, xmlNode *want, xmlNode *parent)
{
    for (xmlNode *h = next_named(parent->children, want); h; h = next_named(h->next, want))
        if (is_subset(arena, want, h))
            return true;
    return false;
}

static bool is_subset(struct ks_arena *arena, xmlNode *want, xmlNode *have)
{
    if (!attrs_are_subset(want, have))
        return false;
    if (!next_element(want->children)) {
        const char *text = trimmed(arena, want);
        return !*text || ks_streq(text, trimmed(arena, have));
    }
    for (xmlNode *c = next_element(want->children); c; c = next_element(c->next))
        if (!has_subset(arena, c, have))
            return false;
    return true;
}

/* ---- merging ------------------------------------------------------------------------------------------------ */

/* A host device is told by its address on the host, of whatever sort that is. */
static bool same_hostdev(struct ks_arena *arena, xmlNode *want, xmlNode *have)
{
    xmlNode *w = ks_xml_child(want, "source"), *h = ks_xml_child(have, "source");

    return w && h && is_subset(arena, w, h);
}

static bool same_identity(struct ks_arena *arena, const struct repeatable *r, xmlNode *want, xmlNode *have)
{
    bool any = false;

    if (ks_xml_is(want, "hostdev"))
        return same_hostdev(arena, want, have);
    /* A controller with a number is that one, whatever it was; one without is any of its model. */
    if (ks_xml_is(want, "controller") && ks_xml_attr(want, "index"))
        return ks_streq(ks_xml_attr(want, "type"), ks_xml_attr(have, "type")) &&
               same_value(ks_xml_attr(want, "index"), ks_xml_attr(have, "index"));
    for (size_t i = 0; i < KS_COUNT(r->id) && r->id[i]; i++) {
        const char *w = ks_xml_get(arena, want, r->id[i], NULL);
        if (!w)
            continue;
        any = true;
        if (!same_value(w, ks_xml_get(arena, have, r->id[i], NULL)))
            return false;
    }
    return any || is_subset(arena, want, have);
}

/* Another type or model of a thing is another thing: what was said of the old one does not hold for it. */
static bool is_another(const xmlNode *want, const xmlNode *have)
{
    static const char *const attrs[] = {"type", "model"};

    for (size_t i = 0; i < KS_COUNT(attrs); i++) {
        const char *w = ks_xml_attr(want, attrs[i]), *h = ks_xml_attr(have, attrs[i]);
        if (w && h && !ks_streq(w, h))
            return true;
    }
    return false;
}

/* Another sort of thing under a name that the fragment does not say: not the one that it means. */
static bool is_somebody_elses(struct ks_arena *arena, const struct repeatable *r, xmlNode *want, xmlNode *have)
{
    return is_another(want, have) && r->id[0] && !ks_xml_get(arena, want, r->id[0], NULL) &&
           ks_xml_get(arena, have, r->id[0], NULL);
}

/* Of several that the identity fits, the one that says all of it already, before one of the same sort. */
xmlNode *ks_xml_counterpart(struct ks_arena *arena, xmlNode *want, xmlNode *parent)
{
    const struct repeatable *r = repeatable_of(want, parent);
    xmlNode *first = NULL, *alike = NULL;

    for (xmlNode *h = next_named(parent->children, want); h; h = next_named(h->next, want)) {
        if (r && (!same_identity(arena, r, want, h) || is_somebody_elses(arena, r, want, h)))
            continue;
        if (!r || is_subset(arena, want, h))
            return h;
        first = first ? first : h;
        alike = alike || is_another(want, h) ? alike : h;
    }
    return alike ? alike : first;
}

const char *const *ks_xml_identity(const xmlNode *node, const xmlNode *parent)
{
    const struct repeatable *r = repeatable_of(node, parent);

    return r ? r->id : NULL;
}

static void add_copy(xmlNode *want, xmlNode *parent)
{
    xmlNode *copy = xmlDocCopyNode(want, parent->doc, 1);

    if (!copy)
        abort();
    if (copy->ns && xmlReconciliateNs(parent->doc, copy) < 0)
        abort();
    ks_xml_link(parent, copy);
}

/* What is there already is left alone, whichever of several elements has it. */
static void merge(struct ks_arena *arena, xmlNode *want, xmlNode *parent)
{
    xmlNode *have;

    if (has_subset(arena, want, parent))
        return;
    have = ks_xml_counterpart(arena, want, parent);
    if (have && is_another(want, have)) {
        xmlUnlinkNode(have);
        xmlFreeNode(have);
        have = NULL;
    }
    if (!have) {
        add_copy(want, parent);
        return;
    }
    for (const xmlAttr *a = want->properties; a; a = a->next)
        if (!a->ns)
            ks_xml_set_attr(have, (const char *)a->name, ks_xml_attr(want, (const char *)a->name));
    if (!next_element(want->children) && *trimmed(arena, want))
        ks_xml_set_content(have, trimmed(arena, want));
    for (xmlNode *c = next_element(want->children); c; c = next_element(c->next))
        merge(arena, c, have);
}

/* ---- the field ---------------------------------------------------------------------------------------------- */

/* The fragments as children of one element. libvirt's own namespaces need no declaration. */
static int parse(struct ks_arena *arena, const char *text, xmlDoc **ret, struct ks_error *err)
{
    const char *whole =
        ks_sprintf(arena, "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>%s</domain>", text);

    return ks_xml_parse(whole, strlen(whole), ret, err);
}

const char *ks_check_fragments(struct ks_arena *arena, const char **text)
{
    static const char *const ours[] = {"name", "uuid", "metadata", "domain"};
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_error err = {0};

    if (parse(arena, *text, &doc, &err)) {
        const char *expected = ks_sprintf(arena, "fragments of XML (%s)", ks_error_text(arena, &err));
        ks_error_done(&err);
        return expected;
    }
    for (xmlNode *c = xmlDocGetRootElement(doc)->children; c; c = c->next) {
        if (c->type == XML_TEXT_NODE && !xmlIsBlankNode(c))
            return "elements, without text between them";
        for (size_t i = 0; i < KS_COUNT(ours) && c->type == XML_ELEMENT_NODE; i++)
            if (ks_xml_is(c, ours[i]))
                return "elements other than name, uuid, metadata and domain";
    }
    return NULL;
}

/* <devices> around fragments is as good as none. */
static void merge_all(struct ks_arena *arena, xmlNode *fragments, xmlNode *domain)
{
    for (xmlNode *c = next_element(fragments->children); c; c = next_element(c->next))
        merge(arena, c, ks_xml_is_device(c) ? ks_xml_ensure_child(domain, "devices") : domain);
}

static int fragments_write(xmlNode *node, const struct ks_field *field, const struct ks_obj *want,
                           struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;

    if (want->null & ks_xml_bit(want, field))
        return 0;
    if (parse(scratch, *(const char *const *)ks_member(want, field), &doc, err))
        return -1;
    merge_all(scratch, xmlDocGetRootElement(doc), node);
    return 0;
}

static bool all_there(struct ks_arena *arena, xmlNode *fragments, xmlNode *domain)
{
    for (xmlNode *c = next_element(fragments->children); c; c = next_element(c->next)) {
        xmlNode *parent = ks_xml_is_device(c) ? ks_xml_child(domain, "devices") : domain;
        if (!parent || !has_subset(arena, c, parent))
            return false;
    }
    return true;
}

/* The domain of an observed guest: the document that it was read from, else the text that its observer kept. */
static bool fragments_same(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have)
{
    ks_auto(ks_arena_freep) struct ks_arena *scratch = ks_arena_new();
    ks_auto(ks_xml_docp) xmlDoc *fragments = NULL;
    ks_auto(ks_xml_docp) xmlDoc *domain = NULL;
    const char *text = have ? *(const char *const *)ks_member(have, field) : NULL;
    struct ks_error err = {0};
    xmlNode *root = have ? have->xml : NULL;
    bool same = false;

    if (want->null & ks_xml_bit(want, field))
        return true;
    if (!parse(scratch, *(const char *const *)ks_member(want, field), &fragments, &err)) {
        if (!root && text && !ks_xml_parse(text, strlen(text), &domain, &err))
            root = xmlDocGetRootElement(domain);
        same = root && all_there(scratch, xmlDocGetRootElement(fragments), root);
    }
    ks_error_done(&err);
    return same;
}

/* In a plan: the names of the elements. What an observed guest has there is its whole XML, which nobody wants. */
static const char *fragments_show(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj)
{
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    struct ks_text out = {.arena = arena};
    struct ks_error err = {0};

    if (parse(arena, *(const char *const *)ks_member(obj, field), &doc, &err)) {
        ks_error_done(&err);
        return "";
    }
    for (xmlNode *c = next_element(xmlDocGetRootElement(doc)->children); c; c = next_element(c->next))
        if (!ks_xml_is(c, "domain"))
            ks_text_addf(&out, "%s<%s>", out.n ? " " : "", (const char *)c->name);
    return ks_text_str(&out);
}

const struct ks_codec ks_fragments_codec = {
    .write = fragments_write, .same = fragments_same, .show = fragments_show};
