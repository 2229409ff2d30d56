/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An rtnetlink socket: building a request, sending it, and the kernel's refusal in its own words. */
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include "net/net.h"

int ks_nl_open(struct nl_sock **ret, struct ks_error *err)
{
    ks_auto(ks_nl_closep) struct nl_sock *sock = nl_socket_alloc();
    static const int options[] = {
        NETLINK_GET_STRICT_CHK, /* the kernel filters routes by table (4.20; before, the parser does) */
        NETLINK_EXT_ACK,        /* refusals come with a sentence */
        NETLINK_CAP_ACK,        /* and without the request repeated */
    };
    const int on = 1;

    if (!sock)
        abort(); /* out of memory */
    const int rc = nl_connect(sock, NETLINK_ROUTE);
    if (rc < 0)
        return ks_fail(err, KS_E_IO, KS_NOWHERE, "opening an rtnetlink socket: %s", nl_geterror(rc));
    for (size_t i = 0; i < KS_COUNT(options); i++)
        (void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, options[i], &on, sizeof(on));
    *ret = ks_take(sock);
    return 0;
}

void ks_nl_closep(struct nl_sock **sock)
{
    if (*sock)
        nl_socket_free(*sock);
}

void ks_nl_msgp(struct nl_msg **msg)
{
    if (*msg)
        nlmsg_free(*msg);
}

struct nl_msg *ks_nl_new(int type, int flags, const void *header, size_t header_size)
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

    if (!msg || nlmsg_append(msg, (void *)header, header_size, NLMSG_ALIGNTO) < 0)
        abort(); /* out of memory */
    return msg;
}

void ks_nl_put(struct nl_msg *msg, int type, const void *data, size_t size)
{
    if (nla_put(msg, type, (int)size, data) < 0)
        abort(); /* out of memory: a page holds any request made here */
}

void ks_nl_put_raw(struct nl_msg *msg, const void *attributes, size_t size)
{
    /* Routes through many gateways are larger than the page that a message has at first. */
    if (nlmsg_expand(msg, nlmsg_get_max_size(msg) + size + NLMSG_ALIGNTO) < 0 ||
        nlmsg_append(msg, (void *)(uintptr_t)attributes, size, NLMSG_ALIGNTO) < 0)
        abort(); /* out of memory */
}

void ks_nl_put_text(struct nl_msg *msg, int type, const char *text)
{
    ks_nl_put(msg, type, text, strlen(text) + 1);
}

void ks_nl_put_u32(struct nl_msg *msg, int type, uint32_t value)
{
    ks_nl_put(msg, type, &value, sizeof(value));
}

/* ---- sending ---- */

struct refusal {
    int error; /* errno */
    char reason[256];
};

/* Documentation/userspace-api/netlink/intro.rst, "Extended ACK": attributes follow the (capped) error message. */
static void keep_reason(const struct nlmsgerr *e, struct refusal *refusal)
{
    const struct nlmsghdr *answer = (const struct nlmsghdr *)((const char *)e - NLMSG_HDRLEN);
    size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*e));

    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        skip += NLMSG_ALIGN(e->msg.nlmsg_len - sizeof(e->msg));
    if (answer->nlmsg_len <= skip)
        return;
    struct nlattr *first = (struct nlattr *)((char *)answer + skip);
    struct nlattr *text = nla_find(first, (int)(answer->nlmsg_len - skip), NLMSGERR_ATTR_MSG);
    if (text && nla_len(text) > 0)
        (void)snprintf(refusal->reason, sizeof(refusal->reason), "%.*s", nla_len(text), (char *)nla_data(text));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *data)
{
    struct refusal *refusal = data;

    (void)from;
    refusal->error = -e->error;
    keep_reason(e, refusal);
    return NL_STOP;
}

int ks_nl_send(struct nl_sock *sock, struct nl_msg *msg, const char *what, struct ks_error *err)
{
    struct refusal refusal = {0};

    (void)nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error, &refusal);
    const int rc = nl_send_sync(sock, msg);
    (void)nl_socket_modify_err_cb(sock, NL_CB_DEFAULT, NULL, NULL);
    if (refusal.error) {
        const enum ks_code code = refusal.error == EOPNOTSUPP ? KS_E_UNSUPPORTED : KS_E_IO;
        (void)ks_fail(err, code, KS_NOWHERE, "%s: %s%s%s", what, strerror(refusal.error),
                      *refusal.reason ? ": " : "", refusal.reason);
        err->sys_errno = refusal.error;
        return -1;
    }
    return rc < 0 ? ks_fail(err, KS_E_IO, KS_NOWHERE, "%s: %s", what, nl_geterror(rc)) : 0;
}
