/* SPDX-License-Identifier: ISC
 *
 * bench_explore.c: how many crash states a second the explorer judges.
 *
 *     bench_explore ENGINE.so [BLOCK_SIZE [OPERATIONS [JOBS [BLOCKS]]]]
 *
 * Each line is one set of probes: states a second and the time per state, both of processor time. In place of a
 * library `nothing` is an engine that does next to nothing, so that what is left is the explorer's own share.
 */
#define _DEFAULT_SOURCE

#include "workload.h"

#include <time.h>

/* --- an engine that does next to nothing ----------------------------------------------------------- */

enum { NOTHING_ENTRIES = 14 };

static int nothing_format(const struct bd *dev, const struct pc_options *options) {
    (void)dev;
    (void)options;
    return PC_OK;
}

static int nothing_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    (void)options;
    *ret_store = (void *)(uintptr_t)dev;
    return PC_OK;
}

static void nothing_unmount(void *store) {
    (void)store;
}

/* Three writes; for the write probe one, which visit finds again. */
static int nothing_apply(void *store, const struct pc_op *op, struct pc_reply *reply) {
    const struct bd *dev = store;
    uint8_t bytes[16];
    uint32_t block = 1 + op->now.days % 97;

    (void)reply;
    if (op->kind < PC_OP_SET) {
        return PC_OK;
    }
    if (op->key_len == strlen(PC_PROBE_KEY)) {
        return bd_prog(dev, 0, 0, PC_PROBE_KEY "  ", 16) == BD_OK ? PC_OK : PC_IO;
    }
    memset(bytes, (int)op->now.days, sizeof(bytes));
    for (uint32_t i = 0; i < 3; i++) {
        if (bd_prog(dev, block, 16 * i, bytes, 16) != BD_OK) {
            return PC_IO;
        }
    }
    return PC_OK;
}

static int nothing_visit(void *store, pc_visit_fn fn, void *ctx) {
    static const char keys[] = "directory/key-abcdefghijklmnopqrstuvwxyz, the value of sixty-four bytes";
    struct pc_entry entry = {.kind = PC_VALUE, .has_time = 1, .data = (const uint8_t *)keys, .size = 64};
    uint8_t bytes[16];

    for (uint32_t i = 0; i < NOTHING_ENTRIES; i++) {
        entry.key = keys + i;
        entry.key_len = 15;
        (void)fn(ctx, &entry);
    }
    if (bd_read(store, 0, 0, bytes, 16) != BD_OK || memcmp(bytes, PC_PROBE_KEY, 14) != 0) {
        return PC_OK;
    }
    entry.key = PC_PROBE_KEY;
    entry.data = (const uint8_t *)PC_PROBE_KEY;
    entry.key_len = entry.size = strlen(PC_PROBE_KEY);
    return fn(ctx, &entry);
}

static int nothing_facts(void *store, struct pc_facts *ret_facts) {
    (void)store;
    *ret_facts = (struct pc_facts){255, 1000};
    return PC_OK;
}

static const struct pc_engine nothing = {
    .abi_version = PC_ABI_VERSION,
    .capabilities = PC_CAN_TIMESTAMPS,
    .durability = PC_DURABLE_ON_RETURN,
    .name = "nothing",
    .version = "0",
    .format = nothing_format,
    .mount = nothing_mount,
    .unmount = nothing_unmount,
    .apply = nothing_apply,
    .visit = nothing_visit,
    .facts = nothing_facts,
};

/* --- the measurement ------------------------------------------------------------------------------- */

static double seconds_now(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The fastest of some explorations: what a busy machine adds is not the explorer's. */
static double explore_fastest(const struct pc_run *run, const struct pc_allowed *allowed,
                              const struct pc_explore_options *options, struct pc_count *ret_sum) {
    struct pc_explore_report report;
    double best = 0;

    for (int i = 0; i < 7; i++) {
        double begin = seconds_now(), took;

        if (pc_explore(run, allowed, options, &report) != PC_OK) {
            return 0;
        }
        took = seconds_now() - begin;
        if (report.violation_count > 0) {
            (void)fprintf(stderr, "%zu violations: these are not the times of an engine that works\n",
                          report.violation_count);
        }
        *ret_sum = report_sum(&report);
        pc_explore_report_release(&report);
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

static void measure(const struct pc_run *run, const struct pc_allowed *allowed, const char *what,
                    struct pc_explore_options options) {
    struct pc_count report;
    double took;

    options.last = UINT64_MAX;
    options.kinds = 1u << PC_FAULT_PREFIX;
    took = explore_fastest(run, allowed, &options, &report);
    if (took <= 0) {
        (void)fprintf(stderr, "out of memory\n");
        return;
    }
    (void)printf(
        "%-20s %8.0f states/s, %7.2f us per checked state (total %llu, checked %llu, no space %llu)\n", what,
        (double)report.total / took, 1e6 * took / (double)report.checked, (unsigned long long)report.total,
        (unsigned long long)report.checked, (unsigned long long)report.no_space);
}

static int bench(const struct pc_engine *engine, const struct pc_run_options *options,
                 const struct workload *w, uint32_t jobs) {
    struct pc_hash *states = workload_states(engine, &options->geometry, w);
    size_t first[WORKLOAD_MAX + 2];
    struct pc_allowed allowed = workload_allowed(states, w->count, first);
    struct pc_run *run;
    int code = states == NULL ? PC_NO_MEMORY : pc_run_record(engine, options, w->ops, w->count, &run);

    if (code != PC_OK) {
        (void)fprintf(stderr, "no run: %s\n", pc_code_name(code));
        free(states);
        return 1;
    }
    measure(run, &allowed, "mount, read", (struct pc_explore_options){.jobs = jobs});
    measure(run, &allowed, "and second mount", (struct pc_explore_options){.jobs = jobs, .probes = 1});
    measure(run, &allowed, "and write", (struct pc_explore_options){.jobs = jobs, .probes = 3});
    measure(run, &allowed, "and check", (struct pc_explore_options){.jobs = jobs, .probes = 7});
    pc_run_free(run);
    free(states);
    return 0;
}

int main(int argc, char **argv) {
    static struct workload w;
    const struct pc_engine *engine = &nothing;
    struct pc_run_options options = {.geometry = {16, 16, 512, 256, 0xff}};
    uint32_t jobs = 1;
    char text[256];

    if (argc < 2 ||
        (strcmp(argv[1], "nothing") != 0 && pc_engine_load(argv[1], &engine, text, sizeof(text)) != PC_OK)) {
        (void)fprintf(stderr,
                      "usage: bench_explore ENGINE.so [BLOCK_SIZE [OPERATIONS [JOBS [BLOCKS]]]]\n%s\n",
                      argc < 2 ? "" : text);
        return 2;
    }
    if (argc > 2) {
        options.geometry.block_size = (uint32_t)strtoul(argv[2], NULL, 10);
    }
    workload_fill(&w, 1, argc > 3 ? strtoul(argv[3], NULL, 10) % WORKLOAD_MAX : 100, 200);
    if (argc > 4) {
        jobs = (uint32_t)strtoul(argv[4], NULL, 10);
    }
    if (argc > 5) {
        options.geometry.block_count = (uint32_t)strtoul(argv[5], NULL, 10);
    }
    return bench(engine, &options, &w, jobs);
}
