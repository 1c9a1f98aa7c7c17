/* SPDX-License-Identifier: ISC
 *
 * fault.c: layers that fail on purpose: the power cut after a number of events, and a single call that fails.
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

/* --- a single call that fails ----------------------------------------------------------------------- */

struct fail {
    struct bd below;
    struct bd_fail what;
    uint64_t seen; /* calls of its kind so far */
    int has_bad;   /* there is a bad block: */
    uint32_t bad;
};

/* Is this the call? */
static int fail_hits(struct fail *fail, uint32_t kind) {
    return fail->what.kind == kind && fail->seen++ == fail->what.at;
}

static int fail_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    struct fail *fail = self;

    if (fail_hits(fail, BD_FAIL_READ)) {
        return BD_IO;
    }
    return bd_read(&fail->below, block, off, ret_bytes, size);
}

/* Is the block bad, or does it become so now? */
static int fail_is_bad(struct fail *fail, uint32_t kind, uint32_t block) {
    if (!fail->has_bad && fail_hits(fail, kind)) {
        fail->has_bad = 1;
        fail->bad = block;
    }
    return fail->has_bad && fail->bad == block;
}

static int fail_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct fail *fail = self;
    int code;

    if (fail_is_bad(fail, BD_FAIL_PROG_BAD, block)) {
        return BD_BAD_BLOCK;
    }
    if (!fail_hits(fail, BD_FAIL_PROG)) {
        return bd_prog(&fail->below, block, off, bytes, size);
    }
    code = fail->what.done ? bd_prog(&fail->below, block, off, bytes, size) : BD_OK;
    return code == BD_OK ? BD_IO : code;
}

static int fail_erase(void *self, uint32_t block) {
    struct fail *fail = self;
    int code;

    if (fail_is_bad(fail, BD_FAIL_ERASE_BAD, block)) {
        return BD_BAD_BLOCK;
    }
    if (!fail_hits(fail, BD_FAIL_ERASE)) {
        return bd_erase(&fail->below, block);
    }
    code = fail->what.done ? bd_erase(&fail->below, block) : BD_OK;
    return code == BD_OK ? BD_IO : code;
}

static int fail_sync(void *self) {
    struct fail *fail = self;

    if (fail_hits(fail, BD_FAIL_SYNC)) {
        return BD_IO;
    }
    return bd_sync(&fail->below);
}

static const struct bd_ops fail_ops = {fail_read, fail_prog, fail_erase, fail_sync, free};

int bd_fail_open(const struct bd *below, const struct bd_fail *what, struct bd *ret_dev) {
    struct fail *fail = calloc(1, sizeof(*fail));

    if (fail == NULL) {
        return BD_NO_MEMORY;
    }
    fail->below = *below;
    fail->what = *what;
    *ret_dev = (struct bd){&fail_ops, fail, below->geometry};
    return BD_OK;
}
