/* SPDX-License-Identifier: ISC
 *
 * media.h: the bytes of a device as they were at one moment of a run, moved forward event by event.
 *
 * Kept are the blocks that were written since the run began; the others are those of the run's image. So a device
 * costs what its events wrote, however large it is.
 */
#ifndef CRASH_MEDIA_H
#define CRASH_MEDIA_H

#include "patch.h"

/* How many of the events before a cut can still be lost: the bits of pc_cut.lost. */
#define MEDIA_WINDOW 64u

/* What an event wrote over. */
struct media_undo {
    uint64_t event; /* its number + 1; 0: nothing here */
    uint32_t block, off, size;
    uint8_t *bytes; /* room for a block */
};

struct media {
    const struct pc_run *run;
    size_t at;           /* the device is as after the run's first `at` events */
    struct patch *patch; /* over what it was before: */
    struct patch own;    /* the run's image, unless media_init_over was told something else */
    struct bd image;
    struct bd dev;
    struct media_undo *undo; /* of the last MEDIA_WINDOW events, by number; NULL: not kept */
    uint8_t *undo_bytes;
};

/* The device before the first event; with keep_undo it can be asked for what events wrote over. It must stay where
 * it is in memory. Errors: PC_NO_MEMORY. */
int media_init(struct media *media, const struct pc_run *run, int keep_undo);

/* The same with the patch's device in place of the run's image. */
int media_init_over(struct media *media, const struct pc_run *run, struct patch *patch, int keep_undo);
void media_release(struct media *media);

/* Does the event change bytes of the device? */
int event_is_effective(const struct bd_geometry *geometry, const struct bd_event *event);

/* Where in its block the event writes, and how many bytes. Of no use for a sync. */
void event_range(const struct bd_geometry *geometry, const struct bd_event *event, uint32_t *ret_off,
                 uint32_t *ret_size);

/* Applies one event to the bytes of its block. Returns 0 if the event is one that changes nothing. */
int event_apply(uint8_t *block, const struct bd_geometry *geometry, const struct bd_event *event);

/* Moves to crash state k: forward at the cost of the events in between, back by starting anew. Errors:
 * PC_NO_MEMORY. */
int media_move(struct media *media, size_t k);

/* The bytes of a block as they are now; `room` has room for a block. */
const uint8_t *media_block(const struct media *media, uint32_t block, uint8_t *room);

/* What event number `event` wrote over, one of the last MEDIA_WINDOW before media->at and effective. */
const struct media_undo *media_undo_of(const struct media *media, size_t event);

#endif
