/* SPDX-License-Identifier: ISC
 *
 * test_plain.c: plain, the engine that judges the judge, is right on a device that fails: whichever call it is,
 * and however much of it was done, the store is as before or as after, and nothing is passed over in silence.
 * And the lies about failures are lies.
 */
#include "powercut.h"

#include "check.h"
#include "workload.h"

#define LIE(what) (lie == LIE_##what)
#include "lies.h"

/* What is told now. */
static enum lie lie;

#include "plain/ops.c"
#include "plain/records.c"
#include "plain/store.c"

static const struct bd_geometry geometry = {16, 16, 128, 40, 0xff};

/* --- a device whose n-th call fails, once ------------------------------------------------------------ */

enum manner { NOT_DONE, HALF_DONE, DONE };

struct faulty {
    const struct bd *below;
    uint64_t calls, fail_at; /* from 1; 0: none */
    enum manner manner;      /* what a call that fails has done */
};

static int fails(struct faulty *f) {
    return ++f->calls == f->fail_at;
}

static int faulty_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    struct faulty *f = self;

    return fails(f) ? BD_IO : bd_read(f->below, block, off, ret_bytes, size);
}

static int faulty_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct faulty *f = self;
    uint32_t unit = f->below->geometry.prog_size;
    int failed = fails(f);

    if (failed && f->manner != DONE) {
        size = f->manner == HALF_DONE ? size / 2 / unit * unit : 0;
    }
    (void)bd_prog(f->below, block, off, bytes, size);
    return failed ? BD_IO : BD_OK;
}

static int faulty_erase(void *self, uint32_t block) {
    struct faulty *f = self;
    int failed = fails(f);

    (void)(failed && f->manner == NOT_DONE ? BD_OK : bd_erase(f->below, block));
    return failed ? BD_IO : BD_OK;
}

static int faulty_sync(void *self) {
    return fails(self) ? BD_IO : BD_OK;
}

static const struct bd_ops faulty_ops = {faulty_read, faulty_prog, faulty_erase, faulty_sync, NULL};

/* --- one run --------------------------------------------------------------------------------------------- */

struct run {
    struct bd ram, dev;
    struct faulty faulty;
    size_t done; /* operations that were OK */
    int code;    /* PC_OK, or what the first call that was not OK answered */
};

static void ignore_bytes(struct pc_reply *reply, const uint8_t *bytes, size_t size) {
    (void)reply, (void)bytes, (void)size;
}

static void ignore_entry(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind) {
    (void)reply, (void)name, (void)name_len, (void)kind;
}

/* Applies the operations until one fails; all after that one must answer IO. */
static void apply_all(struct check *check, struct run *run, void *store, const struct workload *w) {
    struct pc_reply reply = {.put_bytes = ignore_bytes, .put_entry = ignore_entry};

    for (size_t i = 0; i < w->count; i++) {
        int code = plain_apply(store, &w->ops[i], &reply);

        if (run->code != PC_OK) {
            CHECK_EQ(check, code, PC_IO);
        } else if (code == PC_OK) {
            run->done++;
        }
        run->code = run->code == PC_OK ? code : run->code;
    }
}

static void run_workload(struct check *check, struct run *run, const struct workload *w, uint64_t fail_at,
                         enum manner manner) {
    struct pc_options options = {0};
    void *store;

    *run = (struct run){.faulty = {&run->ram, 0, fail_at, manner}};
    CHECK_EQ(check, bd_ram_open(&geometry, &run->ram), BD_OK);
    CHECK_EQ(check, plain_format(&run->ram, &options), PC_OK);
    run->dev = (struct bd){&faulty_ops, &run->faulty, geometry};
    run->code = plain_mount(&run->dev, &options, &store);
    if (run->code == PC_OK) {
        apply_all(check, run, store, w);
        plain_unmount(store);
    }
}

/* What the device holds, as a hash; {0, 0} with *ret_code if it cannot be read. The n-th call fails. */
static struct pc_hash read_back(const struct bd *dev, uint64_t fail_at, int *ret_code) {
    struct faulty faulty = {dev, 0, fail_at, NOT_DONE};
    struct bd failing = {&faulty_ops, &faulty, geometry};
    struct pc_options options = {0};
    struct pc_hash sum = {0, 0};
    void *store;

    *ret_code = plain_mount(&failing, &options, &store);
    if (*ret_code == PC_OK) {
        *ret_code = plain_visit(store, workload_sum_entry, &sum);
        plain_unmount(store);
    }
    return sum;
}

static int equal(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

/* Lets each call of a run fail, in each manner; returns how many runs ended in a store that must not be. */
static size_t count_wrong(struct check *check, const struct workload *w, const struct pc_hash *states) {
    struct run run;
    size_t wrong = 0;
    uint64_t calls = 1;

    for (uint64_t at = 0; at < 3 * calls; at++) {
        struct pc_hash first, second;
        int code, again;

        run_workload(check, &run, w, at / 3, (enum manner)(at % 3));
        calls = at == 0 ? run.faulty.calls + 1 : calls;
        first = read_back(&run.ram, 0, &code);
        second = read_back(&run.ram, 0, &again);
        wrong +=
            code != PC_OK || again != PC_OK || !equal(first, second) ||
            !(equal(first, states[run.done]) || (run.code == PC_IO && equal(first, states[run.done + 1])));
        bd_close(&run.ram);
    }
    CHECK(check, calls > 200);
    return wrong;
}

/* Lets each call of a mount fail; returns how many times something else was shown than is there. */
static size_t count_wrong_mounts(struct check *check, const struct workload *w,
                                 const struct pc_hash *states) {
    struct run run;
    size_t wrong = 0, refused = 0;

    run_workload(check, &run, w, 0, NOT_DONE);
    for (uint64_t at = 1; at < 20; at++) {
        int code;
        struct pc_hash found = read_back(&run.ram, at, &code);

        refused += code == PC_IO;
        wrong += code != PC_IO && (code != PC_OK || !equal(found, states[w->count]));
    }
    CHECK(check, refused > 0 || lie != LIE_NONE);
    bd_close(&run.ram);
    return wrong;
}

int main(void) {
    static struct workload w;
    struct check check = {0};
    struct pc_hash *states;

    workload_init(&w, 1);
    for (size_t i = 0; i < 12; i++) {
        static const char *const keys[] = {"a", "b", "c"};

        workload_set(&w, keys[i % 3], 40 * i);
    }
    states = workload_states(powercut_engine(), &geometry, &w);
    CHECK(&check, states != NULL);
    CHECK_EQ(&check, count_wrong(&check, &w, states), 0);
    CHECK_EQ(&check, count_wrong_mounts(&check, &w, states), 0);
    lie = LIE_ERROR_IGNORED;
    CHECK(&check, count_wrong(&check, &w, states) > 0);
    lie = LIE_ERROR_IS_EMPTY;
    CHECK(&check, count_wrong_mounts(&check, &w, states) > 0);
    free(states);
    return check_result(&check);
}
