/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/lines.h"

#define RESET "\033[0m"

void ks_line_put(struct ks_lines *l, const char *color, const char *text)
{
    const bool colored = color && l->color && *text;

    if (colored)
        ks_text_add(l->out, color);
    ks_text_add(l->out, text);
    if (colored)
        ks_text_add(l->out, RESET);
    l->column += ks_columns(text);
    l->fresh = l->fresh && !*text;
}

void ks_line_end(struct ks_lines *l)
{
    while (l->out->n > 0 && l->out->buf[l->out->n - 1] == ' ')
        l->out->buf[--l->out->n] = '\0';
    ks_text_add(l->out, "\n");
    l->column = 0;
    l->fresh = true;
}

void ks_line_to(struct ks_lines *l, size_t column)
{
    if (l->column > column)
        ks_line_end(l);
    ks_text_addf(l->out, "%*s", (int)(column - l->column), "");
    l->column = column;
    l->fresh = true;
}

void ks_line_long(struct ks_lines *l, const char *color, const char *text)
{
    /* One column is left for a comma. */
    while (l->column + ks_columns(text) >= l->width) {
        const size_t room = l->width - 1, n = ks_columns_fit(text, l->column < room ? room - l->column : 0);
        if (n == 0 && l->column <= l->indent)
            break;
        ks_line_put(l, color, ks_strndup(l->out->arena, text, n));
        ks_line_end(l);
        ks_line_to(l, l->indent);
        text += n;
    }
    ks_line_put(l, color, text);
}

void ks_line_item(struct ks_lines *l, const char *sep, const char *color, const char *text)
{
    const char *shown = ks_display(l->out->arena, text);
    size_t n = strlen(sep);

    if (!l->fresh && l->column + ks_columns(sep) + ks_columns(shown) < l->width) {
        ks_line_put(l, NULL, sep);
    } else if (!l->fresh) {
        while (n > 0 && sep[n - 1] == ' ')
            n--;
        ks_line_put(l, NULL, ks_strndup(l->out->arena, sep, n)); /* a comma stays on its line */
        ks_line_end(l);
        ks_line_to(l, l->indent);
    }
    ks_line_long(l, color, shown);
}

void ks_line_prose(struct ks_lines *l, const char *sep, const char *color, const char *text)
{
    char *save = NULL, *words = ks_strdup(l->out->arena, text);

    for (const char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        ks_line_item(l, sep, color, word);
        sep = " ";
    }
}

void ks_line_set(struct ks_lines *l, const char *lead, const struct ks_cpuset *set)
{
    char *save = NULL, *text = ks_cpuset_format(l->out->arena, set);
    const char *sep = lead;

    for (const char *range = strtok_r(text, ",", &save); range; range = strtok_r(NULL, ",", &save)) {
        ks_line_item(l, sep, NULL, range);
        sep = ",";
    }
}

void ks_line_heading(struct ks_lines *l, const char *text, size_t indent)
{
    ks_text_add(l->out, "\n");
    l->column = 0;
    l->indent = indent;
    ks_line_long(l, KS_BOLD, ks_display(l->out->arena, text));
}
