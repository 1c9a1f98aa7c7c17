/* SPDX-License-Identifier: ISC
 *
 * device.c: a block device as littlefs wants to see it, and the memory that littlefs works in.
 */
#include "library.h"

#include <stdlib.h>
#include <string.h>

static int lfs_code(int bd_code) {
    switch (bd_code) {
    case BD_OK:
        return 0;
    case BD_BAD_BLOCK:
        return LFS_CORRUPT; /* littlefs then takes another block */
    case BD_NO_MEMORY:
        return LFS_NO_MEMORY;
    default:
        return LFS_IO;
    }
}

static int device_read(const struct lfs_config *config, uint32_t block, uint32_t off, void *bytes,
                       uint32_t size) {
    const struct bd *dev = config->context;

    return lfs_code(dev->ops->read(dev->self, block, off, bytes, size));
}

static int device_prog(const struct lfs_config *config, uint32_t block, uint32_t off, const void *bytes,
                       uint32_t size) {
    const struct bd *dev = config->context;

    return lfs_code(dev->ops->prog(dev->self, block, off, bytes, size));
}

static int device_erase(const struct lfs_config *config, uint32_t block) {
    const struct bd *dev = config->context;

    return lfs_code(dev->ops->erase(dev->self, block));
}

static int device_sync(const struct lfs_config *config) {
    const struct bd *dev = config->context;

    return lfs_code(dev->ops->sync(dev->self));
}

/* littlefs asserts what it does not check: an impossible geometry must not get as far. */
static int geometry_fits(const struct bd_geometry *geometry) {
    return geometry->block_size >= 128 && geometry->block_count >= 2 && geometry->read_size > 0 &&
           geometry->prog_size > 0 && geometry->block_size % geometry->read_size == 0 &&
           geometry->block_size % geometry->prog_size == 0;
}

int littlefs_init(struct littlefs *fs, const struct lfs_functions *call, const struct bd *dev) {
    const struct bd_geometry *geometry = &dev->geometry;
    size_t cache = geometry->block_size;
    uint32_t lookahead = (geometry->block_count + 63) / 64 * 8;

    memset(fs, 0, sizeof(*fs));
    if (!geometry_fits(geometry)) {
        return LFS_INVALID;
    }
    fs->memory = calloc(1, 3 * cache + lookahead);
    if (fs->memory == NULL) {
        return LFS_NO_MEMORY;
    }
    fs->call = call;
    fs->dev = *dev;
    fs->file_cache = fs->memory + 2 * cache;
    fs->config = (struct lfs_config){
        .context = &fs->dev,
        .read = device_read,
        .prog = device_prog,
        .erase = device_erase,
        .sync = device_sync,
        .read_size = geometry->read_size,
        .prog_size = geometry->prog_size,
        .block_size = geometry->block_size,
        .block_count = geometry->block_count,
        .block_cycles = -1,
        .cache_size = geometry->block_size,
        .lookahead_size = lookahead,
        .read_buffer = fs->memory,
        .prog_buffer = fs->memory + cache,
        .lookahead_buffer = fs->memory + 3 * cache,
    };
    return 0;
}

void littlefs_release(struct littlefs *fs) {
    free(fs->memory);
    fs->memory = NULL;
}

uint64_t littlefs_memory(const struct littlefs *fs) {
    return (uint64_t)LFS_STATE_SIZE + LFS_FILE_SIZE + 3u * (uint64_t)fs->config.cache_size +
           fs->config.lookahead_size;
}
