/* SPDX-License-Identifier: ISC
 *
 * plan.c: what a change comes to, in sizes and in entries, before it is made; and in memory, after.
 */
#include "plan.h"

#include <string.h>

/* --- before -------------------------------------------------------------------------------------- */

struct entry *plan_old_entry(const struct change *c, uint32_t i) {
    uint32_t id = c->edits[i].id;
    while (i-- > 0) { /* undo the shifts of the edits before it */
        const struct edit *before = &c->edits[i];
        if (before->kind == EDIT_CREATE && before->id < id) {
            id--;
        } else if (before->kind == EDIT_DELETE && before->id <= id) {
            id++;
        }
    }
    return c->pair->entries[id];
}

static uint32_t struct_bytes(const struct entry *e) {
    if (e->form == FORM_EMPTY) {
        return 0;
    }
    return 4 + (e->form == FORM_INLINE ? e->size : 8);
}

static void plan_value(struct plan *p, struct entry *old, struct entry *new) {
    p->bytes -= entry_bytes(old);
    new->attrs = old->attrs;
    p->bytes += entry_bytes(new);
    p->append_bytes += struct_bytes(new) + (new->has_check ? 4 + ATTR_CHECK_SIZE : 0u);
    if (new->has_time || old->has_time) {
        p->append_bytes += 4 + (new->has_time ? ATTR_TIME_SIZE : 0u);
    }
}

static void plan_attr(struct plan *p, const struct entry *old, const struct edit *e) {
    const struct attr *a = entry_attr(e->item.entry, e->attr);
    p->bytes += entry_bytes(e->item.entry) - entry_bytes(old);
    p->append_bytes += 4 + (a != NULL ? a->length : 0u);
}

static void plan_edit(struct plan *p, const struct change *c, uint32_t i) {
    const struct edit *e = &c->edits[i];
    switch (e->kind) {
    case EDIT_CREATE:
        p->count++;
        p->bytes += entry_bytes(e->item.entry);
        p->append_bytes += 4 + entry_bytes(e->item.entry);
        break;
    case EDIT_VALUE:
        plan_value(p, plan_old_entry(c, i), e->item.entry);
        break;
    case EDIT_ATTR:
        plan_attr(p, plan_old_entry(c, i), e);
        break;
    default:
        p->count--;
        p->bytes -= entry_bytes(plan_old_entry(c, i));
        p->append_bytes += 4;
        break;
    }
    p->append_patches += e->kind != EDIT_DELETE ? entry_patches(e->item.entry) : 0;
}

static const uint32_t *pair_of(const struct mdir *m) {
    static const uint32_t none[2] = {BLOCK_NULL, BLOCK_NULL};
    return m != NULL ? m->pair : none;
}

void plan_make(const struct skink *s, const struct change *c, struct plan *ret_plan) {
    const struct mdir *m = c->pair;
    struct plan p;
    memset(&p, 0, sizeof(p));
    p.count = m->count;
    p.bytes = m->bytes;
    for (uint32_t i = 0; i < c->count; i++) {
        plan_edit(&p, c, i);
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
}

/* One edit on the list of entries. */
static void edit_items(struct item *items, uint32_t *count, const struct edit *e, const uint8_t *old_bytes) {
    switch (e->kind) {
    case EDIT_CREATE:
        memmove(items + e->id + 1, items + e->id, (*count - e->id) * sizeof(items[0]));
        items[e->id] = e->item;
        (*count)++;
        break;
    case EDIT_VALUE:
        items[e->id] = (struct item){e->item.entry, e->item.value_base, old_bytes};
        break;
    case EDIT_ATTR:
        items[e->id] = (struct item){e->item.entry, old_bytes, old_bytes};
        break;
    default:
        (*count)--;
        memmove(items + e->id, items + e->id + 1, (*count - e->id) * sizeof(items[0]));
        break;
    }
}

int plan_items(struct skink *s, const struct change *c, struct item **ret_items) {
    const struct mdir *m = c->pair;
    uint32_t count = m->count;
    size_t patches = 0;
    struct item *items = io_alloc(&s->io, ((size_t)count + CHANGE_EDITS) * sizeof(*items));
    if (items == NULL) {
        return SKINK_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct item){m->entries[i], s->old_bytes, s->old_bytes};
    }
    for (uint32_t i = 0; i < c->count; i++) {
        edit_items(items, &count, &c->edits[i], s->old_bytes);
    }
    for (uint32_t i = 0; i < count; i++) {
        patches += entry_patches(items[i].entry);
    }
    int code = patch_reserve(&s->io, &s->patches, patches);
    if (code != SKINK_OK) {
        io_free(&s->io, items);
        return code;
    }
    *ret_items = items;
    return SKINK_OK;
}

/* --- after --------------------------------------------------------------------------------------- */

void plan_publish_edit(struct skink *s, struct mdir *m, const struct edit *e) {
    struct entry *old = e->kind == EDIT_CREATE ? NULL : m->entries[e->id];
    switch (e->kind) {
    case EDIT_CREATE:
        memmove(m->entries + e->id + 1, m->entries + e->id, (m->count - e->id) * sizeof(m->entries[0]));
        m->entries[e->id] = e->item.entry;
        m->count++;
        m->nameless = m->nameless || e->item.entry->type == TAG_CONDEMNED;
        break;
    case EDIT_VALUE:
        old->attrs = NULL; /* the new entry has them */
        m->entries[e->id] = e->item.entry;
        if (e->item.entry->has_time) {
            entry_drop_attr(&s->io, e->item.entry, ATTR_TIME);
        }
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

void plan_publish(struct skink *s, const struct change *c, const struct plan *p) {
    struct mdir *m = c->pair;
    patch_apply(&s->patches);
    bool first = false; /* whether the first entry is another */
    for (uint32_t i = 0; i < c->count; i++) {
        bool value = c->edits[i].kind == EDIT_VALUE || c->edits[i].kind == EDIT_ATTR;
        first = first || (!value && c->edits[i].id <= mdir_first(m));
        plan_publish_edit(s, m, &c->edits[i]);
    }
    if (first) {
        dir_note_first(m);
    }
    m->bytes = p->bytes;
    m->share = p->share;
    memcpy(m->tail, p->tail, sizeof(m->tail));
    m->hard = p->hard;
    s->gstate = c->gstate;
}
