/* SPDX-License-Identifier: ISC
 *
 * records.c: what is in a body: records, in any order, one after the other. Little-endian:
 *
 *     bytes of the name (2), bytes of the value (4), days (4), picoseconds (8), name, value
 */
#include "plain.h"

#include <string.h>

#define RECORD 18u

uint64_t plain_get_le(const uint8_t *at, unsigned size) {
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

void plain_put_le(uint8_t *at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

int plain_next(const struct plain *plain, size_t *at, struct record *ret) {
    const uint8_t *p = plain->body + *at;
    size_t left = plain_size(plain) - *at, name_len, value_len;

    if (left < RECORD) {
        return 0;
    }
    name_len = (size_t)plain_get_le(p, 2);
    value_len = (size_t)plain_get_le(p + 2, 4);
    if (name_len > left - RECORD || value_len > left - RECORD - name_len) {
        return 0;
    }
    *ret = (struct record){(const char *)p + RECORD,
                           name_len,
                           {(uint32_t)plain_get_le(p + 6, 4), plain_get_le(p + 10, 8)},
                           p + RECORD + name_len,
                           value_len};
    *at += RECORD + name_len + value_len;
    return 1;
}

static size_t record_size(const struct record *record) {
    return RECORD + record->name_len + record->value_len;
}

static size_t put_record(uint8_t *p, const struct record *record) {
    plain_put_le(p, record->name_len, 2);
    plain_put_le(p + 2, record->value_len, 4);
    plain_put_le(p + 6, record->time.days, 4);
    plain_put_le(p + 10, record->time.picoseconds, 8);
    memcpy(p + RECORD, record->name, record->name_len);
    if (record->value_len > 0) {
        memcpy(p + RECORD + record->name_len, record->value, record->value_len);
    }
    return record_size(record);
}

int plain_compare(const struct record *a, const struct record *b) {
    int order = memcmp(a->name, b->name, a->name_len < b->name_len ? a->name_len : b->name_len);

    return order != 0 ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

int plain_find(const struct plain *plain, struct record *wanted) {
    struct record each;

    for (size_t at = 0; plain_next(plain, &at, &each);) {
        if (plain_compare(&each, wanted) == 0) {
            *wanted = each;
            return 1;
        }
    }
    return 0;
}

int plain_is_sound(const struct plain *plain) {
    struct record each, first;
    size_t at = 0;

    while (plain_next(plain, &at, &each)) {
        first = each;
        if (!plain_find(plain, &first) || first.name != each.name) {
            return 0;
        }
    }
    return at == plain_size(plain);
}

static int is_kept(const struct record *each, const struct record *gone, const struct record *put) {
    return plain_compare(each, gone) != 0 && (put == NULL || plain_compare(each, put) != 0);
}

int plain_change(struct plain *plain, const struct record *gone, const struct record *put) {
    size_t size = put == NULL ? 0 : record_size(put);
    struct record each;
    uint8_t *body;

    for (size_t at = 0; plain_next(plain, &at, &each);) {
        size += is_kept(&each, gone, put) ? record_size(&each) : 0;
    }
    if (size > plain_room(plain)) {
        return PC_NO_SPACE;
    }
    body = plain_new_body(&plain->dev, size);
    if (body == NULL) {
        return PC_NO_MEMORY;
    }
    size = put == NULL ? 0 : put_record(body, put);
    for (size_t at = 0; plain_next(plain, &at, &each);) {
        size += is_kept(&each, gone, put) ? put_record(body + size, &each) : 0;
    }
    return plain_commit(plain, body, size);
}
