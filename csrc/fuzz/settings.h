/* SPDX-License-Identifier: ISC */
/* settings.h: which engine is fuzzed and how its crash states are explored, out of the environment. */
#ifndef FUZZ_SETTINGS_H
#define FUZZ_SETTINGS_H

#include "powercut.h"

#define SETTINGS_MODELS_MAX 16u

struct settings {
    const struct pc_engine *engine;
    const char *findings; /* the folder that they go to */
    struct pc_model models[SETTINGS_MODELS_MAX];
    struct pc_explore_options explore;
};

/* POWERCUT_FUZZ_ENGINE: the library. POWERCUT_FUZZ_FINDINGS: the folder.
 * POWERCUT_FUZZ_EXPLORE: kinds, nested kinds, depth, samples, seed: numbers with a space between them.
 * POWERCUT_FUZZ_MODELS: the six numbers of struct pc_model, once for each. Ends the process where they cannot be. */
void settings_read(struct settings *ret_settings);

#endif
