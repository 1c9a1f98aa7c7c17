/* SPDX-License-Identifier: ISC */
/* workload.h: seeded operations for the crash tests, and the model states that an engine itself goes through. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "powercut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKLOAD_MAX 512
#define WORKLOAD_DATA 4096

/* Operations over a few keys, deep and shallow; what they point at is in `data` or constant. */
struct workload {
    struct pc_op ops[WORKLOAD_MAX];
    size_t count;
    uint64_t seed;
    uint8_t data[WORKLOAD_DATA];
};

/* splitmix64 */
static inline uint64_t workload_draw(struct workload *w, uint64_t below) {
    uint64_t x = w->seed += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % below;
}

static inline const char *workload_key(struct workload *w) {
    static const char *const keys[] = {"a",      "b", "c",   "d/x",   "d/y",     "d/e/z",
                                       "d/e/zz", "f", "g/h", "g/h/i", "g/h/i/j", "k l m n",
                                       "o/p/q",  "d", "g",   "o/p/r"};

    return keys[workload_draw(w, sizeof(keys) / sizeof(keys[0]))];
}

static inline void workload_add(struct workload *w, struct pc_op op) {
    op.now = (struct pc_time){20000 + (uint32_t)w->count, w->count * 1000};
    w->ops[w->count++] = op;
}

static inline void workload_set(struct workload *w, const char *key, size_t size) {
    size_t off = (size_t)workload_draw(w, WORKLOAD_DATA - size);

    workload_add(
        w,
        (struct pc_op){
            .kind = PC_OP_SET, .key = key, .key_len = strlen(key), .data = w->data + off, .data_len = size});
}

/* One random operation: mostly sets of up to largest bytes. */
static inline void workload_add_any(struct workload *w, size_t largest) {
    static const uint32_t others[] = {PC_OP_REMOVE, PC_OP_REMOVE, PC_OP_SET_PARTIAL,  PC_OP_ALLOCATE,
                                      PC_OP_RENAME, PC_OP_GET,    PC_OP_GET_PARTIAL,  PC_OP_LIST,
                                      PC_OP_SIZE,   PC_OP_EXISTS, PC_OP_LAST_MODIFIED};
    const char *key = workload_key(w);
    struct pc_op op = {.key = key, .key_len = strlen(key)};

    if (workload_draw(w, 10) < 7) {
        workload_set(w, key, (size_t)workload_draw(w, largest));
        return;
    }
    op.kind = others[workload_draw(w, sizeof(others) / sizeof(others[0]))];
    op.target = workload_key(w);
    op.target_len = strlen(op.target);
    op.off = workload_draw(w, largest);
    op.len = workload_draw(w, largest);
    op.data = w->data;
    op.data_len = (size_t)workload_draw(w, largest);
    workload_add(w, op);
}

static inline void workload_init(struct workload *w, uint64_t seed) {
    w->count = 0;
    w->seed = seed;
    for (size_t i = 0; i < WORKLOAD_DATA; i++) {
        w->data[i] = (uint8_t)workload_draw(w, 256);
    }
}

static inline void workload_fill(struct workload *w, uint64_t seed, size_t count, size_t largest) {
    workload_init(w, seed);
    while (w->count < count) {
        workload_add_any(w, largest);
    }
}

static inline int workload_sum_entry(void *ctx, const struct pc_entry *entry) {
    struct pc_hash *sum = ctx;

    *sum = pc_hash_add(*sum, pc_hash_entry(entry));
    return 0;
}

/* The store's hash after each number of operations, as the engine shows it when nothing is cut:
 * count + 1 of them, freed by the caller. NULL if the engine fails. */
static inline struct pc_hash *workload_states(const struct pc_engine *engine,
                                              const struct bd_geometry *geometry, const struct workload *w) {
    struct pc_hash *states = calloc(w->count + 1, sizeof(*states));
    struct pc_options options = {0};
    struct pc_reply reply;
    struct bd dev;
    void *store;

    if (states == NULL || bd_ram_open(geometry, &dev) != BD_OK) {
        free(states);
        return NULL;
    }
    if (engine->format(&dev, &options) != PC_OK || engine->mount(&dev, &options, &store) != PC_OK) {
        bd_close(&dev);
        free(states);
        return NULL;
    }
    for (size_t i = 0; i <= w->count; i++) {
        (void)engine->visit(store, workload_sum_entry, &states[i]);
        if (i < w->count && w->ops[i].kind >= PC_OP_SET) {
            (void)engine->apply(store, &w->ops[i], &reply);
        }
    }
    engine->unmount(store);
    bd_close(&dev);
    return states;
}

/* What a model with one store after each number of operations allows. `first` has room for count + 2. */
static inline struct pc_allowed workload_allowed(const struct pc_hash *states, size_t op_count,
                                                 size_t *first) {
    for (size_t i = 0; i <= op_count + 1; i++) {
        first[i] = i;
    }
    return (struct pc_allowed){.stores = states, .first = first, .op_count = op_count};
}

/* All models and kinds of a report together. */
static inline struct pc_count report_sum(const struct pc_explore_report *report) {
    struct pc_count sum = {0};

    for (size_t i = 0; i < (report->model_count + 1) * PC_FAULT_KINDS; i++) {
        sum.total += report->counts[i].total;
        sum.sampled += report->counts[i].sampled;
        sum.beyond += report->counts[i].beyond;
        sum.checked += report->counts[i].checked;
        sum.identical += report->counts[i].identical;
        sum.unread += report->counts[i].unread;
        sum.no_space += report->counts[i].no_space;
        sum.refused += report->counts[i].refused;
    }
    return sum;
}

#endif
