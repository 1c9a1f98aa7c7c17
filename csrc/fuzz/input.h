/* SPDX-License-Identifier: ISC
 *
 * input.h: what the fuzzer makes up, bytes, as a device and operations; and those as bytes again.
 *
 * Any bytes are an input. Each input has one canonical form, which is what is kept in a corpus: reading and
 * writing it again changes nothing. docs/fuzz.md has the format; harness/powercut/corpus.py is the same in Python.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "powercut.h"

#define INPUT_KNOWN 16u        /* strings that every input has */
#define INPUT_STRINGS_MAX 239u /* strings that an input brings along */
#define INPUT_STRING_MAX 1023u /* bytes in one of them */
#define INPUT_POOL_MAX 16384u  /* bytes in all of them */
#define INPUT_OPS_MAX 256u
#define INPUT_VALUE_MAX 65536u
#define INPUT_DEVICE_MAX (1u << 20)
#define INPUT_BLOCKS_MIN 4u
#define INPUT_SHAPES 8u

struct input_string {
    const uint8_t *bytes;
    uint32_t size; /* bytes */
};

/* One operation. What its kind does not use is 0. */
struct input_op {
    uint8_t kind;    /* enum pc_op_kind */
    uint8_t key;     /* a string */
    uint8_t other;   /* rename: the target, a string; set, set_partial with `written`: the value, a string */
    uint8_t written; /* set, set_partial: 1: the value is a string; 0: bytes made from a seed */
    uint32_t number; /* bytes: of a value that is made from a seed or of zeros; get_partial: wanted */
    uint32_t off;    /* get_partial, set_partial: bytes into the value */
    uint32_t seed;   /* of the value's bytes */
};

struct input {
    struct bd_geometry geometry;
    uint32_t string_count; /* the known ones included */
    uint32_t op_count;
    struct input_string strings[INPUT_KNOWN + INPUT_STRINGS_MAX];
    struct input_op ops[INPUT_OPS_MAX];
    uint32_t pool_size; /* bytes in use */
    uint8_t pool[INPUT_POOL_MAX];
};

/* What any bytes say. */
void input_read(struct input *in, const uint8_t *bytes, size_t size);

/* Writes the canonical form; leaves out as many of the last operations as do not fit in `room` bytes. Returns its
 * size in bytes; 0 if there is no room even without operations. */
size_t input_write(const struct input *in, uint8_t *ret_bytes, size_t room);

/* Leaves out the operations that the engine cannot do. */
void input_restrict(struct input *in, const struct pc_engine *engine);

/* The shape number `shape` of the table, with no blocks. */
struct bd_geometry input_shape(uint32_t shape);

/* Brings an operation into its range: what its kind does not use becomes 0. */
void input_op_settle(const struct input *in, struct input_op *op);

/* A number of blocks into the range that such a device may have. */
uint32_t input_blocks_settle(uint32_t block_size, uint32_t block_count);

#endif
