/* SPDX-License-Identifier: ISC
 *
 * device.c: what all devices share: the geometry check, the checked calls, names for the codes.
 */
#include "blockdev.h"

#include <string.h>

int bd_geometry_check(const struct bd_geometry *geometry) {
    const struct bd_geometry *g = geometry;

    if (g->read_size == 0 || g->prog_size == 0 || g->block_size == 0 || g->block_count == 0) {
        return BD_RANGE;
    }
    if (g->block_size % g->read_size != 0 || g->block_size % g->prog_size != 0) {
        return BD_RANGE;
    }
    if (g->block_count > INT32_MAX) {
        return BD_RANGE;
    }
    if (g->erase_value < BD_ERASE_NONE || g->erase_value > 255) {
        return BD_RANGE;
    }
    return BD_OK;
}

/* Is [off, off + size) of a block inside the device and aligned to `unit`? */
static int check_span(const struct bd *dev, uint32_t block, uint32_t off, uint32_t size, uint32_t unit) {
    const struct bd_geometry *g = &dev->geometry;

    if (block >= g->block_count || off > g->block_size || size > g->block_size - off) {
        return BD_RANGE;
    }
    if (off % unit != 0 || size % unit != 0) {
        return BD_RANGE;
    }
    return BD_OK;
}

int bd_read(const struct bd *dev, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    int code = check_span(dev, block, off, size, dev->geometry.read_size);

    if (code != BD_OK) {
        return code;
    }
    return dev->ops->read(dev->self, block, off, ret_bytes, size);
}

int bd_prog(const struct bd *dev, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    int code = check_span(dev, block, off, size, dev->geometry.prog_size);

    if (code != BD_OK) {
        return code;
    }
    return dev->ops->prog(dev->self, block, off, bytes, size);
}

int bd_erase(const struct bd *dev, uint32_t block) {
    if (block >= dev->geometry.block_count) {
        return BD_RANGE;
    }
    return dev->ops->erase(dev->self, block);
}

int bd_sync(const struct bd *dev) {
    return dev->ops->sync(dev->self);
}

void bd_close(struct bd *dev) {
    if (dev->ops != NULL && dev->ops->close != NULL) {
        dev->ops->close(dev->self);
    }
    memset(dev, 0, sizeof(*dev));
}

const char *bd_code_text(int code) {
    switch (code) {
    case BD_OK:
        return "no error";
    case BD_IO:
        return "I/O error";
    case BD_POWER:
        return "the power is out";
    case BD_RANGE:
        return "outside the device's geometry";
    case BD_BAD_BLOCK:
        return "bad block";
    case BD_NO_MEMORY:
        return "out of memory";
    case BD_FULL:
        return "no room left in the file system";
    case BD_LOCKED:
        return "open elsewhere";
    case BD_SIZE:
        return "the file's length does not fit the geometry";
    case BD_SYSTEM:
        return "refused by the operating system";
    case BD_READ_ONLY:
        return "opened for reading only";
    default:
        return "unknown code";
    }
}
