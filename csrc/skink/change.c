/* SPDX-License-Identifier: ISC
 *
 * change.c: one change to one pair, made durable by one commit: appended, or the pair rewritten, or split,
 * or dropped because nothing is left in it. docs/design.md, "The commit point".
 */
#include <string.h>

#include "plan.h"

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

void change_gone(struct change *c, const struct place *at) {
    c->gone_pair = at->pair;
    c->gone_entry = at->entry;
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

/* --- appending ----------------------------------------------------------------------------------- */

static bool may_append(const struct skink *s, const struct mdir *m, const struct plan *p) {
    return m->off != 0 && m->off + p->append_bytes + COMMIT_END_SIZE <= s->io.block_size &&
           p->count + CHANGE_EDITS < TAG_NO_ID && p->bytes <= mdir_bytes_max(&s->io);
}

static void put_attr(struct skink *s, struct commit *commit, const struct edit *e) {
    struct attr *a = entry_attr(e->item.entry, e->attr);
    if (a != NULL) {
        commit_attr(commit, e->id, a, NULL, &s->patches);
    } else {
        commit_put(commit, tag_make(TAG_ATTR + e->attr, e->id, TAG_GONE), NULL);
    }
}

static void put_edit(struct skink *s, struct commit *commit, const struct change *c, uint32_t i) {
    const struct edit *e = &c->edits[i];
    switch (e->kind) {
    case EDIT_CREATE:
        commit_put(commit, tag_make(TAG_CREATE, e->id, 0), NULL);
        commit_entry(commit, e->id, &e->item, &s->patches);
        break;
    case EDIT_VALUE:
        commit_value(commit, e->id, &e->item, plan_old_entry(c, i)->has_time, &s->patches);
        break;
    case EDIT_ATTR:
        put_attr(s, commit, e);
        break;
    default:
        commit_put(commit, tag_make(TAG_DELETE, e->id, 0), NULL);
        break;
    }
}

int change_seal(struct skink *s, struct mdir *m, struct commit *commit) {
    int code = commit_finish(commit, s->super.minor > 0);
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
    m->off = commit->off;
    m->etag = commit->etag;
    return SKINK_OK;
}

static int append(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    struct commit commit;
    commit_more(&commit, &s->io, s->new_bytes, m->pair[0], m->off, m->etag);
    for (uint32_t i = 0; i < c->count; i++) {
        put_edit(s, &commit, c, i);
    }
    if (c->retail) {
        commit_tail(&commit, p->tail, p->hard);
    }
    if (memcmp(&p->share, &m->share, sizeof(p->share)) != 0) {
        commit_share(&commit, &p->share);
    }
    int code = change_seal(s, m, &commit);
    if (code == SKINK_OK) {
        plan_publish(s, c, p);
    }
    return code;
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
    size_t at = dir_position(m->dir, m); /* only now: the commit may have split the predecessor */
    if (m->dir->pairs[at] == m) {
        dir_remove(m->dir, at); /* else it held nothing with a name */
    }
    for (uint32_t i = 0; i < c->count; i++) {
        plan_publish_edit(s, m, &c->edits[i]);
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
    s->patches.count = 0;
    int code = patch_reserve(&s->io, &s->patches, p->append_patches);
    return code != SKINK_OK ? code : mdir_reserve(&s->io, m, (size_t)m->count + c->count);
}

/* Puts the entry that is to be gone into the global state. A try before this one may have moved it: into a
 * pair split off its own. */
static void name_gone(struct change *c) {
    for (struct mdir *m = c->gone_pair; m != NULL; m = m->hard ? m->next : NULL) {
        for (uint32_t id = 0; id < m->count; id++) {
            if (m->entries[id] == c->gone_entry) {
                c->gone_pair = m;
                gstate_set_move(&c->gstate, id, m->pair);
                return;
            }
        }
    }
}

static int commit_in_pair(struct skink *s, const struct change *c, const struct plan *p) {
    return may_append(s, c->pair, p) ? append(s, c, p) : change_rewrite(s, c, p);
}

/* One try. IO_BAD_BLOCK: nothing has changed, and the pair needs another block, or only another try. */
static int commit_once(struct skink *s, struct change *c) {
    struct plan p;
    if (c->gone_entry != NULL) {
        name_gone(c);
    }
    plan_make(s, c, &p);
    int code = reserve(s, c, &p);
    if (code == SKINK_OK) {
        if (may_drop(c->pair, &p)) {
            code = drop(s, c, &p);
        } else if (change_extends(s, c, &p)) {
            code = change_extend(s, c, &p);
            code = code == SKINK_NO_SPACE ? commit_in_pair(s, c, &p) : code;
        } else {
            code = commit_in_pair(s, c, &p);
        }
    }
    if (code == SKINK_OK && c->gone_entry != NULL) {
        c->gone_entry->hidden = true;
    }
    for (uint32_t i = 0; i < c->count && code != SKINK_OK; i++) {
        if (c->edits[i].kind == EDIT_VALUE) {
            c->edits[i].item.entry->attrs = NULL; /* they stay the old entry's */
        }
    }
    s->patches.count = 0;
    return code;
}

/* Ids that go into the global state must be those on the device. */
static int settle_ids(struct skink *s, struct mdir *m) {
    struct change rewrite;
    if (m == NULL || !m->renumbered) {
        return SKINK_OK;
    }
    change_init(&rewrite, s, m);
    return change_commit(s, &rewrite);
}

int change_commit(struct skink *s, struct change *c) {
    int code = settle_ids(s, c->gone_pair);
    if (code != SKINK_OK) {
        return code;
    }
    code = s->broken ? SKINK_IO : IO_BAD_BLOCK;
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
