/* SPDX-License-Identifier: ISC */
/* shake.c: SHAKE-128 of a short text. See shake.h. */
#include "shake.h"

#include <stdio.h>
#include <string.h>

#define RATE 168u /* bytes between two permutations */

/* The round constants are made by a shift register, as FIPS 202 defines them. */
static uint64_t round_constant(uint8_t *lfsr) {
    uint64_t made = 0;

    for (unsigned j = 0; j < 7; j++) {
        if ((*lfsr & 1) != 0) {
            made ^= UINT64_C(1) << ((1u << j) - 1);
        }
        *lfsr = (uint8_t)((unsigned)*lfsr << 1 ^ ((*lfsr & 0x80) != 0 ? 0x71u : 0));
    }
    return made;
}

static uint64_t rotate(uint64_t x, unsigned by) {
    return by == 0 ? x : x << by | x >> (64 - by);
}

static void theta(uint64_t s[25]) {
    uint64_t c[5];

    for (unsigned x = 0; x < 5; x++) {
        c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
    }
    for (unsigned i = 0; i < 25; i++) {
        s[i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1);
    }
}

static void rho_pi(uint64_t s[25]) {
    unsigned x = 1;
    unsigned y = 0;
    uint64_t current = s[1];

    for (unsigned t = 0; t < 24; t++) {
        unsigned next = (2 * x + 3 * y) % 5;
        uint64_t kept;

        x = y;
        y = next;
        kept = s[x + 5 * y];
        s[x + 5 * y] = rotate(current, (t + 1) * (t + 2) / 2 % 64);
        current = kept;
    }
}

static void chi(uint64_t s[25]) {
    for (unsigned y = 0; y < 25; y += 5) {
        uint64_t row[5];

        memcpy(row, s + y, sizeof(row));
        for (unsigned x = 0; x < 5; x++) {
            s[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
    }
}

static void permute(uint64_t s[25]) {
    uint8_t lfsr = 1;

    for (unsigned round = 0; round < 24; round++) {
        theta(s);
        rho_pi(s);
        chi(s);
        s[0] ^= round_constant(&lfsr);
    }
}

void shake_value(uint32_t seed, uint8_t *ret_bytes, size_t size) {
    uint64_t s[25] = {0};
    char text[32];
    size_t length = (size_t)snprintf(text, sizeof(text), "powercut:%lu", (unsigned long)seed);

    for (size_t i = 0; i < length; i++) {
        s[i / 8] ^= (uint64_t)(uint8_t)text[i] << (8 * (i % 8));
    }
    s[length / 8] ^= UINT64_C(0x1f) << (8 * (length % 8));
    s[(RATE - 1) / 8] ^= UINT64_C(0x80) << (8 * ((RATE - 1) % 8));
    for (size_t i = 0; i < size; i++) {
        if (i % RATE == 0) {
            permute(s);
        }
        ret_bytes[i] = (uint8_t)(s[i % RATE / 8] >> (8 * (i % 8)));
    }
}
