/* SPDX-License-Identifier: ISC
 *
 * uncut.h: what the engine does and shows where nothing cuts it: the run once more, asked something at some point.
 */
#ifndef CRASH_UNCUT_H
#define CRASH_UNCUT_H

#include "powercut.h"

#include <pthread.h>

/* What the uncut run answers to the write probe after each operation; asked once, shared by all threads. */
struct uncut {
    const struct pc_run *run;
    pthread_mutex_t lock;
    uint8_t *answers; /* per number of operations done and of probes: enum in uncut.c */
};
int uncut_init(struct uncut *uncut, const struct pc_run *run); /* PC_OK or PC_NO_MEMORY */
void uncut_release(struct uncut *uncut);

/* Does the uncut run, after `done` operations, answer one of so many writes of `op` with NO_SPACE? */
int uncut_is_full(struct uncut *uncut, size_t done, const struct pc_op *op, uint32_t times);

/* How many operations had returned when all that the first `done` did was durable for the last time. */
size_t uncut_durable(const struct pc_run *run, size_t done);

/* The hash of the store after each number of operations from 0 to `count`, as the engine itself shows it; count + 1 of
 * them to be freed. *ret_count may come out smaller, where the engine fails. Errors: PC_NO_MEMORY. */
int uncut_stores(const struct pc_run *run, size_t count, struct pc_hash **ret_stores, size_t *ret_count);

#endif
