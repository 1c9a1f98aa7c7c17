/* SPDX-License-Identifier: ISC
 *
 * crc32.h: the format's checksum, CRC-32 with polynomial 0x04c11db7, reflected, no final inversion.
 */
#ifndef SKINK_CRC32_H
#define SKINK_CRC32_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_START 0xffffffffu

/* Continues crc (CRC32_START at first) over size bytes. */
uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t size);

#endif
