/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds devices by libvirt's definitions: guests, running or not, and networks that hand out VFs. */
#include "state/device.h"

#include "schema/guest.h"
#include "schema/xml.h"

static void claim(struct ks_observing *o, struct ks_claims *ret, const char *address, const char *pf,
                  const char *holder, bool live)
{
    for (size_t i = 0; i < ret->n; i++) {
        if (ks_streq(ret->v[i].address, address) && ks_streq(ret->v[i].pf, pf) &&
            ks_streq(ret->v[i].holder, holder)) {
            ret->v[i].live = ret->v[i].live || live;
            return;
        }
    }
    *ks_vec_add(o->arena, ret) = (struct ks_claim){.address = address, .pf = pf, .holder = holder, .live = live};
}

static void claim_guest(struct ks_observing *o, const struct ks_guest *guest, const char *name, bool live,
                        struct ks_claims *ret)
{
    const char *holder = ks_sprintf(o->arena, "guest/%s", name);

    for (size_t i = 0; guest && i < guest->nics.n; i++) {
        const struct ks_nic *nic = (const struct ks_nic *)guest->nics.v[i];
        const char *address = nic->vf_address ? nic->vf_address : nic->vf ? nic->vf->address : NULL;
        if (address)
            claim(o, ret, address, NULL, holder, live);
    }
    for (size_t i = 0; guest && i < guest->devices.n; i++) {
        const char *address = ((const struct ks_pci_device *)guest->devices.v[i])->pci;
        if (address)
            claim(o, ret, address, NULL, holder, live);
    }
}

/* ---- networks ---- */

static void claim_forward(struct ks_observing *o, const xmlNode *forward, const char *holder,
                          const struct ks_host_pci *pci, struct ks_claims *ret)
{
    for (const xmlNode *node = ks_xml_child(forward, "pf"); node; node = ks_xml_next(node, "pf")) {
        const char *dev = ks_xml_attr(node, "dev");
        const struct ks_host_pci_device *pf = dev ? ks_host_pci_pf(pci, dev) : NULL;
        if (pf)
            claim(o, ret, NULL, pf->address, holder, false);
    }
    for (const xmlNode *node = ks_xml_child(forward, "address"); node; node = ks_xml_next(node, "address")) {
        const char *address = ks_pci_read(o->arena, node);
        if (address)
            claim(o, ret, address, NULL, holder, false);
    }
}

static int claim_network(struct ks_observing *o, virNetworkPtr network, const struct ks_host_pci *pci,
                         struct ks_claims *ret, struct ks_error *err)
{
    ks_auto(ks_freep) char *text = virNetworkGetXMLDesc(network, VIR_NETWORK_XML_INACTIVE);
    ks_auto(ks_xml_docp) xmlDoc *doc = NULL;
    const char *holder = ks_sprintf(o->arena, "network/%s", virNetworkGetName(network));
    const xmlNode *forward;

    if (!text)
        return ks_fail_virt(err, "read network %s", virNetworkGetName(network));
    if (ks_xml_parse(text, strlen(text), &doc, err) < 0)
        return -1;
    forward = ks_xml_child(xmlDocGetRootElement(doc), "forward");
    if (forward && ks_streq(ks_xml_attr(forward, "mode"), "hostdev"))
        claim_forward(o, forward, holder, pci, ret);
    return 0;
}

static int claim_networks(struct ks_observing *o, const struct ks_host_pci *pci, struct ks_claims *ret,
                          struct ks_error *err)
{
    virNetworkPtr *list = NULL;
    const int n = o->conn ? virConnectListAllNetworks(o->conn, &list, 0) : -1;
    int r = 0;

    if (!o->conn)
        return ks_fail(err, KS_E_VIRT, KS_NOWHERE, "libvirt could not be asked");
    if (n < 0) /* a driver without networks has none that holds anything */
        return ks_virt_errno() == VIR_ERR_NO_SUPPORT ? 0 : ks_fail_virt(err, "list networks");
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = claim_network(o, list[i], pci, ret, err);
        (void)virNetworkFree(list[i]);
    }
    free(list);
    return r;
}

int ks_claims_read(struct ks_observing *o, const struct ks_observed *seen, const struct ks_host_pci *pci,
                   struct ks_claims *ret, struct ks_error *err)
{
    for (size_t i = 0; i < seen->guests.n; i++) {
        const struct ks_seen_guest *guest = &seen->guests.v[i];
        if (guest->unknown)
            return ks_fail(err, KS_E_VIRT, KS_NOWHERE, "guest %s: %s", guest->name, guest->unknown);
        claim_guest(o, guest->live, guest->name, true, ret);
        claim_guest(o, guest->config, guest->name, false, ret);
    }
    return claim_networks(o, pci, ret, err);
}

/* ---- processes ---- */

/* libvirt starts QEMU with "-name guest=NAME,debug-threads=on"; a comma in a name is doubled. */
const char *ks_guest_of_process(struct ks_observing *o, int pid)
{
    ks_auto(ks_error_done) struct ks_error ignored = {0};
    char *text;
    size_t len;

    if (ks_file_read(o->root, ks_sprintf(o->arena, "proc/%d/cmdline", pid), 1 << 20, o->arena, &text, &len,
                     &ignored) < 0)
        return NULL;
    for (const char *word = text, *end = text + len; word < end; word += strlen(word) + 1) {
        const char *next = word + strlen(word) + 1;
        if (ks_streq(word, "-name") && next < end && ks_starts(next, "guest=")) {
            const char *name = next + strlen("guest=");
            return ks_strndup(o->arena, name, strcspn(name, ","));
        }
    }
    return NULL;
}
