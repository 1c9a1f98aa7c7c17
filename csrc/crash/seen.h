/* SPDX-License-Identifier: ISC
 *
 * seen.h: a set of hashes that grows.
 */
#ifndef CRASH_SEEN_H
#define CRASH_SEEN_H

#include "powercut.h"

struct seen {
    struct pc_hash *places; /* open addressing; {0, 0} is a free place */
    size_t mask;            /* places - 1, a power of two less one; with no places 0 */
    size_t count;
};

/* Puts a hash into the set. Returns 1 if it was there already, 0 if not, PC_NO_MEMORY. */
int seen_put(struct seen *seen, struct pc_hash hash);
int seen_has(const struct seen *seen, struct pc_hash hash);
void seen_release(struct seen *seen);

#endif
