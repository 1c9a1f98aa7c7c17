/* SPDX-License-Identifier: ISC
 *
 * fault.c: layers that fail on purpose. For now one: the power cut after a number of events.
 */
#include "blockdev.h"

#include <stdlib.h>

struct stop {
    struct bd below;
    uint64_t left; /* events that may still pass */
    int out;       /* the power is out */
};

/* May one more event pass? */
static int stop_take(struct stop *stop) {
    if (stop->left == 0) {
        stop->out = 1;
    } else {
        stop->left--;
    }
    return stop->out ? BD_POWER : BD_OK;
}

static int stop_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct stop *stop = self;

    if (stop->out) {
        return BD_POWER;
    }
    return bd_read(&stop->below, block, off, ret_bytes, size);
}

static int stop_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct stop *stop = self;
    int code = stop_take(stop);

    if (code != BD_OK) {
        return code;
    }
    return bd_prog(&stop->below, block, off, bytes, size);
}

static int stop_erase(void *self, uint32_t block) {
    struct stop *stop = self;
    int code = stop_take(stop);

    if (code != BD_OK) {
        return code;
    }
    return bd_erase(&stop->below, block);
}

static int stop_sync(void *self) {
    struct stop *stop = self;
    int code = stop_take(stop);

    if (code != BD_OK) {
        return code;
    }
    return bd_sync(&stop->below);
}

static const struct bd_ops stop_ops = {stop_read, stop_prog, stop_erase, stop_sync, free};

int bd_stop_open(const struct bd *below, uint64_t events, struct bd *ret_dev) {
    struct stop *stop = calloc(1, sizeof(*stop));

    if (stop == NULL) {
        return BD_NO_MEMORY;
    }
    stop->below = *below;
    stop->left = events;
    *ret_dev = (struct bd){&stop_ops, stop, below->geometry};
    return BD_OK;
}
