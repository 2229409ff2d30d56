/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lines: text for a terminal, in which no line is wider than it and no name says anything to it. */
#pragma once

#include "base/base.h"

#define KS_BOLD "\033[1m"
#define KS_DIM "\033[2m"

struct ks_lines {
    struct ks_text *out;
    bool color;
    size_t width, column;
    size_t indent; /* where a line that is continued begins */
    bool fresh;    /* nothing stands before this place that a separator would be needed for; true at first */
};

/* As it is. `color` (here and below): an escape that begins a colour, or NULL. */
void ks_line_put(struct ks_lines *l, const char *color, const char *text);
void ks_line_end(struct ks_lines *l); /* without blanks at its end */
/* Blanks up to this column; on a new line where it is behind that already. */
void ks_line_to(struct ks_lines *l, size_t column);
/* A text that must not be lost, whatever its length: cut where the line ends. */
void ks_line_long(struct ks_lines *l, const char *color, const char *text);
/*
 * One of several things in a row, each but the first with `sep` before it: on the next line where this one has no
 * room. Escaped here.
 */
void ks_line_item(struct ks_lines *l, const char *sep, const char *color, const char *text);
/* The same for each word of a text. */
void ks_line_prose(struct ks_lines *l, const char *sep, const char *color, const char *text);
/* The same for each range of a set; `lead` before the first, commas before the others. */
void ks_line_set(struct ks_lines *l, const char *lead, const struct ks_cpuset *set);
/* After an empty line. */
void ks_line_heading(struct ks_lines *l, const char *text, size_t indent);
