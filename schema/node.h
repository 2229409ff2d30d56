/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The YAML tree: what libyaml's events say, with places, and nothing about what it means. Nodes are immutable
 * once built, so an alias shares its node and a profile serves a hundred guests without being copied.
 *
 * Includes, profiles and merge keys are operations on trees (manifest.c); the tables load the merged tree.
 */
#pragma once

#include "base/base.h"

enum ks_node_type { KS_NODE_NULL, KS_NODE_SCALAR, KS_NODE_SEQ, KS_NODE_MAP };

struct ks_node;
struct ks_pair {
    const struct ks_node *key; /* always a scalar */
    const struct ks_node *value;
};
struct ks_node {
    enum ks_node_type type;
    bool quoted; /* 'x', "x", | or >: never a null, a bool or a number */
    struct ks_loc at;
    const char *text; /* KS_NODE_SCALAR: UTF-8, without NUL bytes */
    size_t n;
    const struct ks_node **items; /* KS_NODE_SEQ */
    const struct ks_pair *pairs;  /* KS_NODE_MAP, in the file's order */
};

/* Bounds against bombs; what goes beyond is one finding that names the bound. */
enum {
    KS_YAML_MAX_BYTES = 16 << 20,   /* of one file */
    KS_YAML_MAX_DEPTH = 64,         /* of nesting, after aliases */
    KS_YAML_MAX_NODES = 2000000,    /* in one file as written */
    KS_YAML_MAX_EXPANDED = 4000000, /* of a document with every alias written out */
    KS_MANIFEST_MAX_INCLUDES = 64,  /* files of one manifest */
};

/*
 * One YAML document. Duplicate keys, more than one document, unknown tags, undefined aliases and recursion are
 * findings; what could be read is returned all the same (NULL when nothing could), so that one run shows every
 * error. Merge keys (<<) are resolved here: a map's own keys win, then earlier merged maps over later ones.
 * `file` is how the place is printed; `text` and `file` must outlive the tree. `text` is added to f->sources.
 */
const struct ks_node *ks_yaml_parse(struct ks_findings *f, const char *file, const char *text, size_t len);

/* The value of a key, or NULL. */
const struct ks_node *ks_node_get(const struct ks_node *map, const char *key);
/*
 * `over` laid over `under`: maps merge key by key, deep; anything else, and null, replaces. Either may be NULL.
 * Shares what it can. Locations stay those of the file each node came from.
 */
const struct ks_node *ks_node_merge(struct ks_arena *arena, const struct ks_node *over,
                                    const struct ks_node *under);
