/* SPDX-License-Identifier: ISC
 *
 * early.c: plain with another store.c: durable on sync, and it writes at once what it may still lose. Like plain it
 * is right. Four slots take turns to hold the body. All numbers are little-endian:
 *
 *     its first block    checksum over the rest of the head and the body (8), sequence (8), bytes of the body (4)
 *     the others         the body
 *
 * A change writes the body into the next slot and waits for nothing. What a power cut leaves of the slots that are
 * not durable can be anything, in any order; the newest slot that is whole is the store, and none is older than
 * the last that is durable, since that one is never written over: where it would be its turn, all is synced first.
 * Mounting erases what is not whole before anything else, and syncs: or else a later write, cut off, could
 * complete it.
 *
 * With -DEARLY_LIE=NAME it tells one of the lies below.
 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

enum lie {
    TRUTH,
    NEVER_SYNCS, /* says OK to a sync, and does nothing */
    WRITES_OVER, /* gives the durable slot to the next body, too */
    HALF_SUMMED  /* the checksum leaves out the body */
};

#ifndef EARLY_LIE
#define EARLY_LIE TRUTH
#endif

#define HEAD 20u
#define SLOTS 4u

struct early {
    struct plain plain; /* its head: one block */
    uint64_t durable;   /* the sequence of the newest body that was there when the device was synced */
};

static uint64_t sequence_of(const uint8_t *head) {
    return plain_get_le(head + 8, 8);
}

static uint32_t size_of(const uint8_t *head) {
    return (uint32_t)plain_get_le(head + 16, 4);
}

/* FNV-1a, 64 bits, over the head without its checksum and the body. */
static uint64_t checksum(const uint8_t *head, const uint8_t *body) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 8; i < HEAD; i++) {
        sum = (sum ^ head[i]) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < size_of(head) && EARLY_LIE != HALF_SUMMED; i++) {
        sum = (sum ^ body[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

/* --- slots ----------------------------------------------------------------------------------------- */

static uint32_t slot_blocks(const struct bd *dev) {
    return dev->geometry.block_count / SLOTS;
}

static uint32_t slot_of(const struct bd *dev, uint64_t sequence) {
    return (uint32_t)(sequence % SLOTS) * slot_blocks(dev);
}

static uint32_t blocks_for(const struct bd *dev, size_t size) {
    return (uint32_t)((size + dev->geometry.block_size - 1) / dev->geometry.block_size);
}

static size_t room(const struct bd *dev) {
    return (size_t)(slot_blocks(dev) - 1) * dev->geometry.block_size;
}

static int fits_device(const struct bd *dev) {
    return slot_blocks(dev) >= 2 && dev->geometry.block_size >= HEAD &&
           dev->geometry.block_count <= INT32_MAX / dev->geometry.block_size;
}

static int write_block(const struct bd *dev, uint32_t block, const uint8_t *bytes) {
    int code = bd_erase(dev, block);

    return code == BD_OK ? bd_prog(dev, block, 0, bytes, dev->geometry.block_size) : code;
}

/* Writes head and body into the slot of the sequence, the head first: no order is relied on. */
static int write_slot(const struct bd *dev, const uint8_t *head, const uint8_t *body) {
    uint32_t slot = slot_of(dev, sequence_of(head));
    int code = write_block(dev, slot, head);

    for (uint32_t i = 0; code == BD_OK && i < blocks_for(dev, size_of(head)); i++) {
        code = write_block(dev, slot + 1 + i, body + (size_t)i * dev->geometry.block_size);
    }
    return code == BD_OK ? PC_OK : PC_IO;
}

/* Reads a slot. PC_CORRUPT: it is not whole. */
static int read_slot(const struct bd *dev, uint32_t slot, uint8_t *head, uint8_t *body) {
    uint32_t block_size = dev->geometry.block_size;
    int code = bd_read(dev, slot, 0, head, block_size);

    if (code == BD_OK && size_of(head) > room(dev)) {
        return PC_CORRUPT;
    }
    for (uint32_t i = 0; code == BD_OK && i < blocks_for(dev, size_of(head)); i++) {
        code = bd_read(dev, slot + 1 + i, 0, body + (size_t)i * block_size, block_size);
    }
    if (code != BD_OK) {
        return PC_IO;
    }
    return plain_get_le(head, 8) == checksum(head, body) && slot_of(dev, sequence_of(head)) == slot
               ? PC_OK
               : PC_CORRUPT;
}

/* --- format, mount, unmount ------------------------------------------------------------------------ */

int plain_format(const struct bd *dev, const struct pc_options *options) {
    uint8_t *head;
    int code = BD_OK;

    if (!fits_device(dev) || (options->name_max != 0 && options->name_max != PLAIN_NAME_MAX)) {
        return PC_UNSUPPORTED;
    }
    head = calloc(1, dev->geometry.block_size);
    if (head == NULL) {
        return PC_NO_MEMORY;
    }
    for (uint32_t i = 0; code == BD_OK && i < SLOTS; i++) {
        code = bd_erase(dev, i * slot_blocks(dev));
    }
    plain_put_le(head + 8, 1, 8);
    plain_put_le(head, checksum(head, head), 8);
    code = code == BD_OK ? write_slot(dev, head, head) : PC_IO;
    free(head);
    return code == PC_OK && bd_sync(dev) != BD_OK ? PC_IO : code;
}

/* Makes the newest whole slot the store's, given room for a slot; those that are not whole are marked in ret_torn. */
static int choose(struct early *early, uint8_t *head, uint8_t *body, uint32_t *ret_torn) {
    const struct bd *dev = &early->plain.dev;
    int code = PC_OK, found = 0;

    for (uint32_t i = 0; i < SLOTS && (code == PC_OK || code == PC_CORRUPT); i++) {
        code = read_slot(dev, i * slot_blocks(dev), head, body);
        *ret_torn |= (uint32_t)(code == PC_CORRUPT) << i;
        if (code == PC_OK && (!found || sequence_of(head) > sequence_of(early->plain.head))) {
            memcpy(early->plain.head, head, dev->geometry.block_size);
            memcpy(early->plain.body, body, room(dev));
            found = 1;
        }
    }
    return code != PC_OK && code != PC_CORRUPT ? code : found ? PC_OK : PC_CORRUPT;
}

/* Erases the heads of what is not whole, and makes all durable. */
static int tidy(struct early *early, uint32_t torn) {
    const struct bd *dev = &early->plain.dev;
    int code = BD_OK;

    for (uint32_t i = 0; code == BD_OK && i < SLOTS; i++) {
        code = (torn >> i & 1) != 0 ? bd_erase(dev, i * slot_blocks(dev)) : BD_OK;
    }
    early->durable = sequence_of(early->plain.head);
    return code == BD_OK && bd_sync(dev) == BD_OK ? PC_OK : PC_IO;
}

static int recover(struct early *early) {
    const struct bd *dev = &early->plain.dev;
    uint8_t *head = calloc(1, dev->geometry.block_size), *body = plain_new_body(dev, room(dev));
    uint32_t torn = 0;
    int code = PC_NO_MEMORY;

    early->plain.head = calloc(1, dev->geometry.block_size);
    early->plain.body = plain_new_body(dev, room(dev));
    if (head != NULL && body != NULL && early->plain.head != NULL && early->plain.body != NULL) {
        code = choose(early, head, body, &torn);
    }
    free(head);
    free(body);
    if (code == PC_OK && !plain_is_sound(&early->plain)) {
        code = PC_CORRUPT;
    }
    return code == PC_OK && !early->plain.read_only ? tidy(early, torn) : code;
}

void plain_unmount(void *self) {
    struct plain *plain = self;

    free(plain->head);
    free(plain->body);
    free(self);
}

int plain_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct early *early = fits_device(dev) ? calloc(1, sizeof(*early)) : NULL;
    int code;

    if (early == NULL) {
        return fits_device(dev) ? PC_NO_MEMORY : PC_UNSUPPORTED;
    }
    early->plain.dev = *dev;
    early->plain.read_only = options->read_only != 0;
    code = recover(early);
    if (code != PC_OK) {
        plain_unmount(early);
        return code;
    }
    *ret_store = early;
    return PC_OK;
}

/* --- the body ----------------------------------------------------------------------------------------- */

size_t plain_size(const struct plain *plain) {
    return size_of(plain->head);
}

size_t plain_room(const struct plain *plain) {
    return room(&plain->dev);
}

uint8_t *plain_new_body(const struct bd *dev, size_t size) {
    return calloc(blocks_for(dev, size) + 1, dev->geometry.block_size);
}

static int sync_all(struct early *early) {
    if (early->plain.broken) {
        return PC_IO;
    }
    if (EARLY_LIE != NEVER_SYNCS) {
        early->plain.broken = bd_sync(&early->plain.dev) == BD_OK ? PC_OK : PC_IO;
    }
    early->durable = sequence_of(early->plain.head);
    return early->plain.broken;
}

int plain_commit(struct plain *plain, uint8_t *body, size_t size) {
    struct early *early = (struct early *)plain;
    uint64_t sequence = sequence_of(plain->head) + 1;

    if (sequence - early->durable == SLOTS && EARLY_LIE != WRITES_OVER && sync_all(early) != PC_OK) {
        free(body);
        return PC_IO;
    }
    memset(plain->head, 0, plain->dev.geometry.block_size);
    plain_put_le(plain->head + 8, sequence, 8);
    plain_put_le(plain->head + 16, size, 4);
    plain_put_le(plain->head, checksum(plain->head, body), 8);
    free(plain->body);
    plain->body = body;
    plain->broken = write_slot(&plain->dev, plain->head, body);
    return plain->broken;
}

int plain_check_heads(const struct plain *plain) {
    const struct bd *dev = &plain->dev;
    uint8_t *head = calloc(1, dev->geometry.block_size), *body = plain_new_body(dev, room(dev));
    int code = PC_NO_MEMORY;

    if (head != NULL && body != NULL) {
        code = read_slot(dev, slot_of(dev, sequence_of(plain->head)), head, body);
    }
    if (code == PC_OK && memcmp(head, plain->head, HEAD) != 0) {
        code = PC_CORRUPT;
    }
    free(head);
    free(body);
    return code;
}

/* --- the ABI ------------------------------------------------------------------------------------------ */

/* ops.c's, which is compiled under this name. */
const struct pc_engine *plain_engine(void);

static int apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    if (op->kind != PC_OP_SYNC) {
        return plain_apply(self, op, reply);
    }
    return ((struct early *)self)->plain.read_only ? PC_READ_ONLY : sync_all(self);
}

#undef powercut_engine
const struct pc_engine *powercut_engine(void) {
    static struct pc_engine engine;

    engine = *plain_engine();
    engine.version = EARLY_LIE == TRUTH ? "1" : "1+lie";
    engine.name = "early";
    engine.durability = PC_DURABLE_ON_SYNC;
    engine.claims = "nor nand disk512 disk4k virtio-writethrough hostile";
    engine.apply = apply;
    return &engine;
}
