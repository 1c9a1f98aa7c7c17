/* SPDX-License-Identifier: ISC
 *
 * subject.h: an engine as the benchmark drives it: through the calls of its own that a user would choose.
 */
#ifndef ENGINES_BENCH_SUBJECT_H
#define ENGINES_BENCH_SUBJECT_H

#include "blockdev.h"

struct lfs_functions;

/* Functions return 0 or the engine's own code, which is negative. Keys end in NUL. */
struct subject_ops {
    const char *name;
    int (*format)(void *self, const struct bd *dev);
    int (*open)(void *self, const struct bd *dev);
    void (*close)(void *self); /* may be called when nothing is open */
    void (*free)(void *self);
    int (*set)(void *self, const char *key, const void *bytes, uint32_t size);
    int (*get)(void *self, const char *key, void *buffer, uint32_t room, uint32_t *ret_size);
    int (*exists)(void *self, const char *key, int *ret_there);
    int (*remove)(void *self, const char *key);
    int (*list)(void *self, uint32_t *ret_count); /* of the root */
    int (*make_dictionary)(void *self, const char *key);
    /* Writes into a value, or at its end. An engine with open files may keep this one open until it is
     * closed: its users would. */
    int (*write_at)(void *self, const char *key, uint32_t off, const void *bytes, uint32_t size);
    int (*used)(void *self, uint32_t *ret_blocks);
    uint64_t (*memory)(void *self); /* bytes in use now */
};

struct subject {
    const struct subject_ops *ops;
    void *self;
};

/* count_memory: 1 keeps account of every allocation, which takes time. 0, or -1 for want of memory. */
int subject_skink(int timestamps, int count_memory, struct subject *ret_subject);
int subject_littlefs(const struct lfs_functions *call, int timestamps, struct subject *ret_subject);

#endif
