/* SPDX-License-Identifier: ISC
 *
 * patch.c: a read-only device over another, some of whose blocks are replaced, and which notes what is read.
 */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

/* --- the device ------------------------------------------------------------------------------------ */

static void note_read(const struct patch *patch, uint32_t block, uint32_t off, uint32_t size) {
    uint32_t place = patch->watched == NULL ? 0 : patch->watched[block];
    uint32_t first = off / PATCH_GRANULE, last;
    uint64_t *mask;

    if (place == 0 || size == 0) {
        return;
    }
    last = (off + size - 1) / PATCH_GRANULE;
    mask = patch->masks + (place - 1) * patch->words;
    for (uint32_t word = first / 64; word <= last / 64; word++) {
        uint64_t from = word == first / 64 ? UINT64_MAX << first % 64 : UINT64_MAX;
        uint64_t to = word == last / 64 ? UINT64_MAX >> (63 - last % 64) : UINT64_MAX;

        mask[word] |= from & to;
    }
}

static int patch_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct patch *patch = self;
    uint32_t slot = patch->slots[block];

    note_read(patch, block, off, size);
    if (slot == 0) {
        return patch->below.ops->read(patch->below.self, block, off, ret_bytes, size);
    }
    if (size > 0) {
        memcpy(ret_bytes, patch->copies[slot - 1] + off, size);
    }
    return BD_OK;
}

/* Writes go to the overlay above. */
static int refuse_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    (void)self;
    (void)block;
    (void)off;
    (void)bytes;
    (void)size;
    return BD_READ_ONLY;
}

static int refuse_erase(void *self, uint32_t block) {
    (void)self;
    (void)block;
    return BD_READ_ONLY;
}

static int sync_nothing(void *self) {
    (void)self;
    return BD_OK;
}

static const struct bd_ops patch_ops = {patch_read, refuse_prog, refuse_erase, sync_nothing, NULL};

int patch_init(struct patch *patch, const struct bd *below, int watches) {
    size_t blocks = below->geometry.block_count;

    *patch = (struct patch){.below = *below};
    patch->dev = (struct bd){&patch_ops, patch, below->geometry};
    patch->words = (below->geometry.block_size + PATCH_GRANULE * 64 - 1) / (PATCH_GRANULE * 64);
    patch->slots = calloc(blocks, sizeof(*patch->slots));
    if (watches) {
        patch->watched = calloc(blocks, sizeof(*patch->watched));
    }
    return patch->slots == NULL || (watches && patch->watched == NULL) ? PC_NO_MEMORY : PC_OK;
}

void patch_release(struct patch *patch) {
    for (size_t i = 0; i < patch->ready; i++) {
        free(patch->copies[i]);
    }
    free(patch->copies);
    free(patch->blocks);
    free(patch->slots);
    free(patch->watched);
    free(patch->watched_blocks);
    free(patch->masks);
    *patch = (struct patch){0};
}

/* --- replaced blocks ------------------------------------------------------------------------------- */

void patch_reset(struct patch *patch) {
    for (size_t i = 0; i < patch->used; i++) {
        patch->slots[patch->blocks[i]] = 0;
    }
    patch->used = 0;
}

static int grow_slots(struct patch *patch) {
    size_t room = patch->room * 2 + 8;
    uint32_t *blocks = realloc(patch->blocks, room * sizeof(*blocks));
    uint8_t **copies;

    if (blocks == NULL) {
        return PC_NO_MEMORY;
    }
    patch->blocks = blocks;
    copies = realloc(patch->copies, room * sizeof(*copies));
    if (copies == NULL) {
        return PC_NO_MEMORY;
    }
    patch->copies = copies;
    patch->room = room;
    return PC_OK;
}

static int ready_slot(struct patch *patch) {
    if (patch->used < patch->ready) {
        return PC_OK;
    }
    if (patch->ready == patch->room && grow_slots(patch) != PC_OK) {
        return PC_NO_MEMORY;
    }
    patch->copies[patch->ready] = malloc(patch->dev.geometry.block_size);
    if (patch->copies[patch->ready] == NULL) {
        return PC_NO_MEMORY;
    }
    patch->ready++;
    return PC_OK;
}

uint8_t *patch_block(struct patch *patch, uint32_t block) {
    uint8_t *copy;

    if (patch->slots[block] != 0) {
        return patch->copies[patch->slots[block] - 1];
    }
    if (ready_slot(patch) != PC_OK) {
        return NULL;
    }
    copy = patch->copies[patch->used];
    if (bd_read(&patch->below, block, 0, copy, patch->dev.geometry.block_size) != BD_OK) {
        return NULL; /* only a device that is made of memory lies below */
    }
    patch->blocks[patch->used++] = block;
    patch->slots[block] = (uint32_t)patch->used;
    return copy;
}

const uint8_t *patch_peek(const struct patch *patch, uint32_t block, uint8_t *room) {
    uint32_t slot = patch->slots[block];

    if (slot != 0) {
        return patch->copies[slot - 1];
    }
    (void)bd_read(&patch->below, block, 0, room, patch->dev.geometry.block_size);
    return room;
}

/* --- watched blocks -------------------------------------------------------------------------------- */

static int grow_watched(struct patch *patch) {
    size_t room = patch->mask_room * 2 + 16;
    uint64_t *masks = realloc(patch->masks, room * patch->words * sizeof(*masks));
    uint32_t *blocks;

    if (masks == NULL) {
        return PC_NO_MEMORY;
    }
    patch->masks = masks;
    blocks = realloc(patch->watched_blocks, room * sizeof(*blocks));
    if (blocks == NULL) {
        return PC_NO_MEMORY;
    }
    patch->watched_blocks = blocks;
    patch->mask_room = room;
    return PC_OK;
}

int patch_watch(struct patch *patch, uint32_t block) {
    if (patch->watched[block] != 0) {
        return PC_OK;
    }
    if (patch->watched_count == patch->mask_room && grow_watched(patch) != PC_OK) {
        return PC_NO_MEMORY;
    }
    memset(patch->masks + patch->watched_count * patch->words, 0, patch->words * sizeof(*patch->masks));
    patch->watched_blocks[patch->watched_count++] = block;
    patch->watched[block] = (uint32_t)patch->watched_count;
    return PC_OK;
}

void patch_watch_none(struct patch *patch) {
    for (size_t i = 0; i < patch->watched_count; i++) {
        patch->watched[patch->watched_blocks[i]] = 0;
    }
    patch->watched_count = 0;
}

void patch_forget_reads(struct patch *patch) {
    if (patch->watched_count > 0) {
        memset(patch->masks, 0, patch->watched_count * patch->words * sizeof(*patch->masks));
    }
}
