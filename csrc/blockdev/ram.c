/* SPDX-License-Identifier: ISC
 *
 * ram.c: a device in memory.
 */
#include "blockdev.h"

#include <stdlib.h>
#include <string.h>

struct ram {
    uint8_t *bytes;
    uint8_t *owned; /* bytes, where they are ours to free; else NULL */
    size_t block_size;
    int32_t erase_value;
};

static int ram_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct ram *ram = self;

    if (size > 0) {
        memcpy(ret_bytes, ram->bytes + block * ram->block_size + off, size);
    }
    return BD_OK;
}

static int ram_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct ram *ram = self;

    if (size > 0) {
        memcpy(ram->bytes + block * ram->block_size + off, bytes, size);
    }
    return BD_OK;
}

static int ram_erase(void *self, uint32_t block) {
    struct ram *ram = self;

    if (ram->erase_value != BD_ERASE_NONE) {
        memset(ram->bytes + block * ram->block_size, ram->erase_value, ram->block_size);
    }
    return BD_OK;
}

static int ram_sync(void *self) {
    (void)self;
    return BD_OK;
}

static void ram_close(void *self) {
    struct ram *ram = self;

    free(ram->owned);
    free(ram);
}

static const struct bd_ops ram_ops = {ram_read, ram_prog, ram_erase, ram_sync, ram_close};

int bd_ram_wrap(const struct bd_geometry *geometry, uint8_t *bytes, struct bd *ret_dev) {
    int code = bd_geometry_check(geometry);
    struct ram *ram;

    if (code != BD_OK) {
        return code;
    }
    ram = calloc(1, sizeof(*ram));
    if (ram == NULL) {
        return BD_NO_MEMORY;
    }
    ram->bytes = bytes;
    ram->block_size = geometry->block_size;
    ram->erase_value = geometry->erase_value;
    *ret_dev = (struct bd){&ram_ops, ram, *geometry};
    return BD_OK;
}

/* The device's whole content, erased; NULL if there is no memory for it. */
static uint8_t *bytes_new(const struct bd_geometry *geometry) {
    size_t block_size = geometry->block_size;
    uint8_t *bytes;

    if (geometry->block_count > SIZE_MAX / block_size) {
        return NULL;
    }
    bytes = calloc(geometry->block_count, block_size);
    if (bytes != NULL && geometry->erase_value > 0) {
        memset(bytes, geometry->erase_value, geometry->block_count * block_size);
    }
    return bytes;
}

int bd_ram_open(const struct bd_geometry *geometry, struct bd *ret_dev) {
    int code = bd_geometry_check(geometry);
    uint8_t *bytes;

    if (code != BD_OK) {
        return code;
    }
    bytes = bytes_new(geometry);
    if (bytes == NULL) {
        return BD_NO_MEMORY;
    }
    code = bd_ram_wrap(geometry, bytes, ret_dev);
    if (code != BD_OK) {
        free(bytes);
        return code;
    }
    ((struct ram *)ret_dev->self)->owned = bytes;
    return BD_OK;
}

uint8_t *bd_ram_bytes(const struct bd *dev) {
    if (dev->ops != &ram_ops) {
        return NULL;
    }
    return ((const struct ram *)dev->self)->bytes;
}
