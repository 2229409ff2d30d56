/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/doc.h"

static bool is_taken(const struct ks_doc_kinds *kinds, const char *name)
{
    for (size_t i = 0; i < kinds->n; i++)
        if (ks_streq(kinds->v[i].name, name))
            return true;
    return false;
}

const char *ks_doc_name(const struct ks_doc_kinds *kinds, const struct ks_kind *kind)
{
    for (size_t i = 0; i < kinds->n; i++)
        if (kinds->v[i].kind == kind)
            return kinds->v[i].name;
    return NULL;
}

void ks_doc_collect(struct ks_arena *arena, const struct ks_kind *kind, struct ks_doc_kinds *ret)
{
    const char *name = kind->name;

    if (ks_doc_name(ret, kind))
        return;
    for (unsigned i = 2; is_taken(ret, name); i++)
        name = ks_sprintf(arena, "%s-%u", kind->name, i);
    *ks_vec_add(arena, ret) = (struct ks_doc_kind){kind, name};
    for (size_t i = 0; i < kind->n_fields; i++)
        if (ks_doc_shown(&kind->fields[i]) && kind->fields[i].kind)
            ks_doc_collect(arena, kind->fields[i].kind, ret);
}

const struct ks_field *ks_doc_shorthand(const struct ks_kind *kind)
{
    return kind->shorthand ? &kind->fields[ks_row(kind, kind->shorthand)] : NULL;
}

const struct ks_field *ks_doc_rest(const struct ks_kind *kind)
{
    for (size_t i = 0; i < kind->n_fields; i++)
        if (kind->fields[i].flags & KS_F_REST)
            return &kind->fields[i];
    return NULL;
}

#define HEX "[0-9A-Fa-f]"
/* What {guest} and {host} may be part of matches too: they are put in before the check. */
#define OR_NAME "|\\{(guest|host)\\}"
static const struct ks_doc_check checks[] = {
    {ks_check_mac, "^" HEX "[02468ACEace](:" HEX "{2}){5}$", "a MAC address"},
    {ks_check_ip, NULL, "an IP address"},
    {ks_check_cidr, "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "address/prefix"},
    {ks_check_route, "^(default|[0-9A-Fa-f.:]+(/[0-9]{1,3})?)$", "`default` or a network"},
    {ks_check_pci, "^(" HEX "{4}:)?" HEX "{2}:" HEX "{2}\\.[0-7]$", "a PCI address"},
    {ks_check_name, "^[^/]+$", "a name"},
    {ks_check_key, "^[A-Za-z0-9_-]+$" OR_NAME, "a name of letters, digits, `-` and `_`"},
    {ks_check_ifname, "^[^/:\\s]{1,15}$" OR_NAME, "an interface name"},
    {ks_check_path, "^/" OR_NAME, "an absolute path"},
    {ks_check_uuid, "^" HEX "{8}-?(" HEX "{4}-?){3}" HEX "{12}$", "a UUID"},
    {ks_check_sha256, "^" HEX "{64}$", "64 hex digits"},
    {ks_check_number, "^[0-9]+$", "a number"},
    {ks_check_size_key, "^[0-9]+[KMGT]iB$", "a page size"},
    {ks_check_target, "^(fd|hd|sd|ub|vd|xvd)[a-z]+$", "a target such as `vda`"},
    {ks_check_volume, "^[^/]+/[^/]+$", "pool/name"},
};

const struct ks_doc_check *ks_doc_check(const char *(*check)(struct ks_arena *, const char **))
{
    for (size_t i = 0; check && i < KS_COUNT(checks); i++)
        if (checks[i].check == check)
            return &checks[i];
    return NULL;
}
