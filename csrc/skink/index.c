/* SPDX-License-Identifier: ISC
 *
 * index.c: dictionaries in memory.
 */
#include "index.h"

#include <string.h>

struct dir *dir_new(const struct io *io, struct dir *parent, struct entry *entry) {
    struct dir *d = io_alloc(io, sizeof(*d));
    if (d != NULL) {
        memset(d, 0, sizeof(*d));
        d->parent = parent;
        d->entry = entry;
    }
    return d;
}

void dir_free(const struct io *io, struct dir *d) {
    if (d != NULL) {
        io_free(io, d->pairs);
        io_free(io, d->heads);
        io_free(io, d);
    }
}

struct mdir *dir_last(const struct dir *d) {
    struct mdir *m = d->pairs[d->count - 1];
    while (m->hard && m->next != NULL) {
        m = m->next;
    }
    return m;
}

uint32_t mdir_first(const struct mdir *m) {
    return m->count > 0 && m->entries[0]->type == TAG_SUPERBLOCK ? 1 : 0;
}

uint32_t mdir_end(const struct mdir *m) {
    uint32_t end = m->count;
    while (m->nameless && end > 0 && m->entries[end - 1]->type == TAG_CONDEMNED) {
        end--;
    }
    return end;
}

bool mdir_is_condemned(const struct mdir *m) {
    return m->dir != NULL && m->dir->condemned;
}

static uint64_t eight_bytes(const char *name, uint32_t len) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bytes = bytes << 8 | (i < len ? (uint8_t)name[i] : 0xffu);
    }
    return bytes;
}

static struct head name_head(const char *name, uint32_t len) {
    return (struct head){eight_bytes(name, len), len > 8 ? eight_bytes(name + 8, len - 8) : UINT64_MAX};
}

static struct head first_head(const struct mdir *m) {
    uint32_t first = mdir_first(m);
    return first < m->count ? name_head(m->entries[first]->name, m->entries[first]->name_len)
                            : (struct head){UINT64_MAX, UINT64_MAX};
}

static bool begins_behind(const struct dir *d, size_t i, const struct head *head, const char *name,
                          uint32_t len) {
    const struct head *other = &d->heads[i];
    if (other->high != head->high) {
        return other->high > head->high;
    }
    if (other->low != head->low) {
        return other->low > head->low;
    }
    const struct mdir *m = d->pairs[i];
    const struct entry *first = m->entries[mdir_first(m)];
    return name_compare(first->name, first->name_len, name, len) > 0;
}

/* The last pair whose first name is not greater than the name; else the first pair. */
static struct mdir *find_pair(const struct dir *d, const char *name, uint32_t len) {
    size_t low = 0;
    size_t high = d->count;
    struct head head = high > 1 ? name_head(name, len) : (struct head){0, 0};
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (begins_behind(d, middle, &head, name, len)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return d->pairs[low];
}

void dir_find(const struct dir *d, const char *name, uint32_t len, struct place *ret_place) {
    struct mdir *m = find_pair(d, name, len);
    uint32_t low = mdir_first(m);
    uint32_t high = mdir_end(m);
    *ret_place = (struct place){m, 0, NULL};
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct entry *e = m->entries[middle];
        int order = name_compare(e->name, e->name_len, name, len);
        if (order == 0) {
            ret_place->id = middle;
            ret_place->entry = e->hidden ? NULL : e;
            return;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ret_place->id = low;
}

static bool begins_with(const struct entry *e, const struct entry *prefix) {
    return e->name_len > prefix->name_len && memcmp(e->name, prefix->name, prefix->name_len) == 0;
}

int dir_sorted(const struct io *io, const struct dir *d, struct seats *ret_seats) {
    size_t start = ret_seats->count;
    for (size_t i = 0; i < d->count; i++) {
        struct mdir *m = d->pairs[i];
        int code = io_reserve(io, &ret_seats->list, &ret_seats->capacity, ret_seats->count + m->count,
                              sizeof(ret_seats->list[0]));
        if (code != SKINK_OK) {
            return code;
        }
        for (uint32_t id = mdir_first(m); id < mdir_end(m); id++) {
            struct entry *e = m->entries[id];
            if (e->hidden) {
                continue;
            }
            /* on disk a name comes right behind all that begin with it; callers want it in front */
            size_t at = ret_seats->count++;
            while (at > start && begins_with(ret_seats->list[at - 1].entry, e)) {
                ret_seats->list[at] = ret_seats->list[at - 1];
                at--;
            }
            ret_seats->list[at] = (struct seat){m, e};
        }
    }
    return SKINK_OK;
}

size_t dir_position(const struct dir *d, const struct mdir *m) {
    uint32_t first = mdir_first(m);
    size_t at = 0;
    if (first < m->count) {
        const struct entry *e = m->entries[first];
        size_t high = d->count;
        while (high - at > 1) {
            size_t middle = at + (high - at) / 2;
            const struct mdir *other = d->pairs[middle];
            const struct entry *o = other->entries[mdir_first(other)];
            if (name_compare(o->name, o->name_len, e->name, e->name_len) <= 0) {
                at = middle;
            } else {
                high = middle;
            }
        }
    }
    return at;
}

size_t dir_index(const struct dir *d, const struct mdir *m) {
    size_t i = 0;
    while (i < d->count && d->pairs[i] != m) {
        i++;
    }
    return i;
}

void dir_note_first(struct mdir *m) {
    if (m->dir != NULL && m->dir->count > 1) {
        size_t at = dir_position(m->dir, m);
        if (m->dir->pairs[at] == m) {
            m->dir->heads[at] = first_head(m);
        }
    }
}

int dir_reserve(const struct io *io, struct dir *d, size_t more) {
    size_t want = d->count + more;
    bool first = d->heads == NULL;
    int code = io_reserve(io, &d->pairs, &d->capacity, want, sizeof(struct mdir *));
    if (code == SKINK_OK && want > 1) {
        code = io_reserve(io, &d->heads, &d->heads_capacity, want, sizeof(d->heads[0]));
    }
    for (size_t i = 0; first && d->heads != NULL && i < d->count; i++) {
        d->heads[i] = first_head(d->pairs[i]);
    }
    return code;
}

void dir_insert(struct dir *d, size_t at, struct mdir *m) {
    memmove(d->pairs + at + 1, d->pairs + at, (d->count - at) * sizeof(struct mdir *));
    d->pairs[at] = m;
    if (d->heads != NULL) {
        memmove(d->heads + at + 1, d->heads + at, (d->count - at) * sizeof(d->heads[0]));
        d->heads[at] = first_head(m);
    }
    d->count++;
    m->dir = d;
}

void dir_remove(struct dir *d, size_t at) {
    d->count--;
    memmove(d->pairs + at, d->pairs + at + 1, (d->count - at) * sizeof(struct mdir *));
    if (d->heads != NULL) {
        memmove(d->heads + at, d->heads + at + 1, (d->count - at) * sizeof(d->heads[0]));
    }
}

void thread_insert(struct mdir *before, struct mdir *m) {
    m->prev = before;
    m->next = before->next;
    if (m->next != NULL) {
        m->next->prev = m;
    }
    before->next = m;
}

void thread_remove(struct mdir *m) {
    m->prev->next = m->next;
    if (m->next != NULL) {
        m->next->prev = m->prev;
    }
    m->prev = m->next = NULL;
}
