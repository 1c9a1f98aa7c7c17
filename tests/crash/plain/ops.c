/* SPDX-License-Identifier: ISC
 *
 * ops.c: the operations, and the engine ABI.
 */
#include "plain.h"

#include <string.h>

static int do_set(struct plain *plain, const struct record *name, const struct pc_op *op) {
    struct record put = {name->name, name->name_len, op->now, op->data, op->data_len};

    if (name->name_len == 0) {
        return PC_VALUE_EXPECTED; /* the root is a dictionary */
    }
    return op->data_len > PLAIN_VALUE_MAX ? PC_VALUE_TOO_LARGE : plain_change(plain, &put, &put);
}

static int do_remove(struct plain *plain, const struct record *name) {
    struct record old = *name;

    if (name->name_len == 0) {
        return PC_INVALID_KEY;
    }
    return plain_find(plain, &old) ? plain_change(plain, name, NULL) : PC_OK;
}

static int do_rename(struct plain *plain, const struct record *source, const struct record *target) {
    struct record put = *source;

    if (source->name_len == 0) {
        return PC_INVALID_KEY;
    }
    if (!plain_find(plain, &put)) {
        return PC_NOT_FOUND;
    }
    if (target->name_len == 0 || plain_compare(source, target) == 0) {
        return PC_OK; /* into the root, where it is */
    }
    put.name = target->name;
    put.name_len = target->name_len;
    return plain_change(plain, source, &put);
}

/* --- operations that read --------------------------------------------------------------------------- */

static int do_get(const struct record *record, const struct pc_op *op, struct pc_reply *reply) {
    uint64_t off = op->kind == PC_OP_GET ? 0 : op->off;
    uint64_t len = off < record->value_len ? record->value_len - off : 0;

    if (op->kind == PC_OP_GET_PARTIAL && op->len < len) {
        len = op->len;
    }
    if (len > 0) {
        reply->put_bytes(reply, record->value + off, (size_t)len);
    }
    return PC_OK;
}

/* The records of the root by name: again and again the least of those behind the last one. */
static void list_root(const struct plain *plain, struct pc_reply *reply) {
    struct record each, last = {.name = ""}, least = {.name = ""};

    do {
        if (last.name_len > 0) {
            reply->put_entry(reply, last.name, last.name_len, PC_VALUE);
        }
        least.name_len = 0;
        for (size_t at = 0; plain_next(plain, &at, &each);) {
            if (plain_compare(&each, &last) > 0 &&
                (least.name_len == 0 || plain_compare(&each, &least) < 0)) {
                least = each;
            }
        }
        last = least;
    } while (last.name_len > 0);
}

static uint64_t size_of_root(const struct plain *plain) {
    struct record each;
    uint64_t size = 0;

    for (size_t at = 0; plain_next(plain, &at, &each);) {
        size += each.value_len;
    }
    return size;
}

static int do_read(const struct plain *plain, const struct record *name, const struct pc_op *op,
                   struct pc_reply *reply) {
    struct record record = *name;
    int root = name->name_len == 0, found = root || plain_find(plain, &record);

    if (op->kind == PC_OP_EXISTS) {
        reply->kind = root ? PC_DICTIONARY : found ? PC_VALUE : PC_NONE;
        return PC_OK;
    }
    if (!found) {
        return PC_NOT_FOUND;
    }
    if (op->kind == PC_OP_SIZE) {
        reply->size = root ? size_of_root(plain) : record.value_len;
        return PC_OK;
    }
    if (op->kind != PC_OP_LIST) {
        return root ? PC_VALUE_EXPECTED : do_get(&record, op, reply);
    }
    if (root) {
        list_root(plain, reply);
    }
    return root ? PC_OK : PC_DICTIONARY_EXPECTED;
}

/* --- the ABI ---------------------------------------------------------------------------------------- */

/* The one segment of a key, none for the root; each segment is judged. */
static int take_name(const char *key, size_t len, struct record *ret) {
    for (size_t at = 0, end; at < len; at = end + 1) {
        for (end = at; end < len && key[end] != '/'; end++) {
        }
        if (end == at) {
            continue;
        }
        if (memchr(key + at, 0, end - at) != NULL || (end - at == 1 && key[at] == '.') ||
            (end - at == 2 && memcmp(key + at, "..", 2) == 0)) {
            return PC_INVALID_KEY;
        }
        if (end - at > PLAIN_NAME_MAX || ret->name_len > 0) {
            return end - at > PLAIN_NAME_MAX ? PC_NAME_TOO_LONG : PC_UNSUPPORTED; /* no dictionaries here */
        }
        ret->name = key + at;
        ret->name_len = end - at;
    }
    return PC_OK;
}

int plain_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct plain *plain = self;
    struct record name = {.name = ""}, target = {.name = ""};
    int code =
        plain->read_only && op->kind >= PC_OP_SET ? PC_READ_ONLY : take_name(op->key, op->key_len, &name);

    if (code == PC_OK && op->kind == PC_OP_RENAME) {
        code = take_name(op->target, op->target_len, &target);
    }
    if (code != PC_OK || plain->broken) {
        return code != PC_OK ? code : PC_IO;
    }
    switch (op->kind) {
    case PC_OP_SET:
        return do_set(plain, &name, op);
    case PC_OP_REMOVE:
        return do_remove(plain, &name);
    case PC_OP_RENAME:
        return do_rename(plain, &name, &target);
    case PC_OP_EXISTS:
    case PC_OP_GET:
    case PC_OP_GET_PARTIAL:
    case PC_OP_LIST:
    case PC_OP_SIZE:
        return do_read(plain, &name, op, reply);
    default:
        return PC_UNSUPPORTED;
    }
}

int plain_visit(void *self, pc_visit_fn fn, void *ctx) {
    const struct plain *plain = self;
    struct record each;
    int code = plain->broken ? PC_IO : PC_OK;

    for (size_t at = 0; code == PC_OK && plain_next(plain, &at, &each);) {
        struct pc_entry entry = {.key = each.name,
                                 .key_len = each.name_len,
                                 .kind = PC_VALUE,
                                 .has_time = 1,
                                 .time = each.time,
                                 .data = each.value,
                                 .size = each.value_len};

        code = fn(ctx, &entry);
    }
    return code;
}

static int plain_facts(void *self, struct pc_facts *ret_facts) {
    (void)self;
    *ret_facts = (struct pc_facts){.name_max = PLAIN_NAME_MAX, .value_max = PLAIN_VALUE_MAX};
    return PC_OK;
}

/* The records make sense, and a store that may write has both its heads on the device. */
int plain_check(void *self, char *text, size_t text_size) {
    const struct plain *plain = self;
    const char *found = plain_is_sound(plain) ? "" : "the records make no sense";
    int code = plain->read_only ? PC_OK : plain_check_heads(plain);

    if (code == PC_CORRUPT) {
        found = "a head on the device is not that of the store";
    }
    if (text_size > 0) {
        text[0] = 0;
        strncat(text, found, text_size - 1);
    }
    return code == PC_OK && found[0] != 0 ? PC_CORRUPT : code;
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION,
        .capabilities = PC_CAN_TIMESTAMPS | PC_CAN_RENAME | PC_CAN_CHECK,
        .durability = PC_DURABLE_ON_RETURN,
        .name = "plain",
        .version = "1",
        .format = plain_format,
        .mount = plain_mount,
        .unmount = plain_unmount,
        .apply = plain_apply,
        .visit = plain_visit,
        .facts = plain_facts,
        .check = plain_check,
        .claims = "nor nand disk512 disk4k virtio-writethrough hostile damage",
    };

    return &engine;
}
