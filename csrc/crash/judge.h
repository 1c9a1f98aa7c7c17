/* SPDX-License-Identifier: ISC
 *
 * judge.h: one crash state, recovered by the engine and judged.
 */
#ifndef CRASH_JUDGE_H
#define CRASH_JUDGE_H

#include "states.h"

#include <pthread.h>

/* What the uncut run answers to the write probe after each operation; asked once, shared by all threads. */
struct uncut {
    const struct pc_run *run;
    pthread_mutex_t lock;
    uint8_t *answers; /* per number of operations done: enum in judge.c */
};
int uncut_init(struct uncut *uncut, const struct pc_run *run); /* PC_OK or PC_NO_MEMORY */
void uncut_release(struct uncut *uncut);

/* One thread's means of judging: nothing is allocated per state. */
struct judge {
    const struct pc_run *run;
    uint32_t probes; /* enum pc_probe */
    struct uncut *uncut;
    struct bd media;   /* the crash state's bytes */
    struct bd overlay; /* on it: what recovery writes */
    void *store;       /* the mounted store, or NULL */
};

struct verdict {
    struct pc_violation violation; /* kind PC_VIOLATION_NONE: all is well */
    int no_space;                  /* the write probe found the device full, and rightly so */
};

/* bytes: the device's, moved from state to state by the caller. Errors: PC_NO_MEMORY. */
int judge_init(struct judge *judge, const struct pc_run *run, uint32_t probes, struct uncut *uncut,
               uint8_t *bytes);
void judge_release(struct judge *judge);

/* Judges crash state k, whose content the bytes are, against what is allowed there. */
void judge_state(struct judge *judge, uint64_t k, struct allowed_pair allowed, struct verdict *ret_verdict);

#endif
