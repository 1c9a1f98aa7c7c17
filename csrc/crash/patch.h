/* SPDX-License-Identifier: ISC
 *
 * patch.h: a read-only device over another, some of whose blocks are replaced, and which notes what is read.
 *
 * A crash state is the device of the run as it was at a cut with a few blocks changed: those are the patch.
 */
#ifndef CRASH_PATCH_H
#define CRASH_PATCH_H

#include "powercut.h"

/* What is noted of reads: granules of so many bytes. */
#define PATCH_GRANULE 16u

struct patch {
    struct bd dev; /* what the engine's recovery reads */
    struct bd below;
    uint32_t *slots;  /* per block: 1 + its place in copies; 0: not replaced */
    uint32_t *blocks; /* the block in each slot */
    uint8_t **copies;
    size_t used, ready, room;
    /* Reads of the blocks that are watched. */
    uint32_t *watched; /* per block: 1 + its place in watched_blocks; 0: not watched; NULL: none ever is */
    uint32_t *watched_blocks;
    size_t watched_count;
    size_t words;     /* 64-bit words of a block's mask */
    uint64_t *masks;  /* per watched block: a bit for each granule that was read */
    size_t mask_room; /* watched blocks that there is room for */
};

/* `below` may be changed by the caller while nothing is patched. Errors: PC_NO_MEMORY. */
int patch_init(struct patch *patch, const struct bd *below, int watches);
void patch_release(struct patch *patch);

/* Forgets the replaced blocks. */
void patch_reset(struct patch *patch);

/* The bytes of a block, to be changed; a copy of the block below at first. NULL: no memory. */
uint8_t *patch_block(struct patch *patch, uint32_t block);

/* The bytes of a block as they are now, without noting it; `room` has room for a block. */
const uint8_t *patch_peek(const struct patch *patch, uint32_t block, uint8_t *room);

/* Watches one more block, or no block at all any more. Errors: PC_NO_MEMORY. */
int patch_watch(struct patch *patch, uint32_t block);
void patch_watch_none(struct patch *patch);
void patch_forget_reads(struct patch *patch);

#endif
