/* SPDX-License-Identifier: ISC */
/* world.c: the device and the allocator of a fuzzed store, with their limits. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONING 1
#endif
#endif
#ifdef POISONING
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

/* What no call of the engine needs. Memory: an entry of 12 bytes on the device takes some 100 in memory. */
#define CALLS_MAX 400000u
#define READ_FACTOR 4000u /* bytes read in one call, in images */
#define LIVE_FACTOR 40u   /* bytes in use, in images */
#define ONE_FACTOR 4u     /* bytes asked for at once, in images */
#define SPARE 65536u

_Noreturn void finding(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: finding: does not hold: %s\n", file, line, what);
    abort();
}

void demand_code(const char *file, int line, const char *what, int code, int expected) {
    if (code != expected) {
        fprintf(stderr, "%s:%d: %s: %s, not %s\n", file, line, what, skink_code_name(code),
                skink_code_name(expected));
        finding(file, line, what);
    }
}

/* --- memory -------------------------------------------------------------------------------------- */

#define PREFIX 16u /* holds the size; poisoned, so that running backwards into it is seen */

static void *memory_alloc(void *ctx, size_t size) {
    struct world *w = ctx;
    DEMAND(size <= ONE_FACTOR * w->size + SPARE);
    w->live += size;
    DEMAND(w->live <= LIVE_FACTOR * w->size + SPARE);
    uint8_t *memory = malloc(PREFIX + size);
    DEMAND(memory != NULL);
    memcpy(memory, &size, sizeof(size));
    memset(memory + PREFIX, 0xa5, size);
    POISON(memory, PREFIX);
    return memory + PREFIX;
}

static void memory_free(void *ctx, void *at) {
    struct world *w = ctx;
    if (at != NULL) {
        uint8_t *memory = (uint8_t *)at - PREFIX;
        size_t size;
        UNPOISON(memory, PREFIX);
        memcpy(&size, memory, sizeof(size));
        w->live -= size;
        free(memory);
    }
}

/* --- the device ---------------------------------------------------------------------------------- */

static void count_call(struct world *w, uint32_t bytes) {
    w->calls++;
    w->read_bytes += bytes;
    DEMAND(w->calls <= CALLS_MAX);
    DEMAND(w->read_bytes <= READ_FACTOR * (uint64_t)w->size);
}

static bool power_is_out(const struct world *w) {
    return w->failing && w->power == 0;
}

static uint8_t *place(const struct world *w, uint32_t block, uint32_t off, uint32_t size, uint32_t unit) {
    const struct bd_geometry *geo = &w->dev.geometry;
    DEMAND(block < geo->block_count && off <= geo->block_size && size <= geo->block_size - off);
    DEMAND(off % unit == 0 && size % unit == 0);
    return w->bytes + (size_t)block * geo->block_size + off;
}

/* Whether a write may be done; counts it. */
static int begin_write(struct world *w) {
    DEMAND(!w->frozen);
    count_call(w, 0);
    if (power_is_out(w)) {
        return BD_POWER;
    }
    w->power -= w->failing ? 1 : 0;
    return BD_OK;
}

static int device_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    struct world *w = self;
    const uint8_t *from = place(w, block, off, size, w->dev.geometry.read_size);
    count_call(w, size);
    if (power_is_out(w)) {
        return BD_POWER;
    }
    memcpy(ret_bytes, from, size);
    return BD_OK;
}

static int device_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct world *w = self;
    uint8_t *to = place(w, block, off, size, w->dev.geometry.prog_size);
    int code = begin_write(w);
    if (code == BD_OK) {
        memcpy(to, bytes, size);
    }
    return code;
}

static int device_erase(void *self, uint32_t block) {
    struct world *w = self;
    uint8_t *to = place(w, block, 0, w->dev.geometry.block_size, 1);
    int code = begin_write(w);
    if (code == BD_OK) {
        memset(to, 0xff, w->dev.geometry.block_size);
    }
    return code;
}

static int device_sync(void *self) {
    return begin_write(self);
}

void world_init(struct world *w, const struct bd_geometry *geometry) {
    static const struct bd_ops ops = {device_read, device_prog, device_erase, device_sync, NULL};
    memset(w, 0, sizeof(*w));
    w->dev = (struct bd){&ops, w, *geometry};
    w->size = (size_t)geometry->block_size * geometry->block_count;
    w->bytes = malloc(w->size);
    DEMAND(w->bytes != NULL);
    memset(w->bytes, 0xff, w->size);
    w->memory = (struct skink_allocator){memory_alloc, memory_free, w};
}

void world_release(struct world *w) {
    DEMAND(w->live == 0);
    free(w->bytes);
    w->bytes = NULL;
}

void world_mark(struct world *w) {
    w->calls = 0;
    w->read_bytes = 0;
}

void world_tell_image(const struct world *w) {
    const struct bd_geometry *geo = &w->dev.geometry;
    FILE *file = w->tell != NULL ? fopen(w->tell, "wb") : NULL;
    if (file != NULL) {
        fwrite(w->bytes, 1, w->size, file);
        fclose(file);
        fprintf(stderr, "%s: blocks of %u, prog size %u\n", w->tell, geo->block_size, geo->prog_size);
    }
}
