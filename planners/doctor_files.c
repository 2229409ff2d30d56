/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks: networks, helper programs, and files and directories that the manifest names. */
#include "planners/device.h"
#include "planners/doctor_private.h"

/* ---- programs ----------------------------------------------------------------------------------------------- */

void ks_judge_program(struct ks_doctor *d, const char *name, const char *cure)
{
    const char *path = ks_fact_program(d->facts, name);

    if (path)
        ks_doctor_ok(d, "%s", path);
    else
        ks_doctor_lacks(d, cure, "there is no %s", name);
}

void ks_judge_seed(struct ks_doctor *d)
{
    static const char *const names[] = {"xorrisofs", "genisoimage", "mkisofs"};

    for (size_t i = 0; i < KS_COUNT(names); i++) {
        if (!ks_fact_program(d->facts, names[i]))
            continue;
        ks_doctor_ok(d, "%s", ks_fact_program(d->facts, names[i]));
        return;
    }
    ks_doctor_lacks(d, "apt-get install xorriso", "there is no program that makes an ISO image");
}

void ks_judge_swtpm(struct ks_doctor *d)
{
    static const char cure[] = "apt-get install swtpm swtpm-tools";

    ks_judge_program(d, ks_fact_program(d->facts, "swtpm") ? "swtpm_setup" : "swtpm", cure);
}

void ks_judge_filter(struct ks_doctor *d)
{
    const char *iptables = ks_fact_program(d->facts, "iptables"), *nft = ks_fact_program(d->facts, "nft");

    /* libvirt came to speak nft with 10.4. */
    if (iptables || (nft && d->facts->have.libvirt_version >= 10004000))
        ks_doctor_ok(d, "%s", iptables ? iptables : nft);
    else
        ks_doctor_lacks(d, "apt-get install iptables", "there is no iptables");
}

/* ---- the kernel's part in devices --------------------------------------------------------------------------- */

static void judge_module(struct ks_doctor *d, const char *device, bool there, const char *name)
{
    const struct ks_fact_module *module = ks_fact_module(d->facts, name);

    if (there)
        ks_doctor_ok(d, "%s", device);
    else if (module->state == KS_MODULE_LOADED || (module->state == KS_MODULE_AVAILABLE && !module->blocked))
        ks_doctor_ok(d, "module %s", name);
    else if (module->blocked)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "take %s out of the files in /etc/modprobe.d that block it", name),
                        "kept from being loaded by a file in modprobe.d");
    else
        ks_doctor_lacks(d, "install a kernel that has it: apt-get install linux-image-amd64",
                        "this kernel has no %s", name);
}

void ks_judge_tap(struct ks_doctor *d)
{
    judge_module(d, "/dev/net/tun", d->facts->has_tun, "tun");
}

void ks_judge_vhost(struct ks_doctor *d)
{
    judge_module(d, "/dev/vhost-net", d->facts->has_vhost_net, "vhost_net");
}

void ks_judge_bridge(struct ks_doctor *d)
{
    judge_module(d, NULL, false, "bridge");
}

void ks_judge_tpm(struct ks_doctor *d)
{
    if (d->facts->has_tpm)
        ks_doctor_ok(d, "/dev/tpm0");
    else
        ks_doctor_lacks(d, "switch on the TPM in the firmware's setup; or state tpm: \"2.0\", an emulated one",
                        "the host has none");
}

/* ---- networks ----------------------------------------------------------------------------------------------- */

struct subnet {
    uint32_t base, mask;
    unsigned prefix;
};

/* "192.168.122.1/24"; IPv6 has room enough that nobody meets by chance. */
static bool parse_subnet(const char *text, struct subnet *ret)
{
    unsigned a, b, c, e;

    if (!text || sscanf(text, "%3u.%3u.%3u.%3u/%2u", &a, &b, &c, &e, &ret->prefix) != 5 || ret->prefix > 32 ||
        a > 255 || b > 255 || c > 255 || e > 255)
        return false;
    ret->mask = ret->prefix ? UINT32_MAX << (32 - ret->prefix) : 0;
    ret->base = (a << 24 | b << 16 | c << 8 | e) & ret->mask;
    return true;
}

static bool overlap(const struct subnet *a, const struct subnet *b)
{
    const uint32_t mask = a->mask & b->mask;

    return (a->base & mask) == (b->base & mask);
}

/* A link of the host that has an address in one of these subnets already, and is not the network's own bridge. */
static const struct ks_fact_address *in_conflict(const struct ks_facts *f, const struct ks_strings *addresses,
                                                 const char *bridge)
{
    for (size_t i = 0; i < addresses->n; i++) {
        struct subnet wanted, there;
        if (!parse_subnet(addresses->v[i], &wanted))
            continue;
        for (size_t k = 0; k < f->addresses.n; k++)
            if (!ks_streq(f->addresses.v[k].link, bridge) && !ks_streq(f->addresses.v[k].link, "lo") &&
                parse_subnet(f->addresses.v[k].text, &there) && overlap(&wanted, &there))
                return &f->addresses.v[k];
    }
    return NULL;
}

static const char *bridge_of(const struct ks_facts *f, const char *name)
{
    const struct ks_seen_network *seen = ks_seen_network(&f->have, name);

    return seen && seen->config && seen->config->bridge ? seen->config->bridge : NULL;
}

static void judge_network(struct ks_doctor *d, const char *name, const struct ks_network *network,
                          const char *bridge)
{
    const struct ks_fact_address *other = in_conflict(d->facts, &network->addresses, bridge);

    d->subject = name;
    if (!other) {
        ks_doctor_ok(d, "%s", network->addresses.v[0]);
        return;
    }
    ks_doctor_lacks(d,
                    ks_sprintf(d->arena,
                               "state other addresses for it; or, where nobody uses it: virsh net-destroy "
                               "%s; virsh net-autostart --disable %s",
                               name, name),
                    "%s is in use: %s has %s", network->addresses.v[0], other->link, other->text);
}

static bool is_judged(const struct ks_network *network, const struct ks_obj *stated)
{
    return network->addresses.n > 0 && ks_forward_has_own_bridge(network->forward) &&
           !(ks_has(stated, "state") && network->state != KS_NETWORK_ACTIVE);
}

void ks_judge_networks(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && i < d->want->networks.n; i++) {
        const struct ks_network *network = (const struct ks_network *)d->want->networks.v[i];
        if (!is_judged(network, &network->o))
            continue;
        d->need = ks_needed_by(&network->o, ks_sprintf(d->arena, "networks.%s", network->o.key));
        judge_network(d, network->o.key, network,
                      network->bridge ? network->bridge : bridge_of(d->facts, network->o.key));
    }
    d->need = (struct ks_needed){0};
    for (size_t i = 0; i < d->facts->have.networks.n; i++) {
        const struct ks_seen_network *seen = &d->facts->have.networks.v[i];
        if (seen->config && seen->config->addresses.n > 0 &&
            !(d->want && ks_map_get(&d->want->networks, seen->name)))
            judge_network(d, seen->name, seen->config, seen->config->bridge);
    }
}

/* ---- files and directories ---------------------------------------------------------------------------------- */

/* What libvirt may relabel, or QEMU may read as it is (container-selinux and selinux-policy know these). */
static bool is_labelled(const struct ks_fact_path *fact)
{
    static const char *const types[] = {":virt_image_t:", ":svirt_image_t:", ":virt_content_t:", ":virt_var_lib_t:",
                                        ":nfs_t:",        ":cifs_t:",        ":fusefs_t:",       ":cephfs_t:"};

    for (size_t i = 0; i < KS_COUNT(types); i++)
        if (!fact->label || strstr(fact->label, types[i]))
            return true;
    return false;
}

static void judge_file(struct ks_doctor *d, const char *path, struct ks_loc at, const char *by)
{
    const struct ks_fact_path *fact = path && *path == '/' ? ks_fact_path(d->facts, path) : NULL;

    if (!fact)
        return;
    d->subject = path;
    d->need = (struct ks_needed){by, at};
    if (!fact->exists)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "put it there, or state another path at %s", by), "is not there");
    else if (fact->closed)
        ks_doctor_lacks(
            d,
            ks_sprintf(d->arena, "setfacl -m u:%s:x %s, or keep it elsewhere", d->facts->qemu_user, fact->closed),
            "QEMU's user %s may not enter %s", d->facts->qemu_user, fact->closed);
    else
        ks_doctor_ok(d, "there");
}

static const char *part(struct ks_doctor *d, const struct ks_guest *guest, const char *map, const struct ks_obj *o,
                        const char *field)
{
    return ks_sprintf(d->arena, "guests.%s.%s.%s.%s", guest->o.key, map, o->key, field);
}

static void judge_guest_files(struct ks_doctor *d, const struct ks_guest *guest)
{
    const struct ks_direct_kernel *dk = guest->direct_kernel;

    for (size_t i = 0; i < guest->disks.n; i++) {
        const struct ks_disk *disk = (const struct ks_disk *)guest->disks.v[i];
        const struct ks_obj *o = &disk->o;
        judge_file(d, disk->file, ks_at(o, "file"), part(d, guest, "disks", o, "file"));
        judge_file(d, disk->block, ks_at(o, "block"), part(d, guest, "disks", o, "block"));
        judge_file(d, disk->backing, ks_at(o, "backing"), part(d, guest, "disks", o, "backing"));
        judge_file(d, disk->clone, ks_at(o, "clone"), part(d, guest, "disks", o, "clone"));
    }
    for (size_t i = 0; i < guest->filesystems.n; i++) {
        const struct ks_filesystem *fs = (const struct ks_filesystem *)guest->filesystems.v[i];
        judge_file(d, fs->source, ks_at(&fs->o, "source"), part(d, guest, "filesystems", &fs->o, "source"));
    }
    if (dk) {
        judge_file(d, dk->kernel, ks_at(&dk->o, "kernel"),
                   ks_sprintf(d->arena, "guests.%s.direct-kernel.kernel", guest->o.key));
        judge_file(d, dk->initrd, ks_at(&dk->o, "initrd"),
                   ks_sprintf(d->arena, "guests.%s.direct-kernel.initrd", guest->o.key));
    }
}

static void judge_volumes(struct ks_doctor *d, const struct ks_pool_volumes *pool)
{
    for (size_t i = 0; i < pool->volumes.n; i++) {
        const struct ks_volume *volume = (const struct ks_volume *)pool->volumes.v[i];
        const char *name = ks_sprintf(d->arena, "volumes.%s.%s", pool->o.key, volume->o.key);
        judge_file(d, volume->backing, ks_at(&volume->o, "backing"), name);
        judge_file(d, volume->clone, ks_at(&volume->o, "clone"), name);
        if (volume->source)
            judge_file(d, volume->source->file, ks_at(&volume->source->o, "file"), name);
    }
}

static void judge_secret(struct ks_doctor *d, const struct ks_secret *secret)
{
    const struct ks_fact_path *fact =
        secret->value && secret->value->file ? ks_fact_path(d->facts, secret->value->file) : NULL;
    const char *by = ks_sprintf(d->arena, "secrets.%s.value.file", secret->o.key);

    if (!fact || secret->state == KS_SECRET_ABSENT)
        return;
    d->subject = fact->path;
    d->need = (struct ks_needed){by, ks_at(&secret->value->o, "file")};
    if (!fact->exists)
        ks_doctor_lacks(d, ks_sprintf(d->arena, "put the secret there: install -m 600 /dev/stdin %s", fact->path),
                        "is not there");
    else if (fact->open_to_all)
        ks_doctor_warns(d, ks_sprintf(d->arena, "chmod 600 %s", fact->path),
                        "holds a secret that everybody may read");
    else
        ks_doctor_ok(d, "there");
}

void ks_judge_files(struct ks_doctor *d)
{
    const struct ks_manifest *want = d->want;

    for (size_t i = 0; want && i < want->secrets.n; i++)
        judge_secret(d, (const struct ks_secret *)want->secrets.v[i]);
    for (size_t i = 0; want && i < want->volumes.n; i++)
        judge_volumes(d, (const struct ks_pool_volumes *)want->volumes.v[i]);
    for (size_t i = 0; want && i < want->guests.n; i++)
        if (ks_guest_is_wanted((const struct ks_guest *)want->guests.v[i]))
            judge_guest_files(d, (const struct ks_guest *)want->guests.v[i]);
}

void ks_judge_directories(struct ks_doctor *d)
{
    for (size_t i = 0; d->want && i < d->want->pools.n; i++) {
        const struct ks_pool *pool = (const struct ks_pool *)d->want->pools.v[i];
        const struct ks_fact_path *fact = pool->path ? ks_fact_path(d->facts, pool->path) : NULL;
        if (!fact || ks_starts(pool->path, "/dev"))
            continue;
        d->subject = pool->path;
        d->need = ks_needed_by(&pool->o, ks_sprintf(d->arena, "pools.%s.path", pool->o.key));
        if (fact->closed)
            ks_doctor_lacks(d,
                            ks_sprintf(d->arena, "setfacl -m u:%s:x %s, or state another path", d->facts->qemu_user,
                                       fact->closed),
                            "QEMU's user %s may not enter %s", d->facts->qemu_user, fact->closed);
        else if (fact->exists && !fact->is_dir)
            ks_doctor_lacks(d, "state a directory's path", "is no directory");
        else if (d->facts->selinux && !is_labelled(fact))
            ks_doctor_warns(d,
                            ks_sprintf(d->arena,
                                       "semanage fcontext -a -t virt_image_t '%s(/.*)?' && restorecon -R %s",
                                       pool->path, pool->path),
                            "SELinux label %s is none for images", fact->label);
        else if (fact->free < (UINT64_C(1) << 30))
            ks_doctor_warns(d, "make room, or state a path on a larger file system", "%s free",
                            ks_size_format(d->arena, fact->free >> 20 << 20));
        else
            ks_doctor_ok(d, "%s free%s", ks_size_format(d->arena, fact->free >> 30 << 30),
                         fact->exists ? "" : ", made by apply");
    }
}
