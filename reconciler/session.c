/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/session.h"

#include <fcntl.h>
#include <limits.h>
#include <time.h>

#include "reconciler/config.h"
#include "reconciler/events.h"
#include "schema/xml.h"

/* ---- opening ------------------------------------------------------------------------------------------------ */

static int name_host(struct ks_session *s, const struct ks_config *config, struct ks_error *err)
{
    char name[HOST_NAME_MAX + 1] = "";

    s->host = s->options->host ? s->options->host : config->host;
    if (s->host)
        return 0;
    if (gethostname(name, sizeof name - 1) < 0 || !*name)
        return ks_fail_errno(err, "this machine's host name");
    s->host = ks_strdup(s->arena, name);
    return 0;
}

static int open_state(struct ks_session *s, const char *root_path, bool make, struct ks_error *err)
{
    const char *wish = getenv("KVMSTATE_STATE_DIR");
    const char *path = wish && *wish ? wish : "/var/lib/kvmstate";

    if (*path != '/') {
        ks_auto(ks_freep) char *here = getcwd(NULL, 0);
        path = ks_sprintf(s->arena, "%s/%s", here ? here : "", path);
    }
    s->state_path = ks_sprintf(s->arena, "%s%s", ks_streq(root_path, "/") ? "" : root_path, path);
    if (make && ks_mkdirs(s->root, path, 0700, err) < 0)
        return ks_wrap(err, "make the state directory %s", s->state_path);
    s->state = open(s->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->state < 0 && (make || (errno != ENOENT && errno != EACCES)))
        return ks_fail_errno(err, "open the state directory %s", s->state_path);
    return 0;
}

static void take_source(struct ks_session *s, const struct ks_config *config)
{
    const struct ks_options *o = s->options;
    const struct ks_config_source *source = config->source;

    s->connect = o->connect ? o->connect : config->connect;
    s->file = o->file;
    s->repo = o->repo;
    s->ref = o->ref;
    s->path = o->path;
    if (s->file || s->repo || !source)
        return;
    s->file = source->file;
    s->repo = source->repo;
    s->ref = o->ref ? o->ref : source->ref;
    s->path = o->path ? o->path : source->path;
}

int ks_session_open(struct ks_session *s, const struct ks_options *options, struct ks_arena *arena, bool make_state,
                    struct ks_error *err)
{
    const char *root_path = options->root ? options->root : "/";
    const struct ks_config *config;

    *s = (struct ks_session){.options = options, .arena = arena, .root = -1, .state = -1};
    s->findings.arena = arena;
    (void)pthread_mutex_init(&s->texts_lock, NULL);
    if (ks_root_open(root_path, &s->root, err) < 0)
        return -1;
    if (ks_config_read(s->root, root_path, arena, &s->findings, &config, err) < 0)
        return -1;
    take_source(s, config);
    if (name_host(s, config, err) < 0)
        return -1;
    return open_state(s, root_path, make_state, err);
}

void ks_session_close(struct ks_session *s)
{
    struct ks_error ignored = {0};

    (void)ks_session_connect_finish(s, &ignored);
    ks_error_done(&ignored);
    ks_outline_free(s->outline);
    if (s->conn)
        (void)virConnectClose(s->conn);
    ks_event_loop_stop(s->loop);
    ks_ledger_close(s->ledger);
    ks_source_free(s->source);
    ks_closep(&s->state);
    ks_closep(&s->root);
    (void)pthread_mutex_destroy(&s->texts_lock);
}

/* ---- the manifest ------------------------------------------------------------------------------------------- */

static const struct ks_kept_text *kept(const struct ks_session *s, const char *path)
{
    for (size_t i = 0; i < s->texts.n; i++)
        if (ks_streq(s->texts.v[i].path, path))
            return &s->texts.v[i];
    return NULL;
}

static int read_new(struct ks_session *s, const char *path, struct ks_error *err)
{
    char *text;
    size_t len;

    if (s->texts_complete)
        return ks_fail(err, KS_E_NOT_FOUND, KS_NOWHERE, "the saved plan has no file %s", path);
    if (ks_source_read(s->source, path, s->arena, &text, &len, err) < 0)
        return -1;
    *ks_vec_add(s->arena, &s->texts) = (struct ks_kept_text){ks_strdup(s->arena, path), text, len};
    return 0;
}

/* Every file is read once: what was planned and what is applied, or saved, is the same text. Thread-safe. */
static int read_kept(void *data, const char *path, struct ks_arena *arena, char **ret, size_t *ret_len,
                     struct ks_error *err)
{
    struct ks_session *s = data;
    int failed = 0;

    (void)pthread_mutex_lock(&s->texts_lock);
    if (!kept(s, path))
        failed = read_new(s, path, err);
    if (!failed) {
        const struct ks_kept_text *text = kept(s, path);
        *ret = ks_strndup(arena, text->text, text->len);
        *ret_len = text->len;
    }
    (void)pthread_mutex_unlock(&s->texts_lock);
    return failed;
}

/* A fetch is a child of its own, which loads some too: while it is made, no other thread may be half-way. */
static void wait_for_libraries(const struct ks_session *s)
{
    struct ks_error ignored = {0};

    if (s->repo && s->connect_started)
        (void)ks_virt_load(&ignored);
    ks_error_done(&ignored);
}

int ks_session_source(struct ks_session *s, struct ks_error *err)
{
    const struct ks_source_opts opts = {.file = s->file,
                                        .repo = s->repo,
                                        .ref = s->ref,
                                        .path = s->path,
                                        .state_dir = s->state_path,
                                        .offline_ok = true};

    s->files = (struct ks_files){.data = s, .read = read_kept};
    if (s->texts_complete)
        return 0;
    wait_for_libraries(s);
    if (!s->file && !s->repo)
        return ks_fail(err, KS_E_SOURCE, KS_NOWHERE,
                       "no source: give --file or --repo, or state one in /etc/kvmstate/kvmstate.yaml");
    if (ks_source_open(&opts, &s->source, err) < 0)
        return -1;
    s->commit = s->source->commit;
    if (s->commit && s->commit->cached)
        ks_report_warning(&s->findings, KS_E_SOURCE, KS_NOWHERE,
                          "%s is out of reach, using its last known state: %s", s->commit->url,
                          s->commit->why_cached);
    return 0;
}

/* The host's own file; of a directory of short names, that of "kvm-a01.example.org" is "kvm-a01". */
static int find_manifest(struct ks_session *s, struct ks_error *err)
{
    const char *dot = strchr(s->host, '.');
    struct ks_error short_error = {0};

    if (s->manifest_path)
        return 0;
    if (ks_source_manifest(s->source, s->host, s->arena, &s->manifest_path, err) == 0)
        return 0;
    if (err->code == KS_E_NOT_FOUND && dot &&
        ks_source_manifest(s->source, ks_strndup(s->arena, s->host, (size_t)(dot - s->host)), s->arena,
                           &s->manifest_path, &short_error) == 0) {
        ks_error_done(err);
        return 0;
    }
    ks_error_done(&short_error);
    return -1;
}

static bool is_this_host(const struct ks_session *s, const char *name)
{
    const size_t n = strcspn(s->host, ".");

    return ks_streq(name, s->host) || (strlen(name) == n && strncmp(name, s->host, n) == 0);
}

const struct ks_manifest *ks_session_check(struct ks_session *s, struct ks_arena *arena, const char *path)
{
    const struct ks_manifest *m = ks_manifest_load(arena, &s->files, path, NULL, &s->findings);

    return s->findings.n_errors == 0 ? m : NULL;
}

struct ks_manifest *ks_session_manifest(struct ks_session *s, struct ks_arena *arena)
{
    struct ks_error err = {0};
    const struct ks_manifest *m;

    if (find_manifest(s, &err) < 0) {
        (void)ks_report_error(&s->findings, &err);
        return NULL;
    }
    m = ks_session_check(s, arena, s->manifest_path);
    if (!m)
        return NULL;
    if (!m->host || !is_this_host(s, m->host)) {
        (void)ks_report(&s->findings, KS_E_CONFLICT, ks_at(&m->o, "host"), "this manifest is for %s, not for %s",
                        m->host ? m->host : "no host", s->host);
        if (m->host && !s->options->host)
            ks_report_hint(&s->findings, "to use it here all the same: --host %s", m->host);
        return NULL;
    }
    /* It lies in `arena`, which is the caller's: a plan resolves it in place. */
    return (struct ks_manifest *)(uintptr_t)m;
}

/* ---- the host ----------------------------------------------------------------------------------------------- */

static void *connect_thread(void *data)
{
    struct ks_session *s = data;

    struct ks_error ignored = {0};

    /*
     * What fails here is asked again, and reported, by who needs it. Who writes looks as late as can be: libvirt
     * may still be at what a killed run asked of it.
     */
    if (ks_connect(s->connect, false, &s->conn, &s->connect_error) == 0 && !s->writes &&
        ks_outline_read(s->conn, &s->outline, &ignored) == 0 && s->reads_ahead)
        ks_readers_ahead(s->outline);
    ks_error_done(&ignored);
    return NULL;
}

/* libvirt's QEMU driver in this very process needs an event loop; elsewhere only who changes things listens. */
bool ks_session_is_embedded(const struct ks_session *s)
{
    const char *uri = s->connect ? s->connect : getenv("LIBVIRT_DEFAULT_URI");

    return uri && strstr(uri, "/embed") != NULL;
}

/* An embedded driver works in our threads, and logs to this process's stderr what it returns as errors besides. */
static void prepare_embedded(const struct ks_session *s)
{
    if (!ks_session_is_embedded(s))
        return;
    ks_xml_share_validation();
    if (!s->options->debug && !getenv("LIBVIRT_DEBUG"))
        (void)setenv("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null", 0);
}

void ks_session_connect_start(struct ks_session *s, bool writes)
{
    struct ks_error ignored = {0}; /* connecting says it again */

    prepare_embedded(s);
    s->writes = writes;
    if ((writes || ks_session_is_embedded(s)) && ks_virt_load(&ignored) == 0)
        s->loop = ks_event_loop_start();
    ks_error_done(&ignored);
    s->connect_started = pthread_create(&s->connecting, NULL, connect_thread, s) == 0;
    if (!s->connect_started)
        (void)connect_thread(s);
}

int ks_session_connect_finish(struct ks_session *s, struct ks_error *err)
{
    if (s->connect_started)
        (void)pthread_join(s->connecting, NULL);
    s->connect_started = false;
    if (s->connect_error.code == KS_E_NONE)
        return 0;
    ks_error_done(err);
    *err = s->connect_error;
    s->connect_error = (struct ks_error){0};
    return -1;
}

int ks_session_connect_within(struct ks_session *s, unsigned seconds, struct ks_error *err)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += seconds;
    if (s->connect_started && pthread_timedjoin_np(s->connecting, NULL, &deadline) != 0) {
        (void)pthread_detach(s->connecting);
        s->connect_started = false;
        return ks_fail(err, KS_E_TIMEOUT, KS_NOWHERE, "libvirt did not answer within %u s", seconds);
    }
    s->connect_started = false;
    return ks_session_connect_finish(s, err);
}

int ks_session_ledger(struct ks_session *s, struct ks_error *err)
{
    return s->state < 0 || s->ledger ? 0 : ks_ledger_open(s->state, &s->ledger, err);
}
