/* SPDX-License-Identifier: ISC
 *
 * mdir.c: fetching a metadata pair from the device, and rewriting it.
 */
#include "mdir.h"

#include <string.h>

#include "bytes.h"

bool pair_is_null(const uint32_t pair[2]) {
    return pair[0] == BLOCK_NULL || pair[1] == BLOCK_NULL;
}

bool pair_meets(const uint32_t a[2], const uint32_t b[2]) {
    return a[0] == b[0] || a[0] == b[1] || a[1] == b[0] || a[1] == b[1];
}

bool pair_same(const uint32_t a[2], const uint32_t b[2]) {
    return (a[0] == b[0] && a[1] == b[1]) || (a[0] == b[1] && a[1] == b[0]);
}

static void free_list(const struct io *io, struct mdir *m) {
    if (m->entries != m->few) {
        io_free(io, m->entries);
    }
}

void mdir_free(const struct io *io, struct mdir *m) {
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        entry_free(io, m->entries[i]);
    }
    free_list(io, m);
    io_free(io, m);
}

int mdir_reserve(const struct io *io, struct mdir *m, size_t count) {
    if (count <= m->capacity) {
        return SKINK_OK;
    }
    if (count <= MDIR_FEW) {
        m->entries = m->few;
        m->capacity = MDIR_FEW;
        return SKINK_OK;
    }
    size_t want = count > (size_t)m->capacity * 2 ? count : (size_t)m->capacity * 2;
    struct entry **grown = want <= UINT16_MAX ? io_alloc(io, want * sizeof(struct entry *)) : NULL;
    if (grown == NULL) {
        return SKINK_NO_MEMORY;
    }
    if (m->count > 0) {
        memcpy(grown, m->entries, m->count * sizeof(struct entry *));
    }
    free_list(io, m);
    m->entries = grown;
    m->capacity = (uint32_t)want;
    return SKINK_OK;
}

/* --- from tags to entries ------------------------------------------------------------------------ */

/* The pair under construction. An id that has no name yet is a NULL entry or one without a type; what
 * comes before its name is kept. `visible` is how many ids there are: a deletion of an id that is not there
 * lowers it and leaves the entries alone, a later name raises it again. */
struct build {
    const struct io *io;
    const struct log *log;
    struct mdir *m;
    uint32_t visible;
};

#define TYPE_UNNAMED 0

static int build_insert(struct build *b, uint32_t id) {
    struct mdir *m = b->m;
    int code = mdir_reserve(b->io, m, (size_t)m->count + 1);
    if (code != SKINK_OK) {
        return code;
    }
    memmove(m->entries + id + 1, m->entries + id, (m->count - id) * sizeof(struct entry *));
    m->entries[id] = NULL;
    m->count++;
    return SKINK_OK;
}

/* An id that was never created is there from its first tag on. */
static int build_grow(struct build *b, uint32_t id) {
    int code = SKINK_OK;
    while (b->m->count <= id && code == SKINK_OK) {
        code = build_insert(b, b->m->count);
    }
    return code;
}

static int build_create(struct build *b, uint32_t id) {
    if (id > b->visible) {
        return SKINK_CORRUPT;
    }
    int code = id > 0 ? build_grow(b, id - 1) : SKINK_OK;
    if (code == SKINK_OK) {
        code = build_insert(b, id);
    }
    b->visible++;
    return code;
}

static int build_delete(struct build *b, uint32_t id) {
    struct mdir *m = b->m;
    if (b->visible == 0) {
        return SKINK_CORRUPT;
    }
    b->visible--;
    if (id < m->count) {
        entry_free(b->io, m->entries[id]);
        m->count--;
        memmove(m->entries + id, m->entries + id + 1, (m->count - id) * sizeof(struct entry *));
    }
    return SKINK_OK;
}

static int build_splice(struct build *b, uint32_t tag) {
    switch (tag_type(tag)) {
    case TAG_CREATE:
        return tag_id(tag) != TAG_NO_ID ? build_create(b, tag_id(tag)) : SKINK_CORRUPT;
    case TAG_DELETE:
        return build_delete(b, tag_id(tag));
    default:
        return SKINK_CORRUPT;
    }
}

/* Names that no writer may use: they could not be asked for. */
static bool name_is_sound(const char *name, uint32_t len) {
    if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.')) {
        return false;
    }
    return memchr(name, '/', len) == NULL && memchr(name, '\0', len) == NULL;
}

static bool name_fits(uint32_t type, const char *name, uint32_t len) {
    if (type == TAG_CONDEMNED) {
        return len == 0;
    }
    return (type == TAG_VALUE || type == TAG_DICTIONARY || type == TAG_SUPERBLOCK) &&
           name_is_sound(name, len);
}

/* Puts a named entry into an id's place, with what the place held before it had this name. */
static int build_name(struct build *b, uint32_t tag, const uint8_t *data) {
    struct mdir *m = b->m;
    uint32_t id = tag_id(tag);
    uint32_t len = tag_data_size(tag);
    uint32_t type = tag_type(tag);
    const char *name = (const char *)data;
    if (id == TAG_NO_ID || tag_length(tag) == TAG_GONE || !name_fits(type, name, len)) {
        return SKINK_CORRUPT;
    }
    int code = build_grow(b, id);
    if (code != SKINK_OK) {
        return code;
    }
    struct entry *e = entry_new(b->io, name, len, type);
    if (e == NULL) {
        return SKINK_NO_MEMORY;
    }
    if (b->visible <= id) {
        b->visible = id + 1;
    }
    m->nameless = m->nameless || type == TAG_CONDEMNED;
    struct entry *old = m->entries[id];
    if (old != NULL) {
        e->attrs = old->attrs;
        entry_take_time(e, old);
        e->form = old->form;
        e->where = old->where;
        e->size = old->size;
        e->check = old->check;
        e->has_check = old->has_check;
        old->attrs = NULL;
        entry_free(b->io, old);
    }
    m->entries[id] = e;
    return SKINK_OK;
}

/* The entry that a struct or attribute belongs to; one without a name is made where there is none yet. */
static int build_owner(struct build *b, uint32_t tag, struct entry **ret_entry) {
    if (tag_id(tag) == TAG_NO_ID) {
        return SKINK_CORRUPT;
    }
    int code = build_grow(b, tag_id(tag));
    if (code != SKINK_OK) {
        return code;
    }
    struct entry **slot = &b->m->entries[tag_id(tag)];
    if (*slot == NULL) {
        *slot = entry_new(b->io, "", 0, TYPE_UNNAMED);
    }
    *ret_entry = *slot;
    return *slot != NULL ? SKINK_OK : SKINK_NO_MEMORY;
}

static int build_struct(struct build *b, uint32_t tag, uint32_t data_off) {
    struct entry *e;
    int code = build_owner(b, tag, &e);
    if (code != SKINK_OK) {
        return code;
    }
    const uint8_t *data = b->log->block + data_off;
    uint32_t size = tag_data_size(tag);
    uint32_t type = tag_type(tag);
    e->has_check = false; /* a checksum that came before is not this struct's */
    if (type == TAG_INLINE) {
        e->form = FORM_INLINE;
        e->where = data_off;
        e->size = size;
        return SKINK_OK;
    }
    if ((type != TAG_DIRSTRUCT && type != TAG_CTZ) || size != 8) {
        return SKINK_CORRUPT;
    }
    e->form = type == TAG_CTZ ? FORM_CTZ : FORM_DIR;
    e->where = get_le32(data);
    e->size = get_le32(data + 4);
    return SKINK_OK;
}

/* The attribute counts as a checksum where it names the struct that it follows. */
static void build_checksum(struct entry *e, uint32_t tag, const uint8_t *data) {
    e->has_check = tag_length(tag) == ATTR_CHECK_SIZE && e->form == FORM_CTZ && get_le32(data) == e->where &&
                   get_le32(data + 4) == e->size;
    e->check = e->has_check ? get_le32(data + 8) : 0;
}

static int build_attr(struct build *b, uint32_t tag, uint32_t data_off) {
    struct entry *e;
    int code = build_owner(b, tag, &e);
    if (code != SKINK_OK) {
        return code;
    }
    uint32_t type = tag_chunk(tag);
    entry_drop_attr(b->io, e, type);
    if (type == ATTR_TIME) {
        e->has_time = false;
    }
    if (type == ATTR_CHECK) {
        build_checksum(e, tag, b->log->block + data_off);
    }
    if (tag_length(tag) == TAG_GONE) {
        return SKINK_OK;
    }
    if (type == ATTR_TIME && tag_length(tag) == ATTR_TIME_SIZE) {
        e->has_time = true;
        e->days = get_le32(b->log->block + data_off);
        e->picoseconds = get_le64(b->log->block + data_off + 4);
        return SKINK_OK;
    }
    struct attr *a = io_alloc(b->io, sizeof(*a));
    if (a == NULL) {
        return SKINK_NO_MEMORY;
    }
    *a = (struct attr){NULL, NULL, data_off, (uint16_t)tag_length(tag), (uint8_t)type};
    struct attr **end = &e->attrs;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = a;
    return SKINK_OK;
}

static int build_tail(struct build *b, uint32_t tag, const uint8_t *data) {
    if (tag_length(tag) != 8 || (tag_type(tag) != TAG_SOFTTAIL && tag_type(tag) != TAG_HARDTAIL)) {
        return SKINK_CORRUPT;
    }
    b->m->tail[0] = get_le32(data);
    b->m->tail[1] = get_le32(data + 4);
    if (pair_is_null(b->m->tail)) {
        b->m->tail[0] = b->m->tail[1] = BLOCK_NULL; /* half of it says the same */
    }
    b->m->hard = tag_type(tag) == TAG_HARDTAIL;
    return SKINK_OK;
}

static int build_tag(struct build *b, uint32_t tag, uint32_t data_off) {
    const uint8_t *data = b->log->block + data_off;
    switch (tag_type1(tag)) {
    case 0x000:
        return build_name(b, tag, data);
    case 0x200:
        return build_struct(b, tag, data_off);
    case 0x300:
        return build_attr(b, tag, data_off);
    case 0x400:
        return build_splice(b, tag);
    case 0x500:
        return tag_type(tag) == TAG_FCRC ? SKINK_OK : SKINK_CORRUPT;
    case 0x600:
        return build_tail(b, tag, data);
    case 0x700:
        if (tag_type(tag) != TAG_MOVESTATE || tag_length(tag) != GSTATE_SIZE) {
            return SKINK_CORRUPT;
        }
        gstate_get(&b->m->share, data);
        return SKINK_OK;
    default:
        return SKINK_CORRUPT;
    }
}

/* --- order --------------------------------------------------------------------------------------- */

static int entry_compare(const struct entry *a, const struct entry *b) {
    bool a_super = a->type == TAG_SUPERBLOCK;
    bool b_super = b->type == TAG_SUPERBLOCK;
    if (a_super != b_super) {
        return a_super ? -1 : 1;
    }
    return name_compare(a->name, a->name_len, b->name, b->name_len);
}

/* Not there for anybody: an id past the last, one without a name, a value without a struct. */
static bool is_hole(const struct build *b, uint32_t id) {
    const struct entry *e = b->m->entries[id];
    return id >= b->visible || e == NULL || e->type == TYPE_UNNAMED ||
           (e->type == TAG_VALUE && e->form == FORM_EMPTY);
}

/* Takes out holes, and sorts what a careless writer left unsorted. Either makes the numbers in memory differ
 * from the ids on disk. */
static int build_order(struct build *b) {
    struct mdir *m = b->m;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct entry *e = m->entries[i];
        if (is_hole(b, i)) {
            entry_free(b->io, e);
            m->entries[i] = NULL;
            m->renumbered = true;
            continue;
        }
        m->entries[i] = NULL;
        uint32_t at = kept++;
        while (at > 0 && entry_compare(m->entries[at - 1], e) > 0) {
            m->entries[at] = m->entries[at - 1];
            at--;
            m->renumbered = true;
        }
        m->entries[at] = e;
    }
    m->count = kept;
    for (uint32_t i = 0; i + 1 < kept; i++) {
        if (entry_compare(m->entries[i], m->entries[i + 1]) == 0 && m->entries[i]->name_len > 0) {
            return SKINK_CORRUPT;
        }
    }
    return SKINK_OK;
}

/* What only the whole shows: forms that fit types, sizes that can be. */
static int build_check(struct build *b) {
    struct mdir *m = b->m;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct entry *e = m->entries[i];
        bool dir = e->type == TAG_DICTIONARY || e->type == TAG_CONDEMNED;
        if (dir != (e->form == FORM_DIR) ||
            (e->type == TAG_SUPERBLOCK && (i > 0 || e->form != FORM_INLINE)) ||
            (e->form == FORM_CTZ && e->size > 0x7fffffffu)) {
            return SKINK_CORRUPT;
        }
    }
    return SKINK_OK;
}

uint32_t mdir_settle_checks(const struct io *io, struct mdir *m, bool checks) {
    uint32_t longest = 0;
    m->bytes = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        struct entry *e = m->entries[i];
        if (checks && e->type == TAG_VALUE) {
            entry_drop_attr(io, e, ATTR_CHECK); /* the entry holds what it says */
        } else {
            e->has_check = false;
        }
        m->bytes += entry_bytes(e);
        if (e->name_len > longest && e->type != TAG_SUPERBLOCK) {
            longest = e->name_len;
        }
    }
    return longest;
}

/* The entries under the ids that they have on disk. */
static int build_raw(struct build *b) {
    struct log_cursor cursor;
    uint32_t tag;
    uint32_t data_off;
    int code = SKINK_OK;
    log_start(b->log, &cursor);
    while (code == SKINK_OK && log_next(&cursor, &tag, &data_off)) {
        code = build_tag(b, tag, data_off);
    }
    return code;
}

static int build(const struct io *io, const struct log *log, struct mdir *m) {
    struct build b = {io, log, m, 0};
    int code = build_raw(&b);
    if (code == SKINK_OK) {
        code = build_order(&b);
    }
    return code == SKINK_OK ? build_check(&b) : code;
}

/* --- fetching ------------------------------------------------------------------------------------ */

/* The pair's block with the newest valid log; its blocks in that order. */
static int find_newest(const struct io *io, const uint32_t pair[2], uint8_t *buffer, struct log *ret_log,
                       uint32_t ret_pair[2]) {
    uint8_t rev[2][4];
    for (int i = 0; i < 2; i++) {
        int code = io_read(io, pair[i], 0, rev[i], 4);
        if (code != SKINK_OK) {
            return code;
        }
    }
    int newer = (int32_t)(get_le32(rev[1]) - get_le32(rev[0])) > 0 ? 1 : 0;
    for (int i = 0; i < 2; i++) {
        int which = newer ^ i;
        int code = log_load(io, pair[which], buffer, ret_log);
        if (code != SKINK_OK) {
            return code;
        }
        if (ret_log->end != 0) {
            ret_pair[0] = pair[which];
            ret_pair[1] = pair[which ^ 1];
            return SKINK_OK;
        }
    }
    return SKINK_CORRUPT;
}

int mdir_fetch(const struct io *io, const uint32_t pair[2], uint8_t *buffer, struct mdir **ret_m) {
    struct log log;
    uint32_t order[2];
    if (pair[0] >= io->block_count || pair[1] >= io->block_count || pair[0] == pair[1]) {
        return SKINK_CORRUPT;
    }
    int code = find_newest(io, pair, buffer, &log, order);
    if (code != SKINK_OK) {
        return code;
    }
    struct mdir *m = io_alloc(io, sizeof(*m));
    if (m == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(m, 0, sizeof(*m));
    m->pair[0] = order[0];
    m->pair[1] = order[1];
    m->tail[0] = m->tail[1] = BLOCK_NULL;
    m->rev = log.rev;
    m->etag = log.etag;
    code = build(io, &log, m);
    if (code != SKINK_OK) {
        mdir_free(io, m);
        return code;
    }
    m->off = log.erased && !m->renumbered && log.end % io->prog_size == 0 ? log.end : 0;
    *ret_m = m;
    return SKINK_OK;
}

/* Which entry of a pair has the id on disk: the one of that name. */
static int match_name(const struct mdir *m, const struct mdir *raw, uint32_t id, uint32_t *ret_id) {
    const struct entry *e = id < raw->count ? raw->entries[id] : NULL;
    for (uint32_t i = 0; e != NULL && i < m->count; i++) {
        const struct entry *other = m->entries[i];
        if (e->type == other->type && name_compare(e->name, e->name_len, other->name, other->name_len) == 0) {
            *ret_id = i;
            return SKINK_OK;
        }
    }
    return SKINK_CORRUPT;
}

int mdir_find_id(const struct io *io, const struct mdir *m, uint32_t id, uint8_t *buffer, uint32_t *ret_id) {
    struct log log;
    struct mdir raw;
    if (!m->renumbered) {
        *ret_id = id;
        return id < m->count ? SKINK_OK : SKINK_CORRUPT;
    }
    int code = log_load(io, m->pair[0], buffer, &log);
    if (code != SKINK_OK) {
        return code;
    }
    memset(&raw, 0, sizeof(raw));
    struct build b = {io, &log, &raw, 0};
    code = build_raw(&b);
    if (code == SKINK_OK) {
        code = match_name(m, &raw, id, ret_id);
    }
    for (uint32_t i = 0; i < raw.count; i++) {
        entry_free(io, raw.entries[i]);
    }
    free_list(io, &raw);
    return code;
}

/* --- rewriting ----------------------------------------------------------------------------------- */

/* Room for the revision (4), a tail (12), a share of the global state (16), an id's deletion (4) and the
 * commit's end (8). */
#define PAIR_OVERHEAD 44u

uint32_t mdir_bytes_max(const struct io *io) {
    return io->block_size - PAIR_OVERHEAD;
}

static bool state_has_tail(const struct state *state) {
    return !pair_is_null(state->tail) || state->hard;
}

static size_t state_bytes(const struct state *state) {
    size_t bytes = state_has_tail(state) ? 12 : 0;
    bytes += gstate_is_zero(&state->share) ? 0 : 4 + GSTATE_SIZE;
    for (uint32_t i = 0; i < state->count; i++) {
        bytes += entry_bytes(state->items[i].entry);
    }
    return bytes;
}

int mdir_rewrite(const struct io *io, uint32_t block, uint32_t rev, const struct state *state, uint8_t *bytes,
                 bool fcrc, struct patches *p, struct rewritten *ret_end) {
    struct commit c;
    commit_first(&c, io, bytes, block, rev);
    if (state_bytes(state) > commit_room(&c)) {
        return SKINK_NO_SPACE;
    }
    for (uint32_t i = 0; i < state->count; i++) {
        commit_entry(&c, i, &state->items[i], p);
    }
    if (state_has_tail(state)) {
        commit_tail(&c, state->tail, state->hard);
    }
    if (!gstate_is_zero(&state->share)) {
        commit_share(&c, &state->share);
    }
    int code = io_erase(io, block);
    if (code == SKINK_OK && io->dev->geometry.erase_value != BD_ERASE_NONE) {
        code = io_sync(io); /* an erase that is lost brings old commits back behind the new one */
    }
    if (code == SKINK_OK) {
        code = commit_finish(&c, fcrc);
    }
    if (code == SKINK_OK) {
        *ret_end = (struct rewritten){c.off, c.etag};
    }
    return code;
}
