/* SPDX-License-Identifier: ISC */
/* workload.h: an input's operations as the engine ABI has them, and what an engine shows after each. */
#ifndef FUZZ_WORKLOAD_H
#define FUZZ_WORKLOAD_H

#include "input.h"

struct workload {
    size_t op_count;
    struct pc_op *ops;
    uint8_t *bytes; /* of the values */
};

/* The operations of an input, whose strings they go on to use. Errors: PC_NO_MEMORY. */
int workload_make(const struct input *in, struct workload *ret_workload);
void workload_release(struct workload *workload);

/* The stores that are right, by the engine's own account of a run that nothing cut. */
struct account {
    struct pc_hash *stores;
    size_t *first;       /* as in struct pc_allowed */
    struct pc_hash *now; /* likewise, op_count + 1 of them */
};

/* Formats a device in memory, applies the operations and reads the whole store after each. Errors: what format,
 * mount or a visit answered; PC_NO_MEMORY. */
int account_take(const struct pc_engine *engine, const struct bd_geometry *geometry,
                 const struct workload *workload, struct account *ret_account);
void account_release(struct account *account);

#endif
