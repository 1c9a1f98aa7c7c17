/* SPDX-License-Identifier: ISC
 *
 * resume.c: the run goes on after a recovery, with its next operations from where the found store stands.
 *
 * The store that was found is one of those that the run went through, but for the fresh key of the write probe. So
 * each operation behind that point has to answer what it answered in the run, and to leave what it left there. Where
 * that cannot be said of an operation, the run does not go on with it: it touches the fresh key, the model does not
 * know one store that it leaves, or it failed in the run for a reason that a device has.
 */
#include "resume.h"

#include "run.h"

#include <string.h>

#define NOWHERE SIZE_MAX

/* The stores that the run went through. */
struct past {
    const struct pc_hash *stores;
    size_t count;
};

static struct past past_of(const struct recovery *r) {
    if (r->judge->lenient) {
        return (struct past){r->judge->own, r->judge->own_count};
    }
    return (struct past){r->judge->allowed->now, r->judge->allowed->now_count};
}

/* --- where it goes on ------------------------------------------------------------------------------- */

static int is_store(const struct past *past, size_t done, const struct reading *found) {
    return done < past->count && (hash_equal(past->stores[done], found->sum) ||
                                  hash_equal(past->stores[done], pc_hash_sub(found->sum, found->probe)));
}

/* After how many operations the run's store was the one found: the last such number that surely had returned, or else
 * the first of those behind. */
static size_t find_place(const struct recovery *r, const struct past *past, const struct reading *found) {
    const struct subject *s = r->subject;
    size_t first = uncut_durable(r->judge->run, s->done);

    for (size_t done = s->done + 1; done-- > first;) {
        if (is_store(past, done, found)) {
            return done;
        }
    }
    for (size_t done = s->done + 1; done <= s->until; done++) {
        if (is_store(past, done, found)) {
            return done;
        }
    }
    return NOWHERE;
}

/* --- which operations it goes on with --------------------------------------------------------------- */

/* Has the key a segment of the fresh key's name? */
static int names_probe(const char *key, size_t size) {
    const size_t len = sizeof(PC_PROBE_KEY) - 1;
    size_t begin = 0;

    for (size_t i = 0; i <= size; i++) {
        if (i == size || key[i] == '/') {
            if (i - begin == len && memcmp(key + begin, PC_PROBE_KEY, len) == 0) {
                return 1;
            }
            begin = i + 1;
        }
    }
    return 0;
}

static int is_root(const struct pc_op *op) {
    for (size_t i = 0; i < op->key_len; i++) {
        if (op->key[i] != '/') {
            return 0;
        }
    }
    return 1;
}

static int reads(const struct pc_op *op) {
    return op->kind <= PC_OP_DIGEST;
}

/* Codes of a device or a machine, which another device need not share. */
static int is_of_device(int code) {
    return code == PC_NO_SPACE || code == PC_IO || code == PC_CORRUPT || code == PC_NO_MEMORY;
}

static int goes_on(const struct pc_run *run, const struct past *past, size_t i) {
    const struct pc_op *op = &run->ops[i];

    return i + 1 < past->count && !is_of_device(run->codes[i]) && !names_probe(op->key, op->key_len) &&
           !names_probe(op->target, op->target_len);
}

/* --- going on --------------------------------------------------------------------------------------- */

/* An engine whose operations are durable when they return need not know a sync. */
static int is_idle_sync(const struct pc_run *run, const struct pc_op *op) {
    return op->kind == PC_OP_SYNC && run->engine->durability != PC_DURABLE_ON_SYNC;
}

static int is_durable(const struct pc_run *run, const struct pc_op *op) {
    return op->kind == PC_OP_SYNC || run->engine->durability != PC_DURABLE_ON_SYNC;
}

static int may_find_no_space(const struct pc_run *run, const struct pc_op *op) {
    return !reads(op) && (op->kind != PC_OP_REMOVE || run->engine->durability == PC_DURABLE_ON_SYNC);
}

/* Does operation i answer as it did? *ret_full is 1 where it found no space, which is an answer too. What the root
 * shows of itself may depend on the fresh key. */
static uint32_t apply_one(struct recovery *r, size_t i, int *ret_full) {
    const struct pc_run *run = r->judge->run;
    const struct pc_op *op = &run->ops[i];
    struct reply_taker *taker = &r->stage->taker;
    int code = run->engine->apply(r->store, op, reply_begin(taker));

    if (taker->no_memory) {
        r->verdict->no_memory = 1;
        return PC_VIOLATION_RESUME;
    }
    *ret_full = may_find_no_space(run, op) && code == PC_NO_SPACE;
    if (*ret_full || is_idle_sync(run, op)) {
        return PC_VIOLATION_NONE;
    }
    r->verdict->code = code;
    if (code != run->codes[i]) {
        return PC_VIOLATION_RESUME;
    }
    return (reads(op) && is_root(op)) || hash_equal(reply_hash(taker, op->kind, code), run->replies[i])
               ? PC_VIOLATION_NONE
               : PC_VIOLATION_RESUME;
}

/* A sync, where that is what makes durable. `now`: the store. *ret_full is 1 where it found no space. */
static uint32_t sync_all(struct recovery *r, struct pc_hash now, int *ret_full) {
    const struct pc_op sync = {.kind = PC_OP_SYNC};

    if (r->judge->run->engine->durability != PC_DURABLE_ON_SYNC) {
        return PC_VIOLATION_NONE;
    }
    recovery_step_begin(r);
    r->verdict->code = recovery_apply(r, &sync);
    *ret_full = r->verdict->code == PC_NO_SPACE;
    recovery_step_end(r, now, !*ret_full);
    return r->verdict->code == PC_OK || *ret_full ? PC_VIOLATION_NONE : PC_VIOLATION_RESUME;
}

/* Does the store hold this, now and after one more mount? */
static uint32_t holds(struct recovery *r, struct pc_hash expected) {
    struct reading reading;

    r->verdict->code = recovery_read(r, &reading);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_RESUME;
    }
    r->verdict->found = reading.sum;
    if (!recovery_fits(r, reading.sum, expected)) {
        return PC_VIOLATION_RESUME;
    }
    return recovery_mount_again(r, expected, PC_VIOLATION_RESUME);
}

/* The operations from `place` on. `now`: the store before and after; *ret_done: how many it went on with. */
static uint32_t go_on(struct recovery *r, const struct past *past, size_t place, struct pc_hash *now,
                      size_t *ret_done) {
    const struct pc_run *run = r->judge->run;
    struct pc_hash besides = pc_hash_sub(*now, past->stores[place]); /* the fresh key, wherever it is */
    uint32_t kind = PC_VIOLATION_NONE;
    int full = 0;
    size_t i = place;

    for (; i < place + run->resume && goes_on(run, past, i) && !full; i++) {
        recovery_step_begin(r);
        r->verdict->op = r->verdict->reached = (uint32_t)i;
        kind = apply_one(r, i, &full);
        if (kind != PC_VIOLATION_NONE) {
            return kind;
        }
        *now = full ? *now : pc_hash_add(past->stores[i + 1], besides);
        r->verdict->reached = (uint32_t)(full ? i : i + 1);
        recovery_step_end(r, *now, !full && is_durable(run, &run->ops[i]));
    }
    *ret_done = i - place;
    r->verdict->op = PC_NO_OP;
    if (*ret_done > 0 && !full) {
        kind = sync_all(r, *now, &full);
    }
    r->verdict->no_space |= full;
    return kind;
}

uint32_t recovery_resume(struct recovery *r, const struct reading *found, struct pc_hash now) {
    struct past past = past_of(r);
    size_t place = find_place(r, &past, found);
    size_t done = 0;
    uint32_t kind = place == NOWHERE ? PC_VIOLATION_NONE : go_on(r, &past, place, &now, &done);

    /* Which of what was not synced is there, once a sync found no space, nobody can say. */
    if (r->verdict->no_space && r->judge->run->engine->durability == PC_DURABLE_ON_SYNC) {
        return kind;
    }
    if (kind == PC_VIOLATION_NONE && done > 0) {
        kind = holds(r, now);
        kind = kind != PC_VIOLATION_NONE ? kind : recovery_check(r);
    }
    return kind;
}
