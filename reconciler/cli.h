/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli: the command line as tables. One table of options and one of commands drive parsing, --help, the man page
 * and the shell's completion, so that none of them can say something else.
 */
#pragma once

#include "base/base.h"

/* The exit statuses; the same for every command. */
enum ks_exit {
    KS_EXIT_OK = 0,      /* done; converged, or a plan was made */
    KS_EXIT_FAILED = 1,  /* invalid manifest, host unreachable, a step failed before anything changed */
    KS_EXIT_CHANGES = 2, /* plan --detailed-exitcode: there are changes */
    KS_EXIT_HELD = 3,    /* converged but for what is held or blocked */
    KS_EXIT_PARTLY = 4,  /* a step failed after others were done */
    KS_EXIT_LOCKED = 5,
    KS_EXIT_SOURCE = 6,
    KS_EXIT_STALE = 7,
    KS_EXIT_USAGE = 64,
};
/* The status that an error ends a run with. */
enum ks_exit ks_exit_of(const struct ks_error *err);

enum ks_color { KS_COLOR_AUTO, KS_COLOR_ALWAYS, KS_COLOR_NEVER };

/* What was asked for; strings lie in argv or in the arena given to ks_options_parse(). */
struct ks_options {
    const struct ks_command *command; /* NULL: `kvmstate` alone, or with --help or --version */
    bool help, version;
    bool json, quiet, verbose, debug;
    unsigned color; /* enum ks_color */
    const char *file, *repo, *ref, *path, *host;
    const char *connect, *root;
    unsigned allow; /* a bit per enum ks_impact */
    struct ks_strings targets, guests;
    const char *out;
    bool detailed_exitcode, dry_run, all, markdown, svg;
    struct ks_strings args;
    int argc;
    char **argv; /* as given: for who asks what holds the lock */
};

struct ks_command {
    const char *name;
    const char *args; /* "[PLAN]", or NULL */
    size_t min_args, max_args;
    const char *summary; /* one sentence */
    const char *text;    /* more, for --help and the man page; paragraphs parted by an empty line; or NULL */
    bool hidden;
    int (*run)(const struct ks_options *options, struct ks_arena *arena); /* returns the exit status */
};
extern const struct ks_command ks_commands[];
extern const size_t ks_n_commands;

/* The commands' bits in ks_option.of, in the order of the table. */
enum {
    KS_OF_VALIDATE = 1 << 0,
    KS_OF_PLAN = 1 << 1,
    KS_OF_APPLY = 1 << 2,
    KS_OF_SCHEMA = 1 << 3,
    KS_OF_IMPORT = 1 << 4,
    KS_OF_DOCTOR = 1 << 5,
    KS_OF_TOPOLOGY = 1 << 6,
    KS_OF_HIDDEN = 1 << 7,
    KS_OF_CHECKPOINT = 1 << 8,
    KS_OF_ALL = (1 << 9) - 1,
};

enum ks_option_type {
    KS_OPTION_FLAG,   /* bool */
    KS_OPTION_TEXT,   /* const char * */
    KS_OPTION_LIST,   /* struct ks_strings; given once for each */
    KS_OPTION_CHOICE, /* unsigned, index into .choices */
    KS_OPTION_IMPACTS /* unsigned, a bit per impact; words parted by commas */
};
struct ks_option {
    const char *name;
    char letter; /* or '\0' */
    enum ks_option_type type;
    size_t offset;     /* in struct ks_options */
    unsigned of;       /* commands that take it */
    const char *group; /* title that it stands under in the help */
    const char *value; /* "FILE"; NULL for a flag */
    const char *doc;
    const char *const *choices;
    size_t n_choices;
    const char *(*check)(struct ks_arena *arena, const char *text); /* NULL, or what is wrong */
};
extern const struct ks_option ks_option_table[];
extern const size_t ks_n_options;

/* KS_E_USAGE with what is wrong and, where one is near, what was meant. `ret` is usable for its `command` then. */
int ks_options_parse(struct ks_arena *arena, int argc, char **argv, struct ks_options *ret, struct ks_error *err);
/* Whether an option is one of the command's; those of the output and help are everyone's. */
bool ks_option_fits(const struct ks_option *option, const struct ks_command *command);

void ks_version_line(struct ks_text *out);
/* Each adds text made of the tables alone. */
void ks_help_text(struct ks_text *out, const struct ks_command *command); /* NULL: the overview */
void ks_man_page(struct ks_text *out);
void ks_bash_completion(struct ks_text *out);

/* The commands. */
typedef int ks_command_fn(const struct ks_options *options, struct ks_arena *arena);
ks_command_fn ks_command_validate, ks_command_plan, ks_command_apply, ks_command_schema, ks_command_import,
    ks_command_doctor, ks_command_topology, ks_command_generate, ks_command_checkpoint;
