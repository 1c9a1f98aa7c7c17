/* SPDX-License-Identifier: ISC */
/* settings.h: which engine is fuzzed and how its crash states are explored, out of the environment. */
#ifndef FUZZ_SETTINGS_H
#define FUZZ_SETTINGS_H

#include "powercut.h"

#define SETTINGS_MODELS_MAX 16u

/* A device model, and on which devices there is one. */
struct settings_model {
    struct pc_model model;
    uint64_t prog_size_max; /* bytes; 0: any */
    uint64_t erase_value;   /* what an erased byte must read as, and 1; 0: anything */
    uint64_t erases;        /* 1: an erase must change something */
};

struct settings {
    const struct pc_engine *engine;
    const char *findings;  /* the folder that they go to */
    uint64_t hang_seconds; /* what one crash state may take */
    size_t model_count;
    struct settings_model models[SETTINGS_MODELS_MAX];
    struct pc_explore_options explore; /* without models */
    uint32_t resume;                   /* operations that follow each recovery */
};

/* POWERCUT_FUZZ_ENGINE: the library. POWERCUT_FUZZ_FINDINGS: the folder.
 * POWERCUT_FUZZ_EXPLORE: kinds, nested kinds, depth, samples, seed, resume: numbers with a space between
 * them.
 * POWERCUT_FUZZ_HANG: seconds.
 * POWERCUT_FUZZ_MODELS: the numbers of struct settings_model, nine for each. Ends the process where they cannot be. */
void settings_read(struct settings *ret_settings);

/* The models that there are of such a device; returns how many. */
size_t settings_models(const struct settings *settings, const struct bd_geometry *geometry,
                       struct pc_model ret_models[SETTINGS_MODELS_MAX]);

#endif
