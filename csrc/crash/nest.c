/* SPDX-License-Identifier: ISC
 *
 * nest.c: the cuts of one recovery, and of the recoveries from those.
 *
 * As long as nothing was torn or lost every device allows what happened, and each model may cut the next
 * recovery in its way. From the first tear or loss on the device is of one model.
 */
#include "work.h"

#include "run.h"

#include <string.h>

/* The cuts of one recovery, at one level. */
struct nest {
    struct worker *worker;
    uint32_t level;
    const struct subject *parent;
    const struct pc_fault *only; /* this state, or what is on the way to it; NULL: all */
    int free;                    /* nothing was torn or lost so far: each model may cut in its way */
};

static struct script *script_above(const struct nest *nest) {
    return &nest->worker->levels[nest->level - 1].stage.script;
}

/* The count of the nested state at hand. */
static struct pc_count *nested_count(const struct worker *worker) {
    size_t model = fault_is_free(&worker->fault) ? worker->x->model_count : worker->fault.model;

    return count_of(worker->x, worker->counts, model, PC_FAULT_NESTED);
}

/* Is the same allowed after the first a and the first b events? */
static int same_permit(struct script *script, size_t a, size_t b) {
    struct permit p = script_permit(script, a), q;
    int local = p.stores == script->between;
    struct pc_hash copy[SCRIPT_STEPS + 1];

    memcpy(copy, p.stores, local ? p.count * sizeof(copy[0]) : 0);
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

/* Judges a nested state, whose fault is at hand. */
static void judge_nested(const struct nest *nest, const struct state *state, struct pc_count *count) {
    struct worker *worker = nest->worker;
    struct level *level = &worker->levels[nest->level];
    struct subject subject = *nest->parent;

    worker->code = state_build(&state->cut, &level->media, &level->patch);
    if (worker->code != PC_OK) {
        return;
    }
    subject.kind = PC_FAULT_NESTED;
    subject.damage = NULL;
    subject.permit = state->cut.torn != PC_TEAR_NONE && state->cut.back == 0
                         ? script_permit_during(script_above(nest), (size_t)state->cut.at)
                         : script_permit(script_above(nest), (size_t)state->cut.at);
    subject.depth = nest->level + 1;
    subject.until += worker->x->run->resume;
    if (subject.until > worker->x->run->op_count) {
        subject.until = worker->x->run->op_count;
    }
    if (judge_here(worker, nest->level, &subject, count)) {
        explore_below(worker, nest->level, &subject, nest->only);
    }
}

/* The number of a model among all, given the one among those by which this recovery is cut. */
static uint32_t nested_model(const struct nest *nest, uint32_t model) {
    return nest->free ? model : nest->worker->fault.model;
}

static int nested_state(void *ctx, const struct state *state, int sampled) {
    struct nest *nest = ctx;
    struct worker *worker = nest->worker;
    struct pc_fault parent = worker->fault;
    struct pc_count *count;

    if (state->kind == PC_FAULT_PREFIX && state->cut.at == script_above(nest)->first && nest->only == NULL) {
        return PC_OK; /* the parent itself */
    }
    worker->fault.model = nested_model(nest, state->model);
    worker->fault.kind = parent.kind == PC_FAULT_FULL ? PC_FAULT_FULL : PC_FAULT_NESTED;
    worker->fault.depth = nest->level + 1;
    worker->fault.cuts[nest->level] = state->cut;
    count = nested_count(worker);
    count->total++;
    count->sampled += (uint64_t)(sampled != 0);
    if (!is_of_interest(worker->x, worker->number)) {
        worker->left = 1; /* counted, and no more: what a stop costs is a list, whatever lies below */
    } else if (is_repetition(nest, state)) {
        count->identical++;
        tell_passed(worker);
    } else {
        judge_nested(nest, state, count);
    }
    worker->fault = parent;
    return worker->code;
}

static void nested_beyond(void *ctx, uint32_t kind, uint32_t model) {
    const struct nest *nest = ctx;
    const struct worker *worker = nest->worker;

    (void)kind;
    count_of(worker->x, worker->counts, nested_model(nest, model), PC_FAULT_NESTED)->beyond++;
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
    if (nest->free) {
        wanted.models = options->models;
        wanted.model_count = options->model_count;
    } else if (options->model_count > 0) { /* the device is the one that tore or lost something before */
        wanted.models =
            &options->models[worker->fault.model < options->model_count ? worker->fault.model : 0];
        wanted.model_count = 1;
    }
    return wanted;
}

/* One cut of the recovery that was asked for by itself. */
static void explore_only(struct nest *nest) {
    struct worker *worker = nest->worker;
    struct state state = {
        .kind = PC_FAULT_NESTED, .model = nest->only->model, .cut = nest->only->cuts[nest->level]};

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

void explore_below(struct worker *worker, uint32_t level, const struct subject *parent,
                   const struct pc_fault *only) {
    struct nest nest = {.worker = worker, .level = level + 1, .parent = parent, .only = only};

    if (!nests(worker->x, level) || worker->code != PC_OK || (only != NULL && only->depth <= level + 1)) {
        return;
    }
    worker->code = script_close(&worker->levels[level].stage.script);
    if (worker->code != PC_OK) {
        return;
    }
    nest.free = fault_is_free(&worker->fault);
    patch_reset(&worker->levels[level + 1].base);
    worker->levels[level + 1].media.at = 0;
    if (only != NULL) {
        explore_only(&nest);
    } else {
        explore_all(&nest);
    }
}
