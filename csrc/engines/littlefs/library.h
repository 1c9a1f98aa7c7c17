/* SPDX-License-Identifier: ISC
 *
 * library.h: real littlefs out of littlefs-python's compiled module, and block devices for it.
 */
#ifndef ENGINES_LITTLEFS_LIBRARY_H
#define ENGINES_LITTLEFS_LIBRARY_H

#include "abi.h"
#include "blockdev.h"

/* The environment variable with the path of littlefs-python's compiled module. */
#define LITTLEFS_VARIABLE "POWERCUT_LITTLEFS"

/* Loads littlefs from a path. It stays loaded for the life of the process; then the path does not matter, and
 * may be NULL. NULL on failure, and one sentence in ret_text that says what to do. */
const struct lfs_functions *littlefs_load(const char *path, char *ret_text, size_t text_size);

/* littlefs on a device: the configuration that it is given, and the memory that goes with it. */
struct littlefs {
    const struct lfs_functions *call;
    struct lfs lfs;
    struct lfs_config config;
    struct bd dev;
    uint8_t *memory; /* the caches: read, prog, one open file; then the lookahead buffer */
    uint8_t *file_cache;
};

/* Prepares littlefs for a device: caches of a block, a lookahead as long as the device, no wear levelling,
 * nothing mounted. Returns 0, LFS_INVALID for a geometry that littlefs cannot have, or LFS_NO_MEMORY. */
int littlefs_init(struct littlefs *fs, const struct lfs_functions *call, const struct bd *dev);
void littlefs_release(struct littlefs *fs);

/* The memory that littlefs works in, while one file is open, in bytes. */
uint64_t littlefs_memory(const struct littlefs *fs);

#endif
