/* SPDX-License-Identifier: ISC
 *
 * fingerprint.c: 128-bit hashes of bytes, entries, stores and answers.
 *
 * Input is taken in stripes of four little-endian words, one word per lane; each word also goes into its
 * neighbour's lane, so that no difference lives in 64 bits of state alone. What follows another part
 * begins on a stripe of its own, behind a header that says how long the parts are: two different inputs
 * never make the same stripes. Not meant to withstand somebody who looks for collisions.
 */
#include "powercut.h"

#define STRIPE 32u

/* Odd constants with no pattern: the fractional parts of the square roots of 2, 3, 5, 7, 11, 13. */
#define K0 UINT64_C(0x6a09e667f3bcc909)
#define K1 UINT64_C(0xbb67ae8584caa73b)
#define K2 UINT64_C(0x3c6ef372fe94f82b)
#define K3 UINT64_C(0xa54ff53a5f1d36f1)
#define K4 UINT64_C(0x510e527fade682d1)
#define K5 UINT64_C(0x9b05688c2b3e6c1f)

/* What a hash is about; no two are ever equal but by chance. */
enum domain { DOMAIN_BYTES = 1, DOMAIN_ENTRY = 2, DOMAIN_ANSWER = 3 };

struct lanes {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

/* Written so that compilers see one load on a little-endian machine. */
static uint64_t get_le64(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static uint64_t get_le32(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* The first `size` bytes of a word, the others 0. Where two loads overlap they say the same. */
static uint64_t get_part(const uint8_t *p, uint64_t size) {
    if (size >= 8) {
        return get_le64(p);
    }
    if (size >= 4) {
        return get_le32(p) | get_le32(p + size - 4) << 8 * (size - 4);
    }
    if (size >= 2) {
        return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[size - 1] << 8 * (size - 1);
    }
    return size == 1 ? p[0] : 0;
}

static struct lanes lanes_init(enum domain domain, uint64_t seed) {
    return (struct lanes){seed + K2, rotate(seed, 32) ^ K3, (uint64_t)domain * K4, ~(uint64_t)domain * K5};
}

/* Inline, so that the lanes stay in registers: this is where a fingerprint's time goes. */
static inline void take_words(struct lanes *s, uint64_t w, uint64_t x, uint64_t y, uint64_t z) {
    s->a = rotate(s->a + w * K1, 29) * K0 + x;
    s->b = rotate(s->b + x * K1, 31) * K0 + y;
    s->c = rotate(s->c + y * K1, 33) * K0 + z;
    s->d = rotate(s->d + z * K1, 37) * K0 + w;
}

/* Bytes, filled up with zeros to whole stripes. */
static inline void take_bytes(struct lanes *s, const void *bytes, uint64_t size) {
    const uint8_t *p = bytes;

    for (; size >= STRIPE; size -= STRIPE, p += STRIPE) {
        take_words(s, get_le64(p), get_le64(p + 8), get_le64(p + 16), get_le64(p + 24));
    }
    if (size > 16) {
        take_words(s, get_le64(p), get_le64(p + 8), get_part(p + 16, size - 16),
                   size > 24 ? get_part(p + 24, size - 24) : 0);
    } else if (size > 0) {
        take_words(s, get_part(p, size), size > 8 ? get_part(p + 8, size - 8) : 0, 0, 0);
    }
}

/* Every input bit to every output bit. */
static uint64_t finish(uint64_t x) {
    x = (x ^ x >> 32) * K1;
    x = (x ^ x >> 29) * K3;
    return x ^ x >> 32;
}

static uint64_t fold(uint64_t h, uint64_t lane, uint64_t factor) {
    h = (h ^ lane) * factor;
    return h ^ h >> 31;
}

static inline struct pc_hash lanes_hash(const struct lanes *s, uint64_t size) {
    uint64_t lo = fold(fold(fold(fold(size * K5, s->a, K1), s->b, K3), s->c, K1), s->d, K3);
    uint64_t hi = fold(fold(fold(fold(size + K4, s->c, K5), s->a, K0), s->d, K5), s->b, K0);

    return (struct pc_hash){finish(lo), finish(hi)};
}

struct pc_hash pc_hash_bytes(const void *bytes, size_t size, uint64_t seed) {
    struct lanes s = lanes_init(DOMAIN_BYTES, seed);

    take_bytes(&s, bytes, size);
    return lanes_hash(&s, size);
}

struct pc_hash pc_hash_add(struct pc_hash a, struct pc_hash b) {
    uint64_t lo = a.lo + b.lo;

    return (struct pc_hash){lo, a.hi + b.hi + (lo < a.lo)};
}

struct pc_hash pc_hash_sub(struct pc_hash a, struct pc_hash b) {
    return (struct pc_hash){a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo)};
}

struct pc_hash pc_hash_entry(const struct pc_entry *entry) {
    int value = entry->kind == PC_VALUE;
    int timed = value && entry->has_time != 0;
    uint64_t size = value ? entry->size : 0;
    struct lanes s = lanes_init(DOMAIN_ENTRY, entry->kind);

    take_words(&s, entry->key_len, size, (uint64_t)(timed ? entry->time.days : 0) << 1 | (uint64_t)timed,
               timed ? entry->time.picoseconds : 0);
    take_bytes(&s, entry->key, entry->key_len);
    take_bytes(&s, entry->data, size);
    return lanes_hash(&s, size);
}

struct pc_hash pc_hash_answer(uint32_t op_kind, uint64_t a, uint64_t b, const void *bytes, size_t size) {
    struct lanes s = lanes_init(DOMAIN_ANSWER, op_kind);

    take_words(&s, op_kind, a, b, size);
    take_bytes(&s, bytes, size);
    return lanes_hash(&s, size);
}
