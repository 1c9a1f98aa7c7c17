/* SPDX-License-Identifier: ISC
 *
 * test_fingerprint.c: hashes are the same everywhere, tell apart what differs, and do not mind order.
 */
#include "check.h"
#include "powercut.h"

#include <stdlib.h>

static int equal(struct pc_hash a, struct pc_hash b) {
    return a.lo == b.lo && a.hi == b.hi;
}

static int compare_hashes(const void *a, const void *b) {
    const struct pc_hash *x = a, *y = b;

    if (x->hi != y->hi) {
        return x->hi < y->hi ? -1 : 1;
    }
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static size_t count_equal(struct pc_hash *hashes, size_t count) {
    size_t found = 0;

    qsort(hashes, count, sizeof(*hashes), compare_hashes);
    for (size_t i = 1; i < count; i++) {
        found += (size_t)equal(hashes[i - 1], hashes[i]);
    }
    return found;
}

static struct pc_entry value(const char *key, const char *data, uint64_t size) {
    return (struct pc_entry){.key = key,
                             .key_len = strlen(key),
                             .kind = PC_VALUE,
                             .has_time = 1,
                             .time = {20000, 123456789},
                             .data = (const uint8_t *)data,
                             .size = size};
}

/* Saved traces and Python hold such hashes: they must never change. */
static void test_known_answers(struct check *check) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    static const struct {
        size_t size;
        uint64_t seed;
        struct pc_hash hash;
    } known[] = {
        {0, 0, {UINT64_C(0x34d4b3829559a6d1), UINT64_C(0x9d28a5903c12f346)}},
        {13, 1, {UINT64_C(0x785c7361f242579b), UINT64_C(0x47de92afa5ee7855)}},
        {26, 2, {UINT64_C(0x6db5d81e788a19a6), UINT64_C(0x63cd8651b6e72238)}},
        {39, 3, {UINT64_C(0xc4564fb8e4e98992), UINT64_C(0xbf3ef2bdf218c539)}},
    };
    struct pc_entry entry = value("abc/def", letters, 40);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CHECK(check, equal(pc_hash_bytes(letters, known[i].size, known[i].seed), known[i].hash));
    }
    CHECK(check, equal(pc_hash_entry(&entry),
                       (struct pc_hash){UINT64_C(0x5c6a75b1086b4286), UINT64_C(0xf43f0f15468ce2fb)}));
    CHECK(check, equal(pc_hash_answer(PC_OP_GET, 1, 2, letters, 33),
                       (struct pc_hash){UINT64_C(0x4079bd4fe016356c), UINT64_C(0x11623024f194d4ed)}));
}

static void test_sum_does_not_mind_order_and_can_be_undone(struct check *check) {
    struct pc_entry entries[3] = {value("a", "1", 1), value("b", "2", 1), value("c", "3", 1)};
    struct pc_hash h[3], forth = {0, 0}, back = {0, 0};

    for (int i = 0; i < 3; i++) {
        h[i] = pc_hash_entry(&entries[i]);
        forth = pc_hash_add(forth, h[i]);
        back = pc_hash_add(pc_hash_entry(&entries[2 - i]), back);
    }
    CHECK(check, equal(forth, back));
    CHECK(check, equal(pc_hash_add(pc_hash_add(h[2], h[0]), h[1]), forth));
    CHECK(check, equal(pc_hash_sub(pc_hash_sub(forth, h[1]), h[0]), h[2]));
    CHECK(check, !equal(pc_hash_add(h[0], h[0]), (struct pc_hash){0, 0}));
}

static void test_sum_carries(struct check *check) {
    struct pc_hash most = {UINT64_MAX, UINT64_MAX}, low = {UINT64_MAX, 6}, one = {1, 0};

    CHECK(check, equal(pc_hash_add(most, one), (struct pc_hash){0, 0}));
    CHECK(check, equal(pc_hash_add(low, one), (struct pc_hash){0, 7}));
    CHECK(check, equal(pc_hash_sub((struct pc_hash){0, 7}, one), low));
    CHECK(check, equal(pc_hash_sub((struct pc_hash){0, 0}, one), most));
}

/* Whatever differs in an entry, be it only where the key ends and the value begins. */
static void test_every_part_of_an_entry_counts(struct check *check) {
    struct pc_entry e[11];
    struct pc_hash h[11];

    e[0] = value("key", "data", 4);
    e[1] = value("kez", "data", 4);
    e[2] = value("key", "date", 4);
    e[3] = value("keyd", "ata", 3);
    e[4] = value("key", "data\0", 5);
    e[5] = value("key", "", 0);
    for (int i = 6; i < 11; i++) {
        e[i] = e[0];
    }
    e[6].kind = PC_DICTIONARY;
    e[7].has_time = 0;
    e[8].time.days++;
    e[9].time.picoseconds++;
    e[10].time = (struct pc_time){0, 0};
    for (int i = 0; i < 11; i++) {
        h[i] = pc_hash_entry(&e[i]);
    }
    CHECK_EQ(check, count_equal(h, 11), 0);
}

static void test_what_an_entry_has_not_does_not_count(struct check *check) {
    struct pc_entry a = value("key", "data", 4), b = a;

    b.has_time = a.has_time = 0;
    b.time.days = 7;
    CHECK(check, equal(pc_hash_entry(&a), pc_hash_entry(&b)));
    a.kind = b.kind = PC_DICTIONARY;
    b.has_time = 1;
    b.size = 3;
    CHECK(check, equal(pc_hash_entry(&a), pc_hash_entry(&b)));
    a = value("key", "data", 4);
    b = a;
    b.has_time = 0x100; /* any number but 0 means yes */
    CHECK(check, equal(pc_hash_entry(&a), pc_hash_entry(&b)));
}

static void test_every_part_of_an_answer_counts(struct check *check) {
    struct pc_hash h[8];

    h[0] = pc_hash_answer(PC_OP_GET, 0, 0, "abc", 3);
    h[1] = pc_hash_answer(PC_OP_GET_PARTIAL, 0, 0, "abc", 3);
    h[2] = pc_hash_answer(PC_OP_GET, 1, 0, "abc", 3);
    h[3] = pc_hash_answer(PC_OP_GET, 0, 1, "abc", 3);
    h[4] = pc_hash_answer(PC_OP_GET, 0, 0, "abc\0", 4);
    h[5] = pc_hash_answer(PC_OP_GET, 0, 0, "abd", 3);
    h[6] = pc_hash_bytes("abc", 3, PC_OP_GET);
    h[7] = pc_hash_answer(PC_OP_EXISTS, PC_NONE, 0, NULL, 0);
    CHECK_EQ(check, count_equal(h, 8), 0);
    CHECK(check, h[7].lo != 0 || h[7].hi != 0);
}

/* The same bytes wherever they lie, and no byte past their end. */
static void test_alignment_and_what_follows_do_not_count(struct check *check) {
    uint8_t room[128 + 8];
    struct pc_hash first = {0, 0}, each;

    for (size_t shift = 0; shift < 8; shift++) {
        memset(room, (int)shift, sizeof(room));
        for (size_t i = 0; i < 77; i++) {
            room[shift + i] = (uint8_t)(i * 7);
        }
        each = pc_hash_bytes(room + shift, 77, 5);
        first = shift == 0 ? each : first;
        CHECK(check, equal(first, each));
    }
}

static int count_bits(uint64_t x) {
    int bits = 0;

    for (; x != 0; x &= x - 1) {
        bits++;
    }
    return bits;
}

/* One bit of input turns about half of the output, whichever bit it is. */
static void test_each_bit_turns_half_of_the_hash(struct check *check) {
    uint8_t bytes[100];
    struct pc_hash whole, each;
    int least = 128, most = 0, sum = 0;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * i);
    }
    whole = pc_hash_bytes(bytes, sizeof(bytes), 0);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        int turned;

        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        each = pc_hash_bytes(bytes, sizeof(bytes), 0);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        turned = count_bits(each.lo ^ whole.lo) + count_bits(each.hi ^ whole.hi);
        least = turned < least ? turned : least;
        most = turned > most ? turned : most;
        sum += turned;
    }
    CHECK(check, least > 36 && most < 92);
    CHECK(check, sum > 63 * 800 && sum < 65 * 800);
}

/* Blocks as they are in images: all but a few bytes are the same. No two hashes agree even in one half. */
static void test_similar_blocks_differ(struct check *check) {
    enum { COUNT = 1 << 16 };
    static struct pc_hash hashes[COUNT];
    uint8_t block[256] = {0};

    for (size_t i = 0; i < COUNT; i++) {
        block[32 * (i >> 13)] = (uint8_t)i;
        block[32 * (i >> 13) + 1] = (uint8_t)(i >> 8);
        hashes[i] = pc_hash_bytes(block, sizeof(block), 0);
        hashes[i].hi = 0;
        memset(block, 0, sizeof(block));
    }
    CHECK_EQ(check, count_equal(hashes, COUNT), 0);
    for (size_t i = 0; i < COUNT; i++) {
        hashes[i] = pc_hash_bytes(block, sizeof(block), i);
        hashes[i].lo = 0;
    }
    CHECK_EQ(check, count_equal(hashes, COUNT), 0);
}

int main(void) {
    struct check check = {0};

    test_known_answers(&check);
    test_sum_does_not_mind_order_and_can_be_undone(&check);
    test_sum_carries(&check);
    test_every_part_of_an_entry_counts(&check);
    test_what_an_entry_has_not_does_not_count(&check);
    test_every_part_of_an_answer_counts(&check);
    test_alignment_and_what_follows_do_not_count(&check);
    test_each_bit_turns_half_of_the_hash(&check);
    test_similar_blocks_differ(&check);
    return check_result(&check);
}
