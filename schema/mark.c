/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/mark.h"

#include "schema/xml.h"

static xmlNode *child(xmlNode *node, const char *name)
{
    for (xmlNode *c = node->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0)
            return c;
    return NULL;
}

static xmlNode *find_mark(xmlNode *domain)
{
    xmlNode *metadata = child(domain, "metadata");

    for (xmlNode *c = metadata ? metadata->children : NULL; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && c->ns && strcmp((const char *)c->ns->href, KS_MARK_NAMESPACE) == 0)
            return c;
    return NULL;
}

void ks_guest_mark_read(xmlNode *domain, struct ks_guest_mark *ret)
{
    const xmlNode *mark = find_mark(domain);

    ret->owned = mark != NULL;
    ret->protect = mark && ks_streq(ks_xml_attr(mark, "protect"), "yes");
}

int ks_guest_mark_write(xmlNode *domain, const struct ks_guest_mark *mark, struct ks_error *err)
{
    xmlNode *old = find_mark(domain), *metadata = child(domain, "metadata"), *node;
    xmlNs *ns;

    if (old) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (!mark->owned) {
        if (metadata && !xmlFirstElementChild(metadata)) {
            xmlUnlinkNode(metadata);
            xmlFreeNode(metadata);
        }
        return 0;
    }
    if (!metadata)
        metadata = xmlNewChild(domain, NULL, BAD_CAST "metadata", NULL);
    node = metadata ? xmlNewChild(metadata, NULL, BAD_CAST "guest", NULL) : NULL;
    ns = node ? xmlNewNs(node, BAD_CAST KS_MARK_NAMESPACE, BAD_CAST KS_MARK_PREFIX) : NULL;
    if (!ns)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "cannot write the ownership mark");
    xmlSetNs(node, ns);
    if (mark->protect)
        xmlNewProp(node, BAD_CAST "protect", BAD_CAST "yes");
    return 0;
}

const char *ks_guest_mark_text(const struct ks_guest_mark *mark)
{
    return mark->protect ? "<guest protect='yes'/>" : "<guest/>";
}
