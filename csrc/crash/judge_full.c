/* SPDX-License-Identifier: ISC
 *
 * judge_full.c: an operation on a device without a free block: done, or NO_SPACE and nothing changed; a
 * remove is always possible; and what was removed leaves room for as much again.
 */
#include "recovery.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On the full device so many steps may be cut in their turn. */
#define STEPS 6u

/* More fillers than this no store of a sensible size takes. */
#define FILLERS_MAX 65536u

/* How often the device is filled up again while it takes less each time. */
#define ROUNDS_MAX 64u

/* Engines that lose nothing take less once or twice: what they keep of the room for themselves they have then. */
#define LESS_MIN 6u

struct filling {
    struct recovery *r;
    uint8_t *bytes; /* block_size of them */
    char key[sizeof(PC_FILL_KEY) + 12];
    uint32_t count;
    uint32_t *sizes;    /* of each filler, bytes */
    uint64_t taken;     /* bytes in all fillers */
    struct pc_hash sum; /* of all fillers */
    int recorded;       /* the steps are: they may be cut in their turn */
    int refused;        /* the operation found no space */
};

static void name_filler(struct filling *f, uint32_t number) {
    (void)snprintf(f->key, sizeof(f->key), "%s%u", PC_FILL_KEY, (unsigned)number);
}

static struct pc_hash filler_hash(const struct filling *f, uint32_t size) {
    struct pc_entry entry = {
        .key = f->key, .key_len = strlen(f->key), .kind = PC_VALUE, .data = f->bytes, .size = size};

    entry.has_time = (f->r->judge->run->engine->capabilities & PC_CAN_TIMESTAMPS) != 0;
    return pc_hash_entry(&entry);
}

/* Sets fillers of one size until there is no space. Errors: what else an engine answers. */
static int fill_with(struct filling *f, uint32_t size) {
    for (; f->count < FILLERS_MAX; f->count++) {
        struct pc_op op = {.kind = PC_OP_SET, .key = f->key, .data = f->bytes, .data_len = size};
        int code;

        name_filler(f, f->count);
        op.key_len = strlen(f->key);
        code = recovery_apply(f->r, &op);
        if (code != PC_OK) {
            return code == PC_NO_SPACE ? PC_OK : code;
        }
        f->sizes[f->count] = size;
        f->taken += size;
        f->sum = pc_hash_add(f->sum, filler_hash(f, size));
    }
    f->r->verdict->unfilled = 1;
    return PC_OK;
}

static int fill(struct filling *f) {
    uint32_t size = f->r->dev.geometry.block_size;
    int code = PC_OK;

    for (; code == PC_OK && size > 1; size /= 4) {
        if (size <= f->r->judge->run->facts.value_max) {
            code = fill_with(f, size);
        }
    }
    return code == PC_OK ? fill_with(f, 1) : code;
}

/* Does the store hold this, and one more mount shows it? */
static uint32_t holds(struct recovery *r, struct pc_hash expected) {
    struct reading reading;

    r->verdict->code = recovery_read(r, &reading);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_FULL;
    }
    r->verdict->found = reading.sum;
    if (!recovery_fits(r, reading.sum, expected)) {
        return PC_VIOLATION_FULL;
    }
    return recovery_mount_again(r, expected, PC_VIOLATION_FULL);
}

static void step_begin(const struct filling *f) {
    if (f->recorded) {
        recovery_step_begin(f->r);
    }
}

static void step_end(const struct filling *f, struct pc_hash after) {
    if (f->recorded) {
        recovery_step_end(f->r, after, 1);
    }
}

/* The run's next operation on the full device. `before` is the store without the fillers; *ret_after what it
 * is then. */
static uint32_t apply_next(struct filling *f, struct pc_hash before, struct pc_hash *ret_after) {
    const struct judge *judge = f->r->judge;
    size_t i = f->r->subject->done;
    const struct pc_op *op = &judge->run->ops[i];
    int expected = judge->run->codes[i];
    int code;

    *ret_after = before;
    step_begin(f);
    code = recovery_apply(f->r, op);
    f->r->verdict->code = code;
    f->refused = code == PC_NO_SPACE && expected == PC_OK;
    if (f->refused && op->kind != PC_OP_REMOVE) {
        step_end(f, pc_hash_add(before, f->sum));
        return PC_VIOLATION_NONE;
    }
    if (code != expected) {
        return PC_VIOLATION_FULL;
    }
    if (code == PC_OK && !judge->lenient) {
        *ret_after = judge->allowed->stores[judge->allowed->first[i + 1]];
    }
    step_end(f, pc_hash_add(*ret_after, f->sum));
    return PC_VIOLATION_NONE;
}

/* Removes every filler. `after` is the store without them. */
static uint32_t remove_fillers(struct filling *f, struct pc_hash after) {
    for (uint32_t i = 0; i < f->count; i++) {
        struct pc_op op = {.kind = PC_OP_REMOVE, .key = f->key};

        name_filler(f, i);
        op.key_len = strlen(f->key);
        step_begin(f);
        f->r->verdict->code = recovery_apply(f->r, &op);
        if (f->r->verdict->code != PC_OK) {
            return PC_VIOLATION_FULL;
        }
        f->sum = pc_hash_sub(f->sum, filler_hash(f, f->sizes[i]));
        step_end(f, pc_hash_add(after, f->sum));
    }
    f->count = 0;
    f->taken = 0;
    return PC_VIOLATION_NONE;
}

/* Fills the device once more, asks again for what was refused, and removes the fillers. *store is what it holds
 * without them, *ret_taken how many bytes it took. */
static uint32_t fill_again(struct filling *f, struct pc_hash *store, uint64_t *ret_taken) {
    uint32_t kind = PC_VIOLATION_NONE;

    f->r->verdict->code = fill(f);
    if (f->r->verdict->code != PC_OK) {
        return PC_VIOLATION_FULL;
    }
    *ret_taken = f->taken;
    if (f->refused) {
        kind = apply_next(f, *store, store);
    }
    return kind != PC_VIOLATION_NONE ? kind : remove_fillers(f, *store);
}

/* Whether the room of what was removed comes back. An engine may keep some of it for itself; but one that takes less
 * each time, LESS_MIN times and until it takes less than half, has lost the rest. `taken`: bytes, with the same store
 * as now; 0: not known. None of this is cut in its turn. */
static uint32_t keeps_room(struct filling *f, struct pc_hash store, uint64_t taken) {
    struct recovery *r = f->r;
    uint64_t first = taken, before = taken, now = 0;
    uint32_t less = 0;

    f->recorded = 0;
    recovery_unmount(r);
    r->dev = r->stage->overlay;
    r->verdict->code = recovery_mount(r);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_FULL;
    }
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        struct pc_hash was = store;
        uint32_t kind = fill_again(f, &store, &now);

        if (kind != PC_VIOLATION_NONE) {
            return kind;
        }
        if (now == 0 || (before > 0 && now >= before)) {
            break;
        }
        less += before > 0;
        if (less >= LESS_MIN && now < first / 2) {
            r->verdict->code = PC_NO_SPACE;
            return PC_VIOLATION_FULL;
        }
        if (!hash_equal(was, store)) {
            first = before = less = 0; /* what was refused is done now, and takes room itself */
            continue;
        }
        first = first > 0 ? first : now;
        before = now;
    }
    return holds(r, store);
}

static uint32_t on_full_device(struct filling *f, struct pc_hash before) {
    struct recovery *r = f->r;
    struct pc_hash after = before;
    uint64_t taken;
    uint32_t kind;

    r->verdict->code = fill(f);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_FULL;
    }
    taken = f->taken;
    kind = holds(r, pc_hash_add(before, f->sum));
    if (kind == PC_VIOLATION_NONE && r->stage->recorded) {
        /* what may be cut begins here: the filling itself is an ordinary workload */
        script_rebase(&r->stage->script, pc_hash_add(before, f->sum), STEPS);
    }
    if (kind == PC_VIOLATION_NONE && r->subject->done < r->judge->run->op_count) {
        kind = apply_next(f, before, &after);
    }
    if (kind == PC_VIOLATION_NONE) {
        kind = holds(r, pc_hash_add(after, f->sum));
    }
    if (kind == PC_VIOLATION_NONE) {
        kind = remove_fillers(f, after);
    }
    if (kind == PC_VIOLATION_NONE) {
        kind = holds(r, after);
    }
    if (kind == PC_VIOLATION_NONE) {
        kind = recovery_check(r);
    }
    if (kind == PC_VIOLATION_NONE && !r->judge->lenient) {
        kind = keeps_room(f, after, hash_equal(before, after) ? taken : 0);
    }
    return kind;
}

uint32_t judge_full(struct recovery *r) {
    struct filling f = {.r = r, .recorded = r->stage->recorded};
    struct reading reading;
    uint32_t kind = PC_VIOLATION_NONE;

    r->verdict->code = recovery_mount(r);
    if (r->verdict->code == PC_OK) {
        r->verdict->code = recovery_read(r, &reading);
    }
    if (r->verdict->code != PC_OK || (!r->judge->lenient && !permit_has(&r->subject->permit, reading.sum))) {
        return PC_VIOLATION_CONTENT;
    }
    f.bytes = calloc(r->dev.geometry.block_size, 1);
    f.sizes = calloc(FILLERS_MAX, sizeof(*f.sizes));
    if (f.bytes == NULL || f.sizes == NULL) {
        r->verdict->no_memory = 1;
    } else {
        kind = on_full_device(&f, reading.sum);
    }
    free(f.sizes);
    free(f.bytes);
    return kind;
}
