/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of a checkpoint as JSON. Bytes of the kernel's messages are hexadecimal; texts beside them say what
 * they are. */
#include <time.h>

#include "reconciler/checkpoint.h"
#include "reconciler/json.h"

enum { FORMAT = 1, FILE_MAX = 64 << 20 };

/* ---- writing ------------------------------------------------------------------------------------------------ */

static json_t *hex_json(const struct ks_net_bytes *bytes)
{
    ks_auto(ks_freep) char *text = calloc(bytes->n + 1, 2);

    if (!text)
        abort();
    for (size_t i = 0; i < bytes->n; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes->v[i]);
    return json_string(text);
}

static json_t *entry_json(const struct ks_net_entry *entry)
{
    json_t *json = json_object();

    ks_json_set_text(json, "text", entry->text);
    ks_json_set(json, "family", json_integer(entry->family));
    ks_json_set(json, "links", ks_json_strings(&entry->links));
    ks_json_set(json, "header", hex_json(&entry->header));
    ks_json_set(json, "attributes", hex_json(&entry->attributes));
    ks_json_set(json, "valid", json_integer(entry->valid_s));
    ks_json_set(json, "preferred", json_integer(entry->preferred_s));
    return json;
}

static json_t *link_json(const struct ks_net_link *link)
{
    json_t *json = json_object(), *attributes = json_object(), *vlans = json_array(), *addresses = json_array();

    ks_json_set_text(json, "name", link->name);
    ks_json_set_text_if(json, "kind", link->kind);
    ks_json_set_text_if(json, "master", link->master);
    ks_json_set_text_if(json, "master-kind", link->master_kind);
    ks_json_set(json, "up", json_boolean(link->up));
    ks_json_set(json, "port", json_integer(link->port));
    for (size_t i = 0; i < KS_NET_ATTRIBUTES; i++)
        if (link->attributes[i].v)
            ks_json_set(attributes, ks_net_attributes[i].name, hex_json(&link->attributes[i]));
    ks_json_set(json, "attributes", attributes);
    for (size_t i = 0; i < link->vlans.n; i++) {
        const struct ks_host_port_vlan *v = &link->vlans.v[i];
        ks_json_append(vlans, json_pack("{s:i, s:i, s:b, s:b}", "first", v->first, "last", v->last, "pvid", v->pvid,
                                        "untagged", v->untagged));
    }
    ks_json_set(json, "vlans", vlans);
    for (size_t i = 0; i < link->addresses.n; i++)
        ks_json_append(addresses, entry_json(&link->addresses.v[i]));
    ks_json_set(json, "addresses", addresses);
    return json;
}

static json_t *record_json(const struct ks_checkpoint_record *record)
{
    json_t *json = json_object(), *links = json_array(), *routes = json_array();

    ks_json_set(json, "format", json_integer(FORMAT));
    ks_json_set_text(json, "boot", record->boot);
    ks_json_set(json, "since-boot", json_integer((json_int_t)record->since_boot_s));
    ks_json_set(json, "timeout", json_integer((json_int_t)record->timeout_ms));
    ks_json_set(json, "steps", ks_json_strings(&record->steps));
    ks_json_set(json, "absent", ks_json_strings(&record->net.absent));
    for (size_t i = 0; i < record->net.links.n; i++)
        ks_json_append(links, link_json(&record->net.links.v[i]));
    ks_json_set(json, "links", links);
    for (size_t i = 0; i < record->net.routes.n; i++)
        ks_json_append(routes, entry_json(&record->net.routes.v[i]));
    ks_json_set(json, "routes", routes);
    return json;
}

int ks_checkpoint_write(int state_dir, const struct ks_checkpoint_record *record, struct ks_error *err)
{
    json_t *json = record_json(record);
    ks_auto(ks_freep) char *text = json_dumps(json, JSON_INDENT(1));

    json_decref(json);
    if (!text)
        abort();
    if (ks_file_replace(state_dir, KS_CHECKPOINT_FILE, text, strlen(text), 0600, err) < 0)
        return ks_wrap(err, "write the checkpoint of the network");
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* What is missing or of another type is damage: `bad` says so once for the whole file. */
struct reading {
    struct ks_arena *arena;
    bool bad;
};

static const char *text_of(struct reading *r, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    r->bad = r->bad || !text;
    return text ? ks_strdup(r->arena, text) : "";
}

static const char *text_or_null(struct reading *r, const json_t *object, const char *key)
{
    return json_object_get(object, key) ? text_of(r, object, key) : NULL;
}

static uint64_t number_of(struct reading *r, const json_t *object, const char *key, uint64_t max)
{
    const json_t *number = json_object_get(object, key);
    const json_int_t value = json_integer_value(number);

    if (json_is_integer(number) && value >= 0 && (uint64_t)value <= max)
        return (uint64_t)value;
    r->bad = true;
    return 0;
}

static bool bool_of(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    r->bad = r->bad || !json_is_boolean(value);
    return json_is_true(value);
}

static const json_t *array_of(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    r->bad = r->bad || !json_is_array(value);
    return value;
}

static void read_strings(struct reading *r, const json_t *object, const char *key, struct ks_strings *ret)
{
    const json_t *array = array_of(r, object, key);

    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        r->bad = r->bad || !text;
        *ks_vec_add(r->arena, ret) = ks_strdup(r->arena, text ? text : "");
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct ks_net_bytes bytes_of(struct reading *r, const char *hex)
{
    const size_t n = strlen(hex) / 2;
    unsigned char *bytes = ks_arena_alloc(r->arena, n + 1);

    for (size_t i = 0; i < n; i++) {
        const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        r->bad = r->bad || high < 0 || low < 0;
        bytes[i] = (unsigned char)((high & 15) << 4 | (low & 15));
    }
    return (struct ks_net_bytes){n, bytes};
}

static int ignore_index(void *data, unsigned char *index)
{
    (void)index;
    ++*(size_t *)data;
    return 0;
}

/* As many names as the message has places for, or one more: the link of a next hop object. */
static void check_entry(struct reading *r, const struct ks_net_entry *entry, bool is_route)
{
    unsigned char *header = ks_arena_alloc(r->arena, entry->header.n + 1);
    unsigned char *attributes = ks_arena_alloc(r->arena, entry->attributes.n + 1);
    size_t places = 0;

    memcpy(header, entry->header.v, entry->header.n);
    memcpy(attributes, entry->attributes.v, entry->attributes.n);
    if (ks_net_entry_indices(is_route, header, entry->header.n, attributes, entry->attributes.n, ignore_index,
                             &places) < 0 ||
        places > entry->links.n)
        r->bad = true;
}

static void read_entry(struct reading *r, const json_t *json, bool is_route, struct ks_net_entry *ret)
{
    ret->text = text_of(r, json, "text");
    ret->family = (int)number_of(r, json, "family", 255);
    read_strings(r, json, "links", &ret->links);
    ret->header = bytes_of(r, text_of(r, json, "header"));
    ret->attributes = bytes_of(r, text_of(r, json, "attributes"));
    ret->valid_s = (uint32_t)number_of(r, json, "valid", UINT32_MAX);
    ret->preferred_s = (uint32_t)number_of(r, json, "preferred", UINT32_MAX);
    check_entry(r, ret, is_route);
}

static void read_vlans(struct reading *r, const json_t *array, struct ks_net_link *link)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *json = json_array_get(array, i);
        *ks_vec_add(r->arena, &link->vlans) =
            (struct ks_host_port_vlan){.first = (uint16_t)number_of(r, json, "first", 4095),
                                       .last = (uint16_t)number_of(r, json, "last", 4095),
                                       .pvid = bool_of(r, json, "pvid"),
                                       .untagged = bool_of(r, json, "untagged")};
    }
}

static void read_link(struct reading *r, const json_t *json, struct ks_net_link *link)
{
    const json_t *attributes = json_object_get(json, "attributes"), *addresses = array_of(r, json, "addresses");

    link->name = text_of(r, json, "name");
    link->kind = text_or_null(r, json, "kind");
    link->master = text_or_null(r, json, "master");
    link->master_kind = text_or_null(r, json, "master-kind");
    link->up = bool_of(r, json, "up");
    link->port = (unsigned)number_of(r, json, "port", UINT16_MAX);
    for (size_t i = 0; i < KS_NET_ATTRIBUTES; i++) {
        const char *hex = text_or_null(r, attributes, ks_net_attributes[i].name);
        if (hex)
            link->attributes[i] = bytes_of(r, hex);
    }
    read_vlans(r, array_of(r, json, "vlans"), link);
    for (size_t i = 0; i < json_array_size(addresses); i++)
        read_entry(r, json_array_get(addresses, i), false, ks_vec_add(r->arena, &link->addresses));
}

static void read_record(struct reading *r, const json_t *json, struct ks_checkpoint_record *record)
{
    const json_t *links = array_of(r, json, "links"), *routes = array_of(r, json, "routes");

    (void)number_of(r, json, "format", FORMAT);
    record->boot = text_of(r, json, "boot");
    record->since_boot_s = number_of(r, json, "since-boot", INT64_MAX);
    record->timeout_ms = number_of(r, json, "timeout", INT32_MAX);
    read_strings(r, json, "steps", &record->steps);
    read_strings(r, json, "absent", &record->net.absent);
    for (size_t i = 0; i < json_array_size(links); i++)
        read_link(r, json_array_get(links, i), ks_vec_add(r->arena, &record->net.links));
    for (size_t i = 0; i < json_array_size(routes); i++)
        read_entry(r, json_array_get(routes, i), true, ks_vec_add(r->arena, &record->net.routes));
}

int ks_checkpoint_read(int state_dir, struct ks_arena *arena, const struct ks_checkpoint_record **ret,
                       struct ks_error *err)
{
    struct ks_checkpoint_record *record = ks_new(arena, struct ks_checkpoint_record);
    struct reading r = {.arena = arena};
    char *text;
    size_t len;

    *ret = NULL;
    if (!ks_file_exists(state_dir, KS_CHECKPOINT_FILE))
        return 0;
    if (ks_file_read(state_dir, KS_CHECKPOINT_FILE, FILE_MAX, arena, &text, &len, err) < 0)
        return -1;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    read_record(&r, json, record);
    json_decref(json);
    if (r.bad)
        return ks_fail(err, KS_E_SYNTAX, KS_NOWHERE,
                       "the checkpoint of the network (" KS_CHECKPOINT_FILE " in the state directory) is damaged: "
                       "see that the links are as they should be, and move it away");
    *ret = record;
    return 0;
}

int ks_checkpoint_remove(int state_dir, struct ks_error *err)
{
    if ((unlinkat(state_dir, KS_CHECKPOINT_FILE, 0) < 0 && errno != ENOENT) || fsync(state_dir) < 0)
        return ks_fail_errno(err, "remove the checkpoint of the network");
    return 0;
}

/* ---- time --------------------------------------------------------------------------------------------------- */

const char *ks_boot_id(struct ks_arena *arena)
{
    ks_auto(ks_closep) int root = -1;
    struct ks_error ignored = {0};
    char *text;

    /* The kernel's own, also for a run under another root: it is this kernel's links that are recorded. */
    if (ks_root_open("/", &root, &ignored) == 0 &&
        ks_attr_read(root, "proc/sys/kernel/random/boot_id", arena, &text, &ignored) == 0)
        return text;
    ks_error_done(&ignored);
    return "";
}

uint64_t ks_boottime_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
