/* SPDX-License-Identifier: ISC
 *
 * fault.c: crash states by name: what a fault says, the device that it leaves, and the recovery from it.
 */
#include "explore.h"

#include "damage.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* --- names and states ------------------------------------------------------------------------------- */

struct pc_fault fault_of_state(const struct state *state) {
    struct pc_fault fault = {.kind = state->kind, .model = state->model, .depth = 1};

    if (state->kind == PC_FAULT_DAMAGE) {
        fault.cuts[0].at = state->cut.at;
        fault.damage = damage_of(&state->cut);
    } else {
        fault.cuts[0] = state->cut;
    }
    return fault;
}

/* The kind of a nested state's first cut. */
static uint32_t kind_of_cut(const struct pc_cut *cut) {
    if (cut->lost != 0 || (cut->torn != PC_TEAR_NONE && cut->back > 0)) {
        return PC_FAULT_REORDER;
    }
    return cut->torn != PC_TEAR_NONE ? PC_FAULT_TORN : PC_FAULT_PREFIX;
}

struct state state_of_fault(const struct pc_fault *fault) {
    struct state state = {.kind = fault->kind, .model = fault->model, .cut = fault->cuts[0]};

    if (fault->kind == PC_FAULT_DAMAGE) {
        state.cut = damage_cut(&fault->damage, fault->cuts[0].at);
    } else if (fault->kind == PC_FAULT_NESTED) {
        state.kind = kind_of_cut(&fault->cuts[0]);
    }
    return state;
}

int fault_is_possible(const struct pc_run *run, const struct pc_fault *fault) {
    const struct pc_cut *cut = &fault->cuts[0];

    if (fault->kind < PC_FAULT_PREFIX || fault->kind > PC_FAULT_FULL || fault->depth < 1 ||
        fault->depth > PC_CUTS_MAX || (fault->depth == 1 && fault->kind == PC_FAULT_NESTED) ||
        (fault->depth > 1 && fault->kind != PC_FAULT_NESTED && fault->kind != PC_FAULT_FULL)) {
        return 0;
    }
    if (fault->kind == PC_FAULT_FULL) {
        return cut->at <= run->op_begun;
    }
    if (fault->kind == PC_FAULT_DAMAGE) {
        return cut->at == run->event_count && damage_is_possible(run, &fault->damage);
    }
    return cut_is_possible(run, cut);
}

int fault_is_free(const struct pc_fault *fault) {
    for (uint32_t i = 0; i < fault->depth; i++) {
        if (fault->cuts[i].lost != 0 || fault->cuts[i].torn != PC_TEAR_NONE) {
            return 0;
        }
    }
    return 1;
}

static int cut_equal(const struct pc_cut *a, const struct pc_cut *b) {
    return a->at == b->at && a->lost == b->lost && a->torn == b->torn && a->back == b->back &&
           a->unit == b->unit && a->a == b->a && a->b == b->b;
}

int fault_equal(const struct pc_fault *a, const struct pc_fault *b) {
    if (a->kind != b->kind || a->model != b->model || a->depth != b->depth) {
        return 0;
    }
    for (uint32_t i = 0; i < a->depth; i++) {
        if (!cut_equal(&a->cuts[i], &b->cuts[i])) {
            return 0;
        }
    }
    return a->damage.kind == b->damage.kind && a->damage.block == b->damage.block &&
           a->damage.off == b->damage.off && a->damage.size == b->damage.size &&
           a->damage.value == b->damage.value && a->damage.event == b->damage.event;
}

/* --- the device that it leaves ---------------------------------------------------------------------- */

static size_t device_size(const struct bd_geometry *geometry) {
    return (size_t)geometry->block_size * geometry->block_count;
}

static void copy_device(const struct patch *patch, uint8_t *ret_bytes) {
    const struct bd_geometry *geometry = &patch->dev.geometry;

    for (uint32_t block = 0; block < geometry->block_count; block++) {
        (void)bd_read(&patch->dev, block, 0, ret_bytes + (size_t)block * geometry->block_size,
                      geometry->block_size);
    }
}

/* The device after one cut of a run. */
static int image_after(const struct pc_run *run, const struct pc_fault *fault, uint32_t i,
                       uint8_t *ret_bytes) {
    int full = i == 0 && fault->kind == PC_FAULT_FULL;
    uint64_t at = fault->cuts[i].at;
    struct media media = {0}, past = {0};
    struct patch patch = {0};
    int code = media_init(&media, run, 1);

    if (code == PC_OK) {
        code = patch_init(&patch, &media.dev, 0);
    }
    if (code == PC_OK && full) {
        at = at < run->op_begun ? run->op_start[at] : run->event_count;
    }
    if (code == PC_OK) {
        code = media_move(&media, (size_t)at);
    }
    if (code == PC_OK && fault->kind == PC_FAULT_DAMAGE) {
        code = damage_build(run, &fault->damage, &past, &patch);
    } else if (code == PC_OK && !full) {
        code = state_build(&fault->cuts[i], &media, &patch);
    }
    if (code == PC_OK) {
        copy_device(&patch, ret_bytes);
    }
    patch_release(&patch);
    media_release(&past);
    media_release(&media);
    return code;
}

/* Recovers what is on the device, with what comes behind that, and leaves what was recorded on the stage. */
static int recover(const struct pc_run *run, struct stage *stage, const struct subject *subject,
                   uint32_t probes) {
    struct judge judge = {.run = run, .probes = probes, .lenient = 1};
    struct pc_hash *own = NULL;
    size_t last = subject->until + run->resume;
    struct verdict verdict = {0};
    int code = PC_OK;

    if (run->resume > 0) {
        code = uncut_stores(run, last < run->op_count ? last : run->op_count, &own, &judge.own_count);
    }
    if (code == PC_OK) {
        judge.own = own;
        judge_state(&judge, stage, subject, &verdict);
        code = verdict.no_memory ? PC_NO_MEMORY : script_close(&stage->script);
    }
    free(own);
    return code;
}

/* The recovery from a device, recorded as a run of its own, whose first content is that device. */
static int record_recovery(const struct pc_run *run, const uint8_t *image, const struct subject *subject,
                           uint32_t probes, struct pc_run **ret_run) {
    struct bd ram = {0};
    struct stage stage = {0};
    uint8_t *bytes = malloc(device_size(&run->geometry));
    int code = bytes == NULL ? PC_NO_MEMORY : PC_OK;

    if (code == PC_OK) {
        memcpy(bytes, image, device_size(&run->geometry));
        code =
            bd_ram_wrap(&run->geometry, bytes, &ram) == BD_OK ? stage_init(&stage, &ram, run) : PC_NO_MEMORY;
    }
    if (code == PC_OK) {
        code = recover(run, &stage, subject, probes);
    }
    if (code == PC_OK) {
        *ret_run = stage.script.run;
        stage.script.run = NULL;
        (*ret_run)->image = bytes;
        bytes = NULL;
    }
    stage_release(&stage);
    bd_close(&ram);
    free(bytes);
    return code;
}

/* What the fault says of the state that its first cuts, `level` + 1 of them, leave. */
static struct subject subject_at(const struct pc_run *run, const struct pc_fault *fault, uint32_t level) {
    struct subject subject = {.kind = level == 0 ? fault->kind : PC_FAULT_NESTED, .depth = level + 1};
    struct run_position position = {(size_t)fault->cuts[0].at, 0};

    if (fault->kind != PC_FAULT_FULL) {
        position = fault->kind == PC_FAULT_DAMAGE ? run->positions[fault->cuts[0].at]
                                                  : run_position_of(run, &fault->cuts[0]);
    }
    subject.damage = fault->kind == PC_FAULT_DAMAGE ? &fault->damage : NULL;
    subject.done = position.done;
    subject.until = position.done + (position.in_flight ? 1 : 0) + (size_t)level * run->resume;
    subject.until = subject.until < run->op_count ? subject.until : run->op_count;
    return subject;
}

/* The run whose cut number i the fault names: the run itself, or a recovery from the cuts before. */
static int run_at(const struct pc_run *run, const struct pc_fault *fault, uint32_t i, uint32_t probes,
                  struct pc_run **ret_run) {
    uint8_t *image = malloc(device_size(&run->geometry));
    const struct pc_run *now = run;
    struct pc_run *made = NULL;
    int code = image == NULL ? PC_NO_MEMORY : PC_OK;

    for (uint32_t level = 0; level < i && code == PC_OK; level++) {
        struct subject subject = subject_at(run, fault, level);
        struct pc_run *next = NULL;

        code = level == 0 || cut_is_possible(now, &fault->cuts[level]) ? image_after(now, fault, level, image)
                                                                       : PC_INVALID_ARGUMENT;
        if (code == PC_OK) {
            code = record_recovery(run, image, &subject, probes, &next);
        }
        pc_run_free(made);
        made = next;
        now = made;
    }
    free(image);
    *ret_run = made;
    return code;
}

int pc_fault_image(const struct pc_run *run, const struct pc_fault *fault, uint8_t *ret_bytes) {
    struct pc_run *made = NULL;
    const struct pc_run *now;
    int code;

    if (!fault_is_possible(run, fault)) {
        return PC_INVALID_ARGUMENT;
    }
    code = run_at(run, fault, fault->depth - 1, PC_PROBE_ALL, &made);
    now = made != NULL ? made : run;
    if (code == PC_OK && fault->depth > 1 && !cut_is_possible(now, &fault->cuts[fault->depth - 1])) {
        code = PC_INVALID_ARGUMENT;
    }
    if (code == PC_OK) {
        code = image_after(now, fault, fault->depth - 1, ret_bytes);
    }
    pc_run_free(made);
    return code;
}

int pc_fault_recovery(const struct pc_run *run, const struct pc_fault *fault, uint32_t probes,
                      struct pc_run **ret_run) {
    return fault_is_possible(run, fault) ? run_at(run, fault, fault->depth, probes, ret_run)
                                         : PC_INVALID_ARGUMENT;
}

size_t pc_run_overwrite(const struct pc_run *run) {
    const struct bd_geometry *geometry = &run->geometry;
    struct media media = {0};
    struct bd_event event;
    size_t i = 0;
    int clean = media_init(&media, run, 0) == PC_OK;

    for (; clean && i < run->event_count; i++) {
        const uint8_t *old;

        pc_run_event(run, i, &event);
        (void)media_move(&media, i);
        old = media_block(&media, event.block, NULL) + event.off;
        for (uint32_t at = 0; event.kind == BD_EVENT_PROG && clean && at < event.size; at++) {
            clean = geometry->erase_value != BD_ERASE_NONE && old[at] == (uint8_t)geometry->erase_value;
        }
        if (!clean) {
            break;
        }
    }
    media_release(&media);
    return i;
}
