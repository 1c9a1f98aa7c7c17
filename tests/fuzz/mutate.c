/* SPDX-License-Identifier: ISC */
/* mutate.c: changes to an input that libFuzzer would not find: steps of a script, in an image of raw bytes too. */
#include <string.h>

#include "fuzz_skink.h"
#include "input.h"
#include "script.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void random_step(uint8_t step[STEP_SIZE], uint32_t *state) {
    for (uint32_t i = 0; i < STEP_SIZE; i++) {
        step[i] = (uint8_t)next_random(state);
    }
    step[2] = (uint8_t)(step[2] % 24); /* most logs are short */
    if (next_random(state) % 3 == 0) {
        step[1] = (uint8_t)(step[1] % 8);
    }
    if (next_random(state) % 4 == 0) {
        step[7] = 0xee; /* a number that tends to be wrong */
    }
    if (next_random(state) % 2 == 0) {
        step[5] = step[6] = step[7] = 0;
    }
}

/* Adds a step, or replaces or removes one. */
static size_t mutate_script(uint8_t *data, size_t size, size_t max_size, const struct input *in,
                            uint32_t *state) {
    size_t begin = (size_t)(in->rest - data);
    size_t steps = in->rest_size / STEP_SIZE;
    if (next_random(state) % 2 == 0 && begin + (steps + 1) * STEP_SIZE <= max_size && steps < 24) {
        random_step(data + begin + steps * STEP_SIZE, state);
        return begin + (steps + 1) * STEP_SIZE;
    }
    if (steps == 0) {
        return size;
    }
    uint8_t *step = data + begin + next_random(state) % steps * STEP_SIZE;
    if (next_random(state) % 4 == 0) {
        memmove(step, step + STEP_SIZE, (size_t)(data + begin + steps * STEP_SIZE - step) - STEP_SIZE);
        return begin + (steps - 1) * STEP_SIZE;
    }
    random_step(step, state);
    return size;
}

/* Does a step to the image itself. */
static size_t mutate_image(uint8_t *data, size_t size, const struct input *in, uint32_t *state) {
    struct bd_geometry geo = in->geometry;
    uint8_t step[STEP_SIZE];
    uint32_t whole = (uint32_t)(in->rest_size / geo.block_size);
    geo.block_count = whole < geo.block_count ? whole : geo.block_count;
    if (geo.block_count > 0) {
        random_step(step, state);
        script_step(data + (in->rest - data), &geo, step);
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    uint32_t state = seed;
    struct input in;
    if (next_random(&state) % 3 == 0 || !input_read(&in, data, size)) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (next_random(&state) % 4 == 0) { /* the header and the changes alone */
        size_t head = (size_t)(in.rest - data);
        (void)LLVMFuzzerMutate(data, head, head);
        return size;
    }
    return in.script ? mutate_script(data, size, max_size, &in, &state)
                     : mutate_image(data, size, &in, &state);
}
