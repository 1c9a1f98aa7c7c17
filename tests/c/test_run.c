/* SPDX-License-Identifier: ISC
 *
 * test_run.c: a recording holds every event in its place, and each crash state knows what is allowed in it.
 *
 * The engine is a scribe: it holds no store, it writes as often as it is told to (len times for an operation).
 */
#include "check.h"
#include "powercut.h"

#include <stdlib.h>

enum { MOUNT_WRITES = 2, UNMOUNT_WRITES = 1, BLOCK = 64, BLOCKS = 8 };

static const struct bd_geometry geometry = {16, 16, BLOCK, BLOCKS, 0xff};

struct scribe {
    struct bd dev;
    uint32_t count; /* writes so far */
};

/* One event: progs, with an erase and a sync among them. */
static int scribble(struct scribe *scribe) {
    uint32_t n = scribe->count++;
    uint8_t bytes[16];

    memset(bytes, (int)n + 1, sizeof(bytes));
    if (n % 5 == 3) {
        return bd_erase(&scribe->dev, n * 7 % BLOCKS);
    }
    if (n % 5 == 4) {
        return bd_sync(&scribe->dev);
    }
    return bd_prog(&scribe->dev, n * 7 % BLOCKS, 16 * (n % 4), bytes, 16);
}

static int scribe_format(const struct bd *dev, const struct pc_options *options) {
    (void)options;
    return bd_prog(dev, 0, 0, "formatted store ", 16) == BD_OK ? PC_OK : PC_IO;
}

static void scribe_unmount(void *self) {
    struct scribe *scribe = self;

    for (int i = 0; i < UNMOUNT_WRITES; i++) {
        (void)scribble(scribe);
    }
    free(scribe);
}

static int scribe_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct scribe *scribe = calloc(1, sizeof(*scribe));

    (void)options;
    if (scribe == NULL) {
        return PC_NO_MEMORY;
    }
    scribe->dev = *dev;
    for (int i = 0; i < MOUNT_WRITES; i++) {
        if (scribble(scribe) != BD_OK) {
            free(scribe);
            return PC_IO;
        }
    }
    *ret_store = scribe;
    return PC_OK;
}

/* set writes len times; off = 1 says OK whatever the device said. get answers "abc" in two parts, list two
 * entries, and both fail where off is 1. */
static int scribe_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct scribe *scribe = self;

    for (uint64_t i = 0; op->kind == PC_OP_SET && i < op->len; i++) {
        if (scribble(scribe) != BD_OK) {
            return op->off == 1 ? PC_OK : PC_IO;
        }
    }
    reply->kind = PC_DICTIONARY;
    reply->size = UINT64_C(0x123456789);
    reply->time = op->now;
    if (op->kind == PC_OP_GET) {
        reply->put_bytes(reply, (const uint8_t *)"a", 1);
        reply->put_bytes(reply, (const uint8_t *)"bc", 2);
    }
    if (op->kind == PC_OP_LIST) {
        reply->put_entry(reply, "x", 1, PC_VALUE);
        reply->put_entry(reply, "yz", 2, PC_DICTIONARY);
    }
    return op->off == 1 && op->kind != PC_OP_SET ? PC_NOT_FOUND : PC_OK;
}

static int scribe_visit(void *self, pc_visit_fn fn, void *ctx) {
    (void)self;
    (void)fn;
    (void)ctx;
    return PC_OK;
}

static int scribe_facts(void *self, struct pc_facts *ret_facts) {
    (void)self;
    *ret_facts = (struct pc_facts){77, 88};
    return PC_OK;
}

static const struct pc_engine scribe_engine = {
    .abi_version = PC_ABI_VERSION,
    .durability = PC_DURABLE_ON_RETURN,
    .name = "scribe",
    .version = "1",
    .format = scribe_format,
    .mount = scribe_mount,
    .unmount = scribe_unmount,
    .apply = scribe_apply,
    .visit = scribe_visit,
    .facts = scribe_facts,
};

static struct pc_op writes(uint64_t count) {
    return (struct pc_op){.kind = PC_OP_SET, .key = "k", .key_len = 1, .len = count};
}

static struct pc_run *record(struct check *check, const struct pc_op *ops, size_t count,
                             uint64_t stop_after) {
    struct pc_run_options options = {.geometry = geometry, .stop_after = stop_after};
    struct pc_run *run = NULL;

    CHECK_EQ(check, pc_run_record(&scribe_engine, &options, ops, count, &run), PC_OK);
    return run;
}

static void check_position(struct check *check, const struct pc_run *run, size_t k, size_t done,
                           int in_flight) {
    size_t found_done = 99;
    int found_in_flight = 99;

    pc_run_position(run, k, &found_done, &found_in_flight);
    CHECK_EQ(check, found_done, done);
    CHECK_EQ(check, found_in_flight, in_flight);
}

/* Events: two of mount, one of operation 0, two of operation 2, one of unmount. */
static void test_positions_are_the_strictest_that_hold(struct check *check) {
    struct pc_op ops[3] = {writes(1), writes(0), writes(2)};
    struct pc_run *run = record(check, ops, 3, 0);

    CHECK_EQ(check, pc_run_event_count(run), 6);
    check_position(check, run, 0, 0, 0);
    check_position(check, run, 1, 0, 0); /* in the middle of mount */
    check_position(check, run, 2, 0, 0); /* mounted, operation 0 not begun: none in flight */
    check_position(check, run, 3, 2, 0); /* operations 0 and 1 have returned, 2 has written nothing */
    check_position(check, run, 4, 2, 1); /* in the middle of operation 2 */
    check_position(check, run, 5, 3, 0);
    check_position(check, run, 6, 3, 0); /* unmounted */
    pc_run_free(run);
}

static void test_long_operation_is_in_flight_in_all_its_inner_states(struct check *check) {
    struct pc_op ops[1] = {writes(10)};
    struct pc_run *run = record(check, ops, 1, 0);

    check_position(check, run, 2, 0, 0);
    for (size_t k = 3; k < 12; k++) {
        check_position(check, run, k, 0, 1);
    }
    check_position(check, run, 12, 1, 0);
    pc_run_free(run);
}

static void test_power_cut_in_an_operation_leaves_it_in_flight(struct check *check) {
    struct pc_op ops[4] = {writes(1), writes(0), writes(2), writes(1)};
    struct pc_run *run = record(check, ops, 4, 4);

    CHECK_EQ(check, pc_run_event_count(run), 4);
    CHECK_EQ(check, pc_run_code(run, 0), PC_OK);
    CHECK_EQ(check, pc_run_code(run, 1), PC_OK);
    CHECK_EQ(check, pc_run_code(run, 2), PC_IO);
    CHECK_EQ(check, pc_run_code(run, 3), PC_IO); /* never reached */
    check_position(check, run, 4, 2, 1);
    pc_run_free(run);
    run = record(check, ops, 4, 3); /* before the operation's first write */
    check_position(check, run, 3, 2, 0);
    pc_run_free(run);
}

static void test_power_cut_in_mount_reaches_no_operation(struct check *check) {
    struct pc_op ops[1] = {writes(1)};
    struct pc_run *run = record(check, ops, 1, 1);

    CHECK_EQ(check, pc_run_event_count(run), 1);
    CHECK_EQ(check, pc_run_code(run, 0), PC_IO);
    check_position(check, run, 1, 0, 0);
    pc_run_free(run);
}

/* An operation that claims to be OK though its write failed has promised to be durable. */
static void test_claim_of_success_without_power_is_taken_at_its_word(struct check *check) {
    struct pc_op ops[1] = {writes(2)};
    struct pc_run *run;

    ops[0].off = 1;
    run = record(check, ops, 1, 3);
    CHECK_EQ(check, pc_run_code(run, 0), PC_OK);
    check_position(check, run, 3, 1, 0);
    pc_run_free(run);
}

/* The images against a device on which the same engine works without any recording. */
static void test_images_are_the_device_after_each_event(struct check *check) {
    struct pc_op ops[2] = {writes(30), writes(17)};
    struct pc_run *run = record(check, ops, 2, 0);
    uint8_t image[BLOCK * BLOCKS];
    struct scribe scribe = {.count = 0};
    struct pc_options options = {0};

    CHECK_EQ(check, bd_ram_open(&geometry, &scribe.dev), BD_OK);
    CHECK_EQ(check, scribe_format(&scribe.dev, &options), PC_OK);
    CHECK_EQ(check, pc_run_event_count(run), 50);
    for (size_t k = 0; k <= 50; k++) {
        pc_run_image(run, k, image);
        CHECK(check, memcmp(image, bd_ram_bytes(&scribe.dev), sizeof(image)) == 0);
        (void)scribble(&scribe);
    }
    bd_close(&scribe.dev);
    pc_run_free(run);
}

static void test_given_image_is_where_the_run_begins(struct check *check) {
    uint8_t image[BLOCK * BLOCKS], seen[BLOCK * BLOCKS];
    struct pc_run_options options = {.geometry = geometry, .image = image};
    struct pc_run *run = NULL;

    memset(image, 0x21, sizeof(image));
    CHECK_EQ(check, pc_run_record(&scribe_engine, &options, NULL, 0, &run), PC_OK);
    memset(image, 0, sizeof(image)); /* it was copied */
    pc_run_image(run, 0, seen);
    CHECK(check, seen[0] == 0x21 && memcmp(seen, seen + 1, sizeof(seen) - 1) == 0);
    CHECK_EQ(check, pc_run_event_count(run), MOUNT_WRITES + UNMOUNT_WRITES);
    pc_run_free(run);
}

static void test_events_come_without_marks(struct check *check) {
    struct pc_op ops[2] = {writes(1), writes(2)};
    struct pc_run *run = record(check, ops, 2, 0);
    struct bd_event event;

    for (size_t i = 0; i < pc_run_event_count(run); i++) {
        pc_run_event(run, i, &event);
        CHECK_EQ(check, event.kind, i % 5 == 3 ? BD_EVENT_ERASE : i % 5 == 4 ? BD_EVENT_SYNC : BD_EVENT_PROG);
    }
    pc_run_free(run);
}

static int has_reply(const struct pc_run *run, size_t op, struct pc_hash hash) {
    struct pc_hash found = pc_run_reply(run, op);

    return found.lo == hash.lo && found.hi == hash.hi;
}

static void test_replies_are_hashed_as_the_header_says(struct check *check) {
    static const uint8_t list[] = {1, 1, 0, 0, 0, 'x', 2, 2, 0, 0, 0, 'y', 'z'};
    static const uint32_t kinds[] = {PC_OP_EXISTS, PC_OP_GET, PC_OP_SIZE, PC_OP_LAST_MODIFIED,
                                     PC_OP_LIST,   PC_OP_SET, PC_OP_GET};
    struct pc_op ops[7];
    struct pc_run *run;

    for (size_t i = 0; i < 7; i++) {
        ops[i] = (struct pc_op){.kind = kinds[i], .key = "k", .key_len = 1, .now = {5, 6}};
    }
    ops[6].off = 1;
    run = record(check, ops, 7, 0);
    CHECK(check, has_reply(run, 0, pc_hash_answer(PC_OP_EXISTS, PC_DICTIONARY, 0, NULL, 0)));
    CHECK(check, has_reply(run, 1, pc_hash_answer(PC_OP_GET, 0, 0, "abc", 3)));
    CHECK(check, has_reply(run, 2, pc_hash_answer(PC_OP_SIZE, UINT64_C(0x123456789), 0, NULL, 0)));
    CHECK(check, has_reply(run, 3, pc_hash_answer(PC_OP_LAST_MODIFIED, 5, 6, NULL, 0)));
    CHECK(check, has_reply(run, 4, pc_hash_answer(PC_OP_LIST, 0, 0, list, sizeof(list))));
    CHECK(check, has_reply(run, 5, (struct pc_hash){0, 0}));
    CHECK(check, has_reply(run, 6, (struct pc_hash){0, 0}));
    CHECK_EQ(check, pc_run_code(run, 6), PC_NOT_FOUND);
    pc_run_free(run);
}

static void test_facts_are_those_of_the_mounted_store(struct check *check) {
    struct pc_run *run = record(check, NULL, 0, 0);
    struct pc_facts facts;

    pc_run_facts(run, &facts);
    CHECK_EQ(check, facts.name_max, 77);
    CHECK_EQ(check, facts.value_max, 88);
    pc_run_free(run);
    pc_run_free(NULL);
}

static int refuse_format(const struct bd *dev, const struct pc_options *options) {
    (void)dev;
    (void)options;
    return PC_UNSUPPORTED;
}

static int refuse_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    (void)dev;
    (void)options;
    (void)ret_store;
    return PC_CORRUPT;
}

static void test_what_format_and_mount_refuse_is_passed_on(struct check *check) {
    struct pc_run_options options = {.geometry = geometry};
    struct pc_engine engine = scribe_engine;
    struct pc_run *run = NULL;

    engine.format = refuse_format;
    CHECK_EQ(check, pc_run_record(&engine, &options, NULL, 0, &run), PC_UNSUPPORTED);
    engine = scribe_engine;
    engine.mount = refuse_mount;
    CHECK_EQ(check, pc_run_record(&engine, &options, NULL, 0, &run), PC_CORRUPT);
    options.geometry.read_size = 0;
    CHECK_EQ(check, pc_run_record(&scribe_engine, &options, NULL, 0, &run), PC_INVALID_ARGUMENT);
    CHECK(check, run == NULL);
}

static void test_each_code_and_violation_has_its_own_name(struct check *check) {
    CHECK(check, strcmp(pc_code_name(PC_OK), "OK") == 0);
    CHECK(check, strcmp(pc_code_name(PC_NO_SPACE), "NO_SPACE") == 0);
    CHECK(check, strcmp(pc_code_name(PC_IO), "IO") == 0);
    CHECK(check, strcmp(pc_code_name(PC_NO_MEMORY), "NO_MEMORY") == 0);
    CHECK(check, strcmp(pc_code_name(1), "?") == 0);
    CHECK(check, strcmp(pc_code_name(PC_NO_MEMORY - 1), "?") == 0);
    CHECK(check, strcmp(pc_violation_name(PC_VIOLATION_MOUNT), "mount") == 0);
    CHECK(check, strcmp(pc_violation_name(PC_VIOLATION_CHECK), "check") == 0);
    CHECK(check, strcmp(pc_violation_name(PC_VIOLATION_RESUME + 1), "?") == 0);
}

int main(void) {
    struct check check = {0};

    test_positions_are_the_strictest_that_hold(&check);
    test_long_operation_is_in_flight_in_all_its_inner_states(&check);
    test_power_cut_in_an_operation_leaves_it_in_flight(&check);
    test_power_cut_in_mount_reaches_no_operation(&check);
    test_claim_of_success_without_power_is_taken_at_its_word(&check);
    test_images_are_the_device_after_each_event(&check);
    test_given_image_is_where_the_run_begins(&check);
    test_events_come_without_marks(&check);
    test_replies_are_hashed_as_the_header_says(&check);
    test_facts_are_those_of_the_mounted_store(&check);
    test_what_format_and_mount_refuse_is_passed_on(&check);
    test_each_code_and_violation_has_its_own_name(&check);
    return check_result(&check);
}
