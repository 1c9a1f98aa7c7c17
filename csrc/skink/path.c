/* SPDX-License-Identifier: ISC
 *
 * path.c: keys, and walks over the tree in memory.
 */
#include "path.h"

#include <string.h>

#include "bytes.h"
#include "crc32.h"

bool key_next(struct key *key, const char **ret_name, uint32_t *ret_len) {
    while (key->len > 0 && key->bytes[0] == '/') {
        key->bytes++;
        key->len--;
    }
    if (key->len == 0) {
        return false;
    }
    const char *slash = memchr(key->bytes, '/', key->len);
    size_t len = slash != NULL ? (size_t)(slash - key->bytes) : key->len;
    *ret_name = key->bytes;
    *ret_len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    key->bytes += len;
    key->len -= len;
    return true;
}

bool key_is_empty(struct key key) {
    const char *name;
    uint32_t len;
    return !key_next(&key, &name, &len);
}

int key_check(const struct skink *s, const char *bytes, size_t len, struct key *ret_key) {
    if (s == NULL || (bytes == NULL && len > 0)) {
        return SKINK_INVALID_ARGUMENT;
    }
    struct key key = {bytes, len};
    const char *name;
    uint32_t name_len;
    *ret_key = key;
    while (key_next(&key, &name, &name_len)) {
        bool dots = name[0] == '.' && (name_len == 1 || (name_len == 2 && name[1] == '.'));
        if (dots || memchr(name, '\0', name_len) != NULL) {
            return SKINK_INVALID_KEY;
        }
        if (name_len > s->name_max) {
            return SKINK_NAME_TOO_LONG;
        }
    }
    return SKINK_OK;
}

int path_find(struct skink *s, const char *key, size_t key_len, struct path *ret_path) {
    struct key rest;
    struct path p;
    memset(&p, 0, sizeof(p));
    int code = key_check(s, key, key_len, &rest);
    if (code != SKINK_OK || s->broken) {
        return code != SKINK_OK ? code : SKINK_IO; /* what is there the next mount finds out */
    }
    const char *name;
    uint32_t name_len;
    struct dir *d = s->root;
    while (key_next(&rest, &name, &name_len)) {
        if (d == NULL) {
            return SKINK_DICTIONARY_EXPECTED;
        }
        p.dir = d;
        p.name = name;
        p.name_len = name_len;
        dir_find(d, name, name_len, &p.place);
        if (p.place.entry == NULL) {
            break;
        }
        d = p.place.entry->dir; /* NULL for a value */
    }
    p.rest = rest;
    *ret_path = p;
    return SKINK_OK;
}

enum skink_kind path_kind(const struct path *p) {
    if (p->dir == NULL) {
        return SKINK_DICTIONARY;
    }
    if (p->place.entry == NULL) {
        return SKINK_NONE;
    }
    return p->place.entry->dir != NULL ? SKINK_DICTIONARY : SKINK_VALUE;
}

struct dir *path_dir(struct skink *s, const struct path *p) {
    if (p->dir == NULL) {
        return s->root;
    }
    return p->place.entry != NULL ? p->place.entry->dir : NULL;
}

/* --- walks --------------------------------------------------------------------------------------- */

void walk_init(struct walk *w, const struct io *io) {
    memset(w, 0, sizeof(*w));
    w->io = io;
}

int walk_start(struct walk *w, struct dir *d) {
    int code = io_reserve(w->io, &w->frames, &w->capacity, w->depth + 1, sizeof(w->frames[0]));
    size_t first = w->seats.count;
    if (code == SKINK_OK) {
        code = dir_sorted(w->io, d, &w->seats);
    }
    if (code == SKINK_OK) {
        w->frames[w->depth++] = (struct frame){d, first, w->seats.count, w->key_len};
    }
    return code;
}

static int append_name(struct walk *w, const struct entry *e) {
    size_t need = w->key_len + 1 + e->name_len;
    int code = io_reserve(w->io, &w->key, &w->key_capacity, need, 1);
    if (code == SKINK_OK) {
        if (w->key_len > 0) {
            w->key[w->key_len++] = '/';
        }
        memcpy(w->key + w->key_len, e->name, e->name_len);
        w->key_len += e->name_len;
    }
    return code;
}

int walk_next(struct walk *w) {
    if (w->entry != NULL && w->entry->dir != NULL) {
        int code = walk_start(w, w->entry->dir);
        if (code != SKINK_OK) {
            return code;
        }
    }
    w->entry = NULL;
    while (w->depth > 0) {
        struct frame *f = &w->frames[w->depth - 1];
        w->key_len = f->key_len;
        w->seats.count = f->end;
        if (f->next < f->end) {
            const struct seat *seat = &w->seats.list[f->next++];
            w->pair = seat->pair;
            w->entry = seat->entry;
            return append_name(w, w->entry);
        }
        w->depth--;
    }
    return SKINK_NOT_FOUND;
}

void walk_release(struct walk *w) {
    io_free(w->io, w->frames);
    io_free(w->io, w->seats.list);
    io_free(w->io, w->key);
}

/* --- values -------------------------------------------------------------------------------------- */

/* Reads the whole value, a block's worth at a time, and holds it against its checksum. */
static int verify(struct skink *s, struct entry *e) {
    uint32_t crc = CRC32_START;
    for (uint32_t pos = 0; pos < e->size;) {
        uint32_t part = min_u32(e->size - pos, s->io.block_size);
        int code = ctz_read(&s->io, e->where, e->size, pos, s->old_bytes, part);
        if (code != SKINK_OK) {
            return code;
        }
        crc = crc32_update(crc, s->old_bytes, part);
        pos += part;
    }
    e->checked = crc == e->check;
    return e->checked ? SKINK_OK : SKINK_CORRUPT;
}

int value_read(struct skink *s, const struct mdir *m, struct entry *e, uint32_t pos, uint8_t *buffer,
               uint32_t size) {
    if (size == 0) {
        return SKINK_OK;
    }
    if (e->form == FORM_INLINE) {
        return io_read(&s->io, m->pair[0], e->where + pos, buffer, size);
    }
    if (e->form != FORM_CTZ || ctz_count(s->io.block_size, e->size) > s->io.block_count) {
        return SKINK_CORRUPT;
    }
    if (e->has_check && !e->checked && size < e->size) {
        int code = verify(s, e);
        if (code != SKINK_OK) {
            return code;
        }
    }
    int code = ctz_read(&s->io, e->where, e->size, pos, buffer, size);
    bool whole = size == e->size;
    if (code == SKINK_OK && e->has_check && whole && crc32_update(CRC32_START, buffer, size) != e->check) {
        return SKINK_CORRUPT;
    }
    return code;
}
