/* SPDX-License-Identifier: ISC
 *
 * explore.c: all crash states of a run, judged on all cores.
 *
 * Threads take ascending stretches of states from a counter. What they find does not depend on who took
 * what: once max_violations were found only states before the last of them are still looked at, so that
 * in the end it is always the first ones that are reported.
 */
#define _DEFAULT_SOURCE

#include "judge.h"
#include "media.h"
#include "run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* States taken from the counter at a time. */
#define STRETCH 8u

struct exploration {
    const struct pc_run *run;
    const struct pc_hash *allowed;
    const struct pc_explore_options *options;
    struct states states;
    struct uncut uncut;
    size_t next;                     /* atomic: the first of states.todo that nobody took */
    uint64_t limit;                  /* atomic: states after this one are no longer of interest */
    pthread_mutex_t lock;            /* over what follows */
    struct pc_violation *violations; /* sorted by state */
    size_t violation_count, violation_room;
    uint64_t checked, no_space;
    int code; /* PC_OK, or why the exploration failed */
};

/* What one thread has of its own. */
struct worker {
    struct exploration *exploration;
    struct media media;
    struct judge judge;
    uint64_t checked, no_space;
};

static int is_stopped(const struct exploration *x) {
    return x->options->stop != NULL && *x->options->stop != 0;
}

static void count_progress(const struct exploration *x, uint64_t states) {
    if (x->options->progress != NULL) {
        (void)__atomic_fetch_add(x->options->progress, states, __ATOMIC_RELAXED);
    }
}

static int reserve_violation(struct exploration *x) {
    size_t room = x->violation_room * 2 + 16;
    struct pc_violation *grown;

    if (x->violation_count < x->violation_room) {
        return PC_OK;
    }
    grown = realloc(x->violations, room * sizeof(*grown));
    if (grown == NULL) {
        return PC_NO_MEMORY;
    }
    x->violations = grown;
    x->violation_room = room;
    return PC_OK;
}

/* Puts a violation in its place, and the last one out where there are more than wanted. */
static void insert_violation(struct exploration *x, const struct pc_violation *violation) {
    size_t max = x->options->max_violations;
    size_t at = x->violation_count++;

    for (; at > 0 && x->violations[at - 1].state > violation->state; at--) {
        x->violations[at] = x->violations[at - 1];
    }
    x->violations[at] = *violation;
    if (max == 0 || x->violation_count < max) {
        return;
    }
    x->violation_count = max;
    __atomic_store_n(&x->limit, x->violations[max - 1].state, __ATOMIC_RELAXED);
}

static void fail(struct exploration *x, int code) {
    x->code = code;
    __atomic_store_n(&x->next, x->states.count, __ATOMIC_RELAXED);
}

static void add_violation(struct exploration *x, const struct pc_violation *violation) {
    (void)pthread_mutex_lock(&x->lock);
    if (reserve_violation(x) == PC_OK) {
        insert_violation(x, violation);
    } else {
        fail(x, PC_NO_MEMORY);
    }
    (void)pthread_mutex_unlock(&x->lock);
}

static void judge_one(struct worker *worker, uint64_t k) {
    struct exploration *x = worker->exploration;
    struct verdict verdict;

    media_move(&worker->media, (size_t)k);
    judge_state(&worker->judge, k, states_allowed(x->run, x->allowed, k), &verdict);
    worker->checked++;
    worker->no_space += (uint64_t)verdict.no_space;
    if (verdict.violation.kind != PC_VIOLATION_NONE) {
        add_violation(x, &verdict.violation);
    }
    count_progress(x, 1);
}

/* Judges stretch after stretch until none is left, or none is of interest. */
static void work(struct worker *worker) {
    struct exploration *x = worker->exploration;

    for (;;) {
        size_t at = __atomic_fetch_add(&x->next, STRETCH, __ATOMIC_RELAXED);
        size_t end = at + STRETCH < x->states.count ? at + STRETCH : x->states.count;

        if (at >= x->states.count) {
            return;
        }
        for (; at < end; at++) {
            if (is_stopped(x) || x->states.todo[at] > __atomic_load_n(&x->limit, __ATOMIC_RELAXED)) {
                return;
            }
            judge_one(worker, x->states.todo[at]);
        }
    }
}

static void *worker_main(void *argument) {
    struct worker worker = {.exploration = argument};
    struct exploration *x = worker.exploration;
    int code = media_init(&worker.media, x->run);

    if (code == PC_OK) {
        code = judge_init(&worker.judge, x->run, x->options->probes, &x->uncut, worker.media.bytes);
    }
    if (code == PC_OK) {
        work(&worker);
        judge_release(&worker.judge);
    }
    media_release(&worker.media);
    (void)pthread_mutex_lock(&x->lock);
    x->checked += worker.checked;
    x->no_space += worker.no_space;
    if (code != PC_OK) {
        fail(x, code);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return NULL;
}

/* How many threads there is work for. */
static size_t job_count(const struct exploration *x) {
    size_t useful = (x->states.count + STRETCH - 1) / STRETCH;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t jobs = x->options->jobs;

    if (jobs == 0) {
        jobs = processors > 0 ? (size_t)processors : 1;
    }
    return jobs < useful ? jobs : useful;
}

/* Runs the threads; the calling one is one of them, so that it works even where no other can be had. */
static void run_workers(struct exploration *x) {
    size_t jobs = job_count(x);
    pthread_t *threads = calloc(jobs + 1, sizeof(*threads));
    size_t started = 0;

    if (jobs == 0 || threads == NULL) {
        free(threads);
        if (jobs > 0) {
            (void)worker_main(x);
        }
        return;
    }
    while (started + 1 < jobs && pthread_create(&threads[started], NULL, worker_main, x) == 0) {
        started++;
    }
    (void)worker_main(x);
    while (started > 0) {
        (void)pthread_join(threads[--started], NULL);
    }
    free(threads);
}

static void write_report(struct exploration *x, struct pc_explore_report *ret_report) {
    *ret_report = (struct pc_explore_report){
        .total = x->states.total,
        .checked = x->checked,
        .identical = x->states.identical,
        .no_space = x->no_space,
        .violation_count = x->violation_count,
        .violations = x->violations,
    };
    x->violations = NULL;
}

static int explore(struct exploration *x) {
    int code = states_find(x->run, x->allowed, x->options, &x->states);

    if (code != PC_OK) {
        return code;
    }
    count_progress(x, x->states.identical);
    code = uncut_init(&x->uncut, x->run);
    if (code == PC_OK) {
        run_workers(x);
        code = x->code;
        uncut_release(&x->uncut);
    }
    states_release(&x->states);
    return code;
}

int pc_explore(const struct pc_run *run, const struct pc_hash *allowed, size_t allowed_count,
               const struct pc_explore_options *options, struct pc_explore_report *ret_report) {
    struct exploration x = {.run = run, .allowed = allowed, .options = options, .limit = UINT64_MAX};
    int code;

    if (allowed_count != run->op_count + 1) {
        return PC_INVALID_ARGUMENT;
    }
    if (pthread_mutex_init(&x.lock, NULL) != 0) {
        return PC_NO_MEMORY;
    }
    code = explore(&x);
    if (code == PC_OK) {
        write_report(&x, ret_report);
    }
    free(x.violations);
    (void)pthread_mutex_destroy(&x.lock);
    return code;
}

void pc_explore_report_release(struct pc_explore_report *report) {
    free(report->violations);
    report->violations = NULL;
    report->violation_count = 0;
}
