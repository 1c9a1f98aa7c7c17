/* SPDX-License-Identifier: ISC
 *
 * write.c: ditto's operations that change the store, each one change to the table and one commit.
 */
#include "ditto.h"

#include <stdlib.h>
#include <string.h>

static int put_value(struct store *store, const struct key *key, const uint8_t *data, uint64_t size,
                     const struct pc_time *now) {
    struct pc_entry entry = {.key = key->bytes, .key_len = key->len, .kind = PC_VALUE, .has_time = 1};
    struct change change;
    int code = size > DITTO_VALUE_MAX ? PC_VALUE_TOO_LARGE : ditto_change_init(&change, store, key->len + 1);

    if (code != PC_OK) {
        return code;
    }
    entry.time = *now;
    entry.time.days += (uint32_t)DITTO_LIE(WRONG_TIME);
    entry.data = data;
    entry.size = size;
    ditto_change_put_parents(&change, key);
    ditto_change_put(&change, &entry);
    code = ditto_commit(store, &change);
    ditto_change_release(&change);
    return code;
}

/* May a value be written at this key? */
static int check_target(const struct store *store, const struct key *key) {
    if (ditto_walk(store, key) == PC_DICTIONARY_EXPECTED) {
        return PC_DICTIONARY_EXPECTED;
    }
    return ditto_kind(store, key) == PC_DICTIONARY ? PC_VALUE_EXPECTED : PC_OK;
}

static int do_set(struct store *store, const struct key *key, const struct pc_op *op) {
    int code = check_target(store, key);

    if (code == PC_OK && DITTO_LIE(REFUSES_AFTER_RECOVERY) && store->recovered) {
        return PC_IO;
    }
    if (code == PC_OK && DITTO_LIE(FULL_AFTER_RECOVERY) && store->recovered) {
        return PC_NO_SPACE;
    }
    return code == PC_OK ? put_value(store, key, op->data, op->data_len, &op->now) : code;
}

static int do_set_partial(struct store *store, const struct key *key, const struct pc_op *op) {
    const struct pc_entry *old = ditto_lookup(store, key);
    uint64_t old_size = old == NULL ? 0 : old->size;
    uint64_t off = op->off < old_size ? op->off : old_size;
    uint64_t size = op->data_len > old_size - off ? off + op->data_len : old_size;
    uint8_t *data;
    int code = check_target(store, key);

    if (code != PC_OK) {
        return code;
    }
    if (size > DITTO_VALUE_MAX) {
        return PC_VALUE_TOO_LARGE;
    }
    data = malloc((size_t)size + 1);
    if (data == NULL) {
        return PC_NO_MEMORY;
    }
    if (old_size > 0) {
        memcpy(data, old->data, (size_t)old_size);
    }
    if (op->data_len > 0) {
        memcpy(data + off, op->data, op->data_len);
    }
    code = put_value(store, key, data, size, &op->now);
    free(data);
    return code;
}

static int do_allocate(struct store *store, const struct key *key, const struct pc_op *op) {
    uint64_t room = (uint64_t)ditto_area_blocks(&store->dev) * store->dev.geometry.block_size;
    uint8_t *zeros;
    int code = ditto_walk(store, key);

    if (code == PC_DICTIONARY_EXPECTED) {
        return code;
    }
    if (ditto_kind(store, key) != PC_NONE) {
        return PC_ALREADY_PRESENT;
    }
    if (op->len > DITTO_VALUE_MAX) {
        return PC_VALUE_TOO_LARGE;
    }
    if (op->len > room) {
        return PC_NO_SPACE; /* before there are that many zeros in memory */
    }
    zeros = calloc(1, (size_t)op->len + 1);
    if (zeros == NULL) {
        return PC_NO_MEMORY;
    }
    code = put_value(store, key, zeros, op->len, &op->now);
    free(zeros);
    return code;
}

static int do_remove(struct store *store, const struct key *key) {
    struct change change;
    int code = key->len == 0 ? PC_INVALID_KEY : ditto_walk(store, key);

    if (code == PC_NOT_FOUND || (code == PC_OK && ditto_kind(store, key) == PC_NONE)) {
        return PC_OK;
    }
    if (code == PC_OK) {
        code = ditto_change_init(&change, store, 0);
    }
    if (code != PC_OK) {
        return code;
    }
    ditto_change_remove(&change, key);
    code = ditto_commit(store, &change);
    ditto_change_release(&change);
    return code;
}

/* --- rename ---------------------------------------------------------------------------------------- */

/* Where the last segment begins. */
static size_t base_of(const struct key *key) {
    size_t at = key->len;

    while (at > 0 && key->bytes[at - 1] != '/') {
        at--;
    }
    return at;
}

/* The key that a rename arrives at: target itself, or, where that is a dictionary, source's last segment in
 * it. */
static int rename_target(const struct store *store, const struct key *source, const struct key *target,
                         struct key *ret) {
    size_t base = base_of(source);

    ret->bytes = malloc(target->len + source->len + 2);
    if (ret->bytes == NULL) {
        return PC_NO_MEMORY;
    }
    memcpy(ret->bytes, target->bytes, target->len);
    ret->len = target->len;
    if (ditto_kind(store, target) != PC_DICTIONARY) {
        return PC_OK;
    }
    if (target->len > 0) {
        ret->bytes[ret->len++] = '/';
    }
    memcpy(ret->bytes + ret->len, source->bytes + base, source->len - base);
    ret->len += source->len - base;
    return PC_OK;
}

/* Steps 3 and 4 of the contract: may source move to `to`? */
static int check_rename(const struct store *store, const struct key *source, const struct key *to) {
    struct pc_entry arrival = {.key = to->bytes, .key_len = to->len};
    int is_same = to->len == source->len && memcmp(to->bytes, source->bytes, to->len) == 0;
    int from_dictionary = ditto_kind(store, source) == PC_DICTIONARY;

    if (from_dictionary && (is_same || ditto_is_below(&arrival, source->bytes, source->len))) {
        return PC_RENAME_SOURCE_PREFIX;
    }
    if (is_same) {
        return PC_OK;
    }
    if (ditto_kind(store, to) == PC_DICTIONARY) {
        return PC_ALREADY_PRESENT;
    }
    return from_dictionary && ditto_kind(store, to) == PC_VALUE ? PC_VALUE_EXPECTED : PC_OK;
}

/* Binds source, and all below it, under its new name. */
static int change_move(struct change *change, const struct store *store, const struct key *source,
                       const struct key *to) {
    char *name = malloc(store->now.size + store->now.count * to->len + 1); /* room for every key */

    change->names = name;
    if (name == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < store->now.count; i++) {
        struct pc_entry entry = store->now.entries[i];
        size_t rest = entry.key_len - source->len;

        if (entry.key_len < source->len || memcmp(entry.key, source->bytes, source->len) != 0 ||
            (rest > 0 && entry.key[source->len] != '/')) {
            continue;
        }
        memcpy(name, to->bytes, to->len);
        memcpy(name + to->len, entry.key + source->len, rest);
        entry.key = name;
        entry.key_len = to->len + rest;
        name += entry.key_len;
        ditto_change_put(change, &entry);
    }
    return PC_OK;
}

static int move(struct store *store, const struct key *source, const struct key *to) {
    struct change change;
    int code = ditto_change_init(&change, store, store->now.count + to->len + 1);

    if (code != PC_OK) {
        return code;
    }
    ditto_change_remove(&change, source);
    ditto_change_put_parents(&change, to);
    code = change_move(&change, store, source, to);
    if (code == PC_OK) {
        code = ditto_commit(store, &change);
    }
    ditto_change_release(&change);
    return code;
}

static int do_rename(struct store *store, const struct key *source, const struct key *target) {
    struct key to = {0};
    int code = source->len == 0 ? PC_INVALID_KEY : ditto_walk(store, source);

    if (code == PC_OK && ditto_kind(store, source) == PC_NONE) {
        code = PC_NOT_FOUND;
    }
    if (code == PC_OK && ditto_walk(store, target) == PC_DICTIONARY_EXPECTED) {
        code = PC_DICTIONARY_EXPECTED;
    }
    if (code == PC_OK) {
        code = rename_target(store, source, target, &to);
    }
    if (code == PC_OK) {
        code = check_rename(store, source, &to);
    }
    if (code == PC_OK && (to.len != source->len || memcmp(to.bytes, source->bytes, to.len) != 0)) {
        code = move(store, source, &to);
    }
    free(to.bytes);
    return code;
}

int ditto_write(struct store *store, const struct key *key, const struct key *target,
                const struct pc_op *op) {
    switch (op->kind) {
    case PC_OP_SET:
        return do_set(store, key, op);
    case PC_OP_SET_PARTIAL:
        return do_set_partial(store, key, op);
    case PC_OP_ALLOCATE:
        return do_allocate(store, key, op);
    case PC_OP_REMOVE:
        return do_remove(store, key);
    default:
        return do_rename(store, key, target);
    }
}
