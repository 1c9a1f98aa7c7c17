/* SPDX-License-Identifier: ISC
 *
 * write.c: the public operations that give values to keys.
 */
#include <string.h>

#include "bind.h"
#include "bytes.h"
#include "crc32.h"

/* A value on its way into the store: what it will be, and where the bytes come from. */
struct draft {
    struct skink *s;
    struct path *path;
    uint32_t size;        /* bytes of the whole new value */
    uint32_t off;         /* where `bytes` go; what is around them stays as it was */
    const uint8_t *bytes; /* NULL: zeros */
    uint32_t bytes_size;
    struct skink_time time;
    bool has_time;
    struct block_list old;   /* the old value's blocks that the new one does not keep */
    struct block_list fresh; /* the new value's own */
    uint32_t kept;           /* so many leading blocks of the old value are the new one's too */
    uint32_t last_kept;      /* the last of them */
};

static const struct entry *old_entry(const struct draft *d) {
    return key_is_empty(d->path->rest) ? d->path->place.entry : NULL;
}

/* Bytes of the new value: the caller's where they go, else the old value's. */
static int draft_read(void *ctx, uint32_t pos, uint8_t *buffer, uint32_t size) {
    const struct draft *d = ctx;
    uint32_t end = d->off + d->bytes_size;
    int code = SKINK_OK;
    while (size > 0 && code == SKINK_OK) {
        uint32_t part = size;
        if (pos >= d->off && pos < end) {
            part = part < end - pos ? part : end - pos;
            if (d->bytes != NULL) {
                memcpy(buffer, d->bytes + (pos - d->off), part);
            } else {
                memset(buffer, 0, part);
            }
        } else {
            if (pos < d->off && part > d->off - pos) {
                part = d->off - pos;
            }
            code = value_read(d->s, d->path->place.pair, d->path->place.entry, pos, buffer, part);
        }
        pos += part;
        buffer += part;
        size -= part;
    }
    return code;
}

/* --- into blocks, or inline ---------------------------------------------------------------------- */

/* The checksum of the new value, from the bytes that it was made of. */
static int checksum(struct draft *d, struct entry *e) {
    uint32_t crc = CRC32_START;
    for (uint32_t pos = 0; pos < d->size;) {
        uint32_t part = min_u32(d->size - pos, d->s->io.block_size);
        int code = draft_read(d, pos, d->s->new_bytes, part);
        if (code != SKINK_OK) {
            return code;
        }
        crc = crc32_update(crc, d->s->new_bytes, part);
        pos += part;
    }
    e->check = crc;
    e->has_check = true;
    return SKINK_OK;
}

static int write_blocks(struct draft *d, struct entry *e) {
    struct skink *s = d->s;
    struct ctz_draft draft = {d->size, d->kept, d->last_kept, s->new_bytes, draft_read, d};
    int code = ctz_write(&s->io, &s->blocks, &draft, &d->fresh, &e->where);
    if (code == SKINK_OK && s->value_checks) {
        code = checksum(d, e);
    }
    if (code == SKINK_OK) {
        e->form = FORM_CTZ;
        e->size = d->size;
        code = io_sync(&s->io); /* the data before the commit that points at it */
    }
    return code;
}

/* Whether the entry, with its value inline, leaves a pair room for more than itself. */
static bool goes_inline(const struct draft *d, const struct entry *e) {
    if (d->size > d->s->inline_max) {
        return false;
    }
    const struct entry *old = old_entry(d);
    uint32_t others = old != NULL ? entry_attr_bytes(old) : 0; /* attributes that stay */
    return entry_bytes(e) + 4 + d->size + others <= mdir_bytes_max(&d->s->io);
}

static int draft_bind(struct draft *d, struct entry *e, bool inlined) {
    struct skink *s = d->s;
    uint8_t *bytes = NULL;
    int code;
    if (inlined) {
        bytes = io_alloc(&s->io, d->size);
        code = bytes != NULL ? draft_read(d, 0, bytes, d->size) : SKINK_NO_MEMORY;
        e->form = FORM_INLINE;
        e->size = d->size;
    } else {
        code = write_blocks(d, e);
    }
    if (code == SKINK_OK) {
        struct item item = {e, bytes, NULL};
        code = bind_entry(s, d->path, &item, NULL);
    }
    io_free(&s->io, bytes);
    return code;
}

/* The blocks that the new value shares with the old are those in front of the first byte that changes. */
static int plan_old(struct draft *d, bool inlined) {
    const struct skink *s = d->s;
    const struct entry *old = old_entry(d);
    uint32_t off;
    if (old == NULL || old->form != FORM_CTZ || old->size == 0) {
        return SKINK_OK;
    }
    if (ctz_count(s->io.block_size, old->size) > s->io.block_count) {
        return SKINK_CORRUPT;
    }
    d->kept = d->off == 0 || inlined ? 0 : ctz_locate(s->io.block_size, d->off, &off);
    int code = SKINK_OK;
    if (d->kept > 0) {
        code = ctz_find(&s->io, old->where, old->size, d->kept - 1, &d->last_kept);
    }
    return code == SKINK_OK ? ctz_collect(&s->io, old->where, old->size, d->kept, &d->old) : code;
}

static int draft_store(struct draft *d) {
    struct skink *s = d->s;
    const char *name;
    uint32_t len;
    bind_name(d->path, &name, &len);
    struct entry *e = entry_new(&s->io, name, len, TAG_VALUE);
    if (e == NULL) {
        return SKINK_NO_MEMORY;
    }
    e->has_time = d->has_time;
    e->days = d->time.days;
    e->picoseconds = d->time.picoseconds;
    bool inlined = goes_inline(d, e);
    int code = plan_old(d, inlined);
    if (code == SKINK_OK) {
        code = draft_bind(d, e, inlined);
    }
    const struct block_list *unused = code == SKINK_OK ? &d->old : &d->fresh;
    for (size_t i = 0; i < unused->count; i++) {
        blocks_free(&s->blocks, unused->list[i]);
    }
    if (code != SKINK_OK) {
        entry_free(&s->io, e);
    }
    return code;
}

/* --- the operations ------------------------------------------------------------------------------ */

static int find_for_write(struct skink *s, const char *key, size_t key_len, struct path *ret_path) {
    int code = store_writable(s);
    return code == SKINK_OK ? path_find(s, key, key_len, ret_path) : code;
}

/* Everything about the key has been checked: what is left is size, clock and disk. */
static int draft_run(struct draft *d, uint64_t size) {
    struct skink *s = d->s;
    if (size > s->super.value_max) {
        return SKINK_VALUE_TOO_LARGE;
    }
    int code = store_make_ready(s);
    if (code != SKINK_OK) {
        return code;
    }
    /* the repair may have moved what the path named */
    struct path *p = d->path;
    dir_find(p->dir, p->name, p->name_len, &p->place);
    d->size = (uint32_t)size;
    code = draft_store(d);
    block_list_release(&s->io, &d->old);
    block_list_release(&s->io, &d->fresh);
    return code;
}

static void draft_clock(struct draft *d) {
    if (d->s->now != NULL) {
        d->s->now(d->s->now_ctx, &d->time);
        d->has_time = true;
    }
}

int skink_set(struct skink *s, const char *key, size_t key_len, const void *bytes, size_t size) {
    struct path p;
    int code = find_for_write(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    if (path_kind(&p) == SKINK_DICTIONARY) {
        return SKINK_VALUE_EXPECTED;
    }
    if (bytes == NULL && size > 0) {
        return SKINK_INVALID_ARGUMENT;
    }
    struct draft d = {.s = s, .path = &p, .bytes = bytes, .bytes_size = (uint32_t)size};
    draft_clock(&d);
    return draft_run(&d, size);
}

int skink_set_partial(struct skink *s, const char *key, size_t key_len, uint64_t off, const void *bytes,
                      size_t size) {
    struct path p;
    int code = find_for_write(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    if (path_kind(&p) == SKINK_DICTIONARY) {
        return SKINK_VALUE_EXPECTED;
    }
    if (bytes == NULL && size > 0) {
        return SKINK_INVALID_ARGUMENT;
    }
    uint32_t old_size = path_kind(&p) == SKINK_VALUE ? p.place.entry->size : 0;
    struct draft d = {.s = s, .path = &p, .bytes = bytes, .bytes_size = (uint32_t)size};
    d.off = off < old_size ? (uint32_t)off : old_size;
    if (size > VALUE_MAX_LIMIT) {
        return SKINK_VALUE_TOO_LARGE;
    }
    uint64_t end = (uint64_t)d.off + size;
    draft_clock(&d);
    return draft_run(&d, end > old_size ? end : old_size);
}

int skink_allocate(struct skink *s, const char *key, size_t key_len, uint64_t size,
                   const struct skink_time *time) {
    struct path p;
    int code = find_for_write(s, key, key_len, &p);
    if (code != SKINK_OK) {
        return code;
    }
    if (path_kind(&p) != SKINK_NONE) {
        return SKINK_ALREADY_PRESENT;
    }
    struct draft d = {.s = s, .path = &p, .bytes_size = (uint32_t)size};
    if (time != NULL) {
        d.time = *time;
        d.has_time = true;
    } else {
        draft_clock(&d);
    }
    return draft_run(&d, size);
}
