/* SPDX-License-Identifier: ISC
 *
 * grow.c: making a store use more of its device.
 */
#include "store.h"

/* The superblocks in front of the root first: the root's, which is the one that counts, is the commit point. */
static int put_superblocks(struct skink *s, const struct superblock *super) {
    struct mdir *root = s->root->pairs[0];
    int code = SKINK_OK;
    for (struct mdir *m = s->thread; m != root && code == SKINK_OK; m = m->next) {
        code = store_put_superblock(s, m, super);
    }
    return code == SKINK_OK ? store_put_superblock(s, root, super) : code;
}

int skink_grow(struct skink *s, uint32_t block_count) {
    int code = store_writable(s);
    if (code != SKINK_OK) {
        return code;
    }
    if (block_count < s->io.block_count) {
        return SKINK_INVALID_ARGUMENT;
    }
    if (block_count > s->io.dev->geometry.block_count) {
        return SKINK_NO_SPACE;
    }
    code = store_make_ready(s);
    if (code != SKINK_OK || block_count == s->io.block_count) {
        return code;
    }
    struct superblock super = s->super;
    super.block_count = block_count;
    code = put_superblocks(s, &super);
    if (code == SKINK_OK) {
        code = blocks_grow(&s->io, &s->blocks, block_count);
        s->super = super;
        s->io.block_count = block_count;
    }
    if (code == SKINK_NO_MEMORY && s->super.block_count == block_count) {
        blocks_release(&s->io,
                       &s->blocks); /* the store has grown; the map is made anew before the next write */
        s->ready = false;
        code = SKINK_OK;
    }
    return code;
}
