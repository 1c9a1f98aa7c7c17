/* SPDX-License-Identifier: ISC
 *
 * script.h: what recovery did to a device, recorded, and which stores are allowed if it is cut in its turn.
 */
#ifndef CRASH_SCRIPT_H
#define CRASH_SCRIPT_H

#include "powercut.h"

/* The steps of a recovery that change the store. */
#define SCRIPT_STEPS (PC_RESUME_MAX + 2u)

/* Some stores, any of which may be found. */
struct permit {
    const struct pc_hash *stores;
    size_t count;
};
int permit_has(const struct permit *permit, struct pc_hash store);

struct script_step {
    size_t begin, end;    /* the events before the step began, and when it had returned */
    struct pc_hash after; /* the store from then on */
    int durable; /* so it is found after a power cut behind the end; else what was there before may be */
};

struct script {
    struct pc_run *run;   /* the events, a run without operations */
    struct permit before; /* allowed until the store was first read */
    size_t settled;       /* the events when it had been; SIZE_MAX: it was not */
    struct pc_hash sum;   /* what was read */
    struct script_step steps[SCRIPT_STEPS];
    size_t step_count;
    size_t step_limit;                        /* behind so many nothing is looked at; at most SCRIPT_STEPS */
    size_t first;                             /* events before this one are not cut */
    size_t end;                               /* events behind this one are of no interest */
    struct pc_hash between[SCRIPT_STEPS + 1]; /* room for a permit */
};

/* `like`: the run whose engine, geometry and options it shares. Errors: PC_NO_MEMORY. */
int script_init(struct script *script, const struct pc_run *like);
void script_release(struct script *script);

/* Forgets what was recorded. `before`: what is allowed at first. */
void script_begin(struct script *script, struct permit before);

/* The store was read for the first time. */
void script_settle(struct script *script, struct pc_hash sum);

/* Cuts begin here, with this store, and end behind so many steps: what went before is not of interest. */
void script_rebase(struct script *script, struct pc_hash sum, size_t step_limit);

/* A step that may change the store begins; it has returned, and what is there then is durable or not yet. */
void script_step_begin(struct script *script);
void script_step_end(struct script *script, struct pc_hash after, int durable);

/* Makes the recorded events ready to be cut. Errors: PC_NO_MEMORY. */
int script_close(struct script *script);

/* What is allowed if the power goes after the first k events. Valid until the next call. */
struct permit script_permit(struct script *script, size_t k);

/* The same for a moment at which event number k was under way. */
struct permit script_permit_during(struct script *script, size_t k);

#endif
