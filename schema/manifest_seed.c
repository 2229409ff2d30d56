/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloud-init seeds: the files that a guest's seed holds, read from the repository with the manifest, so that a file
 * that is missing is a finding, and that what is planned is what is applied. The data source is NoCloud:
 * https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
 */
#include <inttypes.h>
#include <strings.h>

#include "schema/manifest_check.h"
#include "schema/manifest_private.h"
#include "schema/value.h"

/* Part of the digest: raised when seeds of the same inputs are to be made anew. */
enum { SEED_FORMAT = 1 };

struct seeding {
    struct ks_arena *arena;
    const struct ks_files *files;
    struct ks_findings *f;
};

static int read_file(const struct seeding *s, const struct ks_obj *obj, const char *key, const char *path,
                     const char **ret_path, struct ks_file_text *ret)
{
    const struct ks_loc at = ks_at(obj, key);
    struct ks_error err = {0};
    char *text;

    *ret_path = ks_manifest_path(s->arena, at.file ? at.file : "", path);
    if (!*ret_path)
        return ks_report(s->f, KS_E_INVALID, at, "%s: '%s' leaves the repository", key, path);
    if (s->files->read(s->files->data, *ret_path, s->arena, &text, &ret->len, &err) < 0) {
        const bool missing = err.code == KS_E_NOT_FOUND;
        if (!missing)
            (void)ks_report(s->f, err.code, at, "%s: %s", key, ks_error_text(s->arena, &err));
        ks_error_done(&err);
        return missing ? ks_report(s->f, KS_E_NOT_FOUND, at, "%s: there is no file '%s'", key, *ret_path) : -1;
    }
    ret->text = text;
    return 0;
}

/* cloud-init tells what user-data is by how it begins, and passes over what it does not know. */
static void check_user_data(const struct seeding *s, const struct ks_cloud_init *c)
{
    static const char *const starts[] = {"#", "Content-Type:", "MIME-Version:", "\x1f\x8b"};

    for (size_t i = 0; i < KS_COUNT(starts); i++)
        if (c->user.len == 0 || strncasecmp(c->user.text, starts[i], strlen(starts[i])) == 0)
            return;
    ks_report_warning(s->f, KS_E_INVALID, ks_at(&c->o, "user-data"),
                      "user-data: %s does not begin as anything that cloud-init knows: #cloud-config, #!, "
                      "## template: jinja, a MIME header",
                      c->user_data);
}

/* ---- metadata ----------------------------------------------------------------------------------------------- */

static void add_entry(struct ks_text *out, const char *key, const char *value)
{
    ks_text_add_quoted(out, key);
    ks_text_add(out, ": ");
    ks_text_add_quoted(out, value);
    ks_text_add(out, "\n");
}

static const char *const defaults[] = {"instance-id", "local-hostname"};

static void write_meta_data(struct ks_text *out, const struct ks_guest *guest, const struct ks_cloud_init *c)
{
    for (size_t i = 0; i < KS_COUNT(defaults); i++)
        if (!ks_map_get(&c->meta_data, defaults[i]))
            add_entry(out, defaults[i], guest->o.key);
    for (size_t i = 0; i < c->meta_data.n; i++)
        add_entry(out, c->meta_data.v[i]->key, ((const struct ks_word *)c->meta_data.v[i])->value);
}

static bool has_defaults(const struct ks_node *root)
{
    for (size_t i = 0; i < KS_COUNT(defaults); i++)
        if (!root || root->type != KS_NODE_MAP || !ks_node_get(root, defaults[i]))
            return false;
    return true;
}

/* The file as it is, with the defaults that it does not state behind it; whether that is YAML still, the parser
 * says: a map in braces takes no more lines. */
static int take_meta_data(const struct seeding *s, struct ks_text *out, const struct ks_guest *guest,
                          const struct ks_cloud_init *c)
{
    struct ks_findings again = {.arena = s->arena};
    const size_t before = s->f->n_errors;
    const struct ks_node *root;
    struct ks_file_text file;
    const char *path;

    if (read_file(s, &c->o, "meta-data-file", c->meta_data_file, &path, &file) < 0)
        return -1;
    root = ks_yaml_parse(s->f, path, file.text, file.len);
    if (s->f->n_errors > before)
        return -1;
    if (root && root->type != KS_NODE_MAP && root->type != KS_NODE_NULL)
        return ks_report(s->f, KS_E_INVALID, root->at, "meta-data-file: expected a map");
    ks_text_addn(out, file.text, file.len);
    if (has_defaults(root))
        return 0;
    ks_text_add(out, file.len && file.text[file.len - 1] != '\n' ? "\n" : "");
    for (size_t i = 0; i < KS_COUNT(defaults); i++)
        if (!root || root->type != KS_NODE_MAP || !ks_node_get(root, defaults[i]))
            add_entry(out, defaults[i], guest->o.key);
    root = ks_yaml_parse(&again, path, ks_text_str(out), out->n);
    if (again.n_errors == 0 && has_defaults(root))
        return 0;
    return ks_report(s->f, KS_E_INVALID, ks_at(&c->o, "meta-data-file"),
                     "meta-data-file: %s must be written in block style, or state instance-id and local-hostname",
                     path);
}

/* ---- the seed ----------------------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t hash, const struct ks_file_text *text)
{
    hash = ks_hash(hash, &text->len, sizeof text->len);
    return ks_hash(hash, text->text ? text->text : "", text->len + 1);
}

static const char *digest(struct ks_arena *arena, const struct ks_cloud_init *c)
{
    const unsigned format = SEED_FORMAT, has_network = c->network.text != NULL;
    uint64_t hash = ks_hash(KS_HASH_START, &format, sizeof format);

    hash = ks_hash(hash, &has_network, sizeof has_network);
    hash = hash_text(hash_text(hash_text(hash, &c->user), &c->meta), &c->network);
    return ks_sprintf(arena, "%016" PRIx64, hash);
}

static void read_seed(const struct seeding *s, const struct ks_guest *guest, struct ks_cloud_init *c)
{
    struct ks_text meta = {.arena = s->arena};
    const size_t before = s->f->n_errors;
    const char *path;

    c->user.text = "";
    if (ks_has(&c->o, "user-data") && read_file(s, &c->o, "user-data", c->user_data, &path, &c->user) == 0)
        check_user_data(s, c);
    if (ks_has(&c->o, "network-config"))
        (void)read_file(s, &c->o, "network-config", c->network_config, &path, &c->network);
    if (ks_has(&c->o, "meta-data-file"))
        (void)take_meta_data(s, &meta, guest, c);
    else
        write_meta_data(&meta, guest, c);
    if (s->f->n_errors > before)
        return;
    c->meta = (struct ks_file_text){ks_text_str(&meta), meta.n};
    c->digest = digest(s->arena, c);
}

void ks_manifest_seeds(struct ks_arena *arena, const struct ks_files *files, struct ks_manifest *m,
                       struct ks_findings *f)
{
    const struct seeding s = {.arena = arena, .files = files, .f = f};

    for (size_t i = 0; i < m->guests.n; i++) {
        const struct ks_guest *guest = (const struct ks_guest *)m->guests.v[i];
        if (ks_has(&guest->o, "cloud-init") && ks_guest_counts(guest))
            read_seed(&s, guest, guest->cloud_init);
    }
}

char *ks_seed_path(struct ks_arena *arena, const char *dir, const struct ks_guest *guest)
{
    if (!dir || !ks_has(&guest->o, "cloud-init") || !guest->cloud_init->digest)
        return NULL;
    return ks_sprintf(arena, "%s/%s/%s.iso", dir, guest->o.key, guest->cloud_init->digest);
}
