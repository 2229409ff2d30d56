/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checkpoint: a change of the network that cuts the host off is undone without anybody's help. Before the first
 * step that touches a link in use, the links are recorded in the state directory, and a guardian is started: a
 * process of its own that outlives the run. It puts the links back when the run ends without a word, when it is
 * told to, or when the time is over; told to keep the change, it forgets the record. A record whose guardian is
 * gone (a power cut) is undone by the next run, or by `kvmstate checkpoint revert` at boot.
 */
#pragma once

#include "net/record.h"
#include "reconciler/executor.h"
#include "reconciler/probe.h"

#define KS_CHECKPOINT_FILE "checkpoint.json"
#define KS_CHECKPOINT_FAILED "checkpoint.failed.json" /* what could not be undone, kept for people */
enum { KS_CHECKPOINT_TIMEOUT_MS = 60000 };            /* unless the manifest says otherwise */

/* ---- the record on disk (checkpoint_file.c) ----------------------------------------------------------------- */

struct ks_checkpoint_record {
    const char *boot;        /* the kernel's id of this boot */
    uint64_t since_boot_s;   /* when it was made, by CLOCK_BOOTTIME */
    uint64_t timeout_ms;     /* from then on */
    struct ks_strings steps; /* ids of the steps that it was made for */
    struct ks_net_record net;
};

/* Written whole and synced. */
int ks_checkpoint_write(int state_dir, const struct ks_checkpoint_record *record, struct ks_error *err);
/* *ret NULL: there is none. KS_E_SYNTAX: it is damaged. */
int ks_checkpoint_read(int state_dir, struct ks_arena *arena, const struct ks_checkpoint_record **ret,
                       struct ks_error *err);
int ks_checkpoint_remove(int state_dir, struct ks_error *err);
/* "" where the kernel does not tell it. */
const char *ks_boot_id(struct ks_arena *arena);
uint64_t ks_boottime_ms(void);

/* ---- the guardian (checkpoint_guard.c) ---------------------------------------------------------------------- */

/* How a checkpoint ended. */
enum ks_checkpoint_end {
    KS_CHECKPOINT_KEPT,
    KS_CHECKPOINT_REVERTED, /* all is as it was */
    KS_CHECKPOINT_FAILED_TO_REVERT,
    KS_CHECKPOINT_ALONE, /* the guardian is gone: the caller must do it */
};

/*
 * Takes the lock that a guardian holds as long as it lives. KS_E_LOCKED: one lives and has not ended within
 * `wait_ms`.
 */
int ks_guardian_lock(int state_dir, uint64_t wait_ms, int *ret, struct ks_error *err);
/* Starts the guardian of the record on disk; `lock` is handed to it. *ret: the line to it. */
int ks_guardian_start(int state_dir, int lock, int *ret, struct ks_error *err);
/* Tells it what to do and hears what it did; *why: what could not be undone. The line is closed. */
enum ks_checkpoint_end ks_guardian_end(struct ks_arena *arena, int *line, bool keep, uint64_t wait_ms,
                                       const char **why);
/* Whether it has spoken, or is gone: its time is over. */
bool ks_guardian_has_ended(int line);
/* The guardian's own life; its exit status. */
int ks_guardian_run(void);
/* Undoes a record and removes it; one that cannot be undone is set aside (KS_E_VERIFY). Each write goes to `log`.
 */
int ks_checkpoint_undo(int state_dir, struct ks_arena *arena, const struct ks_checkpoint_record *record,
                       struct ks_strings *log, struct ks_error *err);

/* ---- the run (checkpoint.c) --------------------------------------------------------------------------------- */

struct ks_checkpoint {
    /* What the caller gives. */
    int state;
    const struct ks_plan *plan;
    uint64_t timeout_ms; /* 0: KS_CHECKPOINT_TIMEOUT_MS */
    struct ks_probe_wish wish;
    const _Atomic bool *cancelled;
    /* ---- */
    struct ks_arena *arena;
    const struct ks_checkpoint_record *record;
    struct ks_probes probes;
    uint64_t deadline_ms; /* CLOCK_BOOTTIME */
    int line;
};

/* For struct ks_execution: `data` is a struct ks_checkpoint. */
bool ks_checkpoint_covers(void *data, const struct ks_step *step);
int ks_checkpoint_begin(void *data, struct ks_error *err);
int ks_checkpoint_settle(void *data, bool failed, struct ks_error *err);

/*
 * What an earlier run left: waits for a guardian that lives (`say` is told so first, or NULL), and undoes a record
 * whose guardian is gone. *ret: what was undone, or NULL.
 */
int ks_checkpoint_recover(int state_dir, struct ks_arena *arena, void (*say)(const char *text), const char **ret,
                          struct ks_error *err);
