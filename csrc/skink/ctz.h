/* SPDX-License-Identifier: ISC
 *
 * ctz.h: values too large for a metadata pair: a list of blocks that points backwards. Block 0 is all data;
 * block i begins with ctz(i) + 1 le32 pointers, to blocks i - 1, i - 2, i - 4 and so on. The entry names
 * the last block and the size.
 */
#ifndef SKINK_CTZ_H
#define SKINK_CTZ_H

#include "blocks.h"

/* Index of the block that holds byte pos, and where in that block it lies. */
uint32_t ctz_locate(uint32_t block_size, uint32_t pos, uint32_t *ret_off);
/* How many blocks a value of size > 0 bytes takes. */
uint32_t ctz_count(uint32_t block_size, uint32_t size);

/* Reads size bytes from pos on; pos + size is at most the value's size.
 * Errors: SKINK_CORRUPT (a pointer out of the device, or two that contradict each other), SKINK_IO,
 * SKINK_NO_MEMORY. */
int ctz_read(const struct io *io, uint32_t head, uint32_t value_size, uint32_t pos, uint8_t *buffer,
             uint32_t size);

/* The block of an index. Errors: SKINK_CORRUPT, SKINK_IO. */
int ctz_find(const struct io *io, uint32_t head, uint32_t value_size, uint32_t index, uint32_t *ret_block);

/* The list's blocks but for the first `kept`, the last first, appended to ret_list.
 * Errors: SKINK_CORRUPT, SKINK_IO, SKINK_NO_MEMORY. */
int ctz_collect(const struct io *io, uint32_t head, uint32_t value_size, uint32_t kept,
                struct block_list *ret_list);

/* All of the list's blocks, when it is not known yet whether its pointers agree: SKINK_CORRUPT where two
 * contradict each other. */
int ctz_collect_checked(const struct io *io, uint32_t head, uint32_t value_size, struct block_list *ret_list);

/* A value to be written. */
struct ctz_draft {
    uint32_t size;      /* bytes, more than 0 */
    uint32_t kept;      /* so many leading blocks of an old value stay the new one's */
    uint32_t last_kept; /* the last of them */
    uint8_t *scratch;   /* block_size bytes */
    int (*read)(void *ctx, uint32_t pos, uint8_t *buffer, uint32_t size); /* the new value's bytes */
    void *ctx;
};

/* Writes the blocks that are not kept into fresh ones, which are appended to ret_list.
 * Errors: SKINK_NO_SPACE, SKINK_IO, SKINK_NO_MEMORY, what read says; the blocks in ret_list are then the
 * caller's to free. The caller syncs. */
int ctz_write(const struct io *io, struct blocks *blocks, const struct ctz_draft *draft,
              struct block_list *ret_list, uint32_t *ret_head);

#endif
