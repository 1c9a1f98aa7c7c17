/* SPDX-License-Identifier: ISC */
/* seeds.c: seed images, made by skink itself: small stores with dictionaries, long values, removed things, attributes,
 * and some with work that a power cut left pending. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "world.h"

static void seed_now(void *ctx, struct skink_time *ret_time) {
    (void)ctx;
    *ret_time = (struct skink_time){20000, 5};
}

static void seed_values(struct skink *s, const struct input *in, uint32_t count) {
    static uint8_t const pattern[256] = {1, 2, 3};
    uint8_t *bytes = calloc(1, 8 * (size_t)in->geometry.block_size);
    DEMAND(bytes != NULL);
    memcpy(bytes, pattern, 4);
    for (uint32_t i = 0; i < count; i++) {
        char key[32];
        int len = snprintf(key, sizeof(key), i % 3 == 2 ? "d/e/k%u" : i % 3 == 1 ? "d/k%u" : "k%u", i);
        size_t size = i % 4 == 3 ? (size_t)in->geometry.block_size * (1 + i % 3) + i : 5 + i;
        (void)skink_set(s, key, (size_t)len, bytes, size);
    }
    free(bytes);
}

/* The last step, which a seed may break off: it leaves moves and orphans. */
static void seed_last(struct skink *s, uint32_t which) {
    switch (which % 4) {
    case 0:
        (void)skink_rename(s, "k0", 2, "d/e/moved", 9);
        break;
    case 1:
        (void)skink_remove(s, "d", 1);
        break;
    case 2:
        (void)skink_set(s, "x/y/z", 5, "xyz", 3);
        break;
    default:
        (void)skink_rename(s, "d/e", 3, "f", 1);
        break;
    }
}

static void seed_fill(struct world *w, const struct input *in) {
    struct skink_config config = {.device = &w->dev, .allocator = &w->memory, .now = seed_now};
    struct skink *s;
    if (skink_open(&config, &s) != SKINK_OK) {
        return;
    }
    seed_values(s, in, 4 + (in->seed & 3) * 6);
    (void)skink_remove(s, "k0", 2);
    (void)skink_set(s, "k0", 2, "again", 5);
    (void)skink_attr_set(s, "d", 1, 1, "attribute", 9);
    w->failing = (in->seed & 8) != 0;
    w->power = 1 + in->power % 8;
    seed_last(s, in->seed >> 2);
    skink_close(s);
}

void seed_image(const struct input *in, uint8_t *image) {
    struct world w;
    struct skink_format_options options = {0, 0, 0};
    options.flags |= in->seed % 5 == 4 ? SKINK_FORMAT_2_0 : 0u;
    options.flags |= in->seed % 3 == 2 ? SKINK_FORMAT_VALUE_CHECKS : 0u;
    world_init(&w, &in->geometry);
    if (skink_format(&w.dev, &w.memory, &options) == SKINK_OK) {
        seed_fill(&w, in);
    }
    memcpy(image, w.bytes, w.size);
    world_release(&w);
}
