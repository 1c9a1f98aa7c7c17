/* SPDX-License-Identifier: ISC
 *
 * work.c: judges a group of crash states on one thread's devices, and the cuts of their recoveries below them.
 */
#include "explore.h"

#include "damage.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* --- a thread's devices ---------------------------------------------------------------------------- */

static int nests(const struct exploration *x, uint32_t level) {
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
    worker->counts = calloc(worker->x->model_count * PC_FAULT_KINDS, sizeof(*worker->counts));
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

static void tell_passed(const struct worker *worker) {
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

/* Judges what is on the level's patch. Returns 1 if states below it may be looked at. */
static int judge_here(struct worker *worker, uint32_t i, const struct subject *subject,
                      struct pc_count *count) {
    struct exploration *x = worker->x;
    struct pc_violation violation = {0};
    struct verdict verdict;

    if (is_skipped(worker)) {
        worker->spotted = 1;
        return 0;
    }
    tell_begin(worker);
    judge_state(&x->judge, &worker->levels[i].stage, subject, &verdict);
    tell_end(worker);
    count->checked++;
    count->no_space += (uint64_t)verdict.no_space;
    count->refused += (uint64_t)verdict.refused;
    worker->spotted |= verdict.no_space || verdict.kind != PC_VIOLATION_NONE;
    if (verdict.kind == PC_VIOLATION_NONE) {
        return 1;
    }
    violation.kind = verdict.kind;
    violation.code = verdict.code;
    violation.found = verdict.found;
    violation.fault = worker->fault;
    worker->code = add_found(x, worker->number, &violation);
    return 0;
}

/* --- cuts of recoveries ----------------------------------------------------------------------------- */

/* The cuts of one recovery, at one level. */
struct nest {
    struct worker *worker;
    uint32_t level;
    const struct subject *parent;
    const struct pc_fault *only; /* this state, or what is on the way to it; NULL: all */
};

static void explore_below(struct worker *worker, uint32_t level, const struct subject *parent,
                          const struct pc_fault *only);

static struct script *script_above(const struct nest *nest) {
    return &nest->worker->levels[nest->level - 1].stage.script;
}

static struct pc_count *nested_count(const struct worker *worker) {
    return count_of(worker->x, worker->counts, worker->fault.model, PC_FAULT_NESTED);
}

/* Is the same allowed after the first a and the first b events? */
static int same_permit(struct script *script, size_t a, size_t b) {
    struct permit p = script_permit(script, a), q;
    int local = p.stores == script->between;
    struct pc_hash copy[2] = {script->between[0], script->between[1]};

    q = script_permit(script, b);
    if (!local || q.stores != script->between) {
        return p.stores == q.stores && p.count == q.count;
    }
    return p.count == q.count && memcmp(copy, q.stores, q.count * sizeof(copy[0])) == 0;
}

/* Whether a cut leaves the same as the cut one event before it: the event changed nothing, and the same is
 * allowed. */
static int is_repetition(const struct nest *nest, const struct state *state) {
    struct script *script = script_above(nest);
    size_t at = (size_t)state->cut.at;
    struct bd_event event;

    if (state->kind != PC_FAULT_PREFIX || (nest->worker->x->options->keep & PC_KEEP_IDENTICAL) != 0 ||
        nest->only != NULL || at <= script->first + 1) {
        return 0;
    }
    pc_run_event(script->run, at - 1, &event);
    return !event_is_effective(&script->run->geometry, &event) && same_permit(script, at - 1, at);
}

static int nested_state(void *ctx, const struct state *state, int sampled) {
    struct nest *nest = ctx;
    struct worker *worker = nest->worker;
    struct level *level = &worker->levels[nest->level];
    struct subject subject = *nest->parent;
    struct pc_count *count = nested_count(worker);

    if (state->kind == PC_FAULT_PREFIX && state->cut.at == script_above(nest)->first && nest->only == NULL) {
        return PC_OK; /* the parent itself */
    }
    count->total++;
    count->sampled += (uint64_t)(sampled != 0);
    if (is_repetition(nest, state)) {
        count->identical++;
        tell_passed(worker);
        return PC_OK;
    }
    if (worker->fault.kind != PC_FAULT_FULL) {
        worker->fault.kind = PC_FAULT_NESTED;
    }
    worker->fault.depth = nest->level + 1;
    worker->fault.cuts[nest->level] = state->cut;
    worker->code = state_build(&state->cut, &level->media, &level->patch);
    if (worker->code != PC_OK) {
        return worker->code;
    }
    subject.kind = PC_FAULT_NESTED;
    subject.damage = NULL;
    subject.permit = state->cut.torn != PC_TEAR_NONE && state->cut.back == 0
                         ? script_permit_during(script_above(nest), (size_t)state->cut.at)
                         : script_permit(script_above(nest), (size_t)state->cut.at);
    subject.depth = nest->level + 1;
    if (judge_here(worker, nest->level, &subject, count)) {
        explore_below(worker, nest->level, &subject, nest->only);
    }
    worker->fault.depth = nest->level;
    return worker->code;
}

static void nested_beyond(void *ctx, uint32_t kind, uint32_t model) {
    const struct nest *nest = ctx;

    (void)kind;
    (void)model;
    nested_count(nest->worker)->beyond++;
}

static struct states_wanted nested_wanted(const struct worker *worker, struct nest *nest) {
    const struct pc_explore_options *options = worker->x->options;
    struct states_wanted wanted = {.kinds = options->nested_kinds,
                                   .samples = options->samples,
                                   .seed = options->seed,
                                   .fn = nested_state,
                                   .beyond = nested_beyond,
                                   .ctx = nest,
                                   .room = worker->room};

    if (wanted.kinds == 0) {
        wanted.kinds = 1u << PC_FAULT_PREFIX;
    }
    if (options->model_count > 0) { /* the device is the one of the first cut */
        wanted.models =
            &options->models[worker->fault.model < options->model_count ? worker->fault.model : 0];
        wanted.model_count = 1;
    }
    return wanted;
}

/* One cut of the recovery that was asked for by itself. */
static void explore_only(struct nest *nest) {
    struct worker *worker = nest->worker;
    struct state state = {.kind = PC_FAULT_NESTED, .cut = nest->only->cuts[nest->level]};

    if (!cut_is_possible(script_above(nest)->run, &state.cut)) {
        worker->code = PC_INVALID_ARGUMENT;
        return;
    }
    worker->code = media_move(&worker->levels[nest->level].media, (size_t)state.cut.at);
    if (worker->code == PC_OK) {
        (void)nested_state(nest, &state, 0);
    }
}

static void explore_all(struct nest *nest) {
    struct worker *worker = nest->worker;
    const struct script *script = script_above(nest);
    struct level *level = &worker->levels[nest->level];
    struct states_wanted wanted = nested_wanted(worker, nest);

    for (size_t at = script->first; at <= script->end && worker->code == PC_OK; at++) {
        worker->code = media_move(&level->media, at);
        if (worker->code == PC_OK) {
            (void)states_at(&wanted, &level->media);
        }
    }
}

/* Cuts the recovery that was just recorded at `level`, in every way or in the one that is asked for. */
static void explore_below(struct worker *worker, uint32_t level, const struct subject *parent,
                          const struct pc_fault *only) {
    struct nest nest = {.worker = worker, .level = level + 1, .parent = parent, .only = only};
    uint32_t kind = worker->fault.kind;

    if (!nests(worker->x, level) || worker->code != PC_OK || (only != NULL && only->depth <= level + 1)) {
        return;
    }
    worker->code = script_close(&worker->levels[level].stage.script);
    if (worker->code != PC_OK) {
        return;
    }
    patch_reset(&worker->levels[level + 1].base);
    worker->levels[level + 1].media.at = 0;
    if (only != NULL) {
        explore_only(&nest);
    } else {
        explore_all(&nest);
    }
    worker->fault.kind = kind;
    worker->fault.depth = level + 1;
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
static struct permit permit_of(const struct exploration *x, size_t done, int in_flight) {
    size_t first = x->allowed->first[done];

    return (struct permit){x->allowed->stores + first,
                           x->allowed->first[done + 1 + (in_flight ? 1 : 0)] - first};
}

static struct subject subject_of(const struct exploration *x, const struct item *item,
                                 const struct pc_damage *damage) {
    struct subject subject = {.kind = item->state.kind, .depth = 1, .damage = damage};

    if (item->state.kind == PC_FAULT_FULL) {
        subject.done = (size_t)item->state.cut.at;
        subject.full = 1;
    } else {
        struct run_position position = item->state.kind == PC_FAULT_DAMAGE
                                           ? x->run->positions[item->state.cut.at]
                                           : run_position_of(x->run, &item->state.cut);

        subject.done = position.done;
        subject.in_flight = position.in_flight;
    }
    subject.permit = permit_of(x, subject.done, subject.in_flight);
    return subject;
}

/* Whether a state is one that others can be held against, or the other way round. */
static int is_comparable(const struct worker *worker, const struct item *item,
                         const struct pc_damage *damage) {
    return worker->levels[0].patch.watched_count > 0 && item->fault == NULL &&
           item->state.kind != PC_FAULT_FULL &&
           !(item->state.kind == PC_FAULT_DAMAGE && damage_is_of_device(damage));
}

static void judge_item(struct worker *worker, const struct item *item) {
    struct exploration *x = worker->x;
    struct pc_damage damage = damage_of(&item->state.cut);
    struct subject subject = subject_of(x, item, &damage);
    struct pc_count *count = count_of(x, worker->counts, item->state.model, item->state.kind);
    int comparable = is_comparable(worker, item, &damage);
    struct pc_hash position = {0, 0};

    worker->fault = fault_of_state(&item->state);
    worker->code = build_item(worker, item, &damage);
    if (worker->code != PC_OK) {
        return;
    }
    if (comparable) {
        position = state_position(x, &item->state);
        if (memories_know(worker, position)) {
            count->unread++;
            tell_passed(worker);
            return;
        }
        patch_forget_reads(&worker->levels[0].patch);
    }
    worker->spotted = 0;
    if (judge_here(worker, 0, &subject, count) && subject.kind != PC_FAULT_DAMAGE) {
        explore_below(worker, 0, &subject, item->fault);
    }
    if (comparable && !worker->spotted) {
        memories_add(worker, position);
    }
}

int judge_group(struct worker *worker, size_t first, size_t end) {
    const struct exploration *x = worker->x;

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
