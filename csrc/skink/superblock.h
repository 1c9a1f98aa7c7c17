/* SPDX-License-Identifier: ISC
 *
 * superblock.h: the superblock entry's 24 bytes.
 *
 *     offset  size  meaning
 *     0       4     le32: version, major << 16 | minor
 *     4       4     le32: block size, bytes
 *     8       4     le32: block count
 *     12      4     le32: longest name, bytes
 *     16      4     le32: largest value, bytes
 *     20      4     le32: largest user attribute, bytes
 */
#ifndef SKINK_SUPERBLOCK_H
#define SKINK_SUPERBLOCK_H

#include "mdir.h"

#define SUPERBLOCK_SIZE 24
#define SUPERBLOCK_MAGIC "littlefs"
#define SUPERBLOCK_MAGIC_SIZE 8
#define NAME_MAX_DEFAULT 255u
#define NAME_MAX_LIMIT 1022u
#define ATTR_MAX_LIMIT 1022u
#define VALUE_MAX_LIMIT 0x7fffffffu

struct superblock {
    uint32_t major, minor;
    uint32_t block_size, block_count;
    uint32_t name_max, value_max, attr_max;
};

/* Fields of 0 get their defaults. Errors: SKINK_CORRUPT, SKINK_UNSUPPORTED. */
int superblock_get(struct superblock *sb, const uint8_t *bytes, uint32_t size);
void superblock_put(const struct superblock *sb, uint8_t bytes[SUPERBLOCK_SIZE]);

/* Whether a fetched pair begins with a superblock entry. */
bool mdir_is_super(const struct mdir *m);

#endif
