/* SPDX-License-Identifier: ISC */
/* input.h: what the fuzzer's bytes mean.
 *
 *     offset  size  meaning
 *     0       1     bits 0-2: block size 128, 256, 512, 1024, 2048, 4096; bits 3-5: prog size 1, 4, 16, 32, 64, 128,
 *                   256, 512, at most a block; bit 6: reads of one byte; bit 7: a script over a seed image
 *     1       1     block count less 8
 *     2       1     bit 0: open with STAY_2_0; bit 1: with VERIFY; bit 2: the power goes during the last change;
 *                   bit 3: leave CRCs as they are; bits 4-7: which seed image
 *     3       1     bits 0-2: how many changes follow; bits 3-7: events until the power goes
 *     4       6 n   the changes, six bytes each (ops.h)
 *     ...           the image's first bytes, the rest being 0xff; or of a script steps of eight bytes (script.h)
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>

#include "include/skink.h"

#define HEADER_SIZE 4u
#define OP_SIZE 6u

struct input {
    struct bd_geometry geometry;
    bool script, cut, repair;
    uint32_t open_flags; /* enum skink_flags */
    uint32_t seed;       /* 0..15 */
    uint64_t power;
    size_t op_count;
    const uint8_t *ops;
    const uint8_t *rest;
    size_t rest_size;
};

/* false: too short to mean anything. */
bool input_read(struct input *in, const uint8_t *data, size_t size);

/* Makes the image that the input means; image has a device's bytes. */
void input_image(const struct input *in, uint8_t *image);

/* seeds.c: a store made by skink itself, over a workload that the seed's number chooses. */
void seed_image(const struct input *in, uint8_t *image);

#endif
