/* SPDX-License-Identifier: ISC
 *
 * plan.h: a change worked out: what change.c and split.c share.
 */
#ifndef SKINK_PLAN_H
#define SKINK_PLAN_H

#include "store.h"

/* The pair as it will be, and what it costs to write. */
struct plan {
    uint32_t count;        /* entries */
    uint32_t bytes;        /* what they take in a rewritten pair */
    uint32_t append_bytes; /* what the change takes as tags of one more commit */
    size_t append_patches;
    struct gstate share;
    uint32_t tail[2];
    bool hard;
};
void plan_make(const struct skink *s, const struct change *c, struct plan *ret_plan);

/* The entry that edit i is about, as it is now. */
struct entry *plan_old_entry(const struct change *c, uint32_t i);

/* The entries after the change, with room in s->patches for all of them. The caller frees the list.
 * Errors: SKINK_NO_MEMORY. */
int plan_items(struct skink *s, const struct change *c, struct item **ret_items);

/* In memory, once the change is durable: all of it, or one edit. There is room for new entries. */
void plan_publish(struct skink *s, const struct change *c, const struct plan *p);
void plan_publish_edit(struct skink *s, struct mdir *m, const struct edit *e);

/* The pair rewritten with the change made, or split. Errors: as change_commit, and IO_BAD_BLOCK. */
int change_rewrite(struct skink *s, const struct change *c, const struct plan *p);

/* Whether the change adds a last entry to a dictionary whose last pair is three quarters full: then the entry
 * gets a new pair, and the old one only a tail. */
bool change_extends(const struct skink *s, const struct change *c, const struct plan *p);
int change_extend(struct skink *s, const struct change *c, const struct plan *p);

/* Seals a commit behind the pair's log and syncs: the commit point. Errors: SKINK_IO: the store is broken;
 * IO_BAD_BLOCK: the pair cannot be appended to any more. */
int change_seal(struct skink *s, struct mdir *m, struct commit *commit);

/* Half a block and 254 entries at most: room to grow before the next rewrite. */
bool plan_fits_well(const struct skink *s, uint32_t bytes, uint32_t count);

#endif
