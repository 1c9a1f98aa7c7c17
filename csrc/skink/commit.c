/* SPDX-License-Identifier: ISC
 *
 * commit.c: the log of commits within one metadata block.
 */
#include "commit.h"

#include <string.h>

#include "bytes.h"
#include "crc32.h"

/* --- reading ------------------------------------------------------------------------------------- */

/* A block that is read as far as it is looked at. */
struct reader {
    const struct io *io;   /* NULL: everything is loaded */
    const uint8_t *buffer; /* the block's bytes */
    uint8_t *fill;         /* the same, where they are still to be read */
    uint32_t block, loaded, size;
    int code;
};

/* Bytes read in one go: enough for the log of a young block. */
#define READ_AHEAD 512u

static bool reader_has(struct reader *r, uint32_t end) {
    if (end > r->size || r->code != SKINK_OK) {
        return false;
    }
    while (r->loaded < end) {
        uint32_t chunk = round_up(r->loaded < READ_AHEAD ? READ_AHEAD : r->loaded, r->io->read_size);
        chunk = min_u32(chunk, r->size - r->loaded);
        r->code = io_read(r->io, r->block, r->loaded, r->fill + r->loaded, chunk);
        if (r->code != SKINK_OK) {
            return false;
        }
        r->loaded += chunk;
    }
    return true;
}

/* The last valid commit's forward CRC, or none. */
struct forward {
    bool present;
    uint32_t size, crc;
};

/* Whether the bytes behind the log are as the commit before them found them. */
static bool still_erased(struct reader *r, const struct log *log, const struct forward *fcrc) {
    if (!fcrc->present || fcrc->size > r->size - log->end || !reader_has(r, log->end + fcrc->size)) {
        return false;
    }
    return crc32_update(CRC32_START, r->buffer + log->end, fcrc->size) == fcrc->crc;
}

/* Finds the end of the log: tag by tag, accepting a commit when its CRC is right. */
static void scan(struct reader *r, struct log *log, struct forward *ret_fcrc) {
    uint32_t off = 4;
    uint32_t start = 0; /* of the commit */
    uint32_t prev = TAG_FIRST;
    struct forward fcrc = {false, 0, 0};
    while (reader_has(r, off + 4)) {
        uint32_t tag = get_be32(r->buffer + off) ^ prev;
        uint32_t data = off + 4;
        uint32_t next = data + tag_data_size(tag);
        if ((tag & TAG_INVALID) != 0 || next > r->size) {
            return;
        }
        if (!tag_ends_commit(tag)) {
            if (tag_type(tag) == TAG_FCRC && tag_data_size(tag) == 8 && reader_has(r, next)) {
                fcrc = (struct forward){true, get_le32(r->buffer + data), get_le32(r->buffer + data + 4)};
            }
            off = next;
            prev = tag;
            continue;
        }
        if (tag_data_size(tag) < 4 || !reader_has(r, data + 4) ||
            crc32_update(CRC32_START, r->buffer + start, data - start) != get_le32(r->buffer + data)) {
            return;
        }
        prev = tag ^ (tag_chunk(tag) & 1) << 31;
        off = start = next;
        log->end = next;
        log->etag = prev;
        *ret_fcrc = fcrc;
        fcrc.present = false;
    }
}

static int load(struct reader *r, struct log *ret_log) {
    struct log log = {r->buffer, 0, 0, TAG_FIRST, false};
    struct forward fcrc = {false, 0, 0};
    if (reader_has(r, 4)) {
        log.rev = get_le32(r->buffer);
        scan(r, &log, &fcrc);
        log.erased = log.end != 0 && still_erased(r, &log, &fcrc);
    }
    if (r->code == SKINK_OK) {
        *ret_log = log;
    }
    return r->code;
}

int log_load(const struct io *io, uint32_t block, uint8_t *buffer, struct log *ret_log) {
    struct reader r = {io, buffer, buffer, block, 0, io->block_size, SKINK_OK};
    return load(&r, ret_log);
}

void log_parse(const uint8_t *bytes, uint32_t size, struct log *ret_log) {
    struct reader r = {NULL, bytes, NULL, 0, size, size, SKINK_OK};
    (void)load(&r, ret_log);
}

void log_start(const struct log *log, struct log_cursor *ret_cursor) {
    *ret_cursor = (struct log_cursor){log, 4, TAG_FIRST};
}

bool log_next(struct log_cursor *cursor, uint32_t *ret_tag, uint32_t *ret_data_off) {
    while (cursor->off < cursor->log->end) {
        uint32_t tag = get_be32(cursor->log->block + cursor->off) ^ cursor->prev;
        uint32_t data = cursor->off + 4;
        cursor->off = data + tag_data_size(tag);
        cursor->prev = tag;
        if (!tag_ends_commit(tag)) {
            *ret_tag = tag;
            *ret_data_off = data;
            return true;
        }
        cursor->prev ^= (tag_chunk(tag) & 1) << 31;
    }
    return false;
}

/* --- writing ------------------------------------------------------------------------------------- */

void commit_first(struct commit *c, const struct io *io, uint8_t *bytes, uint32_t block, uint32_t rev) {
    *c = (struct commit){io, bytes, block, 0, 4, TAG_FIRST};
    put_le32(bytes, rev);
}

void commit_more(struct commit *c, const struct io *io, uint8_t *bytes, uint32_t block, uint32_t off,
                 uint32_t etag) {
    commit_first(c, io, bytes, block, 0);
    c->begin = c->off = off;
    c->etag = etag;
}

uint32_t commit_room(const struct commit *c) {
    uint32_t limit = c->io->block_size - COMMIT_END_SIZE;
    return c->off < limit ? limit - c->off : 0;
}

uint32_t commit_put(struct commit *c, uint32_t tag, const void *data) {
    uint32_t size = tag_data_size(tag);
    uint32_t at = c->off + 4;
    put_be32(c->bytes + c->off, tag ^ c->etag);
    if (size > 0) {
        memcpy(c->bytes + at, data, size);
    }
    c->off = at + size;
    c->etag = tag;
    return at;
}

/* The forward CRC over the prog unit at off, and the byte there that the valid bit must contradict. */
static int put_forward(struct commit *c, uint32_t off, bool fcrc, uint8_t *ret_first) {
    uint8_t data[8];
    uint32_t crc = CRC32_START;
    uint32_t size = fcrc ? c->io->prog_size : 1;
    uint8_t unit[256];
    for (uint32_t done = 0; done < size;) {
        uint32_t part = min_u32(size - done, (uint32_t)sizeof(unit));
        int code = io_read(c->io, c->block, off + done, unit, part);
        if (code != SKINK_OK) {
            return code;
        }
        if (done == 0) {
            *ret_first = unit[0];
        }
        crc = crc32_update(crc, unit, part);
        done += part;
    }
    if (fcrc) {
        put_le32(data, size);
        put_le32(data + 4, crc);
        commit_put(c, tag_make(TAG_FCRC, TAG_NO_ID, 8), data);
    }
    return SKINK_OK;
}

/* A CRC tag that ends at `next`; where the byte there, read as a tag, would seem valid, the valid bit of
 * the tag that is to come is turned round. */
static void put_crc(struct commit *c, uint32_t *start, uint32_t next, uint8_t first) {
    uint32_t flip = (first & 0x80) == 0 ? 1 : 0;
    uint32_t tag = tag_make(TAG_CRC + flip, TAG_NO_ID, next - (c->off + 4));
    put_be32(c->bytes + c->off, tag ^ c->etag);
    uint32_t end = c->off + 4;
    put_le32(c->bytes + end, crc32_update(CRC32_START, c->bytes + *start, end - *start));
    memset(c->bytes + end + 4, 0, next - (end + 4));
    c->off = *start = next;
    c->etag = tag ^ flip << 31;
}

/* What ends a commit that another may follow: a forward CRC (12 bytes) and a CRC (8 bytes). */
#define FULL_END_SIZE 20u

int commit_finish(struct commit *c, bool fcrc) {
    const struct io *io = c->io;
    uint32_t end = round_up(min_u32(c->off + FULL_END_SIZE, io->block_size), io->prog_size);
    uint32_t start = c->begin;
    while (c->off < end) {
        /* a length has 10 bits: a long padding takes several CRC tags, the last with room for a full end */
        uint32_t next = c->off + 4 + min_u32(end - (c->off + 4), TAG_LENGTH_MAX);
        uint8_t first = 0xff;
        if (next < end) {
            next = min_u32(next, end - FULL_END_SIZE);
        } else if (next <= io->block_size - io->prog_size) {
            int code = put_forward(c, next, fcrc, &first);
            if (code != SKINK_OK) {
                return code;
            }
        }
        put_crc(c, &start, next, first);
    }
    return io_prog(io, c->block, c->begin, c->bytes + c->begin, end - c->begin);
}
