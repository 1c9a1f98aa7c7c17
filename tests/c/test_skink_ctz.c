/* SPDX-License-Identifier: ISC */
/* Value block lists: where each byte lies, and that it is read back from there. */
#include <stdlib.h>

#include "check.h"
#include "skink/ctz.h"

/* Pointers at the start of a block, counted as the format says it. */
static uint32_t pointers(uint32_t index) {
    uint32_t n = 0;
    if (index > 0) {
        n = 1;
        while (index % 2 == 0) {
            index /= 2;
            n++;
        }
    }
    return n;
}

static void test_every_byte_lies_where_counting_finds_it(struct check *check, uint32_t block_size) {
    uint32_t index = 0;
    uint32_t off = 0;
    for (uint32_t pos = 0; pos < 300 * block_size; pos++) {
        uint32_t got;
        CHECK_EQ(check, ctz_locate(block_size, pos, &got), index);
        CHECK_EQ(check, got, off);
        CHECK_EQ(check, ctz_count(block_size, pos + 1), index + 1);
        if (++off == block_size) {
            off = 4 * pointers(++index);
        }
    }
}

static void test_the_largest_value_has_a_place(struct check *check) {
    uint32_t off;
    uint32_t index = ctz_locate(512, 0x7ffffffe, &off);
    CHECK(check, index > 0x7ffffffeu / 512 && index <= 0x7ffffffeu / 504);
    CHECK(check, off < 512);
}

struct rig {
    struct bd dev;
    struct io io;
    struct blocks blocks;
    uint8_t scratch[512];
};

static void rig_open(struct check *check, struct rig *rig, uint32_t block_size, uint32_t prog_size) {
    struct bd_geometry geometry = {1, prog_size, block_size, 64, 0xff};
    CHECK_EQ(check, bd_ram_open(&geometry, &rig->dev), BD_OK);
    CHECK_EQ(check, io_init(&rig->io, &rig->dev, NULL), SKINK_OK);
    CHECK_EQ(check, blocks_init(&rig->io, &rig->blocks), SKINK_OK);
}

static void rig_close(struct rig *rig) {
    blocks_release(&rig->io, &rig->blocks);
    io_release(&rig->io);
    bd_close(&rig->dev);
}

static int from_memory(void *ctx, uint32_t pos, uint8_t *buffer, uint32_t size) {
    memcpy(buffer, (const uint8_t *)ctx + pos, size);
    return SKINK_OK;
}

static void fill(uint8_t *bytes, uint32_t size, uint32_t seed) {
    for (uint32_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

static void test_a_value_reads_back_whole_and_in_parts(struct check *check, uint32_t block_size,
                                                       uint32_t size) {
    static uint8_t value[8192];
    static uint8_t got[8192];
    struct rig rig;
    struct block_list fresh = {NULL, 0, 0};
    struct block_list found = {NULL, 0, 0};
    uint32_t head = 0;
    rig_open(check, &rig, block_size, 4);
    fill(value, size, size);
    struct ctz_draft draft = {0, 0, 0, rig.scratch, from_memory, value};
    draft.size = size;
    CHECK_EQ(check, ctz_write(&rig.io, &rig.blocks, &draft, &fresh, &head), SKINK_OK);
    CHECK_EQ(check, fresh.count, ctz_count(block_size, size));
    CHECK_EQ(check, ctz_read(&rig.io, head, size, 0, got, size), SKINK_OK);
    CHECK_EQ(check, memcmp(value, got, size), 0);
    for (uint32_t pos = 0; pos < size; pos += 61) {
        uint32_t part = size - pos < 333 ? size - pos : 333;
        CHECK_EQ(check, ctz_read(&rig.io, head, size, pos, got, part), SKINK_OK);
        CHECK_EQ(check, memcmp(value + pos, got, part), 0);
    }
    CHECK_EQ(check, ctz_collect(&rig.io, head, size, 0, &found), SKINK_OK);
    CHECK_EQ(check, found.count, fresh.count);
    for (size_t i = 0; i < found.count && i < fresh.count; i++) {
        CHECK_EQ(check, found.list[i], fresh.list[fresh.count - 1 - i]);
    }
    block_list_release(&rig.io, &fresh);
    block_list_release(&rig.io, &found);
    rig_close(&rig);
}

static void test_a_full_device_gives_no_space_and_takes_no_block(struct check *check) {
    struct rig rig;
    struct block_list fresh = {NULL, 0, 0};
    static uint8_t value[64 * 128];
    uint32_t head = 77;
    rig_open(check, &rig, 128, 4);
    struct ctz_draft draft = {0, 0, 0, rig.scratch, from_memory, value};
    draft.size = sizeof(value);
    CHECK_EQ(check, ctz_write(&rig.io, &rig.blocks, &draft, &fresh, &head), SKINK_NO_SPACE);
    CHECK_EQ(check, fresh.count, 0);
    CHECK_EQ(check, rig.blocks.free, 64);
    CHECK_EQ(check, head, 77);
    rig_close(&rig);
}

static void test_a_pointer_out_of_the_device_is_corrupt(struct check *check) {
    struct rig rig;
    struct block_list found = {NULL, 0, 0};
    uint8_t got[200];
    rig_open(check, &rig, 128, 4);
    CHECK_EQ(check, ctz_read(&rig.io, 64, 200, 0, got, 200), SKINK_CORRUPT);
    CHECK_EQ(check, ctz_collect(&rig.io, 3, 200, 0, &found),
             SKINK_CORRUPT); /* block 3 is erased: 0xffffffff */
    CHECK_EQ(check, ctz_collect(&rig.io, 3, 0x7fffffff, 0, &found), SKINK_CORRUPT);
    block_list_release(&rig.io, &found);
    rig_close(&rig);
}

int main(void) {
    struct check check = {0};
    test_every_byte_lies_where_counting_finds_it(&check, 128);
    test_every_byte_lies_where_counting_finds_it(&check, 512);
    test_the_largest_value_has_a_place(&check);
    for (uint32_t size = 1; size < 3000; size += 7) {
        test_a_value_reads_back_whole_and_in_parts(&check, 128, size);
    }
    for (uint32_t size = 500; size < 8000; size += 103) {
        test_a_value_reads_back_whole_and_in_parts(&check, 512, size);
    }
    test_a_full_device_gives_no_space_and_takes_no_block(&check);
    test_a_pointer_out_of_the_device_is_corrupt(&check);
    return check_result(&check);
}
