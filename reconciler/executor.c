/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/executor.h"

#include <time.h>

enum { THREADS = 4, TICK_MS = 100 };

/* In a row of the order that a plan's steps have. */
struct node {
    const char *lane; /* steps of one lane run one after another: a thing, or a pool with all its volumes */
    KS_VEC(size_t) needs;
    KS_VEC(size_t) follows;
    bool guarded;     /* stands under the guard */
    bool unconfirmed; /* done, and the guard has not kept it yet */
};

struct engine {
    struct ks_execution *x;
    struct node *nodes;
    size_t *by_id; /* indices of steps, sorted by id */
    size_t first;  /* no step before this one waits */
    unsigned running, workers;
    size_t *active; /* indices of the steps that run */
    bool stopped, guarding;
    pthread_mutex_t lock; /* over everything here, and over the results */
    pthread_cond_t changed;
};

static const char *const status_names[] = {
    [KS_STEP_WAITING] = "waiting", [KS_STEP_RUNNING] = "running", [KS_STEP_DONE] = "done",
    [KS_STEP_NOOP] = "unchanged",  [KS_STEP_WOULD] = "would",     [KS_STEP_PENDING] = "pending",
    [KS_STEP_FAILED] = "failed",   [KS_STEP_SKIPPED] = "skipped", [KS_STEP_CANCELLED] = "cancelled",
    [KS_STEP_HELD] = "held",       [KS_STEP_BLOCKED] = "blocked", [KS_STEP_LEFT] = "left",
};
_Static_assert(KS_COUNT(status_names) == KS_STEP_STATUSES, "every status has a name");

const char *ks_step_status_name(enum ks_step_status status)
{
    return status_names[status];
}

const struct ks_actuator ks_actuators[] = {
    {"kernel", ks_act_kernel}, {"hugepages", ks_act_hugepages}, {"sriov", ks_act_sriov},
    {"bridge", ks_act_bridge}, {"secret", ks_act_secret},       {"pool", ks_act_pool},
    {"volume", ks_act_volume}, {"network", ks_act_network},     {"guest", ks_act_guest},
};
const size_t ks_n_actuators = KS_COUNT(ks_actuators);

/* ---- before -------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b, void *data)
{
    const struct ks_plan *plan = data;

    return strcmp(plan->v[*(const size_t *)a]->id, plan->v[*(const size_t *)b]->id);
}

static bool find(const struct engine *e, const char *id, size_t *ret)
{
    const struct ks_plan *plan = e->x->plan;
    size_t low = 0, high = plan->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(plan->v[e->by_id[middle]]->id, id);
        if (order == 0) {
            *ret = e->by_id[middle];
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* libvirt refuses pool calls while another runs in the same pool ("asynchronous jobs running"). */
static const char *lane_of(struct ks_arena *arena, const struct ks_step *s)
{
    if (ks_streq(s->kind, "volume"))
        return ks_sprintf(arena, "pool/%.*s", (int)strcspn(s->name, "/"), s->name);
    return ks_sprintf(arena, "%s/%s", s->kind, s->name);
}

static void prepare_node(struct engine *e, size_t i)
{
    struct ks_arena *arena = e->x->arena;
    const struct ks_step *s = e->x->plan->v[i];
    struct node *node = &e->nodes[i];
    size_t other;

    node->lane = lane_of(arena, s);
    node->guarded = e->x->guard && e->x->guard->covers(e->x->guard->data, s);
    for (size_t k = 0; k < s->needs.n; k++)
        if (find(e, s->needs.v[k], &other))
            *ks_vec_add(arena, &node->needs) = other;
    for (size_t k = 0; k < s->follows.n; k++)
        if (find(e, s->follows.v[k], &other))
            *ks_vec_add(arena, &node->follows) = other;
}

static void settle(struct ks_step_result *r, enum ks_step_status status, const char *detail)
{
    r->status = status;
    r->detail = detail;
}

static void prepare(struct engine *e)
{
    struct ks_execution *x = e->x;
    const size_t n = x->plan->n;

    x->results = ks_new_n(x->arena, struct ks_step_result, n + 1);
    e->nodes = ks_new_n(x->arena, struct node, n + 1);
    e->by_id = ks_new_n(x->arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        e->by_id[i] = i;
    qsort_r(e->by_id, n, sizeof *e->by_id, compare_ids, (void *)(uintptr_t)x->plan);
    for (size_t i = 0; i < n; i++) {
        const struct ks_step *s = x->plan->v[i];
        x->results[i].step = s;
        prepare_node(e, i);
        if (x->wanted && !x->wanted(x->wanted_data, s))
            settle(&x->results[i], KS_STEP_LEFT, NULL);
        else if (s->blocked)
            settle(&x->results[i], KS_STEP_BLOCKED, s->blocked);
        else if (s->held)
            settle(&x->results[i], KS_STEP_HELD, s->held);
    }
}

/* ---- choosing ------------------------------------------------------------------------------------------------ */

static bool has_ended(enum ks_step_status status)
{
    return status != KS_STEP_WAITING && status != KS_STEP_RUNNING;
}

/* What others may stand on. A guest that was asked and has not agreed yet has its definition. */
static bool is_good(enum ks_step_status status)
{
    return status == KS_STEP_DONE || status == KS_STEP_NOOP || status == KS_STEP_WOULD || status == KS_STEP_PENDING;
}

static void tell(struct engine *e, const struct ks_step_result *r, const char *what, int percent)
{
    if (e->x->watch)
        e->x->watch(e->x->watch_data, e->x, r, what, percent);
}

static void count(struct engine *e, const struct ks_step_result *r)
{
    e->x->counts[r->status]++;
    tell(e, r, NULL, -1);
}

/* A step that cannot be done any more: true when it was settled. */
static bool skip(struct engine *e, size_t i)
{
    struct ks_step_result *r = &e->x->results[i];

    for (size_t k = 0; k < e->nodes[i].needs.n; k++) {
        const struct ks_step_result *other = &e->x->results[e->nodes[i].needs.v[k]];
        if (!has_ended(other->status) || is_good(other->status))
            continue;
        settle(r, other->status == KS_STEP_CANCELLED ? KS_STEP_CANCELLED : KS_STEP_SKIPPED,
               ks_sprintf(e->x->arena, "needs %s %s, which is %s", other->step->kind, other->step->name,
                          ks_step_status_name(other->status)));
        count(e, r);
        return true;
    }
    return false;
}

/* Others under the guard go on from one that is not kept yet; what is not under it must not be built on sand. */
static bool is_settled(const struct engine *e, const struct node *node, size_t other)
{
    return has_ended(e->x->results[other].status) && (node->guarded || !e->nodes[other].unconfirmed);
}

static bool is_ready(const struct engine *e, size_t i)
{
    const struct node *node = &e->nodes[i];

    for (size_t k = 0; k < node->needs.n; k++)
        if (!is_settled(e, node, node->needs.v[k]))
            return false;
    for (size_t k = 0; k < node->follows.n; k++)
        if (!is_settled(e, node, node->follows.v[k]))
            return false;
    for (unsigned k = 0; k < e->running; k++)
        if (ks_streq(e->nodes[e->active[k]].lane, node->lane))
            return false;
    return true;
}

static bool is_cancelled(const struct engine *e)
{
    return e->stopped || (e->x->acting.cancelled && *e->x->acting.cancelled);
}

/* The next step to run, first in the plan's order; false when there is none now. Settles what cannot be run. */
static bool choose(struct engine *e, size_t *ret)
{
    const size_t n = e->x->plan->n;

    while (e->first < n && e->x->results[e->first].status != KS_STEP_WAITING)
        e->first++;
    for (size_t i = e->first; i < n; i++) {
        struct ks_step_result *r = &e->x->results[i];
        if (r->status != KS_STEP_WAITING || skip(e, i))
            continue;
        if (is_cancelled(e)) {
            settle(r, KS_STEP_CANCELLED, NULL);
            count(e, r);
        } else if (is_ready(e, i) && !(e->nodes[i].guarded && e->guarding)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

struct telling {
    struct engine *e;
    struct ks_step_result *r;
};

static void on_progress(void *data, const struct ks_step *step, const char *what, int percent)
{
    struct telling *t = data;

    (void)step;
    (void)pthread_mutex_lock(&t->e->lock);
    tell(t->e, t->r, what, percent);
    (void)pthread_mutex_unlock(&t->e->lock);
}

static int journal(struct engine *e, const char *event, const char *id, const char *detail, struct ks_error *err)
{
    return e->x->journal ? ks_journal_add(e->x->journal, event, id, detail, err) : 0;
}

static ks_act_fn *actuator_of(const struct ks_execution *x, const char *kind)
{
    for (size_t i = 0; i < x->n_actuators; i++)
        if (ks_streq(x->actuators[i].kind, kind))
            return x->actuators[i].act;
    return NULL;
}

/* *remark: to be freed, or NULL. */
static int act(struct engine *e, struct ks_step_result *r, enum ks_outcome *outcome, char **remark,
               struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    struct telling telling = {e, r};
    struct ks_acting acting = e->x->acting;
    ks_act_fn *fn = actuator_of(e->x, r->step->kind);

    if (!fn)
        return ks_fail(err, KS_E_BUG, KS_NOWHERE, "nothing knows how to change a %s", r->step->kind);
    acting.arena = arena;
    acting.progress = (struct ks_progress){.data = &telling, .report = on_progress};
    if (fn(&acting, r->step, outcome, err) < 0)
        return -1;
    *remark = acting.remark ? strdup(acting.remark) : NULL;
    return 0;
}

static enum ks_step_status status_of(enum ks_outcome outcome)
{
    static const enum ks_step_status statuses[] = {
        [KS_NOOP] = KS_STEP_NOOP,
        [KS_CHANGED] = KS_STEP_DONE,
        [KS_WOULD_CHANGE] = KS_STEP_WOULD,
        [KS_PENDING] = KS_STEP_PENDING,
    };
    return statuses[outcome];
}

static void forget_active(struct engine *e, const struct ks_step_result *r)
{
    unsigned k = 0;

    while (&e->x->results[e->active[k]] != r)
        k++;
    e->active[k] = e->active[--e->running];
}

/* What is not in the journal is not done: when it cannot be written, no step is begun any more. */
static void run_step(struct engine *e, struct ks_step_result *r)
{
    struct ks_error err = {0}, journal_err = {0};
    enum ks_outcome outcome = KS_NOOP;
    ks_auto(ks_freep) char *remark = NULL;
    bool journal_lost = journal(e, "started", r->step->id, NULL, &journal_err) < 0;
    const bool failed = journal_lost || act(e, r, &outcome, &remark, &err) < 0;
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    const char *why = !failed ? remark : ks_error_text(arena, journal_lost ? &journal_err : &err);
    const enum ks_step_status status = failed ? KS_STEP_FAILED : status_of(outcome);

    if (!journal_lost)
        journal_lost = journal(e, failed ? "failed" : "done", r->step->id, failed ? why : status_names[status],
                               &journal_err) < 0;
    (void)pthread_mutex_lock(&e->lock);
    settle(r, status, why ? ks_strdup(e->x->arena, why) : NULL);
    r->code = failed ? (journal_lost && err.code == KS_E_NONE ? journal_err.code : err.code) : KS_E_NONE;
    if (journal_lost) {
        e->stopped = true;
        e->x->journal_problem = ks_error_text(e->x->arena, &journal_err);
    }
    if (e->nodes[r - e->x->results].guarded)
        e->nodes[r - e->x->results].unconfirmed = true; /* told when it is kept, or not */
    else
        count(e, r);
    forget_active(e, r);
    (void)pthread_cond_broadcast(&e->changed);
    (void)pthread_mutex_unlock(&e->lock);
    ks_error_done(&err);
    ks_error_done(&journal_err);
}

static void begin_step(struct engine *e, size_t i)
{
    e->x->results[i].status = KS_STEP_RUNNING;
    e->active[e->running++] = i;
    tell(e, &e->x->results[i], NULL, -1);
}

/* ---- under the guard ------------------------------------------------------------------------------------------
 */

static bool next_guarded(const struct engine *e, size_t *ret)
{
    for (size_t i = 0; i < e->x->plan->n && !is_cancelled(e); i++) {
        if (!e->nodes[i].guarded || e->x->results[i].status != KS_STEP_WAITING || !is_ready(e, i))
            continue;
        *ret = i;
        return true;
    }
    return false;
}

/* `why` NULL: kept. Those of them that changed something have failed else. */
static void confirm(struct engine *e, const char *why, enum ks_code code)
{
    struct ks_error ignored = {0};

    for (size_t i = 0; i < e->x->plan->n; i++) {
        struct ks_step_result *r = &e->x->results[i];
        if (!e->nodes[i].unconfirmed)
            continue;
        e->nodes[i].unconfirmed = false;
        if (why && (r->status == KS_STEP_DONE || r->status == KS_STEP_FAILED)) {
            (void)journal(e, "rolled-back", r->step->id, why, &ignored);
            ks_error_done(&ignored);
            r->code = r->status == KS_STEP_FAILED ? r->code : code;
            settle(r, KS_STEP_FAILED,
                   r->status == KS_STEP_FAILED ? ks_sprintf(e->x->arena, "%s; %s", r->detail, why) : why);
        }
        count(e, r);
    }
}

/* Runs step `i` and all others under the guard that are ready then; with the lock, which it lets go in between. */
static void run_guarded(struct engine *e, size_t i)
{
    const struct ks_guard *guard = e->x->guard;
    struct ks_step_result *first = &e->x->results[i];
    struct ks_error err = {0};
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    bool failed;

    begin_step(e, i);
    tell(e, first, "recording the links", -1);
    (void)pthread_mutex_unlock(&e->lock);
    failed = guard->begin(guard->data, &err) < 0;
    (void)pthread_mutex_lock(&e->lock);
    if (failed) {
        settle(first, KS_STEP_FAILED, ks_strdup(e->x->arena, ks_error_text(arena, &err)));
        first->code = err.code;
        count(e, first);
        forget_active(e, first);
        ks_error_done(&err);
        return;
    }
    for (bool more = true; more;) {
        struct ks_step_result *r = &e->x->results[i];
        (void)pthread_mutex_unlock(&e->lock);
        run_step(e, r);
        (void)pthread_mutex_lock(&e->lock);
        failed = r->status == KS_STEP_FAILED;
        more = !failed && next_guarded(e, &i);
        if (more)
            begin_step(e, i);
    }
    tell(e, first, "asking whether the network still answers", -1);
    (void)pthread_mutex_unlock(&e->lock);
    const bool undone = guard->end(guard->data, failed, &err) < 0;
    (void)pthread_mutex_lock(&e->lock);
    e->x->rolled_back = e->x->rolled_back || undone;
    confirm(e, undone ? ks_strdup(e->x->arena, ks_error_text(arena, &err)) : NULL, err.code);
    ks_error_done(&err);
}

static void *work(void *data)
{
    struct engine *e = data;
    size_t i;

    (void)pthread_mutex_lock(&e->lock);
    for (;;) {
        if (choose(e, &i)) {
            if (e->nodes[i].guarded) {
                e->guarding = true;
                run_guarded(e, i);
                e->guarding = false;
                (void)pthread_cond_broadcast(&e->changed);
                continue;
            }
            begin_step(e, i);
            (void)pthread_mutex_unlock(&e->lock);
            run_step(e, &e->x->results[i]);
            (void)pthread_mutex_lock(&e->lock);
        } else if (e->running > 0 || e->guarding) {
            (void)pthread_cond_wait(&e->changed, &e->lock);
        } else {
            break; /* what still waits, waits in a circle: planners refuse that */
        }
    }
    e->workers--;
    (void)pthread_cond_broadcast(&e->changed);
    (void)pthread_mutex_unlock(&e->lock);
    return NULL;
}

static void wait_tick(struct engine *e)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&e->changed, &e->lock, &until);
    if (e->x->tick)
        e->x->tick(e->x->watch_data, e->x);
}

static void run_workers(struct engine *e)
{
    const unsigned wish = e->x->threads ? e->x->threads : THREADS;
    pthread_t *threads = ks_new_n(e->x->arena, pthread_t, wish);
    unsigned n = 0;

    e->active = ks_new_n(e->x->arena, size_t, wish);
    (void)pthread_mutex_lock(&e->lock);
    while (n < wish && n < e->x->plan->n && pthread_create(&threads[n], NULL, work, e) == 0)
        n++;
    e->workers = n;
    while (e->workers > 0)
        wait_tick(e);
    (void)pthread_mutex_unlock(&e->lock);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    if (n == 0 && e->x->plan->n > 0) { /* no thread to be had: here, then */
        e->workers = 1;
        (void)work(e);
    }
}

void ks_execute(struct ks_execution *x)
{
    struct engine e = {.x = x};
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&e.lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e.changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    prepare(&e);
    for (size_t i = 0; i < x->plan->n; i++)
        if (x->results[i].status != KS_STEP_WAITING)
            x->counts[x->results[i].status]++;
    run_workers(&e);
    (void)pthread_cond_destroy(&e.changed);
    (void)pthread_mutex_destroy(&e.lock);
}

bool ks_execution_changed(const struct ks_execution *x)
{
    return x->counts[KS_STEP_DONE] + x->counts[KS_STEP_PENDING] > 0 || x->rolled_back;
}
