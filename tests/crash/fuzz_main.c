/* SPDX-License-Identifier: ISC
 *
 * fuzz_main.c: the explorer's fuzz target without libFuzzer.
 *
 *     fuzz_main run FILE...                     runs inputs
 *     fuzz_main mutate COUNT ROOM FILE OTHER    prints, in hex, COUNT inputs, each made out of the one before, with OTHER's
 *                                               operations put in now and then
 */
#include "fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 16)

static size_t read_file(const char *path, uint8_t *bytes) {
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(3);
    }
    size = fread(bytes, 1, INPUT_MAX, file);
    fclose(file);
    return size;
}

static void print(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

static int mutate(unsigned count, size_t room, const char *path, const char *other_path) {
    static uint8_t one[INPUT_MAX], other[INPUT_MAX], made[INPUT_MAX];
    size_t size = read_file(path, one);
    size_t other_size = read_file(other_path, other);

    for (unsigned i = 0; i < count; i++) {
        if (i % 10 == 9) {
            size = LLVMFuzzerCustomCrossOver(one, size, other, other_size, made, room, i);
            memcpy(one, made, size);
        } else {
            size = LLVMFuzzerCustomMutator(one, size, room, i);
        }
        print(one, size);
    }
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t bytes[INPUT_MAX];

    LLVMFuzzerInitialize(&argc, &argv);
    if (argc == 6 && strcmp(argv[1], "mutate") == 0) {
        return mutate((unsigned)atoi(argv[2]), (size_t)atoi(argv[3]), argv[4], argv[5]);
    }
    for (int i = 2; i < argc; i++) {
        LLVMFuzzerTestOneInput(bytes, read_file(argv[i], bytes));
    }
    return 0;
}
