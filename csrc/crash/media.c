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

/* --- events ---------------------------------------------------------------------------------------- */

int event_is_effective(const struct bd_geometry *geometry, const struct bd_event *event) {
    return (event->kind == BD_EVENT_PROG && event->size > 0) ||
           (event->kind == BD_EVENT_ERASE && geometry->erase_value != BD_ERASE_NONE);
}

void event_range(const struct bd_geometry *geometry, const struct bd_event *event, uint32_t *ret_off,
                 uint32_t *ret_size) {
    *ret_off = event->kind == BD_EVENT_PROG ? event->off : 0;
    *ret_size = event->kind == BD_EVENT_PROG ? event->size : geometry->block_size;
}

int event_apply(uint8_t *block, const struct bd_geometry *geometry, const struct bd_event *event) {
    if (!event_is_effective(geometry, event)) {
        return 0;
    }
    if (event->kind == BD_EVENT_PROG) {
        memcpy(block + event->off, event->bytes, event->size);
    } else {
        memset(block, geometry->erase_value, geometry->block_size);
    }
    return 1;
}

/* --- the device ------------------------------------------------------------------------------------ */

static int init_undo(struct media *media) {
    size_t block_size = media->run->geometry.block_size;

    media->undo = calloc(MEDIA_WINDOW, sizeof(*media->undo));
    media->undo_bytes = malloc(MEDIA_WINDOW * block_size);
    if (media->undo == NULL || media->undo_bytes == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < MEDIA_WINDOW; i++) {
        media->undo[i].bytes = media->undo_bytes + i * block_size;
    }
    return PC_OK;
}

int media_init(struct media *media, const struct pc_run *run, int keep_undo) {
    *media = (struct media){.run = run};
    media->bytes = malloc(device_size(&run->geometry));
    if (media->bytes == NULL || bd_ram_wrap(&run->geometry, media->bytes, &media->dev) != BD_OK) {
        return PC_NO_MEMORY;
    }
    memcpy(media->bytes, run->image, device_size(&run->geometry));
    return keep_undo ? init_undo(media) : PC_OK;
}

int media_init_over(struct media *media, const struct pc_run *run, struct patch *patch, int keep_undo) {
    *media = (struct media){.run = run, .patch = patch, .dev = patch->dev};
    return keep_undo ? init_undo(media) : PC_OK;
}

void media_release(struct media *media) {
    if (media->patch == NULL) {
        bd_close(&media->dev);
    }
    free(media->bytes);
    free(media->undo);
    free(media->undo_bytes);
    *media = (struct media){0};
}

static void save_undo(struct media *media, const struct bd_event *event, const uint8_t *block) {
    struct media_undo *undo = &media->undo[media->at % MEDIA_WINDOW];

    undo->event = media->at + 1;
    undo->block = event->block;
    event_range(&media->run->geometry, event, &undo->off, &undo->size);
    memcpy(undo->bytes, block + undo->off, undo->size);
}

static uint8_t *block_to_write(const struct media *media, uint32_t block) {
    if (media->patch != NULL) {
        return patch_block(media->patch, block);
    }
    return media->bytes + (size_t)block * media->run->geometry.block_size;
}

static int step(struct media *media, size_t k) {
    const struct bd_geometry *geometry = &media->run->geometry;
    struct bd_event event;
    uint8_t *block;

    pc_run_event(media->run, media->at, &event);
    if (event_is_effective(geometry, &event)) {
        block = block_to_write(media, event.block);
        if (block == NULL) {
            return PC_NO_MEMORY;
        }
        if (media->undo != NULL && k - media->at <= MEDIA_WINDOW) {
            save_undo(media, &event, block);
        }
        (void)event_apply(block, geometry, &event);
    }
    media->at++;
    return PC_OK;
}

static void rewind_media(struct media *media) {
    media->at = 0;
    if (media->patch != NULL) {
        patch_reset(media->patch);
    } else {
        memcpy(media->bytes, media->run->image, device_size(&media->run->geometry));
    }
}

int media_move(struct media *media, size_t k) {
    int code = PC_OK;

    if (k < media->at) {
        rewind_media(media);
    }
    while (code == PC_OK && media->at < k) {
        code = step(media, k);
    }
    return code;
}

const uint8_t *media_block(const struct media *media, uint32_t block, uint8_t *room) {
    if (media->patch != NULL) {
        return patch_peek(media->patch, block, room);
    }
    return media->bytes + (size_t)block * media->run->geometry.block_size;
}

const struct media_undo *media_undo_of(const struct media *media, size_t event) {
    return &media->undo[event % MEDIA_WINDOW];
}

void pc_run_image(const struct pc_run *run, size_t k, uint8_t *ret_bytes) {
    struct media media = {.run = run, .bytes = ret_bytes};

    memcpy(ret_bytes, run->image, device_size(&run->geometry));
    (void)media_move(&media, k); /* on bytes it needs no memory */
}
