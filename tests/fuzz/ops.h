/* SPDX-License-Identifier: ISC */
/* ops.h: changes to a store, six bytes each, and what has to hold after them.
 *
 *     offset  size  meaning
 *     0       1     which call; bits 0-3
 *     1       1     the key: one of a table, or, from 128 on, one of those that are there
 *     2       1     the second key, an attribute's type
 *     3       2     how many bytes
 *     5       1     how far in, in units of 16 bytes
 */
#ifndef OPS_H
#define OPS_H

#include "world.h"

/* A view of a store: a hash over all keys, kinds, times and values, the codes of those that cannot be read. */
struct view {
    int code; /* of the visit */
    uint64_t hash;
    uint32_t entries;
};
struct view view_take(struct world *w, struct skink *s);

/* Whether a call may answer this code on a device that never fails and with memory that never ends. */
bool code_is_documented(const struct world *w, int code);

/* Does one change; the answer is that of the call. What it promises is demanded. */
int op_apply(struct world *w, struct skink *s, const uint8_t op[6]);

/* Tries one change while the power goes; demands nothing of the answer but that it is documented. */
void op_cut(struct world *w, struct skink *s, const uint8_t op[6]);

/* Every call that only reads, on one key of the table. */
void op_read(struct world *w, struct skink *s, uint8_t choice);

#endif
