/* SPDX-License-Identifier: ISC
 *
 * explore.h: what the parts of an exploration share: the batch of states at hand, the report that grows, and
 * one thread's own devices.
 *
 * States come in batches. Each batch is generated in order by one thread, hashed by all, freed of what is
 * identical by one, and judged by all. So which states are judged, and what is found, does not depend on
 * the number of threads.
 */
#ifndef CRASH_EXPLORE_H
#define CRASH_EXPLORE_H

#include "judge.h"
#include "media.h"
#include "patch.h"
#include "seen.h"
#include "states.h"

#include <pthread.h>

/* States that one thread takes at a time. What is unread is passed over within one such group. */
#define GROUP 64u

/* A batch is closed at the first cut behind so many states. */
#define BATCH 65536u

enum fate { TO_JUDGE = 0, IS_IDENTICAL = 1, DEALT_WITH = 2 };

struct item {
    struct state state;
    struct pc_hash hash; /* of image, position and rule */
    uint8_t sampled;
    uint8_t fate;                 /* enum fate */
    const struct pc_fault *fault; /* where a nested state was asked for by itself */
};

struct exploration {
    const struct pc_run *run;
    const struct pc_allowed *allowed;
    const struct pc_explore_options *options;
    uint32_t kinds; /* as asked for, less what cannot be */
    uint32_t depth; /* cuts in a row at most */
    size_t model_count;
    struct uncut uncut;
    struct judge judge;
    struct seen seen;
    struct media media; /* the generator's */
    uint8_t *room;      /* for a block */
    struct item *items; /* the batch */
    size_t item_count, item_room;
    uint64_t base;           /* the number of its first state */
    size_t next;             /* atomic: the first group of the batch that nobody took */
    uint32_t ended;          /* atomic: the state that judging ends at was there */
    uint64_t limit;          /* atomic: states from this number on are no longer of interest */
    pthread_mutex_t lock;    /* over what follows */
    struct pc_count *counts; /* as in the report */
    struct found *found;     /* in the order of the states */
    size_t found_count, found_room;
    int code; /* PC_OK, or why the exploration failed */
};

/* A violation and the number of its first cut's state. */
struct found {
    uint64_t number;
    struct pc_violation violation;
};

/* The devices of one cut: of the run at level 0, of a recovery at the others. */
struct level {
    struct patch base;  /* not at level 0: the parent's state with the recovery's first events */
    struct media media; /* where the cut is */
    struct patch patch; /* the crash state */
    struct stage stage;
};

/* What earlier states of a group had read, and of what content. */
#define MEMORIES 8u
struct memory {
    struct pc_hash position;
    struct pc_hash *content; /* by watched block */
    uint64_t *masks;
    size_t suspect; /* the watched block in which the last state that was held against it differed */
};

/* A device moving through the run with its hash. */
struct tracker {
    struct media media;
    struct patch patch;
    struct pc_hash *blocks; /* per block; 0: not known yet */
    struct pc_hash sum;     /* of what changed since the run began */
};

/* What one thread has of its own. */
struct worker {
    struct exploration *x;
    uint32_t job;
    int ready;   /* its devices are there */
    int hashing; /* its tracker is there */
    struct level levels[PC_CUTS_MAX];
    struct tracker tracker;
    struct memory memories[MEMORIES];
    size_t memory_count, memory_next;
    uint8_t *room;         /* for a block */
    struct media past;     /* for damage that brings older content back */
    struct pc_fault fault; /* of the state at hand */
    uint64_t number;       /* of the state at hand */
    int spotted;           /* in this state and those below it there was something to tell */
    int left;              /* of those below it some were left, since the exploration ends early */
    struct pc_count *counts;
    int code;
};

/* generate.c: fills the batch with the states of the next cuts; *ret_more is 0 when there are none left. */
struct generator {
    uint64_t at;    /* the next cut */
    uint32_t phase; /* enum in generate.c */
};
int generate(struct exploration *x, struct generator *generator, int *ret_more);
/* Puts one more state into the batch. */
int batch_add(struct exploration *x, const struct state *state, int sampled);
/* `model`: the model_count of the exploration stands for none in particular, of nested states alone. */
struct pc_count *count_of(const struct exploration *x, struct pc_count *counts, size_t model, uint32_t kind);
size_t count_counts(const struct exploration *x); /* in one such array */

/* hash.c: the hashes of a group of states. */
int hash_group(struct worker *worker, size_t first, size_t end);
void tracker_release(struct tracker *tracker);

/* unread.c: what the group's earlier states had read. */
int memories_init(struct worker *worker); /* PC_OK or PC_NO_MEMORY */
void memories_release(struct worker *worker);
/* A group begins: forgets the last one, and watches the blocks in which its states differ. Errors: PC_NO_MEMORY. */
int memories_watch(struct worker *worker, size_t first, size_t end);
/* Does the state on level 0 equal an earlier one of that position in all that its recovery read? */
int memories_know(struct worker *worker, struct pc_hash position);
/* The state on level 0 was judged, and nothing was found. */
void memories_add(struct worker *worker, struct pc_hash position);

/* work.c: judges a group of states, and what is below them. */
int judge_group(struct worker *worker, size_t first, size_t end);
void worker_release(struct worker *worker);
int is_of_interest(const struct exploration *x, uint64_t number);
void end_interest(struct exploration *x, uint64_t number); /* in the states from this number on */
int add_found(struct exploration *x, uint64_t number, const struct pc_violation *violation);

/* fault.c */
struct pc_fault fault_of_state(const struct state *state);
struct state state_of_fault(const struct pc_fault *fault);
int fault_equal(const struct pc_fault *a, const struct pc_fault *b);
int fault_is_possible(const struct pc_run *run, const struct pc_fault *fault);
int fault_is_free(const struct pc_fault *fault); /* every device allows it: nothing is torn or lost */

/* The state's position: what it has to be equal in with another to be judged alike. */
struct pc_hash state_position(const struct exploration *x, const struct state *state);

/* The position with the model, where the ways in which recovery is cut in its turn depend on that. A state
 * of no model in particular is cut as all of them allow, and stands for those of each. */
struct pc_hash mark_model(const struct exploration *x, const struct state *state, struct pc_hash position);

#endif
