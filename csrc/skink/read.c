/* SPDX-License-Identifier: ISC
 *
 * read.c: the public operations that change nothing.
 */
#include <string.h>

#include "bytes.h"
#include "path.h"
#include "sha256.h"

/* The value that a key is bound to. */
static int find_value(struct skink *s, const char *key, size_t key_len, struct place *ret_place) {
    struct path p;
    int code = path_find(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    switch (path_kind(&p)) {
    case SKINK_NONE:
        return SKINK_NOT_FOUND;
    case SKINK_DICTIONARY:
        return SKINK_VALUE_EXPECTED;
    default:
        *ret_place = p.place;
        return SKINK_OK;
    }
}

int skink_exists(struct skink *s, const char *key, size_t key_len, enum skink_kind *ret_kind) {
    struct path p;
    int code = path_find(s, key, key_len, &p);
    if (code == SKINK_DICTIONARY_EXPECTED) {
        *ret_kind = SKINK_NONE;
        return SKINK_OK;
    }
    if (code == SKINK_OK) {
        *ret_kind = path_kind(&p);
    }
    return code;
}

int skink_get_partial(struct skink *s, const char *key, size_t key_len, uint64_t off, void *buffer,
                      size_t size, size_t *ret_size) {
    struct place place;
    int code = find_value(s, key, key_len, &place);
    if (code != SKINK_OK) {
        return code;
    }
    uint32_t value_size = place.entry->form == FORM_EMPTY ? 0 : place.entry->size;
    uint32_t pos = off < value_size ? (uint32_t)off : value_size;
    uint32_t part = size < value_size - pos ? (uint32_t)size : value_size - pos;
    code = value_read(s, place.pair, place.entry, pos, buffer, part);
    if (code == SKINK_OK) {
        *ret_size = part;
    }
    return code;
}

/* A value's bytes in memory of their own. */
static int value_load(struct skink *s, const struct mdir *m, struct entry *e, uint8_t **ret_bytes) {
    if (e->form == FORM_CTZ && e->size > 0 && ctz_count(s->io.block_size, e->size) > s->io.block_count) {
        return SKINK_CORRUPT; /* before memory is asked for */
    }
    uint8_t *bytes = io_alloc(&s->io, e->size);
    if (bytes == NULL) {
        return SKINK_NO_MEMORY;
    }
    int code = value_read(s, m, e, 0, bytes, e->size);
    if (code != SKINK_OK) {
        io_free(&s->io, bytes);
        return code;
    }
    *ret_bytes = bytes;
    return SKINK_OK;
}

int skink_get(struct skink *s, const char *key, size_t key_len, uint8_t **ret_bytes, size_t *ret_size) {
    struct place place;
    int code = find_value(s, key, key_len, &place);
    if (code == SKINK_OK) {
        code = value_load(s, place.pair, place.entry, ret_bytes);
    }
    if (code == SKINK_OK) {
        *ret_size = place.entry->size;
    }
    return code;
}

void skink_release(struct skink *s, void *memory) {
    io_free(&s->io, memory);
}

/* --- entries ------------------------------------------------------------------------------------- */

struct node {
    const struct mdir *pair;
    struct entry *entry;
};

static int show(const struct node *node, const char *name, size_t name_len, skink_entry_fn fn, void *ctx) {
    const struct entry *e = node->entry;
    bool value = e->type == TAG_VALUE;
    const struct skink_entry shown = {
        .name = name,
        .name_len = name_len,
        .kind = value ? SKINK_VALUE : SKINK_DICTIONARY,
        .size = value ? e->size : 0,
        .has_time = value && e->has_time,
        .time = {e->days, e->picoseconds},
        .node = node,
    };
    return fn(ctx, &shown);
}

/* The dictionary that a key is bound to. */
static int find_dir(struct skink *s, const char *key, size_t key_len, struct dir **ret_dir) {
    struct path p;
    int code = path_find(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    struct dir *d = path_dir(s, &p);
    if (d == NULL) {
        return path_kind(&p) == SKINK_NONE ? SKINK_NOT_FOUND : SKINK_DICTIONARY_EXPECTED;
    }
    *ret_dir = d;
    return SKINK_OK;
}

int skink_list(struct skink *s, const char *key, size_t key_len, skink_entry_fn fn, void *ctx) {
    struct dir *d;
    struct seats seats = {NULL, 0, 0};
    int code = find_dir(s, key, key_len, &d);
    if (code == SKINK_OK) {
        code = dir_sorted(&s->io, d, &seats);
    }
    for (size_t i = 0; code == SKINK_OK && i < seats.count; i++) {
        struct entry *e = seats.list[i].entry;
        code = show(&(struct node){seats.list[i].pair, e}, e->name, e->name_len, fn, ctx);
    }
    io_free(&s->io, seats.list);
    return code;
}

int skink_visit(struct skink *s, skink_entry_fn fn, void *ctx) {
    struct walk w;
    walk_init(&w, &s->io);
    int code = s->broken ? SKINK_IO : walk_start(&w, s->root);
    while (code == SKINK_OK && (code = walk_next(&w)) == SKINK_OK) {
        code = show(&(struct node){w.pair, w.entry}, w.key, w.key_len, fn, ctx);
        if (code != SKINK_OK) {
            walk_release(&w);
            return code;
        }
    }
    walk_release(&w);
    return code == SKINK_NOT_FOUND ? SKINK_OK : code;
}

int skink_entry_read(struct skink *s, const struct skink_entry *entry, void *buffer) {
    const struct node *node = entry->node;
    return value_read(s, node->pair, node->entry, 0, buffer, node->entry->size);
}

/* --- about a key --------------------------------------------------------------------------------- */

static int dir_size(struct skink *s, struct dir *d, uint64_t *ret_size) {
    struct walk w;
    uint64_t size = 0;
    walk_init(&w, &s->io);
    int code = walk_start(&w, d);
    while (code == SKINK_OK && (code = walk_next(&w)) == SKINK_OK) {
        size += w.entry->type == TAG_VALUE ? w.entry->size : 0;
    }
    walk_release(&w);
    if (code == SKINK_NOT_FOUND) {
        *ret_size = size;
        return SKINK_OK;
    }
    return code;
}

int skink_size(struct skink *s, const char *key, size_t key_len, uint64_t *ret_size) {
    struct path p;
    int code = path_find(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    switch (path_kind(&p)) {
    case SKINK_NONE:
        return SKINK_NOT_FOUND;
    case SKINK_VALUE:
        *ret_size = p.place.entry->size;
        return SKINK_OK;
    default:
        return dir_size(s, path_dir(s, &p), ret_size);
    }
}

static bool later(const struct entry *e, const struct skink_time *t) {
    return e->days > t->days || (e->days == t->days && e->picoseconds > t->picoseconds);
}

static struct skink_time newest(const struct dir *d) {
    struct skink_time time = {0, 0};
    for (size_t i = 0; i < d->count; i++) {
        const struct mdir *m = d->pairs[i];
        for (uint32_t id = mdir_first(m); id < mdir_end(m); id++) {
            const struct entry *e = m->entries[id];
            if (e->type == TAG_VALUE && e->has_time && !e->hidden && later(e, &time)) {
                time = (struct skink_time){e->days, e->picoseconds};
            }
        }
    }
    return time;
}

int skink_last_modified(struct skink *s, const char *key, size_t key_len, struct skink_time *ret_time) {
    struct path p;
    int code = path_find(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    switch (path_kind(&p)) {
    case SKINK_NONE:
        return SKINK_NOT_FOUND;
    case SKINK_DICTIONARY:
        *ret_time = newest(path_dir(s, &p));
        return SKINK_OK;
    default:
        if (!p.place.entry->has_time) {
            return SKINK_NO_TIMESTAMP;
        }
        *ret_time = (struct skink_time){p.place.entry->days, p.place.entry->picoseconds};
        return SKINK_OK;
    }
}

/* --- digests ------------------------------------------------------------------------------------- */

#define DIGEST_STEP 4096u /* bytes of a value hashed at a time */

static int value_digest(struct skink *s, const struct mdir *m, struct entry *e, uint8_t *buffer,
                        uint8_t ret_digest[SHA256_SIZE]) {
    struct sha256 sha;
    int code = SKINK_OK;
    sha256_init(&sha);
    for (uint32_t pos = 0; pos < e->size && code == SKINK_OK;) {
        uint32_t part = min_u32(e->size - pos, DIGEST_STEP);
        code = value_read(s, m, e, pos, buffer, part);
        sha256_update(&sha, buffer, part);
        pos += part;
    }
    sha256_final(&sha, ret_digest);
    return code;
}

/* One entry of a dictionary as its digest sees it. */
static void digest_entry(struct sha256 *sha, const struct entry *e, const uint8_t digest[SHA256_SIZE]) {
    uint8_t head[5];
    head[0] = e->type == TAG_VALUE ? 'v' : 'd';
    put_le32(head + 1, e->name_len);
    sha256_update(sha, head, sizeof(head));
    sha256_update(sha, e->name, e->name_len);
    sha256_update(sha, digest, SHA256_SIZE);
}

/* Open dictionaries, the outermost first: their digests so far. */
struct open_digests {
    struct sha256 *list;
    size_t count, capacity;
};

/* Closes dictionaries until `depth` are open; each one's digest goes into the one around it. */
static void close_digests(struct open_digests *open, size_t depth, const struct walk *w,
                          uint8_t ret_digest[SHA256_SIZE]) {
    while (open->count > depth) {
        sha256_final(&open->list[--open->count], ret_digest);
        if (open->count > 0) {
            digest_entry(&open->list[open->count - 1], w->frames[open->count].dir->entry, ret_digest);
        }
    }
}

static int open_digest(struct skink *s, struct open_digests *open) {
    int code = io_reserve(&s->io, &open->list, &open->capacity, open->count + 1, sizeof(open->list[0]));
    if (code == SKINK_OK) {
        sha256_init(&open->list[open->count++]);
    }
    return code;
}

static int dir_digest(struct skink *s, struct dir *d, uint8_t *buffer, uint8_t ret_digest[SHA256_SIZE]) {
    struct walk w;
    struct open_digests open = {NULL, 0, 0};
    uint8_t digest[SHA256_SIZE];
    walk_init(&w, &s->io);
    int code = walk_start(&w, d);
    if (code == SKINK_OK) {
        code = open_digest(s, &open);
    }
    while (code == SKINK_OK && (code = walk_next(&w)) == SKINK_OK) {
        close_digests(&open, w.depth, &w, digest);
        if (w.entry->dir != NULL) {
            code = open_digest(s, &open);
        } else {
            code = value_digest(s, w.pair, w.entry, buffer, digest);
            digest_entry(&open.list[open.count - 1], w.entry, digest);
        }
    }
    if (code == SKINK_NOT_FOUND) {
        close_digests(&open, 0, &w, ret_digest);
        code = SKINK_OK;
    }
    walk_release(&w);
    io_free(&s->io, open.list);
    return code;
}

int skink_digest(struct skink *s, const char *key, size_t key_len, uint8_t ret_digest[32]) {
    struct path p;
    uint8_t digest[SHA256_SIZE] = {0};
    int code = path_find(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    if (path_kind(&p) == SKINK_NONE) {
        return SKINK_NOT_FOUND;
    }
    uint8_t *buffer = io_alloc(&s->io, DIGEST_STEP);
    if (buffer == NULL) {
        return SKINK_NO_MEMORY;
    }
    struct dir *d = path_dir(s, &p);
    code = d != NULL ? dir_digest(s, d, buffer, digest)
                     : value_digest(s, p.place.pair, p.place.entry, buffer, digest);
    io_free(&s->io, buffer);
    if (code == SKINK_OK) {
        memcpy(ret_digest, digest, SHA256_SIZE);
    }
    return code;
}
