/* SPDX-License-Identifier: ISC
 *
 * order.h: which of the events that were not yet synced can be lost when the power goes.
 */
#ifndef CRASH_ORDER_H
#define CRASH_ORDER_H

#include "powercut.h"

#define ORDER_WINDOW 64u

/* The effective events of a run since the last sync before a cut, the most recent first. */
struct window {
    uint32_t back[ORDER_WINDOW]; /* event number at - back[i] */
    uint32_t count;
    int shortened; /* there are more than ORDER_WINDOW events since the last sync */
};

void window_find(const struct pc_run *run, uint64_t at, struct window *ret_window);

/* Called with each set of lost events, as pc_cut.lost has it. Not PC_OK ends it. */
typedef int (*order_fn)(void *ctx, uint64_t lost, int sampled);

/* Every set in the order of docs/faults.md. *ret_beyond is 1 if there are more. */
int order_each(const struct window *window, uint64_t at, uint32_t samples, uint64_t seed, order_fn fn,
               void *ctx, int *ret_beyond);

/* A set given by its places in the window, as pc_cut.lost. */
uint64_t window_lost(const struct window *window, uint64_t mask);

#endif
