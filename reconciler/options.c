/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: its tables, and what reads argv by them. */
#include "planners/planners.h"
#include "reconciler/cli.h"

static const char *const colors[] = {"auto", "always", "never"};
static const char *const kinds[] = {"kernel", "hugepages", "sriov",   "bridge", "secret",
                                    "pool",   "volume",    "network", "guest"};
static const char *const consents[] = {"restart", "delete", "data-loss", "network"};

static const char *check_target(struct ks_arena *arena, const char *text)
{
    const size_t n = strcspn(text, "/");
    const char *kind = ks_strndup(arena, text, n);
    const char *near;

    if (text[n] == '/' && text[n + 1] == '\0')
        return "expected KIND/NAME";
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (ks_streq(kind, kinds[i]))
            return NULL;
    near = ks_nearest(kind, kinds, KS_COUNT(kinds));
    return near ? ks_sprintf(arena, "no such kind; did you mean '%s%s'?", near, text + n)
                : "no such kind; a target is KIND/NAME, as guest/web1";
}

#define SOURCE "Where the manifest comes from"
#define HOST "The host"
#define OUTPUT "Output"
#define OWN ""
#define AT(member) offsetof(struct ks_options, member)
enum {
    CHANGES = KS_OF_PLAN | KS_OF_APPLY,
    MEETS_HOST = CHANGES | KS_OF_DOCTOR,
    READS = KS_OF_VALIDATE | MEETS_HOST,
    KNOWS_HOST = READS | KS_OF_IMPORT,
    CONNECTS = MEETS_HOST | KS_OF_IMPORT | KS_OF_TOPOLOGY,
};

const struct ks_option ks_option_table[] = {
    {.name = "all",
     .type = KS_OPTION_FLAG,
     .offset = AT(all),
     .of = KS_OF_VALIDATE,
     .group = OWN,
     .doc = "Check every host of the directory or repository."},
    {.name = "out",
     .letter = 'o',
     .type = KS_OPTION_TEXT,
     .offset = AT(out),
     .of = KS_OF_PLAN,
     .group = OWN,
     .value = "FILE",
     .doc = "Save the plan for `kvmstate apply FILE`."},
    {.name = "detailed-exitcode",
     .type = KS_OPTION_FLAG,
     .offset = AT(detailed_exitcode),
     .of = KS_OF_PLAN,
     .group = OWN,
     .doc = "End with 2 when there are changes, 3 when all of them are held or blocked."},
    {.name = "dry-run",
     .letter = 'n',
     .type = KS_OPTION_FLAG,
     .offset = AT(dry_run),
     .of = KS_OF_APPLY,
     .group = OWN,
     .doc = "Walk the same steps and write nothing."},
    {.name = "allow",
     .type = KS_OPTION_IMPACTS,
     .offset = AT(allow),
     .of = CHANGES,
     .group = OWN,
     .value = "LIST",
     .doc = "Carry out steps of these impacts, too: restart, delete, data-loss, network.",
     .choices = consents,
     .n_choices = KS_COUNT(consents)},
    {.name = "target",
     .letter = 't',
     .type = KS_OPTION_LIST,
     .offset = AT(targets),
     .of = CHANGES,
     .group = OWN,
     .value = "KIND/NAME",
     .doc = "This thing and what it needs, nothing else. A kind alone means all of it. May be repeated.",
     .check = check_target},
    {.name = "guest",
     .letter = 'g',
     .type = KS_OPTION_LIST,
     .offset = AT(guests),
     .of = KS_OF_IMPORT,
     .group = OWN,
     .value = "NAME",
     .doc = "This guest alone. May be repeated."},
    {.name = "svg",
     .type = KS_OPTION_FLAG,
     .offset = AT(svg),
     .of = KS_OF_TOPOLOGY,
     .group = OWN,
     .doc = "A picture instead of text: one file that any browser shows."},
    {.name = "markdown",
     .type = KS_OPTION_FLAG,
     .offset = AT(markdown),
     .of = KS_OF_SCHEMA,
     .group = OWN,
     .doc = "The reference page instead of the schema."},

    {.name = "file",
     .letter = 'f',
     .type = KS_OPTION_TEXT,
     .offset = AT(file),
     .of = READS,
     .group = SOURCE,
     .value = "FILE",
     .doc = "A manifest, or a directory of hosts (HOST.yaml or hosts/HOST.yaml in it)."},
    {.name = "repo",
     .type = KS_OPTION_TEXT,
     .offset = AT(repo),
     .of = READS,
     .group = SOURCE,
     .value = "URL",
     .doc = "A git repository: https, ssh, file or a path."},
    {.name = "ref",
     .type = KS_OPTION_TEXT,
     .offset = AT(ref),
     .of = READS,
     .group = SOURCE,
     .value = "REF",
     .doc = "Branch, tag or commit of it. Default: the branch that its HEAD names."},
    {.name = "path",
     .type = KS_OPTION_TEXT,
     .offset = AT(path),
     .of = READS,
     .group = SOURCE,
     .value = "DIR",
     .doc = "Directory of the hosts in it. Default: hosts, or its top."},
    {.name = "host",
     .type = KS_OPTION_TEXT,
     .offset = AT(host),
     .of = KNOWS_HOST,
     .group = SOURCE,
     .value = "NAME",
     .doc = "Which host. Default: this machine's host name."},

    {.name = "connect",
     .letter = 'c',
     .type = KS_OPTION_TEXT,
     .offset = AT(connect),
     .of = CONNECTS,
     .group = HOST,
     .value = "URI",
     .doc = "Which libvirt. Default: libvirt's own default."},
    {.name = "root",
     .type = KS_OPTION_TEXT,
     .offset = AT(root),
     .of = KNOWS_HOST | KS_OF_TOPOLOGY | KS_OF_CHECKPOINT,
     .group = HOST,
     .value = "DIR",
     .doc = "Where sysfs, procfs, /etc/kvmstate and the state directory are looked for. For tests."},

    {.name = "json",
     .type = KS_OPTION_FLAG,
     .offset = AT(json),
     .of = READS | KS_OF_TOPOLOGY,
     .group = OUTPUT,
     .doc = "Report as JSON on standard output."},
    {.name = "color",
     .type = KS_OPTION_CHOICE,
     .offset = AT(color),
     .of = KS_OF_ALL,
     .group = OUTPUT,
     .value = "WHEN",
     .doc = "auto, always or never. Default: on terminals, unless NO_COLOR is set.",
     .choices = colors,
     .n_choices = KS_COUNT(colors)},
    {.name = "quiet",
     .letter = 'q',
     .type = KS_OPTION_FLAG,
     .offset = AT(quiet),
     .of = KS_OF_ALL,
     .group = OUTPUT,
     .doc = "Only what is wrong."},
    {.name = "verbose",
     .letter = 'v',
     .type = KS_OPTION_FLAG,
     .offset = AT(verbose),
     .of = KS_OF_ALL,
     .group = OUTPUT,
     .doc = "Say more: what a step waits for, what was read and how long it took."},
    {.name = "debug",
     .type = KS_OPTION_FLAG,
     .offset = AT(debug),
     .of = KS_OF_ALL,
     .group = OUTPUT,
     .doc = "With each error the place in kvmstate's own source."},
    {.name = "help",
     .letter = 'h',
     .type = KS_OPTION_FLAG,
     .offset = AT(help),
     .of = KS_OF_ALL,
     .group = OUTPUT,
     .doc = "This text."},
    {.name = "version",
     .type = KS_OPTION_FLAG,
     .offset = AT(version),
     .of = 0,
     .group = OUTPUT,
     .doc = "kvmstate's version."},
};
const size_t ks_n_options = KS_COUNT(ks_option_table);

bool ks_option_fits(const struct ks_option *option, const struct ks_command *command)
{
    return !command || option->of >> (command - ks_commands) & 1;
}

/* ---- reading argv ----------------------------------------------------------------------------------------- */

struct parser {
    struct ks_arena *arena;
    struct ks_options *ret;
    struct ks_error *err;
    int argc, i;
    char **argv;
    uint64_t given; /* a bit per row of the table */
};
_Static_assert(KS_COUNT(ks_option_table) <= 64, "a bit each");

static int usage(struct parser *p, const char *fmt, ...) KS_PRINTF(2, 3);
static int usage(struct parser *p, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const char *text = ks_vsprintf(p->arena, fmt, args);
    va_end(args);
    return ks_fail(p->err, KS_E_USAGE, KS_NOWHERE, "%s", text);
}

static const char *did_you_mean(struct parser *p, const char *dashes, const char *near)
{
    return near ? ks_sprintf(p->arena, "; did you mean '%s%s'?", dashes, near) : "";
}

static int unknown_option(struct parser *p, const char *name)
{
    const char *names[KS_COUNT(ks_option_table)];
    size_t n = 0;

    for (size_t i = 0; i < ks_n_options; i++)
        if (ks_option_fits(&ks_option_table[i], p->ret->command))
            names[n++] = ks_option_table[i].name;
    return usage(p, "unknown option '--%s'%s", name, did_you_mean(p, "--", ks_nearest(name, names, n)));
}

static int set_choice(struct parser *p, const struct ks_option *option, const char *text)
{
    for (unsigned i = 0; i < option->n_choices; i++) {
        if (!ks_streq(option->choices[i], text))
            continue;
        *(unsigned *)((char *)p->ret + option->offset) = i;
        return 0;
    }
    return usage(p, "--%s takes %s, not '%s'", option->name, "auto, always or never", text);
}

static int set_impacts(struct parser *p, const struct ks_option *option, const char *text)
{
    unsigned *slot = (unsigned *)((char *)p->ret + option->offset);

    for (;;) {
        const size_t n = strcspn(text, ",");
        const char *word = ks_strndup(p->arena, text, n);
        enum ks_impact impact;
        bool known = false;
        for (size_t i = 0; i < option->n_choices; i++)
            known = known || ks_streq(word, option->choices[i]);
        if (!known || ks_impact_parse(word, &impact) < 0)
            return usage(p, "--%s: '%s' is none of restart, delete, data-loss, network%s", option->name, word,
                         did_you_mean(p, "", ks_nearest(word, option->choices, option->n_choices)));
        *slot |= 1U << impact;
        if (text[n] == '\0')
            return 0;
        text += n + 1;
    }
}

static int set_option(struct parser *p, const struct ks_option *option, const char *text)
{
    void *slot = (char *)p->ret + option->offset;
    const uint64_t bit = UINT64_C(1) << (option - ks_option_table);
    const char *wrong = option->check ? option->check(p->arena, text) : NULL;

    if (wrong)
        return usage(p, "--%s %s: %s", option->name, text, wrong);
    if (option->value && *text == '\0')
        return usage(p, "--%s needs a value: %s", option->name, option->value);
    if (p->given & bit && option->type == KS_OPTION_TEXT && !ks_streq(*(const char **)slot, text))
        return usage(p, "--%s is given twice", option->name);
    p->given |= bit;
    switch (option->type) {
    case KS_OPTION_FLAG:
        *(bool *)slot = true;
        return 0;
    case KS_OPTION_TEXT:
        *(const char **)slot = text;
        return 0;
    case KS_OPTION_LIST:
        *ks_vec_add(p->arena, (struct ks_strings *)slot) = text;
        return 0;
    case KS_OPTION_CHOICE:
        return set_choice(p, option, text);
    case KS_OPTION_IMPACTS:
        return set_impacts(p, option, text);
    }
    return 0;
}

/* The option's value: behind '=' or in the same word (`rest`), else the next word. */
static int take_value(struct parser *p, const struct ks_option *option, const char *rest)
{
    if (!option->value)
        return rest ? usage(p, "--%s takes no value", option->name) : set_option(p, option, NULL);
    if (!rest && p->i + 1 >= p->argc)
        return usage(p, "--%s needs a value: %s", option->name, option->value);
    return set_option(p, option, rest ? rest : p->argv[++p->i]);
}

static int long_option(struct parser *p, const char *word)
{
    const size_t n = strcspn(word, "=");
    const char *name = ks_strndup(p->arena, word, n);

    for (size_t i = 0; i < ks_n_options; i++)
        if (ks_streq(ks_option_table[i].name, name))
            return take_value(p, &ks_option_table[i], word[n] ? word + n + 1 : NULL);
    return unknown_option(p, name);
}

static int short_options(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct ks_option *option = NULL;
        for (size_t i = 0; i < ks_n_options && !option; i++)
            if (ks_option_table[i].letter == *letters)
                option = &ks_option_table[i];
        if (!option)
            return usage(p, "unknown option '-%c'", *letters);
        if (option->value) {
            const char *rest = letters[1] == '=' ? letters + 2 : letters + 1;
            return take_value(p, option, letters[1] ? rest : NULL);
        }
        if (take_value(p, option, NULL) < 0)
            return -1;
    }
    return 0;
}

static int word(struct parser *p, const char *text)
{
    const char *names[16];
    size_t n = 0;

    if (p->ret->command) {
        *ks_vec_add(p->arena, &p->ret->args) = text;
        return 0;
    }
    for (size_t i = 0; i < ks_n_commands; i++) {
        if (ks_streq(ks_commands[i].name, text)) {
            p->ret->command = &ks_commands[i];
            return 0;
        }
        if (!ks_commands[i].hidden && n < KS_COUNT(names))
            names[n++] = ks_commands[i].name;
    }
    return usage(p, "unknown command '%s'%s", text, did_you_mean(p, "", ks_nearest(text, names, n)));
}

/* What no single word shows: options that are not this command's, arguments too few or too many. */
static int check_whole(struct parser *p)
{
    const struct ks_command *command = p->ret->command;
    const struct ks_options *o = p->ret;

    if (o->help || o->version)
        return 0;
    if (!command)
        return usage(p, "a command is missing");
    for (size_t i = 0; i < ks_n_options; i++)
        if (p->given >> i & 1 && !ks_option_fits(&ks_option_table[i], command))
            return usage(p, "%s takes no --%s", command->name, ks_option_table[i].name);
    if (o->args.n > command->max_args)
        return usage(p, "%s: one argument too many: '%s'", command->name, o->args.v[command->max_args]);
    if (o->args.n < command->min_args)
        return usage(p, "%s needs %s", command->name, command->args);
    if (o->file && o->repo)
        return usage(p, "--file and --repo exclude each other");
    if (o->file && (o->ref || o->path))
        return usage(p, "--%s says something about a git repository; --file is none", o->ref ? "ref" : "path");
    if (o->svg && o->json)
        return usage(p, "--svg and --json exclude each other");
    if (o->quiet && o->verbose)
        return usage(p, "--quiet and --verbose exclude each other");
    return 0;
}

int ks_options_parse(struct ks_arena *arena, int argc, char **argv, struct ks_options *ret, struct ks_error *err)
{
    struct parser p = {.arena = arena, .ret = ret, .err = err, .argc = argc, .argv = argv};
    bool words_only = false;

    *ret = (struct ks_options){.argc = argc, .argv = argv};
    for (p.i = 1; p.i < argc; p.i++) {
        const char *text = argv[p.i];
        int failed;
        if (!words_only && ks_streq(text, "--")) {
            words_only = true;
            continue;
        }
        if (words_only || text[0] != '-' || text[1] == '\0')
            failed = word(&p, text);
        else
            failed = text[1] == '-' ? long_option(&p, text + 2) : short_options(&p, text + 1);
        if (failed)
            return -1;
    }
    return check_whole(&p);
}
