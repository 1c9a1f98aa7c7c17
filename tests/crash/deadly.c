/* SPDX-License-Identifier: ISC
 *
 * deadly.c: the engine plain, and in front of it one way of ending or hanging the process in one place.
 *
 * -DWAY=ABORT -DPLACE=TORN, say. The places behind PLACE_WORK are in no uncut run: each is told by something that
 * crash states of one kind alone leave on the device, so that it is known which state must be blamed. For that the
 * last block, which is not plain's where their number is odd, has two marks, made anew before each change and with
 * no sync between them.
 */
#include "plain/plain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef powercut_engine
const struct pc_engine *powercut_engine(void);

#define JOIN(a, b) a##b
#define NAMED(a, b) JOIN(a, b)
#define TEXT(name) #name
#define NAME_OF(name) TEXT(name)
#define IS(what) (PLACE_##what == NAMED(PLACE_, PLACE))

enum place {
    PLACE_NONE,
    PLACE_WORK,    /* a removal */
    PLACE_PREFIX,  /* recovery, of heads that differ */
    PLACE_TORN,    /* recovery, where the first mark is there in part */
    PLACE_REORDER, /* recovery, where the second mark is there and the first is not */
    PLACE_NESTED,  /* recovery, where a recovery was cut */
    PLACE_DAMAGE,  /* recovery, of heads that differ in one bit */
    PLACE_FULL,    /* a removal where nothing has room */
    PLACE_PROBE    /* the set that is asked of every crash state, and of nothing else */
};

enum way { WAY_SEGFAULT, WAY_ABORT, WAY_ASSERT, WAY_EXIT, WAY_HANG, WAY_MEMORY, WAY_STACK, WAY_OVERFLOW };

/* --- the ways ---------------------------------------------------------------------------------------- */

static int deeper(volatile char *above) {
    volatile char here[4096];

    here[0] = above[0];
    return here[0] != 0 ? 0 : deeper(here) + here[sizeof(here) - 1]; /* it is 0 */
}

/* All the memory that there is, which is not asked for whether it is any. */
static void eat(void) {
    static const size_t bite = 1u << 22;

    for (unsigned i = 0; i < 1u << 10; i++) { /* 4 GiB, where nothing ends it before */
        memset(malloc(bite), 1, bite);
    }
}

/* A byte behind 24 that are there. */
static void write_behind_an_end(volatile size_t size) {
    volatile char *bytes = malloc(size);

    bytes[size] = 1;
    free((void *)bytes);
}

static void misbehave(enum way way) {
    static const char read_only[] = "not to be written";
    volatile char start = 0;

    switch (way) {
    case WAY_SEGFAULT:
        *(volatile char *)(uintptr_t)read_only = 0;
        break;
    case WAY_ABORT:
        abort();
    case WAY_ASSERT:
        assert(start == 1);
        break;
    case WAY_EXIT:
        _exit(7);
    case WAY_HANG:
        for (;;) {
        }
    case WAY_MEMORY:
        eat();
        break;
    case WAY_STACK:
        (void)deeper(&start);
        break;
    case WAY_OVERFLOW:
        write_behind_an_end(24);
        break;
    }
}

static void here(int is_it) {
    if (is_it) {
        misbehave(NAMED(WAY_, WAY));
    }
}

/* --- the marks --------------------------------------------------------------------------------------- */

#define MARK 16u

static int is_all(const uint8_t *bytes, uint8_t value) {
    for (size_t i = 0; i < MARK; i++) {
        if (bytes[i] != value) {
            return 0;
        }
    }
    return 1;
}

static void put_mark(const struct bd *dev, uint32_t number, uint8_t value) {
    uint8_t bytes[MARK];

    memset(bytes, value, sizeof(bytes));
    (void)bd_prog(dev, dev->geometry.block_count - 1, number * MARK, bytes, sizeof(bytes));
}

static void clear_marks(const struct bd *dev) {
    (void)bd_erase(dev, dev->geometry.block_count - 1);
    (void)bd_sync(dev);
}

static void make_marks(const struct bd *dev) {
    clear_marks(dev);
    put_mark(dev, 0, 0x5a);
    put_mark(dev, 1, 0x5a);
    (void)bd_sync(dev);
}

/* --- the places -------------------------------------------------------------------------------------- */

static unsigned bits_between(const uint8_t *a, const uint8_t *b, size_t size) {
    unsigned bits = 0;

    for (size_t i = 0; i < size; i++) {
        for (unsigned x = a[i] ^ b[i]; x != 0; x &= x - 1) {
            bits++;
        }
    }
    return bits;
}

static int look(const struct bd *dev, uint8_t *heads, uint8_t *marks) {
    uint32_t size = dev->geometry.block_size;

    if (bd_read(dev, 0, 0, heads, size) != BD_OK || bd_read(dev, 1, 0, heads + size, size) != BD_OK ||
        bd_read(dev, dev->geometry.block_count - 1, 0, marks, 3 * MARK) != BD_OK) {
        return PC_IO;
    }
    here(IS(TORN) && !is_all(marks, 0xff) && !is_all(marks, 0x5a));
    here(IS(REORDER) && is_all(marks, 0xff) && is_all(marks + MARK, 0x5a));
    here(IS(NESTED) && !is_all(marks + 2 * MARK, 0xff));
    here(IS(DAMAGE) && bits_between(heads, heads + size, size) == 1);
    here(IS(PREFIX) && bits_between(heads, heads + size, size) > 1);
    return PC_OK;
}

static int deadly_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    uint8_t *heads = malloc(2 * (size_t)dev->geometry.block_size);
    uint8_t marks[3 * MARK];
    int code = heads == NULL ? PC_NO_MEMORY : look(dev, heads, marks);
    int repairs =
        code == PC_OK && memcmp(heads, heads + dev->geometry.block_size, dev->geometry.block_size) != 0;

    free(heads);
    if (code != PC_OK) {
        return code;
    }
    if (IS(NESTED) && repairs && !options->read_only) {
        put_mark(dev, 2, 0);
        (void)bd_sync(dev);
    }
    code = plain_mount(dev, options, ret_store);
    if (IS(NESTED) && repairs && !options->read_only) {
        clear_marks(dev);
    }
    return code;
}

static int deadly_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    static const char probe[] = "powercut-probe";
    struct plain *plain = self;
    int removes = op->kind == PC_OP_REMOVE;

    here(IS(WORK) && removes);
    here(IS(FULL) && removes && plain_size(plain) + 64 > plain_room(plain));
    here(IS(PROBE) && op->kind == PC_OP_SET && op->key_len == sizeof(probe) - 1 &&
         memcmp(op->key, probe, sizeof(probe) - 1) == 0);
    if ((IS(TORN) || IS(REORDER)) && op->kind >= PC_OP_SET) {
        make_marks(&plain->dev);
    }
    return plain_apply(self, op, reply);
}

static int deadly_format(const struct bd *dev, const struct pc_options *options) {
    int code;

    code = plain_format(dev, options);
    if (code == PC_OK) {
        clear_marks(dev);
    }
    return code;
}

const struct pc_engine *powercut_engine(void) {
    static struct pc_engine engine;

    engine = *honest_engine();
    engine.name = "deadly";
    engine.version = "1+" NAME_OF(WAY) "-" NAME_OF(PLACE);
    engine.format = deadly_format;
    engine.mount = deadly_mount;
    engine.apply = deadly_apply;
    return &engine;
}
