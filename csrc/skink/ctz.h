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

/* The list's blocks, the last first, appended to ret_list. Errors: SKINK_CORRUPT, SKINK_IO, SKINK_NO_MEMORY. */
int ctz_collect(const struct io *io, uint32_t head, uint32_t value_size, struct block_list *ret_list);

/* A source of bytes for ctz_write: copies size bytes of the new value, from pos on, to buffer. */
struct ctz_source {
    int (*read)(void *ctx, uint32_t pos, uint8_t *buffer, uint32_t size);
    void *ctx;
};

/* Writes a value of size > 0 bytes into fresh blocks, which are appended to ret_list. The first `kept`
 * blocks are taken from `old`, the old list's blocks, last first, as they are. scratch: block_size bytes.
 * Errors: SKINK_NO_SPACE, SKINK_IO, SKINK_NO_MEMORY, what the source says; the blocks in ret_list are then
 * the caller's to free. The caller syncs. */
int ctz_write(const struct io *io, struct blocks *blocks, const struct ctz_source *source, uint32_t size,
              uint32_t kept, const struct block_list *old, uint8_t *scratch, struct block_list *ret_list,
              uint32_t *ret_head);

#endif
