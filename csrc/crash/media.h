/* SPDX-License-Identifier: ISC
 *
 * media.h: the bytes of a device as they were at one moment of a run, moved forward event by event.
 */
#ifndef CRASH_MEDIA_H
#define CRASH_MEDIA_H

#include "powercut.h"

struct media {
    const struct pc_run *run;
    uint8_t *bytes; /* the device after its first `at` events */
    size_t at;
};

/* The device before the first event. Errors: PC_NO_MEMORY. */
int media_init(struct media *media, const struct pc_run *run);
void media_release(struct media *media);

/* Applies one event to a device's bytes. Returns 0 if the event is one that changes nothing. */
int media_apply(uint8_t *bytes, const struct bd_geometry *geometry, const struct bd_event *event);

/* Moves forward to crash state k, k >= media->at, at the cost of the events in between. */
void media_move(struct media *media, size_t k);

#endif
