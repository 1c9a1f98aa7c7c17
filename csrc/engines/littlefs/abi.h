/* SPDX-License-Identifier: ISC
 *
 * abi.h: the binary interface of littlefs 2.11 as the PyPI package littlefs-python compiles it.
 *
 * Numbers and layouts are facts of that library, built with LFS_MULTIVERSION and without LFS_THREADSAFE;
 * library.c refuses one that answers otherwise. What littlefs keeps to itself is storage of ample size here.
 */
#ifndef ENGINES_LITTLEFS_ABI_H
#define ENGINES_LITTLEFS_ABI_H

#include <stddef.h>
#include <stdint.h>

enum {
    LFS_IO = -5,
    LFS_CORRUPT = -84,
    LFS_NO_ENTRY = -2,
    LFS_EXISTS = -17,
    LFS_NOT_DIR = -20,
    LFS_IS_DIR = -21,
    LFS_NOT_EMPTY = -39,
    LFS_TOO_BIG = -27,
    LFS_INVALID = -22,
    LFS_NO_SPACE = -28,
    LFS_NO_MEMORY = -12,
    LFS_NO_ATTR = -61,
    LFS_NAME_TOO_LONG = -36
};

enum { LFS_FILE = 1, LFS_DIRECTORY = 2 };
enum { LFS_READ = 1, LFS_WRITE = 2, LFS_CREATE = 0x100, LFS_TRUNCATE = 0x400 };
enum { LFS_SEEK_SET = 0 };

#define LFS_DISK_2_0 0x00020000u
#define LFS_DISK_2_1 0x00020001u

struct lfs_config {
    void *context;
    int (*read)(const struct lfs_config *config, uint32_t block, uint32_t off, void *bytes, uint32_t size);
    int (*prog)(const struct lfs_config *config, uint32_t block, uint32_t off, const void *bytes,
                uint32_t size);
    int (*erase)(const struct lfs_config *config, uint32_t block);
    int (*sync)(const struct lfs_config *config);
    uint32_t read_size, prog_size, block_size, block_count;
    int32_t block_cycles; /* -1: no wear levelling */
    uint32_t cache_size, lookahead_size, compact_thresh;
    void *read_buffer, *prog_buffer, *lookahead_buffer;
    uint32_t name_max, file_max, attr_max, metadata_max, inline_max;
    uint32_t disk_version;
};

/* name is as long as any build of littlefs may make it. */
struct lfs_info {
    uint8_t type;
    uint32_t size;
    char name[1024];
};

struct lfs_fsinfo {
    uint32_t disk_version, block_size, block_count, name_max, file_max, attr_max;
};

struct lfs_attr {
    uint8_t type;
    void *buffer;
    uint32_t size;
};

struct lfs_file_config {
    void *buffer;
    struct lfs_attr *attrs;
    uint32_t attr_count;
};

/* Opaque, and larger than littlefs's own: those take up 160, 104 and 64 bytes on 64-bit machines. */
struct lfs {
    max_align_t storage[64];
};
struct lfs_file {
    max_align_t storage[32];
};
struct lfs_dir {
    max_align_t storage[32];
};

#define LFS_STATE_SIZE 160u
#define LFS_FILE_SIZE 104u

/* The functions, by their names without "lfs_". */
struct lfs_functions {
    int (*format)(struct lfs *lfs, const struct lfs_config *config);
    int (*mount)(struct lfs *lfs, const struct lfs_config *config);
    int (*unmount)(struct lfs *lfs);
    int (*remove)(struct lfs *lfs, const char *path);
    int (*rename)(struct lfs *lfs, const char *from, const char *to);
    int (*stat)(struct lfs *lfs, const char *path, struct lfs_info *ret_info);
    int32_t (*getattr)(struct lfs *lfs, const char *path, uint8_t type, void *bytes, uint32_t size);
    int (*file_opencfg)(struct lfs *lfs, struct lfs_file *file, const char *path, int flags,
                        const struct lfs_file_config *config);
    int (*file_close)(struct lfs *lfs, struct lfs_file *file);
    int (*file_sync)(struct lfs *lfs, struct lfs_file *file);
    int32_t (*file_read)(struct lfs *lfs, struct lfs_file *file, void *bytes, uint32_t size);
    int32_t (*file_write)(struct lfs *lfs, struct lfs_file *file, const void *bytes, uint32_t size);
    int32_t (*file_seek)(struct lfs *lfs, struct lfs_file *file, int32_t off, int whence);
    int32_t (*file_size)(struct lfs *lfs, struct lfs_file *file);
    int (*mkdir)(struct lfs *lfs, const char *path);
    int (*dir_open)(struct lfs *lfs, struct lfs_dir *dir, const char *path);
    int (*dir_close)(struct lfs *lfs, struct lfs_dir *dir);
    int (*dir_read)(struct lfs *lfs, struct lfs_dir *dir, struct lfs_info *ret_info);
    int (*fs_stat)(struct lfs *lfs, struct lfs_fsinfo *ret_info);
    int32_t (*fs_size)(struct lfs *lfs);
    int (*fs_mkconsistent)(struct lfs *lfs);
};

#endif
