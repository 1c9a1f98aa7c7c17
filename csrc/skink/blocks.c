/* SPDX-License-Identifier: ISC
 *
 * blocks.c: the free map.
 */
#include "blocks.h"

#include <string.h>

int blocks_init(const struct io *io, struct blocks *b) {
    size_t size = (size_t)io->block_count / 8 + 1;
    uint8_t *bits = io_alloc(io, size);
    if (bits == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(bits, 0, size);
    *b = (struct blocks){bits, io->block_count, io->block_count, 0, {NULL, 0, 0}};
    return SKINK_OK;
}

void blocks_release(const struct io *io, struct blocks *b) {
    io_free(io, b->bits);
    b->bits = NULL;
    block_list_release(io, &b->bad);
}

int blocks_retire(const struct io *io, struct blocks *b, uint32_t block) {
    return block_list_add(io, &b->bad, block);
}

int blocks_grow(const struct io *io, struct blocks *b, uint32_t count) {
    size_t old_size = (size_t)b->count / 8 + 1;
    size_t size = (size_t)count / 8 + 1;
    uint8_t *bits = io_alloc(io, size);
    if (bits == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(bits, 0, size);
    memcpy(bits, b->bits, old_size);
    io_free(io, b->bits);
    b->bits = bits;
    b->free += count - b->count;
    b->count = count;
    return SKINK_OK;
}

bool blocks_used(const struct blocks *b, uint32_t block) {
    return (b->bits[block / 8] >> block % 8 & 1) != 0;
}

int blocks_mark(struct blocks *b, uint32_t block) {
    if (block >= b->count || blocks_used(b, block)) {
        return SKINK_CORRUPT;
    }
    b->bits[block / 8] = (uint8_t)(b->bits[block / 8] | 1u << block % 8);
    b->free--;
    return SKINK_OK;
}

void blocks_unretire(struct blocks *b, uint32_t block) {
    for (size_t i = 0; i < b->bad.count; i++) {
        if (b->bad.list[i] == block) {
            b->bad.list[i] = b->bad.list[--b->bad.count];
            return;
        }
    }
}

void blocks_free(struct blocks *b, uint32_t block) {
    b->bits[block / 8] = (uint8_t)(b->bits[block / 8] & ~(1u << block % 8));
    b->free++;
}

int blocks_take(struct blocks *b, uint32_t *ret_block) {
    if (b->free == 0) {
        return SKINK_NO_SPACE;
    }
    uint32_t at = b->cursor;
    while (blocks_used(b, at)) {
        at = at % 8 == 0 && b->bits[at / 8] == 0xff ? at + 8 : at + 1;
        if (at >= b->count) {
            at = 0;
        }
    }
    b->cursor = at + 1 < b->count ? at + 1 : 0;
    *ret_block = at;
    return blocks_mark(b, at);
}

int block_list_add(const struct io *io, struct block_list *l, uint32_t block) {
    int code = io_reserve(io, &l->list, &l->capacity, l->count + 1, sizeof(l->list[0]));
    if (code == SKINK_OK) {
        l->list[l->count++] = block;
    }
    return code;
}

void block_list_release(const struct io *io, struct block_list *l) {
    io_free(io, l->list);
    *l = (struct block_list){NULL, 0, 0};
}
