/* SPDX-License-Identifier: ISC
 *
 * tag.h: the 32-bit tags of which a metadata log is made.
 *
 *     bit   31     30..28   27..20   19..10   9..0
 *           valid  type1    chunk    id       length
 *
 * The valid bit is 0 in a valid tag. On disk a tag is big-endian and XORed with the tag before it.
 * A length of 0x3ff says that the thing is gone and no data follows; the id 0x3ff belongs to no file.
 */
#ifndef SKINK_TAG_H
#define SKINK_TAG_H

#include <stdbool.h>
#include <stdint.h>

enum tag_type {
    TAG_VALUE = 0x001,      /* name of a value (a regular file) */
    TAG_DICTIONARY = 0x002, /* name of a dictionary (a directory) */
    TAG_CONDEMNED = 0x0fe,  /* in a name's place: a dictionary that is being removed; see docs/format.md */
    TAG_SUPERBLOCK = 0x0ff, /* name of the superblock entry */
    TAG_DIRSTRUCT = 0x200,  /* pair of a dictionary: two le32 */
    TAG_INLINE = 0x201,     /* a value's bytes */
    TAG_CTZ = 0x202,        /* a value's last block and size: two le32 */
    TAG_ATTR = 0x300,       /* user attribute; its type is the chunk */
    TAG_CREATE = 0x401,     /* a new id; those at and above it move up */
    TAG_DELETE = 0x4ff,     /* an id is gone; those above it move down */
    TAG_CRC = 0x500,        /* end of a commit; the chunk's lowest bit flips the next valid bit */
    TAG_FCRC = 0x5ff,       /* forward CRC: size and CRC of the bytes behind this commit */
    TAG_SOFTTAIL = 0x600,   /* next pair of the thread, another directory's */
    TAG_HARDTAIL = 0x601,   /* next pair of the thread, of the same directory */
    TAG_MOVESTATE = 0x7ff   /* this pair's share of the global state */
};

#define TAG_NO_ID 0x3ffu
#define TAG_GONE 0x3ffu         /* as a length */
#define TAG_LENGTH_MAX 0x3feu   /* bytes */
#define TAG_FIRST 0xffffffffu   /* what a block's first tag is XORed with */
#define TAG_INVALID 0x80000000u /* the valid bit, set where a tag is not valid */
#define ATTR_TIME 0x74          /* the attribute that holds a value's timestamp */
#define ATTR_CHECK 0x76         /* the attribute that holds a value's checksum; see docs/format.md */
#define ATTR_CHECK_SIZE 12      /* bytes: last block le32, size le32, CRC-32 of the value le32 */
#define ATTR_TIME_SIZE 12       /* bytes: days le32, picoseconds le64 */

static inline uint32_t tag_make(uint32_t type, uint32_t id, uint32_t length) {
    return type << 20 | id << 10 | length;
}

static inline uint32_t tag_type(uint32_t tag) {
    return tag >> 20 & 0x7ff;
}

/* The abstract type: 0x000 name, 0x200 struct, 0x300 attribute, 0x400 splice, 0x500 crc, 0x600 tail. */
static inline uint32_t tag_type1(uint32_t tag) {
    return tag >> 20 & 0x700;
}

static inline uint32_t tag_chunk(uint32_t tag) {
    return tag >> 20 & 0xff;
}

static inline uint32_t tag_id(uint32_t tag) {
    return tag >> 10 & 0x3ff;
}

static inline uint32_t tag_length(uint32_t tag) {
    return tag & 0x3ff;
}

/* Bytes of data behind the tag. */
static inline uint32_t tag_data_size(uint32_t tag) {
    return tag_length(tag) == TAG_GONE ? 0 : tag_length(tag);
}

static inline bool tag_ends_commit(uint32_t tag) {
    return (tag >> 20 & 0x780) == TAG_CRC;
}

#endif
