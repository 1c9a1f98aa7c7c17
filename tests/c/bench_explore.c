/* SPDX-License-Identifier: ISC
 *
 * bench_explore.c: how many crash states a second the explorer judges, and what the engine's share is.
 *
 *     bench_explore ENGINE.so [BLOCK_SIZE [OPERATIONS [JOBS]]]
 *
 * Each line is one set of probes: states a second, and the time per state.

 */
#define _DEFAULT_SOURCE

#include "workload.h"

#include <time.h>

static double seconds_now(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void measure(const struct pc_run *run, const struct pc_hash *states, const char *what,
                    struct pc_explore_options options, size_t op_count) {
    struct pc_explore_report report;
    double begin = seconds_now(), took;

    options.last = UINT64_MAX;
    if (pc_explore(run, states, op_count + 1, &options, &report) != PC_OK) {
        (void)fprintf(stderr, "out of memory\n");
        return;
    }
    took = seconds_now() - begin;
    (void)printf(
        "%-28s %8.0f states/s  %8.2f us per checked state  (total %llu, checked %llu, identical %llu, "
        "no space %llu, violations %zu)\n",
        what, (double)report.total / took, 1e6 * took / (double)report.checked,
        (unsigned long long)report.total, (unsigned long long)report.checked,
        (unsigned long long)report.identical, (unsigned long long)report.no_space, report.violation_count);
    pc_explore_report_release(&report);
}

static int bench(const struct pc_engine *engine, const struct pc_run_options *options,
                 const struct workload *w, uint32_t jobs) {
    struct pc_hash *states = workload_states(engine, &options->geometry, w);
    struct pc_run *run;
    int code = states == NULL ? PC_NO_MEMORY : pc_run_record(engine, options, w->ops, w->count, &run);

    if (code != PC_OK) {
        (void)fprintf(stderr, "no run: %s\n", pc_code_name(code));
        free(states);
        return 1;
    }
    measure(run, states, "mount, read", (struct pc_explore_options){.jobs = jobs}, w->count);
    measure(run, states, "and second mount", (struct pc_explore_options){.jobs = jobs, .probes = 1},
            w->count);
    measure(run, states, "and write", (struct pc_explore_options){.jobs = jobs, .probes = 3}, w->count);
    measure(run, states, "and check", (struct pc_explore_options){.jobs = jobs, .probes = 7}, w->count);
    pc_run_free(run);
    free(states);
    return 0;
}

int main(int argc, char **argv) {
    static struct workload w;
    const struct pc_engine *engine;
    struct pc_run_options options = {.geometry = {16, 16, 512, 256, 0xff}};
    uint32_t jobs = 1;
    char text[256];

    if (argc < 2 || pc_engine_load(argv[1], &engine, text, sizeof(text)) != PC_OK) {
        (void)fprintf(stderr, "usage: bench_explore ENGINE.so [BLOCK_SIZE [OPERATIONS [JOBS]]]\n%s\n",
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
    return bench(engine, &options, &w, jobs);
}
