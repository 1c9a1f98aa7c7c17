/* SPDX-License-Identifier: ISC
 *
 * judge.c: one crash state, recovered by the engine and judged.
 *
 * Each step returns the kind of violation that it found, and the first found ends the judgement.
 */
#include "judge.h"

#include "damage.h"
#include "recovery.h"
#include "resume.h"
#include "run.h"

#include <string.h>

/* --- the stage ------------------------------------------------------------------------------------- */

int stage_init(struct stage *stage, const struct bd *state, const struct pc_run *script_of) {
    *stage = (struct stage){.state = *state, .recorded = script_of != NULL};
    if (bd_overlay_open(state, &stage->overlay) != BD_OK || bd_overlay_open(state, &stage->reader) != BD_OK) {
        return PC_NO_MEMORY;
    }
    if (script_of == NULL) {
        return PC_OK;
    }
    if (script_init(&stage->script, script_of) != PC_OK ||
        bd_record_open(&stage->overlay, stage->script.run->log, &stage->record) != BD_OK) {
        return PC_NO_MEMORY;
    }
    return PC_OK;
}

void stage_release(struct stage *stage) {
    bd_close(&stage->record);
    bd_close(&stage->reader);
    bd_close(&stage->overlay);
    script_release(&stage->script);
    reply_release(&stage->taker);
}

/* --- the steps ------------------------------------------------------------------------------------- */

/* Another engine reads the crash state by itself. */
static uint32_t ask_reader(const struct recovery *r, const struct reading *reading) {
    const struct pc_engine *reader = r->judge->reader;
    struct judge other_judge = *r->judge;
    struct pc_run other_run = {.engine = reader};
    struct recovery other = {.judge = &other_judge, .subject = r->subject, .verdict = r->verdict};
    struct reading seen;
    int timed;

    other_judge.run = &other_run;
    other.dev = r->stage->reader;
    r->verdict->code = recovery_mount(&other);
    if (r->verdict->code == PC_OK) {
        r->verdict->code = recovery_read(&other, &seen);
        recovery_unmount(&other);
    }
    bd_overlay_reset(&r->stage->reader);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_READER;
    }
    timed = (reader->capabilities & r->judge->run->engine->capabilities & PC_CAN_TIMESTAMPS) != 0;
    r->verdict->found = seen.sum;
    return hash_equal(timed ? seen.sum : seen.plain, timed ? reading->sum : reading->plain)
               ? PC_VIOLATION_NONE
               : PC_VIOLATION_READER;
}

static uint32_t recover(struct recovery *r, struct reading *ret_reading) {
    r->verdict->code = recovery_mount(r);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_MOUNT;
    }
    r->verdict->code = recovery_read(r, ret_reading);
    if (r->verdict->code != PC_OK) {
        return PC_VIOLATION_READ;
    }
    r->verdict->found = ret_reading->sum;
    if (!r->judge->lenient && !permit_has(&r->subject->permit, ret_reading->sum)) {
        return PC_VIOLATION_CONTENT;
    }
    if (r->stage->recorded) {
        script_settle(&r->stage->script, ret_reading->sum);
    }
    return recovery_check(r);
}

/* What the write probe must answer, and the store it must leave. */
struct expectation {
    int code;
    struct pc_hash sum;
};

static struct expectation expect_write(const struct recovery *r, const struct reading *reading) {
    const struct pc_run *run = r->judge->run;
    struct pc_op op = probe_op();

    if (run->options.read_only) {
        return (struct expectation){PC_READ_ONLY, reading->sum};
    }
    if (run->facts.name_max < op.key_len) {
        return (struct expectation){PC_NAME_TOO_LONG, reading->sum};
    }
    if (reading->probe_kind == PC_DICTIONARY) {
        return (struct expectation){PC_VALUE_EXPECTED, reading->sum};
    }
    if (run->facts.value_max < op.data_len) {
        return (struct expectation){PC_VALUE_TOO_LARGE, reading->sum};
    }
    return (struct expectation){PC_OK, pc_hash_add(pc_hash_sub(reading->sum, reading->probe), probe_hash(r))};
}

/* *ret_now: the store that is there then. */
static uint32_t write_probe(struct recovery *r, const struct reading *reading, struct pc_hash *ret_now) {
    struct expectation expected = expect_write(r, reading);
    uint32_t kind;
    int code;

    recovery_step_begin(r);
    code = recovery_apply_probe(r);
    if (code != expected.code) {
        r->verdict->code = code;
        if (code != PC_NO_SPACE || !recovery_may_be_full(r)) {
            return PC_VIOLATION_WRITE;
        }
        r->verdict->no_space = 1;
        expected.sum = reading->sum;
    }
    recovery_step_end(r, expected.sum, 1);
    *ret_now = expected.sum;
    kind = recovery_mount_again(r, expected.sum, PC_VIOLATION_LOST_WRITE);
    return kind != PC_VIOLATION_NONE ? kind : recovery_check(r);
}

static uint32_t judge_cut(struct recovery *r) {
    struct reading reading = {.sum = {0, 0}};
    uint32_t kind = recover(r, &reading);
    struct pc_hash now = reading.sum;

    if (kind == PC_VIOLATION_NONE && r->judge->reader != NULL) {
        kind = ask_reader(r, &reading);
    }
    if (kind == PC_VIOLATION_NONE && (r->judge->probes & PC_PROBE_SECOND_MOUNT) != 0) {
        kind = recovery_mount_again(r, reading.sum, PC_VIOLATION_SECOND_MOUNT);
    }
    if (kind == PC_VIOLATION_NONE && (r->judge->probes & PC_PROBE_WRITE) != 0) {
        kind = write_probe(r, &reading, &now);
    }
    if (kind == PC_VIOLATION_NONE && r->judge->run->resume > 0 && !r->verdict->no_space) {
        kind = recovery_resume(r, &reading, now);
    }
    return kind;
}

/* --- public ---------------------------------------------------------------------------------------- */

void judge_state(const struct judge *judge, struct stage *stage, const struct subject *subject,
                 struct verdict *ret_verdict) {
    struct recovery r = {.judge = judge, .subject = subject, .stage = stage, .verdict = ret_verdict};
    struct damaged damaged;

    *ret_verdict = (struct verdict){.code = PC_OK, .op = PC_NO_OP};
    r.dev = stage->recorded ? stage->record : stage->overlay;
    if (stage->recorded) {
        script_begin(&stage->script, subject->permit);
    }
    if (subject->kind == PC_FAULT_DAMAGE) {
        damaged_open(&damaged, &r.dev, subject->damage, &r.dev);
        ret_verdict->kind = judge_damage(&r);
    } else if (subject->kind == PC_FAULT_FULL) {
        ret_verdict->kind = judge_full(&r);
    } else {
        ret_verdict->kind = judge_cut(&r);
    }
    recovery_unmount(&r);
    bd_overlay_reset(&stage->overlay);
    if (ret_verdict->kind == PC_VIOLATION_NONE) {
        ret_verdict->code = PC_OK;
        ret_verdict->op = PC_NO_OP;
    }
}
