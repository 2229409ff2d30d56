/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tables of the command line say, as --help. */
#include "reconciler/cli.h"

enum { WIDTH = 78, OPTION_COLUMN = 28 };

/* Adds words, broken at WIDTH, each line but the first indented. `column` is where the first line stands. */
static void add_wrapped(struct ks_text *out, const char *text, size_t indent, size_t column)
{
    bool first = true; /* on its line: no blank before it */

    while (*text) {
        const size_t n = strcspn(text, " \n");
        if (!first && column + 1 + n > WIDTH) {
            ks_text_addf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            ks_text_add(out, " ");
            column++;
        }
        ks_text_addn(out, text, n);
        column += n;
        first = text[n] == '\n';
        if (first) {
            ks_text_addf(out, "\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += n + strspn(text + n, " \n");
    }
    ks_text_add(out, "\n");
}

static void add_option(struct ks_text *out, const struct ks_option *option)
{
    struct ks_text left = {.arena = out->arena};

    ks_text_addf(&left, option->letter ? "  -%c, " : "      ", option->letter);
    ks_text_addf(&left, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
    if (left.n + 2 > OPTION_COLUMN)
        ks_text_addf(out, "%s\n%*s", left.buf, OPTION_COLUMN, "");
    else
        ks_text_addf(out, "%-*s", OPTION_COLUMN, left.buf);
    add_wrapped(out, option->doc, OPTION_COLUMN, OPTION_COLUMN);
}

static void add_options(struct ks_text *out, const struct ks_command *command)
{
    const char *group = NULL;

    for (size_t i = 0; i < ks_n_options; i++) {
        const struct ks_option *option = &ks_option_table[i];
        if (!ks_option_fits(option, command) || (!command && option->of != KS_OF_ALL && option->of))
            continue;
        if (!ks_streq(group, option->group)) {
            group = option->group;
            ks_text_addf(out, "\n%s:\n", *group ? group : "Options");
        }
        add_option(out, option);
    }
}

static void add_overview(struct ks_text *out)
{
    ks_text_add(out, "Usage: kvmstate COMMAND [options]\n\n"
                     "Makes a KVM host what a manifest says it should be.\n\n"
                     "Commands:\n");
    for (size_t i = 0; i < ks_n_commands; i++) {
        if (ks_commands[i].hidden)
            continue;
        ks_text_addf(out, "  %-10s", ks_commands[i].name);
        add_wrapped(out, ks_commands[i].summary, 12, 12);
    }
    add_options(out, NULL);
    ks_text_add(out, "\nMore on each: kvmstate COMMAND --help, and kvmstate(1).\n");
}

void ks_version_line(struct ks_text *out)
{
    ks_text_add(out, "kvmstate " KS_BUILD_ID "\n");
}

void ks_help_text(struct ks_text *out, const struct ks_command *command)
{
    if (!command) {
        add_overview(out);
        return;
    }
    ks_text_addf(out, "Usage: kvmstate %s%s%s [options]\n\n", command->name, command->args ? " " : "",
                 command->args ? command->args : "");
    add_wrapped(out, command->summary, 0, 0);
    if (command->text) {
        ks_text_add(out, "\n");
        add_wrapped(out, command->text, 0, 0);
    }
    add_options(out, command);
}
