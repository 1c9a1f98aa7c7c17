/* SPDX-License-Identifier: ISC */
/* logs.c: metadata blocks taken apart, put together, and given checksums that are right. */
#include "logs.h"

#include <string.h>

#define GONE 0x3ffu

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static uint32_t le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_le32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* The format's CRC-32 (polynomial 0x04c11db7, reflected), four bits at a time. */
static uint32_t checksum(const uint8_t *bytes, size_t size) {
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t v = i;
        for (int bit = 0; bit < 4; bit++) {
            v = v >> 1 ^ ((v & 1) != 0 ? 0xedb88320u : 0);
        }
        table[i] = v;
    }
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 4 ^ table[(crc ^ bytes[i]) & 15];
        crc = crc >> 4 ^ table[(crc ^ (uint32_t)bytes[i] >> 4) & 15];
    }
    return crc;
}

static bool is_crc(uint32_t type) {
    return (type & 0x780) == 0x500;
}

static bool is_known(uint32_t type) {
    uint32_t chunk = type & 0xff;
    switch (type & 0x700) {
    case 0x000:
        return chunk == 1 || chunk == 2 || chunk == 0xff;
    case 0x200:
        return chunk <= 2;
    case 0x300:
        return true;
    case 0x400:
        return chunk == 1 || chunk == 0xff;
    case 0x500:
        return chunk <= 3 || chunk == 0xff;
    case 0x600:
        return chunk <= 1;
    case 0x700:
        return chunk == 0xff;
    default:
        return false;
    }
}

static uint32_t data_size(uint32_t length) {
    return length == GONE ? 0 : length;
}

/* One step over the tags of a block. */
struct walk {
    uint32_t off, prev;
    uint32_t type, id, length, data, next; /* of the tag at off; next: where the one behind it is */
};

static bool walk_tag(struct walk *w, const uint8_t *block, uint32_t block_size) {
    if (w->off + 4 > block_size) {
        return false;
    }
    uint32_t tag = be32(block + w->off) ^ w->prev;
    w->type = tag >> 20 & 0x7ff;
    w->id = tag >> 10 & 0x3ff;
    w->length = tag & 0x3ff;
    w->data = w->off + 4;
    w->next = w->data + data_size(w->length);
    if (tag >> 31 != 0 || w->next > block_size || (is_crc(w->type) && w->length < 4)) {
        return false;
    }
    w->prev = is_crc(w->type) ? tag ^ (w->type & 1) << 31 : tag;
    return true;
}

bool log_take_apart(struct log_parts *parts, const uint8_t *block, uint32_t block_size) {
    struct walk w = {4, 0xffffffffu, 0, 0, 0, 0, 0};
    uint32_t whole = 0;
    parts->count = 0;
    parts->block_size = block_size;
    memcpy(parts->block, block, block_size);
    while (parts->count < RECORDS_MAX && walk_tag(&w, block, block_size)) {
        if (whole == 0 && !is_known(w.type)) {
            return false;
        }
        struct record *r = &parts->records[parts->count++];
        memset(r, 0, sizeof(*r));
        r->type = w.type;
        r->id = w.id;
        r->length = w.length;
        r->from = parts->block + w.data;
        r->from_size = w.next - w.data;
        whole = is_crc(w.type) ? parts->count : whole;
        w.off = w.next;
    }
    parts->count = whole;
    return whole != 0;
}

/* The length of a CRC tag at off that pads its commit to a multiple of align; its own where there is none. */
static uint32_t padded_length(uint32_t off, uint32_t length, uint32_t align) {
    uint32_t end = (off + 8 + align - 1) / align * align;
    return end - off - 4 < GONE ? end - off - 4 : length;
}

void log_put_together(const struct log_parts *parts, uint8_t *block, uint32_t align) {
    uint32_t off = 4;
    uint32_t prev = 0xffffffffu;
    memset(block + 4, 0xff, parts->block_size - 4);
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct record *r = &parts->records[i];
        uint32_t length = is_crc(r->type) ? padded_length(off, r->length, align) : r->length & 0x3ff;
        uint32_t size = data_size(length);
        if (off + 4 + size > parts->block_size) {
            return;
        }
        uint32_t tag = (r->type & 0x7ff) << 20 | (r->id & 0x3ff) << 10 | length;
        store_be32(block + off, tag ^ prev);
        const uint8_t *from = r->own ? r->data : r->from;
        uint32_t have = r->own ? (uint32_t)sizeof(r->data) : r->from_size;
        memset(block + off + 4, 0, size);
        memcpy(block + off + 4, from, have < size ? have : size);
        prev = is_crc(r->type) ? tag ^ (r->type & 1) << 31 : tag;
        off += 4 + size;
    }
}

/* The forward CRC that a commit which ends at `end` should have, over the size it names. */
static void repair_forward(uint8_t *block, uint32_t block_size, uint32_t at, uint32_t end) {
    uint32_t size = le32(block + at);
    if (size <= block_size - end) {
        store_le32(block + at + 4, checksum(block + end, size));
    }
}

void log_repair(uint8_t *block, uint32_t block_size, bool forward) {
    struct walk w = {4, 0xffffffffu, 0, 0, 0, 0, 0};
    uint32_t start = 0;
    uint32_t fcrc = 0;
    while (walk_tag(&w, block, block_size)) {
        if (start == 0 && !is_known(w.type)) {
            return;
        }
        if (w.type == 0x5ff && w.length == 8) {
            fcrc = w.data;
        }
        if (is_crc(w.type)) {
            if (fcrc != 0 && forward) {
                repair_forward(block, block_size, fcrc, w.next);
            }
            store_le32(block + w.data, checksum(block + start, w.data - start));
            start = w.next;
            fcrc = 0;
        }
        w.off = w.next;
    }
}
