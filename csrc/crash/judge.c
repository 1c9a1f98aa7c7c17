/* SPDX-License-Identifier: ISC
 *
 * judge.c: one crash state, recovered by the engine and judged.
 *
 * Each step returns the kind of violation that it found, and the first found ends the judgement.
 */
#include "judge.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = 0, IS_FULL = 1, IS_NOT_FULL = 2 };

/* One reading of a store. */
struct reading {
    struct pc_hash sum;
    struct pc_hash probe; /* the hash of the entry at PC_PROBE_KEY */
    uint32_t probe_kind;  /* its kind, or PC_NONE */
    int has_times;
};

/* What must be after the write probe. */
struct expectation {
    int code;
    struct pc_hash sum;
};

static int hash_equal(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

static size_t probe_len(void) {
    return sizeof(PC_PROBE_KEY) - 1;
}

static struct pc_op probe_op(void) {
    return (struct pc_op){.kind = PC_OP_SET,
                          .key = PC_PROBE_KEY,
                          .key_len = probe_len(),
                          .data = (const uint8_t *)PC_PROBE_KEY,
                          .data_len = probe_len()};
}

/* --- the uncut run's answers ----------------------------------------------------------------------- */

int uncut_init(struct uncut *uncut, const struct pc_run *run) {
    uncut->run = run;
    uncut->answers = calloc(run->op_count + 1, 1);
    if (uncut->answers == NULL) {
        return PC_NO_MEMORY;
    }
    if (pthread_mutex_init(&uncut->lock, NULL) == 0) {
        return PC_OK;
    }
    free(uncut->answers);
    return PC_NO_MEMORY;
}

void uncut_release(struct uncut *uncut) {
    (void)pthread_mutex_destroy(&uncut->lock);
    free(uncut->answers);
}

/* Does the uncut run, after `done` operations, answer the write probe with NO_SPACE? */
static int uncut_is_full(struct uncut *uncut, size_t done) {
    struct pc_op op = probe_op();
    int full;

    (void)pthread_mutex_lock(&uncut->lock);
    if (uncut->answers[done] == UNKNOWN) {
        uncut->answers[done] = run_ask_uncut(uncut->run, done, &op) == PC_NO_SPACE ? IS_FULL : IS_NOT_FULL;
    }
    full = uncut->answers[done] == IS_FULL;
    (void)pthread_mutex_unlock(&uncut->lock);
    return full;
}

static int may_be_full(const struct judge *judge, uint64_t k) {
    const struct run_position *position = &judge->run->positions[k];

    return uncut_is_full(judge->uncut, position->done) ||
           (position->in_flight && uncut_is_full(judge->uncut, position->done + 1));
}

/* --- mounting and reading -------------------------------------------------------------------------- */

static int read_entry(void *ctx, const struct pc_entry *entry) {
    struct reading *reading = ctx;
    struct pc_entry seen = *entry;
    struct pc_hash hash;

    seen.has_time = entry->has_time && reading->has_times;
    hash = pc_hash_entry(&seen);
    reading->sum = pc_hash_add(reading->sum, hash);
    if (entry->key_len == probe_len() && memcmp(entry->key, PC_PROBE_KEY, probe_len()) == 0) {
        reading->probe = hash;
        reading->probe_kind = entry->kind;
    }
    return PC_OK;
}

static int has_times(const struct judge *judge) {
    return (judge->run->engine->capabilities & PC_CAN_TIMESTAMPS) != 0;
}

static int mount_store(struct judge *judge) {
    return judge->run->engine->mount(&judge->overlay, &judge->run->options, &judge->store);
}

static void unmount_store(struct judge *judge) {
    if (judge->store != NULL) {
        judge->run->engine->unmount(judge->store);
    }
    judge->store = NULL;
}

static int read_store(const struct judge *judge, struct reading *ret_reading) {
    *ret_reading = (struct reading){.has_times = has_times(judge)};
    return judge->run->engine->visit(judge->store, read_entry, ret_reading);
}

/* Closes the store, opens it once more and reads it; any difference to `expected` is a `kind`. */
static uint32_t mount_again(struct judge *judge, struct pc_hash expected, uint32_t kind,
                            struct pc_violation *ret) {
    struct reading reading;

    unmount_store(judge);
    ret->code = mount_store(judge);
    if (ret->code == PC_OK) {
        ret->code = read_store(judge, &reading);
    }
    if (ret->code != PC_OK) {
        return kind;
    }
    ret->found = reading.sum;
    return hash_equal(reading.sum, expected) ? PC_VIOLATION_NONE : kind;
}

/* --- the steps ------------------------------------------------------------------------------------- */

static uint32_t check_store(const struct judge *judge, struct pc_violation *ret) {
    char text[256];

    if ((judge->probes & PC_PROBE_CHECK) == 0 || (judge->run->engine->capabilities & PC_CAN_CHECK) == 0) {
        return PC_VIOLATION_NONE;
    }
    ret->code = judge->run->engine->check(judge->store, text, sizeof(text));
    return ret->code == PC_OK ? PC_VIOLATION_NONE : PC_VIOLATION_CHECK;
}

static uint32_t recover(struct judge *judge, const struct allowed_pair *allowed, struct reading *ret_reading,
                        struct pc_violation *ret) {
    ret->code = mount_store(judge);
    if (ret->code != PC_OK) {
        return PC_VIOLATION_MOUNT;
    }
    ret->code = read_store(judge, ret_reading);
    if (ret->code != PC_OK) {
        return PC_VIOLATION_READ;
    }
    ret->found = ret_reading->sum;
    if (!hash_equal(ret_reading->sum, allowed->before) && !hash_equal(ret_reading->sum, allowed->after)) {
        return PC_VIOLATION_CONTENT;
    }
    return check_store(judge, ret);
}

/* What the write probe must answer, and the store it must leave. */
static struct expectation expect_write(const struct judge *judge, const struct reading *reading) {
    struct pc_entry entry = {.key = PC_PROBE_KEY,
                             .key_len = probe_len(),
                             .kind = PC_VALUE,
                             .has_time = (uint32_t)has_times(judge),
                             .data = (const uint8_t *)PC_PROBE_KEY,
                             .size = probe_len()};

    if (judge->run->options.read_only) {
        return (struct expectation){PC_READ_ONLY, reading->sum};
    }
    if (judge->run->facts.name_max < probe_len()) {
        return (struct expectation){PC_NAME_TOO_LONG, reading->sum};
    }
    if (reading->probe_kind == PC_DICTIONARY) {
        return (struct expectation){PC_VALUE_EXPECTED, reading->sum};
    }
    if (judge->run->facts.value_max < probe_len()) {
        return (struct expectation){PC_VALUE_TOO_LARGE, reading->sum};
    }
    return (struct expectation){
        PC_OK, pc_hash_add(pc_hash_sub(reading->sum, reading->probe), pc_hash_entry(&entry))};
}

/* The engine's answer to an operation that writes has nothing to put; one that puts is not followed. */
static void ignore_bytes(struct pc_reply *reply, const uint8_t *bytes, size_t size) {
    (void)reply;
    (void)bytes;
    (void)size;
}

static void ignore_entry(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind) {
    (void)reply;
    (void)name;
    (void)name_len;
    (void)kind;
}

static uint32_t write_probe(struct judge *judge, const struct reading *reading, struct verdict *ret) {
    struct pc_reply reply = {.put_bytes = ignore_bytes, .put_entry = ignore_entry};
    struct pc_op op = probe_op();
    struct expectation expected = expect_write(judge, reading);
    uint32_t kind;
    int code = judge->run->engine->apply(judge->store, &op, &reply);

    if (code != expected.code) {
        ret->violation.code = code;
        if (code != PC_NO_SPACE || !may_be_full(judge, ret->violation.state)) {
            return PC_VIOLATION_WRITE;
        }
        ret->no_space = 1;
        expected.sum = reading->sum;
    }
    kind = mount_again(judge, expected.sum, PC_VIOLATION_LOST_WRITE, &ret->violation);
    return kind != PC_VIOLATION_NONE ? kind : check_store(judge, &ret->violation);
}

static uint32_t judge_steps(struct judge *judge, const struct allowed_pair *allowed, struct verdict *ret) {
    struct reading reading;
    uint32_t kind = recover(judge, allowed, &reading, &ret->violation);

    if (kind == PC_VIOLATION_NONE && (judge->probes & PC_PROBE_SECOND_MOUNT) != 0) {
        kind = mount_again(judge, reading.sum, PC_VIOLATION_SECOND_MOUNT, &ret->violation);
    }
    if (kind == PC_VIOLATION_NONE && (judge->probes & PC_PROBE_WRITE) != 0) {
        kind = write_probe(judge, &reading, ret);
    }
    return kind;
}

/* --- public ---------------------------------------------------------------------------------------- */

int judge_init(struct judge *judge, const struct pc_run *run, uint32_t probes, struct uncut *uncut,
               uint8_t *bytes) {
    *judge = (struct judge){.run = run, .probes = probes, .uncut = uncut};
    if (bd_ram_wrap(&run->geometry, bytes, &judge->media) != BD_OK) {
        return PC_NO_MEMORY;
    }
    if (bd_overlay_open(&judge->media, &judge->overlay) == BD_OK) {
        return PC_OK;
    }
    bd_close(&judge->media);
    return PC_NO_MEMORY;
}

void judge_release(struct judge *judge) {
    bd_close(&judge->overlay);
    bd_close(&judge->media);
}

void judge_state(struct judge *judge, uint64_t k, struct allowed_pair allowed, struct verdict *ret_verdict) {
    *ret_verdict = (struct verdict){.violation = {.state = k}};
    ret_verdict->violation.kind = judge_steps(judge, &allowed, ret_verdict);
    unmount_store(judge);
    bd_overlay_reset(&judge->overlay);
}
