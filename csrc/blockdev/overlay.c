/* SPDX-License-Identifier: ISC
 *
 * overlay.c: a layer that keeps writes in memory and leaves the device below as it is.
 *
 * A block is copied into memory when it is first written. Which blocks are in memory says a table of
 * slots, one word per block; a list of those written makes forgetting them cheap. Slots' memory is kept
 * over a reset, so that an overlay that is used again and again allocates nothing.
 */
#include "blockdev.h"

#include <stdlib.h>
#include <string.h>

struct overlay {
    struct bd below;
    uint32_t *slots;   /* per block: 1 + its place in copies; 0: not written */
    uint32_t *written; /* the block in each slot in use */
    uint8_t **copies;  /* per slot: the block's bytes, allocated at the slot's first use */
    uint32_t used;     /* slots in use */
    uint32_t ready;    /* slots with memory */
    uint32_t room;     /* length of written and copies */
};

static int overlay_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct overlay *overlay = self;
    uint32_t slot = overlay->slots[block];

    if (slot == 0) {
        return overlay->below.ops->read(overlay->below.self, block, off, ret_bytes, size);
    }
    if (size > 0) {
        memcpy(ret_bytes, overlay->copies[slot - 1] + off, size);
    }
    return BD_OK;
}

static int grow_lists(struct overlay *overlay) {
    size_t room = overlay->room < 8 ? 16 : (size_t)overlay->room * 2;
    uint32_t *written = realloc(overlay->written, room * sizeof(*written));
    uint8_t **copies;

    if (written == NULL) {
        return BD_NO_MEMORY;
    }
    overlay->written = written;
    copies = realloc(overlay->copies, room * sizeof(*copies));
    if (copies == NULL) {
        return BD_NO_MEMORY;
    }
    overlay->copies = copies;
    overlay->room = (uint32_t)room;
    return BD_OK;
}

/* Memory for the next slot. */
static int ready_slot(struct overlay *overlay) {
    uint8_t *copy;

    if (overlay->used < overlay->ready) {
        return BD_OK;
    }
    if (overlay->ready == overlay->room && grow_lists(overlay) != BD_OK) {
        return BD_NO_MEMORY;
    }
    copy = malloc(overlay->below.geometry.block_size);
    if (copy == NULL) {
        return BD_NO_MEMORY;
    }
    overlay->copies[overlay->ready++] = copy;
    return BD_OK;
}

/* The block's copy in memory; where there is none yet one is made, with the old bytes if `keep`. */
static int copy_block(struct overlay *overlay, uint32_t block, int keep, uint8_t **ret_copy) {
    int code;

    if (overlay->slots[block] == 0) {
        code = ready_slot(overlay);
        if (code == BD_OK && keep) {
            code = overlay->below.ops->read(overlay->below.self, block, 0, overlay->copies[overlay->used],
                                            overlay->below.geometry.block_size);
        }
        if (code != BD_OK) {
            return code;
        }
        overlay->written[overlay->used++] = block;
        overlay->slots[block] = overlay->used;
    }
    *ret_copy = overlay->copies[overlay->slots[block] - 1];
    return BD_OK;
}

static int overlay_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct overlay *overlay = self;
    uint8_t *copy;
    int code;

    if (size == 0) {
        return BD_OK;
    }
    code = copy_block(overlay, block, size < overlay->below.geometry.block_size, &copy);
    if (code == BD_OK) {
        memcpy(copy + off, bytes, size);
    }
    return code;
}

static int overlay_erase(void *self, uint32_t block) {
    struct overlay *overlay = self;
    const struct bd_geometry *g = &overlay->below.geometry;
    uint8_t *copy;
    int code;

    if (g->erase_value == BD_ERASE_NONE) {
        return BD_OK;
    }
    code = copy_block(overlay, block, 0, &copy);
    if (code == BD_OK) {
        memset(copy, g->erase_value, g->block_size);
    }
    return code;
}

static int overlay_sync(void *self) {
    (void)self;
    return BD_OK;
}

static void overlay_close(void *self) {
    struct overlay *overlay = self;

    for (uint32_t i = 0; i < overlay->ready; i++) {
        free(overlay->copies[i]);
    }
    free(overlay->copies);
    free(overlay->written);
    free(overlay->slots);
    free(overlay);
}

static const struct bd_ops overlay_ops = {overlay_read, overlay_prog, overlay_erase, overlay_sync,
                                          overlay_close};

int bd_overlay_open(const struct bd *below, struct bd *ret_dev) {
    struct overlay *overlay = calloc(1, sizeof(*overlay));

    if (overlay == NULL) {
        return BD_NO_MEMORY;
    }
    overlay->below = *below;
    overlay->slots = calloc(below->geometry.block_count, sizeof(*overlay->slots));
    if (overlay->slots == NULL) {
        free(overlay);
        return BD_NO_MEMORY;
    }
    *ret_dev = (struct bd){&overlay_ops, overlay, below->geometry};
    return BD_OK;
}

void bd_overlay_reset(const struct bd *dev) {
    struct overlay *overlay = dev->self;

    for (uint32_t i = 0; i < overlay->used; i++) {
        overlay->slots[overlay->written[i]] = 0;
    }
    overlay->used = 0;
}
