/* SPDX-License-Identifier: ISC */
/* settings.c: see settings.h. harness/powercut/fuzz.py writes what is read here. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPLORE_NUMBERS 6u
#define MODEL_NUMBERS 9u

static _Noreturn void refuse(const char *what, const char *why) {
    fprintf(stderr, "powercut fuzz: %s: %s\n", what, why);
    exit(2);
}

static const char *setting(const char *name) {
    const char *text = getenv(name);

    if (text == NULL) {
        refuse(name, "is not set; the command powercut fuzz sets it");
    }
    return text;
}

/* The numbers in a text; their count. */
static size_t read_numbers(const char *name, uint64_t *ret_numbers, size_t room) {
    const char *at = setting(name);
    size_t count = 0;

    for (;;) {
        char *end;
        uint64_t number = strtoull(at, &end, 10);

        if (end == at) {
            break;
        }
        if (count == room) {
            refuse(name, "has too many numbers");
        }
        ret_numbers[count++] = number;
        at = end;
    }
    if (*at != 0) {
        refuse(name, "is no list of numbers");
    }
    return count;
}

static void read_models(struct settings *settings) {
    uint64_t numbers[SETTINGS_MODELS_MAX * MODEL_NUMBERS];
    size_t count = read_numbers("POWERCUT_FUZZ_MODELS", numbers, sizeof(numbers) / sizeof(numbers[0]));

    if (count % MODEL_NUMBERS != 0) {
        refuse("POWERCUT_FUZZ_MODELS", "has not nine numbers for each model");
    }
    settings->model_count = count / MODEL_NUMBERS;
    for (size_t i = 0; i < settings->model_count; i++) {
        const uint64_t *n = numbers + i * MODEL_NUMBERS;
        struct pc_model model = {(uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2],
                                 (uint32_t)n[3], (uint32_t)n[4], (uint32_t)n[5]};

        settings->models[i] = (struct settings_model){model, n[6], n[7], n[8]};
    }
}

size_t settings_models(const struct settings *settings, const struct bd_geometry *geometry,
                       struct pc_model ret_models[SETTINGS_MODELS_MAX]) {
    size_t count = 0;

    for (size_t i = 0; i < settings->model_count; i++) {
        const struct settings_model *one = &settings->models[i];
        int small = one->prog_size_max == 0 || geometry->prog_size <= one->prog_size_max;
        int blank = one->erase_value == 0 || geometry->erase_value == (int32_t)one->erase_value - 1;
        int erased = one->erases == 0 || geometry->erase_value != BD_ERASE_NONE;

        if (small && blank && erased) {
            ret_models[count++] = one->model;
        }
    }
    return count;
}

void settings_read(struct settings *ret_settings) {
    uint64_t numbers[EXPLORE_NUMBERS];
    char text[512] = "";

    memset(ret_settings, 0, sizeof(*ret_settings));
    ret_settings->findings = setting("POWERCUT_FUZZ_FINDINGS");
    if (pc_engine_load(setting("POWERCUT_FUZZ_ENGINE"), &ret_settings->engine, text, sizeof(text)) != PC_OK) {
        refuse(setting("POWERCUT_FUZZ_ENGINE"), text);
    }
    if (read_numbers("POWERCUT_FUZZ_EXPLORE", numbers, EXPLORE_NUMBERS) != EXPLORE_NUMBERS) {
        refuse("POWERCUT_FUZZ_EXPLORE", "has not six numbers");
    }
    ret_settings->explore = (struct pc_explore_options){.jobs = 1,
                                                        .probes = PC_PROBE_ALL,
                                                        .kinds = (uint32_t)numbers[0],
                                                        .nested_kinds = (uint32_t)numbers[1],
                                                        .depth = (uint32_t)numbers[2],
                                                        .samples = (uint32_t)numbers[3],
                                                        .seed = numbers[4],
                                                        .last = UINT64_MAX,
                                                        .max_violations = 1};
    if (numbers[5] > PC_RESUME_MAX) {
        refuse("POWERCUT_FUZZ_EXPLORE", "lets a run go on for too many operations");
    }
    ret_settings->resume = (uint32_t)numbers[5];
    if (read_numbers("POWERCUT_FUZZ_HANG", &ret_settings->hang_seconds, 1) != 1) {
        refuse("POWERCUT_FUZZ_HANG", "has no number");
    }
    read_models(ret_settings);
}
