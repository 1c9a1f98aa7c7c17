/* SPDX-License-Identifier: ISC
 *
 * remove.c: taking a value, or a dictionary with all below it, away in one atomic step.
 *
 * One commit deletes the entry: from then on nothing of it can be reached. A dictionary's pairs lie on the
 * thread in one run or several. A run right behind the pair with the entry leaves the thread in the same
 * commit. So does a run elsewhere that littlefs could not repair: one that holds a dictionary of several
 * pairs, since it takes the first of them off as an orphan and hangs the others onto the dictionary in
 * front, or a child in front of its parent. The commit is then to the pair in front of the run, and the
 * entry goes by a pending deletion. For runs that are left the commit raises the
 * orphan flag, and more commits follow.
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

/* Whether the run behind m holds a dictionary of more than one pair. */
static bool run_has_parts(const struct mdir *m) {
    for (m = m->next; m != NULL && m->orphan; m = m->next) {
        if (m->hard && m->next != NULL && m->next->orphan) {
            return true;
        }
    }
    return false;
}

/* Whether the thread comes to each removed dictionary behind its parent. Otherwise littlefs, which looks for
 * a dictionary's parent on the thread, would take a child for owned until its parent is gone, and then not
 * look again. */
static bool parents_first(struct skink *s, const struct victims *v) {
    bool in_order = true;
    for (size_t i = 0; i < v->count; i++) {
        v->dirs[i]->passed = false;
    }
    for (struct mdir *m = s->thread; m != NULL; m = m->next) {
        if (m->orphan && m->dir != NULL && m == m->dir->pairs[0]) {
            in_order = in_order && (m->dir == v->dirs[0] || m->dir->parent->passed);
            m->dir->passed = true;
        }
    }
    return in_order;
}

static bool run_holds(const struct mdir *m, const struct mdir *pair) {
    for (m = m->next; m != NULL && m->orphan; m = m->next) {
        if (m == pair) {
            return true;
        }
    }
    return false;
}

/* The run, by the pair in front of it, that leaves the thread with the commit that deletes the entry: one that
 * littlefs would not know how to take off; or one right behind the entry's own pair; or none. */
static struct mdir *choose_run(struct skink *s, const struct mdir *entry_pair, const struct victims *v) {
    struct mdir *chosen = NULL;
    bool in_order = parents_first(s, v);
    for (struct mdir *m = store_find_run(s->thread); m != NULL; m = store_find_run(m->next)) {
        if (run_has_parts(m)) {
            return m;
        }
        if (m == entry_pair ? in_order || chosen == NULL : !in_order && run_holds(m, v->dirs[0]->pairs[0])) {
            chosen = m;
        }
    }
    return chosen;
}

/* The commit point: the entry goes, in its own pair or, where the run's commit is to another pair, as a
 * pending deletion. */
static void plan_removal(struct change *c, struct skink *s, const struct place *at, struct mdir *run,
                         bool others) {
    if (run == NULL || run == at->pair) {
        change_init(c, s, at->pair);
        change_delete(c, at->id);
    } else {
        change_init(c, s, run);
        change_gone(c, at);
    }
    if (run != NULL) {
        store_plan_run(c, run);
    }
    if (others) {
        gstate_set_orphans(&c->gstate, true);
    }
}

static bool more_runs(struct skink *s, const struct mdir *run) {
    struct mdir *m = store_find_run(s->thread);
    return m != NULL && (m != run || !store_last_run(m));
}

static int delete_entry(struct skink *s, const struct place *at, struct victims *v) {
    struct change c;
    struct mdir *in_front = at->pair->prev; /* the pair itself goes if this is its last entry */
    bool drops = at->pair->count == 1 && in_front != NULL && in_front->hard && at->pair->dir != NULL;
    struct mdir *run = v->count > 0 ? choose_run(s, at->pair, v) : NULL;
    bool others = v->count > 0 && more_runs(s, run);
    plan_removal(&c, s, at, run, others);
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        mark_orphans(v, false);
        return code;
    }
    /* what fails from here on is done before the next write */
    forget_dirs(s, v);
    if (run != NULL) {
        store_retire_run(s, run == at->pair && drops ? in_front : run);
    }
    if (c.gone_entry != NULL) {
        store_finish_gone(s, &c);
    }
    if (others && s->ready) {
        s->ready = store_drop_orphans(s) == SKINK_OK;
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
