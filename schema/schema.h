/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The field tables, and the walkers over them.
 *
 * A kind (guest, disk, bridge, ...) is a C struct that starts with a struct ks_obj, and one table of rows, a row
 * for each field: the only place that knows the field. Loading, validation, printing, comparison, the plan's
 * text, reading XML, patching XML, the JSON Schema and the reference page all come from the rows.
 *
 * A field of an object is absent (not managed), null (managed and unset) or has a value: two bits beside it.
 */
#pragma once

#include <libxml/tree.h>
#include <stdatomic.h>

#include "base/base.h"
#include "schema/node.h"

/* ---- impact: what applying a change does to those who use the thing ------------------------------------------ */

enum ks_impact {
    KS_SAFE,      /* nobody notices */
    KS_LIVE,      /* a running guest changes without interruption */
    KS_NETWORK,   /* a link that carries traffic is reconfigured */
    KS_RESTART,   /* a guest must be powered off and on */
    KS_DELETE,    /* a thing goes, no data with it */
    KS_DATA_LOSS, /* data goes */
    KS_IMPACTS
};
const char *ks_impact_name(enum ks_impact impact); /* "safe", "live", ..., "data-loss" */
int ks_impact_parse(const char *text, enum ks_impact *ret);

/* ---- objects ------------------------------------------------------------------------------------------------ */

struct ks_kind;
struct ks_field;

/*
 * The head of every object. Bit i of `stated`: fields[i] was given; of `null`: it was given as null. Bit i of
 * `other`, in observed objects: the host has something there that the row cannot say (an unknown word, a number
 * that is none); it is not stated, equals nothing, and is not what absence means either. In objects that were
 * loaded with findings: a field that could not be read; any bit may stand for a key that was not understood.
 */
struct ks_obj {
    const struct ks_kind *kind;
    const char *key; /* its key in the map that it stands in, or NULL */
    struct ks_loc at;
    uint64_t stated, null, other;
    struct ks_loc *field_at; /* one a field; NULL in observed objects */
    bool gone;               /* an entry that a planner put into a map: the host must not have it */
    xmlNode *xml;            /* what it was read from, while that document lives; else NULL */
};

/* A map of objects, or of scalars wrapped in a one-field kind. Sorted by key, naturally. */
struct ks_map {
    size_t n, cap;
    struct ks_obj **v;
    bool open; /* set by a planner: not complete, entries that it does not name stay */
};
struct ks_obj *ks_map_get(const struct ks_map *map, const char *key);
/* Adds an object under a new key, keeping the order; `obj->key` must be set. Linear when keys arrive in order. */
void ks_map_put(struct ks_arena *arena, struct ks_map *map, struct ks_obj *obj);
struct ks_obj *ks_obj_new(struct ks_arena *arena, const struct ks_kind *kind, const char *key);

/* Row number of a member: ks_stated(&disk->o, KS_ROW(disk, cache)) is what the macros in kinds.h spell. */
static inline bool ks_stated_i(const struct ks_obj *o, unsigned i)
{
    return o->stated >> i & 1;
}
static inline bool ks_null_i(const struct ks_obj *o, unsigned i)
{
    return o->null >> i & 1;
}
/* By YAML key. Aborts on a key that the kind does not have. */
unsigned ks_row(const struct ks_kind *kind, const char *key);
bool ks_has(const struct ks_obj *o, const char *key);         /* stated, and not null */
bool ks_stated(const struct ks_obj *o, const char *key);      /* stated, null or not */
void ks_mark(struct ks_obj *o, const char *key);              /* says that a member was given a value */
void ks_unmark(struct ks_obj *o, const char *key);            /* makes it absent */
struct ks_loc ks_at(const struct ks_obj *o, const char *key); /* where it was stated, else where the object was */

/* Empties ->xml of an object and all below it: before the document that they were read from is freed. */
void ks_obj_forget_xml(struct ks_obj *o);

/* ---- field types -------------------------------------------------------------------------------------------- */

enum ks_type {
    KS_BOOL,     /* bool */
    KS_UINT,     /* uint64_t */
    KS_SIZE,     /* uint64_t, bytes */
    KS_DURATION, /* uint64_t, ms */
    KS_BITRATE,  /* uint64_t, bit/s */
    KS_BYTERATE, /* uint64_t, B/s */
    KS_ENUM,     /* unsigned, index into .values */
    KS_CPUSET,   /* struct ks_cpuset */
    KS_STRING,   /* const char * */
    KS_STRINGS,  /* struct ks_strings; a sequence, order kept and compared unless KS_F_SET */
    KS_OBJECT,   /* struct X *, of .kind */
    KS_MAP,      /* struct ks_map, of .kind */
    KS_TYPES
};

enum {
    KS_F_REQUIRED = 1 << 0,
    KS_F_SECRET = 1 << 1,     /* never printed, never compared by value */
    KS_F_POLICY = 1 << 2,     /* tells kvmstate what to do; the host has no such thing, so it is never compared */
    KS_F_CREATE = 1 << 3,     /* used when the thing is made; later differences cannot be changed in place */
    KS_F_PRESENCE = 1 << 4,   /* KS_BOOL: true when the element is there */
    KS_F_OPAQUE = 1 << 5,     /* libvirt rewrites it in a running guest's XML: only the persistent one compares */
    KS_F_SCALAR_KEY = 1 << 6, /* KS_MAP: a scalar `x` means {x: all defaults} */
    KS_F_REST = 1 << 7,       /* KS_MAP: takes the keys that no other row of this kind has */
    KS_F_SEQ = 1 << 8,        /* KS_MAP: written as a sequence of objects; the kind's .seq_key makes the key */
    KS_F_SET = 1 << 9,        /* KS_STRINGS: order does not matter */
    KS_F_OPEN = 1 << 14,      /* KS_MAP: a stated map is not complete: entries that it does not name stay */
    KS_F_HIDDEN = 1 << 10,   /* not in the manifest: an observed or derived member; neither loaded nor documented */
    KS_F_RUNTIME = 1 << 11,  /* a fact of the running thing that has no place in the definition */
    KS_F_NO_SUBST = 1 << 12, /* KS_STRING: {guest} and {host} stand for themselves */
    KS_F_XML_EXTRA = 1 << 13, /* compared and written by its codec after all other fields (fragments) */
};

/* How a running guest takes a change; the actuator has one function for each. */
enum ks_live {
    KS_LIVE_NONE,
    KS_LIVE_MEMORY,       /* virDomainSetMemoryFlags */
    KS_LIVE_VCPUS,        /* virDomainSetVcpusFlags */
    KS_LIVE_VCPU_PIN,     /* virDomainPinVcpuFlags */
    KS_LIVE_EMULATOR_PIN, /* virDomainPinEmulator */
    KS_LIVE_PINS,         /* all of these at once: pinning: null */
    KS_LIVE_IOTHREAD_PIN, /* virDomainPinIOThread */
    KS_LIVE_IOTHREADS,    /* virDomainAddIOThread, virDomainDelIOThread */
    KS_LIVE_DEVICE,       /* virDomainUpdateDeviceFlags of the whole device element */
    KS_LIVE_ATTACH,       /* virDomainAttachDeviceFlags, virDomainDetachDeviceFlags: the map entry comes or goes */
    KS_LIVE_PRESENCE,     /* KS_F_PRESENCE: attach or detach the element that stands for true */
    KS_LIVE_MEDIA,        /* a removable medium: virDomainUpdateDeviceFlags, with force when the tray is locked */
    KS_LIVE_BANDWIDTH,    /* virDomainSetInterfaceParameters */
    KS_LIVE_METADATA,     /* virDomainSetMetadata: title, description */
    KS_LIVE_NUMATUNE,     /* virDomainSetNumaParameters */
    KS_LIVE_IOTUNE,       /* virDomainSetBlockIoTune */
    KS_LIVE_MEMBALLOON,   /* virDomainSetMemoryStatsPeriod */
    KS_LIVE_LIFECYCLE,    /* virDomainSetLifecycleAction */
    KS_LIVES
};

/* A table of names for a KS_ENUM. */
struct ks_enum {
    size_t n;
    const char *const *names;
};

/*
 * Reads and writes what one path cannot say. `node` is the element that the object stands for; `root` is found
 * by walking up. read: sets the member and its stated bit when the XML has it. write: makes the XML say the
 * member's value, or removes it when the field is null. Both only touch what belongs to the field.
 */
struct ks_codec {
    void (*read)(struct ks_arena *arena, xmlNode *node, const struct ks_field *field, struct ks_obj *obj);
    int (*write)(xmlNode *node, const struct ks_field *field, const struct ks_obj *want, struct ks_error *err);
    /*
     * NULL: by type. true when the host's value satisfies what is wanted; wanted null: when nothing needs to go.
     * `have` may lack this member, or be NULL.
     */
    bool (*same)(const struct ks_field *field, const struct ks_obj *want, const struct ks_obj *have);
    /* NULL: by the row's fallback. What the host has is what libvirt fills in where nothing is said: null is met.
     */
    bool (*is_unset)(const struct ks_field *field, const struct ks_obj *have);
    /* NULL: by type. How the plan shows the member. */
    const char *(*show)(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj);
};

struct ks_change;

struct ks_field {
    const char *key;
    const char *doc; /* one sentence, for the reference page */
    enum ks_type type;
    unsigned flags;
    size_t offset;
    uint64_t min, max;                /* of numbers, in the type's unit; max 0: no bound beyond the type's */
    uint64_t step;                    /* KS_SIZE: must be a multiple; 0: any */
    const struct ks_enum *values;     /* KS_ENUM; KS_BOOL in XML: {"no", "yes"} and the like */
    const struct ks_enum *xml_values; /* KS_ENUM: XML's words where they differ from the manifest's, same order */
    const struct ks_kind *kind;       /* KS_OBJECT, KS_MAP */
    const char *fallback;             /* what absence on the host means, as manifest text ("false", "none") */
    const char *note;                 /* shown behind a change ("hot-plugged") */
    enum ks_impact stopped, running;  /* impact of a change */
    enum ks_live live;
    /*
     * Where it lives in the XML, relative to the element of the object; a leading '/' starts at the document
     * element. ELEM[/ELEM...][/@ATTR]; an ELEM may carry [@ATTR='VALUE'], [@ATTR!='VALUE'], [SUB/@ATTR='VALUE'] or
     * [@ATTR=$key], and `.` is the element itself ("./@name" or "@name"). Without @ATTR: the element's text, or its
     * presence.
     */
    const char *xml;
    /*
     * KS_SIZE: "KiB": what the "unit" attribute beside the value says, or means when it is not there; "=KiB":
     * always, there is no such attribute; NULL: bytes, without one. Rates: "KiB", "kB" likewise, never with an
     * attribute. KS_DURATION: "s", "ms" (NULL too), "us", "ns".
     */
    const char *xml_unit;
    const char *xml_create; /* the fragment that makes the path's last element when it is not there */
    const struct ks_codec *codec;
    /* Checks and may replace a scalar's text by its canonical form. Returns NULL, or what was expected. */
    const char *(*check)(struct ks_arena *arena, const char **text);
    /* KS_MAP: checks a key likewise. */
    const char *(*check_key)(struct ks_arena *arena, const char **key);
    /* Impact that depends on the values; called with the row's own as `otherwise`. */
    enum ks_impact (*impact)(const struct ks_change *change, bool running, enum ks_impact otherwise);
};

struct ks_kind {
    const char *name; /* "guest", "disk": as the plan and messages say it */
    const char *doc;
    size_t size;
    const struct ks_field *fields;
    size_t n_fields;
    const char *shorthand; /* a scalar or sequence in place of the map is this field: `serial: true` */
    const char *xml_key;   /* path of the key in an element of a KS_MAP ("target/@dev") */
    const char *xml_alias; /* "alias/@name" when entries carry libvirt's user alias ua-<key> */
    /* Observed entry `have` is the desired entry `want` although its key or alias says nothing. NULL: never. */
    bool (*same)(const struct ks_obj *want, const struct ks_obj *have);
    /* A name for an observed entry that has no key; unique among `others`. NULL: "<name><index>". */
    const char *(*make_key)(struct ks_arena *arena, const struct ks_obj *have, size_t index);
    /* true when an element of the right name is none of ours to model (a console that shadows serial 0). */
    bool (*skip)(const xmlNode *node);
    /* KS_F_SEQ: the key of an entry of a sequence. */
    const char *(*seq_key)(struct ks_arena *arena, const struct ks_obj *obj, size_t index);
    /* Checks between fields of one object, after loading. */
    void (*validate)(const struct ks_obj *obj, struct ks_findings *f);
    _Atomic(uint16_t) *xml_starts; /* one a row: where xml_read.c starts to look, once it has found that out */
};

/*
 * Planners and checks ask by key, many times for each guest: where the key is written out, its row is looked up
 * once for each such place in the code. Another kind that comes by there is looked up anew, and any thread may.
 */
static inline unsigned ks_row_cached_(const struct ks_kind *kind, const char *key, _Atomic(uintptr_t) *place)
{
    const uintptr_t at = atomic_load_explicit(place, memory_order_relaxed) - (uintptr_t)kind->fields;
    unsigned i;

    if (at < kind->n_fields * sizeof *kind->fields)
        return (unsigned)(at / sizeof *kind->fields);
    i = ks_row(kind, key);
    atomic_store_explicit(place, (uintptr_t)&kind->fields[i], memory_order_relaxed);
    return i;
}
static inline bool ks_has_cached_(const struct ks_obj *o, const char *key, _Atomic(uintptr_t) *place)
{
    const unsigned i = o ? ks_row_cached_(o->kind, key, place) : 0;

    return o && ks_stated_i(o, i) && !ks_null_i(o, i);
}
static inline bool ks_stated_cached_(const struct ks_obj *o, const char *key, _Atomic(uintptr_t) *place)
{
    return o && ks_stated_i(o, ks_row_cached_(o->kind, key, place));
}
#define KS_BY_KEY_(fn, o, key, place) \
    (__builtin_constant_p(key) ? __extension__({ \
        static _Atomic(uintptr_t) place; \
        fn##_cached_((o), (key), &place); \
    }) \
                               : fn((o), (key)))
#define KS_BY_KEY_AT_(fn, o, key, n) KS_BY_KEY_(fn, o, key, ks_row_at_##n##_)
#define KS_BY_KEY_N_(fn, o, key, n) KS_BY_KEY_AT_(fn, o, key, n)
#define ks_has(o, key) KS_BY_KEY_N_(ks_has, o, key, __COUNTER__)
#define ks_stated(o, key) KS_BY_KEY_N_(ks_stated, o, key, __COUNTER__)

/* Rows: KS_ROW_UINT(struct ks_disk, queues, "queues", .xml = ..., ...); the type of the member is checked. */
#define KS_OFFSET_(s, m, ctype) (offsetof(s, m) + 0 * sizeof(char[_Generic(((s *)0)->m, ctype : 1)]))
#define KS_ROW_(t, ctype, s, m, k, ...) \
    { \
        .key = (k), .type = (t), .offset = KS_OFFSET_(s, m, ctype), __VA_ARGS__ \
    }
#define KS_ROW_BOOL(s, m, k, ...) KS_ROW_(KS_BOOL, bool, s, m, k, __VA_ARGS__)
#define KS_ROW_UINT(s, m, k, ...) KS_ROW_(KS_UINT, uint64_t, s, m, k, __VA_ARGS__)
#define KS_ROW_SIZE(s, m, k, ...) KS_ROW_(KS_SIZE, uint64_t, s, m, k, __VA_ARGS__)
#define KS_ROW_DURATION(s, m, k, ...) KS_ROW_(KS_DURATION, uint64_t, s, m, k, __VA_ARGS__)
#define KS_ROW_BITRATE(s, m, k, ...) KS_ROW_(KS_BITRATE, uint64_t, s, m, k, __VA_ARGS__)
#define KS_ROW_BYTERATE(s, m, k, ...) KS_ROW_(KS_BYTERATE, uint64_t, s, m, k, __VA_ARGS__)
#define KS_ROW_ENUM(s, m, k, table, ...) KS_ROW_(KS_ENUM, unsigned, s, m, k, .values = (table), __VA_ARGS__)
#define KS_ROW_CPUSET(s, m, k, ...) KS_ROW_(KS_CPUSET, struct ks_cpuset, s, m, k, __VA_ARGS__)
#define KS_ROW_STRING(s, m, k, ...) KS_ROW_(KS_STRING, const char *, s, m, k, __VA_ARGS__)
#define KS_ROW_STRINGS(s, m, k, ...) KS_ROW_(KS_STRINGS, struct ks_strings, s, m, k, __VA_ARGS__)
#define KS_ROW_OBJECT(s, m, ctype, k, of, ...) KS_ROW_(KS_OBJECT, ctype *, s, m, k, .kind = (of), __VA_ARGS__)
#define KS_ROW_MAP(s, m, k, of, ...) KS_ROW_(KS_MAP, struct ks_map, s, m, k, .kind = (of), __VA_ARGS__)
#define KS_KIND(s, rows, ...) \
    { \
        .size = sizeof(s) + 0 * sizeof(char[KS_COUNT(rows) <= 64 ? 1 : -1]), .fields = (rows), \
        .n_fields = KS_COUNT(rows), .xml_starts = (_Atomic(uint16_t)[KS_COUNT(rows)]){0}, __VA_ARGS__ \
    }
#define KS_ENUM_TABLE(var, ...) \
    static const char *const var##_names[] = {__VA_ARGS__}; \
    static const struct ks_enum var = {KS_COUNT(var##_names), var##_names}

static inline void *ks_member(const struct ks_obj *o, const struct ks_field *f)
{
    return (char *)(uintptr_t)o + f->offset;
}

/* ---- walkers ------------------------------------------------------------------------------------------------ */

/* What loading needs to know; `guest` and `host` replace {guest} and {host} in strings (NULL: left as they are). */
struct ks_loader {
    struct ks_arena *arena;
    struct ks_findings *findings;
    const char *host, *guest;
    bool partial; /* required fields may be missing: a profile */
    bool secret;  /* used by ks_load(): inside a field that says where a secret is kept */
};
/* Fills a zeroed object from a tree; everything wrong becomes a finding. */
void ks_load(struct ks_loader *l, const struct ks_kind *kind, const struct ks_node *node, struct ks_obj *ret);
/* One scalar by a row: for fallbacks, tests and --set. NULL, or what was expected. Marks the field as stated. */
const char *ks_load_text(struct ks_arena *arena, const struct ks_field *field, const char *text,
                         struct ks_obj *ret);

/* The value as manifest text: "4GiB", "0-3", "true", "[a, b]". KS_F_SECRET gives "(secret)". "" when unset. */
const char *ks_show(struct ks_arena *arena, const struct ks_field *field, const struct ks_obj *obj);
/* YAML of what is stated, in the tables' order, indented by `indent` blanks; loads back to an equal object. */
void ks_print_yaml(struct ks_text *out, const struct ks_obj *obj, unsigned indent);
/* One line in flow style: "{volume: images/data1.qcow2, bus: virtio}"; the bare value where a shorthand says it
 * all. */
void ks_print_flow(struct ks_text *out, const struct ks_obj *obj);
/* An object of a map (its row) with its key: in one line where that is short, unless it is to stand in a block. */
void ks_print_entry(struct ks_text *out, const struct ks_field *map, const struct ks_obj *obj, unsigned indent,
                    bool block);
/* Objects as JSON, for saved plans, observe and fingerprints; one line. */
void ks_print_json(struct ks_text *out, const struct ks_obj *obj);

enum ks_change_op { KS_SET, KS_UNSET, KS_ADD, KS_REMOVE };

/*
 * Where an object stands, from itself up to the root object: what ks_xml_apply() walks when the host has no such
 * element yet. `field` is the row of up's object that holds it (NULL at the root); `have` is NULL when the host
 * has no such object.
 */
struct ks_place {
    const struct ks_place *up;
    const struct ks_field *field;
    const struct ks_obj *want, *have;
};

/* One difference. `want`/`have` are the objects that hold the field; for KS_ADD/KS_REMOVE of a map entry, `entry`.
 */
struct ks_change {
    enum ks_change_op op;
    const struct ks_field *field;
    const struct ks_obj *want, *have; /* have may be NULL: its object does not exist yet */
    const struct ks_place *place;     /* of the object that holds the field: place->want == want */
    const struct ks_obj *entry;       /* KS_ADD: the desired entry; KS_REMOVE: the observed one; else NULL */
    const struct ks_obj *owner_want, *owner_have; /* the innermost map entry around it (a disk), or NULL */
    const struct ks_field *owner_field;           /* the map that this entry stands in */
    const char *path;                             /* "memory", "cpu.mode", "disks.vdb.cache", "disks.vdb" */
    const char *from, *to;                        /* as shown; NULL when there is nothing */
    struct ks_loc at;                             /* where the manifest asks for it */
};
struct ks_changes {
    size_t n, cap;
    struct ks_change *v;
};
/*
 * What must change so that `have` (NULL: nothing there) satisfies `want`: stated fields only, map entries that a
 * stated map does not name are KS_REMOVE. KS_F_POLICY, KS_F_HIDDEN and KS_F_SECRET fields are passed over; with
 * `live`, KS_F_OPAQUE ones too. In the tables' order.
 */
void ks_diff(struct ks_arena *arena, const struct ks_obj *want, const struct ks_obj *have, bool live,
             struct ks_changes *ret);
/* The change of that path, or NULL. */
const struct ks_change *ks_changes_find(const struct ks_changes *changes, const char *path);
/* The row that says what a change does: for the one value of a map's entry ("pinning.vcpus.0"), that of the map. */
const struct ks_field *ks_change_row(const struct ks_change *change);
/* The observed entry of `have` that is the desired entry `want` (by key or the kind's same()), or NULL. */
const struct ks_obj *ks_match(const struct ks_map *have, const struct ks_obj *want);

/* Fills a zeroed object from the element that stands for it: every field that the XML has. */
void ks_xml_read(struct ks_arena *arena, xmlNode *node, struct ks_obj *ret);
/*
 * Makes the XML say what one change asks for. `have` objects must have been read from this very document (their
 * ->xml is used); `root` is the document element. Leaves every other node alone. Empty containers that it
 * emptied go.
 */
int ks_xml_apply(xmlNode *root, const struct ks_change *change, struct ks_error *err);
/* Writes all stated fields of a desired object into an element: how new definitions and devices are made. */
int ks_xml_write(xmlNode *node, const struct ks_obj *want, struct ks_error *err);
/* Parses text without network, entities or noise on stderr; KS_E_SYNTAX with libxml2's message. */
int ks_xml_parse(const char *text, size_t len, xmlDoc **ret, struct ks_error *err);
static inline void ks_xml_docp(xmlDoc **doc)
{
    if (*doc)
        xmlFreeDoc(*doc);
}
/*
 * The same for many texts, one after the other, that are only read: several times as fast. The element lives until
 * the next parse, takes no change, and has no document. Not thread-safe: one a thread.
 */
struct ks_xml_scratch;
struct ks_xml_scratch *ks_xml_scratch_new(void);
void ks_xml_scratch_free(struct ks_xml_scratch *scratch); /* NULL is fine */
/* The document's element; NULL with KS_E_SYNTAX as ks_xml_parse() has it. */
xmlNode *ks_xml_scratch_parse(struct ks_xml_scratch *scratch, const char *text, size_t len, struct ks_error *err);
/* Serialised element, for libvirt; free with xmlFree. */
char *ks_xml_text(xmlNode *node);

/* JSON Schema (2020-12) of a kind and all below it, and its reference page in Markdown. */
void ks_json_schema(struct ks_text *out, const struct ks_kind *kind);
void ks_markdown(struct ks_text *out, const struct ks_kind *kind);
