/* SPDX-License-Identifier: ISC
 *
 * skink.c: skink as the benchmark drives it, through its public API.
 */
#include "subject.h"

#include "skink.h"

#include <stdlib.h>
#include <string.h>

struct self {
    struct skink *store;
    struct skink_allocator allocator; /* which counts */
    uint64_t live;                    /* bytes that the store asked for and did not give back */
    uint64_t clock;
    int timestamps, count_memory;
};

/* In front of each piece of memory: its size. */
union head {
    size_t size;
    max_align_t align;
};

static void *count_alloc(void *ctx, size_t size) {
    struct self *self = ctx;
    union head *head = malloc(sizeof(*head) + size);

    if (head == NULL) {
        return NULL;
    }
    head->size = size;
    self->live += size;
    return head + 1;
}

static void count_free(void *ctx, void *memory) {
    struct self *self = ctx;
    union head *head = memory;

    if (head != NULL) {
        head--;
        self->live -= head->size;
        free(head);
    }
}

static void read_clock(void *ctx, struct skink_time *ret_time) {
    struct self *self = ctx;

    *ret_time = (struct skink_time){20780, self->clock++};
}

static const struct skink_allocator *allocator_of(const struct self *self) {
    return self->count_memory ? &self->allocator : NULL;
}

static int skink_subject_format(void *ctx, const struct bd *dev) {
    return skink_format(dev, allocator_of(ctx), NULL);
}

static int skink_subject_open(void *ctx, const struct bd *dev) {
    struct self *self = ctx;
    struct skink_config config = {.device = dev, .allocator = allocator_of(self)};

    if (self->timestamps) {
        config.now = read_clock;
        config.now_ctx = self;
    }
    return skink_open(&config, &self->store);
}

static void skink_subject_close(void *ctx) {
    struct self *self = ctx;

    skink_close(self->store);
    self->store = NULL;
}

static void skink_subject_free(void *ctx) {
    skink_subject_close(ctx);
    free(ctx);
}

static int skink_subject_set(void *ctx, const char *key, const void *bytes, uint32_t size) {
    struct self *self = ctx;

    return skink_set(self->store, key, strlen(key), bytes, size);
}

static int skink_subject_get(void *ctx, const char *key, void *buffer, uint32_t room, uint32_t *ret_size) {
    struct self *self = ctx;
    size_t size = 0;
    int code = skink_get_partial(self->store, key, strlen(key), 0, buffer, room, &size);

    *ret_size = (uint32_t)size;
    return code;
}

static int skink_subject_exists(void *ctx, const char *key, int *ret_there) {
    struct self *self = ctx;
    enum skink_kind kind = SKINK_NONE;
    int code = skink_exists(self->store, key, strlen(key), &kind);

    *ret_there = kind == SKINK_VALUE;
    return code;
}

static int skink_subject_remove(void *ctx, const char *key) {
    struct self *self = ctx;

    return skink_remove(self->store, key, strlen(key));
}

static int count_entry(void *ctx, const struct skink_entry *entry) {
    uint32_t *count = ctx;

    (void)entry;
    ++*count;
    return 0;
}

static int skink_subject_list(void *ctx, uint32_t *ret_count) {
    struct self *self = ctx;

    *ret_count = 0;
    return skink_list(self->store, "", 0, count_entry, ret_count);
}

/* Dictionaries come with the first value in them. */
static int skink_subject_make_dictionary(void *ctx, const char *key) {
    (void)ctx;
    (void)key;
    return 0;
}

static int skink_subject_write_at(void *ctx, const char *key, uint32_t off, const void *bytes,
                                  uint32_t size) {
    struct self *self = ctx;

    return skink_set_partial(self->store, key, strlen(key), off, bytes, size);
}

static int skink_subject_used(void *ctx, uint32_t *ret_blocks) {
    struct self *self = ctx;
    struct skink_stat stat = {0};
    int code = skink_stat(self->store, &stat);

    *ret_blocks = stat.blocks_used;
    return code;
}

static uint64_t skink_subject_memory(void *ctx) {
    const struct self *self = ctx;

    return self->live;
}

static const struct subject_ops skink_ops = {
    .name = "skink",
    .format = skink_subject_format,
    .open = skink_subject_open,
    .close = skink_subject_close,
    .free = skink_subject_free,
    .set = skink_subject_set,
    .get = skink_subject_get,
    .exists = skink_subject_exists,
    .remove = skink_subject_remove,
    .list = skink_subject_list,
    .make_dictionary = skink_subject_make_dictionary,
    .write_at = skink_subject_write_at,
    .used = skink_subject_used,
    .memory = skink_subject_memory,
};

int subject_skink(int timestamps, int count_memory, struct subject *ret_subject) {
    struct self *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return -1;
    }
    self->allocator = (struct skink_allocator){count_alloc, count_free, self};
    self->timestamps = timestamps;
    self->count_memory = count_memory;
    *ret_subject = (struct subject){&skink_ops, self};
    return 0;
}
