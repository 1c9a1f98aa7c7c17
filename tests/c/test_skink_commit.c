/* SPDX-License-Identifier: ISC */
/* One metadata block as a log of commits: what was sealed is found again, what was not is not. */
#include <stdlib.h>

#include "check.h"
#include "skink/bytes.h"
#include "skink/commit.h"

#define BLOCK 4096u

/* A RAM device with an engine's view of it. */
struct rig {
    struct bd dev;
    struct io io;
    uint8_t bytes[BLOCK];  /* the block under construction */
    uint8_t buffer[BLOCK]; /* the block as read back */
};

static void rig_open(struct check *check, struct rig *rig, uint32_t prog_size, int32_t erase_value) {
    struct bd_geometry geometry = {1, prog_size, BLOCK, 4, erase_value};
    memset(rig, 0, sizeof(*rig));
    CHECK_EQ(check, bd_ram_open(&geometry, &rig->dev), BD_OK);
    CHECK_EQ(check, io_init(&rig->io, &rig->dev, NULL), SKINK_OK);
}

static void rig_close(struct rig *rig) {
    io_release(&rig->io);
    bd_close(&rig->dev);
}

/* Appends a commit with one attribute of `size` bytes that all read `fill`. */
static int add(struct rig *rig, const struct log *log, uint8_t fill, uint32_t size) {
    uint8_t data[TAG_LENGTH_MAX];
    struct commit c;
    memset(data, fill, sizeof(data));
    if (log == NULL) {
        commit_first(&c, &rig->io, rig->bytes, 0, 7);
        if (io_erase(&rig->io, 0) != SKINK_OK) {
            return SKINK_IO;
        }
    } else {
        commit_more(&c, &rig->io, rig->bytes, 0, log->end, log->etag);
    }
    if (size + 4 > commit_room(&c)) {
        return SKINK_NO_SPACE;
    }
    commit_put(&c, tag_make(TAG_ATTR + 1, 0, size), data);
    return commit_finish(&c, true);
}

/* How many attributes the log holds, each of whose bytes must be their number. */
static int count(struct check *check, const struct log *log) {
    struct log_cursor cursor;
    uint32_t tag;
    uint32_t data;
    int n = 0;
    log_start(log, &cursor);
    while (log_next(&cursor, &tag, &data)) {
        if (tag_type(tag) == TAG_ATTR + 1) {
            CHECK_EQ(check, log->block[data], n);
            n++;
        }
    }
    return n;
}

static void test_commits_are_found_again_until_the_block_is_full(struct check *check, uint32_t prog_size,
                                                                 uint32_t size) {
    struct rig rig;
    struct log log;
    int n = 0;
    rig_open(check, &rig, prog_size, 0xff);
    CHECK_EQ(check, add(&rig, NULL, 0, size), SKINK_OK);
    do {
        n++;
        CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
        CHECK_EQ(check, log.rev, 7);
        CHECK_EQ(check, count(check, &log), n);
        CHECK_EQ(check, log.end % prog_size, 0);
        CHECK(check, log.erased == (log.end <= BLOCK - prog_size));
    } while (log.end + size + 12 <= BLOCK && add(&rig, &log, (uint8_t)n, size) == SKINK_OK);
    CHECK(check, n > 1 || prog_size == BLOCK || size > 500);
    rig_close(&rig);
}

/* On a device whose erase changes nothing, commits of the block's last life lie right behind the new ones. */
static void test_an_older_lifes_commits_do_not_come_back(struct check *check) {
    struct rig rig;
    struct log log;
    for (uint32_t old = 1; old < 120; old++) {
        rig_open(check, &rig, 16, BD_ERASE_NONE);
        CHECK_EQ(check, add(&rig, NULL, 0, old), SKINK_OK);
        for (int n = 1; n < 8; n++) {
            CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
            CHECK_EQ(check, add(&rig, &log, (uint8_t)n, old), SKINK_OK);
        }
        CHECK_EQ(check, add(&rig, NULL, 0, 20), SKINK_OK);
        CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
        CHECK_EQ(check, count(check, &log), 1);
        CHECK(check, log.erased);
        rig_close(&rig);
    }
}

static void test_any_flipped_bit_ends_the_log_before_its_commit(struct check *check) {
    struct rig rig;
    struct log log;
    struct log again;
    rig_open(check, &rig, 1, 0xff);
    CHECK_EQ(check, add(&rig, NULL, 0, 9), SKINK_OK);
    CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
    uint32_t first = log.end;
    CHECK_EQ(check, add(&rig, &log, 1, 9), SKINK_OK);
    CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
    uint8_t *disk = bd_ram_bytes(&rig.dev);
    for (uint32_t bit = 0; bit < 8 * log.end; bit++) {
        disk[bit / 8] = (uint8_t)(disk[bit / 8] ^ 1u << bit % 8);
        CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &again), SKINK_OK);
        CHECK_EQ(check, again.end, bit / 8 < first ? 0 : first);
        disk[bit / 8] = (uint8_t)(disk[bit / 8] ^ 1u << bit % 8);
    }
    rig_close(&rig);
}

static void test_a_torn_prog_behind_the_log_forbids_appending(struct check *check) {
    struct rig rig;
    struct log log;
    rig_open(check, &rig, 16, 0xff);
    CHECK_EQ(check, add(&rig, NULL, 0, 40), SKINK_OK);
    CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
    CHECK(check, log.erased);
    bd_ram_bytes(&rig.dev)[log.end + 15] = 0; /* the valid bit still looks erased */
    CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &log), SKINK_OK);
    CHECK(check, !log.erased);
    CHECK_EQ(check, count(check, &log), 1);
    rig_close(&rig);
}

static void test_what_lies_in_memory_parses_as_what_is_read(struct check *check) {
    struct rig rig;
    struct log read;
    struct log parsed;
    rig_open(check, &rig, 64, 0xff);
    CHECK_EQ(check, add(&rig, NULL, 0, 100), SKINK_OK);
    CHECK_EQ(check, log_load(&rig.io, 0, rig.buffer, &read), SKINK_OK);
    log_parse(bd_ram_bytes(&rig.dev), BLOCK, &parsed);
    CHECK_EQ(check, parsed.end, read.end);
    CHECK_EQ(check, parsed.etag, read.etag);
    CHECK_EQ(check, parsed.erased, read.erased);
    log_parse(bd_ram_bytes(&rig.dev), 50, &parsed); /* cut in the middle of the commit */
    CHECK_EQ(check, parsed.end, 0);
    rig_close(&rig);
}

int main(void) {
    struct check check = {0};
    static const uint32_t prog_sizes[] = {1, 4, 16, 64, 512, 1024, 2048, 4096};
    for (size_t i = 0; i < sizeof(prog_sizes) / sizeof(prog_sizes[0]); i++) {
        test_commits_are_found_again_until_the_block_is_full(&check, prog_sizes[i], 1);
        test_commits_are_found_again_until_the_block_is_full(&check, prog_sizes[i], 77);
        test_commits_are_found_again_until_the_block_is_full(&check, prog_sizes[i], 1000);
    }
    test_an_older_lifes_commits_do_not_come_back(&check);
    test_any_flipped_bit_ends_the_log_before_its_commit(&check);
    test_a_torn_prog_behind_the_log_forbids_appending(&check);
    test_what_lies_in_memory_parses_as_what_is_read(&check);
    return check_result(&check);
}
