/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of ks_yaml_parse(): bytes are checked (yaml_text.c), events become nodes (yaml_build.c). */
#pragma once

#include <yaml.h>

#include "schema/node.h"

/*
 * Reports bytes that are no UTF-8, NULs, and characters that YAML does not allow. Returns the text, or a copy with
 * these replaced so that lines and columns stay; NULL when it is no UTF-8 at all.
 */
const char *ks_yaml_clean(struct ks_findings *f, const char *file, const char *text, size_t len);

/* What stopped libyaml, and the scalar before it: an unclosed quote is noticed only where the next one is. */
struct ks_yaml_stop {
    const char *problem, *context; /* static texts of libyaml; context may be NULL */
    yaml_mark_t at, context_at;
    bool quoted_over_lines; /* the last event was a quoted scalar of more than one line */
    yaml_mark_t quoted_at, quoted_end;
};

/*
 * Builds a tree in f->arena. 0: done, or given up at a bound, which was reported. -1: a syntax error, *ret_stop
 * says where; it was not reported. Either way *ret is what could be built, or NULL.
 */
int ks_yaml_build(struct ks_findings *f, const char *file, const char *text, size_t len, const struct ks_node **ret,
                  struct ks_yaml_stop *ret_stop);

/*
 * The same tree for the YAML that manifests are commonly made of, much faster; NULL when the text is of another
 * kind, or anything may be wrong with it. Reports nothing. `text` is what ks_yaml_clean() found nothing wrong with.
 */
const struct ks_node *ks_yaml_quick(struct ks_arena *arena, const char *file, const char *text, size_t len);
