/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tables of the command line say, as a man page and as completion for bash. */
#include "reconciler/cli.h"

/* ---- man page (man(7) macros) ------------------------------------------------------------------------------ */

/* Text whose lines roff must not read as requests, and whose '-' and '\' are themselves; `x` becomes bold x. */
static void add_roff(struct ks_text *out, const char *text)
{
    bool bold = false;

    for (; *text; text++) {
        if (*text == '`') {
            bold = !bold;
            ks_text_add(out, bold ? "\\fB" : "\\fR");
        } else if (*text == '\n') {
            text += strspn(text, "\n") - 1;
            ks_text_add(out, "\n.PP\n");
        } else if (*text == '\\') {
            ks_text_add(out, "\\e");
        } else if (*text == '-') {
            ks_text_add(out, "\\-");
        } else {
            ks_text_addn(out, text, 1);
        }
    }
    ks_text_add(out, "\n");
}

static void add_man_option(struct ks_text *out, const struct ks_option *option)
{
    ks_text_add(out, ".TP\n");
    if (option->letter)
        ks_text_addf(out, "\\fB\\-%c\\fR, ", option->letter);
    ks_text_add(out, "\\fB\\-\\-");
    for (const char *c = option->name; *c; c++)
        ks_text_addf(out, *c == '-' ? "\\-" : "%c", *c);
    ks_text_add(out, "\\fR");
    if (option->value)
        ks_text_addf(out, " \\fI%s\\fR", option->value);
    ks_text_add(out, "\n");
    add_roff(out, option->doc);
}

static void add_man_command(struct ks_text *out, const struct ks_command *command)
{
    ks_text_addf(out, ".SS %s%s%s\n", command->name, command->args ? " " : "", command->args ? command->args : "");
    add_roff(out, command->summary);
    if (command->text) {
        ks_text_add(out, ".PP\n");
        add_roff(out, command->text);
    }
    for (size_t i = 0; i < ks_n_options; i++)
        if (*ks_option_table[i].group == '\0' && ks_option_fits(&ks_option_table[i], command))
            add_man_option(out, &ks_option_table[i]);
}

static void add_man_groups(struct ks_text *out)
{
    const char *group = NULL;

    for (size_t i = 0; i < ks_n_options; i++) {
        const struct ks_option *option = &ks_option_table[i];
        if (*option->group == '\0')
            continue;
        if (!ks_streq(group, option->group)) {
            group = option->group;
            ks_text_addf(out, ".SS %s\n", group);
        }
        add_man_option(out, option);
    }
}

static const struct {
    const char *name, *text;
} statuses[] =
    {
        {"0", "Done; converged, or a plan was made."},
        {"1", "Failed: invalid manifest, host unreachable, a step failed before anything changed."},
        {"2", "`plan --detailed-exitcode`: there are changes."},
        {"3", "Converged but for steps held back by impact or blocked by the host."},
        {"4", "Partly applied: a step failed after others were done."},
        {"5", "Another run holds the lock."},
        {"6", "The source is not trusted or not to be had."},
        {"7", "The saved plan is stale."},
        {"64", "Wrong usage."},
},
  variables[] =
      {
          {"KVMSTATE_STATE_DIR", "The state directory, instead of /var/lib/kvmstate."},
          {"NO_COLOR", "No colour, unless --color says otherwise."},
          {"LIBVIRT_DEFAULT_URI", "Which libvirt, when --connect does not say."},
},
  files[] = {
      {"/etc/kvmstate/kvmstate.yaml", "The source when neither --file nor --repo is given: `source` with `file`, "
                                      "or `repo`, `ref` and `path`; and `host` and `connect`."},
      {"/var/lib/kvmstate/", "What kvmstate made (ledger.json), what runs did (journal.jsonl), the lock, and the "
                             "clones of repositories."},
};

#define ADD_LIST(out, title, list) \
    do { \
        ks_text_add((out), ".SH " title "\n"); \
        for (size_t i_ = 0; i_ < KS_COUNT(list); i_++) { \
            ks_text_addf((out), ".TP\n\\fB%s\\fR\n", (list)[i_].name); \
            add_roff((out), (list)[i_].text); \
        } \
    } while (0)

void ks_man_page(struct ks_text *out)
{
    ks_text_add(out, ".\\\" Made from the tables of the command line by `kvmstate generate man`.\n"
                     ".TH KVMSTATE 1\n"
                     ".SH NAME\n"
                     "kvmstate \\- make a KVM host what a manifest says it should be\n"
                     ".SH SYNOPSIS\n"
                     ".B kvmstate\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n"
                     ".SH DESCRIPTION\n");
    add_roff(out,
             "One YAML file describes one host: guests, pools, volumes, networks, bridges, huge pages. kvmstate "
             "compares it with the host, shows the difference as a plan, and carries the plan out. What the "
             "file does not state stays as it is.");
    ks_text_add(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < ks_n_commands; i++)
        if (!ks_commands[i].hidden)
            add_man_command(out, &ks_commands[i]);
    ks_text_add(out, ".SH OPTIONS\n");
    add_man_groups(out);
    ADD_LIST(out, "EXIT STATUS", statuses);
    ADD_LIST(out, "ENVIRONMENT", variables);
    ADD_LIST(out, "FILES", files);
    ks_text_add(out, ".SH SEE ALSO\n.BR virsh (1)\n");
}

/* ---- completion --------------------------------------------------------------------------------------------- */

static void add_words(struct ks_text *out, const struct ks_command *command)
{
    const char *blank = "";

    for (size_t i = 0; i < ks_n_options; i++) {
        if (!ks_option_fits(&ks_option_table[i], command))
            continue;
        ks_text_addf(out, "%s--%s", blank, ks_option_table[i].name);
        blank = " ";
    }
}

static void add_value_cases(struct ks_text *out)
{
    for (size_t i = 0; i < ks_n_options; i++) {
        const struct ks_option *option = &ks_option_table[i];
        const bool is_path = option->value && (ks_streq(option->value, "FILE") || ks_streq(option->value, "DIR"));
        if (!option->value)
            continue;
        ks_text_addf(out, "    --%s", option->name);
        if (option->letter)
            ks_text_addf(out, " | -%c", option->letter);
        ks_text_add(out, ")\n");
        if (is_path) {
            ks_text_add(out, "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n");
        } else if (option->n_choices > 0) {
            ks_text_add(out, "        mapfile -t COMPREPLY < <(compgen -W \"");
            for (size_t k = 0; k < option->n_choices; k++)
                ks_text_addf(out, "%s%s", k ? " " : "", option->choices[k]);
            ks_text_add(out, "\" -- \"$cur\")\n");
        }
        ks_text_add(out, "        return\n        ;;\n");
    }
}

void ks_bash_completion(struct ks_text *out)
{
    ks_text_add(out, "# Made from the tables of the command line by `kvmstate generate bash`.\n"
                     "_kvmstate()\n{\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i\n"
                     "    COMPREPLY=()\n"
                     "    case $prev in\n");
    add_value_cases(out);
    ks_text_add(out, "    esac\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n");
    for (size_t i = 0; i < ks_n_commands; i++)
        if (!ks_commands[i].hidden)
            ks_text_addf(out, "        %s) command=%s ;;\n", ks_commands[i].name, ks_commands[i].name);
    ks_text_add(out, "        esac\n    done\n    case $command in\n");
    for (size_t i = 0; i < ks_n_commands; i++) {
        if (ks_commands[i].hidden)
            continue;
        ks_text_addf(out, "    %s) mapfile -t COMPREPLY < <(compgen -W \"", ks_commands[i].name);
        add_words(out, &ks_commands[i]);
        ks_text_addf(out, "\"%s -- \"$cur\") ;;\n", ks_commands[i].max_args ? " -f" : "");
    }
    ks_text_add(out, "    *) mapfile -t COMPREPLY < <(compgen -W \"");
    for (size_t i = 0; i < ks_n_commands; i++)
        if (!ks_commands[i].hidden)
            ks_text_addf(out, "%s ", ks_commands[i].name);
    ks_text_add(out, "--help --version\" -- \"$cur\") ;;\n    esac\n}\ncomplete -F _kvmstate kvmstate\n");
}
