/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path language of ks_field.xml: read in place and walked by hand. */
#include "schema/xml_private.h"

/* One ELEM of a path. */
struct step {
    const char *name;
    size_t n;
    const char *predicates; /* at the first '[', or where one would stand */
    const char *rest;       /* behind the '/', or the end */
};

/* One [SUB/@ATTR=VALUE], or != for any other value, or none. */
struct predicate {
    const char *sub, *attr, *value; /* value NULL: $key without a key */
    size_t n_sub, n_attr, n_value;
    bool differs;
};

/* ---- reading a path ----------------------------------------------------------------------------------------- */

/* Reads the predicate that *at points to and moves on; false when there is none, or a broken one. */
static bool predicate_next(const char **at, const char *key, struct predicate *ret)
{
    const char *p = *at;
    if (*p != '[')
        return false;
    *ret = (struct predicate){.sub = ++p};
    while (*p && *p != '@' && *p != ']')
        p++;
    if (*p != '@')
        return false;
    ret->n_sub = (size_t)(p - ret->sub);
    if (ret->n_sub && ret->sub[ret->n_sub - 1] == '/')
        ret->n_sub--;
    ret->attr = ++p;
    p += strcspn(p, "!=]/[");
    ret->n_attr = (size_t)(p - ret->attr);
    ret->differs = *p == '!';
    p += ret->differs;
    if (*p++ != '=')
        return false;
    if (*p == '\'') {
        ret->value = ++p;
        p = strchr(p, '\'');
        if (!p)
            return false;
        ret->n_value = (size_t)(p++ - ret->value);
    } else if (ks_starts(p, "$key")) {
        ret->value = key;
        ret->n_value = key ? strlen(key) : 0;
        p += 4;
    } else {
        return false;
    }
    if (*p != ']')
        return false;
    *at = p + 1;
    return true;
}

/* Where the predicates that start at `p` end, without reading them. */
static const char *predicates_end(const char *p)
{
    while (*p == '[') {
        bool quoted = false;
        while (*p && (quoted || *p != ']'))
            quoted ^= *p++ == '\'';
        p += *p == ']';
    }
    return p;
}

/* "./" is where one stands already. */
static inline const char *skip_self(const char *path)
{
    while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
        path += path[1] ? 2 : 1;
    return path;
}

/* Where an ELEM's name ends. */
static inline const char *elem_end(const char *at)
{
    static const bool ends[256] = {['\0'] = true, ['['] = true, ['/'] = true};

    while (!ends[(unsigned char)*at])
        at++;
    return at;
}

/* Reads the next ELEM of a path; false at its end or its attribute. */
static inline bool step_next(const char *path, struct step *ret)
{
    path = skip_self(path);
    if (*path == '\0' || *path == '@')
        return false;
    const char *end = elem_end(path);
    *ret = (struct step){.name = path, .n = (size_t)(end - path), .predicates = end};
    if (*end == '[')
        end = predicates_end(end);
    ret->rest = *end == '/' ? end + 1 : end;
    return ret->n > 0;
}

static bool step_is_last(const struct step *step)
{
    const char *rest = skip_self(step->rest);
    return *rest == '\0' || *rest == '@' || elem_end(rest) == rest;
}

const char *ks_xml_path_attr(const char *path)
{
    struct step step;
    if (*path == '/')
        path++;
    while (step_next(path, &step))
        path = step.rest;
    if (ks_starts(path, "./"))
        path += 2;
    return *path == '@' ? path + 1 : NULL;
}

bool ks_xml_path_valid(const char *path)
{
    struct step step;
    if (!*path)
        return false;
    if (*path == '/')
        path++;
    while (step_next(path, &step)) {
        const char *at = step.predicates;
        struct predicate predicate;
        while (*at == '[')
            if (!predicate_next(&at, "", &predicate) || predicate.n_attr == 0)
                return false;
        if ((*at && *at != '/') || strcspn(step.name, "]@'=$") < step.n)
            return false;
        path = step.rest;
    }
    while (*path == '.' || *path == '/')
        path++;
    if (*path == '@')
        return path[1] && !strpbrk(path + 1, "/[]@'");
    return *path == '\0';
}

/* ---- matching ----------------------------------------------------------------------------------------------- */

static const xmlNode *child_named(const xmlNode *node, const char *name, size_t n)
{
    if (ks_xml_lacks(node, name, false))
        return NULL;
    for (const xmlNode *c = node->children; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && ks_xml_is_named(c->name, name, n) && !c->ns)
            return c;
    return NULL;
}

static bool attr_equals(const xmlNode *node, const struct predicate *p)
{
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        if (a->ns || !ks_xml_is_named(a->name, p->attr, p->n_attr))
            continue;
        const char *value = ks_xml_attr_value(a);
        return strncmp(value, p->value, p->n_value) == 0 && value[p->n_value] == '\0';
    }
    return false;
}

static bool predicate_holds(const xmlNode *node, const struct predicate *p)
{
    if (!p->value)
        return false;
    const char *sub = p->sub, *end = p->sub + p->n_sub;
    while (node && sub < end) {
        const char *slash = memchr(sub, '/', (size_t)(end - sub));
        size_t n = (size_t)((slash ? slash : end) - sub);
        node = child_named(node, sub, n);
        sub += n + 1;
    }
    return node && attr_equals(node, p) != p->differs;
}

static bool predicates_hold(const xmlNode *node, const struct step *step, const char *key)
{
    const char *at = step->predicates;
    struct predicate predicate;
    while (predicate_next(&at, key, &predicate))
        if (!predicate_holds(node, &predicate))
            return false;
    return *at != '[';
}

static inline bool step_matches(const xmlNode *node, const struct step *step, const char *key)
{
    return node->type == XML_ELEMENT_NODE && ks_xml_is_named(node->name, step->name, step->n) && !node->ns &&
           (*step->predicates != '[' || predicates_hold(node, step, key));
}

static xmlNode *step_child(const xmlNode *node, const struct step *step, const char *key)
{
    if (ks_xml_lacks(node, step->name, false))
        return NULL;
    for (xmlNode *c = node->children; c; c = c->next)
        if (step_matches(c, step, key))
            return c;
    return NULL;
}

/* Where a path starts, and what is left of it. */
static xmlNode *path_start(xmlNode *node, const char **path)
{
    if (**path != '/')
        return node;
    (*path)++;
    return ks_xml_top(node);
}

/* What a path leads to: an element, with the attribute that the path ends in and its value, else NULL. */
struct found {
    xmlNode *node;
    const char *attr, *value;
};

/* What is left of a path is its attribute, or nothing. */
static inline bool ends_at(xmlNode *node, const char *path, bool need_attr, struct found *ret)
{
    ret->attr = *path == '@' ? path + 1 : NULL;
    ret->value = ret->attr ? ks_xml_attr(node, ret->attr) : NULL;
    ret->node = node;
    return ret->value || !ret->attr || !need_attr;
}

/* Depth first, so that an element which leads nowhere does not hide its sibling which does. */
static bool find(xmlNode *node, const char *path, const char *key, bool need_attr, struct found *ret)
{
    struct step step;
    if (*path == '@')
        return ends_at(node, path, need_attr, ret);
    if (ks_xml_leads_nowhere(node, path))
        return false;
    if (!step_next(path, &step)) {
        while (*path == '.' || *path == '/')
            path++;
        return ends_at(node, path, need_attr, ret);
    }
    for (xmlNode *c = node->children; c; c = c->next) {
        if (!step_matches(c, &step, key))
            continue;
        if (*step.rest == '@' || !*step.rest ? ends_at(c, step.rest, need_attr, ret)
                                             : find(c, step.rest, key, need_attr, ret))
            return true;
    }
    return false;
}

xmlNode *ks_xml_find(xmlNode *node, const char *path, const char *key)
{
    struct found found;
    node = path_start(node, &path);
    return find(node, path, key, true, &found) ? found.node : NULL;
}

const char *ks_xml_get_at(struct ks_arena *arena, xmlNode *node, const char *path, const char *key,
                          xmlNode **ret_at)
{
    struct found found = {0};
    node = path_start(node, &path);
    *ret_at = find(node, path, key, true, &found) ? found.node : NULL;
    if (!*ret_at)
        return NULL;
    return found.attr ? found.value : ks_xml_content(arena, *ret_at);
}

const char *ks_xml_get(struct ks_arena *arena, xmlNode *node, const char *path, const char *key)
{
    xmlNode *at;
    return ks_xml_get_at(arena, node, path, key, &at);
}

/* Walks down to the parent of the last ELEM by first matches; NULL when one is missing. *last is that ELEM. */
static xmlNode *last_parent(xmlNode *node, const char *path, const char *key, struct step *last)
{
    node = path_start(node, &path);
    if (!step_next(path, last))
        return NULL;
    while (node && !step_is_last(last)) {
        node = step_child(node, last, key);
        step_next(last->rest, last);
    }
    return node;
}

xmlNode *ks_xml_walk_next(struct ks_xml_walk *walk)
{
    const struct step step = {.name = walk->name, .n = walk->n, .predicates = walk->predicates};
    xmlNode *c = walk->next;
    while (c && !step_matches(c, &step, walk->key))
        c = c->next;
    walk->next = c ? c->next : NULL;
    return c;
}

struct ks_xml_walk ks_xml_walk(xmlNode *node, const char *path, const char *key)
{
    struct step last = {0};
    if (ks_xml_leads_nowhere(node, path))
        return (struct ks_xml_walk){0};
    const xmlNode *parent = last_parent(node, path, key, &last);
    return (struct ks_xml_walk){last.name, last.n, last.predicates, key, parent ? parent->children : NULL};
}

xmlNode *ks_xml_each(xmlNode *node, const char *path, const char *key, const xmlNode *after)
{
    struct ks_xml_walk walk = ks_xml_walk(node, path, key);
    if (after)
        walk.next = after->next;
    return ks_xml_walk_next(&walk);
}

/* ---- making ------------------------------------------------------------------------------------------------- */

/* What the predicates of an ELEM demand, given to a node that was made for it. */
static int demand(xmlNode *node, const struct step *step, const char *key, struct ks_error *err)
{
    const char *at = step->predicates;
    struct predicate p;
    while (predicate_next(&at, key, &p)) {
        ks_auto(ks_freep) char *attr = strndup(p.attr, p.n_attr), *sub = strndup(p.sub, p.n_sub);
        ks_auto(ks_freep) char *value = p.value ? strndup(p.value, p.n_value) : NULL;
        if (!value)
            return ks_fail(err, KS_E_BUG, KS_NOWHERE, "the path step '%s' needs a key", step->name);
        if (p.differs)
            continue; /* a new one has none, which is another */
        xmlNode *target = node;
        for (char *save = NULL, *name = strtok_r(sub, "/", &save); name; name = strtok_r(NULL, "/", &save))
            target = ks_xml_ensure_child(target, name);
        ks_xml_set_attr(target, attr, value);
    }
    if (*at == '[')
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "the path step '%s' has a broken predicate", step->name);
    return 0;
}

static xmlNode *make_step(xmlNode *parent, const struct step *step, const char *key, const char *create,
                          struct ks_error *err)
{
    ks_auto(ks_freep) char *name = strndup(step->name, step->n);
    xmlNode *node = NULL;
    if (create) {
        node = ks_xml_fragment(parent, create, key, err);
        if (!node)
            return NULL;
        if (!ks_xml_is(node, name)) {
            ks_fail(err, KS_E_BUG, KS_NOWHERE, "the fragment '%s' does not make a <%s>", create, name);
            xmlFreeNode(node);
            return NULL;
        }
        ks_xml_link(parent, node);
    } else {
        node = ks_xml_add(parent, name);
    }
    return demand(node, step, key, err) ? NULL : node;
}

/* The element of a path below `node`, what is missing made; `append`: the last one is made in any case. */
static xmlNode *make_path(xmlNode *node, const char *path, const char *key, const char *create, bool append,
                          struct ks_error *err)
{
    const char *whole = path;
    node = path_start(node, &path);
    struct step step;
    if (append && !step_next(path, &step)) {
        ks_fail(err, KS_E_BUG, KS_NOWHERE, "the path '%s' names no element", whole);
        return NULL;
    }
    while (node && step_next(path, &step)) {
        bool last = step_is_last(&step);
        xmlNode *child = last && append ? NULL : step_child(node, &step, key);
        node = child ? child : make_step(node, &step, key, last ? create : NULL, err);
        path = step.rest;
    }
    return node;
}

xmlNode *ks_xml_ensure(xmlNode *node, const char *path, const char *key, const char *create, struct ks_error *err)
{
    const char *rest = path;
    xmlNode *start = path_start(node, &rest);
    struct found found;
    return find(start, rest, key, false, &found) ? found.node : make_path(node, path, key, create, false, err);
}

xmlNode *ks_xml_append(xmlNode *node, const char *path, const char *key, const char *create, struct ks_error *err)
{
    return make_path(node, path, key, create, true, err);
}

int ks_xml_set(xmlNode *node, const char *path, const char *key, const char *create, const char *value,
               struct ks_error *err)
{
    xmlNode *target = ks_xml_find(node, path, key);
    if (!target)
        target = ks_xml_ensure(node, path, key, create, err);
    if (!target)
        return -1;
    const char *attr = ks_xml_path_attr(path);
    if (attr)
        ks_xml_set_attr(target, attr, value);
    else
        ks_xml_set_content(target, value);
    return 0;
}

/* ---- unmaking ----------------------------------------------------------------------------------------------- */

/* The attribute is what a predicate of the ELEM on the node itself demands. */
static bool demanded(const xmlAttr *a, const struct step *step, const char *key)
{
    const char *at = step->predicates;
    struct predicate p;
    while (predicate_next(&at, key, &p))
        if (p.n_sub == 0 && ks_xml_is_named(a->name, p.attr, p.n_attr))
            return true;
    return false;
}

/* Nothing is left in `node` but what making it would give it. */
static bool only_scaffold(xmlNode *node, const struct step *step, const char *key, const char *create)
{
    struct ks_error err = {0};
    xmlNode *made = create ? ks_xml_fragment(node, create, key, &err) : NULL;
    bool only = !ks_xml_child(node, NULL);
    for (const xmlAttr *a = node->properties; only && a; a = a->next) {
        const char *name = (const char *)a->name;
        only = demanded(a, step, key) || (made && ks_streq(ks_xml_attr(node, name), ks_xml_attr(made, name)));
    }
    for (const xmlNode *c = node->children; only && c; c = c->next)
        only = c->type == XML_TEXT_NODE && xmlIsBlankNode(c);
    if (made)
        xmlFreeNode(made);
    ks_error_done(&err);
    return only;
}

void ks_xml_unset(xmlNode *node, const char *path, const char *key, const char *create, const xmlNode *stop)
{
    const char *attr = ks_xml_path_attr(path);
    xmlNode *target = ks_xml_find(node, path, key);
    if (!target)
        return;
    struct step last = {0};
    const char *rest = *path == '/' ? path + 1 : path;
    bool named = step_next(rest, &last); /* else the path is the object's own element, which stays */
    while (named && !step_is_last(&last))
        step_next(last.rest, &last);
    if (attr)
        ks_xml_set_attr(target, attr, NULL);
    else if (!named)
        ks_xml_set_content(target, "");
    if (!named)
        ks_xml_prune(target, stop);
    else if (!attr || (target != stop && only_scaffold(target, &last, key, create)))
        ks_xml_remove(target, stop);
}
