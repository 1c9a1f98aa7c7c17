/* SPDX-License-Identifier: ISC
 *
 * states.h: which crash states of a run are worth a look.
 */
#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "powercut.h"

/* The crash states to judge, ascending. */
struct states {
    uint64_t *todo;
    size_t count;
    uint64_t total;     /* crash states asked for */
    uint64_t identical; /* of them, those left out: same image, same allowed states as an earlier one */
};

/* The one or two model states allowed in crash state k; with one, both are the same. */
struct allowed_pair {
    struct pc_hash before, after;
};
struct allowed_pair states_allowed(const struct pc_run *run, const struct pc_hash *allowed, uint64_t k);

/* Errors: PC_NO_MEMORY. */
int states_find(const struct pc_run *run, const struct pc_hash *allowed,
                const struct pc_explore_options *options, struct states *ret_states);
void states_release(struct states *states);

#endif
