/* SPDX-License-Identifier: ISC
 *
 * repair.c: what must be done before the first write: the superblock's version, a pending move, a thread
 * that names pairs by old addresses or passes pairs that nobody owns; then the map of free blocks.
 */
#include "bytes.h"
#include "store.h"

/* The disk says 2.0, and the writer is a writer of 2.1. */
static bool must_raise(const struct skink *s) {
    return s->super.minor == 0 && (s->flags & SKINK_OPEN_STAY_2_0) == 0;
}

static struct mdir *root_pair(const struct skink *s) {
    return s->root->pairs[0];
}

int store_put_superblock(struct skink *s, struct mdir *m, const struct superblock *super) {
    uint8_t fields[SUPERBLOCK_SIZE];
    struct change c;
    superblock_put(super, fields);
    struct entry *e = entry_new(&s->io, SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_SIZE, TAG_SUPERBLOCK);
    if (e == NULL) {
        return SKINK_NO_MEMORY;
    }
    e->form = FORM_INLINE;
    e->size = SUPERBLOCK_SIZE;
    entry_take_time(e, m->entries[0]);
    change_init(&c, s, m);
    change_value(&c, 0, &(struct item){e, fields, s->old_bytes});
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        entry_free(&s->io, e);
    }
    return code;
}

static int raise_version(struct skink *s) {
    struct superblock super = s->super;
    super.minor = 1;
    int code = store_put_superblock(s, root_pair(s), &super);
    if (code == SKINK_OK) {
        s->super = super;
    }
    return code;
}

/* --- moves --------------------------------------------------------------------------------------- */

/* Deletes the hidden entry of a pair. SKINK_NOT_FOUND: it has none. */
static int delete_hidden(struct skink *s, struct mdir *m) {
    for (uint32_t id = 0; id < m->count; id++) {
        if (m->entries[id]->hidden) {
            struct change c;
            change_init(&c, s, m);
            change_delete(&c, id);
            gstate_clear_move(&c.gstate);
            return change_commit(s, &c);
        }
    }
    return SKINK_NOT_FOUND;
}

static int finish_move(struct skink *s) {
    int code = SKINK_NOT_FOUND;
    if (!gstate_has_move(&s->gstate)) {
        return SKINK_OK; /* nothing is hidden */
    }
    for (struct mdir *m = s->thread; m != NULL && code == SKINK_NOT_FOUND; m = m->next) {
        code = delete_hidden(s, m);
        if (code == SKINK_OK) {
            break; /* there is one at most, and m may be gone */
        }
    }
    return code == SKINK_NOT_FOUND ? SKINK_OK : code;
}

void store_finish_gone(struct skink *s, const struct change *c) {
    s->ready = delete_hidden(s, c->gone_pair) == SKINK_OK;
}

/* --- the thread ---------------------------------------------------------------------------------- */

bool store_tail_is_right(const struct mdir *m) {
    return m->next != NULL ? pair_same(m->tail, m->next->pair) : pair_is_null(m->tail);
}

static bool has_hidden(const struct mdir *m) {
    for (uint32_t id = 0; id < m->count; id++) {
        if (m->entries[id]->hidden) {
            return true;
        }
    }
    return false;
}

/* Makes the tails on the device follow the thread in memory, the last first: what a tail is about to point
 * at is in order by then. This comes before a move is finished, since a block that the thread knows a pair by
 * may be the one that a commit to the pair erases; but a pair whose ids the pending move counts on waits. */
static int mend_tails(struct skink *s) {
    struct mdir *last = s->thread;
    while (last->next != NULL) {
        last = last->next;
    }
    for (struct mdir *m = last; m != NULL; m = m->prev) {
        if (!store_tail_is_right(m) && !has_hidden(m)) {
            struct change c;
            change_init(&c, s, m);
            change_tail(&c, m->next, m->hard && m->next != NULL && m->next->dir == m->dir);
            int code = change_commit(s, &c);
            if (code != SKINK_OK) {
                return code;
            }
        }
    }
    return SKINK_OK;
}

void store_plan_run(struct change *c, struct mdir *m) {
    struct mdir *end = m->next;
    while (end != NULL && end->orphan) {
        gstate_xor(&c->taken, &end->share);
        end = end->next;
    }
    change_tail(c, end, false);
}

void store_retire_run(struct skink *s, struct mdir *m) {
    while (m->hard && m->next != NULL && !m->next->orphan) {
        m = m->next; /* the commit may have split m: the run is behind its last part */
    }
    while (m->next != NULL && m->next->orphan) {
        struct mdir *gone = m->next;
        thread_remove(gone);
        blocks_free(&s->blocks, gone->pair[0]);
        blocks_free(&s->blocks, gone->pair[1]);
        mdir_free(&s->io, gone);
    }
}

static int drop_run(struct skink *s, struct mdir *m, bool last_run) {
    struct change c;
    change_init(&c, s, m);
    store_plan_run(&c, m);
    if (last_run) {
        gstate_set_orphans(&c.gstate, false);
    }
    int code = change_commit(s, &c);
    if (code == SKINK_OK) {
        store_retire_run(s, m);
    }
    return code;
}

struct mdir *store_find_run(struct mdir *m) {
    while (m != NULL && !(m->next != NULL && m->next->orphan)) {
        m = m->next;
    }
    return m;
}

bool store_last_run(struct mdir *m) {
    m = m->next;
    while (m != NULL && m->orphan) {
        m = m->next;
    }
    return store_find_run(m) == NULL;
}

int store_drop_orphans(struct skink *s) {
    struct mdir *m = s->thread;
    while ((m = store_find_run(m)) != NULL) {
        int code = drop_run(s, m, store_last_run(m));
        if (code != SKINK_OK) {
            return code;
        }
    }
    if (gstate_has_orphans(&s->gstate)) { /* nobody was there */
        struct change c;
        change_init(&c, s, root_pair(s));
        gstate_set_orphans(&c.gstate, false);
        return change_commit(s, &c);
    }
    return SKINK_OK;
}

/* --- the free map -------------------------------------------------------------------------------- */

static int map_value(const struct skink *s, const struct entry *e, struct blocks *map,
                     struct block_list *list) {
    list->count = 0;
    int code = ctz_collect_checked(&s->io, e->where, e->size, list);
    for (size_t i = 0; i < list->count && code == SKINK_OK; i++) {
        code = blocks_mark(map, list->list[i]);
    }
    return code;
}

static int map_pair(const struct skink *s, const struct mdir *m, struct blocks *map,
                    struct block_list *list) {
    int code = blocks_mark(map, m->pair[0]);
    if (code == SKINK_OK) {
        code = blocks_mark(map, m->pair[1]);
    }
    uint32_t count = m->orphan || mdir_is_condemned(m) ? 0 : m->count;
    for (uint32_t i = 0; i < count && code == SKINK_OK; i++) {
        if (m->entries[i]->form == FORM_CTZ && !m->entries[i]->hidden) {
            code = map_value(s, m->entries[i], map, list);
        }
    }
    return code;
}

/* Blocks that entries name which nobody can reach any more: they must not be used again while the entries are
 * there. None of it has to be sound. */
static int map_condemned(const struct skink *s, const struct mdir *m, struct blocks *map,
                         struct block_list *list) {
    for (uint32_t i = mdir_is_condemned(m) ? 0 : mdir_end(m); i < m->count; i++) {
        const struct entry *e = m->entries[i];
        list->count = 0;
        if (e->form == FORM_DIR) {
            (void)blocks_mark(map, e->where);
            (void)blocks_mark(map, e->size);
        } else if (e->form == FORM_CTZ) {
            int code = ctz_collect_checked(&s->io, e->where, e->size, list);
            if (code != SKINK_OK && code != SKINK_CORRUPT) {
                return code;
            }
        }
        for (size_t k = 0; k < list->count; k++) {
            (void)blocks_mark(map, list->list[k]);
        }
    }
    return SKINK_OK;
}

int store_map_blocks(const struct skink *s, struct blocks *ret_map) {
    struct block_list list = {NULL, 0, 0};
    struct blocks map;
    int code = blocks_init(&s->io, &map);
    if (code != SKINK_OK) {
        return code;
    }
    for (const struct mdir *m = s->thread; m != NULL && code == SKINK_OK; m = m->next) {
        code = map_pair(s, m, &map, &list);
    }
    for (const struct mdir *m = s->thread; m != NULL && code == SKINK_OK && s->nameless; m = m->next) {
        code = map_condemned(s, m, &map, &list);
    }
    block_list_release(&s->io, &list);
    if (code == SKINK_OK) {
        *ret_map = map;
    } else {
        blocks_release(&s->io, &map);
    }
    return code;
}

/* The map, made anew; what went bad stays in use. */
static int remap(struct skink *s) {
    struct blocks map;
    int code = store_map_blocks(s, &map);
    if (code != SKINK_OK) {
        return code;
    }
    map.bad = s->blocks.bad;
    map.cursor = s->blocks.cursor;
    s->blocks.bad = (struct block_list){NULL, 0, 0};
    for (size_t i = 0; i < map.bad.count; i++) {
        (void)blocks_mark(&map, map.bad.list[i]);
    }
    blocks_release(&s->io, &s->blocks);
    s->blocks = map;
    s->stale_map = false;
    return SKINK_OK;
}

/* --- the whole ----------------------------------------------------------------------------------- */

bool store_is_pending(const struct skink *s) {
    if (must_raise(s) || !gstate_is_zero(&s->gstate) || store_has_condemned(s)) {
        return true;
    }
    for (const struct mdir *m = s->thread; m != NULL; m = m->next) {
        if (m->orphan || !store_tail_is_right(m)) {
            return true;
        }
    }
    return false;
}

int store_make_ready(struct skink *s) {
    if (s->broken) {
        return SKINK_IO;
    }
    if (s->ready) {
        return SKINK_OK;
    }
    if (s->new_bytes == NULL) {
        s->new_bytes = io_alloc(&s->io, s->io.block_size);
        if (s->new_bytes == NULL) {
            return SKINK_NO_MEMORY;
        }
    }
    int code = s->blocks.bits == NULL ? store_map_blocks(s, &s->blocks) : SKINK_OK;
    if (code == SKINK_OK && s->stale_map) {
        code = remap(s);
    }
    if (code == SKINK_OK && must_raise(s)) {
        code = raise_version(s);
    }
    if (code == SKINK_OK) {
        code = mend_tails(s);
    }
    if (code == SKINK_OK) {
        code = finish_move(s);
    }
    if (code == SKINK_OK) {
        code = mend_tails(s); /* that of the move's pair, which hides nothing now */
    }
    if (code == SKINK_OK) {
        code = store_drop_orphans(s);
    }
    if (code == SKINK_OK && store_has_condemned(s)) {
        s->stale_map = true;
        code = store_drop_condemned(s);
        code = code == SKINK_OK ? remap(s) : code;
    }
    s->ready = code == SKINK_OK;
    return code;
}
