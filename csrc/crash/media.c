/* SPDX-License-Identifier: ISC
 *
 * media.c: the bytes of a device as they were at one moment of a run, moved forward event by event.
 */
#include "media.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

static size_t device_size(const struct bd_geometry *geometry) {
    return (size_t)geometry->block_size * geometry->block_count;
}

int media_apply(uint8_t *bytes, const struct bd_geometry *geometry, const struct bd_event *event) {
    uint8_t *block = bytes + (size_t)event->block * geometry->block_size;

    if (event->kind == BD_EVENT_PROG && event->size > 0) {
        memcpy(block + event->off, event->bytes, event->size);
        return 1;
    }
    if (event->kind == BD_EVENT_ERASE && geometry->erase_value != BD_ERASE_NONE) {
        memset(block, geometry->erase_value, geometry->block_size);
        return 1;
    }
    return 0;
}

int media_init(struct media *media, const struct pc_run *run) {
    media->run = run;
    media->at = 0;
    media->bytes = malloc(device_size(&run->geometry));
    if (media->bytes == NULL) {
        return PC_NO_MEMORY;
    }
    memcpy(media->bytes, run->image, device_size(&run->geometry));
    return PC_OK;
}

void media_release(struct media *media) {
    free(media->bytes);
    media->bytes = NULL;
}

void media_move(struct media *media, size_t k) {
    struct bd_event event;

    for (; media->at < k; media->at++) {
        pc_run_event(media->run, media->at, &event);
        (void)media_apply(media->bytes, &media->run->geometry, &event);
    }
}

void pc_run_image(const struct pc_run *run, size_t k, uint8_t *ret_bytes) {
    struct media media = {.run = run, .bytes = ret_bytes, .at = 0};

    memcpy(ret_bytes, run->image, device_size(&run->geometry));
    media_move(&media, k);
}
