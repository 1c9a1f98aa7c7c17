/* SPDX-License-Identifier: ISC
 *
 * explore.c: crash states of a run, generated and judged on all cores.
 *
 * Once max_violations were found only states before the last of them are still looked at, so that in the end
 * it is always the first ones that are reported, whoever found them.
 */
#define _DEFAULT_SOURCE

#include "explore.h"

#include "run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is found ---------------------------------------------------------------------------------- */

int is_of_interest(const struct exploration *x, uint64_t number) {
    const struct pc_watch *watch = x->options->watch;

    return (watch == NULL || *(const volatile int *)&watch->stop == 0) &&
           number < __atomic_load_n(&x->limit, __ATOMIC_RELAXED);
}

/* Under the lock, so that it never goes up again. */
static void lower_limit(struct exploration *x, uint64_t number) {
    if (number < x->limit) {
        __atomic_store_n(&x->limit, number, __ATOMIC_RELAXED);
    }
}

void end_interest(struct exploration *x, uint64_t number) {
    (void)pthread_mutex_lock(&x->lock);
    lower_limit(x, number);
    (void)pthread_mutex_unlock(&x->lock);
}

static int reserve_found(struct exploration *x) {
    size_t room = x->found_room * 2 + 16;
    struct found *grown;

    if (x->found_count < x->found_room) {
        return PC_OK;
    }
    grown = realloc(x->found, room * sizeof(*grown));
    if (grown == NULL) {
        return PC_NO_MEMORY;
    }
    x->found = grown;
    x->found_room = room;
    return PC_OK;
}

/* Puts a violation in its place, and the last one out where there are more than wanted. Those below one state
 * come from one thread, in order. */
static void insert_found(struct exploration *x, uint64_t number, const struct pc_violation *violation) {
    size_t max = x->options->max_violations;
    size_t at = x->found_count++;

    for (; at > 0 && x->found[at - 1].number > number; at--) {
        x->found[at] = x->found[at - 1];
    }
    x->found[at] = (struct found){number, *violation};
    if (max == 0 || x->found_count < max) {
        return;
    }
    x->found_count = max;
    lower_limit(x, x->found[max - 1].number);
}

int add_found(struct exploration *x, uint64_t number, const struct pc_violation *violation) {
    int code;

    (void)pthread_mutex_lock(&x->lock);
    code = reserve_found(x);
    if (code == PC_OK) {
        insert_found(x, number, violation);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return code;
}

/* --- threads ---------------------------------------------------------------------------------------- */

typedef int (*group_fn)(struct worker *worker, size_t first, size_t end);

/* A phase of a batch: all threads take groups from a counter. */
struct turn {
    struct worker *worker;
    group_fn fn;
};

static void *take_groups(void *argument) {
    const struct turn *turn = argument;
    struct exploration *x = turn->worker->x;
    int code = PC_OK;

    while (code == PC_OK) {
        size_t first = __atomic_fetch_add(&x->next, GROUP, __ATOMIC_RELAXED);

        if (first >= x->item_count) {
            break;
        }
        code = turn->fn(turn->worker, first, first + GROUP < x->item_count ? first + GROUP : x->item_count);
    }
    if (code != PC_OK) {
        (void)pthread_mutex_lock(&x->lock);
        x->code = code;
        (void)pthread_mutex_unlock(&x->lock);
    }
    return NULL;
}

/* The calling thread is one of them, so that it works even where no other can be had. */
static void run_phase(struct exploration *x, struct worker *workers, size_t jobs, group_fn fn) {
    pthread_t threads[PC_WATCH_JOBS];
    struct turn turns[PC_WATCH_JOBS];
    size_t groups = (x->item_count + GROUP - 1) / GROUP;
    size_t started = 1;

    x->next = 0;
    jobs = jobs < groups ? jobs : groups;
    for (size_t i = 0; i < jobs; i++) {
        turns[i] = (struct turn){&workers[i], fn};
    }
    while (started < jobs && pthread_create(&threads[started], NULL, take_groups, &turns[started]) == 0) {
        started++;
    }
    if (jobs > 0) {
        (void)take_groups(&turns[0]);
    }
    while (started > 1) {
        (void)pthread_join(threads[--started], NULL);
    }
}

static size_t job_count(const struct exploration *x) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t jobs = x->options->jobs;

    if (jobs == 0) {
        jobs = processors > 0 ? (size_t)processors : 1;
    }
    return jobs < PC_WATCH_JOBS ? jobs : PC_WATCH_JOBS;
}

/* --- batches ---------------------------------------------------------------------------------------- */

/* Was there one that stands for this? If not, it is the first of its kind. Errors: PC_NO_MEMORY. */
static int is_known(struct exploration *x, const struct item *item) {
    struct pc_hash marked = mark_model(x, &item->state, item->hash);

    if (item->fault != NULL) {
        return 0;
    }
    return seen_has(&x->seen, item->hash) ? 1 : seen_put(&x->seen, marked);
}

/* The first of its kind is judged. */
static int find_identical(struct exploration *x) {
    for (size_t i = 0; i < x->item_count; i++) {
        struct item *item = &x->items[i];
        int known = is_known(x, item);

        if (known < 0) {
            return known;
        }
        if (known) {
            item->fate = IS_IDENTICAL;
            if (x->options->watch != NULL) {
                (void)__atomic_fetch_add(&x->options->watch->progress, 1, __ATOMIC_RELAXED);
            }
        }
    }
    return PC_OK;
}

/* Passed over is what equals a state that was dealt with. Behind one that was left it may be that one. */
static void count_identical(struct exploration *x) {
    for (size_t i = 0; i < x->item_count && x->items[i].fate != TO_JUDGE; i++) {
        const struct item *item = &x->items[i];

        if (item->fate == IS_IDENTICAL) {
            count_of(x, x->counts, item->state.model, item->state.kind)->identical++;
        }
    }
}

static int explore_batch(struct exploration *x, struct worker *workers, size_t jobs) {
    if ((x->options->keep & PC_KEEP_IDENTICAL) == 0) {
        run_phase(x, workers, jobs, hash_group);
        if (x->code == PC_OK) {
            x->code = find_identical(x);
        }
    }
    if (x->code == PC_OK) {
        run_phase(x, workers, jobs, judge_group);
        count_identical(x);
    }
    return x->code;
}

/* The states that were asked for by themselves make one batch. */
static int add_only(struct exploration *x) {
    int code = PC_OK;

    for (size_t i = 0; i < x->options->only_count && code == PC_OK; i++) {
        const struct pc_fault *fault = &x->options->only[i];
        struct state state;

        if (!fault_is_possible(x->run, fault) || fault->model >= x->model_count) {
            return PC_INVALID_ARGUMENT;
        }
        state = state_of_fault(fault);
        code = batch_add(x, &state, 0);
        if (code == PC_OK && fault->depth > 1) {
            x->items[x->item_count - 1].fault = fault;
        }
    }
    return code;
}

static int explore_all(struct exploration *x, struct worker *workers, size_t jobs) {
    struct generator generator = {.at = x->options->first};
    int more = 1;
    int code = PC_OK;

    if (x->options->only != NULL) {
        code = add_only(x);
        return code == PC_OK && x->item_count > 0 ? explore_batch(x, workers, jobs) : code;
    }
    /* What is no longer of interest is still counted. */
    while (code == PC_OK && more) {
        code = generate(x, &generator, &more);
        if (code == PC_OK && more && is_of_interest(x, x->base)) {
            code = explore_batch(x, workers, jobs);
        }
    }
    return code;
}

static void add_counts(const struct exploration *x, const struct pc_count *counts) {
    for (size_t i = 0; counts != NULL && i < count_counts(x); i++) {
        x->counts[i].total += counts[i].total;
        x->counts[i].sampled += counts[i].sampled;
        x->counts[i].beyond += counts[i].beyond;
        x->counts[i].checked += counts[i].checked;
        x->counts[i].identical += counts[i].identical;
        x->counts[i].unread += counts[i].unread;
        x->counts[i].no_space += counts[i].no_space;
        x->counts[i].refused += counts[i].refused;
    }
}

static int with_workers(struct exploration *x) {
    size_t jobs = job_count(x);
    struct worker *workers = calloc(jobs, sizeof(*workers));
    int code;

    if (workers == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < jobs; i++) {
        workers[i].x = x;
        workers[i].job = (uint32_t)i;
    }
    code = explore_all(x, workers, jobs);
    for (size_t i = 0; i < jobs; i++) {
        add_counts(x, workers[i].counts);
        worker_release(&workers[i]);
    }
    free(workers);
    return code;
}

/* --- an exploration --------------------------------------------------------------------------------- */

/* Can the device be filled up, and what is then allowed be told? */
static int can_be_full(const struct exploration *x) {
    const struct pc_allowed *allowed = x->allowed;

    if (x->run->facts.name_max < 20 || x->run->options.read_only) {
        return 0;
    }
    for (size_t i = 0; allowed != NULL && i <= allowed->op_count; i++) {
        if (allowed->first[i + 1] - allowed->first[i] != 1) {
            return 0;
        }
    }
    return 1;
}

static uint32_t depth_of(const struct pc_explore_options *options) {
    uint32_t depth = (options->kinds >> PC_FAULT_NESTED & 1) != 0 ? options->depth : 1;

    for (size_t i = 0; i < options->only_count; i++) {
        depth = options->only[i].depth > depth ? options->only[i].depth : depth;
    }
    return depth;
}

static int init(struct exploration *x, const struct pc_run *run, const struct pc_allowed *allowed,
                const struct pc_explore_options *options) {
    *x = (struct exploration){.run = run, .allowed = allowed, .options = options, .limit = UINT64_MAX};
    x->kinds = options->kinds;
    x->depth = depth_of(options);
    x->model_count = options->model_count > 0 ? options->model_count : 1;
    if (x->depth < 1 || x->depth > PC_CUTS_MAX || options->model_count > UINT16_MAX ||
        (options->nested_kinds & ~(1u << PC_FAULT_PREFIX | 1u << PC_FAULT_TORN | 1u << PC_FAULT_REORDER)) !=
            0) {
        return PC_INVALID_ARGUMENT;
    }
    if (!can_be_full(x)) {
        x->kinds &= ~(1u << PC_FAULT_FULL);
    }
    x->room = malloc(run->geometry.block_size);
    x->counts = calloc(count_counts(x), sizeof(*x->counts));
    if (x->room == NULL || x->counts == NULL) {
        return PC_NO_MEMORY;
    }
    return media_init(&x->media, run, 1);
}

static void release(struct exploration *x) {
    media_release(&x->media);
    seen_release(&x->seen);
    free(x->room);
    free(x->items);
    free(x->counts);
    free(x->found);
}

static int write_report(struct exploration *x, struct pc_explore_report *ret_report) {
    struct pc_violation *violations = calloc(x->found_count + 1, sizeof(*violations));

    if (violations == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < x->found_count; i++) {
        violations[i] = x->found[i].violation;
    }
    *ret_report = (struct pc_explore_report){.counts = x->counts,
                                             .model_count = x->model_count,
                                             .violation_count = x->found_count,
                                             .violations = violations,
                                             .ended = x->ended};
    x->counts = NULL;
    return PC_OK;
}

static int explore(struct exploration *x) {
    int code = uncut_init(&x->uncut, x->run);

    if (code != PC_OK) {
        return code;
    }
    x->judge = (struct judge){.run = x->run,
                              .allowed = x->allowed,
                              .reader = x->options->reader,
                              .probes = x->options->probes,
                              .damage_exact = (int)x->options->damage_exact,
                              .uncut = &x->uncut};
    if (pthread_mutex_init(&x->lock, NULL) == 0) {
        code = with_workers(x);
        (void)pthread_mutex_destroy(&x->lock);
    } else {
        code = PC_NO_MEMORY;
    }
    uncut_release(&x->uncut);
    return code;
}

int pc_explore(const struct pc_run *run, const struct pc_allowed *allowed,
               const struct pc_explore_options *options, struct pc_explore_report *ret_report) {
    struct exploration x;
    int code;

    if (allowed->op_count != run->op_count) {
        return PC_INVALID_ARGUMENT;
    }
    code = init(&x, run, allowed, options);
    if (code == PC_OK) {
        code = explore(&x);
    }
    if (code == PC_OK) {
        code = write_report(&x, ret_report);
    }
    release(&x);
    return code;
}

void pc_explore_report_release(struct pc_explore_report *report) {
    free(report->violations);
    free(report->counts);
    *report = (struct pc_explore_report){0};
}

int pc_explore_list(const struct pc_run *run, const struct pc_explore_options *options, pc_fault_fn fn,
                    void *ctx) {
    struct generator generator = {.at = options->first};
    struct exploration x;
    int code = init(&x, run, NULL, options);
    int more = 1;

    while (code == PC_OK && more) {
        code = generate(&x, &generator, &more);
        for (size_t i = 0; i < x.item_count && code == PC_OK; i++) {
            struct pc_fault fault = fault_of_state(&x.items[i].state);

            code = fn(ctx, &fault);
        }
    }
    release(&x);
    return code;
}
