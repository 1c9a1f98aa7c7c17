/* SPDX-License-Identifier: ISC
 *
 * pass.h: one pass of one engine over a row's operations.
 */
#ifndef ENGINES_BENCH_PASS_H
#define ENGINES_BENCH_PASS_H

#include "work.h"

struct pass {
    struct work work;
    const struct workload *workload;
    const struct bd *counter; /* the counting layer that work.dev is, or NULL */
    uint64_t clock_cost;      /* ns */
    char *text;               /* where a failure is told */
    size_t text_size;
};

/* All return 0, or -1 and a sentence in pass->text; and leave the store closed. */

/* Makes the row's store on the device, which need hold nothing. */
int pass_prepare(struct pass *pass);

/* Counts, on a device with a counter; and the time of each operation. */
int pass_count(struct pass *pass, struct bench_figures *figures, uint64_t *each_ns);

/* Lowers each operation's time where it is less this time. */
int pass_latency(struct pass *pass, uint64_t *each_ns);

/* All operations against the clock. */
int pass_time(struct pass *pass, uint64_t *ret_ns);

/* What it takes to ask for the time, in ns. */
uint64_t pass_clock_cost(void);

#endif
