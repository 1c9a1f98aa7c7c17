/* SPDX-License-Identifier: ISC */
/* Everything that can be refused is refused once: each allocation, and each read, prog, erase and sync. The
 * code is right, nothing leaks, the store is as before or as after. */
#include "check.h"
#include "skink_workload.h"

/* --- the seams ----------------------------------------------------------------------------------- */

struct memory {
    uint64_t calls, fail_at; /* the call that gets nothing, from 1; 0: none */
    int64_t live;            /* pieces not given back */
};

static void *memory_alloc(void *ctx, size_t size) {
    struct memory *m = ctx;
    if (++m->calls == m->fail_at) {
        return NULL;
    }
    m->live++;
    return malloc(size);
}

static void memory_free(void *ctx, void *memory) {
    struct memory *m = ctx;
    m->live -= memory != NULL;
    free(memory);
}

/* A device whose n-th call fails, once, half done where it writes. */
struct faulty {
    const struct bd *below;
    uint64_t calls, fail_at;
    int failed;
};

static int fails(struct faulty *f) {
    if (++f->calls == f->fail_at) {
        f->failed = 1;
        return 1;
    }
    return 0;
}

static int faulty_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    struct faulty *f = self;
    return fails(f) ? BD_IO : bd_read(f->below, block, off, ret_bytes, size);
}

static int faulty_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct faulty *f = self;
    if (fails(f)) {
        uint32_t unit = f->below->geometry.prog_size;
        uint32_t part = size / 2 / unit * unit;
        (void)(part > 0 ? bd_prog(f->below, block, off, bytes, part) : BD_OK);
        return BD_IO;
    }
    return bd_prog(f->below, block, off, bytes, size);
}

static int faulty_erase(void *self, uint32_t block) {
    struct faulty *f = self;
    return fails(f) ? BD_IO : bd_erase(f->below, block);
}

static int faulty_sync(void *self) {
    struct faulty *f = self;
    return fails(f) ? BD_IO : bd_sync(f->below);
}

static const struct bd_ops faulty_ops = {faulty_read, faulty_prog, faulty_erase, faulty_sync, NULL};

/* --- the rig ------------------------------------------------------------------------------------- */

struct rig {
    struct bd ram, dev;
    struct faulty faulty;
    struct memory memory;
    struct skink_allocator allocator;
    struct skink *store;
    uint64_t states[WORK_OPS + 1]; /* of the store, after so many operations, when nothing fails */
};

static int rig_mount(struct rig *rig) {
    struct skink_config config = {.device = &rig->dev, .allocator = &rig->allocator};
    return skink_open(&config, &rig->store);
}

static void rig_open(struct check *check, struct rig *rig, uint32_t block_size) {
    struct bd_geometry geometry = {16, 16, block_size, 128, 0xff};
    CHECK_EQ(check, bd_ram_open(&geometry, &rig->ram), BD_OK);
    CHECK_EQ(check, skink_format(&rig->ram, NULL, NULL), SKINK_OK);
    rig->faulty = (struct faulty){&rig->ram, 0, 0, 0};
    rig->dev = (struct bd){&faulty_ops, &rig->faulty, geometry};
    rig->memory = (struct memory){0, 0, 0};
    rig->allocator = (struct skink_allocator){memory_alloc, memory_free, &rig->memory};
    CHECK_EQ(check, rig_mount(rig), SKINK_OK);
}

static void rig_close(struct check *check, struct rig *rig) {
    skink_close(rig->store);
    rig->store = NULL;
    CHECK_EQ(check, rig->memory.live, 0);
    bd_close(&rig->ram);
}

/* Looks at the store without a failure, and without being counted. */
static void check_store(struct check *check, struct rig *rig, uint64_t state) {
    char text[200] = "";
    struct memory memory = rig->memory;
    struct faulty faulty = rig->faulty;
    rig->memory.fail_at = rig->faulty.fail_at = 0;
    CHECK(check, work_state(rig->store) == state);
    CHECK_EQ(check, skink_check(rig->store, text, sizeof(text)), SKINK_OK);
    CHECK_EQ(check, strcmp(text, ""), 0);
    CHECK_EQ(check, rig->memory.live, memory.live);
    rig->memory = memory;
    rig->faulty = faulty;
}

/* --- the tests ----------------------------------------------------------------------------------- */

static void test_the_workload_succeeds_when_nothing_fails(struct check *check, struct rig *rig,
                                                          uint32_t block_size) {
    rig_open(check, rig, block_size);
    rig->states[0] = work_state(rig->store);
    for (size_t i = 0; i < WORK_OPS; i++) {
        CHECK_EQ(check, work_apply(rig->store, i), SKINK_OK);
        rig->states[i + 1] = work_state(rig->store);
        CHECK(check, rig->states[i + 1] != rig->states[i]);
        check_store(check, rig, rig->states[i + 1]);
    }
    rig_close(check, rig);
}

/* Applies operation i; where an allocation failed, the store is as it was and the operation succeeds the
 * second time. */
static void apply_short_of_memory(struct check *check, struct rig *rig, size_t i) {
    int code = work_apply(rig->store, i);
    if (code == SKINK_NO_MEMORY) {
        check_store(check, rig, rig->states[i]);
        code = work_apply(rig->store, i);
    }
    CHECK_EQ(check, code, SKINK_OK);
}

static void test_each_refused_allocation_leaves_the_store_as_it_was(struct check *check, struct rig *rig,
                                                                    uint32_t block_size) {
    uint64_t used = 1;
    for (uint64_t n = 1; n <= used; n++) {
        rig_open(check, rig, block_size);
        uint64_t opened = rig->memory.calls;
        rig->memory.fail_at = opened + n;
        for (size_t i = 0; i < WORK_OPS; i++) {
            apply_short_of_memory(check, rig, i);
            if (rig->memory.calls >= rig->memory.fail_at && i % 8 == 0) {
                check_store(check, rig, rig->states[i + 1]);
            }
        }
        check_store(check, rig, rig->states[WORK_OPS]);
        used = n == 1 ? rig->memory.calls - opened : used;
        rig_close(check, rig);
    }
    CHECK(check, used > 100);
}

static void test_each_refused_allocation_of_a_mount_is_no_memory(struct check *check, struct rig *rig,
                                                                 uint32_t block_size) {
    rig_open(check, rig, block_size);
    for (size_t i = 0; i < 30; i++) {
        CHECK_EQ(check, work_apply(rig->store, i), SKINK_OK);
    }
    int code = SKINK_NO_MEMORY;
    uint64_t n = 0;
    while (code == SKINK_NO_MEMORY) {
        skink_close(rig->store);
        rig->store = NULL;
        CHECK_EQ(check, rig->memory.live, 0);
        rig->memory = (struct memory){0, ++n, 0};
        code = rig_mount(rig);
    }
    CHECK_EQ(check, code, SKINK_OK);
    CHECK(check, n > 20);
    check_store(check, rig, rig->states[30]);
    rig_close(check, rig);
}

/* After the device failed once: the store is mounted again, and holds the state before or after. */
static size_t recover(struct check *check, struct rig *rig, size_t i) {
    skink_close(rig->store);
    rig->store = NULL;
    CHECK_EQ(check, rig->memory.live, 0);
    CHECK_EQ(check, rig_mount(rig), SKINK_OK);
    uint64_t state = work_state(rig->store);
    CHECK(check, state == rig->states[i] || state == rig->states[i + 1]);
    return state == rig->states[i] ? i : i + 1;
}

static void test_each_device_error_is_io_and_leaves_all_or_nothing(struct check *check, struct rig *rig,
                                                                   uint32_t block_size) {
    uint64_t n = 0;
    int failed = 1;
    while (failed) { /* until the n-th call is one that is never made */
        rig_open(check, rig, block_size);
        rig->faulty.fail_at = rig->faulty.calls + ++n;
        for (size_t i = 0; i < WORK_OPS;) {
            int code = work_apply(rig->store, i);
            if (code == SKINK_OK) {
                i++;
                continue;
            }
            CHECK_EQ(check, code, SKINK_IO);
            CHECK(check, rig->faulty.failed);
            enum skink_kind kind;
            int shows = skink_exists(rig->store, "", 0, &kind) == SKINK_OK;
            uint64_t shown = shows ? work_state(rig->store) : 0;
            i = recover(check, rig, i);
            CHECK(check, !shows || work_state(rig->store) == shown); /* what it still shows stays */
        }
        check_store(check, rig, rig->states[WORK_OPS]);
        failed = rig->faulty.failed;
        rig_close(check, rig);
    }
    CHECK(check, n > 200);
}

int main(void) {
    struct check check = {0};
    struct rig rig;
    static const uint32_t block_sizes[] = {256, 512, 4096};
    for (size_t i = 0; i < sizeof(block_sizes) / sizeof(block_sizes[0]); i++) {
        memset(&rig, 0, sizeof(rig));
        test_the_workload_succeeds_when_nothing_fails(&check, &rig, block_sizes[i]);
        test_each_refused_allocation_leaves_the_store_as_it_was(&check, &rig, block_sizes[i]);
        test_each_refused_allocation_of_a_mount_is_no_memory(&check, &rig, block_sizes[i]);
        test_each_device_error_is_io_and_leaves_all_or_nothing(&check, &rig, block_sizes[i]);
    }
    return check_result(&check);
}
