/* SPDX-License-Identifier: ISC
 *
 * sha256.h: SHA-256 (FIPS 180-4), for digests of values and dictionaries.
 */
#ifndef SKINK_SHA256_H
#define SKINK_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
    uint32_t h[8];
    uint64_t size;    /* bytes so far */
    uint8_t tail[64]; /* the last size % 64 of them */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *bytes, size_t size);
void sha256_final(struct sha256 *s, uint8_t ret_digest[SHA256_SIZE]);

#endif
