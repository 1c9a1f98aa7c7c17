/* SPDX-License-Identifier: ISC */
/* Byte order, checksum and digest of the engine, against known answers. */
#include "check.h"
#include "skink/bytes.h"
#include "skink/crc32.h"
#include "skink/crc32_table.h"
#include "skink/crc32_table_far.h"
#include "skink/sha256.h"

static void test_numbers_have_the_byte_order_of_their_name(struct check *check) {
    uint8_t b[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_EQ(check, get_le32(b), 0x04030201);
    CHECK_EQ(check, get_be32(b), 0x01020304);
    CHECK(check, get_le64(b) == 0x0807060504030201u);
    put_le64(b, 0x1122334455667788u);
    CHECK_EQ(check, b[0], 0x88);
    CHECK_EQ(check, b[7], 0x11);
    put_be32(b, 0xaabbccdd);
    CHECK_EQ(check, b[0], 0xaa);
    CHECK_EQ(check, get_be32(b), 0xaabbccdd);
}

/* The CRC one bit at a time. */
static uint32_t crc_by_bits(uint32_t crc, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return crc;
}

static void test_crc_tables_are_the_polynomials(struct check *check) {
    uint8_t bytes[16] = {0};
    for (unsigned i = 0; i < 256; i++) {
        bytes[0] = (uint8_t)i;
        for (size_t k = 0; k < 8; k++) {
            CHECK_EQ(check, crc32_table[k][i], crc_by_bits(0, bytes, k + 1));
            CHECK_EQ(check, crc32_table_far[k][i], crc_by_bits(0, bytes, k + 9));
        }
    }
}

static void test_crc_is_the_same_in_any_pieces(struct check *check) {
    uint8_t bytes[100];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    CHECK_EQ(check, crc32_update(CRC32_START, (const uint8_t *)"123456789", 9), 0x340bc6d9);
    uint32_t whole = crc_by_bits(CRC32_START, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        uint32_t crc = crc32_update(CRC32_START, bytes, cut);
        CHECK_EQ(check, crc32_update(crc, bytes + cut, sizeof(bytes) - cut), whole);
    }
}

static void digest_is(struct check *check, const char *text, size_t repeat, const char *hex) {
    struct sha256 sha;
    uint8_t digest[SHA256_SIZE];
    char got[2 * SHA256_SIZE + 1];
    sha256_init(&sha);
    for (size_t i = 0; i < repeat; i++) {
        sha256_update(&sha, text, strlen(text));
    }
    sha256_final(&sha, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        snprintf(got + 2 * i, 3, "%02x", digest[i]);
    }
    CHECK_EQ(check, strcmp(got, hex), 0);
}

static void test_sha256_gives_the_known_answers(struct check *check) {
    digest_is(check, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_is(check, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_is(check, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    digest_is(check, "aaaaaaaaaa", 100000,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void) {
    struct check check = {0};
    test_numbers_have_the_byte_order_of_their_name(&check);
    test_crc_tables_are_the_polynomials(&check);
    test_crc_is_the_same_in_any_pieces(&check);
    test_sha256_gives_the_known_answers(&check);
    return check_result(&check);
}
