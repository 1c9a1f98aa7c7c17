/* SPDX-License-Identifier: ISC
 *
 * io.h: the device and the allocator as the engine uses them: any range of a block can be read, sizes are
 * the engine's business, and errors are skink's codes.
 */
#ifndef SKINK_IO_H
#define SKINK_IO_H

#include <stdbool.h>

#include "skink.h"

struct io {
    const struct bd *dev;
    const struct skink_allocator *mem;
    uint32_t block_size, block_count; /* block_count: the image's, at most the device's */
    uint32_t prog_size, read_size;
    uint8_t *bounce; /* block_size bytes, for reads that the device could not do as they are */
    bool verify;     /* read back what was programmed */
};

/* What a prog or an erase answers when this one block has gone bad: another must take its place. It never
 * reaches a caller of the engine. */
#define IO_BAD_BLOCK 1

/* malloc and free. */
const struct skink_allocator *io_default_allocator(void);

int io_init(struct io *io, const struct bd *dev, const struct skink_allocator *mem);
void io_release(struct io *io);

void *io_alloc(const struct io *io, size_t size);
void io_free(const struct io *io, void *memory);

/* Makes room for count elements of the given size in a growing array: *array, of *capacity elements.
 * Errors: SKINK_NO_MEMORY, and then nothing has changed. */
int io_reserve(const struct io *io, void *array_slot, size_t *capacity, size_t count, size_t element_size);

/* Any bytes of one block. Errors: SKINK_IO; SKINK_CORRUPT if the range is not in the device. */
int io_read(const struct io *io, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size);

/* off and size are multiples of prog_size. Errors: SKINK_IO, IO_BAD_BLOCK; so too for an erase. */
int io_prog(const struct io *io, uint32_t block, uint32_t off, const void *bytes, uint32_t size);
int io_erase(const struct io *io, uint32_t block);
int io_sync(const struct io *io);

#endif
