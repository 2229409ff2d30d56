/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: guests from YAML, their XML, and an embedded libvirt that says what it makes of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

#include "schema/guest_new.h"
#include "schema/xml.h"
#include "virt/virt.h"

/* ---- guests ------------------------------------------------------------------------------------------------- */

static inline struct ks_guest *g_load(struct ks_arena *arena, const char *yaml, struct ks_findings *f)
{
    struct ks_guest *guest = (struct ks_guest *)ks_obj_new(arena, &ks_guest_kind, "g1");
    struct ks_loader loader = {.arena = arena, .findings = f, .host = "h1", .guest = "g1"};
    const struct ks_node *node;

    f->arena = arena;
    node = ks_yaml_parse(f, "guest.yaml", ks_strdup(arena, yaml), strlen(yaml));
    if (node)
        ks_load(&loader, &ks_guest_kind, node, &guest->o);
    return guest;
}

static inline struct ks_guest *g_guest(struct ks_arena *arena, const char *yaml)
{
    struct ks_findings f = {0};
    struct ks_guest *guest = g_load(arena, yaml, &f);

    if (f.n_errors) {
        ks_findings_print(stderr, &f, false);
        fail_msg("the test's own manifest is wrong:\n%s", yaml);
    }
    return guest;
}

static inline xmlDoc *g_parse(const char *text)
{
    struct ks_error err = {0};
    xmlDoc *doc = NULL;

    if (ks_xml_parse(text, strlen(text), &doc, &err))
        fail_msg("not XML: %s\n%s", err.msg[0], text);
    return doc;
}

static inline struct ks_guest *g_read(struct ks_arena *arena, xmlDoc *doc)
{
    struct ks_guest *guest = (struct ks_guest *)ks_obj_new(arena, &ks_guest_kind, "g1");

    ks_xml_read(arena, xmlDocGetRootElement(doc), &guest->o);
    return guest;
}

static inline const char *g_text(struct ks_arena *arena, xmlDoc *doc)
{
    char *text = ks_xml_text(xmlDocGetRootElement(doc));
    const char *copy = ks_strdup(arena, text);

    xmlFree(text);
    return copy;
}

static inline xmlDoc *g_new(struct ks_arena *arena, const struct ks_guest *want)
{
    struct ks_error err = {0};
    xmlDoc *doc = NULL;

    if (ks_guest_new_xml(want, false, &doc, &err))
        fail_msg("new guest: %s", ks_error_text(arena, &err));
    return doc;
}

static inline struct ks_changes g_diff(struct ks_arena *arena, const struct ks_guest *want,
                                       const struct ks_guest *have)
{
    struct ks_changes changes = {0};

    ks_diff(arena, &want->o, have ? &have->o : NULL, false, &changes);
    return changes;
}

static inline void g_no_changes(struct ks_arena *arena, const char *what, const struct ks_guest *want, xmlDoc *doc)
{
    const struct ks_changes c = g_diff(arena, want, g_read(arena, doc));

    if (c.n)
        fail_msg("%s: %s is %s, wanted %s, in\n%s", what, c.v[0].path, c.v[0].from ? c.v[0].from : "(nothing)",
                 c.v[0].to ? c.v[0].to : "(nothing)", g_text(arena, doc));
}

/* Makes the document say what is wanted, as the actuator does. */
static inline size_t g_apply(struct ks_arena *arena, const char *what, const struct ks_guest *want, xmlDoc *doc)
{
    const struct ks_changes c = g_diff(arena, want, g_read(arena, doc));
    struct ks_error err = {0};

    for (size_t i = 0; i < c.n; i++)
        if (ks_xml_apply(xmlDocGetRootElement(doc), &c.v[i], &err))
            fail_msg("%s: %s: %s", what, c.v[i].path, ks_error_text(arena, &err));
    return c.n;
}

/* ---- an embedded libvirt ---------------------------------------------------------------------------------- */

struct g_libvirt {
    virConnectPtr conn; /* NULL: there is none on this machine */
    char dir[64];
    pthread_t loop;
    volatile bool stop;
};

static inline void *g_loop(void *data)
{
    struct g_libvirt *l = data;

    while (!l->stop)
        (void)virEventRunDefaultImpl();
    return NULL;
}

static inline void g_tick(int timer, void *data)
{
    (void)timer;
    (void)data;
}

static inline void g_libvirt_open(struct g_libvirt *l)
{
    struct ks_error err = {0};
    char uri[128];

    if (geteuid() != 0 || access("/usr/bin/qemu-system-x86_64", X_OK))
        return;
    /* In memory where that is possible: libvirt syncs every definition. */
    (void)snprintf(l->dir, sizeof l->dir, "%s/ks-embed-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(l->dir));
    (void)snprintf(uri, sizeof uri, "qemu:///embed?root=%s", l->dir);
    assert_int_equal(virEventRegisterDefaultImpl(), 0);
    (void)virEventAddTimeout(100, g_tick, NULL, NULL);
    assert_int_equal(pthread_create(&l->loop, NULL, g_loop, l), 0);
    if (ks_connect(uri, false, &l->conn, &err))
        print_message("no embedded libvirt: %s\n", err.msg[0]);
    ks_error_done(&err);
}

static inline int g_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void g_libvirt_close(struct g_libvirt *l)
{
    if (!*l->dir)
        return;
    if (l->conn)
        (void)virConnectClose(l->conn);
    l->stop = true;
    (void)pthread_join(l->loop, NULL);
    (void)nftw(l->dir, g_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Defines the domain and gives back what libvirt made of it; NULL, with what it said, when it refuses. */
static inline xmlDoc *g_define(struct g_libvirt *l, struct ks_arena *arena, xmlDoc *doc, const char **ret_said)
{
    const char *text = g_text(arena, doc);
    ks_auto(ks_domainp) virDomainPtr domain = virDomainDefineXMLFlags(l->conn, text, VIR_DOMAIN_DEFINE_VALIDATE);
    ks_auto(ks_freep) char *made = NULL;
    xmlDoc *ret;

    if (!domain) {
        *ret_said = ks_strdup(arena, virGetLastErrorMessage());
        return NULL;
    }
    made = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    assert_non_null(made);
    (void)virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_NVRAM);
    ret = g_parse(made);
    return ret;
}
