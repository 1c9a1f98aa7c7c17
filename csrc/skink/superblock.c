/* SPDX-License-Identifier: ISC
 *
 * superblock.c: the superblock entry, making an empty store, and recognising one.
 */
#include "superblock.h"

#include <string.h>

#include "bytes.h"

int superblock_get(struct superblock *sb, const uint8_t *bytes, uint32_t size) {
    if (size < SUPERBLOCK_SIZE) {
        return SKINK_CORRUPT;
    }
    uint32_t version = get_le32(bytes);
    struct superblock got = {version >> 16,       version & 0xffff,     get_le32(bytes + 4),
                             get_le32(bytes + 8), get_le32(bytes + 12), get_le32(bytes + 16),
                             get_le32(bytes + 20)};
    got.name_max = got.name_max != 0 ? got.name_max : NAME_MAX_DEFAULT;
    got.value_max = got.value_max != 0 ? got.value_max : VALUE_MAX_LIMIT;
    got.attr_max = got.attr_max != 0 ? got.attr_max : ATTR_MAX_LIMIT;
    if (got.major != 2 || got.minor > 1 || got.name_max > NAME_MAX_LIMIT || got.value_max > VALUE_MAX_LIMIT ||
        got.attr_max > ATTR_MAX_LIMIT) {
        return SKINK_UNSUPPORTED;
    }
    *sb = got;
    return SKINK_OK;
}

void superblock_put(const struct superblock *sb, uint8_t bytes[SUPERBLOCK_SIZE]) {
    put_le32(bytes, sb->major << 16 | sb->minor);
    put_le32(bytes + 4, sb->block_size);
    put_le32(bytes + 8, sb->block_count);
    put_le32(bytes + 12, sb->name_max);
    put_le32(bytes + 16, sb->value_max);
    put_le32(bytes + 20, sb->attr_max);
}

bool mdir_is_super(const struct mdir *m) {
    return m->count > 0 && m->entries[0]->type == TAG_SUPERBLOCK;
}

uint32_t skink_name_limit(uint32_t block_size) {
    uint32_t limit = block_size / 2 > 48 ? block_size / 2 - 48 : 0;
    return min_u32(limit, NAME_MAX_LIMIT);
}

/* --- making -------------------------------------------------------------------------------------- */

static int check_options(const struct io *io, const struct skink_format_options *options,
                         struct superblock *ret_sb) {
    uint32_t limit = skink_name_limit(io->block_size);
    uint32_t name_max = options->name_max != 0 ? options->name_max : min_u32(NAME_MAX_DEFAULT, limit);
    uint32_t value_max = options->value_max != 0 ? options->value_max : VALUE_MAX_LIMIT;
    if (name_max > limit || value_max > VALUE_MAX_LIMIT) {
        return SKINK_UNSUPPORTED;
    }
    *ret_sb = (struct superblock){2,
                                  (options->flags & SKINK_FORMAT_2_0) != 0 ? 0 : 1,
                                  io->block_size,
                                  io->block_count,
                                  name_max,
                                  value_max,
                                  ATTR_MAX_LIMIT};
    return SKINK_OK;
}

/* Both blocks of the first pair get the whole state, so that no older store in them can come back. Block 0
 * is written last with the newer revision. */
static int write_both(const struct io *io, const struct state *state, bool fcrc, uint8_t *bytes,
                      struct patches *p) {
    struct rewritten end;
    uint32_t where = state->items[0].entry->where;
    for (uint32_t rev = 1; rev <= 2; rev++) {
        int code = mdir_rewrite(io, 2 - rev, rev, state, bytes, fcrc, p, &end);
        if (code == SKINK_OK) {
            code = io_sync(io);
        }
        if (code != SKINK_OK) {
            return code;
        }
        p->count = 0;
        state->items[0].entry->where = where;
    }
    return SKINK_OK;
}

/* Says on the superblock entry that values have checksums. */
static int add_checks(const struct io *io, struct entry *e) {
    static const uint8_t yes[1] = {1};
    e->attrs = io_alloc(io, sizeof(*e->attrs));
    if (e->attrs == NULL) {
        return SKINK_NO_MEMORY;
    }
    *e->attrs = (struct attr){NULL, yes, 0, sizeof(yes), ATTR_CHECK};
    return SKINK_OK;
}

static int format(const struct io *io, const struct superblock *sb, bool checks) {
    uint8_t fields[SUPERBLOCK_SIZE];
    superblock_put(sb, fields);
    struct patches patches = {NULL, 0, 0};
    struct entry *e = entry_new(io, SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_SIZE, TAG_SUPERBLOCK);
    uint8_t *bytes = io_alloc(io, io->block_size);
    int code = e != NULL && bytes != NULL ? patch_reserve(io, &patches, 2) : SKINK_NO_MEMORY;
    if (code == SKINK_OK && checks) {
        code = add_checks(io, e);
    }
    if (code == SKINK_OK) {
        e->form = FORM_INLINE;
        e->size = SUPERBLOCK_SIZE;
        struct item item = {e, fields, NULL};
        struct state state = {&item, 1, {BLOCK_NULL, BLOCK_NULL}, false, {0, {0, 0}}};
        code = write_both(io, &state, sb->minor > 0, bytes, &patches);
    }
    io_free(io, patches.list);
    io_free(io, bytes);
    entry_free(io, e);
    return code;
}

int skink_format(const struct bd *device, const struct skink_allocator *allocator,
                 const struct skink_format_options *options) {
    static const struct skink_format_options defaults = {0, 0, 0};
    struct io io;
    struct superblock sb;
    if (device == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    int code = io_init(&io, device, allocator);
    if (code != SKINK_OK) {
        return code;
    }
    code = check_options(&io, options != NULL ? options : &defaults, &sb);
    if (code == SKINK_OK) {
        code = format(&io, &sb, options != NULL && (options->flags & SKINK_FORMAT_VALUE_CHECKS) != 0);
        code = code == IO_BAD_BLOCK ? SKINK_IO : code; /* the superblock has no other place */
    }
    io_release(&io);
    return code;
}

/* --- recognising --------------------------------------------------------------------------------- */

/* The superblock as one block tells it, the last one in its log; and where its hard tail leads. */
static bool block_superblock(const uint8_t *bytes, uint32_t size, uint32_t *ret_rev,
                             struct superblock *ret_sb, uint32_t ret_next[2]) {
    struct log log;
    struct log_cursor cursor;
    uint32_t tag;
    uint32_t data;
    bool magic = false;
    bool found = false;
    ret_next[0] = ret_next[1] = BLOCK_NULL;
    log_parse(bytes, size, &log);
    log_start(&log, &cursor);
    while (log_next(&cursor, &tag, &data)) {
        if (tag_type(tag) == TAG_SUPERBLOCK && tag_id(tag) == 0 && tag_length(tag) == SUPERBLOCK_MAGIC_SIZE) {
            magic = memcmp(bytes + data, SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_SIZE) == 0;
        } else if (magic && tag_type(tag) == TAG_INLINE && tag_id(tag) == 0) {
            found = superblock_get(ret_sb, bytes + data, tag_data_size(tag)) == SKINK_OK;
        } else if (tag_type1(tag) == TAG_SOFTTAIL && tag_length(tag) == 8) {
            bool hard = tag_type(tag) == TAG_HARDTAIL;
            ret_next[0] = hard ? get_le32(bytes + data) : BLOCK_NULL;
            ret_next[1] = hard ? get_le32(bytes + data + 4) : BLOCK_NULL;
        }
    }
    *ret_rev = log.rev;
    return found;
}

/* The newest superblock of a pair, and the pair that its block's hard tail names: null without one. */
static bool pair_superblock(const uint8_t *bytes, size_t size, uint32_t block_size, const uint32_t pair[2],
                            struct superblock *ret_sb, uint32_t ret_next[2]) {
    bool found = false;
    uint32_t best = 0;
    for (size_t i = 0; i < 2; i++) {
        struct superblock sb;
        uint32_t rev;
        uint32_t next[2];
        if (pair[i] < size / block_size &&
            block_superblock(bytes + (size_t)pair[i] * block_size, block_size, &rev, &sb, next) &&
            sb.block_size == block_size && (!found || (int32_t)(rev - best) > 0)) {
            *ret_sb = sb;
            memcpy(ret_next, next, sizeof(next));
            best = rev;
            found = true;
        }
    }
    return found;
}

/* Blocks 0 and 1, supposing a block size, which they must confirm; then the chain behind them, whose last
 * superblock is the one that counts. */
static bool probe_size(const uint8_t *bytes, size_t size, uint32_t block_size, struct superblock *ret_sb) {
    uint32_t next[2] = {0, 1};
    bool found = false;
    for (size_t i = 0; i < size / block_size && !pair_is_null(next); i++) {
        uint32_t pair[2] = {next[0], next[1]};
        if (!pair_superblock(bytes, size, block_size, pair, ret_sb, next)) {
            break;
        }
        found = true;
    }
    return found;
}

int skink_probe(const uint8_t *bytes, size_t size, uint32_t *ret_block_size, uint32_t *ret_block_count) {
    struct superblock sb;
    for (uint32_t block_size = 128; block_size <= 1u << 24 && block_size <= size; block_size *= 2) {
        if (probe_size(bytes, size, block_size, &sb)) {
            *ret_block_size = sb.block_size;
            *ret_block_count = sb.block_count;
            return SKINK_OK;
        }
    }
    /* a block size that is no power of two: block 0 names it, if its log is whole */
    if (size >= 128) {
        uint32_t named = get_le32(bytes + 24);
        if (named >= 128 && named <= size && probe_size(bytes, size, named, &sb)) {
            *ret_block_size = sb.block_size;
            *ret_block_count = sb.block_count;
            return SKINK_OK;
        }
    }
    return SKINK_CORRUPT;
}
