/* SPDX-License-Identifier: ISC
 *
 * uncut.c: what the engine does and shows where nothing cuts it: the run once more, asked something at some point.
 */
#include "uncut.h"

#include "reply.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* --- the run once more ----------------------------------------------------------------------------- */

/* The devices, and the store on them. */
struct rerun {
    const struct pc_run *run;
    struct bd ram, fail;
    struct reply_taker taker;
    void *store;
};

/* Opens the run's first image as the run did. Errors: PC_NO_MEMORY, or what mount answers. */
static int rerun_open(struct rerun *rerun, const struct pc_run *run) {
    const struct bd_geometry *geometry = &run->geometry;

    *rerun = (struct rerun){.run = run};
    if (bd_ram_open(geometry, &rerun->ram) != BD_OK) {
        return PC_NO_MEMORY;
    }
    memcpy(bd_ram_bytes(&rerun->ram), run->image, (size_t)geometry->block_size * geometry->block_count);
    if (bd_fail_open(&rerun->ram, &run->fail, &rerun->fail) != BD_OK) {
        return PC_NO_MEMORY;
    }
    return run->engine->mount(&rerun->fail, &run->options, &rerun->store);
}

static void rerun_close(struct rerun *rerun) {
    if (rerun->store != NULL) {
        rerun->run->engine->unmount(rerun->store);
    }
    reply_release(&rerun->taker);
    bd_close(&rerun->fail);
    bd_close(&rerun->ram);
}

static int rerun_apply(struct rerun *rerun, const struct pc_op *op) {
    return rerun->run->engine->apply(rerun->store, op, reply_begin(&rerun->taker));
}

/* --- is it full? ----------------------------------------------------------------------------------- */

enum { UNKNOWN = 0, IS_FULL = 1, IS_NOT_FULL = 2 };

int uncut_init(struct uncut *uncut, const struct pc_run *run) {
    uncut->run = run;
    uncut->answers = calloc((run->op_count + 1) * (PC_CUTS_MAX + 1), 1);
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

/* The first `done` operations and then `op` so often, with a sync behind each where durable is what was synced: what it
 * answers the last time, or the first time that it is not OK. NO_MEMORY and the codes of mount are answers too. */
static int ask(const struct pc_run *run, size_t done, const struct pc_op *op, uint32_t times) {
    const struct pc_op sync = {.kind = PC_OP_SYNC};
    struct rerun rerun;
    int code = rerun_open(&rerun, run);

    for (size_t i = 0; i < done && code == PC_OK; i++) {
        (void)rerun_apply(&rerun, &run->ops[i]);
    }
    for (uint32_t i = 0; i < times && code == PC_OK; i++) {
        code = rerun_apply(&rerun, op);
        if (code == PC_OK && run->engine->durability == PC_DURABLE_ON_SYNC) {
            code = rerun_apply(&rerun, &sync);
        }
    }
    rerun_close(&rerun);
    return code;
}

int uncut_is_full(struct uncut *uncut, size_t done, const struct pc_op *op, uint32_t times) {
    uint8_t *answer = &uncut->answers[done * (PC_CUTS_MAX + 1) + times];
    int full;

    (void)pthread_mutex_lock(&uncut->lock);
    if (*answer == UNKNOWN) {
        *answer = ask(uncut->run, done, op, times) == PC_NO_SPACE ? IS_FULL : IS_NOT_FULL;
    }
    full = *answer == IS_FULL;
    (void)pthread_mutex_unlock(&uncut->lock);
    return full;
}

size_t uncut_durable(const struct pc_run *run, size_t done) {
    if (run->engine->durability != PC_DURABLE_ON_SYNC) {
        return done;
    }
    while (done > 0 && !(run->ops[done - 1].kind == PC_OP_SYNC && run->codes[done - 1] == PC_OK)) {
        done--;
    }
    return done;
}

/* --- its stores ------------------------------------------------------------------------------------ */

struct sum {
    struct pc_hash hash;
    int has_times;
};

static int add_entry(void *ctx, const struct pc_entry *entry) {
    struct sum *sum = ctx;
    struct pc_entry seen = *entry;

    seen.has_time = entry->has_time && sum->has_times;
    sum->hash = pc_hash_add(sum->hash, pc_hash_entry(&seen));
    return PC_OK;
}

int uncut_stores(const struct pc_run *run, size_t count, struct pc_hash **ret_stores, size_t *ret_count) {
    struct pc_hash *stores = calloc(count + 1, sizeof(*stores));
    struct rerun rerun;
    int code;

    if (stores == NULL) {
        return PC_NO_MEMORY;
    }
    *ret_stores = stores;
    *ret_count = 0;
    code = rerun_open(&rerun, run);
    for (size_t i = 0; i <= count && code == PC_OK; i++) {
        struct sum sum = {{0, 0}, (run->engine->capabilities & PC_CAN_TIMESTAMPS) != 0};

        if (i > 0 && rerun_apply(&rerun, &run->ops[i - 1]) != run->codes[i - 1]) {
            break;
        }
        code = run->engine->visit(rerun.store, add_entry, &sum);
        if (code == PC_OK) {
            stores[(*ret_count)++] = sum.hash;
        }
    }
    rerun_close(&rerun);
    return PC_OK;
}
