/* SPDX-License-Identifier: ISC
 *
 * test_engines.c: two engines that share no code answer alike, hold the same after every operation, and hold
 * in every crash state.
 *
 *     test_engines DITTO SKINK     (shared libraries)
 */
#include "check.h"
#include "workload.h"

static const struct bd_geometry shapes[] = {{16, 16, 512, 512, 0xff},
                                            {16, 16, 4096, 64, 0xff},
                                            {1, 1, 256, 1024, 0},
                                            {512, 512, 512, 512, BD_ERASE_NONE}};

static const struct pc_engine *load(struct check *check, const char *path) {
    const struct pc_engine *engine = NULL;
    char text[200] = "";

    CHECK_EQ(check, pc_engine_load(path, &engine, text, sizeof(text)), PC_OK);
    return engine;
}

static struct pc_run *record(struct check *check, const struct pc_engine *engine,
                             const struct bd_geometry *shape, const struct workload *w) {
    struct pc_run_options options = {.geometry = *shape};
    struct pc_run *run = NULL;

    CHECK_EQ(check, pc_run_record(engine, &options, w->ops, w->count, &run), PC_OK);
    return run;
}

static int equal(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

/* Codes and answers of two runs of the same operations. */
static void check_answers(struct check *check, const struct pc_run *a, const struct pc_run *b,
                          const struct workload *w, uint64_t seed) {
    for (size_t i = 0; i < w->count; i++) {
        int same = pc_run_code(a, i) == pc_run_code(b, i) && equal(pc_run_reply(a, i), pc_run_reply(b, i));

        CHECK(check, same);
        if (!same) {
            (void)fprintf(stderr, "seed %llu, operation %zu (kind %u, key %s): %s, %s\n",
                          (unsigned long long)seed, i, w->ops[i].kind, w->ops[i].key,
                          pc_code_name(pc_run_code(a, i)), pc_code_name(pc_run_code(b, i)));
        }
    }
}

/* The states that one engine went through are what the other is judged by. */
static void check_crash_states(struct check *check, const struct pc_run *run, const struct pc_hash *states,
                               size_t count, uint64_t seed) {
    struct pc_explore_options options = {
        .jobs = 2, .probes = PC_PROBE_ALL, .kinds = 1u << PC_FAULT_PREFIX, .last = UINT64_MAX};
    size_t first[WORKLOAD_MAX + 2];
    struct pc_allowed allowed = workload_allowed(states, count - 1, first);
    struct pc_explore_report report;

    CHECK_EQ(check, pc_explore(run, &allowed, &options, &report), PC_OK);
    CHECK_EQ(check, report.violation_count, 0);
    for (size_t i = 0; i < report.violation_count && i < 1; i++) {
        (void)fprintf(stderr, "seed %llu, state %llu: %s (%s)\n", (unsigned long long)seed,
                      (unsigned long long)report.violations[i].fault.cuts[0].at,
                      pc_violation_name(report.violations[i].kind), pc_code_name(report.violations[i].code));
    }
    pc_explore_report_release(&report);
}

static void test_engines_answer_alike_and_hold_each_by_the_other(struct check *check,
                                                                 const struct pc_engine *ditto,
                                                                 const struct pc_engine *skink) {
    static struct workload w;

    for (uint64_t seed = 0; seed < 40; seed++) {
        const struct bd_geometry *shape = &shapes[seed % 4];
        struct pc_run *a, *b;
        struct pc_hash *states;

        workload_fill(&w, seed, 120, seed % 3 == 0 ? 2000 : 300);
        a = record(check, ditto, shape, &w);
        b = record(check, skink, shape, &w);
        states = workload_states(ditto, shape, &w);
        CHECK(check, states != NULL && a != NULL && b != NULL);
        if (states != NULL && a != NULL && b != NULL) {
            check_answers(check, a, b, &w, seed);
            check_crash_states(check, b, states, w.count + 1, seed);
        }
        free(states);
        pc_run_free(a);
        pc_run_free(b);
    }
}

static void test_same_operations_make_the_same_events(struct check *check, const struct pc_engine *engine) {
    static struct workload w;
    struct bd_event x, y;
    struct pc_run *a, *b;
    size_t count;

    workload_fill(&w, 99, 150, 1500);
    a = record(check, engine, &shapes[0], &w);
    b = record(check, engine, &shapes[0], &w);
    count = pc_run_event_count(a);
    CHECK(check, count > 150);
    CHECK_EQ(check, count, pc_run_event_count(b));
    for (size_t i = 0; i < count && i < pc_run_event_count(b); i++) {
        pc_run_event(a, i, &x);
        pc_run_event(b, i, &y);
        CHECK(check, x.kind == y.kind && x.block == y.block && x.off == y.off && x.size == y.size);
        CHECK(check, x.size == 0 || memcmp(x.bytes, y.bytes, x.size) == 0);
    }
    pc_run_free(a);
    pc_run_free(b);
}

/* Codes of operations on a store that was mounted for reading. */
static void test_read_only_store_refuses_changes_and_writes_nothing(struct check *check,
                                                                    const struct pc_engine *engine) {
    struct pc_options options = {0};
    struct pc_reply reply = {0};
    struct bd_counts counts;
    struct bd ram, dev;
    void *store = NULL;

    CHECK_EQ(check, bd_ram_open(&shapes[0], &ram), BD_OK);
    CHECK_EQ(check, bd_count_open(&ram, &dev), BD_OK);
    CHECK_EQ(check, engine->format(&dev, &options), PC_OK);
    bd_count_reset(&dev);
    options.read_only = 1;
    CHECK_EQ(check, engine->mount(&dev, &options, &store), PC_OK);
    for (uint32_t kind = PC_OP_SET; kind <= PC_OP_RENAME && store != NULL; kind++) {
        struct pc_op op = {.kind = kind, .key = "a", .key_len = 1, .target = "b", .target_len = 1};

        CHECK_EQ(check, engine->apply(store, &op, &reply), PC_READ_ONLY);
    }
    if (store != NULL) {
        engine->unmount(store);
    }
    bd_count_get(&dev, &counts);
    CHECK_EQ(check, counts.progs + counts.erases, 0);
    bd_close(&dev);
    bd_close(&ram);
}

int main(int argc, char **argv) {
    struct check check = {0};
    const struct pc_engine *engines[2] = {NULL, NULL};

    CHECK_EQ(&check, argc, 3);
    for (int i = 0; i < 2 && argc == 3; i++) {
        engines[i] = load(&check, argv[i + 1]);
    }
    if (engines[0] == NULL || engines[1] == NULL) {
        return 1;
    }
    test_engines_answer_alike_and_hold_each_by_the_other(&check, engines[0], engines[1]);
    for (int i = 0; i < 2; i++) {
        test_same_operations_make_the_same_events(&check, engines[i]);
        test_read_only_store_refuses_changes_and_writes_nothing(&check, engines[i]);
    }
    return check_result(&check);
}
