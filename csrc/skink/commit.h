/* SPDX-License-Identifier: ISC
 *
 * commit.h: one metadata block as an append-only log of commits: finding where the valid log ends, walking
 * its tags, and building one more commit. docs/format.md, "A metadata block".
 */
#ifndef SKINK_COMMIT_H
#define SKINK_COMMIT_H

#include "io.h"
#include "tag.h"

/* --- reading ------------------------------------------------------------------------------------- */

/* The valid part of a block. */
struct log {
    const uint8_t *block; /* the block's bytes, valid up to end at least */
    uint32_t rev;
    uint32_t end;  /* bytes of valid commits; 0: not one */
    uint32_t etag; /* what the next commit's first tag is XORed with */
    bool erased;   /* the bytes from end on are as the forward CRC says: a commit may be appended */
};

/* Reads a block into buffer (block_size bytes), as far as its log goes, and checks every commit's CRC.
 * A block without a valid commit is no error: ret_log->end is 0. Errors: SKINK_IO, SKINK_CORRUPT. */
int log_load(const struct io *io, uint32_t block, uint8_t *buffer, struct log *ret_log);

/* The same for bytes that are in memory already; size: how many. */
void log_parse(const uint8_t *bytes, uint32_t size, struct log *ret_log);

/* Walks the tags of the valid part, CRC tags left out. */
struct log_cursor {
    const struct log *log;
    uint32_t off, prev;
};
void log_start(const struct log *log, struct log_cursor *ret_cursor);
/* False at the end; else the tag and where its data begins in the block. */
bool log_next(struct log_cursor *cursor, uint32_t *ret_tag, uint32_t *ret_data_off);

/* --- writing ------------------------------------------------------------------------------------- */

/* A commit under construction, in the block-sized image `bytes`. */
struct commit {
    const struct io *io;
    uint8_t *bytes;
    uint32_t block;
    uint32_t begin; /* where the commit starts; aligned to prog_size */
    uint32_t off;   /* where the next tag goes */
    uint32_t etag;  /* what it is XORed with */
};

/* The most that a commit's end can cost beyond its last tag: a CRC tag and its CRC. */
#define COMMIT_END_SIZE 8u

/* Begins the first commit of an erased block, with its revision count. */
void commit_first(struct commit *c, const struct io *io, uint8_t *bytes, uint32_t block, uint32_t rev);
/* Begins a commit behind the log that ends at off. */
void commit_more(struct commit *c, const struct io *io, uint8_t *bytes, uint32_t block, uint32_t off,
                 uint32_t etag);
/* Bytes that tags and data may still take. */
uint32_t commit_room(const struct commit *c);
/* Appends a tag and its data, and returns where in the block the data lies. There must be room. */
uint32_t commit_put(struct commit *c, uint32_t tag, const void *data);
/* Seals the commit: padding, forward CRC, CRC. Reads the device behind it, so a block's first commit is
 * sealed after the erase. fcrc: whether the image has forward CRCs (2.1). Then programs it.
 * Errors: SKINK_IO. The caller syncs. */
int commit_finish(struct commit *c, bool fcrc);

#endif
