/* SPDX-License-Identifier: ISC
 *
 * work.c: judges a group of crash states on one thread's devices.
 */
#include "work.h"

#include "damage.h"
#include "recovery.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* --- a thread's devices ---------------------------------------------------------------------------- */

int nests(const struct exploration *x, uint32_t level) {
    return level + 1 < x->depth;
}

static int init_level(struct worker *worker, uint32_t i) {
    const struct exploration *x = worker->x;
    struct level *level = &worker->levels[i];
    int code;

    if (i == 0) {
        code = media_init(&level->media, x->run, 1);
    } else {
        code = patch_init(&level->base, &worker->levels[i - 1].patch.dev, 0);
        if (code == PC_OK) {
            code = media_init_over(&level->media, worker->levels[i - 1].stage.script.run, &level->base, 1);
        }
    }
    if (code == PC_OK) {
        code = patch_init(&level->patch, &level->media.dev, i == 0);
    }
    return code == PC_OK ? stage_init(&level->stage, &level->patch.dev, nests(x, i) ? x->run : NULL) : code;
}

static int worker_init(struct worker *worker) {
    const struct bd_geometry *geometry = &worker->x->run->geometry;
    int code = PC_OK;

    worker->ready = 1;
    worker->room = malloc(geometry->block_size);
    worker->counts = calloc(count_counts(worker->x), sizeof(*worker->counts));
    if (worker->room == NULL || worker->counts == NULL) {
        return PC_NO_MEMORY;
    }
    for (uint32_t i = 0; code == PC_OK && i < worker->x->depth; i++) {
        code = init_level(worker, i);
    }
    return code == PC_OK ? memories_init(worker) : code;
}

void worker_release(struct worker *worker) {
    for (uint32_t i = PC_CUTS_MAX; i-- > 0;) {
        stage_release(&worker->levels[i].stage);
        patch_release(&worker->levels[i].patch);
        media_release(&worker->levels[i].media);
        patch_release(&worker->levels[i].base);
    }
    memories_release(worker);
    if (worker->hashing) {
        tracker_release(&worker->tracker);
    }
    media_release(&worker->past);
    free(worker->room);
    free(worker->counts);
}

/* --- telling what goes on --------------------------------------------------------------------------- */

static struct pc_watch *watch_of(const struct worker *worker) {
    struct pc_watch *watch = worker->x->options->watch;

    return worker->job < PC_WATCH_JOBS ? watch : NULL;
}

static void tell_begin(struct worker *worker) {
    struct pc_watch *watch = watch_of(worker);

    if (watch != NULL) {
        watch->jobs[worker->job].fault = worker->fault;
        (void)__atomic_fetch_add(&watch->jobs[worker->job].serial, 1, __ATOMIC_RELEASE);
    }
}

static void tell_end(const struct worker *worker) {
    struct pc_watch *watch = watch_of(worker);

    if (watch != NULL) {
        (void)__atomic_fetch_add(&watch->jobs[worker->job].serial, 1, __ATOMIC_RELEASE);
        (void)__atomic_fetch_add(&watch->progress, 1, __ATOMIC_RELAXED);
    }
}

void tell_passed(const struct worker *worker) {
    if (worker->x->options->watch != NULL) {
        (void)__atomic_fetch_add(&worker->x->options->watch->progress, 1, __ATOMIC_RELAXED);
    }
}

/* --- one state -------------------------------------------------------------------------------------- */

static int is_skipped(const struct worker *worker) {
    const struct pc_explore_options *options = worker->x->options;

    for (size_t i = 0; i < options->skip_count; i++) {
        if (fault_equal(&options->skip[i], &worker->fault)) {
            return 1;
        }
    }
    return 0;
}

/* Where the state at hand is the one that judging ends at, nothing from here on is of interest. */
static void end_here(struct worker *worker) {
    const struct pc_fault *end_at = worker->x->options->end_at;

    if (end_at != NULL && fault_equal(end_at, &worker->fault)) {
        __atomic_store_n(&worker->x->ended, 1, __ATOMIC_RELAXED);
        end_interest(worker->x, worker->number);
    }
}

int judge_here(struct worker *worker, uint32_t i, const struct subject *subject, struct pc_count *count) {
    struct exploration *x = worker->x;
    struct pc_violation violation = {0};
    struct verdict verdict;

    if (is_skipped(worker)) {
        worker->spotted = 1;
        end_here(worker);
        return 0;
    }
    tell_begin(worker);
    judge_state(&x->judge, &worker->levels[i].stage, subject, &verdict);
    tell_end(worker);
    if (verdict.no_memory) {
        worker->code = PC_NO_MEMORY;
        return 0;
    }
    count->checked++;
    count->no_space += (uint64_t)verdict.no_space;
    count->refused += (uint64_t)verdict.refused;
    count->beyond += (uint64_t)verdict.unfilled;
    worker->spotted |= verdict.no_space || verdict.kind != PC_VIOLATION_NONE;
    if (verdict.kind == PC_VIOLATION_NONE) {
        return 1;
    }
    violation.kind = verdict.kind;
    violation.code = verdict.code;
    violation.op = verdict.op;
    violation.reached = verdict.reached;
    violation.found = verdict.found;
    violation.fault = worker->fault;
    worker->code = add_found(x, worker->number, &violation);
    return 0;
}

/* --- a group ---------------------------------------------------------------------------------------- */

static int build_item(struct worker *worker, const struct item *item, const struct pc_damage *damage) {
    struct level *level = &worker->levels[0];
    const struct pc_run *run = worker->x->run;
    size_t at = (size_t)item->state.cut.at;
    int code;

    if (item->state.kind == PC_FAULT_FULL) {
        at = at < run->op_begun ? run->op_start[at] : run->event_count;
    }
    patch_reset(&level->patch);
    code = media_move(&level->media, at);
    if (code != PC_OK || item->state.kind == PC_FAULT_FULL) {
        return code;
    }
    return item->state.kind == PC_FAULT_DAMAGE ? damage_build(run, damage, &worker->past, &level->patch)
                                               : state_build(&item->state.cut, &level->media, &level->patch);
}

/* The stores that are allowed: those of the operations that had returned, and of the one under way. */
static struct permit permit_of(const struct exploration *x, size_t done, size_t until) {
    size_t first = x->allowed->first[done];

    return (struct permit){x->allowed->stores + first, x->allowed->first[until + 1] - first};
}

static struct subject subject_of(const struct exploration *x, const struct item *item,
                                 const struct pc_damage *damage) {
    struct subject subject = {.kind = item->state.kind, .depth = 1, .damage = damage};

    if (item->state.kind == PC_FAULT_FULL) {
        subject.done = (size_t)item->state.cut.at;
        subject.full = 1;
        subject.until = subject.done;
    } else {
        struct run_position position = item->state.kind == PC_FAULT_DAMAGE
                                           ? x->run->positions[item->state.cut.at]
                                           : run_position_of(x->run, &item->state.cut);

        subject.done = position.done;
        subject.until = position.done + (position.in_flight ? 1 : 0);
    }
    subject.permit = permit_of(x, subject.done, subject.until);
    return subject;
}

/* Whether a state is one that others can be held against, or the other way round. */
static int is_comparable(const struct worker *worker, const struct item *item,
                         const struct pc_damage *damage) {
    return worker->levels[0].patch.watched_count > 0 && item->fault == NULL &&
           item->state.kind != PC_FAULT_FULL &&
           !(item->state.kind == PC_FAULT_DAMAGE && damage_is_of_device(damage));
}

static void judge_item(struct worker *worker, struct item *item) {
    struct exploration *x = worker->x;
    struct pc_damage damage = damage_of(&item->state.cut);
    struct subject subject = subject_of(x, item, &damage);
    struct pc_count *count = count_of(x, worker->counts, item->state.model, item->state.kind);
    int comparable = is_comparable(worker, item, &damage);
    struct pc_hash position = {0, 0}, marked = {0, 0};

    worker->fault = fault_of_state(&item->state);
    worker->code = build_item(worker, item, &damage);
    if (worker->code != PC_OK) {
        return;
    }
    if (comparable) {
        position = state_position(x, &item->state);
        marked = mark_model(x, &item->state, position);
        if (memories_know(worker, position) ||
            (!hash_equal(position, marked) && memories_know(worker, marked))) {
            count->unread++;
            item->fate = DEALT_WITH;
            tell_passed(worker);
            return;
        }
        patch_forget_reads(&worker->levels[0].patch);
    }
    worker->spotted = worker->left = 0;
    if (judge_here(worker, 0, &subject, count) && subject.kind != PC_FAULT_DAMAGE) {
        explore_below(worker, 0, &subject, item->fault);
    }
    if (worker->left) {
        return;
    }
    item->fate = DEALT_WITH;
    if (comparable && !worker->spotted) {
        memories_add(worker, marked);
    }
}

int judge_group(struct worker *worker, size_t first, size_t end) {
    struct exploration *x = worker->x;

    worker->code = worker->ready ? PC_OK : worker_init(worker);
    if (worker->code == PC_OK && (x->options->keep & PC_KEEP_UNREAD) == 0 && end - first > 1) {
        worker->code = memories_watch(worker, first, end);
    }
    for (size_t i = first; i < end && worker->code == PC_OK; i++) {
        worker->number = x->base + i;
        if (!is_of_interest(x, worker->number)) {
            break;
        }
        if (x->items[i].fate == TO_JUDGE) {
            judge_item(worker, &x->items[i]);
        }
    }
    return worker->code;
}
