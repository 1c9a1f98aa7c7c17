/* SPDX-License-Identifier: ISC
 *
 * work.h: what the rows of the benchmark do, operation by operation.
 */
#ifndef ENGINES_BENCH_WORK_H
#define ENGINES_BENCH_WORK_H

#include "bench.h"
#include "subject.h"

/* A pass in progress. */
struct work {
    const struct bench_row *row;
    struct subject subject;
    const struct bd *dev;    /* what the subject is to be opened on; holds what `image` says at the start */
    const uint8_t *image;    /* the prepared store, all of the device */
    uint8_t *bytes;          /* where the device keeps its content */
    uint8_t *value, *answer; /* room for a value each */
    uint32_t stride;         /* what makes the order of keys scattered */
    uint32_t keys;           /* values in the prepared store */
    uint32_t live;           /* values there are now; what goes before the operations is not among them */
    uint64_t payload;        /* bytes that operations were asked to write */
    char last_key[32];       /* the value that was written last, as a whole */
};

enum work_flags {
    WORK_WRITES = 1, /* a first write, which is a row of its own, goes before the operations */
    WORK_CLOSED = 2, /* operations open the store themselves */
    WORK_SINGLE = 4  /* operations are timed one by one: what goes before each does not count */
};

/* Operations return 0, or the engine's code, or WORK_WRONG for an answer that cannot be right. */
#define WORK_WRONG (-1000)

struct workload {
    uint32_t flags;
    int (*prepare)(struct work *work);            /* fills an empty store, which is open */
    int (*before)(struct work *work, uint32_t i); /* NULL: nothing */
    int (*step)(struct work *work, uint32_t i);
};

/* NULL: there is no such workload. */
const struct workload *workload_find(uint32_t workload);

/* The first write after a mount. */
int work_warm(struct work *work);

/* Puts the prepared store back on the device, which is not open. */
void work_restore(struct work *work);

/* The number that makes i * stride % keys a walk over all keys in no order. */
uint32_t work_stride(uint32_t keys);

/* Does what was written last read back right? */
int work_verify(struct work *work);

#endif
