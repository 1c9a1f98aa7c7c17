/* SPDX-License-Identifier: ISC
 *
 * target.c: the fuzz target: runs an input's operations, explores what power cuts leave of them, and keeps the
 * inputs of which a crash state is not what the engine itself showed.
 *
 * A finding does not end the fuzzing. Each is judged again by the model, with all other inputs that were kept.
 */
#include "target.h"

#include "hang.h"
#include "mutate.h"
#include "settings.h"
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 16u /* of one kind, from one process */

/* Before the first input is run libFuzzer calls LLVMFuzzerInitialize, which has nowhere else to put this. */
static struct {
    struct settings settings;
    struct pc_watch watch;
    uint32_t found[16]; /* by kind of violation; 0: the uncut run itself fails */
} fuzzer;

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says how it is declared */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    settings_read(&fuzzer.settings);
    fuzzer.settings.explore.watch = &fuzzer.watch;
    if (hang_look(&fuzzer.watch, fuzzer.settings.hang_seconds) != PC_OK) {
        fprintf(stderr, "powercut fuzz: no thread can be started\n");
        exit(2);
    }
    return 0;
}

/* Something was done besides crash states. */
static void beat(void) {
    (void)__atomic_fetch_add(&fuzzer.watch.beats, 1, __ATOMIC_RELAXED);
}

/* --- findings --------------------------------------------------------------------------------------- */

static void keep_finding(uint32_t kind, const uint8_t *data, size_t size) {
    struct pc_hash hash = pc_hash_bytes(data, size, 0);
    char path[4096];
    FILE *file;

    kind = kind < sizeof(fuzzer.found) / sizeof(fuzzer.found[0]) ? kind : 0;
    if (fuzzer.found[kind]++ >= FINDINGS_MAX) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/violation-%u-%016llx", fuzzer.settings.findings, (unsigned)kind,
                   (unsigned long long)hash.lo);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "powercut fuzz: cannot write %s\n", path);
        exit(2);
    }
    fprintf(stderr, "powercut fuzz: %s: %s\n", kind > 0 ? pc_violation_name(kind) : "uncut", path);
}

/* The kind of the first violation; 0: none. */
static uint32_t explore(const struct pc_run *run, const struct bd_geometry *geometry,
                        const struct account *account, size_t op_count) {
    struct pc_explore_options options = fuzzer.settings.explore;
    struct pc_model models[SETTINGS_MODELS_MAX];
    struct pc_allowed allowed = {.stores = account->stores,
                                 .first = account->first,
                                 .op_count = op_count,
                                 .now = account->now,
                                 .now_count = op_count + 1};
    struct pc_explore_report report;
    uint32_t kind = 0;
    int code;

    options.model_count = settings_models(&fuzzer.settings, geometry, models);
    options.models = models;
    code = pc_explore(run, &allowed, &options, &report);
    if (code == PC_INVALID_ARGUMENT) {
        fprintf(stderr, "powercut fuzz: POWERCUT_FUZZ_EXPLORE: cannot be explored\n");
        exit(2);
    }
    if (code == PC_OK) {
        kind = report.violation_count > 0 ? report.violations[0].kind : 0;
        pc_explore_report_release(&report);
    }
    return kind;
}

static void run_workload(const struct input *in, const struct workload *workload, const uint8_t *data,
                         size_t size) {
    const struct pc_engine *engine = fuzzer.settings.engine;
    struct pc_run_options options = {.geometry = in->geometry, .resume = fuzzer.settings.resume};
    struct pc_run *run;
    struct account account;
    uint32_t kind;
    int code = pc_run_record(engine, &options, workload->ops, workload->op_count, &run);

    beat();
    if (code != PC_OK) {
        return; /* no engine takes every device */
    }
    code = account_take(engine, &in->geometry, workload, &account);
    beat();
    if (code == PC_OK) {
        kind = explore(run, &in->geometry, &account, workload->op_count);
        account_release(&account);
        if (kind != 0) {
            keep_finding(kind, data, size);
        }
    } else if (code != PC_NO_MEMORY) {
        keep_finding(0, data, size);
    }
    pc_run_free(run);
}

/* --- libFuzzer's side ------------------------------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input *in = malloc(sizeof(*in));
    struct workload workload;

    beat();
    if (in != NULL) {
        input_read(in, data, size);
        input_restrict(in, fuzzer.settings.engine);
        if (workload_make(in, &workload) == PC_OK) {
            run_workload(in, &workload, data, size);
            workload_release(&workload);
        }
    }
    free(in);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    return mutate_input(fuzzer.settings.engine, data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_out_size, unsigned int seed) {
    return cross_inputs(fuzzer.settings.engine, data1, size1, data2, size2, out, max_out_size, seed);
}
