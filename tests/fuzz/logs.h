/* SPDX-License-Identifier: ISC */
/* logs.h: metadata blocks taken apart and put together again, apart from the engine and after the format's
 * description (docs/format.md), so that a changed block still has checksums that are right. */
#ifndef LOGS_H
#define LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDS_MAX 160u
#define LOG_BLOCK_MAX 4096u

/* One tag, the valid bit taken out, and where its data is in the block it came from. */
struct record {
    uint32_t type, id, length; /* 11, 10 and 10 bits */
    uint8_t data[64];          /* its first bytes, where `own` is set: the data, zeros behind */
    const uint8_t *from;       /* else the data, from_size bytes of it */
    uint32_t from_size;
    bool own;
};

struct log_parts {
    uint8_t block[LOG_BLOCK_MAX]; /* a copy of the block */
    uint32_t block_size;
    uint32_t count;
    struct record records[RECORDS_MAX];
};

/* Takes a block apart. false: it is no log: no CRC tag is reached over tags of known types. */
bool log_take_apart(struct log_parts *parts, const uint8_t *block, uint32_t block_size);

/* Writes the records as a log into the block, as many as fit, each commit padded to a multiple of `align`
 * bytes; checksums are made by log_repair. */
void log_put_together(const struct log_parts *parts, uint8_t *block, uint32_t align);

/* Where the block is a log, makes its CRCs right and, if asked for, its forward CRCs and valid bits. */
void log_repair(uint8_t *block, uint32_t block_size, bool forward);

#endif
