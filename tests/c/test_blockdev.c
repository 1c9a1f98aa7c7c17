/* SPDX-License-Identifier: ISC
 *
 * test_blockdev.c: the RAM device and the layers do their one job and nothing else.
 */
#include "blockdev.h"
#include "check.h"

#include <stdlib.h>

static const struct bd_geometry small = {4, 8, 32, 6, 0xff};

static void test_geometry_that_cannot_be_is_refused(struct check *check) {
    static const struct bd_geometry wrong[] = {
        {0, 8, 32, 6, 0},           {4, 0, 32, 6, 0},   {4, 8, 0, 6, 0},   {4, 8, 32, 0, 0},
        {5, 8, 32, 6, 0},           {4, 12, 32, 6, 0},  {64, 8, 32, 6, 0}, {4, 64, 32, 6, 0},
        {4, 8, 32, 0x80000000u, 0}, {4, 8, 32, 6, 256}, {4, 8, 32, 6, -2}, {4, 8, 32, 6, 1000}};
    static const struct bd_geometry right[] = {
        {1, 1, 1, 1, 0}, {4, 8, 32, 0x7fffffffu, 255}, {32, 32, 32, 6, BD_ERASE_NONE}, {3, 5, 15, 2, 7}};
    struct bd dev = {0};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(check, bd_geometry_check(&wrong[i]), BD_RANGE);
        CHECK_EQ(check, bd_ram_open(&wrong[i], &dev), BD_RANGE);
        CHECK_EQ(check, bd_ram_wrap(&wrong[i], NULL, &dev), BD_RANGE);
        CHECK(check, dev.ops == NULL);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        CHECK_EQ(check, bd_geometry_check(&right[i]), BD_OK);
    }
}

/* Is a span one that a unit of this size allows in a block of the small device? */
static int allowed(uint64_t block, uint64_t off, uint64_t size, uint64_t unit) {
    return block < 6 && off + size <= 32 && off % unit == 0 && size % unit == 0;
}

static void test_every_span_is_checked(struct check *check) {
    static const uint32_t blocks[] = {0, 5, 6, 7, 0xffffffffu};
    static const uint32_t huge[] = {0xfffffff8u, 0xffffffffu, 0x80000000u};
    uint8_t bytes[64] = {0};
    struct bd dev;

    CHECK_EQ(check, bd_ram_open(&small, &dev), BD_OK);
    for (size_t b = 0; b < 5; b++) {
        for (uint32_t off = 0; off <= 40; off++) {
            for (uint32_t size = 0; size <= 40; size++) {
                CHECK_EQ(check, bd_read(&dev, blocks[b], off, bytes, size),
                         allowed(blocks[b], off, size, 4) ? BD_OK : BD_RANGE);
                CHECK_EQ(check, bd_prog(&dev, blocks[b], off, bytes, size),
                         allowed(blocks[b], off, size, 8) ? BD_OK : BD_RANGE);
            }
        }
        CHECK_EQ(check, bd_erase(&dev, blocks[b]), blocks[b] < 6 ? BD_OK : BD_RANGE);
    }
    for (size_t i = 0; i < 3; i++) { /* where off + size wraps */
        CHECK_EQ(check, bd_read(&dev, 0, huge[i], bytes, 8), BD_RANGE);
        CHECK_EQ(check, bd_read(&dev, 0, 8, bytes, huge[i]), BD_RANGE);
        CHECK_EQ(check, bd_prog(&dev, 0, huge[i], bytes, huge[i]), BD_RANGE);
    }
    bd_close(&dev);
}

static void test_closing_a_cleared_device_does_nothing(struct check *check) {
    struct bd dev;

    CHECK_EQ(check, bd_ram_open(&small, &dev), BD_OK);
    bd_close(&dev);
    CHECK(check, dev.ops == NULL && dev.self == NULL && dev.geometry.block_size == 0);
    bd_close(&dev);
}

static int all_are(const uint8_t *bytes, size_t size, uint8_t value) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return 0;
        }
    }
    return 1;
}

static void test_ram_begins_erased_and_erases_one_block(struct check *check) {
    static const int32_t values[] = {0xff, 0, 0x5a, BD_ERASE_NONE};
    struct bd_geometry geometry = small;
    uint8_t ones[32];
    struct bd dev;

    memset(ones, 1, sizeof(ones));
    for (size_t i = 0; i < 4; i++) {
        uint8_t erased = (uint8_t)(values[i] == BD_ERASE_NONE ? 0 : values[i]);

        geometry.erase_value = values[i];
        CHECK_EQ(check, bd_ram_open(&geometry, &dev), BD_OK);
        CHECK(check, all_are(bd_ram_bytes(&dev), 192, erased));
        for (uint32_t block = 1; block < 4; block++) {
            CHECK_EQ(check, bd_prog(&dev, block, 0, ones, 32), BD_OK);
        }
        CHECK_EQ(check, bd_erase(&dev, 2), BD_OK);
        CHECK(check, all_are(bd_ram_bytes(&dev) + 32, 32, 1));
        CHECK(check, all_are(bd_ram_bytes(&dev) + 64, 32, values[i] == BD_ERASE_NONE ? 1 : erased));
        CHECK(check, all_are(bd_ram_bytes(&dev) + 96, 32, 1));
        bd_close(&dev);
    }
}

static void test_wrapped_bytes_are_used_in_place_and_left_alone_at_close(struct check *check) {
    uint8_t bytes[192] = {0}, eight[8] = "01234567";
    struct bd dev, layer;

    CHECK_EQ(check, bd_ram_wrap(&small, bytes, &dev), BD_OK);
    CHECK(check, bd_ram_bytes(&dev) == bytes);
    CHECK_EQ(check, bd_prog(&dev, 2, 16, eight, 8), BD_OK);
    CHECK(check, memcmp(bytes + 80, eight, 8) == 0);
    CHECK_EQ(check, bd_count_open(&dev, &layer), BD_OK);
    CHECK(check, bd_ram_bytes(&layer) == NULL);
    bd_close(&layer);
    bd_close(&dev);
    CHECK(check, memcmp(bytes + 80, eight, 8) == 0);
}

static void test_count_counts_calls_and_bytes(struct check *check) {
    uint8_t bytes[32] = {0};
    struct bd_counts counts;
    struct bd ram, dev;

    CHECK_EQ(check, bd_ram_open(&small, &ram), BD_OK);
    CHECK_EQ(check, bd_count_open(&ram, &dev), BD_OK);
    (void)bd_read(&dev, 0, 0, bytes, 12);
    (void)bd_read(&dev, 0, 0, bytes, 4);
    (void)bd_read(&dev, 9, 0, bytes, 4); /* refused above: does not pass */
    (void)bd_prog(&dev, 1, 8, bytes, 24);
    (void)bd_erase(&dev, 1);
    (void)bd_erase(&dev, 2);
    (void)bd_sync(&dev);
    bd_count_get(&dev, &counts);
    CHECK_EQ(check, counts.reads, 2);
    CHECK_EQ(check, counts.read_bytes, 16);
    CHECK_EQ(check, counts.progs, 1);
    CHECK_EQ(check, counts.prog_bytes, 24);
    CHECK_EQ(check, counts.erases, 2);
    CHECK_EQ(check, counts.erase_bytes, 64);
    CHECK_EQ(check, counts.syncs, 1);
    bd_count_reset(&dev);
    bd_count_get(&dev, &counts);
    CHECK_EQ(check, counts.reads + counts.progs + counts.erases + counts.syncs + counts.read_bytes, 0);
    bd_close(&dev);
    bd_close(&ram);
}

static void test_stop_lets_n_events_pass_and_then_freezes(struct check *check) {
    uint8_t ones[8], seen[8];
    struct bd ram, dev;

    memset(ones, 1, sizeof(ones));
    for (uint64_t events = 0; events <= 3; events++) {
        CHECK_EQ(check, bd_ram_open(&small, &ram), BD_OK);
        CHECK_EQ(check, bd_stop_open(&ram, events, &dev), BD_OK);
        CHECK_EQ(check, bd_prog(&dev, 0, 0, ones, 8), events > 0 ? BD_OK : BD_POWER);
        CHECK_EQ(check, bd_sync(&dev), events > 1 ? BD_OK : BD_POWER);
        CHECK_EQ(check, bd_erase(&dev, 0), events > 2 ? BD_OK : BD_POWER);
        if (events == 3) { /* all passed, and the power is on until the next */
            CHECK_EQ(check, bd_read(&dev, 0, 0, seen, 8), BD_OK);
            CHECK_EQ(check, bd_prog(&dev, 0, 0, ones, 8), BD_POWER);
        }
        memset(seen, 7, sizeof(seen));
        CHECK_EQ(check, bd_read(&dev, 0, 0, seen, 8), BD_POWER);
        CHECK(check, all_are(seen, 8, 7));
        CHECK(check, all_are(bd_ram_bytes(&ram), 8, events == 0 || events == 3 ? 0xff : 1));
        bd_close(&dev);
        bd_close(&ram);
    }
}

/* Random writes through an overlay and, for comparison, to a plain copy of the device below. */
static void test_overlay_reads_like_a_device_and_never_writes_below(struct check *check) {
    uint8_t below[192], copy[192], bytes[32];
    struct bd ram, dev, twin;
    unsigned draw = 1;

    memset(below, 0x33, sizeof(below));
    CHECK_EQ(check, bd_ram_wrap(&small, below, &ram), BD_OK);
    CHECK_EQ(check, bd_overlay_open(&ram, &dev), BD_OK);
    CHECK_EQ(check, bd_ram_wrap(&small, copy, &twin), BD_OK);
    for (int round = 0; round < 50; round++) {
        memcpy(copy, below, sizeof(copy));
        for (int i = 0; i < round; i++) {
            uint32_t block = (draw = draw * 1103515245u + 12345u) >> 16 & 7, off = draw >> 20 & 3;

            memset(bytes, i, sizeof(bytes));
            CHECK_EQ(check, bd_prog(&dev, block, off * 8, bytes, 8),
                     bd_prog(&twin, block, off * 8, bytes, 8));
            if (i % 5 == 0) {
                CHECK_EQ(check, bd_erase(&dev, block), bd_erase(&twin, block));
            }
            CHECK_EQ(check, bd_sync(&dev), BD_OK);
        }
        for (uint32_t block = 0; block < 6; block++) {
            CHECK_EQ(check, bd_read(&dev, block, 0, bytes, 32), BD_OK);
            CHECK(check, memcmp(bytes, copy + (size_t)block * 32, 32) == 0);
        }
        bd_overlay_reset(&dev);
    }
    CHECK(check, all_are(below, sizeof(below), 0x33));
    bd_close(&twin);
    bd_close(&dev);
    bd_close(&ram);
}

static void test_overlay_follows_the_device_below_after_a_reset(struct check *check) {
    uint8_t ones[8], seen[8];
    struct bd ram, dev;

    memset(ones, 1, sizeof(ones));
    CHECK_EQ(check, bd_ram_open(&small, &ram), BD_OK);
    CHECK_EQ(check, bd_overlay_open(&ram, &dev), BD_OK);
    CHECK_EQ(check, bd_erase(&dev, 3), BD_OK);
    CHECK_EQ(check, bd_prog(&ram, 3, 0, ones, 8), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 3, 0, seen, 8), BD_OK);
    CHECK(check, all_are(seen, 8, 0xff));
    bd_overlay_reset(&dev);
    CHECK_EQ(check, bd_read(&dev, 3, 0, seen, 8), BD_OK);
    CHECK(check, all_are(seen, 8, 1));
    bd_close(&dev);
    bd_close(&ram);
}

static void check_event(struct check *check, const struct bd_log *log, size_t i, struct bd_event expected) {
    struct bd_event event;

    bd_log_get(log, i, &event);
    CHECK_EQ(check, event.kind, expected.kind);
    CHECK_EQ(check, event.block, expected.block);
    CHECK_EQ(check, event.off, expected.off);
    CHECK_EQ(check, event.size, expected.size);
    CHECK_EQ(check, event.op, expected.op);
    CHECK_EQ(check, event.code, expected.code);
    CHECK(check, event.size == 0 || memcmp(event.bytes, expected.bytes, event.size) == 0);
}

static void test_record_logs_what_succeeded_in_order(struct check *check) {
    uint8_t bytes[8] = "abcdefg";
    struct bd ram, stop, dev;
    struct bd_log *log;

    CHECK_EQ(check, bd_log_new(&log), BD_OK);
    CHECK_EQ(check, bd_ram_open(&small, &ram), BD_OK);
    CHECK_EQ(check, bd_stop_open(&ram, 3, &stop), BD_OK);
    CHECK_EQ(check, bd_record_open(&stop, log, &dev), BD_OK);
    CHECK_EQ(check, bd_log_begin(log, 7), BD_OK);
    CHECK_EQ(check, bd_erase(&dev, 4), BD_OK);
    CHECK_EQ(check, bd_prog(&dev, 4, 24, bytes, 8), BD_OK);
    CHECK_EQ(check, bd_prog(&dev, 4, 28, bytes, 8), BD_RANGE);
    bytes[0] = 'z'; /* the log has its own copy */
    CHECK_EQ(check, bd_sync(&dev), BD_OK);
    CHECK_EQ(check, bd_log_end(log, 7, -12), BD_OK);
    CHECK_EQ(check, bd_erase(&dev, 5), BD_POWER);
    CHECK_EQ(check, bd_log_count(log), 5);
    check_event(check, log, 0, (struct bd_event){.kind = BD_EVENT_BEGIN, .op = 7});
    check_event(check, log, 1, (struct bd_event){.kind = BD_EVENT_ERASE, .block = 4});
    check_event(
        check, log, 2,
        (struct bd_event){
            .kind = BD_EVENT_PROG, .block = 4, .off = 24, .size = 8, .bytes = (const uint8_t *)"abcdefg"});
    check_event(check, log, 3, (struct bd_event){.kind = BD_EVENT_SYNC});
    check_event(check, log, 4, (struct bd_event){.kind = BD_EVENT_END, .op = 7, .code = -12});
    bd_close(&dev);
    bd_close(&stop);
    bd_close(&ram);
    bd_log_free(log);
    bd_log_free(NULL);
}

static void test_long_logs_keep_every_byte(struct check *check) {
    uint8_t bytes[32];
    struct bd_event event;
    struct bd ram, dev;
    struct bd_log *log;

    CHECK_EQ(check, bd_log_new(&log), BD_OK);
    CHECK_EQ(check, bd_ram_open(&small, &ram), BD_OK);
    CHECK_EQ(check, bd_record_open(&ram, log, &dev), BD_OK);
    for (uint32_t i = 0; i < 5000; i++) {
        memset(bytes, (int)(i % 251), sizeof(bytes));
        CHECK_EQ(check, bd_prog(&dev, i % 6, 0, bytes, 8 * (i % 5)), BD_OK);
    }
    CHECK_EQ(check, bd_log_count(log), 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        bd_log_get(log, i, &event);
        CHECK_EQ(check, event.size, 8 * (i % 5));
        CHECK(check, all_are(event.bytes, event.size, (uint8_t)(i % 251)));
    }
    bd_close(&dev);
    bd_close(&ram);
    bd_log_free(log);
}

static void test_each_code_has_its_own_text(struct check *check) {
    for (int a = BD_OK; a >= BD_READ_ONLY; a--) {
        CHECK(check, strlen(bd_code_text(a)) > 0);
        for (int b = a - 1; b >= BD_READ_ONLY - 1; b--) {
            CHECK(check, strcmp(bd_code_text(a), bd_code_text(b)) != 0);
        }
    }
    CHECK(check, strcmp(bd_code_text(1), bd_code_text(-99)) == 0);
}

int main(void) {
    struct check check = {0};

    test_geometry_that_cannot_be_is_refused(&check);
    test_every_span_is_checked(&check);
    test_closing_a_cleared_device_does_nothing(&check);
    test_ram_begins_erased_and_erases_one_block(&check);
    test_wrapped_bytes_are_used_in_place_and_left_alone_at_close(&check);
    test_count_counts_calls_and_bytes(&check);
    test_stop_lets_n_events_pass_and_then_freezes(&check);
    test_overlay_reads_like_a_device_and_never_writes_below(&check);
    test_overlay_follows_the_device_below_after_a_reset(&check);
    test_record_logs_what_succeeded_in_order(&check);
    test_long_logs_keep_every_byte(&check);
    test_each_code_has_its_own_text(&check);
    return check_result(&check);
}
