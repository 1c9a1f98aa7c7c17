/* SPDX-License-Identifier: ISC
 *
 * blocks.h: which blocks are free: an exact map in memory, made from the tree before the first write.
 */
#ifndef SKINK_BLOCKS_H
#define SKINK_BLOCKS_H

#include <stdbool.h>

#include "io.h"

/* A growing list of block numbers. */
struct block_list {
    uint32_t *list;
    size_t count, capacity;
};

struct blocks {
    uint8_t *bits;         /* one per block; set: in use. NULL: not known yet */
    uint32_t count;        /* blocks */
    uint32_t free;         /* blocks not in use */
    uint32_t cursor;       /* where the next search begins */
    struct block_list bad; /* went bad since the store was opened; they count as in use */
};

/* All free. Errors: SKINK_NO_MEMORY. */
int blocks_init(const struct io *io, struct blocks *b);
void blocks_release(const struct io *io, struct blocks *b);
/* More blocks, all free. Errors: SKINK_NO_MEMORY. */
int blocks_grow(const struct io *io, struct blocks *b, uint32_t count);
bool blocks_used(const struct blocks *b, uint32_t block);
/* SKINK_CORRUPT if the block does not exist or is in use already. */
int blocks_mark(struct blocks *b, uint32_t block);
void blocks_free(struct blocks *b, uint32_t block);
/* A block that is in use and has gone bad: nothing will be put there again. Errors: SKINK_NO_MEMORY. */
int blocks_retire(const struct io *io, struct blocks *b, uint32_t block);
/* The block stays where it was after all. */
void blocks_unretire(struct blocks *b, uint32_t block);
/* SKINK_NO_SPACE if none is left. */
int blocks_take(struct blocks *b, uint32_t *ret_block);

int block_list_add(const struct io *io, struct block_list *l, uint32_t block);
void block_list_release(const struct io *io, struct block_list *l);

#endif
