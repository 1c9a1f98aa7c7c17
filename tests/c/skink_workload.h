/* SPDX-License-Identifier: ISC */
/* skink_workload.h: a fixed list of operations that goes through every protocol of skink, and a sum over all that a
 * store holds, to tell its states apart. */
#ifndef SKINK_WORKLOAD_H
#define SKINK_WORKLOAD_H

#include <stdlib.h>
#include <string.h>

#include "skink.h"

struct work_op {
    char kind; /* s set, p set_partial, a allocate, r remove, m rename */
    const char *key;
    const char *target;
    uint32_t off, size;
};

#define WORK_OPS 67

static inline const struct work_op *work_op(size_t i) {
    static const struct work_op ops[WORK_OPS] = {
        {'s', "a", NULL, 0, 10},        {'s', "b", NULL, 0, 1500},     {'s', "d/x", NULL, 0, 30},
        {'s', "e/f/g/h", NULL, 0, 700}, {'p', "b", NULL, 600, 900},    {'p', "a", NULL, 99, 5},
        {'a', "z", NULL, 0, 2000},      {'m', "a", "a2", 0, 0},        {'m', "b", "d", 0, 0},
        {'m', "e/f", "q/r/s", 0, 0},    {'s', "k00", NULL, 0, 60},     {'s', "k01", NULL, 0, 60},
        {'s', "k02", NULL, 0, 60},      {'s', "k03", NULL, 0, 60},     {'s', "k04", NULL, 0, 60},
        {'s', "k05", NULL, 0, 60},      {'s', "k06", NULL, 0, 60},     {'s', "k07", NULL, 0, 60},
        {'s', "k08", NULL, 0, 60},      {'s', "k09", NULL, 0, 60},     {'s', "a/b/c", NULL, 0, 3},
        {'s', "aa/b/c", NULL, 0, 400},  {'m', "k00", "k09", 0, 0},     {'m', "k01", "q/k01", 0, 0},
        {'m', "q", "zz/y", 0, 0},       {'m', "zz/y/r/s", "a", 0, 0},  {'r', "d", NULL, 0, 0},
        {'s', "k02x/y", NULL, 0, 9},    {'r', "k02", NULL, 0, 0},      {'r', "k03", NULL, 0, 0},
        {'r', "k04", NULL, 0, 0},       {'r', "k05", NULL, 0, 0},      {'s', "k09", NULL, 0, 5000},
        {'s', "k09", NULL, 0, 4},       {'r', "aa", NULL, 0, 0},       {'s', "ab/1", NULL, 0, 70},
        {'s', "ab/2", NULL, 0, 70},     {'s', "ab/3", NULL, 0, 70},    {'s', "ab/4", NULL, 0, 70},
        {'s', "ab/5", NULL, 0, 70},     {'s', "ab/6/x/y", NULL, 0, 7}, {'s', "ab/7", NULL, 0, 70},
        {'r', "ab", NULL, 0, 0},        {'r', "a", NULL, 0, 0},        {'r', "zz", NULL, 0, 0},
        {'r', "z", NULL, 0, 0},         {'s', "s1/1", NULL, 0, 60},    {'s', "s1/2", NULL, 0, 60},
        {'s', "s1/3", NULL, 0, 60},     {'s', "s1/4", NULL, 0, 60},    {'s', "s1/5", NULL, 0, 60},
        {'s', "s1/6", NULL, 0, 60},     {'s', "s1/7", NULL, 0, 60},    {'s', "ws1/x", NULL, 0, 5},
        {'s', "s2/1", NULL, 0, 60},     {'s', "s2/2", NULL, 0, 60},    {'s', "s2/3", NULL, 0, 60},
        {'s', "s2/4", NULL, 0, 60},     {'s', "s2/5", NULL, 0, 60},    {'s', "s2/6", NULL, 0, 60},
        {'s', "s2/7", NULL, 0, 60},     {'s', "ws2/x", NULL, 0, 5},    {'s', "t/x", NULL, 0, 600},
        {'m', "s1", "t/s1", 0, 0},      {'m', "s2", "t/s2", 0, 0},     {'r', "t", NULL, 0, 0},
        {'s', "last", NULL, 0, 1},
    };
    return &ops[i];
}

static inline int work_apply(struct skink *store, size_t i) {
    const struct work_op *op = work_op(i);
    size_t len = strlen(op->key);
    uint8_t *bytes = malloc(op->size + 1);
    int code = SKINK_INVALID_ARGUMENT;
    if (bytes == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    for (uint32_t k = 0; k < op->size; k++) {
        bytes[k] = (uint8_t)(k * 31 + i * 7 + (k >> 8));
    }
    switch (op->kind) {
    case 's':
        code = skink_set(store, op->key, len, bytes, op->size);
        break;
    case 'p':
        code = skink_set_partial(store, op->key, len, op->off, bytes, op->size);
        break;
    case 'a':
        code = skink_allocate(store, op->key, len, op->size, NULL);
        break;
    case 'r':
        code = skink_remove(store, op->key, len);
        break;
    case 'm':
        code = skink_rename(store, op->key, len, op->target, strlen(op->target));
        break;
    default:
        break;
    }
    free(bytes);
    return code;
}

static inline uint64_t work_mix(uint64_t sum, const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ p[i]) * 0x100000001b3u;
    }
    return sum;
}

struct work_sum {
    struct skink *store;
    uint64_t sum;
};

static inline int work_add(void *ctx, const struct skink_entry *entry) {
    struct work_sum *w = ctx;
    w->sum = work_mix(w->sum, entry->name, entry->name_len);
    w->sum = work_mix(w->sum, &entry->kind, sizeof(entry->kind));
    if (entry->kind == SKINK_VALUE) {
        uint8_t *bytes = malloc((size_t)entry->size + 1);
        int code = bytes != NULL ? skink_entry_read(w->store, entry, bytes) : SKINK_INVALID_ARGUMENT;
        w->sum = code == SKINK_OK ? work_mix(w->sum, bytes, (size_t)entry->size) : 0;
        free(bytes);
        return code;
    }
    return 0;
}

/* 0 for a store that cannot be read. */
static inline uint64_t work_state(struct skink *store) {
    struct work_sum w = {store, 0xcbf29ce484222325u};
    return skink_visit(store, work_add, &w) == SKINK_OK ? w.sum : 0;
}

#endif
