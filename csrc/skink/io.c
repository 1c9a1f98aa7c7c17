/* SPDX-License-Identifier: ISC
 *
 * io.c: the one seam to the device and the one to the allocator.
 */
#include "io.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static void *default_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void default_free(void *ctx, void *memory) {
    (void)ctx;
    free(memory);
}

const struct skink_allocator *io_default_allocator(void) {
    static const struct skink_allocator allocator = {default_alloc, default_free, NULL};
    return &allocator;
}

int io_init(struct io *io, const struct bd *dev, const struct skink_allocator *mem) {
    const struct bd_geometry *geo = &dev->geometry;
    if (geo->block_size < 128 || geo->block_count < 2 || geo->read_size == 0 || geo->prog_size == 0 ||
        geo->block_size % geo->read_size != 0 || geo->block_size % geo->prog_size != 0) {
        return SKINK_UNSUPPORTED;
    }
    io->dev = dev;
    io->mem = mem != NULL ? mem : io_default_allocator();
    io->block_size = geo->block_size;
    io->block_count = geo->block_count;
    io->prog_size = geo->prog_size;
    io->read_size = geo->read_size;
    io->verify = false;
    io->bounce = io_alloc(io, io->block_size);
    return io->bounce != NULL ? SKINK_OK : SKINK_NO_MEMORY;
}

void io_release(struct io *io) {
    io_free(io, io->bounce);
    io->bounce = NULL;
}

void *io_alloc(const struct io *io, size_t size) {
    return io->mem->alloc(io->mem->ctx, size != 0 ? size : 1);
}

void io_free(const struct io *io, void *memory) {
    if (memory != NULL) {
        io->mem->free(io->mem->ctx, memory);
    }
}

int io_reserve(const struct io *io, void *array_slot, size_t *capacity, size_t count, size_t element_size) {
    if (count <= *capacity) {
        return SKINK_OK;
    }
    size_t want = *capacity < 4 ? 4 : *capacity * 2;
    if (want < count) {
        want = count;
    }
    void *old;
    memcpy(&old, array_slot, sizeof(old));
    void *grown = want <= SIZE_MAX / element_size ? io_alloc(io, want * element_size) : NULL;
    if (grown == NULL) {
        return SKINK_NO_MEMORY;
    }
    if (old != NULL) {
        memcpy(grown, old, *capacity * element_size);
        io_free(io, old);
    }
    memcpy(array_slot, &grown, sizeof(grown));
    *capacity = want;
    return SKINK_OK;
}

static int io_code(int bd_code) {
    switch (bd_code) {
    case BD_OK:
        return SKINK_OK;
    case BD_NO_MEMORY:
        return SKINK_NO_MEMORY;
    case BD_READ_ONLY:
        return SKINK_READ_ONLY;
    default:
        return SKINK_IO;
    }
}

int io_read(const struct io *io, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    if (block >= io->block_count || off > io->block_size || size > io->block_size - off) {
        return SKINK_CORRUPT;
    }
    if (size == 0) {
        return SKINK_OK;
    }
    uint32_t from = off - off % io->read_size;
    uint32_t span = round_up(off - from + size, io->read_size);
    const struct bd *dev = io->dev;
    if (from == off && span == size) {
        return io_code(dev->ops->read(dev->self, block, off, ret_bytes, size));
    }
    int code = io_code(dev->ops->read(dev->self, block, from, io->bounce, span));
    if (code == SKINK_OK) {
        memcpy(ret_bytes, io->bounce + (off - from), size);
    }
    return code;
}

static int write_code(int bd_code) {
    return bd_code == BD_BAD_BLOCK ? IO_BAD_BLOCK : io_code(bd_code);
}

/* Whether the device holds what it was told to. */
static int read_back(const struct io *io, uint32_t block, uint32_t off, const uint8_t *bytes, uint32_t size) {
    uint8_t got[256];
    for (uint32_t done = 0; done < size;) {
        uint32_t part = min_u32(size - done, (uint32_t)sizeof(got));
        int code = io_read(io, block, off + done, got, part);
        if (code != SKINK_OK) {
            return code;
        }
        if (memcmp(got, bytes + done, part) != 0) {
            return IO_BAD_BLOCK;
        }
        done += part;
    }
    return SKINK_OK;
}

int io_prog(const struct io *io, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    int code = write_code(io->dev->ops->prog(io->dev->self, block, off, bytes, size));
    return code == SKINK_OK && io->verify ? read_back(io, block, off, bytes, size) : code;
}

int io_erase(const struct io *io, uint32_t block) {
    return write_code(io->dev->ops->erase(io->dev->self, block));
}

int io_sync(const struct io *io) {
    return io_code(io->dev->ops->sync(io->dev->self));
}
