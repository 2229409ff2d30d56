/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which network manager says that a link is its own, from the files that it leaves: no D-Bus, no daemon needed.
 *
 * NetworkManager: /run/NetworkManager/devices/IFINDEX, "managed=true" in it. systemd-networkd:
 * /run/systemd/netif/links/IFINDEX, ADMIN_STATE (what networkctl prints as SETUP) other than "unmanaged".
 * ifupdown: "iface NAME" in /etc/network/interfaces, interfaces.d, as interfaces(5) has it.
 */
#include "state/host.h"

enum { STATE_MAX = 1024 * 1024 };

const char *ks_host_link_owner_name(enum ks_host_link_owner owner)
{
    static const char *const names[] = {
        [KS_OWNER_NONE] = "none",
        [KS_OWNER_NETWORKMANAGER] = "NetworkManager",
        [KS_OWNER_NETWORKD] = "systemd-networkd",
        [KS_OWNER_IFUPDOWN] = "ifupdown",
    };

    return names[owner];
}

/* The value of "key=value" on a line of its own, or NULL. Cuts `text` up. */
static const char *value_of(char *text, const char *key)
{
    char *state = NULL;

    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        char *equals = strchr(line, '=');
        if (equals && (size_t)(equals - line) == strlen(key) && ks_starts(line, key))
            return equals + 1;
    }
    return NULL;
}

/* *ret: the key's value in that file; NULL when there is no such file or key. */
static int file_value(int root, const char *path, const char *key, struct ks_arena *arena, const char **ret,
                      struct ks_error *err)
{
    char *text;
    size_t len;

    *ret = NULL;
    if (!ks_file_exists(root, path))
        return 0;
    if (ks_file_read(root, path, STATE_MAX, arena, &text, &len, err) < 0)
        return -1;
    *ret = value_of(text, key);
    return 0;
}

static int daemon_of(int root, struct ks_arena *arena, struct ks_host_link *link, struct ks_error *err)
{
    const char *value;

    if (file_value(root, ks_sprintf(arena, "run/NetworkManager/devices/%d", link->index), "managed", arena, &value,
                   err) < 0)
        return -1;
    if (ks_streq(value, "true")) {
        link->owner = KS_OWNER_NETWORKMANAGER;
        return 0;
    }
    if (file_value(root, ks_sprintf(arena, "run/systemd/netif/links/%d", link->index), "ADMIN_STATE", arena, &value,
                   err) < 0)
        return -1;
    if (value && !ks_streq(value, "unmanaged"))
        link->owner = KS_OWNER_NETWORKD;
    return 0;
}

/* ---- ifupdown ---- */

static void claim(struct ks_host_links *links, const char *name)
{
    struct ks_host_link *link = (struct ks_host_link *)ks_host_link_find(links, name);

    if (link && link->owner == KS_OWNER_NONE && !link->loopback)
        link->owner = KS_OWNER_IFUPDOWN;
}

/* "iface NAME family method"; the next line is no matter. */
static void claim_stanzas(char *text, struct ks_host_links *links)
{
    char *lines = NULL;

    for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
        char *words = NULL;
        const char *first = strtok_r(line, " \t", &words);
        const char *name = strtok_r(NULL, " \t", &words);
        if (ks_streq(first, "iface") && name)
            claim(links, name);
    }
}

static int claim_file(int root, const char *path, struct ks_arena *arena, struct ks_host_links *links,
                      struct ks_error *err)
{
    char *text;
    size_t len;

    if (!ks_file_exists(root, path))
        return 0;
    if (ks_file_read(root, path, STATE_MAX, arena, &text, &len, err) < 0)
        return -1;
    claim_stanzas(text, links);
    return 0;
}

static int ifupdown(int root, struct ks_arena *arena, struct ks_host_links *links, struct ks_error *err)
{
    struct ks_strings names = {0};

    if (!ks_file_exists(root, "sbin/ifup") && !ks_file_exists(root, "usr/sbin/ifup"))
        return 0; /* a left-over file means nothing where the program is gone */
    if (claim_file(root, "etc/network/interfaces", arena, links, err) < 0 ||
        ks_dir_list_or(root, "etc/network/interfaces.d", arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++)
        if (claim_file(root, ks_sprintf(arena, "etc/network/interfaces.d/%s", names.v[i]), arena, links, err) < 0)
            return -1;
    return 0;
}

int ks_host_links_read(int root, struct ks_arena *arena, struct ks_host_links *ret, struct ks_error *err)
{
    if (ks_net_read(arena, ret, err) < 0)
        return -1;
    const bool daemons =
        ks_file_exists(root, "run/NetworkManager/devices") || ks_file_exists(root, "run/systemd/netif/links");
    for (size_t i = 0; daemons && i < ret->links.n; i++)
        if (daemon_of(root, arena, &ret->links.v[i], err) < 0)
            return ks_wrap(err, "finding out which network manager has which link");
    if (ifupdown(root, arena, ret, err) < 0)
        return ks_wrap(err, "finding out which network manager has which link");
    return 0;
}
