/* SPDX-License-Identifier: ISC
 *
 * unread.c: which crash states differ from an earlier one in nothing that its recovery looked at.
 *
 * If recovery from state X never looked at the bytes in which state Y differs, then recovery from Y does the same,
 * byte for byte, and need not be run. Remembered are the last few X of the group: which granules of the blocks in
 * which the group's states differ were read, by recovery and by all that was done below it, and the hash of their
 * content.
 */
#include "explore.h"

#include "order.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* In groups that differ in more blocks than this nothing is remembered. */
#define WATCHED_MAX 64u

int memories_init(struct worker *worker) {
    size_t words = worker->levels[0].patch.words;

    for (size_t i = 0; i < MEMORIES; i++) {
        struct memory *memory = &worker->memories[i];

        memory->masks = calloc(WATCHED_MAX * words, sizeof(*memory->masks));
        memory->content = calloc(WATCHED_MAX, sizeof(*memory->content));
        if (memory->masks == NULL || memory->content == NULL) {
            return PC_NO_MEMORY;
        }
    }
    return PC_OK;
}

void memories_release(struct worker *worker) {
    for (size_t i = 0; i < MEMORIES; i++) {
        free(worker->memories[i].masks);
        free(worker->memories[i].content);
    }
}

static const uint8_t *block_now(const struct worker *worker, uint32_t block) {
    const struct level *level = &worker->levels[0];

    if (level->patch.slots[block] != 0) {
        return level->patch.copies[level->patch.slots[block] - 1];
    }
    return media_block(&level->media, block, worker->room);
}

/* The hash of the granules of one block that are in a mask. */
static struct pc_hash hash_granules(const struct worker *worker, uint32_t block, const uint64_t *mask) {
    uint32_t size = worker->x->run->geometry.block_size;
    uint32_t count = (size + PATCH_GRANULE - 1) / PATCH_GRANULE;
    const uint8_t *bytes = block_now(worker, block);
    struct pc_hash sum = {0, 0};

    for (uint32_t g = 0; g < count; g++) {
        uint32_t first = g;

        while (g < count && (mask[g / 64] >> g % 64 & 1) != 0) {
            g++;
        }
        if (g > first) {
            uint32_t end = g * PATCH_GRANULE < size ? g * PATCH_GRANULE : size;
            uint64_t address = (uint64_t)block * size + (uint64_t)first * PATCH_GRANULE;

            sum = pc_hash_add(sum, pc_hash_bytes(bytes + (size_t)first * PATCH_GRANULE,
                                                 end - first * PATCH_GRANULE, address));
        }
    }
    return sum;
}

/* The hash of what was read of the ith watched block when the memory was made, as it is now. */
static struct pc_hash hash_read(const struct worker *worker, const struct memory *memory, size_t i) {
    const struct patch *patch = &worker->levels[0].patch;

    return hash_granules(worker, patch->watched_blocks[i], memory->masks + i * patch->words);
}

static int hash_same(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

void memories_add(struct worker *worker, struct pc_hash position) {
    const struct patch *patch = &worker->levels[0].patch;
    struct memory *memory = &worker->memories[worker->memory_next];

    worker->memory_next = (worker->memory_next + 1) % MEMORIES;
    worker->memory_count += worker->memory_count < MEMORIES;
    memory->position = position;
    memory->suspect = 0;
    memcpy(memory->masks, patch->masks, patch->watched_count * patch->words * sizeof(*patch->masks));
    for (size_t i = 0; i < patch->watched_count; i++) {
        memory->content[i] = hash_read(worker, memory, i);
    }
}

/* Whether all that was read when the memory was made is the same now. It begins where the last state differed:
 * those that follow each other often differ in the same block. */
static int reads_same(const struct worker *worker, struct memory *memory) {
    size_t count = worker->levels[0].patch.watched_count, first = memory->suspect;

    for (size_t j = 0; j < count; j++) {
        size_t i = (first + j) % count;

        if (!hash_same(memory->content[i], hash_read(worker, memory, i))) {
            memory->suspect = i;
            return 0;
        }
    }
    return 1;
}

int memories_know(struct worker *worker, struct pc_hash position) {
    for (size_t i = 0; i < worker->memory_count; i++) {
        if (hash_same(worker->memories[i].position, position) && reads_same(worker, &worker->memories[i])) {
            return 1;
        }
    }
    return 0;
}

static uint64_t farthest(const struct state *state) {
    uint64_t back = state->cut.torn != PC_TEAR_NONE ? state->cut.back : 0;

    for (uint32_t i = 0; i < ORDER_WINDOW; i++) {
        if ((state->cut.lost >> i & 1) != 0 && i + 1 > back) {
            back = i + 1;
        }
    }
    return back;
}

static int watch_events(struct worker *worker, uint64_t first, uint64_t end) {
    const struct pc_run *run = worker->x->run;
    struct patch *patch = &worker->levels[0].patch;
    struct bd_event event;
    int code = PC_OK;

    for (; first < end && code == PC_OK && patch->watched_count <= WATCHED_MAX; first++) {
        pc_run_event(run, (size_t)first, &event);
        if (event_is_effective(&run->geometry, &event)) {
            code = patch_watch(patch, event.block);
        }
    }
    return code;
}

int memories_watch(struct worker *worker, size_t first, size_t end) {
    const struct exploration *x = worker->x;
    uint64_t low = UINT64_MAX, high = 0;
    int code = PC_OK;

    patch_watch_none(&worker->levels[0].patch);
    worker->memory_count = worker->memory_next = 0;
    for (size_t i = first; i < end && code == PC_OK; i++) {
        const struct state *state = &x->items[i].state;
        uint64_t at = state->cut.at;

        if (state->kind == PC_FAULT_DAMAGE) {
            code = patch_watch(&worker->levels[0].patch, state->cut.back);
        } else if (state->kind != PC_FAULT_FULL) {
            low = at - farthest(state) < low ? at - farthest(state) : low;
            high =
                at + (state->cut.torn != PC_TEAR_NONE) > high ? at + (state->cut.torn != PC_TEAR_NONE) : high;
        }
    }
    if (code == PC_OK && low < high) {
        code = watch_events(worker, low, high < x->run->event_count ? high : x->run->event_count);
    }
    if (worker->levels[0].patch.watched_count > WATCHED_MAX) {
        patch_watch_none(&worker->levels[0].patch);
    }
    return code;
}
