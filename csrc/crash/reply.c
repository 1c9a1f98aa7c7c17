/* SPDX-License-Identifier: ISC
 *
 * reply.c: takes an operation's answer from the engine and hashes it.
 */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

static void append(struct reply_taker *taker, const void *bytes, size_t size) {
    if (size > taker->room - taker->size) {
        size_t room = taker->size + size + taker->room / 2 + 256;
        uint8_t *grown = room < size ? NULL : realloc(taker->bytes, room);

        if (grown == NULL) {
            taker->no_memory = 1;
            return;
        }
        taker->bytes = grown;
        taker->room = room;
    }
    if (size > 0) {
        memcpy(taker->bytes + taker->size, bytes, size);
    }
    taker->size += size;
}

static void take_bytes(struct pc_reply *reply, const uint8_t *bytes, size_t size) {
    append((struct reply_taker *)reply, bytes, size);
}

static void take_entry(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind) {
    struct reply_taker *taker = (struct reply_taker *)reply;
    uint8_t head[5] = {(uint8_t)kind, (uint8_t)name_len, (uint8_t)(name_len >> 8), (uint8_t)(name_len >> 16),
                       (uint8_t)(name_len >> 24)};

    append(taker, head, sizeof(head));
    append(taker, name, name_len);
}

struct pc_reply *reply_begin(struct reply_taker *taker) {
    taker->reply = (struct pc_reply){.put_bytes = take_bytes, .put_entry = take_entry};
    taker->size = 0;
    return &taker->reply;
}

struct pc_hash reply_hash(const struct reply_taker *taker, uint32_t op_kind, int code) {
    const struct pc_reply *reply = &taker->reply;

    if (code != PC_OK) {
        return (struct pc_hash){0, 0};
    }
    switch (op_kind) {
    case PC_OP_EXISTS:
        return pc_hash_answer(op_kind, reply->kind, 0, NULL, 0);
    case PC_OP_SIZE:
        return pc_hash_answer(op_kind, reply->size, 0, NULL, 0);
    case PC_OP_LAST_MODIFIED:
        return pc_hash_answer(op_kind, reply->time.days, reply->time.picoseconds, NULL, 0);
    case PC_OP_GET:
    case PC_OP_GET_PARTIAL:
    case PC_OP_DIGEST:
    case PC_OP_LIST:
        return pc_hash_answer(op_kind, 0, 0, taker->bytes, taker->size);
    default:
        return (struct pc_hash){0, 0};
    }
}

void reply_release(struct reply_taker *taker) {
    free(taker->bytes);
    taker->bytes = NULL;
    taker->size = taker->room = 0;
}
