/* SPDX-License-Identifier: ISC
 *
 * hash.c: by what two crash states are known to be the same.
 *
 * The hash of a device is the sum over its blocks of what each adds to the hash that it had in the run's image: so
 * each event costs the hash of one block, and what was never written costs nothing.
 */
#include "explore.h"

#include "damage.h"
#include "run.h"

#include <stdlib.h>

static struct pc_hash hash_block(const uint8_t *bytes, size_t size, uint32_t block) {
    return pc_hash_bytes(bytes, size, block);
}

void tracker_release(struct tracker *tracker) {
    patch_release(&tracker->patch);
    media_release(&tracker->media);
    free(tracker->blocks);
    tracker->blocks = NULL;
}

static int tracker_init(struct tracker *tracker, const struct pc_run *run) {
    int code = media_init(&tracker->media, run, 1);

    if (code == PC_OK) {
        code = patch_init(&tracker->patch, &tracker->media.dev, 0);
    }
    tracker->blocks = calloc(run->geometry.block_count, sizeof(*tracker->blocks));
    if (code != PC_OK || tracker->blocks == NULL) {
        return PC_NO_MEMORY;
    }
    tracker->sum = (struct pc_hash){0, 0};
    return PC_OK;
}

/* The hash of a block as it is on the media. */
static struct pc_hash block_hash(const struct tracker *tracker, uint32_t block) {
    struct pc_hash *hash = &tracker->blocks[block];

    if (hash->lo == 0 && hash->hi == 0) { /* not known yet */
        *hash = hash_block(media_block(&tracker->media, block, NULL), tracker->media.run->geometry.block_size,
                           block);
    }
    return *hash;
}

static int tracker_step(struct tracker *tracker) {
    const struct pc_run *run = tracker->media.run;
    struct bd_event event;
    struct pc_hash old;
    int code;

    pc_run_event(run, tracker->media.at, &event);
    if (!event_is_effective(&run->geometry, &event)) {
        return media_move(&tracker->media, tracker->media.at + 1);
    }
    old = block_hash(tracker, event.block);
    code = media_move(&tracker->media, tracker->media.at + 1);
    if (code == PC_OK) {
        tracker->blocks[event.block] = (struct pc_hash){0, 0};
        tracker->sum = pc_hash_add(pc_hash_sub(tracker->sum, old), block_hash(tracker, event.block));
    }
    return code;
}

/* Moves on; where states come out of order, anew from the start. */
static int tracker_move(struct tracker *tracker, size_t k) {
    const struct pc_run *run = tracker->media.run;
    int code = PC_OK;

    if (k < tracker->media.at) {
        tracker_release(tracker);
        code = tracker_init(tracker, run);
    }
    while (code == PC_OK && tracker->media.at < k) {
        code = tracker_step(tracker);
    }
    return code;
}

/* The device's hash with the patch. */
static struct pc_hash patched_sum(const struct tracker *tracker) {
    const struct patch *patch = &tracker->patch;
    struct pc_hash sum = tracker->sum;

    for (size_t i = 0; i < patch->used; i++) {
        uint32_t block = patch->blocks[i];
        struct pc_hash hash = hash_block(patch->copies[i], patch->dev.geometry.block_size, block);

        sum = pc_hash_add(pc_hash_sub(sum, block_hash(tracker, block)), hash);
    }
    return sum;
}

/* States of which none equals another: they are known by what they are. */
static int is_singular(const struct state *state) {
    struct pc_damage damage = damage_of(&state->cut);

    return state->kind == PC_FAULT_FULL || (state->kind == PC_FAULT_DAMAGE && damage_is_of_device(&damage));
}

struct pc_hash state_position(const struct exploration *x, const struct state *state) {
    int damage = state->kind == PC_FAULT_DAMAGE;
    struct run_position position =
        damage ? x->run->positions[state->cut.at] : run_position_of(x->run, &state->cut);
    uint64_t parts[3] = {position.done, (uint64_t)position.in_flight, (uint64_t)damage};

    return pc_hash_bytes(parts, sizeof(parts), 1);
}

struct pc_hash mark_model(const struct exploration *x, const struct state *state, struct pc_hash position) {
    uint64_t model = state->model;

    if (x->depth == 1 || x->model_count == 1 || (x->options->nested_kinds & ~(1u << PC_FAULT_PREFIX)) == 0 ||
        (state->cut.lost == 0 && state->cut.torn == PC_TEAR_NONE) || state->kind == PC_FAULT_DAMAGE) {
        return position;
    }
    return pc_hash_add(position, pc_hash_bytes(&model, sizeof(model), 4));
}

static int hash_item(struct worker *worker, struct item *item) {
    struct tracker *tracker = &worker->tracker;
    const struct state *state = &item->state;
    struct pc_damage damage = damage_of(&state->cut);
    struct pc_hash parts[2];
    int code;

    if (is_singular(state)) {
        uint64_t what[7] = {
            state->kind, state->cut.at, state->cut.torn, state->cut.back, state->cut.a, state->cut.b, 7};

        item->hash = pc_hash_bytes(what, sizeof(what), 2);
        return PC_OK;
    }
    code = tracker_move(tracker, (size_t)state->cut.at);
    if (code == PC_OK) {
        code = state->kind == PC_FAULT_DAMAGE
                   ? damage_build(worker->x->run, &damage, &worker->past, &tracker->patch)
                   : state_build(&state->cut, &tracker->media, &tracker->patch);
    }
    if (code == PC_OK) {
        parts[0] = patched_sum(tracker);
        parts[1] = state_position(worker->x, state);
        item->hash = pc_hash_bytes(parts, sizeof(parts), 3);
    }
    patch_reset(&tracker->patch);
    return code;
}

int hash_group(struct worker *worker, size_t first, size_t end) {
    int code = PC_OK;

    if (!worker->hashing) {
        worker->hashing = 1;
        code = tracker_init(&worker->tracker, worker->x->run);
    }
    for (size_t i = first; i < end && code == PC_OK; i++) {
        if (worker->x->items[i].fault == NULL) {
            code = hash_item(worker, &worker->x->items[i]);
        }
    }
    return code;
}
