/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A manifest's files. Each file counts once, after those that it includes: a later file is laid over the earlier
 * ones, so that the including file wins over what it includes, and a later include over an earlier one.
 */
#include "schema/index.h"
#include "schema/manifest_private.h"

struct reading {
    struct ks_arena *arena;
    const struct ks_files *files;
    struct ks_findings *f;
    const char *host;        /* what {host} stands for; NULL: nobody has said */
    struct ks_strings chain; /* from the manifest to the file that is being read */
    struct ks_index seen;
    KS_VEC(const struct ks_node *) trees;
    bool too_many;
};

const char *ks_manifest_path(struct ks_arena *arena, const char *from, const char *text)
{
    const char *slash = strrchr(from, '/');
    const char *all = ks_sprintf(arena, "%.*s/%s", slash ? (int)(slash - from) : 0, from, text);
    struct ks_text out = {.arena = arena};

    for (const char *p = all; *p; p += *p == '/') {
        size_t n = strcspn(p, "/");

        if (n == 2 && ks_starts(p, "..")) {
            if (out.n == 0)
                return NULL;
            while (out.n > 0 && out.buf[out.n - 1] != '/')
                out.n--;
            out.n -= out.n > 0;
            out.buf[out.n] = '\0';
        } else if (n > 0 && !(n == 1 && *p == '.')) {
            ks_text_add(&out, out.n ? "/" : "");
            ks_text_addn(&out, p, n);
        }
        p += n;
    }
    return out.n ? ks_text_str(&out) : NULL;
}

static bool in_chain(const struct reading *r, const char *path)
{
    for (size_t i = 0; i < r->chain.n; i++)
        if (ks_streq(r->chain.v[i], path))
            return true;
    return false;
}

static void report_cycle(struct reading *r, struct ks_loc at, const char *path)
{
    struct ks_text chain = {.arena = r->arena};
    bool on = false;

    for (size_t i = 0; i < r->chain.n; i++) {
        on = on || ks_streq(r->chain.v[i], path);
        if (on)
            ks_text_addf(&chain, "%s → ", r->chain.v[i]);
    }
    ks_report(r->f, KS_E_INVALID, at, "includes go in a circle: %s%s", ks_text_str(&chain), path);
}

/* The version belongs to each file: one that says another was written for another kvmstate. */
static void check_version(struct reading *r, const struct ks_node *root)
{
    const struct ks_node *version = ks_node_get(root, "version");

    if (r->chain.n > 1 && version && !(version->type == KS_NODE_SCALAR && ks_streq(version->text, "1")))
        ks_report(r->f, KS_E_INVALID, version->at, "version: expected 1 in an included file too");
}

static const char *substitute_host(const struct reading *r, const char *text)
{
    static const char mark[] = "{host}";
    struct ks_text out = {.arena = r->arena};
    const char *at;

    if (!r->host || !strstr(text, mark))
        return text;
    while ((at = strstr(text, mark))) {
        ks_text_addn(&out, text, (size_t)(at - text));
        ks_text_add(&out, r->host);
        text = at + strlen(mark);
    }
    ks_text_add(&out, text);
    return ks_text_str(&out);
}

static void read_tree(struct reading *r, const char *path, struct ks_loc at);

static void read_includes(struct reading *r, const char *path, const struct ks_node *root)
{
    const struct ks_node *includes = ks_node_get(root, "includes");

    for (size_t i = 0; includes && includes->type == KS_NODE_SEQ && i < includes->n; i++) {
        const struct ks_node *item = includes->items[i];
        const char *target, *text;

        if (item->type != KS_NODE_SCALAR || item->n == 0)
            continue; /* loading says so */
        text = substitute_host(r, item->text);
        if (text[0] == '/')
            ks_report(r->f, KS_E_INVALID, item->at, "includes: expected a path relative to this file, found '%s'",
                      text);
        else if (!(target = ks_manifest_path(r->arena, path, text)))
            ks_report(r->f, KS_E_INVALID, item->at, "includes: '%s' leaves the repository", text);
        else
            read_tree(r, target, item->at);
    }
}

static const struct ks_node *read_file(struct reading *r, const char *path, struct ks_loc at)
{
    struct ks_error err = {0};
    char *text;
    size_t len;
    const struct ks_node *root;

    if (r->files->read(r->files->data, path, r->arena, &text, &len, &err) < 0) {
        if (at.line && err.code == KS_E_NOT_FOUND) {
            ks_error_done(&err);
            ks_report(r->f, KS_E_NOT_FOUND, at, "includes: there is no file '%s' in the repository", path);
        } else {
            err.at = at;
            ks_report_error(r->f, &err);
        }
        return NULL;
    }

    size_t errors = r->f->n_errors;

    root = ks_yaml_parse(r->f, path, text, len);
    if ((!root || root->type == KS_NODE_NULL) && r->f->n_errors == errors)
        ks_report(r->f, KS_E_INVALID, (struct ks_loc){path, 0, 0}, "the file is empty: expected a map of keys");
    else if (root && root->type != KS_NODE_MAP && r->f->n_errors == errors)
        ks_report(r->f, KS_E_INVALID, root->at, "expected a map of keys, found %s",
                  root->type == KS_NODE_SEQ ? "a list" : "a text");
    return root && root->type == KS_NODE_MAP ? root : NULL;
}

/* What the manifest itself says, where nobody else does; an included file comes too late for that. */
static void name_host(struct reading *r, const struct ks_node *root)
{
    const struct ks_node *host = ks_node_get(root, "host");

    if (!r->host && r->chain.n == 0 && host && host->type == KS_NODE_SCALAR)
        r->host = host->text;
}

static void read_tree(struct reading *r, const char *path, struct ks_loc at)
{
    const struct ks_node *root;

    if (in_chain(r, path)) {
        report_cycle(r, at, path);
        return;
    }
    if (ks_index_add(&r->seen, path, strlen(path), path))
        return;
    if (r->seen.n > KS_MANIFEST_MAX_INCLUDES) {
        if (!r->too_many)
            ks_report(r->f, KS_E_INVALID, at, "too many files in one manifest (the bound is %d)",
                      KS_MANIFEST_MAX_INCLUDES);
        r->too_many = true;
        return;
    }
    root = read_file(r, path, at);
    if (!root)
        return;
    name_host(r, root);
    *ks_vec_add(r->arena, &r->chain) = path;
    check_version(r, root);
    read_includes(r, path, root);
    r->chain.n--;
    *ks_vec_add(r->arena, &r->trees) = root;
}

const struct ks_node *ks_manifest_tree(struct ks_arena *arena, const struct ks_files *files, const char *path,
                                       const char *host, struct ks_findings *f)
{
    struct reading r = {.arena = arena, .files = files, .f = f, .host = host, .seen = {.arena = arena}};
    const struct ks_node *root = NULL;

    while (ks_starts(path, "./"))
        path += 2;
    read_tree(&r, ks_strdup(f->arena, path), KS_NOWHERE);
    for (size_t i = 0; i < r.trees.n; i++)
        root = ks_node_merge(f->arena, r.trees.v[i], root);
    return root;
}
