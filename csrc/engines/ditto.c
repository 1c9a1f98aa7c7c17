/* SPDX-License-Identifier: ISC
 *
 * ditto.c: an engine so simple that it can be seen to be right, to test the harness with.
 *
 * The device is two areas of equal length. Each holds the whole store, and says how new it is:
 *
 *     offset size
 *          0    8  "ditto 1\n"
 *          8    8  sequence, one more with each change
 *         16    8  length of the entries that follow the header, bytes
 *         24    4  name_max
 *         28    4  0
 *         32    8  checksum over the 32 bytes before it and the entries
 *         40       the entries, in the order of their keys, each:
 *     +0 kind (1)  +1 has_time (1)  +2 0 (2)  +4 key length (4)  +8 value length (8)  +16 days (4)  +20 0 (4)
 *     +24 picoseconds (8)  +32 the key  then the value                 (all little-endian)
 *
 * Every change writes the whole store as it will be into the area that is out of date, and syncs. Until
 * its last byte is there that area's checksum is wrong and the other one is the store; from then on it is
 * newer. Mounting reads both, writes nothing, and takes the newer of those whose checksum is right. (So
 * damage to the newer area looks like a power cut to ditto: it is no engine to keep data in.)
 *
 * disk.c holds the areas, table.c the entries in memory, write.c the operations that change them; here are
 * those that read, and the engine ABI.
 */
#include "ditto/ditto.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --------------------------------------------------------------------------------------- */

static int do_exists(const struct store *store, const struct key *key, struct pc_reply *reply) {
    reply->kind = ditto_kind(store, key);
    return PC_OK;
}

static int do_get(const struct pc_entry *entry, const struct pc_op *op, struct pc_reply *reply) {
    uint64_t off = op->kind == PC_OP_GET ? 0 : op->off;
    uint64_t size;

    if (entry->kind == PC_DICTIONARY) {
        return PC_VALUE_EXPECTED;
    }
    size = off < entry->size ? entry->size - off : 0;
    if (op->kind == PC_OP_GET_PARTIAL && op->len < size) {
        size = op->len;
    }
    if (size > 0) {
        reply->put_bytes(reply, entry->data + off, (size_t)size);
    }
    return PC_OK;
}

static int do_list(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    size_t from = entry->key_len == 0 ? 0 : entry->key_len + 1;

    if (entry->kind == PC_VALUE) {
        return PC_DICTIONARY_EXPECTED;
    }
    for (size_t i = 0; i < store->now.count; i++) {
        const struct pc_entry *each = &store->now.entries[i];

        if (ditto_is_direct(each, entry->key, entry->key_len)) {
            reply->put_entry(reply, each->key + from, each->key_len - from, each->kind);
        }
    }
    return PC_OK;
}

static int do_size(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    uint64_t size = entry->size;

    for (size_t i = 0; entry->kind == PC_DICTIONARY && i < store->now.count; i++) {
        if (ditto_is_below(&store->now.entries[i], entry->key, entry->key_len)) {
            size += store->now.entries[i].size;
        }
    }
    reply->size = size;
    return PC_OK;
}

static int is_later(struct pc_time a, struct pc_time b) {
    return a.days > b.days || (a.days == b.days && a.picoseconds > b.picoseconds);
}

static int do_last_modified(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    struct pc_time newest = entry->time;

    for (size_t i = 0; entry->kind == PC_DICTIONARY && i < store->now.count; i++) {
        const struct pc_entry *each = &store->now.entries[i];

        if (each->has_time && ditto_is_direct(each, entry->key, entry->key_len) &&
            is_later(each->time, newest)) {
            newest = each->time;
        }
    }
    reply->time = newest;
    return PC_OK;
}

static int read_op(const struct store *store, const struct key *key, const struct pc_op *op,
                   struct pc_reply *reply) {
    struct pc_entry root = {.key = "", .kind = PC_DICTIONARY};
    const struct pc_entry *entry = key->len == 0 ? &root : ditto_lookup(store, key);
    int code;

    if (op->kind == PC_OP_EXISTS) {
        return do_exists(store, key, reply);
    }
    code = ditto_walk(store, key);
    if (code != PC_OK || entry == NULL) {
        return code != PC_OK ? code : PC_NOT_FOUND;
    }
    switch (op->kind) {
    case PC_OP_LIST:
        return do_list(store, entry, reply);
    case PC_OP_SIZE:
        return do_size(store, entry, reply);
    case PC_OP_LAST_MODIFIED:
        return do_last_modified(store, entry, reply);
    default:
        return do_get(entry, op, reply);
    }
}

/* --- the ABI --------------------------------------------------------------------------------------- */

static int ditto_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct store *store = self;
    struct key key = {0}, target = {0};
    int writes = op->kind >= PC_OP_SET;
    int code;

    if (op->kind < PC_OP_EXISTS || op->kind > PC_OP_RENAME || op->kind == PC_OP_DIGEST) {
        return PC_UNSUPPORTED;
    }
    if (writes && store->read_only) {
        return PC_READ_ONLY;
    }
    if (store->broken) {
        return PC_IO;
    }
    code = ditto_key_init(&key, store, op->key, op->key_len);
    if (code == PC_OK && op->kind == PC_OP_RENAME) {
        code = ditto_key_init(&target, store, op->target, op->target_len);
    }
    if (code == PC_OK) {
        code = writes ? ditto_write(store, &key, &target, op) : read_op(store, &key, op, reply);
    }
    free(key.bytes);
    free(target.bytes);
    return code;
}

static int ditto_visit(void *self, pc_visit_fn fn, void *ctx) {
    const struct store *store = self;
    int code = store->broken ? PC_IO : PC_OK;

    if (DITTO_LIE(UNREADABLE) && store->recovered) {
        return PC_CORRUPT;
    }
    for (size_t i = 0; code == PC_OK && i < store->now.count; i++) {
        code = fn(ctx, &store->now.entries[i]);
    }
    return code;
}

static int ditto_facts(void *self, struct pc_facts *ret_facts) {
    const struct store *store = self;

    *ret_facts = (struct pc_facts){store->name_max, DITTO_VALUE_MAX};
    return PC_OK;
}

/* Keys ascend, and each lies in a dictionary. */
static int ditto_check(void *self, char *text, size_t text_size) {
    const struct store *store = self;
    const char *found = DITTO_LIE(CHECK_COMPLAINS) && store->recovered ? "nothing is wrong" : NULL;

    for (size_t i = 0; i < store->now.count; i++) {
        const struct pc_entry *entry = &store->now.entries[i], *before = entry - (i > 0);
        struct key key = {(char *)entry->key, entry->key_len};

        if (i > 0 && ditto_compare_keys(before->key, before->key_len, entry->key, entry->key_len) >= 0) {
            found = "the keys are not in ascending order";
        }
        if (ditto_walk(store, &key) != PC_OK) {
            found = "a key lies in no dictionary";
        }
    }
    if (found == NULL) {
        return PC_OK;
    }
    if (text_size > 0) {
        strncpy(text, found, text_size - 1);
        text[text_size - 1] = 0;
    }
    return PC_CORRUPT;
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION,
        .capabilities = PC_CAN_TIMESTAMPS | PC_CAN_SET_PARTIAL | PC_CAN_ALLOCATE | PC_CAN_RENAME |
                        PC_CAN_LAST_MODIFIED | PC_CAN_DICTIONARIES | PC_CAN_CHECK,
        .durability = PC_DURABLE_ON_RETURN,
        .name = "ditto",
        .version = "0.1.0",
        .format = ditto_format,
        .mount = ditto_mount,
        .unmount = ditto_unmount,
        .apply = ditto_apply,
        .visit = ditto_visit,
        .facts = ditto_facts,
        .check = ditto_check,
    };

    return &engine;
}
