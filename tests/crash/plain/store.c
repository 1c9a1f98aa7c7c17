/* SPDX-License-Identifier: ISC
 *
 * store.c: one piece of bytes, the body, that a power cut leaves as it was or as it is to be. Two areas take turns
 * to hold it; two blocks, the heads, say which body is the store. All numbers are little-endian.
 *
 *     blocks 0, 1   the head, twice: checksum over the rest of it (8), sequence (8), checksum over the body (8),
 *                   bytes of the body (4), 0 (4)
 *     then          two areas of equal length; the body of an odd sequence lies in the second
 *
 * A change writes the new body into the area that no head speaks of, and syncs; then one head, and syncs; then
 * the other, and syncs. So at every moment a head is whole, and the body that it speaks of is not touched.
 * Mounting takes the newer of the heads that are whole, checks its body, and makes the other head its equal
 * before anything else. One damaged block is either a head whose equal is still there, or a body whose checksum
 * is wrong, which is told and never guessed about.
 */
#include "plain.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 32u

/* FNV-1a, 64 bits. */
static uint64_t checksum(const uint8_t *bytes, size_t size) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static uint64_t sequence_of(const uint8_t *head) {
    return plain_get_le(head + 8, 8);
}

static uint32_t size_of(const uint8_t *head) {
    return (uint32_t)plain_get_le(head + 24, 4);
}

static void make_head(uint8_t *head, uint64_t sequence, const uint8_t *body, size_t size) {
    plain_put_le(head + 8, sequence, 8);
    plain_put_le(head + 16, checksum(body, size), 8);
    plain_put_le(head + 24, size, 4);
    plain_put_le(head, checksum(head + 8, HEAD - 8), 8);
}

/* --- the device ------------------------------------------------------------------------------------ */

static int fits_device(const struct bd *dev) {
    return dev->geometry.block_count >= 4 && dev->geometry.block_size >= HEAD &&
           dev->geometry.block_count <= INT32_MAX / dev->geometry.block_size;
}

static uint32_t area_blocks(const struct bd *dev) {
    return (dev->geometry.block_count - 2) / 2;
}

static uint32_t area_of(const struct bd *dev, uint64_t sequence) {
    return sequence % 2 == 0 || LIE(IN_PLACE) ? 2 : 2 + area_blocks(dev);
}

static uint32_t blocks_for(const struct bd *dev, size_t size) {
    return (uint32_t)((size + dev->geometry.block_size - 1) / dev->geometry.block_size);
}

static int read_blocks(const struct bd *dev, uint32_t first, uint8_t *ret_bytes, size_t size) {
    uint32_t block_size = dev->geometry.block_size;
    int code = BD_OK;

    for (uint32_t i = 0; code == BD_OK && i < blocks_for(dev, size); i++) {
        code = bd_read(dev, first + i, 0, ret_bytes + (size_t)i * block_size, block_size);
    }
    return code == BD_OK ? PC_OK : PC_IO;
}

/* Writes whole blocks and, but for those who leave it out, waits until they are durable. */
static int write_blocks(const struct bd *dev, uint32_t first, const uint8_t *bytes, size_t size,
                        int no_sync) {
    uint32_t block_size = dev->geometry.block_size;
    int code = BD_OK;

    for (uint32_t i = 0; code == BD_OK && i < blocks_for(dev, size); i++) {
        code = LIE(NO_ERASE) ? BD_OK : bd_erase(dev, first + i);
        if (code == BD_OK) {
            code = bd_prog(dev, first + i, 0, bytes + (size_t)i * block_size, block_size);
        }
    }
    if (code == BD_OK && !no_sync) {
        code = bd_sync(dev);
    }
    return code == BD_OK || LIE(ERROR_IGNORED) ? PC_OK : PC_IO;
}

/* The commit. Once the first head is durable, the body is the store. */
static int write_store(const struct bd *dev, const uint8_t *head, const uint8_t *body) {
    int code = LIE(HEAD_FIRST) ? write_blocks(dev, 0, head, HEAD, 0) : PC_OK;
    int only = LIE(ONE_HEAD) || LIE(STALE) ? (int)(sequence_of(head) % 2) : -1;

    if (code == PC_OK) {
        code = write_blocks(dev, area_of(dev, sequence_of(head)), body, size_of(head), LIE(NO_BODY_SYNC));
    }
    if (code == PC_OK && only != 1) {
        code = write_blocks(dev, 0, head, HEAD, LIE(NO_HEAD_SYNC) || LIE(NO_LAST_SYNC));
    }
    if (code == PC_OK && only != 0) {
        code = write_blocks(dev, 1, head, HEAD, LIE(NO_LAST_SYNC));
    }
    return code;
}

/* --- format, mount, unmount ------------------------------------------------------------------------ */

int plain_format(const struct bd *dev, const struct pc_options *options) {
    uint8_t *head;
    int code;

    if (!fits_device(dev) || (options->name_max != 0 && options->name_max != PLAIN_NAME_MAX)) {
        return PC_UNSUPPORTED;
    }
    head = calloc(1, dev->geometry.block_size);
    if (head == NULL) {
        return PC_NO_MEMORY;
    }
    make_head(head, 1, head, 0);
    code = write_blocks(dev, 0, head, HEAD, 0);
    if (code == PC_OK) {
        code = write_blocks(dev, 1, head, HEAD, 0);
    }
    free(head);
    return code;
}

static int is_whole(const struct bd *dev, const uint8_t *head) {
    if (LIE(NO_HEAD_SUM)) {
        return plain_get_le(head, 8) != 0 && plain_get_le(head, 8) != UINT64_MAX;
    }
    return plain_get_le(head, 8) == checksum(head + 8, HEAD - 8) &&
           blocks_for(dev, size_of(head)) <= area_blocks(dev);
}

/* Which of the heads is the store's, given the two blocks: 0, 1, or -1 for none. */
static int choose(const struct bd *dev, const uint8_t *first, const uint8_t *second) {
    if (is_whole(dev, first) && is_whole(dev, second)) {
        return LIE(STALE) ? sequence_of(second) < sequence_of(first)
                          : sequence_of(second) > sequence_of(first);
    }
    return is_whole(dev, first) ? 0 : is_whole(dev, second) ? 1 : -1;
}

static int read_body(struct plain *plain) {
    uint32_t size = size_of(plain->head);
    int code;

    plain->body = plain_new_body(&plain->dev, size);
    if (plain->body == NULL) {
        return PC_NO_MEMORY;
    }
    code = read_blocks(&plain->dev, area_of(&plain->dev, sequence_of(plain->head)), plain->body, size);
    if (code != PC_OK && LIE(ERROR_IS_EMPTY)) {
        plain_put_le(plain->head + 24, 0, 4);
        return PC_OK;
    }
    if (code == PC_OK && !LIE(NO_BODY_SUM) &&
        checksum(plain->body, size) != plain_get_le(plain->head + 16, 8)) {
        return PC_CORRUPT;
    }
    return code == PC_OK && !plain_is_sound(plain) ? PC_CORRUPT : code;
}

/* Makes the other head the equal of the good one, which is not touched. */
static int repair(struct plain *plain, uint32_t good) {
    int code = LIE(REWRITES_GOOD) ? write_blocks(&plain->dev, good, plain->head, HEAD, 0) : PC_OK;

    return code == PC_OK ? write_blocks(&plain->dev, 1 - good, plain->head, HEAD, 0) : code;
}

static int recover(struct plain *plain) {
    uint32_t block_size = plain->dev.geometry.block_size;
    uint8_t *other = plain->head + block_size;
    int code = read_blocks(&plain->dev, 0, plain->head, 2 * (size_t)block_size), good;

    if (code != PC_OK) {
        return code; /* what cannot be read may be the newer one */
    }
    plain->repaired = memcmp(plain->head, other, HEAD) != 0;
    good = choose(&plain->dev, plain->head, other);
    if (good < 0) {
        return PC_CORRUPT;
    }
    if (good == 1) {
        memcpy(plain->head, other, block_size);
    }
    code = read_body(plain);
    return code == PC_OK && plain->repaired && !plain->read_only && !LIE(NO_REPAIR)
               ? repair(plain, (uint32_t)good)
               : code;
}

void plain_unmount(void *self) {
    struct plain *plain = self;

    free(plain->head);
    free(plain->body);
    free(plain);
}

int plain_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct plain *plain = fits_device(dev) ? calloc(1, sizeof(*plain)) : NULL;
    int code;

    if (plain == NULL) {
        return fits_device(dev) ? PC_NO_MEMORY : PC_UNSUPPORTED;
    }
    plain->dev = *dev;
    plain->read_only = options->read_only != 0;
    plain->head = calloc(2, dev->geometry.block_size);
    code = plain->head == NULL ? PC_NO_MEMORY : recover(plain);
    if (code != PC_OK) {
        plain_unmount(plain);
        return code;
    }
    *ret_store = plain;
    return PC_OK;
}

/* --- the body ----------------------------------------------------------------------------------------- */

size_t plain_size(const struct plain *plain) {
    return size_of(plain->head);
}

size_t plain_room(const struct plain *plain) {
    return (size_t)area_blocks(&plain->dev) * plain->dev.geometry.block_size;
}

uint8_t *plain_new_body(const struct bd *dev, size_t size) {
    return calloc(blocks_for(dev, size) + 1, dev->geometry.block_size);
}

int plain_commit(struct plain *plain, uint8_t *body, size_t size) {
    uint8_t *head = calloc(2, plain->dev.geometry.block_size);

    if (head == NULL) {
        free(body);
        return PC_NO_MEMORY;
    }
    make_head(head, sequence_of(plain->head) + 1, body, size);
    plain->broken = write_store(&plain->dev, LIE(LATE) ? plain->head : head, LIE(LATE) ? plain->body : body);
    free(plain->head);
    free(plain->body);
    plain->head = head;
    plain->body = body;
    return plain->broken;
}

int plain_check_heads(const struct plain *plain) {
    uint32_t block_size = plain->dev.geometry.block_size;
    uint8_t *heads = calloc(2, block_size);
    int code = heads == NULL ? PC_NO_MEMORY : read_blocks(&plain->dev, 0, heads, 2 * (size_t)block_size);

    for (uint32_t i = 0; code == PC_OK && i < 2; i++) {
        code = memcmp(heads + i * block_size, plain->head, HEAD) == 0 ? PC_OK : PC_CORRUPT;
    }
    free(heads);
    return code;
}
