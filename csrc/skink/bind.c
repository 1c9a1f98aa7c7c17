/* SPDX-License-Identifier: ISC
 *
 * bind.c: the protocols by which a key gets an entry.
 *
 * Where the parent is there, one commit to one pair does it. Missing dictionaries are written bottom-up
 * into fresh pairs that nothing points at; they join the thread behind the parent's last pair. Where the
 * parent's entry goes into that last pair, one commit does both. Elsewhere two commits are needed, and in
 * between the new pairs are orphans, which the global state says.
 */
#include "bind.h"

#include <string.h>

void bind_name(const struct path *p, const char **ret_name, uint32_t *ret_len) {
    struct key rest = p->rest;
    *ret_name = p->name;
    *ret_len = p->name_len;
    while (key_next(&rest, ret_name, ret_len)) {
    }
}

/* --- a new subtree ------------------------------------------------------------------------------- */

/* Dictionaries that are not there yet, one inside the other, each with one entry. */
struct subtree {
    struct mdir *first; /* the outermost one's pair; linked by next */
    struct mdir *last;  /* the innermost one's */
    struct entry *top;  /* the outermost one's entry, for the parent that is there */
    struct block_list blocks;
};

/* Frees what was made, but not the innermost entry, which is the caller's. */
static void subtree_undo(struct skink *s, struct subtree *t) {
    for (size_t i = 0; i < t->blocks.count; i++) {
        blocks_free(&s->blocks, t->blocks.list[i]);
    }
    block_list_release(&s->io, &t->blocks);
    if (t->last != NULL) {
        t->last->count = 0;
    }
    while (t->first != NULL) {
        struct mdir *next = t->first->next;
        struct dir *d = t->first->dir;
        mdir_free(&s->io, t->first);
        if (d != NULL) {
            store_free_dir(s, d);
        }
        t->first = next;
    }
    if (t->top != NULL) {
        entry_free(&s->io, t->top);
    }
}

/* Around a new pair: the dictionary whose only pair it is, and the entry that names it. */
static int wrap_pair(struct skink *s, struct subtree *t, struct mdir *m, const char *name, uint32_t len) {
    struct dir *d = dir_new(&s->io, NULL, NULL);
    if (d == NULL) {
        return SKINK_NO_MEMORY;
    }
    store_add_dir(s, d);
    m->dir = d;
    int code = dir_reserve(&s->io, d, 1);
    if (code != SKINK_OK) {
        return code;
    }
    dir_insert(d, 0, m);
    t->top = entry_new(&s->io, name, len, TAG_DICTIONARY);
    if (t->top == NULL) {
        return SKINK_NO_MEMORY;
    }
    t->top->form = FORM_DIR;
    t->top->where = m->pair[0];
    t->top->size = m->pair[1];
    t->top->dir = d;
    d->entry = t->top;
    return SKINK_OK;
}

/* Writes one more dictionary, called name, around what there is so far. */
static int add_level(struct skink *s, struct subtree *t, const struct item *item, const uint32_t tail[2],
                     const char *name, uint32_t len) {
    struct mdir *m;
    struct state state = {item, 1, {tail[0], tail[1]}, false, {0, {0, 0}}};
    s->patches.count = 0;
    int code = patch_reserve(&s->io, &s->patches, entry_patches(item->entry));
    if (code == SKINK_OK) {
        code = pair_create(s, &state, &t->blocks, &m);
    }
    if (code != SKINK_OK) {
        return code;
    }
    patch_apply(&s->patches); /* nothing refers to the pair, so nothing is to be undone */
    m->next = t->first;
    t->first = m;
    if (t->last == NULL) {
        t->last = m;
    }
    code = mdir_reserve(&s->io, m, 1);
    if (code != SKINK_OK) {
        return code;
    }
    m->entries[m->count++] = item->entry;
    m->bytes = entry_bytes(item->entry);
    if (item->entry == t->top) {
        t->top = NULL; /* the pair has it now */
    }
    return wrap_pair(s, t, m, name, len);
}

/* The n-th of the missing names, p's own being number 0. */
static void missing_name(const struct path *p, uint32_t n, const char **ret_name, uint32_t *ret_len) {
    struct key rest = p->rest;
    *ret_name = p->name;
    *ret_len = p->name_len;
    while (n-- > 0) {
        (void)key_next(&rest, ret_name, ret_len);
    }
}

static uint32_t missing_count(const struct path *p) {
    struct key rest = p->rest;
    const char *name;
    uint32_t len;
    uint32_t n = 0;
    while (key_next(&rest, &name, &len)) {
        n++;
    }
    return n;
}

/* Writes the missing dictionaries, the innermost first, and syncs. */
static int subtree_make(struct skink *s, const struct path *p, const struct item *item, struct subtree *t) {
    const struct mdir *parent_last = dir_last(p->dir);
    uint32_t tail[2] = {parent_last->tail[0], parent_last->tail[1]};
    struct item level = *item;
    int code = SKINK_OK;
    for (uint32_t n = missing_count(p); n > 0 && code == SKINK_OK; n--) {
        const char *name;
        uint32_t len;
        missing_name(p, n - 1, &name, &len);
        code = add_level(s, t, &level, tail, name, len);
        if (code == SKINK_OK) {
            level = (struct item){t->top, NULL, NULL};
            memcpy(tail, t->first->pair, sizeof(tail));
        }
    }
    return code == SKINK_OK ? io_sync(&s->io) : code;
}

/* The new pairs become dictionaries like others. */
static void subtree_publish(struct skink *s, struct subtree *t, struct dir *parent) {
    struct mdir *before = dir_last(parent);
    struct dir *outer = parent;
    struct mdir *m = t->first;
    bool linked = before->next == m;
    while (m != NULL) {
        struct mdir *next = m == t->last ? NULL : m->next;
        if (!linked) {
            thread_insert(before, m);
        }
        m->orphan = false;
        m->dir->parent = outer;
        outer = m->dir;
        before = m;
        m = next;
    }
    block_list_release(&s->io, &t->blocks);
}

/* --- the commits --------------------------------------------------------------------------------- */

/* The entry's new home and what goes with it, in one commit to the pair where the name belongs. */
struct step {
    struct dir *dir;
    struct item item;
    const struct origin *from;
    struct subtree *tree; /* NULL: no dictionary is missing */
    bool tree_linked;     /* it is on the thread already */
};

/* The id that a deletion must name after the edits before it. */
static uint32_t shifted(uint32_t id, const struct place *at, bool replaced) {
    if (replaced && at->id < id) {
        id--;
    }
    return at->id <= id ? id + 1 : id;
}

static void plan_origin(struct change *c, const struct place *at, const struct place *source) {
    if (source->pair == at->pair) {
        change_delete(c, shifted(source->id, at, at->entry != NULL));
    } else {
        change_gone(c, source);
    }
}

static void plan_step(struct change *c, const struct step *step, const struct place *at,
                      const struct place *source) {
    if (at->entry != NULL && step->from == NULL) {
        change_value(c, at->id, &step->item);
    } else {
        if (at->entry != NULL) {
            change_delete(c, at->id);
        }
        change_create(c, at->id, &step->item);
    }
    if (step->from != NULL) {
        plan_origin(c, at, source);
    }
    if (step->tree != NULL) {
        if (step->tree_linked) {
            gstate_set_orphans(&c->gstate, false);
        } else {
            change_tail(c, step->tree->first, false);
        }
    }
}

static int commit_step(struct skink *s, struct step *step) {
    struct place at;
    struct place source = {NULL, 0, NULL};
    struct change c;
    const struct entry *e = step->item.entry;
    dir_find(step->dir, e->name, e->name_len, &at);
    if (step->from != NULL) {
        dir_find(step->from->dir, step->from->name, step->from->name_len, &source);
    }
    change_init(&c, s, at.pair);
    plan_step(&c, step, &at, &source);
    int code = change_commit(s, &c);
    if (code == SKINK_OK && step->tree != NULL) {
        subtree_publish(s, step->tree, step->dir);
    }
    if (code == SKINK_OK && c.gone_entry != NULL) {
        store_finish_gone(s, &c);
    }
    return code;
}

/* --- linking a subtree --------------------------------------------------------------------------- */

/* The first of two commits: the new pairs join the thread as orphans. */
static int link_orphans(struct skink *s, struct step *step) {
    struct change c;
    struct mdir *last = dir_last(step->dir);
    change_init(&c, s, last);
    change_tail(&c, step->tree->first, false);
    gstate_set_orphans(&c.gstate, true);
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        return code;
    }
    struct mdir *before = dir_last(step->dir); /* the commit may have split it */
    struct mdir *m = step->tree->first;
    while (m != NULL) {
        struct mdir *next = m->next;
        m->orphan = true;
        thread_insert(before, m);
        before = m;
        m = next;
    }
    step->tree_linked = true;
    return SKINK_OK;
}

/* Takes the new pairs off the thread again after the second commit failed. They are freed with that. */
static int unlink_orphans(struct skink *s, struct step *step, int cause) {
    struct subtree *t = step->tree;
    t->last->count = 0; /* the innermost entry stays the caller's */
    for (struct mdir *m = t->first; m != NULL; m = m == t->last ? NULL : m->next) {
        store_free_dir(s, m->dir);
        m->dir = NULL;
    }
    entry_free(&s->io, t->top);
    block_list_release(&s->io, &t->blocks);
    *t = (struct subtree){NULL, NULL, NULL, {NULL, 0, 0}};
    if (!s->broken) {
        s->ready = store_drop_orphans(s) == SKINK_OK;
    }
    return cause;
}

/* A dictionary that moved has a new entry and a new parent. */
static void own_dir(struct entry *e, struct dir *parent) {
    if (e->dir != NULL) {
        e->dir->entry = e;
        e->dir->parent = parent;
    }
}

static int bind_below_missing(struct skink *s, struct path *p, const struct item *item,
                              const struct origin *from) {
    struct subtree t = {NULL, NULL, NULL, {NULL, 0, 0}};
    struct place at;
    int code = subtree_make(s, p, item, &t);
    if (code != SKINK_OK || t.top == NULL) {
        subtree_undo(s, &t);
        return code;
    }
    struct step step = {p->dir, {t.top, NULL, NULL}, from, &t, false};
    dir_find(p->dir, p->name, p->name_len, &at);
    if (at.pair != dir_last(p->dir)) {
        code = link_orphans(s, &step);
    }
    if (code == SKINK_OK) {
        code = commit_step(s, &step);
    }
    if (code == SKINK_OK) {
        own_dir(item->entry, t.last->dir);
        return code;
    }
    if (step.tree_linked) {
        return unlink_orphans(s, &step, code);
    }
    subtree_undo(s, &t);
    return code;
}

int bind_entry(struct skink *s, struct path *p, const struct item *item, const struct origin *from) {
    if (!key_is_empty(p->rest)) {
        return bind_below_missing(s, p, item, from);
    }
    struct step step = {p->dir, *item, from, NULL, false};
    int code = commit_step(s, &step);
    if (code == SKINK_OK) {
        own_dir(item->entry, p->dir);
    }
    return code;
}
