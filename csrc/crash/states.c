/* SPDX-License-Identifier: ISC
 *
 * states.c: which crash states of a run are worth a look.
 *
 * The hash of a device is the sum of its blocks' hashes, so each event costs the hash of one block. A
 * state is known by the hash of its device and of what is allowed in it; the first of its kind is kept.
 */
#include "states.h"

#include "media.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* A device moving through a run, with the hash of its content. */
struct tracker {
    struct media media;
    struct pc_hash *blocks; /* per block */
    struct pc_hash sum;
};

/* A set of hashes: open addressing, {0, 0} is a free place. */
struct seen {
    struct pc_hash *places;
    size_t mask;
};

static struct pc_hash hash_block(const struct tracker *tracker, uint32_t block) {
    size_t size = tracker->media.run->geometry.block_size;

    return pc_hash_bytes(tracker->media.bytes + block * size, size, block);
}

static void tracker_release(struct tracker *tracker) {
    media_release(&tracker->media);
    free(tracker->blocks);
}

static int tracker_init(struct tracker *tracker, const struct pc_run *run) {
    int code = media_init(&tracker->media, run);

    if (code != PC_OK) {
        return code;
    }
    tracker->blocks = calloc(run->geometry.block_count, sizeof(*tracker->blocks));
    if (tracker->blocks == NULL) {
        return PC_NO_MEMORY;
    }
    for (uint32_t block = 0; block < run->geometry.block_count; block++) {
        tracker->blocks[block] = hash_block(tracker, block);
        tracker->sum = pc_hash_add(tracker->sum, tracker->blocks[block]);
    }
    return PC_OK;
}

static void tracker_step(struct tracker *tracker) {
    const struct pc_run *run = tracker->media.run;
    struct bd_event event;
    struct pc_hash hash;

    pc_run_event(run, tracker->media.at++, &event);
    if (!media_apply(tracker->media.bytes, &run->geometry, &event)) {
        return;
    }
    hash = hash_block(tracker, event.block);
    tracker->sum = pc_hash_add(pc_hash_sub(tracker->sum, tracker->blocks[event.block]), hash);
    tracker->blocks[event.block] = hash;
}

static int seen_init(struct seen *seen, uint64_t count) {
    size_t places = 64;

    while (places / 2 < count) {
        places *= 2;
    }
    seen->places = calloc(places, sizeof(*seen->places));
    seen->mask = places - 1;
    return seen->places == NULL ? PC_NO_MEMORY : PC_OK;
}

/* Puts a hash into the set; 1 if it was there already. */
static int seen_put(struct seen *seen, struct pc_hash hash) {
    size_t at;

    if (hash.lo == 0 && hash.hi == 0) {
        hash.lo = 1;
    }
    for (at = (size_t)hash.lo & seen->mask; seen->places[at].lo != 0 || seen->places[at].hi != 0;
         at = (at + 1) & seen->mask) {
        if (seen->places[at].lo == hash.lo && seen->places[at].hi == hash.hi) {
            return 1;
        }
    }
    seen->places[at] = hash;
    return 0;
}

struct allowed_pair states_allowed(const struct pc_run *run, const struct pc_hash *allowed, uint64_t k) {
    const struct run_position *position = &run->positions[k];
    const struct pc_hash *before = &allowed[position->done];

    return (struct allowed_pair){*before, position->in_flight ? before[1] : *before};
}

/* What a state is known by. The allowed states are a set: their order does not count. */
static struct pc_hash state_hash(struct pc_hash image, struct allowed_pair pair) {
    int swap =
        pair.before.hi > pair.after.hi || (pair.before.hi == pair.after.hi && pair.before.lo > pair.after.lo);
    struct pc_hash parts[3] = {image, swap ? pair.after : pair.before, swap ? pair.before : pair.after};

    return pc_hash_bytes(parts, sizeof(parts), 0);
}

/* Walks the run from its start; of the states from `first` on, keeps those not seen before. */
static void keep_new(struct states *states, struct tracker *tracker, struct seen *seen,
                     const struct pc_hash *allowed, uint64_t first) {
    const struct pc_run *run = tracker->media.run;
    uint64_t end = first + states->total;

    while (tracker->media.at < first) {
        tracker_step(tracker);
    }
    for (uint64_t k = first; k < end; k++) {
        if (seen_put(seen, state_hash(tracker->sum, states_allowed(run, allowed, k)))) {
            states->identical++;
        } else {
            states->todo[states->count++] = k;
        }
        if (k + 1 < end) {
            tracker_step(tracker);
        }
    }
}

static int find_new(struct states *states, const struct pc_run *run, const struct pc_hash *allowed,
                    uint64_t first) {
    struct tracker tracker = {0};
    struct seen seen = {0};
    int code = tracker_init(&tracker, run);

    if (code == PC_OK) {
        code = seen_init(&seen, states->total);
    }
    if (code == PC_OK) {
        keep_new(states, &tracker, &seen, allowed, first);
    }
    tracker_release(&tracker);
    free(seen.places);
    return code;
}

int states_find(const struct pc_run *run, const struct pc_hash *allowed,
                const struct pc_explore_options *options, struct states *ret_states) {
    uint64_t last = options->last < run->event_count ? options->last : run->event_count;
    struct states states = {0};
    int code = PC_OK;

    if (options->first <= last) {
        states.total = last - options->first + 1;
    }
    states.todo = calloc((size_t)states.total + 1, sizeof(*states.todo));
    if (states.todo == NULL) {
        return PC_NO_MEMORY;
    }
    if (options->keep_identical) {
        while (states.count < states.total) {
            states.todo[states.count] = options->first + states.count;
            states.count++;
        }
    } else if (states.total > 0) {
        code = find_new(&states, run, allowed, options->first);
    }
    if (code == PC_OK) {
        *ret_states = states;
    } else {
        states_release(&states);
    }
    return code;
}

void states_release(struct states *states) {
    free(states->todo);
    states->todo = NULL;
}
