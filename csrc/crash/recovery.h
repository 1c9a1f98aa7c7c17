/* SPDX-License-Identifier: ISC
 *
 * recovery.h: the steps that judgements are made of: mount, read, write, compare.
 */
#ifndef CRASH_RECOVERY_H
#define CRASH_RECOVERY_H

#include "judge.h"

/* One state being judged. */
struct recovery {
    const struct judge *judge;
    const struct subject *subject;
    struct stage *stage;
    struct bd dev; /* what the engine gets */
    void *store;   /* mounted, or NULL */
    struct verdict *verdict;
};

/* One reading of a store. */
struct reading {
    const struct recovery *recovery;
    struct pc_hash sum;
    struct pc_hash plain; /* the same without timestamps */
    struct pc_hash probe; /* the hash of the entry at PC_PROBE_KEY */
    uint32_t probe_kind;  /* its kind, or PC_NONE */
    int has_times;
    uint64_t unknown; /* entries that the store never held, the probe's left out */
};

int hash_equal(struct pc_hash a, struct pc_hash b);

/* Is what was found right? */
int recovery_fits(const struct recovery *r, struct pc_hash found, struct pc_hash expected);

/* The write probe. */
struct pc_op probe_op(void);
struct pc_hash probe_hash(const struct recovery *r); /* of the entry that it makes */

int recovery_mount(struct recovery *r);
void recovery_unmount(struct recovery *r);
int recovery_read(const struct recovery *r, struct reading *ret_reading);
int recovery_apply(const struct recovery *r, const struct pc_op *op); /* its answer is not looked at */

/* The write probe's set and, where durable is what was synced, the sync. */
int recovery_apply_probe(const struct recovery *r);

/* The engine's own check: a violation or none. */
uint32_t recovery_check(const struct recovery *r);

/* Closes the store, opens it once more and reads it; any difference to `expected` is a `kind`. */
uint32_t recovery_mount_again(struct recovery *r, struct pc_hash expected, uint32_t kind);

/* A step that may change the store begins; it has returned, and left `after`, durable or not yet. For a script. */
void recovery_step_begin(const struct recovery *r);
void recovery_step_end(const struct recovery *r, struct pc_hash after, int durable);

/* Is NO_SPACE a right answer to the write probe, since the uncut run gives it too? */
int recovery_may_be_full(const struct recovery *r);

/* The judgements of states that are no power cuts: judge_damage.c's and judge_full.c's. */
uint32_t judge_damage(struct recovery *r);
uint32_t judge_full(struct recovery *r);

#endif
