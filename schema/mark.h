/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ownership mark of a guest: an element of kvmstate's own namespace in the domain's <metadata>. It goes where
 * the guest goes, and is all that adoption adds.
 *
 *   <kvmstate:guest xmlns:kvmstate="https://kvmstate.org/domain/1.0" protect="yes"/>
 */
#pragma once

#include "schema/schema.h"

#define KS_MARK_NAMESPACE "https://kvmstate.org/domain/1.0"
#define KS_MARK_PREFIX "kvmstate"
/* The mark of a bridge: its link alias. */
#define KS_LINK_MARK "kvmstate"

struct ks_guest_mark {
    bool owned;
    bool protect; /* never deleted, also when the manifest no longer says so */
};

/* `domain`: the document element. */
void ks_guest_mark_read(xmlNode *domain, struct ks_guest_mark *ret);
/* Writes the mark into a definition that is being made or edited; not owned: takes it out. */
int ks_guest_mark_write(xmlNode *domain, const struct ks_guest_mark *mark, struct ks_error *err);
/* The element alone, as virDomainSetMetadata() takes it (libvirt adds the namespace itself); static text. */
const char *ks_guest_mark_text(const struct ks_guest_mark *mark);
