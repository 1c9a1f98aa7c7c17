/* SPDX-License-Identifier: ISC
 *
 * tear.h: in which parts a prog or an erase can arrive when the power goes.
 */
#ifndef CRASH_TEAR_H
#define CRASH_TEAR_H

#include "powercut.h"

/* Up to so many units, or bits, every set of them is gone through. */
#define TEAR_ALL_MAX 10u

uint64_t splitmix64(uint64_t x);

/* The seed of sample j at a cut. */
uint64_t sample_seed(uint64_t seed, uint64_t at, uint64_t j);

/* One event, to be torn as a model allows. */
struct tears {
    const struct bd_geometry *geometry;
    struct bd_event event;
    uint64_t at;        /* its number */
    uint32_t rules;     /* enum pc_tear_rule, added up */
    uint32_t unit;      /* bytes */
    const uint8_t *old; /* its block before it; NULL: leave out what depends on it */
    uint32_t samples;
    uint64_t seed;
};

/* What a model says of an event. */
void tears_init(struct tears *tears, const struct bd_geometry *geometry, const struct pc_model *model,
                const struct bd_event *event, uint64_t at);

/* Called with each way in which the event can be torn; `sampled`: drawn by a seed. Not PC_OK ends it. */
typedef int (*tear_fn)(void *ctx, const struct pc_cut *cut, int sampled);

/* Every one in the order of docs/faults.md. *ret_beyond is 1 if the model allows more. */
int tears_each(const struct tears *tears, tear_fn fn, void *ctx, int *ret_beyond);

/* Lets an event arrive as cut->torn says, in the bytes of its block, which are as they were before it.
 * `event_number`: what its garbage is made of. */
void tear_apply(const struct pc_cut *cut, const struct bd_geometry *geometry, const struct bd_event *event,
                uint64_t event_number, uint8_t *block);

/* Fills bytes at an absolute address with garbage. */
void garbage_fill(uint8_t *bytes, uint64_t address, uint32_t size, uint64_t event_number);

#endif
