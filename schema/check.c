/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of texts that several kinds share. Each stores the canonical form, or says what was expected. */
#include <arpa/inet.h>
#include <ctype.h>

#include "schema/kinds.h"

enum { IFNAME_MAX = 15, NAME_LEN = 255, KEY_LEN = 64, MAC_BYTES = 6 };

static bool is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

static char *lower(struct ks_arena *arena, const char *text)
{
    char *ret = ks_strdup(arena, text);

    for (char *p = ret; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return ret;
}

/* ---- networks ------------------------------------------------------------------------------------------------ */

const char *ks_check_mac(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "a unicast MAC address such as 52:54:00:12:34:56";
    const char *p = *text;
    bool zero = true;

    if (strlen(p) != MAC_BYTES * 3 - 1)
        return expected;
    for (size_t i = 0; i < MAC_BYTES; i++, p += 3) {
        if (!is_hex(p, 2) || (p[2] != ':' && i + 1 < MAC_BYTES))
            return expected;
        zero = zero && p[0] == '0' && p[1] == '0';
    }
    /* The lowest bit of the first byte says group address (IEEE 802). */
    if (zero || strchr("13579bBdDfF", (*text)[1]))
        return expected;
    *text = lower(arena, *text);
    return NULL;
}

static const char *parse_ip(struct ks_arena *arena, const char *text, unsigned char *ret, unsigned *ret_bits)
{
    char canonical[INET6_ADDRSTRLEN];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;

    if (inet_pton(family, text, ret) != 1 || !inet_ntop(family, ret, canonical, sizeof canonical))
        return NULL;
    *ret_bits = family == AF_INET ? 32 : 128;
    return ks_strdup(arena, canonical);
}

const char *ks_check_ip(struct ks_arena *arena, const char **text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    unsigned bits;
    const char *canonical = parse_ip(arena, *text, bytes, &bits);

    if (!canonical)
        return "an IPv4 or IPv6 address";
    *text = canonical;
    return NULL;
}

/* "address/prefix"; *ret_host says whether bits behind the prefix are set. NULL when it is not one. */
static const char *parse_cidr(struct ks_arena *arena, const char *text, bool *ret_host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *slash = strchr(text, '/');
    unsigned bits;
    uint64_t prefix;

    if (!slash)
        return NULL;

    const char *ip = parse_ip(arena, ks_strndup(arena, text, (size_t)(slash - text)), bytes, &bits);

    if (!ip || ks_parse_u64(slash + 1, &prefix) < 0 || prefix > bits)
        return NULL;
    *ret_host = false;
    for (unsigned i = (unsigned)prefix; i < bits; i++)
        *ret_host = *ret_host || (bytes[i / 8] >> (7 - i % 8) & 1);
    return ks_sprintf(arena, "%s/%u", ip, (unsigned)prefix);
}

bool ks_cidr_overlaps(const char *one, const char *other, bool *ret_same)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *texts[2] = {one, other};
    unsigned char bytes[2][sizeof(struct in6_addr)];
    unsigned bits[2], prefixes[2], shorter;

    for (int i = 0; i < 2; i++) {
        const char *slash = strchr(texts[i], '/');
        if (!slash || !parse_ip(arena, ks_strndup(arena, texts[i], (size_t)(slash - texts[i])), bytes[i], &bits[i]))
            return false;
        prefixes[i] = (unsigned)strtoul(slash + 1, NULL, 10);
    }
    if (bits[0] != bits[1])
        return false;
    shorter = prefixes[0] < prefixes[1] ? prefixes[0] : prefixes[1];
    for (unsigned i = 0; i < shorter && i < bits[0]; i++)
        if ((bytes[0][i / 8] ^ bytes[1][i / 8]) >> (7 - i % 8) & 1)
            return false;
    *ret_same = prefixes[0] == prefixes[1];
    return true;
}

const char *ks_check_cidr(struct ks_arena *arena, const char **text)
{
    bool host;
    const char *canonical = parse_cidr(arena, *text, &host);

    if (!canonical)
        return "an address with its prefix length, such as 192.0.2.10/24";
    *text = canonical;
    return NULL;
}

const char *ks_check_route(struct ks_arena *arena, const char **text)
{
    bool host = false;
    unsigned char bytes[sizeof(struct in6_addr)];
    unsigned bits;
    const char *canonical;

    if (ks_streq(*text, "default"))
        return NULL;
    if ((canonical = parse_ip(arena, *text, bytes, &bits)))
        canonical = ks_sprintf(arena, "%s/%u", canonical, bits);
    else
        canonical = parse_cidr(arena, *text, &host);
    if (!canonical)
        return "'default', or a network such as 10.0.0.0/8";
    if (host) /* the kernel refuses such a destination: EINVAL */
        return "a network whose bits behind the prefix are zero";
    *text = ks_streq(canonical, "0.0.0.0/0") ? "default" : canonical;
    return NULL;
}

const char *ks_check_ifname(struct ks_arena *arena, const char **text)
{
    const char *p = *text;
    size_t n = strlen(p);

    (void)arena;
    /* As the kernel's dev_valid_name() has it. */
    if (n == 0 || n > IFNAME_MAX || ks_streq(p, ".") || ks_streq(p, ".."))
        return "an interface name of 1 to 15 bytes";
    for (; *p; p++)
        if (*p == '/' || *p == ':' || isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return "an interface name without '/', ':' and blanks";
    return NULL;
}

/* ---- devices ------------------------------------------------------------------------------------------------- */

const char *ks_check_pci(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "a PCI address such as 0000:5e:00.0";
    const char *p = *text;
    const char *domain = "0000:";

    if (strlen(p) == strlen("DDDD:BB:DD.F") && is_hex(p, 4) && p[4] == ':') {
        domain = "";
        p += 5;
    }
    if (strlen(p) != strlen("BB:DD.F") || !is_hex(p, 2) || p[2] != ':' || !is_hex(p + 3, 2) || p[5] != '.' ||
        p[6] < '0' || p[6] > '7' || strtoul(p + 3, NULL, 16) > 0x1f)
        return expected;
    *text = lower(arena, ks_sprintf(arena, "%s%s", domain, *text));
    return NULL;
}

const char *ks_check_target(struct ks_arena *arena, const char **text)
{
    static const char *const prefixes[] = {"vd", "sd", "hd", "fd", "xvd", "ubd"};

    (void)arena;
    for (size_t i = 0; i < KS_COUNT(prefixes); i++) {
        const char *p = *text + strlen(prefixes[i]);
        size_t n = ks_starts(*text, prefixes[i]) ? strspn(p, "abcdefghijklmnopqrstuvwxyz") : 0;

        if (n > 0 && n <= 3 && p[n] == '\0')
            return NULL;
    }
    return "a disk's target name such as vda, sdb or hdc";
}

/* ---- names and numbers --------------------------------------------------------------------------------------- */

const char *ks_check_name(struct ks_arena *arena, const char **text)
{
    const char *p = *text;
    size_t n = strlen(p);

    (void)arena;
    if (n == 0 || n > NAME_LEN || ks_streq(p, ".") || ks_streq(p, ".."))
        return "a name of 1 to 255 bytes";
    if (p[0] == ' ' || p[n - 1] == ' ')
        return "a name without blanks at its ends";
    for (; *p; p++)
        if (*p == '/' || iscntrl((unsigned char)*p))
            return "a name without '/' and control characters";
    return NULL;
}

const char *ks_check_key(struct ks_arena *arena, const char **text)
{
    size_t n = strlen(*text);

    (void)arena;
    if (n == 0 || n > KEY_LEN)
        return "a key of 1 to 64 bytes";
    for (const char *p = *text; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-') /* what libvirt allows in a user alias */
            return "a key of letters, digits, '_' and '-'";
    return NULL;
}

const char *ks_check_number(struct ks_arena *arena, const char **text)
{
    uint64_t value;

    if (ks_parse_u64(*text, &value) < 0 || value >= KS_CPUSET_MAX)
        return "a small number";
    if (**text == '0' && (*text)[1])
        *text = ks_sprintf(arena, "%u", (unsigned)value);
    return NULL;
}

const char *ks_check_size_key(struct ks_arena *arena, const char **text)
{
    uint64_t bytes;

    if (ks_size_parse(*text, &bytes) || bytes == 0 || (bytes & (bytes - 1)))
        return "a page size such as 2MiB or 1GiB";
    if (bytes >> 20 << 20 == bytes && bytes >> 30 == 0) /* by far the most: a guest's 2MiB */
        *text = ks_sprintf(arena, "%uMiB", (unsigned)(bytes >> 20));
    else
        *text = ks_size_format(arena, bytes);
    return NULL;
}

const char *ks_check_path(struct ks_arena *arena, const char **text)
{
    struct ks_text out = {.arena = arena};
    const char *p = *text;

    if (*p != '/')
        return "an absolute path";
    while (*p) {
        size_t n = strcspn(p, "/");

        /* What ".." means depends on symbolic links: it cannot be taken out by looking at the text. */
        if (n == 2 && ks_starts(p, ".."))
            return "a path without '..'";
        if (n > 0 && !(n == 1 && *p == '.')) {
            ks_text_add(&out, "/");
            ks_text_addn(&out, p, n);
        }
        p += n + (p[n] == '/');
    }
    *text = out.n ? ks_text_str(&out) : "/";
    return NULL;
}

const char *ks_check_volume(struct ks_arena *arena, const char **text)
{
    static const char expected[] = "a volume as 'pool/name'";
    const char *slash = strchr(*text, '/');

    if (!slash)
        return expected;

    const char *pool = ks_strndup(arena, *text, (size_t)(slash - *text)), *name = slash + 1;

    return ks_check_name(arena, &pool) || ks_check_name(arena, &name) ? expected : NULL;
}

const char *ks_check_uuid(struct ks_arena *arena, const char **text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    const char *p = *text;

    if (strlen(p) != strlen(form))
        return "a UUID such as 5b8f2c1e-0d3a-4f6b-9a77-1c2d3e4f5a6b";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '-' ? p[i] != '-' : !is_hex(p + i, 1))
            return "a UUID such as 5b8f2c1e-0d3a-4f6b-9a77-1c2d3e4f5a6b";
    *text = lower(arena, p);
    return NULL;
}

const char *ks_check_sha256(struct ks_arena *arena, const char **text)
{
    if (strlen(*text) != 64 || !is_hex(*text, 64))
        return "a SHA-256 of 64 hexadecimal digits";
    *text = lower(arena, *text);
    return NULL;
}

/* ---- derived values ------------------------------------------------------------------------------------------ */

char *ks_derived_mac(struct ks_arena *arena, const char *host, const char *guest, const char *nic)
{
    uint64_t h = ks_hash_str(ks_hash_str(ks_hash_str(KS_HASH_START, host), guest), nic);
    unsigned low = (unsigned)((h ^ h >> 24 ^ h >> 48) & 0xffffff); /* 52:54:00 is QEMU's prefix; 24 bits are ours */

    return ks_sprintf(arena, "52:54:00:%02x:%02x:%02x", low >> 16, low >> 8 & 0xff, low & 0xff);
}
