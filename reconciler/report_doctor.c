/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the doctor found, as people read it. */
#include "reconciler/report.h"

enum { TEXT = 34 }; /* the column that says what is there */

static const char *const colors[] = {[KS_HEALTH_OK] = "\033[32m",
                                     [KS_HEALTH_NOTE] = "\033[2m",
                                     [KS_HEALTH_UNKNOWN] = "\033[35m",
                                     [KS_HEALTH_WARNING] = "\033[33m",
                                     [KS_HEALTH_MISSING] = "\033[31m"};
_Static_assert(KS_COUNT(colors) == KS_HEALTHS, "every state has a colour");

/* Names come from the host: control characters are not passed on. */
static const char *clean(struct ks_arena *arena, const char *text)
{
    char *copy = ks_strdup(arena, text);

    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return copy;
}

static void add_line(struct ks_text *out, const char *left, const char *right)
{
    ks_text_addf(out, "           %-*s %s\n", TEXT - 12, left, clean(out->arena, right));
}

static void add_diagnosis(struct ks_text *out, const struct ks_diagnosis *d, const struct ks_report_style *style)
{
    const char *name = d->subject ? ks_sprintf(out->arena, "%s %s", d->check, d->subject) : d->check;
    const bool shows_need = d->needed_by && (d->health >= KS_HEALTH_UNKNOWN || d->at.line);

    ks_text_addf(out, "  %s%-8s%s ", style->color ? colors[d->health] : "", ks_health_name(d->health),
                 style->color ? "\033[0m" : "");
    ks_text_addf(out, "%-*s %s", TEXT - 12, clean(out->arena, name), clean(out->arena, d->text));
    if (d->health == KS_HEALTH_OK && d->needed_by)
        ks_text_addf(out, " (for %s)", clean(out->arena, d->needed_by));
    ks_text_add(out, "\n");
    if (d->health == KS_HEALTH_OK)
        return;
    if (shows_need && d->at.line)
        add_line(out, "  needed by",
                 ks_sprintf(out->arena, "%s, %s:%u:%u", d->needed_by, d->at.file, d->at.line, d->at.col));
    else if (shows_need)
        add_line(out, "  needed by", d->needed_by);
    if (d->cure)
        add_line(out, "  cure", d->cure);
}

static void add_summary(struct ks_text *out, const struct ks_diagnoses *found, const char *manifest)
{
    const struct {
        enum ks_health health;
        const char *one, *many;
    } parts[] = {{KS_HEALTH_MISSING, "missing", "missing"},
                 {KS_HEALTH_WARNING, "warning", "warnings"},
                 {KS_HEALTH_UNKNOWN, "unknown", "unknown"},
                 {KS_HEALTH_NOTE, "note", "notes"},
                 {KS_HEALTH_OK, "ok", "ok"}};
    const char *separator = "";

    if (manifest)
        ks_text_addf(out, "%s for %s: ", found->counts[KS_HEALTH_MISSING] ? "Not fit" : "Fit", manifest);
    else
        ks_text_add(out, "In general: ");
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        const unsigned n = found->counts[parts[i].health];
        if (n == 0)
            continue;
        ks_text_addf(out, "%s%u %s", separator, n, n == 1 ? parts[i].one : parts[i].many);
        separator = ", ";
    }
    ks_text_add(out, ".\n");
}

void ks_report_doctor(struct ks_text *out, const struct ks_facts *facts, const struct ks_diagnoses *found,
                      const char *manifest, bool quiet, const struct ks_report_style *style)
{
    if (!quiet) {
        ks_text_add(out, facts->host);
        if (facts->release)
            ks_text_addf(out, ", Linux %s", facts->release);
        if (facts->have.libvirt_version)
            ks_text_addf(out, ", libvirt %s", ks_version_text(out->arena, facts->have.libvirt_version));
        if (facts->have.qemu_version)
            ks_text_addf(out, ", QEMU %s", ks_version_text(out->arena, facts->have.qemu_version));
        ks_text_add(out, "\n\n");
    }
    for (size_t i = 0; i < found->n; i++)
        if (!quiet || found->v[i].health >= KS_HEALTH_WARNING)
            add_diagnosis(out, &found->v[i], style);
    if (!quiet) {
        ks_text_add(out, "\n");
        add_summary(out, found, manifest);
    }
}
