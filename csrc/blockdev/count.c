/* SPDX-License-Identifier: ISC
 *
 * count.c: a layer that counts what passes.
 */
#include "blockdev.h"

#include <stdlib.h>

struct count {
    struct bd below;
    struct bd_counts counts;
};

static int count_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    struct count *count = self;

    count->counts.reads++;
    count->counts.read_bytes += size;
    return bd_read(&count->below, block, off, ret_bytes, size);
}

static int count_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct count *count = self;

    count->counts.progs++;
    count->counts.prog_bytes += size;
    return bd_prog(&count->below, block, off, bytes, size);
}

static int count_erase(void *self, uint32_t block) {
    struct count *count = self;

    count->counts.erases++;
    count->counts.erase_bytes += count->below.geometry.block_size;
    return bd_erase(&count->below, block);
}

static int count_sync(void *self) {
    struct count *count = self;

    count->counts.syncs++;
    return bd_sync(&count->below);
}

static const struct bd_ops count_ops = {count_read, count_prog, count_erase, count_sync, free};

int bd_count_open(const struct bd *below, struct bd *ret_dev) {
    struct count *count = calloc(1, sizeof(*count));

    if (count == NULL) {
        return BD_NO_MEMORY;
    }
    count->below = *below;
    *ret_dev = (struct bd){&count_ops, count, below->geometry};
    return BD_OK;
}

void bd_count_get(const struct bd *dev, struct bd_counts *ret_counts) {
    const struct count *count = dev->self;

    *ret_counts = count->counts;
}

void bd_count_reset(const struct bd *dev) {
    struct count *count = dev->self;

    count->counts = (struct bd_counts){0};
}
