/* SPDX-License-Identifier: ISC
 *
 * bench.h: skink and real littlefs at the same work, side by side, in one process, on devices in memory.
 *
 * Not installed; the Python package binds it for `powercut bench engine`.
 */
#ifndef ENGINES_BENCH_H
#define ENGINES_BENCH_H

#include "blockdev.h"

/* What is measured. docs/benchmarks.md says what one operation is. */
enum bench_workload {
    BENCH_CREATE = 1,           /* values are added, in the order of their names */
    BENCH_CREATE_SCATTERED = 2, /* values are added, in no order */
    BENCH_READ = 3,             /* a value is read by name */
    BENCH_EXISTS = 4,
    BENCH_OVERWRITE = 5,
    BENCH_REMOVE = 6,
    BENCH_LIST = 7,         /* one operation lists all */
    BENCH_WRITE = 8,        /* a value is replaced as a whole, over and over */
    BENCH_APPEND = 9,       /* row.piece bytes at a value's end */
    BENCH_REWRITE = 10,     /* row.piece bytes in a value's middle */
    BENCH_MOUNT = 11,       /* row.keys values in row.dictionaries dictionaries: open and close */
    BENCH_FIRST_WRITE = 12, /* the first value written after a mount of the same */
    BENCH_FULL = 13         /* a value is replaced while row.fill percent of the blocks are in use */
};

enum bench_engine { BENCH_SKINK = 0, BENCH_LITTLEFS = 1, BENCH_ENGINES = 2 };

struct bench_row {
    uint32_t workload;     /* enum bench_workload */
    uint32_t keys;         /* values there are: before the operations, or, of the create rows, after them */
    uint32_t dictionaries; /* over which keys are spread; 0: all of them in the root */
    uint32_t value_size;   /* bytes */
    uint32_t piece;        /* bytes */
    uint32_t fill;         /* percent */
    uint32_t operations;   /* in one pass */
    uint32_t rounds;       /* timed passes of each engine, in turns */
    uint32_t timestamps;   /* 1: each value carries one */
    uint32_t skink_fills;  /* 1: skink prepares the store for both engines, where littlefs takes too long */
    uint32_t engines;      /* bits 1 << enum bench_engine: who takes part */
    struct bd_geometry geometry;
};

struct bench_figures {
    uint64_t operations;         /* done in one pass */
    uint64_t payload_bytes;      /* that one pass was asked to write */
    uint64_t best_ns, median_ns; /* of the passes, in processor time */
    uint64_t worst_ns;           /* the slowest single operation, taking for each the faster of two passes */
    uint64_t worst_bytes;        /* the most bytes that a single operation read, programmed and erased */
    struct bd_counts counts;     /* what the device saw in one pass; the same in each */
    uint64_t memory_bytes;       /* in use at the end of a pass, with the store open */
    uint64_t empty_bytes;        /* the same with an empty store on that device */
    uint64_t keys;               /* values in the store at the end of a pass */
};

struct bench;

/* Loads littlefs from the path of littlefs-python's compiled module, and refuses any other build; NULL for
 * skink alone. NULL on failure, and one sentence in ret_text. */
struct bench *bench_new(const char *littlefs_path, char *ret_text, size_t text_size);
void bench_free(struct bench *bench);

/* Measures one row. ret_figures has one for each engine; of those who take no part it is left as it was.
 * What was prepared is kept for the next row that begins with the same store. 0; or -1, and one sentence in
 * ret_text. */
int bench_measure(struct bench *bench, const struct bench_row *row, struct bench_figures *ret_figures,
                  char *ret_text, size_t text_size);

#endif
