/* SPDX-License-Identifier: ISC
 *
 * remove.c: taking a value, or a dictionary with all below it, away in one atomic step.
 *
 * One commit deletes the entry: from then on nothing of it can be reached. A dictionary's pairs are still
 * on the thread then. Where they all lie right behind the pair with the entry, the same commit takes them
 * off; else it raises the orphan flag, and more commits follow.
 */
#include "path.h"

/* What goes with an entry. */
struct victims {
    struct block_list blocks; /* of values */
    struct dir **dirs;
    size_t count, capacity;
};

static int add_dir(struct skink *s, struct victims *v, struct dir *d) {
    int code = io_reserve(&s->io, &v->dirs, &v->capacity, v->count + 1, sizeof(struct dir *));
    if (code == SKINK_OK) {
        v->dirs[v->count++] = d;
    }
    return code;
}

static int add_entry(struct skink *s, struct victims *v, const struct entry *e) {
    if (e->dir != NULL) {
        return add_dir(s, v, e->dir);
    }
    return e->form == FORM_CTZ ? ctz_collect(&s->io, e->where, e->size, 0, &v->blocks) : SKINK_OK;
}

static int collect(struct skink *s, const struct entry *e, struct victims *v) {
    int code = add_entry(s, v, e);
    for (size_t i = 0; i < v->count && code == SKINK_OK; i++) {
        const struct dir *d = v->dirs[i];
        for (size_t k = 0; k < d->count && code == SKINK_OK; k++) {
            for (uint32_t id = 0; id < d->pairs[k]->count && code == SKINK_OK; id++) {
                code = add_entry(s, v, d->pairs[k]->entries[id]);
            }
        }
    }
    return code;
}

static void release(struct skink *s, struct victims *v) {
    block_list_release(&s->io, &v->blocks);
    io_free(&s->io, v->dirs);
}

/* Says of every pair of the dictionaries whether it is to leave the thread. */
static void mark_orphans(const struct victims *v, bool orphan) {
    for (size_t i = 0; i < v->count; i++) {
        struct mdir *last = dir_last(v->dirs[i]);
        for (struct mdir *m = v->dirs[i]->pairs[0]; m != NULL; m = m == last ? NULL : m->next) {
            m->orphan = orphan;
        }
    }
}

/* In memory, after the commit: the pairs are still on the thread and belong to nobody. */
static void forget_dirs(struct skink *s, struct victims *v) {
    for (size_t i = 0; i < v->count; i++) {
        struct mdir *last = dir_last(v->dirs[i]);
        for (struct mdir *m = v->dirs[i]->pairs[0]; m != NULL; m = m == last ? NULL : m->next) {
            m->dir = NULL;
        }
        store_free_dir(s, v->dirs[i]);
    }
}

/* One commit where one is enough. */
static int delete_entry(struct skink *s, const struct place *at, struct victims *v) {
    struct change c;
    struct mdir *in_front = at->pair->prev; /* the pair itself goes if this is its last entry */
    bool drops = at->pair->count == 1 && in_front != NULL && in_front->hard && at->pair->dir != NULL;
    change_init(&c, s, at->pair);
    change_delete(&c, at->id);
    struct mdir *before = v->count > 0 ? store_find_run(s->thread) : NULL;
    bool all_at_once = before == at->pair && store_last_run(before);
    if (all_at_once) {
        store_plan_run(&c, before);
    } else if (before != NULL) {
        gstate_set_orphans(&c.gstate, true);
    }
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        mark_orphans(v, false);
        return code;
    }
    forget_dirs(s, v);
    if (all_at_once) {
        store_retire_run(s, drops ? in_front : at->pair);
        return SKINK_OK;
    }
    if (before != NULL) {
        s->ready = store_drop_orphans(s) == SKINK_OK; /* else the rest is done before the next write */
    }
    return SKINK_OK;
}

static int remove_entry(struct skink *s, const struct place *at) {
    struct victims v = {{NULL, 0, 0}, NULL, 0, 0};
    int code = collect(s, at->entry, &v);
    if (code == SKINK_OK) {
        mark_orphans(&v, true);
        code = delete_entry(s, at, &v);
    }
    if (code == SKINK_OK) {
        for (size_t i = 0; i < v.blocks.count; i++) {
            blocks_free(&s->blocks, v.blocks.list[i]);
        }
    }
    release(s, &v);
    return code;
}

int skink_remove(struct skink *s, const char *key, size_t key_len) {
    struct path p;
    int code = store_writable(s);
    if (code == SKINK_OK) {
        code = path_find(s, key, key_len, &p);
    }
    if (code != SKINK_OK) {
        return code;
    }
    if (p.dir == NULL) {
        return SKINK_INVALID_KEY;
    }
    if (path_kind(&p) == SKINK_NONE) {
        return SKINK_OK;
    }
    code = store_make_ready(s);
    if (code == SKINK_OK) {
        dir_find(p.dir, p.name, p.name_len, &p.place); /* the repair may have moved it */
    }
    if (code == SKINK_OK && p.place.pair != NULL && p.place.entry != NULL) {
        code = remove_entry(s, &p.place);
    }
    return code;
}
