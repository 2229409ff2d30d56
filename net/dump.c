/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dump.h"

#include <linux/if_link.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

enum { DUMP_TRIES = 5 };

struct dumping {
    const struct ks_nl_dump *d;
    void *data;
    struct ks_error *err;
    bool failed; /* in the callback: *err says why */
};

static int on_message(struct nl_msg *msg, void *data)
{
    struct dumping *dumping = data;

    if (dumping->d->each(nlmsg_hdr(msg), dumping->data, dumping->err) == 0)
        return NL_OK;
    dumping->failed = true;
    return NL_STOP;
}

/* NLE_DUMP_INTR: the tables changed meanwhile. */
static int dump_once(struct nl_sock *sock, struct nl_msg *msg, struct dumping *dumping)
{
    int rc = nl_send_auto(sock, msg);

    if (rc < 0)
        return rc;
    (void)nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, dumping);
    rc = nl_recvmsgs_default(sock);
    return rc > 0 ? 0 : rc;
}

int ks_nl_dump(struct nl_sock *sock, const struct ks_nl_dump *d, void *data, struct ks_error *err)
{
    struct dumping dumping = {.d = d, .data = data, .err = err};
    int rc = -NLE_DUMP_INTR;

    for (int i = 0; i < DUMP_TRIES && rc == -NLE_DUMP_INTR; i++) {
        ks_auto(ks_nl_msgp) struct nl_msg *msg = ks_nl_new(d->type, NLM_F_DUMP, d->header, d->header_size);
        if (d->ext_mask)
            ks_nl_put_u32(msg, IFLA_EXT_MASK, d->ext_mask);
        d->restart(data);
        rc = dump_once(sock, msg, &dumping);
        if (dumping.failed)
            return -1;
    }
    return rc < 0 ? ks_fail(err, KS_E_IO, KS_NOWHERE, "reading %s by rtnetlink: %s", d->what, nl_geterror(rc)) : 0;
}

int ks_nl_ask(struct nl_sock *sock, struct nl_msg *msg,
              int (*each)(struct nlmsghdr *message, void *data, struct ks_error *err), void *data,
              struct ks_error *err)
{
    const struct ks_nl_dump d = {.each = each};
    struct dumping dumping = {.d = &d, .data = data, .err = err};
    ks_auto(ks_nl_msgp) struct nl_msg *sent = msg;
    const int rc = dump_once(sock, sent, &dumping);

    if (dumping.failed)
        return -1;
    return rc < 0 ? ks_fail(err, KS_E_IO, KS_NOWHERE, "rtnetlink: %s", nl_geterror(rc)) : 0;
}
