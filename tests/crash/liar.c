/* SPDX-License-Identifier: ISC
 *
 * liar.c: plain with one lie in front of it. lies.h chooses which.
 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

#undef powercut_engine
const struct pc_engine *powercut_engine(void);
const struct pc_engine *honest_engine(void);

/* --- a device that takes every write and keeps none ------------------------------------------------- */

static int ignore_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    (void)self, (void)block, (void)off, (void)bytes, (void)size;
    return BD_OK;
}

static int ignore_erase(void *self, uint32_t block) {
    (void)self, (void)block;
    return BD_OK;
}

static int ignore_sync(void *self) {
    (void)self;
    return BD_OK;
}

/* Applies a change to memory alone. The next one that is written takes it along. */
static int apply_in_memory(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    static const struct bd_ops nowhere = {.prog = ignore_prog, .erase = ignore_erase, .sync = ignore_sync};
    uint64_t sequence = plain_get_le(plain->head + 8, 8);
    struct bd dev = plain->dev;
    int code;

    plain->dev.ops = &nowhere;
    code = plain_apply(plain, op, reply);
    plain->dev = dev;
    plain_put_le(plain->head + 8, sequence, 8);
    return code;
}

/* --- an engine that is durable on sync --------------------------------------------------------------- */

static int is_durable_on_sync(void) {
    return LIE(ON_SYNC) || LIE(SYNC_IGNORED) || LIE(JUMPS_AHEAD);
}

static int sync_store(struct plain *plain) {
    size_t size = plain_size(plain);
    uint8_t *body = plain_new_body(&plain->dev, size);

    if (body == NULL) {
        return PC_NO_MEMORY;
    }
    memcpy(body, plain->body, size);
    return plain_commit(plain, body, size);
}

/* Applies a change to what is on the device, without those that are in memory alone. */
static int jump_ahead(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    struct pc_options options = {0};
    struct plain *other;
    void *store;
    int code = plain_mount(&plain->dev, &options, &store);

    if (code != PC_OK) {
        return code;
    }
    other = store;
    code = plain_apply(other, op, reply);
    memcpy(plain->head + 8, other->head + 8, 8); /* the sequence */
    plain_unmount(store);
    return code;
}

static int apply_until_sync(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    int code;

    if (op->kind == PC_OP_SYNC) {
        return LIE(SYNC_IGNORED) ? PC_OK : plain->broken ? PC_IO : sync_store(plain);
    }
    code = op->kind >= PC_OP_SET ? apply_in_memory(plain, op, reply) : plain_apply(plain, op, reply);
    if (code == PC_OK && LIE(JUMPS_AHEAD) && op->kind == PC_OP_SET && op->data_len < 64) {
        code = jump_ahead(plain, op, reply);
    }
    return code;
}

/* --- a count in the block that plain leaves over where their number is odd -------------------------- */

#define COUNT_MARK UINT64_C(0x746e756f63)

static uint32_t spare_block(const struct bd *dev) {
    return dev->geometry.block_count - 1;
}

static uint8_t *read_block(const struct bd *dev, uint32_t block) {
    uint8_t *bytes = calloc(1, dev->geometry.block_size);

    if (bytes != NULL && bd_read(dev, block, 0, bytes, dev->geometry.block_size) != BD_OK) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static uint64_t read_count(const struct bd *dev) {
    uint8_t *bytes = read_block(dev, spare_block(dev));
    uint64_t count = bytes != NULL && plain_get_le(bytes, 8) == COUNT_MARK ? plain_get_le(bytes + 8, 8) : 0;

    free(bytes);
    return count;
}

static void write_block(const struct bd *dev, uint32_t block, const uint8_t *bytes) {
    (void)bd_erase(dev, block);
    (void)bd_prog(dev, block, 0, bytes, dev->geometry.block_size);
    (void)bd_sync(dev);
}

static void write_count(const struct bd *dev, uint64_t count) {
    uint8_t *bytes = calloc(1, dev->geometry.block_size);

    if (bytes != NULL) {
        plain_put_le(bytes, COUNT_MARK, 8);
        plain_put_le(bytes + 8, count, 8);
        write_block(dev, spare_block(dev), bytes);
    }
    free(bytes);
}

/* --- lies of recovery -------------------------------------------------------------------------------- */

/* Takes all the memory that it can get, and gives it back. */
static int eat_memory(void) {
    static const size_t bite = 1u << 24;
    void **last = NULL, **next;

    for (unsigned i = 0; i < 1u << 10; i++) { /* 16 GiB */
        next = malloc(bite);
        if (next == NULL) {
            break;
        }
        memset(next, 1, bite);
        *next = last;
        last = next;
    }
    for (; last != NULL; last = next) {
        next = *last;
        free(last);
    }
    return PC_NO_MEMORY;
}

static int die(struct plain *plain) {
    static const char read_only[] = "not to be written";

    if (LIE(CRASHES)) {
        abort();
    }
    if (LIE(SEGFAULTS)) {
        *(volatile char *)(uintptr_t)read_only = 0; /* NULL can be written to on some machines */
    }
    if (LIE(SCRIBBLES)) {
        memset(plain->body, 0xa5, 4096 + plain->dev.geometry.block_size);
    }
    while (LIE(HANGS)) {
    }
    return LIE(EATS_MEMORY) ? eat_memory() : PC_OK;
}

/* Writes back the older of the heads that were there, `before`, in the place of both. */
static void go_backwards(const struct plain *plain, const uint8_t *const before[2]) {
    for (int i = 0; i < 2; i++) {
        if (plain_get_le(before[i] + 8, 8) + 1 == plain_get_le(plain->head + 8, 8)) {
            write_block(&plain->dev, 0, before[i]);
            write_block(&plain->dev, 1, before[i]);
        }
    }
}

static int is_torn(const uint8_t *head) {
    return plain_get_le(head, 8) != UINT64_MAX && plain_get_le(head + 24, 4) == UINT32_MAX;
}

/* Counts its recoveries while they are under way. */
static int mount_third(const struct bd *dev, const struct pc_options *options, void **ret_store,
                       int needs_repair) {
    uint64_t begun = read_count(dev);
    int code;

    if (begun >= 2 && needs_repair) {
        return PC_CORRUPT;
    }
    if (needs_repair) {
        write_count(dev, begun + 1);
    }
    code = plain_mount(dev, options, ret_store);
    if (begun > 0 || needs_repair) {
        write_count(dev, 0);
    }
    return code;
}

/* Do its later operations depend on a repair? */
static int remembers_repair(void) {
    return LIE(LEAKS) || LIE(REFUSES) || LIE(FULL) || LIE(LOSES) || LIE(FORGETS) || LIE(BLURS) || LIE(RUSHES);
}

static int mount_with(const struct bd *dev, const struct pc_options *options, void **ret_store,
                      const uint8_t *const heads[2]) {
    struct plain *plain;
    int code;

    while (LIE(HANGS_ON_TORN) && (is_torn(heads[0]) || is_torn(heads[1]))) {
    }
    if (LIE(THIRD)) {
        return mount_third(dev, options, ret_store, memcmp(heads[0], heads[1], 32) != 0);
    }
    code = plain_mount(dev, options, ret_store);
    if (code != PC_OK) {
        return code;
    }
    plain = *ret_store;
    if (plain->repaired) {
        code = die(plain);
        if (code != PC_OK) {
            plain_unmount(plain);
            *ret_store = NULL;
            return code;
        }
        if (remembers_repair()) {
            write_count(dev, read_count(dev) + 1);
        }
        if (LIE(BACKWARDS)) {
            go_backwards(plain, heads);
        }
    }
    return code;
}

static int liar_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    uint8_t *heads[2] = {read_block(dev, 0), read_block(dev, 1)};
    int code = PC_IO;

    if (heads[0] != NULL && heads[1] != NULL) {
        code = mount_with(dev, options, ret_store, (const uint8_t *const *)heads);
    }
    free(heads[0]);
    free(heads[1]);
    return code;
}

/* --- lies of operations ------------------------------------------------------------------------------ */

static int is_change(const struct pc_op *op) {
    return op->kind >= PC_OP_SET;
}

/* Does what the store holds leave so many bytes free? */
static int has_room(const struct plain *plain, size_t size) {
    return plain_size(plain) + size <= plain_room(plain);
}

static int rename_in_two_steps(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    struct record source = {.name = op->key, .name_len = op->key_len};
    struct pc_op set = *op, remove = *op;
    int code;

    if (op->key_len == 0 || op->target_len == 0 || !plain_find(plain, &source)) {
        return plain_apply(plain, op, reply);
    }
    if (op->key_len == op->target_len && memcmp(op->key, op->target, op->key_len) == 0) {
        return PC_OK;
    }
    set.kind = PC_OP_SET;
    set.key = op->target;
    set.key_len = op->target_len;
    set.data = source.value;
    set.data_len = source.value_len;
    set.now = source.time;
    remove.kind = PC_OP_REMOVE;
    code = plain_apply(plain, &set, reply);
    return code == PC_OK ? plain_apply(plain, &remove, reply) : code;
}

/* What the recoveries that were have left behind: their count. */
static int apply_after_recovery(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    size_t count = is_change(op) ? (size_t)read_count(&plain->dev) : 0;
    size_t lost = count * plain->dev.geometry.block_size;

    if (LIE(LEAKS) && op->kind == PC_OP_SET && !has_room(plain, 18 + op->key_len + op->data_len + lost)) {
        return PC_NO_SPACE;
    }
    if (LIE(REFUSES) && count > 0) {
        return PC_IO;
    }
    if (LIE(FULL) && count > 0) {
        return PC_NO_SPACE;
    }
    return LIE(LOSES) && count > 0 ? apply_in_memory(plain, op, reply) : plain_apply(plain, op, reply);
}

/* The same of what no fresh set shows. */
static int apply_later(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    int repaired = (LIE(FORGETS) || LIE(BLURS) || LIE(RUSHES)) && read_count(&plain->dev) > 0;

    if (repaired && LIE(FORGETS) && op->kind == PC_OP_REMOVE) {
        return apply_in_memory(plain, op, reply);
    }
    if (repaired && LIE(BLURS) && op->kind == PC_OP_GET) {
        reply->put_bytes(reply, (const uint8_t *)"?", 1);
    }
    if (repaired && LIE(RUSHES) && op->kind == PC_OP_RENAME) {
        return rename_in_two_steps(plain, op, reply);
    }
    return apply_after_recovery(plain, op, reply);
}

/* What has found no space so far has left a block behind each time, which nobody finds again. */
static int leak_refused(struct plain *plain, const struct pc_op *op, struct pc_reply *reply) {
    uint64_t count = read_count(&plain->dev);
    size_t lost = (size_t)count * plain->dev.geometry.block_size;
    int code = PC_NO_SPACE;

    if (has_room(plain, 18 + op->key_len + op->data_len + lost)) {
        code = plain_apply(plain, op, reply);
    }
    if (code == PC_NO_SPACE) {
        write_count(&plain->dev, count + 1);
    }
    return code;
}

static int liar_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct plain *plain = self;
    struct pc_op changed = *op;

    if (is_durable_on_sync()) {
        return apply_until_sync(plain, op, reply);
    }
    changed.now.days += (uint32_t)LIE(WRONG_TIME);
    if (LIE(DIES_AT_WORK) && op->kind == PC_OP_REMOVE) {
        abort();
    }
    while (LIE(HANGS_AT_WORK) && op->kind == PC_OP_REMOVE) {
    }
    if (LIE(ALWAYS_FULL) && op->kind == PC_OP_SET && op->data_len == 5) {
        return PC_NO_SPACE;
    }
    if (LIE(WRONG_CODE) && op->kind == PC_OP_LIST && op->key_len == 0) {
        return PC_NOT_FOUND;
    }
    if (LIE(WRONG_BYTES) && op->kind == PC_OP_GET) {
        reply->put_bytes(reply, (const uint8_t *)"?", 1);
    }
    if (LIE(REMOVE_NEEDS_ROOM) && op->kind == PC_OP_REMOVE && !has_room(plain, 64)) {
        return PC_NO_SPACE;
    }
    if (LIE(LEAKS_REFUSED) && op->kind == PC_OP_SET) {
        return leak_refused(plain, op, reply);
    }
    if (LIE(RESURRECTS) && op->kind == PC_OP_REMOVE) {
        return apply_in_memory(plain, op, reply);
    }
    if (LIE(TWO_STEPS) && op->kind == PC_OP_RENAME) {
        return rename_in_two_steps(plain, op, reply);
    }
    return apply_later(plain, &changed, reply);
}

/* --- the engine ---------------------------------------------------------------------------------------- */

static int liar_format(const struct bd *dev, const struct pc_options *options) {
    return LIE(NO_FORMAT) ? PC_UNSUPPORTED : plain_format(dev, options);
}

static int liar_visit(void *self, pc_visit_fn fn, void *ctx) {
    const struct plain *plain = self;

    int code = LIE(UNREADABLE) && plain->repaired ? PC_CORRUPT : plain_visit(self, fn, ctx);

    return code == PC_OK && LIE(SHOWS_TWICE) && plain->repaired ? plain_visit(self, fn, ctx) : code;
}

static int liar_check(void *self, char *text, size_t text_size) {
    const struct plain *plain = self;

    if (LIE(BACKWARDS)) {
        return PC_OK; /* it would give the lie away too soon */
    }
    if (!LIE(CHECK_COMPLAINS) || !plain->repaired) {
        return plain_check(self, text, text_size);
    }
    strncpy(text, "nothing is wrong", text_size);
    text[text_size - 1] = 0;
    return PC_CORRUPT;
}

/* The name of the lie, by which saved traces know the engine. */
#define TEXT(name) #name
#define NAME_OF(name) TEXT(name)

const struct pc_engine *powercut_engine(void) {
    static struct pc_engine engine;

    engine = *honest_engine();
    engine.abi_version = LIE(OLD_ABI) ? 999u : engine.abi_version;
    engine.version = "1+" NAME_OF(LIE_NAME);
    engine.durability = is_durable_on_sync() ? PC_DURABLE_ON_SYNC : engine.durability;
    engine.format = liar_format;
    engine.mount = liar_mount;
    engine.apply = liar_apply;
    engine.visit = liar_visit;
    engine.check = liar_check;
    return &engine;
}
