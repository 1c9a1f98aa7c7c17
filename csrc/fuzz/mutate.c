/* SPDX-License-Identifier: ISC
 *
 * mutate.c: makes an input out of another: operations are changed, moved, doubled and left out as a whole, numbers
 * lie around the boundaries of a device. What comes out is in its canonical form.
 */
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

struct draw {
    uint64_t state;
};

static uint32_t draw_below(struct draw *draw, uint32_t count) {
    uint64_t x = draw->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (uint32_t)(x >> 32) % count;
}

/* A length or an offset, in bytes, where something begins or ends. */
static uint32_t draw_size(struct draw *draw, const struct bd_geometry *geometry) {
    uint32_t block = geometry->block_size;
    const uint32_t edges[] = {0,
                              1,
                              5,
                              13,
                              40,
                              block / 8,
                              block / 4,
                              block / 2,
                              block - 8,
                              block,
                              block * 2,
                              block * 2 - 4,
                              block * 3 - 12,
                              block * 4 - 16,
                              geometry->prog_size,
                              255};
    uint32_t edge = edges[draw_below(draw, sizeof(edges) / sizeof(edges[0]))];
    uint32_t size = edge + draw_below(draw, 3);

    return size > 0 ? size - 1 : 0;
}

/* --- operations ------------------------------------------------------------------------------------- */

/* Kinds as often as they are drawn: most write. */
static uint8_t draw_kind(struct draw *draw) {
    static const uint8_t kinds[] = {
        PC_OP_SET,           PC_OP_SET,    PC_OP_SET,    PC_OP_SET,    PC_OP_SET_PARTIAL,
        PC_OP_SET_PARTIAL,   PC_OP_REMOVE, PC_OP_REMOVE, PC_OP_RENAME, PC_OP_RENAME,
        PC_OP_ALLOCATE,      PC_OP_SYNC,   PC_OP_GET,    PC_OP_LIST,   PC_OP_GET_PARTIAL,
        PC_OP_LAST_MODIFIED, PC_OP_EXISTS, PC_OP_SIZE,   PC_OP_DIGEST};

    return kinds[draw_below(draw, sizeof(kinds))];
}

static struct input_op draw_op(struct draw *draw, const struct input *in) {
    struct input_op op = {.kind = draw_kind(draw),
                          .key = (uint8_t)draw_below(draw, in->string_count),
                          .other = (uint8_t)draw_below(draw, in->string_count),
                          .number = draw_size(draw, &in->geometry),
                          .off = draw_size(draw, &in->geometry),
                          .seed = draw_below(draw, 1u << 16)};

    input_op_settle(in, &op);
    return op;
}

static void change_op(struct draw *draw, const struct input *in, struct input_op *op) {
    switch (draw_below(draw, 6)) {
    case 0:
        op->kind = draw_kind(draw);
        break;
    case 1:
        op->key = (uint8_t)draw_below(draw, in->string_count);
        break;
    case 2:
        op->other = (uint8_t)draw_below(draw, in->string_count);
        break;
    case 3:
        op->off = draw_size(draw, &in->geometry);
        break;
    case 4:
        op->seed = draw_below(draw, 1u << 16);
        break;
    default:
        op->number = draw_size(draw, &in->geometry);
        break;
    }
    input_op_settle(in, op);
}

static void insert_op(struct input *in, uint32_t at, struct input_op op) {
    if (in->op_count < INPUT_OPS_MAX) {
        memmove(&in->ops[at + 1], &in->ops[at], (in->op_count - at) * sizeof(op));
        in->ops[at] = op;
        in->op_count++;
    }
}

static void delete_op(struct input *in, uint32_t at) {
    memmove(&in->ops[at], &in->ops[at + 1], (in->op_count - at - 1) * sizeof(in->ops[0]));
    in->op_count--;
}

static void change_geometry(struct draw *draw, struct input *in) {
    uint32_t blocks = in->geometry.block_count;

    if (draw_below(draw, 2) == 0) {
        in->geometry = input_shape(draw_below(draw, INPUT_SHAPES));
    } else {
        blocks = draw_below(draw, 2) == 0 ? blocks + draw_below(draw, 9) - 4 : 4 + draw_below(draw, 60);
    }
    in->geometry.block_count = input_blocks_settle(in->geometry.block_size, blocks);
}

static void change_once(struct draw *draw, struct input *in) {
    uint32_t what = draw_below(draw, 16);
    uint32_t at = in->op_count > 0 ? draw_below(draw, in->op_count) : 0;

    if (what == 15) {
        change_geometry(draw, in);
    } else if (what < 4 || in->op_count == 0) {
        insert_op(in, draw_below(draw, in->op_count + 1), draw_op(draw, in));
    } else if (what < 10) {
        change_op(draw, in, &in->ops[at]);
    } else if (what < 12) {
        delete_op(in, at);
    } else if (what < 14) {
        insert_op(in, draw_below(draw, in->op_count + 1), in->ops[at]);
    } else {
        uint32_t other = draw_below(draw, in->op_count);
        struct input_op kept = in->ops[at];

        in->ops[at] = in->ops[other];
        in->ops[other] = kept;
    }
}

/* --- inputs ----------------------------------------------------------------------------------------- */

size_t mutate_input(const struct pc_engine *engine, uint8_t *bytes, size_t size, size_t room, uint32_t seed) {
    struct draw draw = {seed};
    struct input *in = malloc(sizeof(*in));
    size_t made = 0;

    if (in != NULL) {
        input_read(in, bytes, size);
        for (uint32_t left = 1 + draw_below(&draw, 3); left > 0; left--) {
            change_once(&draw, in);
        }
        input_restrict(in, engine);
        made = input_write(in, bytes, room);
    }
    free(in);
    return made;
}

size_t cross_inputs(const struct pc_engine *engine, const uint8_t *one, size_t one_size, const uint8_t *other,
                    size_t other_size, uint8_t *ret_bytes, size_t room, uint32_t seed) {
    struct draw draw = {seed};
    struct input *first = malloc(sizeof(*first));
    struct input *second = malloc(sizeof(*second));
    size_t made = 0;

    if (first != NULL && second != NULL) {
        uint32_t from, kept;

        input_read(first, one, one_size);
        input_read(second, other, other_size);
        kept = draw_below(&draw, first->op_count + 1);
        from = draw_below(&draw, second->op_count + 1);
        first->op_count = kept;
        for (uint32_t i = from; i < second->op_count && first->op_count < INPUT_OPS_MAX; i++) {
            first->ops[first->op_count] = second->ops[i]; /* its strings are those of the first */
            input_op_settle(first, &first->ops[first->op_count++]);
        }
        input_restrict(first, engine);
        made = input_write(first, ret_bytes, room);
    }
    free(first);
    free(second);
    return made;
}
