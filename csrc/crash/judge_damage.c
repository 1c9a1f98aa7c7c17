/* SPDX-License-Identifier: ISC
 *
 * judge_damage.c: a device that was closed cleanly and then damaged. The engine may refuse it, as CORRUPT or
 * IO, but never show what cannot be right.
 */
#include "recovery.h"
#include "run.h"

static int is_refusal(int code) {
    return code == PC_CORRUPT || code == PC_IO;
}

/* OK, or refused: no violation. `failed` is the kind of any other answer. */
static uint32_t answered(const struct recovery *r, int code, uint32_t failed) {
    r->verdict->code = code;
    if (is_refusal(code)) {
        r->verdict->refused = 1;
        return PC_VIOLATION_NONE;
    }
    return code == PC_OK ? PC_VIOLATION_NONE : failed;
}

/* What is read must be right: the whole store where the engine promises that, else each entry. */
static int is_right(const struct recovery *r, const struct reading *reading, int probed) {
    struct pc_hash sum = reading->sum;

    if (!r->judge->damage_exact || r->judge->lenient) {
        return reading->unknown == 0;
    }
    if (permit_has(&r->subject->permit, sum)) {
        return 1;
    }
    return probed && reading->probe_kind == PC_VALUE &&
           permit_has(&r->subject->permit, pc_hash_sub(sum, reading->probe));
}

/* Mounts and reads. *ret_read is 1 if everything could be read. */
static uint32_t look(struct recovery *r, int probed, struct reading *ret_reading, int *ret_read) {
    uint32_t kind = answered(r, recovery_mount(r), PC_VIOLATION_MOUNT);

    *ret_read = 0;
    if (kind != PC_VIOLATION_NONE || r->store == NULL) {
        return kind;
    }
    kind = answered(r, recovery_read(r, ret_reading), PC_VIOLATION_READ);
    if (kind != PC_VIOLATION_NONE || r->verdict->code != PC_OK) {
        return kind;
    }
    *ret_read = 1;
    r->verdict->found = ret_reading->sum;
    return is_right(r, ret_reading, probed) ? PC_VIOLATION_NONE : PC_VIOLATION_CONTENT;
}

/* A set on the damaged store: done and there, or refused. The answers of a small store are right too. */
static uint32_t set_and_look(struct recovery *r) {
    int code = recovery_apply_probe(r);
    struct reading reading;
    uint32_t kind;
    int all_read;

    if (code == PC_NO_SPACE ? !recovery_may_be_full(r) : code != PC_OK && !is_refusal(code)) {
        if (code != PC_NAME_TOO_LONG && code != PC_VALUE_EXPECTED && code != PC_READ_ONLY) {
            r->verdict->code = code;
            return PC_VIOLATION_WRITE;
        }
    }
    r->verdict->refused |= is_refusal(code);
    recovery_unmount(r);
    kind = look(r, 1, &reading, &all_read);
    if (kind == PC_VIOLATION_NONE && code == PC_OK && all_read && !hash_equal(reading.probe, probe_hash(r))) {
        return PC_VIOLATION_LOST_WRITE;
    }
    return kind;
}

uint32_t judge_damage(struct recovery *r) {
    struct reading reading;
    int all_read;
    uint32_t kind = look(r, 0, &reading, &all_read);

    if (kind != PC_VIOLATION_NONE || r->store == NULL) {
        return kind;
    }
    (void)recovery_check(r); /* may find what is wrong, but not hang or die of it */
    return (r->judge->probes & PC_PROBE_WRITE) != 0 ? set_and_look(r) : PC_VIOLATION_NONE;
}
