/* SPDX-License-Identifier: ISC
 *
 * judge.h: one crash state, recovered by the engine and judged.
 */
#ifndef CRASH_JUDGE_H
#define CRASH_JUDGE_H

#include "reply.h"
#include "script.h"
#include "uncut.h"

/* What all states of an exploration share. */
struct judge {
    const struct pc_run *run;
    const struct pc_allowed *allowed;
    const struct pc_engine *reader; /* may be NULL */
    uint32_t probes;                /* enum pc_probe */
    int damage_exact;
    int lenient;               /* whatever is found is right: recovery is wanted, and no judgement */
    const struct pc_hash *own; /* lenient: the stores of the run, as the engine itself shows them */
    size_t own_count;
    struct uncut *uncut;
};

/* The devices on which one state is recovered, and what is recorded of it. Nothing is allocated per state. */
struct stage {
    struct bd state;          /* the crash state; recovery's writes do not reach it */
    struct bd overlay;        /* on it: what recovery writes */
    struct bd record;         /* on that, where there is a script */
    struct bd reader;         /* another overlay, for the other engine */
    struct script script;     /* what was recorded */
    int recorded;             /* there is one */
    struct reply_taker taker; /* of the operations with which the run goes on */
};
/* `script_of`: the run whose recoveries are recorded; NULL: they are not. Errors: PC_NO_MEMORY. */
int stage_init(struct stage *stage, const struct bd *state, const struct pc_run *script_of);
void stage_release(struct stage *stage);

/* A state to be judged. */
struct subject {
    uint32_t kind;        /* enum pc_fault_kind */
    struct permit permit; /* the stores that are allowed */
    size_t done;    /* operations that had returned at the first cut; full: before the device was filled */
    size_t until;   /* operations that may have had an effect */
    int full;       /* the device was filled up: a set may find no space */
    uint32_t depth; /* cuts so far */
    const struct pc_damage *damage; /* PC_FAULT_DAMAGE alone */
};

struct verdict {
    uint32_t kind; /* enum pc_violation_kind */
    int32_t code;
    uint32_t op;      /* the operation that answered wrong after the recovery, or PC_NO_OP */
    uint32_t reached; /* operations of the run that the store should show then */
    struct pc_hash found;
    int no_space;  /* a write found the device full, and rightly so */
    int refused;   /* damage was answered CORRUPT or IO */
    int unfilled;  /* a device that was to be full was not: it takes more than is asked of it */
    int no_memory; /* there was none to judge with: no verdict */
};

/* Judges the state on the stage, and leaves what was recorded of it there. */
void judge_state(const struct judge *judge, struct stage *stage, const struct subject *subject,
                 struct verdict *ret_verdict);

#endif
