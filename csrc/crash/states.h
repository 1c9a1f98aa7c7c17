/* SPDX-License-Identifier: ISC
 *
 * states.h: the crash states of a list of events, one after the other, and how to build one.
 */
#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "media.h"
#include "patch.h"
#include "powercut.h"

/* One crash state of one list of events. Damage is kept in the cut, see damage.h. */
struct state {
    uint32_t kind;  /* enum pc_fault_kind */
    uint32_t model; /* its number among the models */
    struct pc_cut cut;
};

/* Called with each state. Not PC_OK ends the list. */
typedef int (*state_fn)(void *ctx, const struct state *state, int sampled);

/* Called where a model allows more at a cut than was generated. */
typedef void (*beyond_fn)(void *ctx, uint32_t kind, uint32_t model);

/* What to generate. */
struct states_wanted {
    uint32_t kinds; /* 1u << enum pc_fault_kind, added up; of those prefix, torn and reorder */
    const struct pc_model *models;
    size_t model_count;
    uint32_t samples;
    uint64_t seed;
    state_fn fn;
    beyond_fn beyond; /* may be NULL */
    void *ctx;
    uint8_t *room; /* for a block */
};

/* The states of one cut in a run, whose media is there: prefix, then each model's torn and reorder ones. */
int states_at(const struct states_wanted *wanted, const struct media *media);

/* Makes the patch, which lies over the media, that state: the media is at the cut. Errors: PC_NO_MEMORY. */
int state_build(const struct pc_cut *cut, const struct media *media, struct patch *patch);

/* Is there such a cut in a run? */
int cut_is_possible(const struct pc_run *run, const struct pc_cut *cut);

#endif
