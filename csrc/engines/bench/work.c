/* SPDX-License-Identifier: ISC
 *
 * work.c: the operations of each row of the benchmark.
 */
#include "work.h"

#include <stdio.h>
#include <string.h>

/* Names have 9 bytes, and sort by number. */
static void put_key(const struct bench_row *row, uint32_t number, char ret_key[32]) {
    if (row->dictionaries > 0) {
        (void)snprintf(ret_key, 32, "dir-%05u/key-%05u", (unsigned)(number % row->dictionaries % 100000),
                       (unsigned)(number % 100000));
    } else {
        (void)snprintf(ret_key, 32, "key-%05u", (unsigned)(number % 100000));
    }
}

static uint32_t scattered(const struct work *work, uint32_t i) {
    return work->keys == 0 ? 0 : (uint32_t)((uint64_t)i * work->stride % work->keys);
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b != 0) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

uint32_t work_stride(uint32_t keys) {
    uint32_t stride = keys / 2 + keys / 8 + 1;

    while (keys > 1 && common_divisor(stride, keys) != 1) {
        stride++;
    }
    return stride;
}

void work_restore(struct work *work) {
    memcpy(work->bytes, work->image,
           (size_t)work->dev->geometry.block_size * work->dev->geometry.block_count);
}

/* Values differ from one operation to the next. */
static void stamp(struct work *work, uint32_t i) {
    for (uint32_t at = 0; at < 4 && at < work->row->value_size; at++) {
        work->value[at] = (uint8_t)(i >> 8 * at);
    }
}

static int set(struct work *work, uint32_t number, uint32_t i) {
    char key[32];

    put_key(work->row, number, key);
    stamp(work, i);
    work->payload += work->row->value_size;
    memcpy(work->last_key, key, sizeof(key));
    return work->subject.ops->set(work->subject.self, key, work->value, work->row->value_size);
}

int work_warm(struct work *work) {
    char key[32];

    if (work->row->workload == BENCH_APPEND || work->row->workload == BENCH_REWRITE) {
        put_key(work->row, 0, key);
        return work->subject.ops->write_at(work->subject.self, key, 0, work->value, work->row->piece);
    }
    return work->subject.ops->set(work->subject.self, "warm", "x", 1);
}

int work_verify(struct work *work) {
    uint32_t size = 0;
    int code;

    if (work->last_key[0] == 0) {
        return 0;
    }
    code = work->subject.ops->get(work->subject.self, work->last_key, work->answer, work->row->value_size,
                                  &size);
    if (code != 0) {
        return code;
    }
    return size == work->row->value_size && memcmp(work->answer, work->value, size) == 0 ? 0 : WORK_WRONG;
}

/* --- what is there before ---------------------------------------------------------------------------- */

static int make_dictionaries(struct work *work) {
    char key[32];
    int code = 0;

    for (uint32_t i = 0; code == 0 && i < work->row->dictionaries; i++) {
        (void)snprintf(key, sizeof(key), "dir-%05u", (unsigned)(i % 100000));
        code = work->subject.ops->make_dictionary(work->subject.self, key);
    }
    return code;
}

static int fill(struct work *work, uint32_t count) {
    int code = make_dictionaries(work);

    for (uint32_t i = 0; code == 0 && i < count; i++) {
        code = set(work, i, i);
    }
    work->keys = count;
    return code;
}

static int prepare_all(struct work *work) {
    return fill(work, work->row->keys);
}

/* All but those that the operations will add, which are the last ones, or some of everywhere. */
static int prepare_some(struct work *work) {
    const struct bench_row *row = work->row;
    uint32_t there = row->keys - row->operations;
    int code = 0;

    if (row->workload == BENCH_CREATE) {
        return fill(work, there);
    }
    work->keys = row->keys;
    for (uint32_t i = 0; code == 0 && i < there; i++) {
        code = set(work, scattered(work, i), i);
    }
    work->keys = there;
    return code;
}

static int prepare_full(struct work *work) {
    const struct bd_geometry *geometry = &work->dev->geometry;
    uint32_t used = 0;
    int code = 0;

    for (work->keys = 0; code == 0; work->keys++) {
        code = work->subject.ops->used(work->subject.self, &used);
        if (code != 0 || (uint64_t)used * 100 >= (uint64_t)geometry->block_count * work->row->fill) {
            return code;
        }
        code = set(work, work->keys, work->keys);
    }
    return code;
}

/* --- operations --------------------------------------------------------------------------------------- */

static int step_create(struct work *work, uint32_t i) {
    work->live++;
    return set(work, work->keys + i, i);
}

static int step_create_scattered(struct work *work, uint32_t i) {
    const struct bench_row *row = work->row;

    work->live++;
    return set(work, (uint32_t)((uint64_t)(work->keys + i) * work->stride % row->keys), i);
}

static int step_read(struct work *work, uint32_t i) {
    char key[32];
    uint32_t size = 0;
    int code;

    put_key(work->row, scattered(work, i), key);
    code = work->subject.ops->get(work->subject.self, key, work->answer, work->row->value_size, &size);
    return code != 0 ? code : size == work->row->value_size ? 0 : WORK_WRONG;
}

static int step_exists(struct work *work, uint32_t i) {
    char key[32];
    int there = 0;
    int code;

    put_key(work->row, scattered(work, i), key);
    code = work->subject.ops->exists(work->subject.self, key, &there);
    return code != 0 ? code : there ? 0 : WORK_WRONG;
}

static int step_overwrite(struct work *work, uint32_t i) {
    return set(work, scattered(work, i), i);
}

static int step_remove(struct work *work, uint32_t i) {
    char key[32];

    put_key(work->row, scattered(work, i), key);
    work->live--;
    return work->subject.ops->remove(work->subject.self, key);
}

static int step_list(struct work *work, uint32_t i) {
    uint32_t count = 0;
    int code = work->subject.ops->list(work->subject.self, &count);

    (void)i;
    return code != 0 ? code : count == work->keys ? 0 : WORK_WRONG;
}

static int write_piece(struct work *work, uint32_t off, uint32_t i) {
    char key[32];

    put_key(work->row, 0, key);
    stamp(work, i);
    work->payload += work->row->piece;
    return work->subject.ops->write_at(work->subject.self, key, off, work->value, work->row->piece);
}

static int step_append(struct work *work, uint32_t i) {
    return write_piece(work, work->row->value_size + i * work->row->piece, i);
}

static int step_rewrite(struct work *work, uint32_t i) {
    return write_piece(work, work->row->value_size / 2, i);
}

static int step_mount(struct work *work, uint32_t i) {
    int code = work->subject.ops->open(work->subject.self, work->dev);

    (void)i;
    work->subject.ops->close(work->subject.self);
    return code;
}

static int mount_again(struct work *work, uint32_t i) {
    (void)i;
    work->subject.ops->close(work->subject.self);
    work_restore(work);
    return work->subject.ops->open(work->subject.self, work->dev);
}

static int step_first_write(struct work *work, uint32_t i) {
    return set(work, scattered(work, i), i);
}

const struct workload *workload_find(uint32_t workload) {
    static const struct workload workloads[] = {
        [BENCH_CREATE] = {WORK_WRITES, prepare_some, NULL, step_create},
        [BENCH_CREATE_SCATTERED] = {WORK_WRITES, prepare_some, NULL, step_create_scattered},
        [BENCH_READ] = {0, prepare_all, NULL, step_read},
        [BENCH_EXISTS] = {0, prepare_all, NULL, step_exists},
        [BENCH_OVERWRITE] = {WORK_WRITES, prepare_all, NULL, step_overwrite},
        [BENCH_REMOVE] = {WORK_WRITES, prepare_all, NULL, step_remove},
        [BENCH_LIST] = {0, prepare_all, NULL, step_list},
        [BENCH_WRITE] = {WORK_WRITES, prepare_all, NULL, step_overwrite},
        [BENCH_APPEND] = {WORK_WRITES, prepare_all, NULL, step_append},
        [BENCH_REWRITE] = {WORK_WRITES, prepare_all, NULL, step_rewrite},
        [BENCH_MOUNT] = {WORK_CLOSED | WORK_SINGLE, prepare_all, NULL, step_mount},
        [BENCH_FIRST_WRITE] = {WORK_CLOSED | WORK_SINGLE, prepare_all, mount_again, step_first_write},
        [BENCH_FULL] = {WORK_WRITES, prepare_full, NULL, step_overwrite},
    };

    if (workload == 0 || workload >= sizeof(workloads) / sizeof(workloads[0])) {
        return NULL;
    }
    return &workloads[workload];
}
