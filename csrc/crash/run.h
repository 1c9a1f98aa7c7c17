/* SPDX-License-Identifier: ISC
 *
 * run.h: what a recorded run holds.
 */
#ifndef CRASH_RUN_H
#define CRASH_RUN_H

#include "powercut.h"

/* Which operations surround a crash state. */
struct run_position {
    size_t done;   /* operations that had returned */
    int in_flight; /* operation number `done` was under way throughout */
};

struct pc_run {
    const struct pc_engine *engine;
    struct bd_geometry geometry;
    struct pc_options options;
    struct pc_facts facts;
    struct bd_fail fail;
    uint32_t resume;    /* operations that follow each recovery */
    uint8_t *image;     /* the device before the first event */
    struct bd_log *log; /* events and marks */
    size_t event_count;
    size_t *events; /* per device event: its place in the log; NULL: the same */
    size_t event_room;
    struct run_position *positions; /* per crash state, event_count + 1 of them */
    struct run_position *during;    /* per event: while it was under way */
    size_t *op_start;               /* per operation that began: the events before it */
    size_t op_begun;                /* how many began */
    size_t op_count;
    struct pc_op *ops; /* copies; what they point at is in op_bytes */
    uint8_t *op_bytes;
    int *codes;              /* per operation */
    struct pc_hash *replies; /* per operation */
};

/* The position in which a power cut meets the run: where an event is torn that was under way, the operation that
 * asked for it was under way too. */
struct run_position run_position_of(const struct pc_run *run, const struct pc_cut *cut);

/* A run of the same engine on the same device with nothing in its log. Errors: PC_NO_MEMORY. */
int run_new_empty(const struct pc_run *like, struct pc_run **ret_run);

/* Takes the first `count` entries of the log, which has no marks, as the run's events. */
int run_index_plain(struct pc_run *run, size_t count);

#endif
