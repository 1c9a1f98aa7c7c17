/* SPDX-License-Identifier: ISC
 *
 * split.c: writing whole pairs: new ones, a pair rewritten into its other block, a pair split because it
 * holds too much.
 */
#include <string.h>

#include "bytes.h"
#include "plan.h"

/* --- new pairs ----------------------------------------------------------------------------------- */

/* A free block, remembered in ret_blocks. */
static int take_block(struct skink *s, struct block_list *ret_blocks, uint32_t *ret_block) {
    int code = blocks_take(&s->blocks, ret_block);
    if (code == SKINK_OK) {
        code = block_list_add(&s->io, ret_blocks, *ret_block);
        if (code != SKINK_OK) {
            blocks_free(&s->blocks, *ret_block);
        }
    }
    return code;
}

/* Writes the state into the first block of a pair. The second is left as it is: whatever it holds must count
 * as older. */
static int write_pair(struct skink *s, struct mdir *m, const struct state *state, struct rewritten *ret_end) {
    uint8_t rev[4];
    size_t patches = s->patches.count;
    int code = io_read(&s->io, m->pair[1], 0, rev, 4);
    if (code == SKINK_OK) {
        m->rev = get_le32(rev) + 1;
        code = mdir_rewrite(&s->io, m->pair[0], m->rev, state, s->new_bytes, s->super.minor > 0, &s->patches,
                            ret_end);
    }
    if (code != SKINK_OK) {
        s->patches.count = patches;
    }
    return code;
}

int pair_create(struct skink *s, const struct state *state, struct block_list *ret_blocks,
                struct mdir **ret_m) {
    const struct io *io = &s->io;
    struct rewritten end;
    struct mdir *m = io_alloc(io, sizeof(*m));
    if (m == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(m, 0, sizeof(*m));
    int code = take_block(s, ret_blocks, &m->pair[1]);
    if (code == SKINK_OK) {
        code = take_block(s, ret_blocks, &m->pair[0]);
    }
    if (code == SKINK_OK) {
        code = write_pair(s, m, state, &end);
    }
    while (code == IO_BAD_BLOCK) {
        ret_blocks->count--; /* it was the last one taken */
        code = blocks_retire(io, &s->blocks, m->pair[0]);
        if (code == SKINK_OK) {
            code = take_block(s, ret_blocks, &m->pair[0]);
        }
        if (code == SKINK_OK) {
            code = write_pair(s, m, state, &end);
        }
    }
    if (code != SKINK_OK) {
        io_free(io, m);
        return code;
    }
    m->off = end.off;
    m->etag = end.etag;
    memcpy(m->tail, state->tail, sizeof(m->tail));
    m->hard = state->hard;
    m->share = state->share;
    *ret_m = m;
    return SKINK_OK;
}

static uint32_t items_bytes(const struct item *items, uint32_t from, uint32_t to) {
    uint32_t bytes = 0;
    for (uint32_t i = from; i < to; i++) {
        bytes += entry_bytes(items[i].entry);
    }
    return bytes;
}

bool plan_fits_well(const struct skink *s, uint32_t bytes, uint32_t count) {
    uint32_t half = round_up(s->io.block_size / 2, s->io.prog_size);
    return count < 0xff && bytes <= min_u32(half, mdir_bytes_max(&s->io));
}

/* The new pairs of a split, the last one first; not yet on the thread. */
struct split {
    const struct plan *plan;
    const struct item *items; /* all entries */
    struct mdir *first;       /* linked by next, in thread order */
    uint32_t count;           /* pairs */
    uint32_t keep;            /* entries that stay in the old pair */
    struct block_list blocks;
};

/* Where the last part of the entries kept so far begins that is to have a pair of its own; 0: no more parts. */
static uint32_t last_part(const struct skink *s, const struct split *split) {
    uint32_t end = split->keep;
    uint32_t from = 0;
    while (end - from > 1 && !plan_fits_well(s, items_bytes(split->items, from, end), end - from)) {
        from += (end - from) / 2;
    }
    return from;
}

static void split_undo(struct skink *s, struct split *split) {
    for (size_t i = 0; split->blocks.list != NULL && i < split->blocks.count; i++) {
        blocks_free(&s->blocks, split->blocks.list[i]);
    }
    while (split->first != NULL) {
        struct mdir *next = split->first->next;
        split->first->count = 0; /* the entries are not its own yet */
        mdir_free(&s->io, split->first);
        split->first = next;
    }
    block_list_release(&s->io, &split->blocks);
    s->patches.count = 0;
}

/* Writes the entries from `from` on, of those kept so far, as a new pair in front of those already split off. */
static int split_off(struct skink *s, struct split *split, uint32_t from) {
    const struct plan *p = split->plan;
    struct mdir *m;
    struct mdir *behind = split->first;
    uint32_t count = split->keep - from;
    struct state state = {split->items + from, count, {p->tail[0], p->tail[1]}, p->hard, {0, {0, 0}}};
    if (behind != NULL) {
        memcpy(state.tail, behind->pair, sizeof(state.tail));
        state.hard = true;
    }
    int code = pair_create(s, &state, &split->blocks, &m);
    if (code != SKINK_OK) {
        return code;
    }
    m->next = behind;
    split->first = m;
    split->count++;
    code = mdir_reserve(&s->io, m, count);
    if (code != SKINK_OK) {
        return code;
    }
    while (m->count < count) {
        m->entries[m->count] = split->items[from + m->count].entry;
        m->nameless = m->nameless || m->entries[m->count]->type == TAG_CONDEMNED;
        m->count++;
    }
    m->bytes = items_bytes(split->items, from, split->keep);
    split->keep = from;
    return SKINK_OK;
}

/* The new pairs are written: before anything points at them they must be durable, and have their place. */
static int split_settle(struct skink *s, const struct change *c, const struct split *split) {
    int code = c->pair->dir != NULL ? dir_reserve(&s->io, c->pair->dir, split->count) : SKINK_OK;
    return code == SKINK_OK ? io_sync(&s->io) : code;
}

/* Splits off what does not fit well. With no block left for that, all stays in the old pair if it can: if
 * there is room, and an id for each entry. */
static int split_make(struct skink *s, const struct change *c, struct split *split) {
    int code = SKINK_OK;
    uint32_t from;
    while (code == SKINK_OK && (from = last_part(s, split)) != 0) {
        code = split_off(s, split, from);
    }
    if (code == SKINK_OK && split->count > 0) {
        code = split_settle(s, c, split);
    }
    if (code != SKINK_OK) {
        split_undo(s, split);
        if (code == SKINK_NO_SPACE && split->plan->bytes <= mdir_bytes_max(&s->io) &&
            split->plan->count <= TAG_NO_ID) {
            split->keep = split->plan->count;
            split->count = 0;
            return SKINK_OK;
        }
    }
    return code;
}

/* The split's pairs join the thread and the dictionary behind the old pair. */
static void split_publish(struct skink *s, struct mdir *m, struct split *split) {
    size_t at = m->dir != NULL ? dir_position(m->dir, m) + 1 : 0;
    struct mdir *before = m;
    m->count = split->keep;
    while (split->first != NULL) {
        struct mdir *part = split->first;
        split->first = part->next;
        m->bytes -= part->bytes;
        thread_insert(before, part);
        part->dir = m->dir;
        if (m->dir != NULL && mdir_end(part) > 0) {
            dir_insert(m->dir, at++, part);
        }
        before = part;
    }
    block_list_release(&s->io, &split->blocks);
}

/* Reads as much of the pair's current block as its entries' bytes need. */
int pair_load_bytes(struct skink *s, const struct mdir *m) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct entry *e = m->entries[i];
        if (e->form == FORM_INLINE && e->where + e->size > end) {
            end = e->where + e->size;
        }
        for (const struct attr *a = e->attrs; a != NULL; a = a->next) {
            if (a->off + a->length > end) {
                end = a->off + a->length;
            }
        }
    }
    return io_read(&s->io, m->pair[0], 0, s->old_bytes, end);
}

/* The pair is in its other block now. */
static void swap_blocks(struct mdir *m, const struct rewritten *end) {
    uint32_t current = m->pair[1];
    m->pair[1] = m->pair[0];
    m->pair[0] = current;
    m->rev++;
    m->off = end->off;
    m->etag = end->etag;
    m->renumbered = false;
}

static int rewrite_kept(struct skink *s, const struct change *c, struct split *split) {
    const struct plan *p = split->plan;
    struct mdir *m = c->pair;
    struct rewritten end;
    struct state state = {split->items, split->keep, {p->tail[0], p->tail[1]}, p->hard, p->share};
    if (split->first != NULL) {
        memcpy(state.tail, split->first->pair, sizeof(state.tail));
        state.hard = true;
    }
    int code = mdir_rewrite(&s->io, m->pair[1], m->rev + 1, &state, s->new_bytes, s->super.minor > 0,
                            &s->patches, &end);
    if (code == SKINK_OK) {
        code = io_sync(&s->io); /* the commit point */
    }
    if (code != SKINK_OK) {
        split_undo(s, split);
        return store_commit_failed(s, code);
    }
    swap_blocks(m, &end);
    plan_publish(s, c, p);
    memcpy(m->tail, state.tail, sizeof(m->tail));
    m->hard = state.hard;
    split_publish(s, m, split);
    return SKINK_OK;
}

int change_rewrite(struct skink *s, const struct change *c, const struct plan *p) {
    struct item *items;
    int code = plan_items(s, c, &items);
    if (code != SKINK_OK) {
        return code;
    }
    struct split split = {.plan = p, .items = items, .keep = p->count};
    code = pair_load_bytes(s, c->pair);
    if (code == SKINK_OK) {
        code = split_make(s, c, &split);
    }
    if (code == SKINK_OK) {
        code = rewrite_kept(s, c, &split);
    }
    io_free(&s->io, items);
    return code;
}

/* --- a new last pair ----------------------------------------------------------------------------- */

bool change_extends(const struct skink *s, const struct change *c, const struct plan *p) {
    const struct mdir *m = c->pair;
    uint32_t slack = s->io.block_size / 4; /* for changes to come, which then need no rewrite */
    if (c->count != 1 || c->edits[0].kind != EDIT_CREATE || c->edits[0].id != m->count ||
        c->edits[0].item.entry->type == TAG_CONDEMNED) {
        return false; /* not a new last entry */
    }
    uint32_t rest = p->append_bytes - (4 + entry_bytes(c->edits[0].item.entry)) + (c->retail ? 0 : 12);
    return m->dir != NULL && !m->hard && m->off != 0 && m->count > mdir_first(m) &&
           !plan_fits_well(s, p->bytes, p->count) && m->off + p->append_bytes > s->io.block_size - slack &&
           m->off + rest + COMMIT_END_SIZE <= s->io.block_size;
}

int change_extend(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    struct item item = c->edits[0].item;
    struct split split = {.plan = p, .items = &item, .keep = 1};
    struct commit commit;
    int code = split_off(s, &split, 0);
    if (code == SKINK_OK) {
        code = split_settle(s, c, &split);
    }
    if (code == SKINK_OK) {
        commit_more(&commit, &s->io, s->new_bytes, m->pair[0], m->off, m->etag);
        commit_tail(&commit, split.first->pair, true);
        if (memcmp(&p->share, &m->share, sizeof(p->share)) != 0) {
            commit_share(&commit, &p->share);
        }
        code = change_seal(s, m, &commit);
    }
    if (code != SKINK_OK) {
        split_undo(s, &split);
        return code;
    }
    memcpy(m->tail, split.first->pair, sizeof(m->tail));
    m->hard = true;
    m->share = p->share;
    s->gstate = c->gstate;
    patch_apply(&s->patches);
    split.keep = m->count;
    m->bytes += split.first->bytes;
    split_publish(s, m, &split);
    return SKINK_OK;
}
