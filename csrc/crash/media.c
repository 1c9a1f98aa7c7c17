/* SPDX-License-Identifier: ISC
 *
 * media.c: the bytes of a device as they were at one moment of a run, moved forward event by event.
 */
#include "media.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

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
    media->patch = &media->own;
    if (bd_ram_wrap(&run->geometry, run->image, &media->image) != BD_OK ||
        patch_init(&media->own, &media->image, 0) != PC_OK) {
        return PC_NO_MEMORY;
    }
    media->dev = media->own.dev;
    return keep_undo ? init_undo(media) : PC_OK;
}

int media_init_over(struct media *media, const struct pc_run *run, struct patch *patch, int keep_undo) {
    *media = (struct media){.run = run, .patch = patch, .dev = patch->dev};
    return keep_undo ? init_undo(media) : PC_OK;
}

void media_release(struct media *media) {
    patch_release(&media->own);
    bd_close(&media->image);
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

static int step(struct media *media, size_t k) {
    const struct bd_geometry *geometry = &media->run->geometry;
    struct bd_event event;
    uint8_t *block;

    pc_run_event(media->run, media->at, &event);
    if (event_is_effective(geometry, &event)) {
        block = patch_block(media->patch, event.block);
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

int media_move(struct media *media, size_t k) {
    int code = PC_OK;

    if (k < media->at) {
        media->at = 0;
        patch_reset(media->patch);
    }
    while (code == PC_OK && media->at < k) {
        code = step(media, k);
    }
    return code;
}

const uint8_t *media_block(const struct media *media, uint32_t block, uint8_t *room) {
    if (media->patch == &media->own && media->own.slots[block] == 0) {
        return media->run->image + (size_t)block * media->run->geometry.block_size;
    }
    return patch_peek(media->patch, block, room);
}

const struct media_undo *media_undo_of(const struct media *media, size_t event) {
    return &media->undo[event % MEDIA_WINDOW];
}

void pc_run_image(const struct pc_run *run, size_t k, uint8_t *ret_bytes) {
    const struct bd_geometry *geometry = &run->geometry;
    struct bd_event event;

    memcpy(ret_bytes, run->image, (size_t)geometry->block_size * geometry->block_count);
    for (size_t i = 0; i < k; i++) {
        pc_run_event(run, i, &event);
        (void)event_apply(ret_bytes + (size_t)event.block * geometry->block_size, geometry, &event);
    }
}
