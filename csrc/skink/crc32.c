/* SPDX-License-Identifier: ISC
 *
 * crc32.c: the checksum, sixteen bytes at a step.
 */
#include "crc32.h"

#include "bytes.h"
#include "crc32_table.h"
#include "crc32_table_far.h"

/* What four bytes contribute that have `tables` for what follows each of them. */
static uint32_t step(const uint32_t tables[4][256], uint32_t word) {
    return tables[3][word & 0xff] ^ tables[2][word >> 8 & 0xff] ^ tables[1][word >> 16 & 0xff] ^
           tables[0][word >> 24];
}

uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t size) {
    while (size >= 16) {
        crc = step(crc32_table_far + 4, crc ^ get_le32(bytes)) ^ step(crc32_table_far, get_le32(bytes + 4)) ^
              step(crc32_table + 4, get_le32(bytes + 8)) ^ step(crc32_table, get_le32(bytes + 12));
        bytes += 16;
        size -= 16;
    }
    if (size >= 8) {
        crc = step(crc32_table + 4, crc ^ get_le32(bytes)) ^ step(crc32_table, get_le32(bytes + 4));
        bytes += 8;
        size -= 8;
    }
    while (size > 0) {
        crc = crc >> 8 ^ crc32_table[0][(crc ^ *bytes) & 0xff];
        bytes++;
        size--;
    }
    return crc;
}
