/* SPDX-License-Identifier: ISC
 *
 * generate.c: the states of an exploration, in order, batch by batch.
 */
#include "explore.h"

#include "damage.h"
#include "run.h"

#include <stdlib.h>

enum { PHASE_CUTS = 0, PHASE_DAMAGE = 1, PHASE_FULL = 2, PHASE_END = 3 };

struct pc_count *count_of(const struct exploration *x, struct pc_count *counts, size_t model, uint32_t kind) {
    return &counts[(model <= x->model_count ? model : 0) * PC_FAULT_KINDS + kind];
}

size_t count_counts(const struct exploration *x) {
    return (x->model_count + 1) * PC_FAULT_KINDS;
}

int batch_add(struct exploration *x, const struct state *state, int sampled) {
    size_t room = x->item_room * 2 + 1024;
    struct pc_count *count = count_of(x, x->counts, state->model, state->kind);
    struct item *grown;

    if (x->item_count == x->item_room) {
        grown = realloc(x->items, room * sizeof(*grown));
        if (grown == NULL) {
            return PC_NO_MEMORY;
        }
        x->items = grown;
        x->item_room = room;
    }
    x->items[x->item_count++] = (struct item){.state = *state, .sampled = (uint8_t)(sampled != 0)};
    count->total++;
    count->sampled += (uint64_t)(sampled != 0);
    return PC_OK;
}

static int add_state(void *ctx, const struct state *state, int sampled) {
    return batch_add(ctx, state, sampled);
}

static void add_beyond(void *ctx, uint32_t kind, uint32_t model) {
    const struct exploration *x = ctx;

    count_of(x, x->counts, model, kind)->beyond++;
}

static int wants(const struct exploration *x, uint32_t kind) {
    return (x->kinds >> kind & 1) != 0;
}

static uint64_t last_cut(const struct exploration *x) {
    return x->options->last < x->run->event_count ? x->options->last : x->run->event_count;
}

static int generate_cuts(struct exploration *x, struct generator *generator) {
    const struct states_wanted wanted = {.kinds = x->kinds,
                                         .models = x->options->models,
                                         .model_count = x->options->model_count,
                                         .samples = x->options->samples,
                                         .seed = x->options->seed,
                                         .fn = add_state,
                                         .beyond = add_beyond,
                                         .ctx = x,
                                         .room = x->room};
    int code = PC_OK;

    while (code == PC_OK && generator->at <= last_cut(x) && x->item_count < BATCH) {
        code = media_move(&x->media, (size_t)generator->at);
        if (code == PC_OK) {
            code = states_at(&wanted, &x->media);
        }
        generator->at++;
    }
    if (generator->at > last_cut(x)) {
        generator->phase = PHASE_DAMAGE;
    }
    return code;
}

static int generate_damage(struct exploration *x) {
    int at_end = x->options->first <= x->run->event_count && last_cut(x) == x->run->event_count;

    if (!wants(x, PC_FAULT_DAMAGE) || !at_end) {
        return PC_OK;
    }
    count_of(x, x->counts, 0, PC_FAULT_DAMAGE)->beyond++;
    return damage_each(x->run, x->options->seed, add_state, x);
}

static int generate_full(struct exploration *x) {
    int code = PC_OK;

    if (!wants(x, PC_FAULT_FULL)) {
        return PC_OK;
    }
    for (size_t i = 0; code == PC_OK && i <= x->run->op_count && i <= x->run->op_begun; i++) {
        struct state state = {.kind = PC_FAULT_FULL, .cut = {.at = i}};
        uint64_t at = i < x->run->op_begun ? x->run->op_start[i] : x->run->event_count;

        if (at >= x->options->first && at <= last_cut(x)) {
            code = batch_add(x, &state, 0);
        }
    }
    return code;
}

int generate(struct exploration *x, struct generator *generator, int *ret_more) {
    int code = PC_OK;

    x->base += x->item_count;
    x->item_count = 0;
    while (code == PC_OK && x->item_count == 0 && generator->phase != PHASE_END) {
        if (generator->phase == PHASE_CUTS) {
            code = generate_cuts(x, generator);
        } else if (generator->phase == PHASE_DAMAGE) {
            code = generate_damage(x);
            generator->phase = PHASE_FULL;
        } else {
            code = generate_full(x);
            generator->phase = PHASE_END;
        }
    }
    *ret_more = x->item_count > 0;
    return code;
}
