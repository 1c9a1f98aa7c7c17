/* SPDX-License-Identifier: ISC */
/* script.c: changes to an image: bytes, whole blocks, and the tags of a log. */
#include "script.h"

#include <string.h>

#include "logs.h"

struct step {
    uint8_t what, block, where, field;
    uint32_t value; /* 32 bits */
};

/* Numbers that tend to be wrong. */
static uint32_t interesting(uint32_t value, uint32_t block_count) {
    const uint32_t table[] = {0,           1,          2,          0x3fe,     0x3ff, block_count - 1,
                              block_count, 0x7fffffff, 0x80000000, 0xffffffff};
    return value >> 24 == 0xee ? table[(value & 0xff) % (sizeof(table) / sizeof(table[0]))] : value;
}

static uint32_t known_type(uint32_t value) {
    static const uint16_t types[] = {0x001, 0x002, 0x0ff, 0x200, 0x201, 0x202, 0x300, 0x374, 0x376,
                                     0x301, 0x401, 0x4ff, 0x500, 0x501, 0x5ff, 0x600, 0x601, 0x7ff};
    return value >> 8 == 0 ? types[value % (sizeof(types) / sizeof(types[0]))] : value & 0x7ff;
}

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* --- on records ---------------------------------------------------------------------------------- */

/* Gives a record data of its own, the old ones to begin with. */
static void record_own(struct record *r) {
    if (!r->own) {
        uint32_t size = r->from_size < sizeof(r->data) ? r->from_size : (uint32_t)sizeof(r->data);
        if (size > 0) {
            memcpy(r->data, r->from, size);
        }
        r->own = true;
    }
}

static void change_record(struct record *r, const struct step *s, uint32_t block_count) {
    uint32_t value = interesting(s->value, block_count);
    switch (s->field % 8) {
    case 0:
        r->type = known_type(s->value & 0xffff);
        break;
    case 1:
        r->id = value & 0x3ff;
        break;
    case 2:
        r->length = value & 0x3ff;
        break;
    case 3:
        r->id = (r->id + (s->value & 1 ? 1 : 0x3ff)) & 0x3ff;
        break;
    case 4:
        r->length = (r->length + (s->value & 1 ? 1 : 0x3ff)) & 0x3ff;
        break;
    case 5: /* a pointer or a size: one of the first words */
        record_own(r);
        put32(r->data + (size_t)4 * (s->field >> 3 & 3), value % (block_count + 2));
        break;
    case 6:
        record_own(r);
        put32(r->data + (size_t)4 * (s->field >> 3 & 3), value);
        break;
    default:
        record_own(r);
        r->data[(s->field >> 3 | (s->value & 0x100) >> 3) % sizeof(r->data)] = (uint8_t)s->value;
        break;
    }
}

static void insert_record(struct log_parts *parts, uint32_t at, const struct record *r) {
    if (parts->count < RECORDS_MAX) {
        memmove(&parts->records[at + 1], &parts->records[at], (parts->count - at) * sizeof(*r));
        parts->records[at] = *r;
        parts->count++;
    }
}

/* A record out of a step alone: a type, an id, two words of data. */
static struct record new_record(const struct step *s, uint32_t block_count) {
    struct record r;
    memset(&r, 0, sizeof(r));
    r.own = true;
    r.type = known_type(s->field % 18u);
    r.id = s->value & 0x3f;
    r.id = r.id == 0x3f ? 0x3ff : r.id;
    r.length = s->value >> 6 & 0x1f;
    r.length = r.length == 0x1f ? 0x3ff : r.length;
    put32(r.data, (s->value >> 11 & 0xff) % (block_count + 1));
    put32(r.data + 4, (s->value >> 19 & 0xff) % (block_count + 1));
    if (s->value >> 31 != 0) {
        put32(r.data, 'a' + (s->value >> 11 & 7)); /* as a name: one letter, zeros behind */
        put32(r.data + 4, s->value >> 14);
    }
    if (r.type < 0x100 && r.length != 0x3ff) {
        r.length = 1 + r.length % 8;
        r.data[0] = (uint8_t)('a' + (s->value >> 11 & 15));
        memset(r.data + 1, 'x', 7);
    }
    return r;
}

static void change_log(struct log_parts *parts, const struct step *s, uint32_t block_count) {
    uint32_t at = s->where % parts->count;
    struct record copy;
    switch (s->what % 16) {
    case 8:
        memmove(&parts->records[at], &parts->records[at + 1],
                (parts->count - at - 1) * sizeof(parts->records[0]));
        parts->count--;
        break;
    case 9:
        copy = parts->records[s->field % parts->count];
        insert_record(parts, at, &copy);
        break;
    case 10:
    case 11:
        copy = new_record(s, block_count);
        insert_record(parts, at, &copy);
        break;
    case 12:
        copy = parts->records[at];
        parts->records[at] = parts->records[s->field % parts->count];
        parts->records[s->field % parts->count] = copy;
        break;
    default:
        change_record(&parts->records[at], s, block_count);
        break;
    }
}

/* --- on blocks ----------------------------------------------------------------------------------- */

static void change_block(uint8_t *image, uint32_t block_size, uint32_t block_count, const struct step *s) {
    uint8_t *block = image + (size_t)(s->block % block_count) * block_size;
    uint8_t *other = image + (size_t)(s->where % block_count) * block_size;
    uint32_t off = (s->where | (uint32_t)s->field << 8) % block_size;
    switch (s->what % 16) {
    case 0:
        block[off] = (uint8_t)s->value;
        break;
    case 1:
        put32(block + (off & ~3u) % (block_size - 3), interesting(s->value, block_count));
        break;
    case 2:
        memmove(other, block, block_size);
        break;
    case 3:
        memset(block, s->field, block_size);
        break;
    case 4:
        put32(block, s->value);
        break;
    default:
        block[off] ^= (uint8_t)(1u << (s->value & 7));
        break;
    }
}

void script_step(uint8_t *image, const struct bd_geometry *geometry, const uint8_t step[STEP_SIZE]) {
    uint32_t block_size = geometry->block_size;
    uint32_t block_count = geometry->block_count;
    static _Thread_local struct log_parts parts; /* too large for a stack */
    struct step s = {step[0], step[1], step[2], step[3],
                     step[4] | (uint32_t)step[5] << 8 | (uint32_t)step[6] << 16 | (uint32_t)step[7] << 24};
    if (s.what % 16 < 6) {
        change_block(image, block_size, block_count, &s);
        return;
    }
    uint8_t *block = image + (size_t)(s.block % block_count) * block_size;
    if (log_take_apart(&parts, block, block_size)) {
        change_log(&parts, &s, block_count);
        log_put_together(&parts, block, geometry->prog_size);
        log_repair(block, block_size, true);
    }
}
