/* SPDX-License-Identifier: ISC
 *
 * condemn.c: taking away a dictionary that no single commit, and no repair of littlefs's, can take off the
 * thread as a whole.
 *
 * One commit takes its name away. An entry without a name is shown by neither engine, yet to littlefs it is
 * an entry: whatever hangs below it keeps its parent, its place on the thread and its blocks. Then the
 * dictionaries below leave the thread one by one, children before their parents, and at last the nameless
 * entry goes. A power cut in between leaves less of it, and still nothing without a parent. Blocks are free
 * again once all is gone: until then entries that nobody sees may name them.
 */
#include "path.h"

/* --- the commit point ---------------------------------------------------------------------------- */

/* The pair that gets the nameless entry: one of the root, which nobody can want to remove; if none has room, the
 * one where the name was. */
static struct mdir *find_home(struct skink *s, const struct place *at) {
    if (at->pair->dir == s->root) {
        return at->pair;
    }
    for (size_t i = 0; i < s->root->count; i++) {
        struct mdir *m = s->root->pairs[i];
        if (m->bytes + 4 + entry_bytes(at->entry) <= mdir_bytes_max(&s->io) && m->count < 0xff) {
            return m;
        }
    }
    return at->pair;
}

/* A pair that shows nothing any more is not searched. */
static void unlist(struct mdir *m) {
    size_t i = dir_index(m->dir, m);
    if (i > 0 && i < m->dir->count && mdir_end(m) == mdir_first(m)) {
        dir_remove(m->dir, i);
    }
}

int condemn_entry(struct skink *s, const struct place *at, struct dir *const *dirs, size_t count) {
    struct change c;
    struct dir *d = at->entry->dir;
    struct mdir *home = find_home(s, at);
    struct entry *nameless = entry_new(&s->io, "", 0, TAG_CONDEMNED);
    if (nameless == NULL) {
        return SKINK_NO_MEMORY;
    }
    nameless->form = FORM_DIR;
    nameless->where = at->entry->where;
    nameless->size = at->entry->size;
    nameless->dir = d;
    change_init(&c, s, home);
    if (home == at->pair) {
        change_delete(&c, at->id);
        change_create(&c, home->count - 1, &(struct item){nameless, NULL, NULL});
    } else {
        change_create(&c, home->count, &(struct item){nameless, NULL, NULL});
        change_gone(&c, at);
    }
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        entry_free(&s->io, nameless);
        return code;
    }
    s->nameless = true;
    d->entry = nameless;
    d->parent = home->dir;
    for (size_t i = 0; i < count; i++) {
        dirs[i]->condemned = true;
    }
    unlist(home);
    if (c.gone_entry != NULL) {
        store_finish_gone(s, &c);
    }
    return SKINK_OK;
}

/* --- and after ----------------------------------------------------------------------------------- */

/* Condemned dictionaries, each before those below it. */
struct condemned {
    struct dir **list;
    size_t count, capacity;
};

static int add(const struct io *io, struct condemned *all, struct dir *d) {
    int code = io_reserve(io, &all->list, &all->capacity, all->count + 1, sizeof(struct dir *));
    if (code == SKINK_OK) {
        all->list[all->count++] = d;
    }
    return code;
}

/* Those that a pair's entries name. */
static int add_below(const struct io *io, struct condemned *all, const struct mdir *m, uint32_t from) {
    int code = SKINK_OK;
    for (uint32_t id = from; id < m->count && code == SKINK_OK; id++) {
        struct dir *d = m->entries[id]->dir;
        code = d != NULL && d->condemned && d->entry == m->entries[id] ? add(io, all, d) : SKINK_OK;
    }
    return code;
}

static int find_condemned(const struct skink *s, struct condemned *all) {
    int code = SKINK_OK;
    for (const struct mdir *m = s->thread; m != NULL && code == SKINK_OK; m = m->next) {
        if (!mdir_is_condemned(m)) {
            code = add_below(&s->io, all, m, mdir_end(m));
        }
    }
    for (size_t i = 0; i < all->count && code == SKINK_OK; i++) {
        const struct mdir *last = dir_last(all->list[i]);
        for (const struct mdir *m = all->list[i]->pairs[0]; m != NULL && code == SKINK_OK;) {
            code = add_below(&s->io, all, m, 0);
            m = m == last ? NULL : m->next;
        }
    }
    return code;
}

/* In memory, after the commit that turned the tail past it. */
static void retire(struct skink *s, struct dir *d) {
    struct mdir *last = dir_last(d);
    struct mdir *m = d->pairs[0];
    while (m != NULL) {
        struct mdir *next = m == last ? NULL : m->next;
        thread_remove(m);
        mdir_free(&s->io, m);
        m = next;
    }
    d->entry->dir = NULL;
    store_free_dir(s, d);
}

/* Takes a dictionary with nothing below it off the thread. */
static int drop(struct skink *s, struct dir *d) {
    struct change c;
    struct mdir *last = dir_last(d);
    change_init(&c, s, d->pairs[0]->prev);
    for (const struct mdir *m = d->pairs[0]; m != last->next; m = m->next) {
        gstate_xor(&c.taken, &m->share);
    }
    change_tail(&c, last->next, false);
    int code = change_commit(s, &c);
    if (code == SKINK_OK) {
        retire(s, d);
    }
    return code;
}

/* The nameless entries themselves. */
static int drop_nameless(struct skink *s) {
    struct mdir *m = s->thread;
    while (m != NULL) {
        if (mdir_end(m) == m->count) {
            m = m->next;
            continue;
        }
        struct change c;
        change_init(&c, s, m);
        change_delete(&c, m->count - 1);
        int code = change_commit(s, &c);
        if (code != SKINK_OK) {
            return code;
        }
        m = s->thread; /* the pair may be gone, or in parts */
    }
    s->nameless = false;
    return SKINK_OK;
}

bool store_has_condemned(const struct skink *s) {
    const struct mdir *m = s->nameless ? s->thread : NULL;
    while (m != NULL && mdir_end(m) == m->count) {
        m = m->next;
    }
    return m != NULL;
}

int store_drop_condemned(struct skink *s) {
    struct condemned all = {NULL, 0, 0};
    int code = find_condemned(s, &all);
    for (size_t i = all.count; i > 0 && code == SKINK_OK; i--) {
        code = drop(s, all.list[i - 1]);
    }
    io_free(&s->io, all.list);
    return code == SKINK_OK ? drop_nameless(s) : code;
}
