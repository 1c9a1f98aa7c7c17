/* SPDX-License-Identifier: ISC
 *
 * recovery.c: the steps that judgements are made of: mount, read, write, compare.
 */
#include "recovery.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

int hash_equal(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

int recovery_fits(const struct recovery *r, struct pc_hash found, struct pc_hash expected) {
    return r->judge->lenient || hash_equal(found, expected);
}

/* --- the write probe ------------------------------------------------------------------------------- */

static size_t probe_len(void) {
    return sizeof(PC_PROBE_KEY) - 1;
}

struct pc_op probe_op(void) {
    return (struct pc_op){.kind = PC_OP_SET,
                          .key = PC_PROBE_KEY,
                          .key_len = probe_len(),
                          .data = (const uint8_t *)PC_PROBE_KEY,
                          .data_len = probe_len()};
}

static int has_times(const struct recovery *r) {
    return (r->judge->run->engine->capabilities & PC_CAN_TIMESTAMPS) != 0;
}

struct pc_hash probe_hash(const struct recovery *r) {
    return pc_hash_entry(&(struct pc_entry){.key = PC_PROBE_KEY,
                                            .key_len = probe_len(),
                                            .kind = PC_VALUE,
                                            .has_time = (uint32_t)has_times(r),
                                            .data = (const uint8_t *)PC_PROBE_KEY,
                                            .size = probe_len()});
}

int recovery_may_be_full(const struct recovery *r) {
    const struct subject *s = r->subject;
    const struct pc_op op = probe_op();

    if (r->judge->lenient || s->full) {
        return 1;
    }
    for (size_t i = uncut_durable(r->judge->run, s->done); i <= s->until; i++) {
        if (uncut_is_full(r->judge->uncut, i, &op, s->depth)) {
            return 1;
        }
    }
    return 0;
}

/* --- what is recorded ------------------------------------------------------------------------------ */

void recovery_step_begin(const struct recovery *r) {
    if (r->stage->recorded) {
        script_step_begin(&r->stage->script);
    }
}

void recovery_step_end(const struct recovery *r, struct pc_hash after, int durable) {
    if (r->stage->recorded) {
        script_step_end(&r->stage->script, after, durable);
    }
}

/* --- mounting and reading -------------------------------------------------------------------------- */

static int compare_hash(const void *key, const void *entry) {
    const struct pc_hash *a = key, *b = entry;

    if (a->hi != b->hi) {
        return a->hi < b->hi ? -1 : 1;
    }
    return a->lo < b->lo ? -1 : a->lo > b->lo;
}

/* Was there ever such an entry? */
static int is_known(const struct pc_allowed *allowed, struct pc_hash hash) {
    return allowed->entry_count > 0 &&
           bsearch(&hash, allowed->entries, allowed->entry_count, sizeof(hash), compare_hash) != NULL;
}

static int is_probe(const struct pc_entry *entry) {
    return entry->key_len == probe_len() && memcmp(entry->key, PC_PROBE_KEY, probe_len()) == 0;
}

static int read_entry(void *ctx, const struct pc_entry *entry) {
    struct reading *reading = ctx;
    const struct judge *judge = reading->recovery->judge;
    struct pc_entry seen = *entry;
    struct pc_hash hash;

    if (judge->reader != NULL) {
        seen.has_time = 0;
        reading->plain = pc_hash_add(reading->plain, pc_hash_entry(&seen));
    }
    seen.has_time = entry->has_time && reading->has_times;
    hash = pc_hash_entry(&seen);
    reading->sum = pc_hash_add(reading->sum, hash);
    if (is_probe(entry)) {
        reading->probe = hash;
        reading->probe_kind = entry->kind;
    } else if (reading->recovery->subject->kind == PC_FAULT_DAMAGE && !judge->lenient) {
        reading->unknown += (uint64_t)!is_known(judge->allowed, hash);
    }
    return PC_OK;
}

int recovery_mount(struct recovery *r) {
    return r->judge->run->engine->mount(&r->dev, &r->judge->run->options, &r->store);
}

void recovery_unmount(struct recovery *r) {
    if (r->store != NULL) {
        r->judge->run->engine->unmount(r->store);
    }
    r->store = NULL;
}

int recovery_read(const struct recovery *r, struct reading *ret_reading) {
    *ret_reading = (struct reading){.recovery = r, .has_times = has_times(r)};
    return r->judge->run->engine->visit(r->store, read_entry, ret_reading);
}

uint32_t recovery_mount_again(struct recovery *r, struct pc_hash expected, uint32_t kind) {
    struct reading reading;

    recovery_unmount(r);
    r->verdict->code = recovery_mount(r);
    if (r->verdict->code == PC_OK) {
        r->verdict->code = recovery_read(r, &reading);
    }
    if (r->verdict->code != PC_OK) {
        return kind;
    }
    r->verdict->found = reading.sum;
    return recovery_fits(r, reading.sum, expected) ? PC_VIOLATION_NONE : kind;
}

uint32_t recovery_check(const struct recovery *r) {
    const struct pc_engine *engine = r->judge->run->engine;
    char text[256];

    if ((r->judge->probes & PC_PROBE_CHECK) == 0 || (engine->capabilities & PC_CAN_CHECK) == 0) {
        return PC_VIOLATION_NONE;
    }
    r->verdict->code = engine->check(r->store, text, sizeof(text));
    return r->verdict->code == PC_OK ? PC_VIOLATION_NONE : PC_VIOLATION_CHECK;
}

/* --- operations ------------------------------------------------------------------------------------ */

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

int recovery_apply(const struct recovery *r, const struct pc_op *op) {
    struct pc_reply reply = {.put_bytes = ignore_bytes, .put_entry = ignore_entry};

    return r->judge->run->engine->apply(r->store, op, &reply);
}

int recovery_apply_probe(const struct recovery *r) {
    struct pc_op op = probe_op();
    int code = recovery_apply(r, &op);

    if (code == PC_OK && r->judge->run->engine->durability == PC_DURABLE_ON_SYNC) {
        code = recovery_apply(r, &(struct pc_op){.kind = PC_OP_SYNC});
    }
    return code;
}
