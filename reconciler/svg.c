/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/svg.h"

const char *ks_svg_escape(struct ks_arena *arena, const char *text)
{
    struct ks_text out = {.arena = arena};

    for (const char *p = ks_display(arena, text); *p; p++) {
        switch (*p) {
        case '&':
            ks_text_add(&out, "&amp;");
            break;
        case '<':
            ks_text_add(&out, "&lt;");
            break;
        case '>':
            ks_text_add(&out, "&gt;");
            break;
        case '"':
            ks_text_add(&out, "&quot;");
            break;
        default:
            ks_text_addn(&out, p, 1);
        }
    }
    return ks_text_str(&out);
}

/* Letters are some 0.56 em wide on average; nearly all texts are a little narrower than this. */
int ks_svg_width(const char *text, int font_size)
{
    return (int)ks_columns(text) * font_size * 60 / 100;
}

const char *ks_svg_fit(struct ks_arena *arena, const char *text, int width, int font_size)
{
    const char *shown = ks_display(arena, text);
    const size_t room = width > 0 ? (size_t)(width * 100 / (font_size * 60)) : 0;

    if (ks_columns(shown) <= room)
        return shown;
    return ks_sprintf(arena, "%.*s…", (int)ks_columns_fit(shown, room > 0 ? room - 1 : 0), shown);
}

void ks_svg_rect(struct ks_text *out, int x, int y, int width, int height, int radius, const char *class,
                 const char *fill)
{
    ks_text_addf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", x, y, width, height);
    if (radius > 0)
        ks_text_addf(out, " rx=\"%d\"", radius);
    if (class)
        ks_text_addf(out, " class=\"%s\"", class);
    if (fill)
        ks_text_addf(out, " fill=\"%s\"", fill);
    ks_text_add(out, "/>\n");
}

void ks_svg_text(struct ks_text *out, int x, int y, const char *class, const char *text)
{
    if (*text)
        ks_text_addf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class,
                     ks_svg_escape(out->arena, text));
}

/* Lines of a tooltip are its own; those in names were escaped before they came here. */
void ks_svg_open(struct ks_text *out, const char *title)
{
    ks_text_add(out, "<g><title>");
    for (const char *line = title; *line;) {
        const size_t n = strcspn(line, "\n");
        ks_text_addf(out, "%s%s", line == title ? "" : "\n",
                     ks_svg_escape(out->arena, ks_strndup(out->arena, line, n)));
        line += n + (line[n] == '\n');
    }
    ks_text_add(out, "</title>\n");
}

void ks_svg_close(struct ks_text *out)
{
    ks_text_add(out, "</g>\n");
}

const char *ks_svg_color(struct ks_arena *arena, size_t i)
{
    /* The golden angle keeps hues apart, however many there are; every other colour is a little darker. */
    const unsigned hue = (unsigned)(210 + i * 13751 / 100) % 360;
    const unsigned high = i % 2 ? 236 : 248, low = i % 2 ? 138 : 176;
    const unsigned part = hue % 60 * (high - low) / 60;
    const unsigned rising = low + part, falling = high - part;
    const unsigned rgb[6][3] = {{high, rising, low},  {falling, high, low}, {low, high, rising},
                                {low, falling, high}, {rising, low, high},  {high, low, falling}};

    return ks_sprintf(arena, "#%02x%02x%02x", rgb[hue / 60][0], rgb[hue / 60][1], rgb[hue / 60][2]);
}
