/* SPDX-License-Identifier: ISC */
/* input.c: what the fuzzer's bytes mean. */
#include "input.h"

#include <string.h>

#include "logs.h"
#include "script.h"

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static void read_geometry(struct bd_geometry *geo, const uint8_t *data) {
    static const uint16_t progs[] = {1, 4, 16, 32, 64, 128, 256, 512};
    geo->block_size = 128u << (data[0] & 7) % 6;
    geo->block_count = 8u + data[1];
    geo->prog_size = least(progs[data[0] >> 3 & 7], geo->block_size);
    geo->read_size = (data[0] & 0x40) != 0 ? 1 : geo->prog_size;
    geo->erase_value = 0xff;
}

bool input_read(struct input *in, const uint8_t *data, size_t size) {
    if (size < HEADER_SIZE) {
        return false;
    }
    read_geometry(&in->geometry, data);
    in->script = (data[0] & 0x80) != 0;
    in->open_flags =
        ((data[2] & 1) != 0 ? SKINK_OPEN_STAY_2_0 : 0u) | ((data[2] & 2) != 0 ? SKINK_OPEN_VERIFY : 0u);
    in->cut = (data[2] & 4) != 0;
    in->repair = (data[2] & 8) == 0;
    in->seed = data[2] >> 4;
    in->power = data[3] >> 3;
    in->op_count = data[3] & 7;
    if (in->op_count * OP_SIZE > size - HEADER_SIZE) {
        in->op_count = (size - HEADER_SIZE) / OP_SIZE;
    }
    in->ops = data + HEADER_SIZE;
    in->rest = in->ops + in->op_count * OP_SIZE;
    in->rest_size = size - (size_t)(in->rest - data);
    return true;
}

void input_image(const struct input *in, uint8_t *image) {
    const struct bd_geometry *geo = &in->geometry;
    size_t size = (size_t)geo->block_size * geo->block_count;
    if (in->script) {
        seed_image(in, image);
        for (size_t at = 0; at + STEP_SIZE <= in->rest_size; at += STEP_SIZE) {
            script_step(image, geo, in->rest + at);
        }
    } else {
        memset(image, 0xff, size);
        memcpy(image, in->rest, in->rest_size < size ? in->rest_size : size);
    }
    for (uint32_t block = 0; in->repair && block < geo->block_count; block++) {
        log_repair(image + (size_t)block * geo->block_size, geo->block_size, true);
    }
}
