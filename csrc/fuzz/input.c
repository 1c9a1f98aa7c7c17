/* SPDX-License-Identifier: ISC
 *
 * input.c: bytes to operations and back. See input.h.
 */
#include "input.h"

#include <string.h>

#define SHAPE_WRITTEN 255u
#define OP_SIZE 16u
#define NO_ERASE UINT32_MAX

/* 40 letters. */
#define LONG_NAME "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const char *const KNOWN[INPUT_KNOWN] = {
    "a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/f", "d/e/g", "x", "x/y", "x/y/z", "aa", "", LONG_NAME, ".",
};

/* Read, prog and block size in bytes, no blocks, what an erased byte reads as. */
static const struct bd_geometry SHAPES[INPUT_SHAPES] = {
    {16, 16, 512, 0, 255},  {16, 16, 4096, 0, 255},
    {1, 1, 128, 0, 255},    {64, 64, 256, 0, BD_ERASE_NONE},
    {512, 512, 4096, 0, 0}, {8, 32, 1024, 0, BD_ERASE_NONE},
    {16, 8, 128, 0, 0},     {16, 16, 256, 0, 255},
};

/* --- reading ---------------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *at;
    size_t left;
};

/* A little-endian number; what is not there counts as zeros. */
static uint32_t get_le(struct bytes *from, unsigned size) {
    uint32_t value = 0;

    for (unsigned i = 0; i < size && from->left > 0; i++) {
        value |= (uint32_t)*from->at << (8 * i);
        from->at++;
        from->left--;
    }
    return value;
}

struct bd_geometry input_shape(uint32_t shape) {
    return SHAPES[shape % INPUT_SHAPES];
}

uint32_t input_blocks_settle(uint32_t block_size, uint32_t block_count) {
    uint32_t most = INPUT_DEVICE_MAX / block_size;

    if (block_count < INPUT_BLOCKS_MIN || block_count > most) {
        block_count = INPUT_BLOCKS_MIN + block_count % (most - INPUT_BLOCKS_MIN + 1);
    }
    return block_count;
}

static struct bd_geometry read_geometry(struct bytes *from) {
    uint32_t shape = get_le(from, 1);
    struct bd_geometry made = SHAPES[shape % INPUT_SHAPES];

    if (shape == SHAPE_WRITTEN) {
        uint32_t erase;
        made.read_size = get_le(from, 4);
        made.prog_size = get_le(from, 4);
        made.block_size = get_le(from, 4);
        erase = get_le(from, 4);
        made.erase_value = erase > 255 ? BD_ERASE_NONE : (int32_t)erase;
        made.block_count = INPUT_BLOCKS_MIN;
        if (bd_geometry_check(&made) != BD_OK || made.block_size == 0 ||
            made.block_size > INPUT_DEVICE_MAX / INPUT_BLOCKS_MIN) {
            made = SHAPES[0];
        }
    }
    made.block_count = input_blocks_settle(made.block_size, get_le(from, 2));
    return made;
}

static void read_strings(struct input *in, struct bytes *from) {
    uint32_t count = get_le(from, 1) % (INPUT_STRINGS_MAX + 1);

    for (uint32_t i = 0; i < INPUT_KNOWN; i++) {
        in->strings[i] = (struct input_string){(const uint8_t *)KNOWN[i], (uint32_t)strlen(KNOWN[i])};
    }
    in->string_count = INPUT_KNOWN;
    in->pool_size = 0;
    for (uint32_t i = 0; i < count && from->left > 0; i++) {
        uint32_t size = get_le(from, 2) % (INPUT_STRING_MAX + 1);

        size = size > from->left ? (uint32_t)from->left : size;
        size = size > INPUT_POOL_MAX - in->pool_size ? INPUT_POOL_MAX - in->pool_size : size;
        if (size > 0) {
            memcpy(in->pool + in->pool_size, from->at, size);
        }
        in->strings[in->string_count++] = (struct input_string){in->pool + in->pool_size, size};
        in->pool_size += size;
        from->at += size;
        from->left -= size;
    }
}

static int has_value(uint8_t kind) {
    return kind == PC_OP_SET || kind == PC_OP_SET_PARTIAL;
}

static int has_off(uint8_t kind) {
    return kind == PC_OP_GET_PARTIAL || kind == PC_OP_SET_PARTIAL;
}

void input_op_settle(const struct input *in, struct input_op *op) {
    int made;

    op->kind = (uint8_t)(1 + (op->kind + PC_OP_SYNC - 1u) % PC_OP_SYNC);
    op->key = (uint8_t)(op->kind == PC_OP_SYNC ? 0 : op->key % in->string_count);
    op->written = has_value(op->kind) ? op->written & 1 : 0;
    op->other = (uint8_t)(op->kind == PC_OP_RENAME || op->written ? op->other % in->string_count : 0);
    made = has_value(op->kind) && !op->written;
    if ((made || op->kind == PC_OP_ALLOCATE) && op->number > INPUT_VALUE_MAX) {
        op->number %= 257;
    }
    op->number = made || op->kind == PC_OP_ALLOCATE || op->kind == PC_OP_GET_PARTIAL ? op->number : 0;
    op->off = has_off(op->kind) ? op->off : 0;
    op->seed = made ? op->seed : 0;
}

static struct input_op read_op(struct bytes *from) {
    struct input_op op;

    op.kind = (uint8_t)(1 + get_le(from, 1) % PC_OP_SYNC);
    op.key = (uint8_t)get_le(from, 1);
    op.other = (uint8_t)get_le(from, 1);
    op.written = (uint8_t)get_le(from, 1);
    op.number = get_le(from, 4);
    op.off = get_le(from, 4);
    op.seed = get_le(from, 4);
    return op;
}

void input_read(struct input *in, const uint8_t *bytes, size_t size) {
    struct bytes from = {bytes, size};

    in->geometry = read_geometry(&from);
    read_strings(in, &from);
    in->op_count = 0;
    while (from.left >= OP_SIZE && in->op_count < INPUT_OPS_MAX) {
        struct input_op *op = &in->ops[in->op_count++];

        *op = read_op(&from);
        input_op_settle(in, op);
    }
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* The strings of an input that is written: for each of the old ones its new number. */
struct names {
    uint8_t number[INPUT_KNOWN + INPUT_STRINGS_MAX];
    uint8_t known[INPUT_KNOWN + INPUT_STRINGS_MAX]; /* whether it has one */
    uint8_t order[INPUT_STRINGS_MAX];               /* those that are written, as old numbers */
    uint32_t count;
    size_t size; /* bytes that they take */
};

static int same(const struct input_string *a, const struct input_string *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

/* Gives a string its number: that of an equal one, or the next. */
static void name_string(const struct input *in, struct names *names, uint8_t old) {
    if (names->known[old]) {
        return;
    }
    names->known[old] = 1;
    for (uint32_t i = 0; i < INPUT_KNOWN; i++) {
        if (same(&in->strings[old], &in->strings[i])) {
            names->number[old] = (uint8_t)i;
            return;
        }
    }
    for (uint32_t i = 0; i < names->count; i++) {
        if (same(&in->strings[old], &in->strings[names->order[i]])) {
            names->number[old] = (uint8_t)(INPUT_KNOWN + i);
            return;
        }
    }
    names->number[old] = (uint8_t)(INPUT_KNOWN + names->count);
    names->order[names->count++] = old;
    names->size += 2 + in->strings[old].size;
}

static void name_strings(const struct input *in, uint32_t op_count, struct names *names) {
    memset(names, 0, sizeof(*names));
    for (uint32_t i = 0; i < op_count; i++) {
        const struct input_op *op = &in->ops[i];

        if (op->kind != PC_OP_SYNC) {
            name_string(in, names, op->key);
        }
        if (op->kind == PC_OP_RENAME || op->written) {
            name_string(in, names, op->other);
        }
    }
}

static void put_le(uint8_t **at, uint32_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        *(*at)++ = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t shape_number(const struct bd_geometry *geometry) {
    for (uint32_t i = 0; i < INPUT_SHAPES; i++) {
        if (SHAPES[i].read_size == geometry->read_size && SHAPES[i].prog_size == geometry->prog_size &&
            SHAPES[i].block_size == geometry->block_size && SHAPES[i].erase_value == geometry->erase_value) {
            return i;
        }
    }
    return SHAPE_WRITTEN;
}

static void write_geometry(uint8_t **at, const struct bd_geometry *geometry, uint32_t shape) {
    put_le(at, shape, 1);
    if (shape == SHAPE_WRITTEN) {
        put_le(at, geometry->read_size, 4);
        put_le(at, geometry->prog_size, 4);
        put_le(at, geometry->block_size, 4);
        put_le(at, geometry->erase_value == BD_ERASE_NONE ? NO_ERASE : (uint32_t)geometry->erase_value, 4);
    }
    put_le(at, geometry->block_count, 2);
}

static void write_op(uint8_t **at, const struct input_op *op, const struct names *names) {
    put_le(at, op->kind - 1u, 1);
    put_le(at, op->kind == PC_OP_SYNC ? 0 : names->number[op->key], 1);
    put_le(at, op->kind == PC_OP_RENAME || op->written ? names->number[op->other] : 0, 1);
    put_le(at, op->written, 1);
    put_le(at, op->number, 4);
    put_le(at, op->off, 4);
    put_le(at, op->seed, 4);
}

size_t input_write(const struct input *in, uint8_t *ret_bytes, size_t room) {
    uint32_t shape = shape_number(&in->geometry);
    size_t head = shape == SHAPE_WRITTEN ? 20 : 4;
    uint32_t count = in->op_count;
    struct names names;
    uint8_t *at = ret_bytes;

    name_strings(in, count, &names);
    while (count > 0 && head + names.size + (size_t)count * OP_SIZE > room) {
        name_strings(in, --count, &names);
    }
    if (head > room) {
        return 0;
    }
    write_geometry(&at, &in->geometry, shape);
    put_le(&at, names.count, 1);
    for (uint32_t i = 0; i < names.count; i++) {
        const struct input_string *string = &in->strings[names.order[i]];

        put_le(&at, string->size, 2);
        if (string->size > 0) {
            memcpy(at, string->bytes, string->size);
        }
        at += string->size;
    }
    for (uint32_t i = 0; i < count; i++) {
        write_op(&at, &in->ops[i], &names);
    }
    return (size_t)(at - ret_bytes);
}

/* --- what an engine can do -------------------------------------------------------------------------- */

static uint32_t capability_of(uint8_t kind) {
    switch (kind) {
    case PC_OP_LAST_MODIFIED:
        return PC_CAN_LAST_MODIFIED;
    case PC_OP_DIGEST:
        return PC_CAN_DIGEST;
    case PC_OP_SET_PARTIAL:
        return PC_CAN_SET_PARTIAL;
    case PC_OP_ALLOCATE:
        return PC_CAN_ALLOCATE;
    case PC_OP_RENAME:
        return PC_CAN_RENAME;
    default:
        return 0;
    }
}

/* Whether a key has more than one segment. */
static int is_nested(const struct input_string *key) {
    uint32_t segments = 0;

    for (uint32_t i = 0; i < key->size; i++) {
        if (key->bytes[i] != '/' && (i == 0 || key->bytes[i - 1] == '/')) {
            segments++;
        }
    }
    return segments > 1;
}

static int can_do(const struct input *in, const struct input_op *op, const struct pc_engine *engine) {
    uint32_t needed = capability_of(op->kind);
    int nested = (op->kind != PC_OP_SYNC && is_nested(&in->strings[op->key])) ||
                 (op->kind == PC_OP_RENAME && is_nested(&in->strings[op->other]));

    if (op->kind == PC_OP_SYNC) {
        return engine->durability == PC_DURABLE_ON_SYNC;
    }
    return (engine->capabilities & needed) == needed &&
           (!nested || (engine->capabilities & PC_CAN_DICTIONARIES) != 0);
}

void input_restrict(struct input *in, const struct pc_engine *engine) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < in->op_count; i++) {
        if (can_do(in, &in->ops[i], engine)) {
            in->ops[kept++] = in->ops[i];
        }
    }
    in->op_count = kept;
}
