/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/kvmstate/kvmstate.yaml: the source of a machine that is told nothing on the command line. */
#include "reconciler/config.h"

#define CONFIG_PATH "etc/kvmstate/kvmstate.yaml"
enum { CONFIG_MAX = 64 << 10 };

static void validate_source(const struct ks_obj *obj, struct ks_findings *f)
{
    const struct ks_config_source *source = (const struct ks_config_source *)obj;

    if (!source->file == !source->repo)
        (void)ks_report(f, KS_E_INVALID, obj->at, "expected one of file and repo");
    else if (source->file && (source->ref || source->path))
        (void)ks_report(f, KS_E_INVALID, obj->at, "ref and path belong to a git repository, file is none");
}

static const struct ks_field source_fields[] = {
    KS_ROW_STRING(struct ks_config_source, file, "file", .doc = "A manifest, or a directory of hosts."),
    KS_ROW_STRING(struct ks_config_source, repo, "repo", .doc = "URL of a git repository."),
    KS_ROW_STRING(struct ks_config_source, ref, "ref", .doc = "Branch, tag or commit of it."),
    KS_ROW_STRING(struct ks_config_source, path, "path", .doc = "Directory of the hosts in it."),
};
static const struct ks_kind source_kind =
    KS_KIND(struct ks_config_source, source_fields, .name = "source", .validate = validate_source);

static const struct ks_field config_fields[] = {
    KS_ROW_OBJECT(struct ks_config, source, struct ks_config_source, "source", &source_kind,
                  .doc = "Where the manifest comes from."),
    KS_ROW_STRING(struct ks_config, host, "host", .doc = "The host's name, where it is not the machine's own."),
    KS_ROW_STRING(struct ks_config, connect, "connect", .doc = "Which libvirt."),
};
static const struct ks_kind config_kind = KS_KIND(struct ks_config, config_fields, .name = "configuration");

int ks_config_read(int root, const char *root_path, struct ks_arena *arena, struct ks_findings *f,
                   const struct ks_config **ret, struct ks_error *err)
{
    const char *path = ks_sprintf(arena, "%s/" CONFIG_PATH, ks_streq(root_path, "/") ? "" : root_path);
    struct ks_config *config = (struct ks_config *)ks_obj_new(arena, &config_kind, NULL);
    struct ks_loader loader = {.arena = arena, .findings = f};
    const struct ks_node *node;
    char *text;
    size_t len;

    *ret = config;
    if (!ks_file_exists(root, CONFIG_PATH))
        return 0;
    if (ks_file_read(root, CONFIG_PATH, CONFIG_MAX, arena, &text, &len, err) < 0)
        return -1;
    node = ks_yaml_parse(f, path, text, len);
    if (node)
        ks_load(&loader, &config_kind, node, &config->o);
    return 0;
}
