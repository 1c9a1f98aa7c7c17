/* SPDX-License-Identifier: ISC
 *
 * test_explore.c: the explorer accuses no honest engine, and each kind of liar of what it does.
 *
 * The engine is ditto, once honest and once per lie: one program, in which `lie` says what goes wrong.
 */
#include "check.h"
#include "workload.h"

enum lie {
    NONE,
    NO_CHECKSUM,
    OLDER_AREA,
    FORGETS_ON_MOUNT,
    OVERWRITES,
    LAZY,
    LOSES_AFTER_RECOVERY,
    REFUSES_AFTER_RECOVERY,
    FULL_AFTER_RECOVERY,
    UNREADABLE,
    CHECK_COMPLAINS,
    WRONG_TIME
};

/* What ditto does wrong now. The threads of an exploration read it, none writes it. */
static enum lie lie;
#define DITTO_LIE(what) (lie == (what))

#include "engines/ditto.c"
#include "engines/ditto/disk.c"
#include "engines/ditto/table.c"
#include "engines/ditto/write.c"

static const struct bd_geometry geometry = {16, 16, 512, 256, 0xff};

/* Explores a run of a workload made while ditto told `told`; allowed is what honest ditto went through. */
static int explore_workload(const struct workload *w, const struct bd_geometry *shape, enum lie told,
                            const struct pc_explore_options *options, struct pc_explore_report *ret_report) {
    struct pc_run_options run_options = {.geometry = *shape};
    size_t first[WORKLOAD_MAX + 2];
    struct pc_allowed allowed;
    struct pc_hash *states;
    struct pc_run *run;
    int code;

    lie = NONE;
    states = workload_states(powercut_engine(), shape, w);
    lie = told;
    code = pc_run_record(powercut_engine(), &run_options, w->ops, w->count, &run);
    if (states == NULL || code != PC_OK) {
        free(states);
        return code;
    }
    allowed = workload_allowed(states, w->count, first);
    code = pc_explore(run, &allowed, options, ret_report);
    pc_run_free(run);
    free(states);
    lie = NONE;
    return code;
}

static int explore_seed(uint64_t seed, enum lie told, const struct pc_explore_options *options,
                        struct pc_explore_report *ret_report) {
    static struct workload w;

    workload_fill(&w, seed, 60, 900);
    return explore_workload(&w, &geometry, told, options, ret_report);
}

static struct pc_explore_options all_of(uint32_t jobs) {
    return (struct pc_explore_options){
        .jobs = jobs, .probes = PC_PROBE_ALL, .kinds = 1u << PC_FAULT_PREFIX, .last = UINT64_MAX};
}

/* --- no false alarm -------------------------------------------------------------------------------- */

static void test_honest_engine_is_never_accused(struct check *check) {
    static const struct bd_geometry shapes[] = {{16, 16, 512, 256, 0xff},
                                                {1, 1, 128, 400, 0},
                                                {512, 512, 512, 128, BD_ERASE_NONE},
                                                {64, 4096, 4096, 32, 0xff}};
    struct pc_explore_options options = all_of(2);
    struct pc_explore_report report;
    static struct workload w;

    for (uint64_t seed = 0; seed < 40; seed++) {
        workload_fill(&w, seed, 60, 900);
        CHECK_EQ(check, explore_workload(&w, &shapes[seed % 4], NONE, &options, &report), PC_OK);
        CHECK_EQ(check, report.violation_count, 0);
        CHECK_EQ(check, report_sum(&report).checked + report_sum(&report).identical,
                 report_sum(&report).total);
        CHECK(check, report_sum(&report).total > 60);
        pc_explore_report_release(&report);
    }
}

/* A device that fills up: NO_SPACE is right where the uncut run says it too, and no violation. */
static void test_full_device_is_no_violation(struct check *check) {
    struct bd_geometry small = {16, 16, 128, 12, 0xff};
    struct pc_explore_options options = all_of(2);
    struct pc_explore_report report;
    static struct workload w;
    uint64_t full = 0;

    for (uint64_t seed = 0; seed < 30; seed++) {
        workload_fill(&w, seed, 60, 200);
        CHECK_EQ(check, explore_workload(&w, &small, NONE, &options, &report), PC_OK);
        CHECK_EQ(check, report.violation_count, 0);
        full += report_sum(&report).no_space;
        pc_explore_report_release(&report);
    }
    CHECK(check, full > 100);
}

/* The store holds the probe's own key already, as a value or as a dictionary. */
static void test_probe_key_in_the_store_is_no_violation(struct check *check) {
    static const char *const keys[] = {PC_PROBE_KEY, PC_PROBE_KEY "/below"};
    struct pc_explore_options options = all_of(1);
    struct pc_explore_report report;
    static struct workload w;

    for (size_t i = 0; i < 2; i++) {
        workload_init(&w, i);
        workload_set(&w, "a", 100);
        workload_set(&w, keys[i], 50);
        workload_set(&w, "b", 100);
        CHECK_EQ(check, explore_workload(&w, &geometry, NONE, &options, &report), PC_OK);
        CHECK_EQ(check, report.violation_count, 0);
        pc_explore_report_release(&report);
    }
}

/* --- no miss --------------------------------------------------------------------------------------- */

/* The first violation that a lie leads to in any of some runs; state counts from 0 in its run. */
static uint32_t first_kind(struct check *check, enum lie told, uint32_t probes) {
    struct pc_explore_options options = {
        .jobs = 2, .probes = probes, .kinds = 1u << PC_FAULT_PREFIX, .last = UINT64_MAX, .max_violations = 1};
    struct pc_explore_report report;
    uint32_t kind = PC_VIOLATION_NONE;

    for (uint64_t seed = 0; seed < 10 && kind == PC_VIOLATION_NONE; seed++) {
        CHECK_EQ(check, explore_seed(seed, told, &options, &report), PC_OK);
        if (report.violation_count > 0) {
            kind = report.violations[0].kind;
        }
        pc_explore_report_release(&report);
    }
    return kind;
}

static void test_each_lie_is_caught_as_what_it_is(struct check *check) {
    CHECK_EQ(check, first_kind(check, NO_CHECKSUM, PC_PROBE_ALL), PC_VIOLATION_CONTENT);
    CHECK_EQ(check, first_kind(check, OVERWRITES, PC_PROBE_ALL), PC_VIOLATION_MOUNT);
    CHECK_EQ(check, first_kind(check, UNREADABLE, PC_PROBE_ALL), PC_VIOLATION_READ);
    CHECK_EQ(check, first_kind(check, FORGETS_ON_MOUNT, PC_PROBE_ALL), PC_VIOLATION_SECOND_MOUNT);
    CHECK_EQ(check, first_kind(check, REFUSES_AFTER_RECOVERY, PC_PROBE_ALL), PC_VIOLATION_WRITE);
    CHECK_EQ(check, first_kind(check, FULL_AFTER_RECOVERY, PC_PROBE_ALL), PC_VIOLATION_WRITE);
    CHECK_EQ(check, first_kind(check, LOSES_AFTER_RECOVERY, PC_PROBE_ALL), PC_VIOLATION_LOST_WRITE);
    CHECK_EQ(check, first_kind(check, CHECK_COMPLAINS, PC_PROBE_ALL), PC_VIOLATION_CHECK);
}

/* These tell the lie from the first state on, where all that they can get wrong is the probe's own write;
 * without the probes it is what the store holds. */
static void test_lies_without_recovery_are_caught_with_and_without_probes(struct check *check) {
    static const enum lie told[] = {OLDER_AREA, LAZY, WRONG_TIME};

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        CHECK_EQ(check, first_kind(check, told[i], PC_PROBE_ALL), PC_VIOLATION_LOST_WRITE);
        CHECK_EQ(check, first_kind(check, told[i], 0), PC_VIOLATION_CONTENT);
    }
}

static void test_what_is_not_probed_is_not_seen(struct check *check) {
    CHECK_EQ(check, first_kind(check, FORGETS_ON_MOUNT, 0), PC_VIOLATION_NONE);
    CHECK_EQ(check, first_kind(check, REFUSES_AFTER_RECOVERY, PC_PROBE_SECOND_MOUNT | PC_PROBE_CHECK),
             PC_VIOLATION_NONE);
    CHECK_EQ(check, first_kind(check, CHECK_COMPLAINS, PC_PROBE_SECOND_MOUNT | PC_PROBE_WRITE),
             PC_VIOLATION_NONE);
}

/* --- what is reported ------------------------------------------------------------------------------ */

static int same_violations(const struct pc_explore_report *a, const struct pc_explore_report *b) {
    if (a->violation_count != b->violation_count) {
        return 0;
    }
    for (size_t i = 0; i < a->violation_count; i++) {
        const struct pc_violation *x = &a->violations[i], *y = &b->violations[i];

        if (x->kind != y->kind || x->fault.cuts[0].at != y->fault.cuts[0].at || x->code != y->code ||
            x->found.lo != y->found.lo || x->found.hi != y->found.hi) {
            return 0;
        }
    }
    return 1;
}

static void test_report_does_not_depend_on_threads(struct check *check) {
    struct pc_explore_options one = all_of(1), four = all_of(4);
    struct pc_explore_report a, b;

    for (uint64_t seed = 0; seed < 5; seed++) {
        CHECK_EQ(check, explore_seed(seed, OLDER_AREA, &one, &a), PC_OK);
        CHECK_EQ(check, explore_seed(seed, OLDER_AREA, &four, &b), PC_OK);
        CHECK(check, a.violation_count > 10);
        CHECK(check, same_violations(&a, &b));
        CHECK_EQ(check, report_sum(&a).checked, report_sum(&b).checked);
        pc_explore_report_release(&a);
        pc_explore_report_release(&b);
    }
}

static void test_max_violations_keeps_the_first_ones(struct check *check) {
    struct pc_explore_options all = all_of(4), some = all_of(4);
    struct pc_explore_report a, b;

    some.max_violations = 3;
    for (uint64_t seed = 0; seed < 5; seed++) {
        CHECK_EQ(check, explore_seed(seed, OLDER_AREA, &all, &a), PC_OK);
        CHECK_EQ(check, explore_seed(seed, OLDER_AREA, &some, &b), PC_OK);
        a.violation_count = 3;
        CHECK(check, same_violations(&a, &b));
        CHECK(check, report_sum(&b).checked < report_sum(&a).checked);
        pc_explore_report_release(&a);
        pc_explore_report_release(&b);
    }
}

/* Passing over what is identical changes what is counted, and nothing that is found but its repetitions. */
static void test_identical_states_are_passed_over_and_counted(struct check *check) {
    struct pc_explore_options fewer = all_of(2), every = all_of(2);
    struct pc_explore_report a, b;

    every.keep = PC_KEEP_IDENTICAL | PC_KEEP_UNREAD;
    fewer.keep = PC_KEEP_UNREAD;
    CHECK_EQ(check, explore_seed(3, NONE, &fewer, &a), PC_OK);
    CHECK_EQ(check, explore_seed(3, NONE, &every, &b), PC_OK);
    CHECK_EQ(check, report_sum(&a).total, report_sum(&b).total);
    CHECK_EQ(check, report_sum(&b).identical, 0);
    CHECK_EQ(check, report_sum(&b).checked, report_sum(&b).total);
    CHECK(check, report_sum(&a).identical > 0);
    CHECK_EQ(check, report_sum(&a).checked, report_sum(&a).total - report_sum(&a).identical);
    CHECK_EQ(check, b.violation_count, 0);
    pc_explore_report_release(&a);
    pc_explore_report_release(&b);
    CHECK_EQ(check, explore_seed(3, OLDER_AREA, &fewer, &a), PC_OK);
    CHECK_EQ(check, explore_seed(3, OLDER_AREA, &every, &b), PC_OK);
    CHECK_EQ(check, a.violations[0].fault.cuts[0].at, b.violations[0].fault.cuts[0].at);
    CHECK(check, b.violation_count >= a.violation_count);
    pc_explore_report_release(&a);
    pc_explore_report_release(&b);
}

static void test_range_limits_the_states(struct check *check) {
    struct pc_explore_options options = all_of(1);
    struct pc_explore_report whole, part;

    options.probes = 0;
    CHECK_EQ(check, explore_seed(5, OLDER_AREA, &options, &whole), PC_OK);
    options.first = options.last = whole.violations[0].fault.cuts[0].at;
    CHECK_EQ(check, explore_seed(5, OLDER_AREA, &options, &part), PC_OK);
    CHECK_EQ(check, report_sum(&part).total, 1);
    CHECK_EQ(check, part.violation_count, 1);
    CHECK_EQ(check, part.violations[0].fault.cuts[0].at, whole.violations[0].fault.cuts[0].at);
    pc_explore_report_release(&part);
    options.first = 0;
    options.last = whole.violations[0].fault.cuts[0].at - 1;
    CHECK_EQ(check, explore_seed(5, OLDER_AREA, &options, &part), PC_OK);
    CHECK_EQ(check, part.violation_count, 0);
    pc_explore_report_release(&part);
    options.first = report_sum(&whole).total; /* one past the last state */
    options.last = UINT64_MAX;
    CHECK_EQ(check, explore_seed(5, OLDER_AREA, &options, &part), PC_OK);
    CHECK_EQ(check, report_sum(&part).total, 0);
    CHECK_EQ(check, report_sum(&part).checked, 0);
    pc_explore_report_release(&part);
    pc_explore_report_release(&whole);
}

static void test_progress_counts_every_state_and_stop_ends_at_once(struct check *check) {
    struct pc_explore_options options = all_of(2);
    struct pc_explore_report report;
    static struct pc_watch watch;

    options.watch = &watch;
    CHECK_EQ(check, explore_seed(1, NONE, &options, &report), PC_OK);
    CHECK_EQ(check, watch.progress, report_sum(&report).total);
    pc_explore_report_release(&report);
    watch.stop = 1;
    CHECK_EQ(check, explore_seed(1, NONE, &options, &report), PC_OK);
    CHECK_EQ(check, report_sum(&report).checked, 0);
    CHECK(check, report_sum(&report).total > 0);
    pc_explore_report_release(&report);
}

static void test_wrong_number_of_allowed_states_is_refused(struct check *check) {
    struct pc_run_options run_options = {.geometry = geometry};
    struct pc_explore_options options = all_of(1);
    struct pc_hash states[2] = {{0, 0}, {0, 0}};
    struct pc_allowed allowed;
    size_t first[3];
    struct pc_explore_report report;
    struct pc_run *run;

    CHECK_EQ(check, pc_run_record(powercut_engine(), &run_options, NULL, 0, &run), PC_OK);
    allowed = workload_allowed(states, 1, first);
    CHECK_EQ(check, pc_explore(run, &allowed, &options, &report), PC_INVALID_ARGUMENT);
    allowed.op_count = 0;
    CHECK_EQ(check, pc_explore(run, &allowed, &options, &report), PC_OK);
    CHECK_EQ(check, report_sum(&report).total, 1); /* no event: one state, the formatted store */
    CHECK_EQ(check, report_sum(&report).checked, 1);
    pc_explore_report_release(&report);
    pc_run_free(run);
}

int main(void) {
    struct check check = {0};

    test_honest_engine_is_never_accused(&check);
    test_full_device_is_no_violation(&check);
    test_probe_key_in_the_store_is_no_violation(&check);
    test_each_lie_is_caught_as_what_it_is(&check);
    test_lies_without_recovery_are_caught_with_and_without_probes(&check);
    test_what_is_not_probed_is_not_seen(&check);
    test_report_does_not_depend_on_threads(&check);
    test_max_violations_keeps_the_first_ones(&check);
    test_identical_states_are_passed_over_and_counted(&check);
    test_range_limits_the_states(&check);
    test_progress_counts_every_state_and_stop_ends_at_once(&check);
    test_wrong_number_of_allowed_states_is_refused(&check);
    return check_result(&check);
}
