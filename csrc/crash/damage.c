/* SPDX-License-Identifier: ISC
 *
 * damage.c: what can go wrong with a device that was closed cleanly.
 */
#include "damage.h"

#include "run.h"
#include "tear.h"

#include <string.h>

#define FLIP_GRANULE 16u
#define SECTOR_MAX 512u

/* Of more than so many places only every second, third, ... is damaged. */
#define FLIPS_MAX 65536u
#define PLACES_MAX 16384u

struct pc_damage damage_of(const struct pc_cut *cut) {
    struct pc_damage damage = {.kind = cut->torn, .block = cut->back, .off = cut->a, .size = cut->unit};

    if (damage.kind == PC_DAMAGE_STALE) {
        damage.event = cut->b;
    } else {
        damage.value = (uint32_t)cut->b;
    }
    return damage;
}

struct pc_cut damage_cut(const struct pc_damage *damage, uint64_t at) {
    return (struct pc_cut){.at = at,
                           .torn = damage->kind,
                           .back = damage->block,
                           .unit = damage->size,
                           .a = damage->off,
                           .b = damage->kind == PC_DAMAGE_STALE ? damage->event : damage->value};
}

int damage_is_of_device(const struct pc_damage *damage) {
    return damage->kind >= PC_DAMAGE_READ_FAILS;
}

int damage_is_possible(const struct pc_run *run, const struct pc_damage *damage) {
    const struct bd_geometry *geometry = &run->geometry;
    struct bd_event event;

    if (damage->kind == PC_DAMAGE_NONE || damage->kind > PC_DAMAGE_ERASE_NOTHING ||
        damage->block >= geometry->block_count || damage->off > geometry->block_size ||
        damage->size > geometry->block_size - damage->off) {
        return 0;
    }
    if (damage->kind == PC_DAMAGE_FLIP) {
        return damage->off < geometry->block_size && damage->value < 8;
    }
    if (damage->kind != PC_DAMAGE_STALE) {
        return 1;
    }
    if (damage->event >= run->event_count) {
        return 0;
    }
    pc_run_event(run, (size_t)damage->event, &event);
    return event_is_effective(geometry, &event) && event.block == damage->block;
}

/* --- every damage ---------------------------------------------------------------------------------- */

struct emitter {
    const struct pc_run *run;
    uint64_t seed;
    state_fn fn;
    void *ctx;
    int code;
};

static void emit(struct emitter *e, const struct pc_damage *damage) {
    struct state state = {.kind = PC_FAULT_DAMAGE, .cut = damage_cut(damage, e->run->event_count)};

    if (e->code == PC_OK) {
        e->code = e->fn(e->ctx, &state, 0);
    }
}

static void emit_flips(struct emitter *e) {
    const struct bd_geometry *geometry = &e->run->geometry;
    uint64_t size = (uint64_t)geometry->block_size * geometry->block_count;
    uint64_t stride = 1 + ((size + FLIP_GRANULE - 1) / FLIP_GRANULE - 1) / FLIPS_MAX;

    for (uint64_t g = 0; g * FLIP_GRANULE < size && e->code == PC_OK; g += stride) {
        uint64_t left = size - g * FLIP_GRANULE;
        uint64_t h = splitmix64(e->seed + g);
        uint64_t address = g * FLIP_GRANULE + h % (left < FLIP_GRANULE ? left : FLIP_GRANULE);

        emit(e, &(struct pc_damage){.kind = PC_DAMAGE_FLIP,
                                    .block = (uint32_t)(address / geometry->block_size),
                                    .off = (uint32_t)(address % geometry->block_size),
                                    .size = 1,
                                    .value = (uint32_t)(h >> 8) & 7});
    }
}

static void emit_sectors(struct emitter *e, uint32_t kind) {
    const struct bd_geometry *geometry = &e->run->geometry;
    uint32_t sector = geometry->block_size < SECTOR_MAX ? geometry->block_size : SECTOR_MAX;
    uint32_t in_block = (geometry->block_size + sector - 1) / sector;
    uint64_t count = (uint64_t)in_block * geometry->block_count;

    for (uint64_t i = 0; i < count && e->code == PC_OK; i += 1 + (count - 1) / PLACES_MAX) {
        uint32_t off = (uint32_t)(i % in_block) * sector;
        uint32_t left = geometry->block_size - off;

        emit(e, &(struct pc_damage){.kind = kind,
                                    .block = (uint32_t)(i / in_block),
                                    .off = off,
                                    .size = left < sector ? left : sector});
    }
}

static void emit_stale(struct emitter *e) {
    struct bd_event event;

    for (size_t j = 0; j < e->run->event_count && e->code == PC_OK; j++) {
        pc_run_event(e->run, j, &event);
        if (event_is_effective(&e->run->geometry, &event)) {
            emit(e, &(struct pc_damage){.kind = PC_DAMAGE_STALE,
                                        .block = event.block,
                                        .size = e->run->geometry.block_size,
                                        .event = j});
        }
    }
}

static void emit_failing(struct emitter *e, uint32_t kind) {
    uint32_t count = e->run->geometry.block_count;

    for (uint32_t block = 0; block < count && e->code == PC_OK; block += 1 + (count - 1) / PLACES_MAX) {
        emit(e, &(struct pc_damage){.kind = kind, .block = block});
    }
}

int damage_each(const struct pc_run *run, uint64_t seed, state_fn fn, void *ctx) {
    struct emitter e = {.run = run, .seed = seed, .fn = fn, .ctx = ctx};

    emit_flips(&e);
    for (uint32_t kind = PC_DAMAGE_ZERO; kind <= PC_DAMAGE_GARBAGE; kind++) {
        emit_sectors(&e, kind);
    }
    emit_stale(&e);
    for (uint32_t kind = PC_DAMAGE_READ_FAILS; kind <= PC_DAMAGE_ERASE_NOTHING; kind++) {
        emit_failing(&e, kind);
    }
    return e.code;
}

/* --- one damage ------------------------------------------------------------------------------------ */

/* The block as it was before an event. Asked in the order of the events, this costs one event each time. */
static int make_stale(const struct pc_run *run, const struct pc_damage *damage, struct media *past,
                      uint8_t *block) {
    int code = past->run == NULL ? media_init(past, run, 0) : PC_OK;

    if (code == PC_OK) {
        code = media_move(past, (size_t)damage->event);
    }
    if (code == PC_OK) {
        memcpy(block, media_block(past, damage->block, NULL), run->geometry.block_size);
    }
    return code;
}

int damage_build(const struct pc_run *run, const struct pc_damage *damage, struct media *past,
                 struct patch *patch) {
    uint64_t address = (uint64_t)damage->block * run->geometry.block_size + damage->off;
    uint8_t *block;

    patch_reset(patch);
    if (damage_is_of_device(damage)) {
        return PC_OK;
    }
    block = patch_block(patch, damage->block);
    if (block == NULL) {
        return PC_NO_MEMORY;
    }
    if (damage->kind == PC_DAMAGE_FLIP) {
        block[damage->off] = (uint8_t)(block[damage->off] ^ 1u << damage->value);
    } else if (damage->kind == PC_DAMAGE_STALE) {
        return make_stale(run, damage, past, block);
    } else if (damage->kind == PC_DAMAGE_GARBAGE) {
        garbage_fill(block + damage->off, address, damage->size, run->event_count);
    } else {
        memset(block + damage->off, damage->kind == PC_DAMAGE_ZERO ? 0 : 0xff, damage->size);
    }
    return PC_OK;
}

/* --- a block that fails ---------------------------------------------------------------------------- */

static int is_hit(const struct damaged *damaged, uint32_t kind, uint32_t block) {
    return damaged->damage.kind == kind && damaged->damage.block == block;
}

static int damaged_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct damaged *damaged = self;

    if (is_hit(damaged, PC_DAMAGE_READ_FAILS, block)) {
        return BD_IO;
    }
    return bd_read(&damaged->below, block, off, ret_bytes, size);
}

static int damaged_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    const struct damaged *damaged = self;

    if (is_hit(damaged, PC_DAMAGE_PROG_FAILS, block)) {
        return BD_BAD_BLOCK;
    }
    if (is_hit(damaged, PC_DAMAGE_PROG_NOTHING, block)) {
        return BD_OK;
    }
    return bd_prog(&damaged->below, block, off, bytes, size);
}

static int damaged_erase(void *self, uint32_t block) {
    const struct damaged *damaged = self;

    if (is_hit(damaged, PC_DAMAGE_ERASE_FAILS, block)) {
        return BD_BAD_BLOCK;
    }
    if (is_hit(damaged, PC_DAMAGE_ERASE_NOTHING, block)) {
        return BD_OK;
    }
    return bd_erase(&damaged->below, block);
}

static int damaged_sync(void *self) {
    const struct damaged *damaged = self;

    return bd_sync(&damaged->below);
}

static const struct bd_ops damaged_ops = {damaged_read, damaged_prog, damaged_erase, damaged_sync, NULL};

void damaged_open(struct damaged *damaged, const struct bd *below, const struct pc_damage *damage,
                  struct bd *ret_dev) {
    damaged->below = *below;
    damaged->damage = *damage;
    *ret_dev = (struct bd){&damaged_ops, damaged, below->geometry};
}
