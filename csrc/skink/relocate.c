/* SPDX-License-Identifier: ISC
 *
 * relocate.c: a pair whose other block has gone bad moves to a fresh one. What it holds stays the same; what
 * names it changes: its predecessor's tail and, for the first pair of a dictionary, the parent's entry.
 *
 * Where both lie in one pair, one commit changes them. Else the parent's comes first, and until the
 * predecessor's tail follows, the orphan flag says that the two differ.
 */
#include <string.h>

#include "store.h"

/* The pair at its new place, and how it was before. */
struct move {
    struct mdir *m;
    uint32_t old_pair[2];
    uint32_t old_off, old_etag;
    struct patches patches; /* of the entries, for when the move is durable */
};

static int reserve_patches(struct skink *s, struct move *mv) {
    size_t n = 0;
    for (uint32_t i = 0; i < mv->m->count; i++) {
        n += entry_patches(mv->m->entries[i]);
    }
    return patch_reserve(&s->io, &mv->patches, n);
}

/* Writes the pair's state into a fresh block, trying others where that is bad too. */
static int write_copy(struct skink *s, struct move *mv, const struct item *items, struct rewritten *ret_end,
                      uint32_t *ret_block) {
    const struct mdir *m = mv->m;
    struct state state = {items, m->count, {m->tail[0], m->tail[1]}, m->hard, m->share};
    int code;
    do {
        mv->patches.count = 0;
        code = blocks_take(&s->blocks, ret_block);
        if (code != SKINK_OK) {
            return code;
        }
        code = mdir_rewrite(&s->io, *ret_block, m->rev + 1, &state, s->new_bytes, s->super.minor > 0,
                            &mv->patches, ret_end);
        if (code == SKINK_OK) {
            code = io_sync(&s->io);
        }
        if (code == IO_BAD_BLOCK && blocks_retire(&s->io, &s->blocks, *ret_block) != SKINK_OK) {
            code = SKINK_NO_MEMORY;
        }
    } while (code == IO_BAD_BLOCK);
    if (code != SKINK_OK) {
        blocks_free(&s->blocks, *ret_block);
    }
    return code;
}

static int copy_pair(struct skink *s, struct move *mv) {
    struct mdir *m = mv->m;
    struct rewritten end;
    uint32_t block;
    struct item *items = io_alloc(&s->io, (size_t)m->count * sizeof(*items));
    int code = items != NULL ? reserve_patches(s, mv) : SKINK_NO_MEMORY;
    if (code == SKINK_OK) {
        code = pair_load_bytes(s, m);
    }
    for (uint32_t i = 0; i < m->count && code == SKINK_OK; i++) {
        items[i] = (struct item){m->entries[i], s->old_bytes, s->old_bytes};
    }
    if (code == SKINK_OK) {
        code = write_copy(s, mv, items, &end, &block);
    }
    io_free(&s->io, items);
    if (code != SKINK_OK) {
        return code;
    }
    memcpy(mv->old_pair, m->pair, sizeof(mv->old_pair));
    mv->old_off = m->off;
    mv->old_etag = m->etag;
    m->pair[1] = m->pair[0];
    m->pair[0] = block;
    m->rev++;
    m->off = end.off;
    m->etag = end.etag;
    return SKINK_OK;
}

/* --- who names the pair -------------------------------------------------------------------------- */

/* The parent's entry with the new address, and where it stands. False: the pair is nobody's first. */
static bool has_parent(const struct mdir *m) {
    return m->dir != NULL && m->dir->entry != NULL && m->dir->pairs[0] == m;
}

static int copy_parent_entry(struct skink *s, const struct mdir *m, struct entry **ret_entry) {
    const struct entry *old = m->dir->entry;
    struct entry *e = entry_new(&s->io, old->name, old->name_len, TAG_DICTIONARY);
    if (e == NULL) {
        return SKINK_NO_MEMORY;
    }
    e->form = FORM_DIR;
    e->where = m->pair[0];
    e->size = m->pair[1];
    e->dir = old->dir;
    entry_take_time(e, old);
    *ret_entry = e;
    return SKINK_OK;
}

/* The predecessor's tail follows; the orphan flag is as it was before the move began. */
static int name_by_tail(struct skink *s, struct mdir *m, bool orphans) {
    struct change c;
    change_init(&c, s, m->prev);
    change_tail(&c, m, m->prev->hard);
    gstate_set_orphans(&c.gstate, orphans);
    return change_commit(s, &c);
}

static int name_by_parent(struct skink *s, struct mdir *m) {
    struct change c;
    struct place at;
    struct entry *e;
    bool orphans = gstate_has_orphans(&s->gstate);
    int code = copy_parent_entry(s, m, &e);
    if (code != SKINK_OK) {
        return code;
    }
    dir_find(m->dir->parent, e->name, e->name_len, &at);
    bool both = at.pair == m->prev;
    change_init(&c, s, at.pair);
    change_value(&c, at.id, &(struct item){e, NULL, s->old_bytes});
    if (both) {
        change_tail(&c, m, m->prev->hard);
    } else {
        gstate_set_orphans(&c.gstate, true);
    }
    code = change_commit(s, &c);
    if (code != SKINK_OK) {
        entry_free(&s->io, e);
        return code;
    }
    m->dir->entry = e;
    if (!both && name_by_tail(s, m, orphans) != SKINK_OK) {
        s->broken = true; /* the next mount will see both names and mend it */
        return SKINK_IO;
    }
    return SKINK_OK;
}

/* The move failed before anything named the new place: as if it had never been. */
static void move_undo(struct skink *s, struct move *mv) {
    struct mdir *m = mv->m;
    blocks_free(&s->blocks, m->pair[0]);
    memcpy(m->pair, mv->old_pair, sizeof(m->pair));
    m->off = mv->old_off;
    m->etag = mv->old_etag;
    m->rev--;
}

int pair_relocate(struct skink *s, struct mdir *m) {
    struct move mv = {.m = m};
    if (m->prev == NULL) {
        return SKINK_IO;
    }
    uint32_t bad = m->pair[1];
    int code = blocks_retire(&s->io, &s->blocks, bad);
    if (code == SKINK_OK) {
        code = copy_pair(s, &mv);
    }
    if (code == SKINK_OK) {
        uint32_t off = m->off;
        code = has_parent(m) ? name_by_parent(s, m) : name_by_tail(s, m, gstate_has_orphans(&s->gstate));
        if (code == SKINK_OK) {
            patch_apply(&mv.patches);
        } else if (m->off == off && !s->broken) {
            move_undo(s, &mv);
        } else {
            s->broken = true; /* half of it is on the device */
            code = SKINK_IO;
        }
    }
    if (code != SKINK_OK && !s->broken) {
        blocks_unretire(&s->blocks, bad); /* it stays the pair's */
    }
    io_free(&s->io, mv.patches.list);
    return code;
}
