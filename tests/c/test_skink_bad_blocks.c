/* SPDX-License-Identifier: ISC */
/* A block goes bad, at each prog and erase in turn: the operation succeeds all the same, the block is not
 * used again, and a power cut anywhere meanwhile leaves all or nothing. */
#include "check.h"
#include "skink_workload.h"

#define BLOCK_SIZE 256u
#define BLOCK_COUNT 128u
#define SNAPSHOTS_MAX 64

enum how { SAYS_SO, KEEPS_SILENT };

/* A device one of whose blocks goes bad at its n-th write, for good; and pictures of what followed. */
struct worn {
    const struct bd *below;
    enum how how;
    uint64_t writes, bad_at;
    uint32_t bad; /* BLOCK_COUNT: none yet */
    int watching; /* take a picture after each write from the one that failed on */
    uint8_t *pictures[SNAPSHOTS_MAX];
    size_t count;
};

static void take_picture(struct worn *w) {
    size_t size = (size_t)BLOCK_SIZE * BLOCK_COUNT;
    if (w->watching && w->bad != BLOCK_COUNT && w->count < SNAPSHOTS_MAX) {
        w->pictures[w->count] = malloc(size);
        if (w->pictures[w->count] != NULL) {
            memcpy(w->pictures[w->count++], bd_ram_bytes(w->below), size);
        }
    }
}

static int goes_bad(struct worn *w, uint32_t block) {
    if (++w->writes == w->bad_at) {
        w->bad = block;
        w->watching = 1;
    }
    return block == w->bad;
}

static int worn_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    return bd_read(((struct worn *)self)->below, block, off, ret_bytes, size);
}

static int worn_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    struct worn *w = self;
    if (goes_bad(w, block)) {
        return w->how == SAYS_SO ? BD_BAD_BLOCK : BD_OK;
    }
    int code = bd_prog(w->below, block, off, bytes, size);
    take_picture(w);
    return code;
}

static int worn_erase(void *self, uint32_t block) {
    struct worn *w = self;
    if (goes_bad(w, block)) {
        return w->how == SAYS_SO ? BD_BAD_BLOCK : BD_OK;
    }
    int code = bd_erase(w->below, block);
    take_picture(w);
    return code;
}

static int worn_sync(void *self) {
    return bd_sync(((struct worn *)self)->below);
}

static const struct bd_ops worn_ops = {worn_read, worn_prog, worn_erase, worn_sync, NULL};

static const struct bd_geometry geometry = {16, 16, BLOCK_SIZE, BLOCK_COUNT, 0xff};

static int mount(const struct bd *dev, struct skink **ret_store) {
    struct skink_config config = {.device = dev, .flags = SKINK_OPEN_VERIFY};
    return skink_open(&config, ret_store);
}

/* The states that the store goes through when no block is bad. */
static void reference(struct check *check, uint64_t states[WORK_OPS + 1]) {
    struct bd ram;
    struct skink *store = NULL;
    CHECK_EQ(check, bd_ram_open(&geometry, &ram), BD_OK);
    CHECK_EQ(check, skink_format(&ram, NULL, NULL), SKINK_OK);
    CHECK_EQ(check, mount(&ram, &store), SKINK_OK);
    states[0] = work_state(store);
    for (size_t i = 0; i < WORK_OPS; i++) {
        CHECK_EQ(check, work_apply(store, i), SKINK_OK);
        states[i + 1] = work_state(store);
    }
    skink_close(store);
    bd_close(&ram);
}

static void check_store(struct check *check, struct skink *store, uint64_t state) {
    char text[200] = "";
    CHECK(check, work_state(store) == state);
    CHECK_EQ(check, skink_check(store, text, sizeof(text)), SKINK_OK);
    CHECK_EQ(check, strcmp(text, ""), 0);
}

/* Each picture is a crash state: it mounts, holds the state before or after, and can be written. */
static void check_pictures(struct check *check, struct worn *w, uint64_t before, uint64_t after) {
    for (size_t i = 0; i < w->count; i++) {
        struct bd dev;
        struct skink *store = NULL;
        CHECK_EQ(check, bd_ram_wrap(&geometry, w->pictures[i], &dev), BD_OK);
        CHECK_EQ(check, mount(&dev, &store), SKINK_OK);
        if (store != NULL) {
            uint64_t state = work_state(store);
            CHECK(check, state == before || state == after);
            CHECK_EQ(check, skink_set(store, "probe", 5, "p", 1), SKINK_OK);
            CHECK_EQ(check, skink_remove(store, "probe", 5), SKINK_OK);
            check_store(check, store, state);
            skink_close(store);
        }
        bd_close(&dev);
        free(w->pictures[i]);
    }
    w->count = 0;
}

/* 0 once no write is the n-th any more. */
static int one_bad_block(struct check *check, const uint64_t states[WORK_OPS + 1], enum how how, uint64_t n) {
    struct bd ram;
    struct skink *store = NULL;
    struct worn w = {.how = how, .bad = BLOCK_COUNT};
    CHECK_EQ(check, bd_ram_open(&geometry, &ram), BD_OK);
    CHECK_EQ(check, skink_format(&ram, NULL, NULL), SKINK_OK);
    w.below = &ram;
    w.bad_at = n;
    struct bd dev = {&worn_ops, &w, geometry};
    CHECK_EQ(check, mount(&dev, &store), SKINK_OK);
    for (size_t i = 0; i < WORK_OPS; i++) {
        int code = work_apply(store, i);
        w.watching = 0;
        check_pictures(check, &w, states[i], states[i + 1]);
        if (w.bad <= 1 && code == SKINK_IO) {
            break; /* the superblock has no other place */
        }
        CHECK_EQ(check, code, SKINK_OK);
        check_store(check, store, states[i + 1]);
    }
    skink_close(store);
    bd_close(&ram);
    return w.bad != BLOCK_COUNT;
}

static void test_a_block_that_goes_bad_is_replaced(struct check *check, enum how how) {
    uint64_t states[WORK_OPS + 1];
    uint64_t n = 1;
    reference(check, states);
    while (one_bad_block(check, states, how, n)) {
        n++;
    }
    CHECK(check, n > 150);
}

int main(void) {
    struct check check = {0};
    test_a_block_that_goes_bad_is_replaced(&check, SAYS_SO);
    test_a_block_that_goes_bad_is_replaced(&check, KEEPS_SILENT);
    return check_result(&check);
}
