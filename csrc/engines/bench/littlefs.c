/* SPDX-License-Identifier: ISC
 *
 * littlefs.c: real littlefs as the benchmark drives it, at its best: large caches, no wear levelling, and a
 * file that is appended to or rewritten in place stays open.
 */
#include "subject.h"

#include "../littlefs/library.h"

#include <stdlib.h>
#include <string.h>

#define ATTRIBUTE 0x74
#define ATTRIBUTE_SIZE 12u

struct self {
    const struct lfs_functions *call;
    struct littlefs fs;
    struct lfs_file held; /* the file of write_at */
    struct lfs_file_config file_config;
    struct lfs_attr attr;
    uint8_t time[ATTRIBUTE_SIZE];
    uint8_t clock;
    int is_open, is_held;
};

static int init(struct self *self, const struct bd *dev) {
    int code = littlefs_init(&self->fs, self->call, dev);

    self->file_config.buffer = self->fs.file_cache;
    return code;
}

static int lfs_subject_format(void *ctx, const struct bd *dev) {
    struct self *self = ctx;
    int code = init(self, dev);

    if (code == 0) {
        code = self->call->format(&self->fs.lfs, &self->fs.config);
        littlefs_release(&self->fs);
    }
    return code;
}

static int lfs_subject_open(void *ctx, const struct bd *dev) {
    struct self *self = ctx;
    int code = init(self, dev);

    if (code != 0) {
        return code;
    }
    code = self->call->mount(&self->fs.lfs, &self->fs.config);
    if (code != 0) {
        littlefs_release(&self->fs);
        return code;
    }
    self->is_open = 1;
    return 0;
}

static int let_go(struct self *self) {
    int code = self->is_held ? self->call->file_close(&self->fs.lfs, &self->held) : 0;

    self->is_held = 0;
    return code;
}

static void lfs_subject_close(void *ctx) {
    struct self *self = ctx;

    if (self->is_open) {
        (void)let_go(self);
        (void)self->call->unmount(&self->fs.lfs);
        littlefs_release(&self->fs);
        self->is_open = 0;
    }
}

static void lfs_subject_free(void *ctx) {
    lfs_subject_close(ctx);
    free(ctx);
}

/* Closes the file whatever happened; the first code counts. */
static int close_after(struct self *self, struct lfs_file *file, int code) {
    int closed = self->call->file_close(&self->fs.lfs, file);

    return code < 0 ? code : closed;
}

static int lfs_subject_set(void *ctx, const char *key, const void *bytes, uint32_t size) {
    struct self *self = ctx;
    struct lfs_file file;
    int code;

    self->time[4] = self->clock++;
    code = self->call->file_opencfg(&self->fs.lfs, &file, key, LFS_WRITE | LFS_CREATE | LFS_TRUNCATE,
                                    &self->file_config);
    if (code != 0) {
        return code;
    }
    return close_after(self, &file, (int)self->call->file_write(&self->fs.lfs, &file, bytes, size));
}

static int lfs_subject_get(void *ctx, const char *key, void *buffer, uint32_t room, uint32_t *ret_size) {
    struct self *self = ctx;
    struct lfs_file_config config = {.buffer = self->fs.file_cache};
    struct lfs_file file;
    int32_t size;
    int code = self->call->file_opencfg(&self->fs.lfs, &file, key, LFS_READ, &config);

    if (code != 0) {
        return code;
    }
    size = self->call->file_read(&self->fs.lfs, &file, buffer, room);
    *ret_size = size < 0 ? 0 : (uint32_t)size;
    return close_after(self, &file, size);
}

static int lfs_subject_exists(void *ctx, const char *key, int *ret_there) {
    struct self *self = ctx;
    struct lfs_info info;
    int code = self->call->stat(&self->fs.lfs, key, &info);

    *ret_there = code == 0 && info.type == LFS_FILE;
    return code == LFS_NO_ENTRY ? 0 : code;
}

static int lfs_subject_remove(void *ctx, const char *key) {
    struct self *self = ctx;

    return self->call->remove(&self->fs.lfs, key);
}

static int lfs_subject_list(void *ctx, uint32_t *ret_count) {
    struct self *self = ctx;
    struct lfs_info info;
    struct lfs_dir dir;
    int code = self->call->dir_open(&self->fs.lfs, &dir, "/");
    int closed;

    if (code != 0) {
        return code;
    }
    *ret_count = 0;
    for (code = self->call->dir_read(&self->fs.lfs, &dir, &info); code > 0;
         code = self->call->dir_read(&self->fs.lfs, &dir, &info)) {
        *ret_count += info.type == LFS_FILE;
    }
    closed = self->call->dir_close(&self->fs.lfs, &dir);
    return code != 0 ? code : closed;
}

static int lfs_subject_make_dictionary(void *ctx, const char *key) {
    struct self *self = ctx;

    return self->call->mkdir(&self->fs.lfs, key);
}

static int lfs_subject_write_at(void *ctx, const char *key, uint32_t off, const void *bytes, uint32_t size) {
    struct self *self = ctx;
    int32_t code = 0;

    self->time[4] = self->clock++;
    if (!self->is_held) {
        code = self->call->file_opencfg(&self->fs.lfs, &self->held, key, LFS_WRITE | LFS_CREATE,
                                        &self->file_config);
        if (code != 0) {
            return code;
        }
        self->is_held = 1;
    }
    code = self->call->file_seek(&self->fs.lfs, &self->held, (int32_t)off, LFS_SEEK_SET);
    if (code >= 0) {
        code = self->call->file_write(&self->fs.lfs, &self->held, bytes, size);
    }
    return code < 0 ? code : self->call->file_sync(&self->fs.lfs, &self->held);
}

static int lfs_subject_used(void *ctx, uint32_t *ret_blocks) {
    struct self *self = ctx;
    int32_t blocks = self->call->fs_size(&self->fs.lfs);

    *ret_blocks = blocks < 0 ? 0 : (uint32_t)blocks;
    return blocks < 0 ? blocks : 0;
}

static uint64_t lfs_subject_memory(void *ctx) {
    const struct self *self = ctx;

    return self->is_open ? littlefs_memory(&self->fs) : 0;
}

static const struct subject_ops lfs_ops = {
    .name = "littlefs",
    .format = lfs_subject_format,
    .open = lfs_subject_open,
    .close = lfs_subject_close,
    .free = lfs_subject_free,
    .set = lfs_subject_set,
    .get = lfs_subject_get,
    .exists = lfs_subject_exists,
    .remove = lfs_subject_remove,
    .list = lfs_subject_list,
    .make_dictionary = lfs_subject_make_dictionary,
    .write_at = lfs_subject_write_at,
    .used = lfs_subject_used,
    .memory = lfs_subject_memory,
};

int subject_littlefs(const struct lfs_functions *call, int timestamps, struct subject *ret_subject) {
    struct self *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return -1;
    }
    self->call = call;
    self->attr = (struct lfs_attr){ATTRIBUTE, self->time, ATTRIBUTE_SIZE};
    self->file_config.attrs = &self->attr;
    self->file_config.attr_count = timestamps ? 1 : 0;
    *ret_subject = (struct subject){&lfs_ops, self};
    return 0;
}
