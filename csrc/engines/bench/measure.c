/* SPDX-License-Identifier: ISC
 *
 * measure.c: passes over a row's operations: one that counts, one for the slowest operation, several against
 * the clock, the engines in turns.
 */
#define _POSIX_C_SOURCE 200809L

#include "pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Processor time of this thread: what others do on the machine counts little. */
static uint64_t now_ns(void) {
    struct timespec time = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What it takes to ask for the time, which is no operation's fault. */
static uint64_t clock_cost_ns(void) {
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 200; i++) {
        uint64_t start = now_ns(), spent = now_ns() - start;

        best = spent < best ? spent : best;
    }
    return best;
}

static uint64_t bytes_moved(const struct bd *counter) {
    struct bd_counts counts = {0};

    bd_count_get(counter, &counts);
    return counts.read_bytes + counts.prog_bytes + counts.erase_bytes;
}

static int fail(const struct pass *pass, const char *what, uint32_t i, int code) {
    (void)snprintf(pass->text, pass->text_size, "%s answers %d to %s %u of this row",
                   pass->work.subject.ops->name, code, what, (unsigned)i);
    return -1;
}

/* The device holds the prepared store; opens it unless the operations do, and writes once where they write. */
static int begin(struct pass *pass) {
    struct work *work = &pass->work;
    int code = 0;

    work_restore(work);
    work->payload = 0;
    work->last_key[0] = 0;
    work->live = work->keys;
    if ((pass->workload->flags & WORK_CLOSED) == 0) {
        code = work->subject.ops->open(work->subject.self, work->dev);
    }
    if (code == 0 && (pass->workload->flags & WORK_WRITES) != 0) {
        code = work_warm(work);
    }
    return code == 0 ? 0 : fail(pass, "the start", 0, code);
}

/* One operation, with what goes before it. *ret_ns, where it is asked for, is the operation's time alone. */
static int one(struct pass *pass, uint32_t i, uint64_t *ret_ns) {
    uint64_t start = 0;
    int code = 0;

    if (pass->workload->before != NULL) {
        code = pass->workload->before(&pass->work, i);
        if (code != 0) {
            return fail(pass, "what goes before operation", i, code);
        }
        if (pass->counter != NULL) {
            bd_count_reset(pass->counter);
        }
    }
    start = ret_ns != NULL ? now_ns() : 0;
    code = pass->workload->step(&pass->work, i);
    if (ret_ns != NULL) {
        *ret_ns = now_ns() - start;
        *ret_ns -= *ret_ns < pass->clock_cost ? *ret_ns : pass->clock_cost;
    }
    return code == 0 ? 0 : fail(pass, "operation", i, code);
}

static void add_counts(struct bd_counts *sum, const struct bd *counter) {
    struct bd_counts c = {0};

    bd_count_get(counter, &c);
    bd_count_reset(counter);
    sum->reads += c.reads;
    sum->progs += c.progs;
    sum->erases += c.erases;
    sum->syncs += c.syncs;
    sum->read_bytes += c.read_bytes;
    sum->prog_bytes += c.prog_bytes;
    sum->erase_bytes += c.erase_bytes;
}

int pass_count(struct pass *pass, struct bench_figures *figures, uint64_t *each_ns) {
    struct work *work = &pass->work;
    int code = begin(pass);

    figures->counts = (struct bd_counts){0};
    bd_count_reset(pass->counter);
    for (uint32_t i = 0; code == 0 && i < work->row->operations; i++) {
        uint64_t moved;

        code = one(pass, i, &each_ns[i]);
        moved = bytes_moved(pass->counter);
        figures->worst_bytes = moved > figures->worst_bytes ? moved : figures->worst_bytes;
        add_counts(&figures->counts, pass->counter);
    }
    figures->operations = work->row->operations;
    figures->payload_bytes = work->payload;
    if (code == 0 && (pass->workload->flags & WORK_CLOSED) != 0) {
        work->subject.ops->close(work->subject.self);
        code = work->subject.ops->open(work->subject.self, work->dev);
        code = code == 0 ? 0 : fail(pass, "the mount at the end", 0, code);
    }
    if (code == 0) {
        figures->memory_bytes = work->subject.ops->memory(work->subject.self);
        figures->keys = work->live;
        code = work_verify(work);
        code = code == 0 ? 0
                         : fail(pass, "reading back what was written, after operation", work->row->operations,
                                code);
    }
    work->subject.ops->close(work->subject.self);
    return code;
}

int pass_latency(struct pass *pass, uint64_t *each_ns) {
    int code = begin(pass);

    for (uint32_t i = 0; code == 0 && i < pass->work.row->operations; i++) {
        uint64_t spent = 0;

        code = one(pass, i, &spent);
        each_ns[i] = spent < each_ns[i] ? spent : each_ns[i];
    }
    pass->work.subject.ops->close(pass->work.subject.self);
    return code;
}

int pass_time(struct pass *pass, uint64_t *ret_ns) {
    int single = (pass->workload->flags & WORK_SINGLE) != 0;
    uint64_t sum = 0, start;
    int code = begin(pass);

    start = now_ns();
    for (uint32_t i = 0; code == 0 && i < pass->work.row->operations; i++) {
        uint64_t spent = 0;

        code = one(pass, i, single ? &spent : NULL);
        sum += spent;
    }
    *ret_ns = single ? sum : now_ns() - start;
    pass->work.subject.ops->close(pass->work.subject.self);
    return code;
}

int pass_prepare(struct pass *pass) {
    const struct subject_ops *ops = pass->work.subject.ops;
    void *self = pass->work.subject.self;
    int code = ops->format(self, pass->work.dev);

    if (code == 0) {
        code = ops->open(self, pass->work.dev);
    }
    if (code == 0) {
        code = pass->workload->prepare(&pass->work);
    }
    ops->close(self);
    return code == 0 ? 0 : fail(pass, "making the store, with value", pass->work.keys, code);
}

uint64_t pass_clock_cost(void) {
    return clock_cost_ns();
}
