/* SPDX-License-Identifier: ISC
 *
 * crc32.c: the checksum, eight bytes at a step.
 */
#include "crc32.h"

#include "bytes.h"
#include "crc32_table.h"

uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t size) {
    while (size >= 8) {
        uint32_t a = crc ^ get_le32(bytes);
        uint32_t b = get_le32(bytes + 4);
        crc = crc32_table[7][a & 0xff] ^ crc32_table[6][a >> 8 & 0xff] ^ crc32_table[5][a >> 16 & 0xff] ^
              crc32_table[4][a >> 24] ^ crc32_table[3][b & 0xff] ^ crc32_table[2][b >> 8 & 0xff] ^
              crc32_table[1][b >> 16 & 0xff] ^ crc32_table[0][b >> 24];
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
