/* SPDX-License-Identifier: ISC
 *
 * change.c: one change to one pair, made durable by one commit: appended, or the pair rewritten, or split,
 * or dropped because nothing is left in it. docs/design.md, "The commit point".
 */
#include <string.h>

#include "bytes.h"
#include "store.h"

void change_init(struct change *c, const struct skink *s, struct mdir *pair) {
    memset(c, 0, sizeof(*c));
    c->pair = pair;
    c->gstate = s->gstate;
}

static void add_edit(struct change *c, enum edit_kind kind, uint32_t id, const struct item *item) {
    struct edit *e = &c->edits[c->count++];
    e->kind = kind;
    e->id = id;
    if (item != NULL) {
        e->item = *item;
    }
}

void change_create(struct change *c, uint32_t id, const struct item *item) {
    add_edit(c, EDIT_CREATE, id, item);
}

void change_value(struct change *c, uint32_t id, const struct item *item) {
    add_edit(c, EDIT_VALUE, id, item);
}

void change_attr(struct change *c, uint32_t id, const struct item *item, uint32_t attr) {
    add_edit(c, EDIT_ATTR, id, item);
    c->edits[c->count - 1].attr = attr;
}

void change_delete(struct change *c, uint32_t id) {
    add_edit(c, EDIT_DELETE, id, NULL);
}

void change_tail(struct change *c, const struct mdir *next, bool hard) {
    c->retail = true;
    c->next = next;
    c->hard = hard;
}

int store_commit_failed(struct skink *s, int code) {
    if (code == SKINK_IO) {
        s->broken = true;
    }
    return code;
}

/* --- what the change comes to -------------------------------------------------------------------- */

/* The pair as it will be, and what it costs to write. */
struct plan {
    struct item *items; /* the entries after the change */
    uint32_t count;
    uint32_t bytes;        /* what they take in a rewritten pair */
    uint32_t append_bytes; /* what the change takes as tags of one more commit */
    size_t patches;
    struct gstate share;
    uint32_t tail[2];
    bool hard;
};

static uint32_t struct_bytes(const struct entry *e) {
    if (e->form == FORM_EMPTY) {
        return 0;
    }
    return 4 + (e->form == FORM_INLINE ? e->size : 8);
}

static void plan_create(struct plan *p, const struct edit *e) {
    memmove(p->items + e->id + 1, p->items + e->id, (p->count - e->id) * sizeof(p->items[0]));
    p->items[e->id] = e->item;
    p->count++;
    p->bytes += entry_bytes(e->item.entry);
    p->append_bytes += 4 + entry_bytes(e->item.entry);
}

static void plan_value(struct plan *p, const struct edit *e, const uint8_t *old_bytes) {
    struct item *item = &p->items[e->id];
    struct entry *old = item->entry;
    struct entry *new = e->item.entry;
    p->bytes -= entry_bytes(old);
    new->attrs = old->attrs;
    p->bytes += entry_bytes(new);
    p->append_bytes += struct_bytes(new) + (new->has_check ? 4 + ATTR_CHECK_SIZE : 0u);
    if (new->has_time || old->has_time) {
        p->append_bytes += 4 + (new->has_time ? ATTR_TIME_SIZE : 0u);
    }
    *item = (struct item){new, e->item.value_base, old_bytes};
}

static void plan_attr(struct plan *p, const struct edit *e, const uint8_t *old_bytes) {
    const struct attr *a = entry_attr(e->item.entry, e->attr);
    p->bytes += entry_bytes(e->item.entry) - entry_bytes(p->items[e->id].entry);
    p->append_bytes += 4 + (a != NULL ? a->length : 0u);
    p->items[e->id] = (struct item){e->item.entry, old_bytes, old_bytes};
}

static void plan_delete(struct plan *p, const struct edit *e) {
    p->bytes -= entry_bytes(p->items[e->id].entry);
    p->append_bytes += 4;
    p->count--;
    memmove(p->items + e->id, p->items + e->id + 1, (p->count - e->id) * sizeof(p->items[0]));
}

static const uint32_t *pair_of(const struct mdir *m) {
    static const uint32_t none[2] = {BLOCK_NULL, BLOCK_NULL};
    return m != NULL ? m->pair : none;
}

static int plan_make(struct skink *s, const struct change *c, struct plan *ret_plan) {
    const struct mdir *m = c->pair;
    struct plan p;
    memset(&p, 0, sizeof(p));
    p.items = io_alloc(&s->io, ((size_t)m->count + CHANGE_EDITS) * sizeof(p.items[0]));
    if (p.items == NULL) {
        return SKINK_NO_MEMORY;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        p.items[i] = (struct item){m->entries[i], s->old_bytes, s->old_bytes};
    }
    p.count = m->count;
    p.bytes = m->bytes;
    for (uint32_t i = 0; i < c->count; i++) {
        switch (c->edits[i].kind) {
        case EDIT_CREATE:
            plan_create(&p, &c->edits[i]);
            break;
        case EDIT_VALUE:
            plan_value(&p, &c->edits[i], s->old_bytes);
            break;
        case EDIT_ATTR:
            plan_attr(&p, &c->edits[i], s->old_bytes);
            break;
        default:
            plan_delete(&p, &c->edits[i]);
            break;
        }
    }
    p.share = m->share;
    gstate_xor(&p.share, &s->gstate);
    gstate_xor(&p.share, &c->gstate);
    gstate_xor(&p.share, &c->taken);
    p.append_bytes += c->retail ? 12 : 0;
    p.append_bytes += memcmp(&p.share, &m->share, sizeof(p.share)) != 0 ? 4 + GSTATE_SIZE : 0;
    memcpy(p.tail, c->retail ? pair_of(c->next) : m->tail, sizeof(p.tail));
    p.hard = c->retail ? c->hard : m->hard;
    *ret_plan = p;
    return SKINK_OK;
}

/* --- in memory, after the fact ------------------------------------------------------------------- */

static void publish_edit(struct skink *s, struct mdir *m, const struct edit *e) {
    struct entry *old = e->kind == EDIT_CREATE ? NULL : m->entries[e->id];
    switch (e->kind) {
    case EDIT_CREATE:
        memmove(m->entries + e->id + 1, m->entries + e->id, (m->count - e->id) * sizeof(m->entries[0]));
        m->entries[e->id] = e->item.entry;
        m->count++;
        break;
    case EDIT_VALUE:
        old->attrs = NULL; /* the new entry has them */
        m->entries[e->id] = e->item.entry;
        break;
    case EDIT_ATTR:
        m->entries[e->id] = e->item.entry;
        break;
    default:
        m->count--;
        memmove(m->entries + e->id, m->entries + e->id + 1, (m->count - e->id) * sizeof(m->entries[0]));
        break;
    }
    entry_free(&s->io, old);
}

static void publish(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    patch_apply(&s->patches);
    for (uint32_t i = 0; i < c->count; i++) {
        publish_edit(s, m, &c->edits[i]);
    }
    m->bytes = p->bytes;
    m->share = p->share;
    memcpy(m->tail, p->tail, sizeof(m->tail));
    m->hard = p->hard;
    s->gstate = c->gstate;
}

/* --- appending ----------------------------------------------------------------------------------- */

static bool may_append(const struct skink *s, const struct mdir *m, const struct plan *p) {
    return m->off != 0 && m->off + p->append_bytes + COMMIT_END_SIZE <= s->io.block_size &&
           p->count + CHANGE_EDITS < TAG_NO_ID && p->bytes <= mdir_bytes_max(&s->io);
}

static void put_edits(struct skink *s, struct commit *commit, const struct change *c) {
    for (uint32_t i = 0; i < c->count; i++) {
        const struct edit *e = &c->edits[i];
        switch (e->kind) {
        case EDIT_CREATE:
            commit_put(commit, tag_make(TAG_CREATE, e->id, 0), NULL);
            commit_entry(commit, e->id, &e->item, &s->patches);
            break;
        case EDIT_VALUE: {
            /* what stands there now, unless an earlier edit of this change moved it: those only create */
            const struct entry *old = c->pair->entries[e->id];
            commit_value(commit, e->id, &e->item, old->has_time, &s->patches);
            break;
        }
        case EDIT_ATTR: {
            struct attr *a = entry_attr(e->item.entry, e->attr);
            if (a != NULL) {
                commit_attr(commit, e->id, a, NULL, &s->patches);
            } else {
                commit_put(commit, tag_make(TAG_ATTR + e->attr, e->id, TAG_GONE), NULL);
            }
            break;
        }
        default:
            commit_put(commit, tag_make(TAG_DELETE, e->id, 0), NULL);
            break;
        }
    }
}

static int append(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    struct commit commit;
    commit_more(&commit, &s->io, s->new_bytes, m->pair[0], m->off, m->etag);
    put_edits(s, &commit, c);
    if (c->retail) {
        commit_tail(&commit, p->tail, p->hard);
    }
    if (memcmp(&p->share, &m->share, sizeof(p->share)) != 0) {
        commit_share(&commit, &p->share);
    }
    int code = commit_finish(&commit, s->super.minor > 0);
    if (code == SKINK_OK) {
        code = io_sync(&s->io); /* the commit point */
    }
    if (code == IO_BAD_BLOCK) {
        m->off = 0; /* the pair's other block may do */
        return code;
    }
    if (code != SKINK_OK) {
        return store_commit_failed(s, code);
    }
    m->off = commit.off;
    m->etag = commit.etag;
    publish(s, c, p);
    return SKINK_OK;
}

/* --- rewriting and splitting --------------------------------------------------------------------- */

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

/* Half a block and 254 entries: room to grow before the next rewrite. */
static bool fits_well(const struct skink *s, const struct plan *p, uint32_t from, uint32_t to) {
    uint32_t half = round_up(s->io.block_size / 2, s->io.prog_size);
    uint32_t limit = min_u32(half, mdir_bytes_max(&s->io));
    return to - from < 0xff && items_bytes(p->items, from, to) <= limit;
}

/* Where the last part of entries [0, end) begins that is to have a pair of its own; 0: no more parts. */
static uint32_t last_part(const struct skink *s, const struct plan *p, uint32_t end) {
    uint32_t from = 0;
    while (end - from > 1 && !fits_well(s, p, from, end)) {
        from += (end - from) / 2;
    }
    return from;
}

/* The new pairs of a split, the last one first; not yet on the thread. */
struct split {
    struct mdir *first; /* linked by next, in thread order */
    uint32_t count;     /* pairs */
    uint32_t keep;      /* entries that stay in the old pair */
    struct block_list blocks;
};

static void split_undo(struct skink *s, struct split *split) {
    for (size_t i = 0; i < split->blocks.count; i++) {
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

/* Writes entries [from, to) as a new pair in front of those already split off. */
static int split_off(struct skink *s, const struct plan *p, struct split *split, uint32_t from, uint32_t to) {
    struct mdir *m;
    struct mdir *behind = split->first;
    struct state state = {p->items + from, to - from, {p->tail[0], p->tail[1]}, p->hard, {0, {0, 0}}};
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
    code = io_reserve(&s->io, &m->entries, &m->capacity, to - from, sizeof(m->entries[0]));
    if (code != SKINK_OK) {
        return code;
    }
    for (uint32_t i = from; i < to; i++) {
        m->entries[m->count++] = p->items[i].entry;
    }
    m->bytes = items_bytes(p->items, from, to);
    return SKINK_OK;
}

/* Splits off what does not fit well. With no block left for that, all stays in the old pair if it can. */
static int split_make(struct skink *s, const struct change *c, const struct plan *p, struct split *split) {
    int code = SKINK_OK;
    split->keep = p->count;
    while (code == SKINK_OK) {
        uint32_t from = last_part(s, p, split->keep);
        if (from == 0) {
            break;
        }
        code = split_off(s, p, split, from, split->keep);
        split->keep = from;
    }
    if (code == SKINK_OK && split->count > 0) {
        code = c->pair->dir != NULL ? dir_reserve(&s->io, c->pair->dir, split->count) : SKINK_OK;
        if (code == SKINK_OK) {
            code = io_sync(&s->io); /* before anything points at the new pairs */
        }
    }
    if (code != SKINK_OK) {
        split_undo(s, split);
        if (code == SKINK_NO_SPACE && p->bytes <= mdir_bytes_max(&s->io)) {
            *split = (struct split){NULL, 0, p->count, {NULL, 0, 0}};
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
        if (m->dir != NULL) {
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

static int rewrite(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    struct split split = {NULL, 0, 0, {NULL, 0, 0}};
    struct rewritten end;
    int code = pair_load_bytes(s, m);
    if (code == SKINK_OK) {
        code = split_make(s, c, p, &split);
    }
    if (code != SKINK_OK) {
        return code;
    }
    struct state state = {p->items, split.keep, {p->tail[0], p->tail[1]}, p->hard, p->share};
    if (split.first != NULL) {
        memcpy(state.tail, split.first->pair, sizeof(state.tail));
        state.hard = true;
    }
    code = mdir_rewrite(&s->io, m->pair[1], m->rev + 1, &state, s->new_bytes, s->super.minor > 0, &s->patches,
                        &end);
    if (code == SKINK_OK) {
        code = io_sync(&s->io); /* the commit point */
    }
    if (code != SKINK_OK) {
        split_undo(s, &split);
        return store_commit_failed(s, code);
    }
    uint32_t current = m->pair[1];
    m->pair[1] = m->pair[0];
    m->pair[0] = current;
    m->rev++;
    m->off = end.off;
    m->etag = end.etag;
    m->renumbered = false;
    publish(s, c, p);
    memcpy(m->tail, state.tail, sizeof(m->tail));
    m->hard = state.hard;
    split_publish(s, m, &split);
    return SKINK_OK;
}

/* --- dropping ------------------------------------------------------------------------------------ */

static bool may_drop(const struct mdir *m, const struct plan *p) {
    return p->count == 0 && m->count > 0 && m->prev != NULL && m->prev->hard && m->dir != NULL;
}

/* The pair goes with its last entry: its predecessor takes its tail and its share in one commit. */
static int drop(struct skink *s, struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    struct change above;
    change_init(&above, s, m->prev);
    change_tail(&above, c->retail ? c->next : m->next, p->hard);
    above.gstate = c->gstate;
    above.taken = c->taken;
    gstate_xor(&above.taken, &m->share);
    int code = change_commit(s, &above);
    if (code != SKINK_OK) {
        return code;
    }
    dir_remove(m->dir, dir_position(m->dir, m)); /* only now: the commit may have split the predecessor */
    for (uint32_t i = 0; i < c->count; i++) {
        publish_edit(s, m, &c->edits[i]);
    }
    thread_remove(m);
    blocks_free(&s->blocks, m->pair[0]);
    blocks_free(&s->blocks, m->pair[1]);
    mdir_free(&s->io, m);
    return SKINK_OK;
}

/* --- the whole ----------------------------------------------------------------------------------- */

static int reserve(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    size_t patches = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        patches += entry_patches(p->items[i].entry);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        patches += c->edits[i].kind != EDIT_DELETE ? entry_patches(c->edits[i].item.entry) : 0;
    }
    s->patches.count = 0;
    int code = patch_reserve(&s->io, &s->patches, patches);
    return code != SKINK_OK ? code
                            : io_reserve(&s->io, &m->entries, &m->capacity, (size_t)m->count + c->count,
                                         sizeof(m->entries[0]));
}

/* One try. IO_BAD_BLOCK: nothing has changed, and the pair needs another block, or only another try. */
static int commit_once(struct skink *s, struct change *c) {
    struct plan p;
    int code = plan_make(s, c, &p);
    if (code != SKINK_OK) {
        return code;
    }
    code = reserve(s, c, &p);
    if (code == SKINK_OK) {
        if (may_drop(c->pair, &p)) {
            code = drop(s, c, &p);
        } else if (may_append(s, c->pair, &p)) {
            code = append(s, c, &p);
        } else {
            code = rewrite(s, c, &p);
        }
    }
    for (uint32_t i = 0; i < c->count && code != SKINK_OK; i++) {
        if (c->edits[i].kind == EDIT_VALUE) {
            c->edits[i].item.entry->attrs = NULL; /* they stay the old entry's */
        }
    }
    s->patches.count = 0;
    io_free(&s->io, p.items);
    return code;
}

int change_commit(struct skink *s, struct change *c) {
    int code = s->broken ? SKINK_IO : IO_BAD_BLOCK;
    while (code == IO_BAD_BLOCK) {
        bool appends = c->pair->off != 0;
        code = commit_once(s, c);
        if (code == IO_BAD_BLOCK && !(appends && c->pair->off == 0)) {
            int moved = pair_relocate(s, c->pair);
            code = moved == SKINK_OK ? IO_BAD_BLOCK : moved;
        }
    }
    return code;
}
