/* SPDX-License-Identifier: ISC
 *
 * remove.c: taking a value, or a dictionary with all below it, away in one atomic step.
 *
 * One commit deletes the entry: from then on nothing of it can be reached. A dictionary's pairs lie on the
 * thread in one run or several. A run right behind the pair with the entry leaves the thread in the same
 * commit. So may a run elsewhere, where littlefs could not repair what else a power cut would leave: the commit
 * is then to the pair in front of the run, and the entry goes by a pending deletion. For runs that are left
 * the commit raises the orphan flag, and more commits follow. Where littlefs could not repair what is left
 * whichever run goes first, the dictionary is condemned: see condemn.c.
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

/* Marks the dictionaries of the run behind a pair as gone from the thread. */
static void pass_run(const struct mdir *run, const struct victims *v) {
    for (size_t i = 0; i < v->count; i++) {
        v->dirs[i]->passed = false;
    }
    for (const struct mdir *m = run != NULL ? run->next : NULL; m != NULL && m->orphan; m = m->next) {
        m->dir->passed = true;
    }
}

/* Whether littlefs would repair the thread rightly if a power cut came when the entry and the run behind `run`
 * (NULL: none) are gone. It goes along the thread and takes off each dictionary that has no parent on it by
 * then: a child that comes in front of its parent would stay. Of a dictionary of several pairs it takes off
 * the first, and hangs the others onto the dictionary in front. */
static bool littlefs_copes(struct skink *s, const struct mdir *run, const struct victims *v) {
    pass_run(run, v);
    for (const struct mdir *m = s->thread; m != NULL; m = m->next) {
        if (m->orphan && !m->dir->passed) {
            if (m->hard || (m->dir != v->dirs[0] && !m->dir->parent->passed)) {
                return false;
            }
            m->dir->passed = true;
        }
    }
    return true;
}

/* Whether the run behind m holds the dictionary, or, where none is named, one of more than one pair. */
static bool run_holds(const struct mdir *m, const struct dir *d) {
    for (m = m->next; m != NULL && m->orphan; m = m->next) {
        if (d != NULL ? m->dir == d : m->hard) {
            return true;
        }
    }
    return false;
}

/* Behind which pair the run lies. */
static struct mdir *find_run(struct skink *s, const struct dir *d) {
    struct mdir *m = store_find_run(s->thread);
    while (m != NULL && !run_holds(m, d)) {
        m = store_find_run(m->next);
    }
    return m;
}

/* The run, by the pair in front of it, that leaves the thread with the commit that deletes the entry: best one
 * right behind the entry's own pair, which takes one commit, or none; else one that littlefs would not know how
 * to take off. False: whichever goes, littlefs would not cope with the others. */
static bool choose_run(struct skink *s, struct mdir *entry_pair, const struct victims *v,
                       struct mdir **ret_run) {
    bool behind = entry_pair->next != NULL && entry_pair->next->orphan;
    struct mdir *tries[] = {behind ? entry_pair : NULL, NULL, find_run(s, v->dirs[0]), find_run(s, NULL)};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        if (littlefs_copes(s, tries[i], v)) {
            *ret_run = tries[i];
            return true;
        }
    }
    return false;
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

/* The commit point and what follows, by way of runs. */
static int delete_entry(struct skink *s, const struct place *at, struct victims *v, struct mdir *run) {
    struct change c;
    struct mdir *in_front = at->pair->prev; /* the pair itself goes if this is its last entry */
    bool drops = at->pair->count == 1 && in_front != NULL && in_front->hard && at->pair->dir != NULL;
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

static void free_values(struct skink *s, const struct victims *v) {
    for (size_t i = 0; i < v->blocks.count; i++) {
        blocks_free(&s->blocks, v->blocks.list[i]);
    }
}

static int add_pairs(struct skink *s, struct victims *v) {
    int code = SKINK_OK;
    for (size_t i = 0; i < v->count; i++) {
        struct mdir *last = dir_last(v->dirs[i]);
        for (struct mdir *m = v->dirs[i]->pairs[0]; m != NULL && code == SKINK_OK;) {
            code = block_list_add(&s->io, &v->blocks, m->pair[0]);
            code = code == SKINK_OK ? block_list_add(&s->io, &v->blocks, m->pair[1]) : code;
            m = m == last ? NULL : m->next;
        }
    }
    return code;
}

/* The same, one dictionary after another: condemn.c. */
static int condemn(struct skink *s, const struct place *at, struct victims *v) {
    int code = add_pairs(s, v);
    if (code == SKINK_OK) {
        code = condemn_entry(s, at, v->dirs, v->count);
    }
    if (code != SKINK_OK) {
        return code;
    }
    if (s->ready && store_drop_condemned(s) == SKINK_OK) {
        free_values(s, v);
    } else {
        s->ready = false; /* what is left is done before the next write */
        s->stale_map = true;
    }
    return SKINK_OK;
}

static int remove_dir(struct skink *s, const struct place *at, struct victims *v) {
    struct mdir *run;
    mark_orphans(v, true);
    if (!choose_run(s, at->pair, v, &run)) {
        mark_orphans(v, false);
        return condemn(s, at, v);
    }
    int code = delete_entry(s, at, v, run);
    if (code == SKINK_OK) {
        free_values(s, v);
    }
    return code;
}

static int remove_value(struct skink *s, const struct place *at, struct victims *v) {
    int code = delete_entry(s, at, v, NULL);
    if (code == SKINK_OK) {
        free_values(s, v);
    }
    return code;
}

static int remove_entry(struct skink *s, const struct place *at) {
    struct victims v = {{NULL, 0, 0}, NULL, 0, 0};
    int code = collect(s, at->entry, &v);
    if (code == SKINK_OK) {
        code = v.count > 0 ? remove_dir(s, at, &v) : remove_value(s, at, &v);
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
