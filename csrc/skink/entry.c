/* SPDX-License-Identifier: ISC
 *
 * entry.c: one entry of a pair in memory, and as tags of a commit.
 */
#include <stddef.h>
#include <string.h>

#include "bytes.h"
#include "mdir.h"

struct entry *entry_new(const struct io *io, const char *name, uint32_t name_len, uint32_t type) {
    size_t size = offsetof(struct entry, name) + name_len; /* the name begins in front of the padding */
    struct entry *e = io_alloc(io, size > sizeof(*e) ? size : sizeof(*e));
    if (e != NULL) {
        memset(e, 0, sizeof(*e));
        e->type = (uint8_t)type;
        e->name_len = (uint16_t)name_len;
        e->form = FORM_EMPTY;
        if (name_len > 0) {
            memcpy(e->name, name, name_len);
        }
    }
    return e;
}

void entry_free(const struct io *io, struct entry *e) {
    if (e == NULL) {
        return;
    }
    for (struct attr *a = e->attrs; a != NULL;) {
        struct attr *next = a->next;
        io_free(io, a);
        a = next;
    }
    io_free(io, e);
}

static int copy_attrs(const struct io *io, const struct entry *from, struct entry *to) {
    struct attr **end = &to->attrs;
    for (const struct attr *a = from->attrs; a != NULL; a = a->next) {
        *end = io_alloc(io, sizeof(**end));
        if (*end == NULL) {
            return SKINK_NO_MEMORY;
        }
        **end = *a;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    return SKINK_OK;
}

void entry_take_time(struct entry *e, const struct entry *from) {
    e->has_time = from->has_time;
    e->days = from->days;
    e->picoseconds = from->picoseconds;
}

int entry_copy(const struct io *io, const struct entry *from, const char *name, uint32_t name_len,
               struct entry **ret_entry) {
    struct entry *e = entry_new(io, name, name_len, from->type);
    if (e == NULL) {
        return SKINK_NO_MEMORY;
    }
    e->dir = from->dir;
    entry_take_time(e, from);
    e->form = from->form;
    e->where = from->where;
    e->size = from->size;
    e->check = from->check;
    e->has_check = from->has_check;
    e->checked = from->checked;
    int code = copy_attrs(io, from, e);
    if (code != SKINK_OK) {
        entry_free(io, e);
        return code;
    }
    *ret_entry = e;
    return SKINK_OK;
}

struct attr *entry_attr(const struct entry *e, uint32_t type) {
    struct attr *a = e->attrs;
    while (a != NULL && a->type != type) {
        a = a->next;
    }
    return a;
}

void entry_drop_attr(const struct io *io, struct entry *e, uint32_t type) {
    for (struct attr **link = &e->attrs; *link != NULL; link = &(*link)->next) {
        if ((*link)->type == type) {
            struct attr *gone = *link;
            *link = gone->next;
            io_free(io, gone);
            return;
        }
    }
}

/* Another program may have put something else under the timestamp's type: it goes when there is a timestamp. */
static bool attr_counts(const struct entry *e, const struct attr *a) {
    return !(a->type == ATTR_TIME && e->has_time);
}

uint32_t entry_attr_bytes(const struct entry *e) {
    uint32_t bytes = 0;
    for (const struct attr *a = e->attrs; a != NULL; a = a->next) {
        bytes += attr_counts(e, a) ? 4u + a->length : 0;
    }
    return bytes;
}

uint32_t entry_bytes(const struct entry *e) {
    uint32_t bytes = 4u + e->name_len;
    if (e->form == FORM_INLINE) {
        bytes += 4 + e->size;
    } else if (e->form != FORM_EMPTY) {
        bytes += 4 + 8;
    }
    if (e->has_time) {
        bytes += 4 + ATTR_TIME_SIZE;
    }
    if (e->has_check) {
        bytes += 4 + ATTR_CHECK_SIZE;
    }
    return bytes + entry_attr_bytes(e);
}

int name_compare(const char *a, uint32_t a_len, const char *b, uint32_t b_len) {
    int order = memcmp(a, b, min_u32(a_len, b_len));
    return order != 0 ? order : (a_len < b_len) - (a_len > b_len);
}

int patch_reserve(const struct io *io, struct patches *p, size_t more) {
    return io_reserve(io, &p->list, &p->capacity, p->count + more, sizeof(p->list[0]));
}

void patch_apply(struct patches *p) {
    for (size_t i = 0; i < p->count; i++) {
        *p->list[i].slot = p->list[i].value;
    }
    p->count = 0;
}

size_t entry_patches(const struct entry *e) {
    size_t n = e->form == FORM_INLINE ? 1 : 0;
    for (const struct attr *a = e->attrs; a != NULL; a = a->next) {
        n++;
    }
    return n;
}

/* Behind the struct: a checksum in front of it is of an earlier value. */
static void put_check(struct commit *c, uint32_t id, const struct entry *e) {
    uint8_t bytes[ATTR_CHECK_SIZE];
    put_le32(bytes, e->where);
    put_le32(bytes + 4, e->size);
    put_le32(bytes + 8, e->check);
    commit_put(c, tag_make(TAG_ATTR + ATTR_CHECK, id, ATTR_CHECK_SIZE), bytes);
}

static void put_struct(struct commit *c, uint32_t id, const struct item *item, struct patches *p) {
    struct entry *e = item->entry;
    uint8_t pointer[8];
    put_le32(pointer, e->where);
    put_le32(pointer + 4, e->size);
    switch (e->form) {
    case FORM_INLINE: {
        uint32_t at = commit_put(c, tag_make(TAG_INLINE, id, e->size), item->value_base + e->where);
        p->list[p->count++] = (struct patch){&e->where, at};
        break;
    }
    case FORM_CTZ:
        commit_put(c, tag_make(TAG_CTZ, id, 8), pointer);
        break;
    case FORM_DIR:
        commit_put(c, tag_make(TAG_DIRSTRUCT, id, 8), pointer);
        break;
    default:
        break;
    }
    if (e->has_check) {
        put_check(c, id, e);
    }
}

static void put_time(struct commit *c, uint32_t id, const struct entry *e) {
    uint8_t bytes[ATTR_TIME_SIZE];
    put_le32(bytes, e->days);
    put_le64(bytes + 4, e->picoseconds);
    commit_put(c, tag_make(TAG_ATTR + ATTR_TIME, id, ATTR_TIME_SIZE), bytes);
}

void commit_attr(struct commit *c, uint32_t id, struct attr *a, const uint8_t *base, struct patches *p) {
    const uint8_t *bytes = a->bytes != NULL ? a->bytes : base + a->off;
    uint32_t at = commit_put(c, tag_make(TAG_ATTR + (uint32_t)a->type, id, a->length), bytes);
    p->list[p->count++] = (struct patch){&a->off, at};
}

void commit_entry(struct commit *c, uint32_t id, const struct item *item, struct patches *p) {
    struct entry *e = item->entry;
    commit_put(c, tag_make(e->type, id, e->name_len), e->name);
    put_struct(c, id, item, p);
    if (e->has_time) {
        put_time(c, id, e);
    }
    for (struct attr *a = e->attrs; a != NULL; a = a->next) {
        if (attr_counts(e, a)) {
            commit_attr(c, id, a, item->attr_base, p);
        }
    }
}

void commit_value(struct commit *c, uint32_t id, const struct item *item, bool had_time, struct patches *p) {
    put_struct(c, id, item, p);
    if (item->entry->has_time) {
        put_time(c, id, item->entry);
    } else if (had_time) {
        commit_put(c, tag_make(TAG_ATTR + ATTR_TIME, id, TAG_GONE), NULL);
    }
}

void commit_tail(struct commit *c, const uint32_t tail[2], bool hard) {
    uint8_t bytes[8];
    put_le32(bytes, tail[0]);
    put_le32(bytes + 4, tail[1]);
    commit_put(c, tag_make(hard ? TAG_HARDTAIL : TAG_SOFTTAIL, TAG_NO_ID, 8), bytes);
}

void commit_share(struct commit *c, const struct gstate *share) {
    uint8_t bytes[GSTATE_SIZE];
    gstate_put(share, bytes);
    commit_put(c, tag_make(TAG_MOVESTATE, TAG_NO_ID, GSTATE_SIZE), bytes);
}
