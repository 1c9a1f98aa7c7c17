/* SPDX-License-Identifier: ISC
 *
 * bench.c: one row: prepared stores, and which pass of which engine comes when.
 */
#include "bench.h"

#include "../littlefs/library.h"
#include "pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a row begins with. */
struct prepared {
    uint8_t *image; /* NULL: none yet */
    size_t size;
    uint32_t keys;        /* values in it */
    uint64_t empty_bytes; /* memory in use over an empty store on this device */
    struct bench_row row; /* what it was made for */
};

struct bench {
    const struct lfs_functions *littlefs; /* NULL: skink alone */
    struct prepared prepared[BENCH_ENGINES];
};

/* What one engine measures with. */
struct stand {
    struct bd ram, counted;
    struct subject plain, counting; /* the second keeps account of its memory */
    struct pass pass;
    uint64_t *each_ns, *round_ns;
};

struct bench *bench_new(const char *littlefs_path, char *ret_text, size_t text_size) {
    struct bench *bench = calloc(1, sizeof(*bench));

    if (bench == NULL) {
        (void)snprintf(ret_text, text_size, "there is not enough memory");
        return NULL;
    }
    if (littlefs_path != NULL) {
        bench->littlefs = littlefs_load(littlefs_path, ret_text, text_size);
        if (bench->littlefs == NULL) {
            free(bench);
            return NULL;
        }
    }
    return bench;
}

void bench_free(struct bench *bench) {
    if (bench != NULL) {
        for (int i = 0; i < BENCH_ENGINES; i++) {
            free(bench->prepared[i].image);
        }
        free(bench);
    }
}

static int subject_new(const struct bench *bench, int engine, uint32_t timestamps, int counting,
                       struct subject *ret_subject) {
    int timed = timestamps != 0;

    return engine == BENCH_SKINK ? subject_skink(timed, counting, ret_subject)
                                 : subject_littlefs(bench->littlefs, timed, ret_subject);
}

static void subject_free(struct subject *subject) {
    if (subject->ops != NULL) {
        subject->ops->free(subject->self);
    }
}

static void stand_release(struct stand *stand) {
    subject_free(&stand->plain);
    subject_free(&stand->counting);
    bd_close(&stand->counted);
    bd_close(&stand->ram);
    free(stand->pass.work.value);
    free(stand->pass.work.answer);
    free(stand->each_ns);
    free(stand->round_ns);
}

/* Bytes that do not compress, the same on every machine. */
static void fill_value(uint8_t *value, uint32_t size) {
    uint32_t state = 2463534242u;

    for (uint32_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        value[i] = (uint8_t)state;
    }
}

/* What was made when this fails goes with stand_release. */
static int stand_init(const struct bench *bench, const struct bench_row *row, int engine,
                      struct stand *stand) {
    uint32_t longest = row->value_size > row->piece ? row->value_size : row->piece;
    struct work *work = &stand->pass.work;

    work->value = malloc((size_t)longest + 1);
    work->answer = malloc((size_t)longest + 1);
    stand->each_ns = calloc(row->operations, sizeof(*stand->each_ns));
    stand->round_ns = calloc(row->rounds, sizeof(*stand->round_ns));
    if (work->value == NULL || work->answer == NULL || stand->each_ns == NULL || stand->round_ns == NULL ||
        bd_ram_open(&row->geometry, &stand->ram) != BD_OK ||
        bd_count_open(&stand->ram, &stand->counted) != BD_OK ||
        subject_new(bench, engine, row->timestamps, 0, &stand->plain) != 0 ||
        subject_new(bench, engine, row->timestamps, 1, &stand->counting) != 0) {
        return -1;
    }
    fill_value(work->value, longest);
    work->row = row;
    work->bytes = bd_ram_bytes(&stand->ram);
    work->dev = &stand->ram;
    work->subject = stand->plain;
    work->stride = work_stride(row->keys);
    stand->pass.workload = workload_find(row->workload);
    stand->pass.clock_cost = pass_clock_cost();
    return 0;
}

/* --- prepared stores ---------------------------------------------------------------------------------- */

static int is_create(const struct bench_row *row) {
    return row->workload == BENCH_CREATE || row->workload == BENCH_CREATE_SCATTERED;
}

static int begin_alike(const struct bench_row *a, const struct bench_row *b) {
    int same_kind = is_create(a) || is_create(b)
                        ? a->workload == b->workload && a->operations == b->operations
                        : (a->workload == BENCH_FULL) == (b->workload == BENCH_FULL);

    return same_kind && a->keys == b->keys && a->dictionaries == b->dictionaries &&
           a->value_size == b->value_size && a->fill == b->fill && a->timestamps == b->timestamps &&
           a->skink_fills == b->skink_fills && memcmp(&a->geometry, &b->geometry, sizeof(a->geometry)) == 0;
}

/* Memory in use over an empty store. */
static int measure_empty(struct stand *stand, uint64_t *ret_bytes) {
    const struct subject_ops *ops = stand->counting.ops;
    void *self = stand->counting.self;
    int code = ops->format(self, &stand->ram);

    if (code == 0) {
        code = ops->open(self, &stand->ram);
    }
    *ret_bytes = ops->memory(self);
    ops->close(self);
    return code;
}

/* Makes the store, by skink for both engines where the row says so. */
static int prepare(struct bench *bench, const struct bench_row *row, int engine, struct stand *stand) {
    struct prepared *prepared = &bench->prepared[engine];
    size_t size = (size_t)row->geometry.block_size * row->geometry.block_count;
    struct subject own = stand->plain, maker = {0};
    int code;

    free(prepared->image);
    *prepared = (struct prepared){.image = malloc(size), .size = size, .row = *row};
    if (prepared->image == NULL || measure_empty(stand, &prepared->empty_bytes) != 0) {
        (void)snprintf(stand->pass.text, stand->pass.text_size, "%s cannot make an empty store here",
                       own.ops->name);
        return -1;
    }
    if (row->skink_fills) {
        if (subject_skink(row->timestamps != 0, 0, &maker) != 0) {
            (void)snprintf(stand->pass.text, stand->pass.text_size, "there is not enough memory");
            return -1;
        }
        stand->pass.work.subject = maker;
    }
    code = pass_prepare(&stand->pass);
    stand->pass.work.subject = own;
    subject_free(&maker);
    memcpy(prepared->image, stand->pass.work.bytes, size);
    prepared->keys = stand->pass.work.keys;
    return code;
}

/* The prepared store for this row, made now or for a row before. */
static int prepared_for(struct bench *bench, const struct bench_row *row, int engine, struct stand *stand) {
    struct prepared *prepared = &bench->prepared[engine];

    if (prepared->image == NULL || !begin_alike(&prepared->row, row)) {
        if (prepare(bench, row, engine, stand) != 0) {
            free(prepared->image);
            prepared->image = NULL;
            return -1;
        }
    }
    stand->pass.work.image = prepared->image;
    stand->pass.work.keys = prepared->keys;
    return 0;
}

/* --- a row -------------------------------------------------------------------------------------------- */

static int compare_ns(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The passes that say what happened: counts, memory, the slowest operation. */
static int look(struct stand *stand, struct bench_figures *figures) {
    struct pass *pass = &stand->pass;
    int code;

    pass->work.dev = &stand->counted;
    pass->work.subject = stand->counting;
    pass->counter = &stand->counted;
    code = pass_count(pass, figures, stand->each_ns);
    pass->work.dev = &stand->ram;
    pass->work.subject = stand->plain;
    pass->counter = NULL;
    if (code == 0) {
        code = pass_latency(pass, stand->each_ns);
    }
    for (uint32_t i = 0; code == 0 && i < pass->work.row->operations; i++) {
        figures->worst_ns = stand->each_ns[i] > figures->worst_ns ? stand->each_ns[i] : figures->worst_ns;
    }
    return code;
}

static int race(struct stand stands[BENCH_ENGINES], const struct bench_row *row,
                struct bench_figures *figures) {
    for (uint32_t round = 0; round < row->rounds; round++) {
        for (int engine = 0; engine < BENCH_ENGINES; engine++) {
            if ((row->engines & 1u << engine) != 0 &&
                pass_time(&stands[engine].pass, &stands[engine].round_ns[round]) != 0) {
                return -1;
            }
        }
    }
    for (int engine = 0; engine < BENCH_ENGINES; engine++) {
        if ((row->engines & 1u << engine) != 0) {
            qsort(stands[engine].round_ns, row->rounds, sizeof(uint64_t), compare_ns);
            figures[engine].best_ns = stands[engine].round_ns[0];
            figures[engine].median_ns = stands[engine].round_ns[row->rounds / 2];
        }
    }
    return 0;
}

static int measure(struct bench *bench, const struct bench_row *row, struct stand stands[BENCH_ENGINES],
                   struct bench_figures *figures) {
    for (int engine = 0; engine < BENCH_ENGINES; engine++) {
        if ((row->engines & 1u << engine) != 0) {
            if (prepared_for(bench, row, engine, &stands[engine]) != 0 ||
                look(&stands[engine], &figures[engine]) != 0) {
                return -1;
            }
            figures[engine].empty_bytes = bench->prepared[engine].empty_bytes;
        }
    }
    return race(stands, row, figures);
}

/* NULL if the row can be measured. */
static const char *complaint(const struct bench *bench, const struct bench_row *row) {
    if (workload_find(row->workload) == NULL) {
        return "there is no such workload";
    }
    if (row->operations == 0 || row->rounds == 0 || row->keys == 0 || row->keys > 100000) {
        return "a row has at least one operation, one round and one key, and at most 100000 keys";
    }
    if (is_create(row) && row->operations > row->keys) {
        return "more values cannot be created than there are keys";
    }
    if (row->engines == 0 || row->engines >= 1u << BENCH_ENGINES ||
        ((row->engines & 1u << BENCH_LITTLEFS) != 0 && bench->littlefs == NULL)) {
        return "an engine of this row is not there";
    }
    return bd_geometry_check(&row->geometry) == BD_OK ? NULL : "this geometry cannot be";
}

int bench_measure(struct bench *bench, const struct bench_row *row, struct bench_figures *ret_figures,
                  char *ret_text, size_t text_size) {
    struct bench_figures figures[BENCH_ENGINES] = {{0}};
    struct stand stands[BENCH_ENGINES];
    const char *why = complaint(bench, row);
    int code = why == NULL ? 0 : -1;

    memset(stands, 0, sizeof(stands));
    if (why != NULL) {
        (void)snprintf(ret_text, text_size, "%s", why);
    }
    for (int engine = 0; code == 0 && engine < BENCH_ENGINES; engine++) {
        if ((row->engines & 1u << engine) != 0) {
            code = stand_init(bench, row, engine, &stands[engine]);
            stands[engine].pass.text = ret_text;
            stands[engine].pass.text_size = text_size;
            if (code != 0) {
                (void)snprintf(ret_text, text_size, "there is not enough memory");
            }
        }
    }
    if (code == 0) {
        code = measure(bench, row, stands, figures);
    }
    for (int engine = 0; engine < BENCH_ENGINES; engine++) {
        if (code == 0 && (row->engines & 1u << engine) != 0) {
            ret_figures[engine] = figures[engine];
        }
        stand_release(&stands[engine]);
    }
    return code;
}
