/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svg: shapes and texts as XML. Coordinates are pixels; texts are escaped here, whatever is in them. */
#pragma once

#include "base/base.h"

/* "&amp;", "&lt;", ...; what a reader should not be fooled by (ks_display()) comes out as a visible escape. */
const char *ks_svg_escape(struct ks_arena *arena, const char *text);
/* The beginning of `text` that has room, with "…" behind it where something is left out. */
const char *ks_svg_fit(struct ks_arena *arena, const char *text, int width, int font_size);
/* Roughly what a text takes in a sans-serif font. */
int ks_svg_width(const char *text, int font_size);

/* `class`: CSS class; `fill`: a colour of its own ("#aabbcc"), or NULL for the class's. */
void ks_svg_rect(struct ks_text *out, int x, int y, int width, int height, int radius, const char *class,
                 const char *fill);
void ks_svg_text(struct ks_text *out, int x, int y, const char *class, const char *text);
/* What stands until ks_svg_close() has this tooltip. */
void ks_svg_open(struct ks_text *out, const char *title);
void ks_svg_close(struct ks_text *out);

/* A light colour for dark letters; neighbours in number differ in hue. */
const char *ks_svg_color(struct ks_arena *arena, size_t i);
