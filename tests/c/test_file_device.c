/* SPDX-License-Identifier: ISC
 *
 * test_file_device.c: the device in a file: what was synced survives a kill, nobody opens it twice, and a
 * file that does not fit is refused and left as it is.
 */
#define _DEFAULT_SOURCE

#include "blockdev.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct bd_geometry geometry = {16, 16, 512, 64, 0xff};

/* A folder of this test's own, and a file in it that does not exist yet. */
struct place {
    char folder[64];
    char file[96];
};

static void place_init(struct check *check, struct place *place) {
    (void)snprintf(place->folder, sizeof(place->folder), "powercut-test-XXXXXX");
    CHECK(check, mkdtemp(place->folder) != NULL);
    (void)snprintf(place->file, sizeof(place->file), "%s/image", place->folder);
}

static void place_release(struct place *place) {
    (void)unlink(place->file);
    (void)rmdir(place->folder);
}

static long file_length(const char *path) {
    struct stat status;

    return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

static int open_device(const struct place *place, uint32_t flags, struct bd *ret_dev) {
    return bd_file_open(place->file, flags, &geometry, ret_dev, NULL);
}

static void write_file(const struct place *place, size_t size) {
    FILE *file = fopen(place->file, "wb");

    for (size_t i = 0; file != NULL && i < size; i++) {
        (void)fputc((int)(i % 256), file);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void test_created_file_is_erased_and_keeps_what_is_written(struct check *check) {
    uint8_t bytes[512], seen[512];
    struct place place;
    struct bd dev;

    place_init(check, &place);
    CHECK_EQ(check, open_device(&place, BD_FILE_CREATE, &dev), BD_OK);
    CHECK_EQ(check, file_length(place.file), 512 * 64);
    memset(bytes, 0xff, sizeof(bytes));
    for (uint32_t block = 0; block < 64; block++) {
        CHECK_EQ(check, bd_read(&dev, block, 0, seen, 512), BD_OK);
        CHECK(check, memcmp(seen, bytes, 512) == 0);
    }
    CHECK_EQ(check, bd_prog(&dev, 63, 496, "0123456789abcdef", 16), BD_OK);
    CHECK_EQ(check, bd_prog(&dev, 5, 0, bytes, 0), BD_OK);
    CHECK_EQ(check, bd_sync(&dev), BD_OK);
    bd_close(&dev);
    CHECK_EQ(check, open_device(&place, 0, &dev), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 63, 496, seen, 16), BD_OK);
    CHECK(check, memcmp(seen, "0123456789abcdef", 16) == 0);
    CHECK_EQ(check, bd_erase(&dev, 63), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 63, 0, seen, 512), BD_OK);
    CHECK(check, memcmp(seen, bytes, 512) == 0);
    bd_close(&dev);
    place_release(&place);
}

static void test_erase_changes_nothing_where_there_is_no_erase_value(struct check *check) {
    struct bd_geometry none = geometry;
    uint8_t seen[16];
    struct place place;
    struct bd dev;

    none.erase_value = BD_ERASE_NONE;
    place_init(check, &place);
    CHECK_EQ(check, bd_file_open(place.file, BD_FILE_CREATE, &none, &dev, NULL), BD_OK);
    CHECK_EQ(check, bd_prog(&dev, 1, 0, "0123456789abcdef", 16), BD_OK);
    CHECK_EQ(check, bd_erase(&dev, 1), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 1, 0, seen, 16), BD_OK);
    CHECK(check, memcmp(seen, "0123456789abcdef", 16) == 0);
    bd_close(&dev);
    place_release(&place);
}

static void test_create_never_touches_an_existing_file(struct check *check) {
    struct place place;
    struct bd dev = {0};
    int error = 0;

    place_init(check, &place);
    write_file(&place, 100);
    CHECK_EQ(check, bd_file_open(place.file, BD_FILE_CREATE, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, error, EEXIST);
    CHECK_EQ(check, file_length(place.file), 100);
    CHECK(check, dev.ops == NULL);
    place_release(&place);
}

static void test_block_count_comes_from_the_length(struct check *check) {
    struct bd_geometry open_ended = geometry;
    struct place place;
    struct bd dev;

    open_ended.block_count = 0;
    place_init(check, &place);
    write_file(&place, 512 * 7);
    CHECK_EQ(check, bd_file_open(place.file, 0, &open_ended, &dev, NULL), BD_OK);
    CHECK_EQ(check, dev.geometry.block_count, 7);
    CHECK_EQ(check, dev.geometry.block_size, 512);
    bd_close(&dev);
    CHECK_EQ(check, bd_file_open(place.file, BD_FILE_CREATE, &open_ended, &dev, NULL), BD_RANGE);
    place_release(&place);
}

static void test_file_of_another_length_is_refused(struct check *check) {
    static const size_t lengths[] = {0, 1, 511, 512 * 64 - 1, 512 * 64 + 1, 512 * 63, 512 * 65};
    struct bd_geometry open_ended = geometry;
    struct place place;
    struct bd dev = {0};

    open_ended.block_count = 0;
    place_init(check, &place);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        write_file(&place, lengths[i]);
        CHECK_EQ(check, open_device(&place, 0, &dev), BD_SIZE);
        CHECK_EQ(check, open_device(&place, BD_FILE_READ_ONLY, &dev), BD_SIZE);
        if (lengths[i] % 512 != 0 || lengths[i] == 0) {
            CHECK_EQ(check, bd_file_open(place.file, 0, &open_ended, &dev, NULL), BD_SIZE);
        }
        CHECK_EQ(check, file_length(place.file), lengths[i]);
        CHECK(check, dev.ops == NULL);
    }
    place_release(&place);
}

static void test_file_cut_short_below_an_open_device_is_an_error(struct check *check) {
    uint8_t seen[512];
    struct place place;
    struct bd dev;

    place_init(check, &place);
    CHECK_EQ(check, open_device(&place, BD_FILE_CREATE, &dev), BD_OK);
    CHECK_EQ(check, truncate(place.file, 512 * 10 + 100), 0);
    CHECK_EQ(check, bd_read(&dev, 9, 0, seen, 512), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 10, 0, seen, 512), BD_IO);
    CHECK_EQ(check, bd_read(&dev, 11, 0, seen, 512), BD_IO);
    bd_close(&dev);
    place_release(&place);
}

static void test_what_is_no_file_is_refused_with_its_errno(struct check *check) {
    struct place place;
    struct bd dev = {0};
    int error = 0;

    place_init(check, &place);
    CHECK_EQ(check, bd_file_open(place.file, 0, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, error, ENOENT);
    CHECK_EQ(check, bd_file_open(place.folder, BD_FILE_READ_ONLY, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, error, EISDIR);
    CHECK_EQ(check, bd_file_open(place.folder, 0, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, error, EISDIR);
    CHECK_EQ(check, bd_file_open("/dev/null", 0, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, mkfifo(place.file, 0600), 0);
    CHECK_EQ(check, bd_file_open(place.file, BD_FILE_READ_ONLY, &geometry, &dev, &error), BD_SYSTEM);
    CHECK_EQ(check, bd_file_open(place.file, 8, &geometry, &dev, &error), BD_RANGE);
    CHECK_EQ(check, bd_file_open(place.file, BD_FILE_READ_ONLY | BD_FILE_CREATE, &geometry, &dev, &error),
             BD_RANGE);
    CHECK(check, dev.ops == NULL);
    place_release(&place);
}

/* A limit on the length of files stands in for the end of the disk. */
static void test_file_system_that_is_full_is_told_and_leaves_no_file(struct check *check) {
    struct rlimit limit = {8192, 8192};
    struct place place;
    int status = 0;
    pid_t child;

    place_init(check, &place);
    child = fork();
    if (child == 0) {
        struct bd dev;
        int error = 0;

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        _exit(bd_file_open(place.file, BD_FILE_CREATE, &geometry, &dev, &error) != BD_FULL || error != EFBIG);
    }
    CHECK(check, waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQ(check, file_length(place.file), -1);
    place_release(&place);
}

static void test_read_only_device_writes_nothing(struct check *check) {
    uint8_t seen[16];
    struct place place;
    struct bd dev;

    place_init(check, &place);
    write_file(&place, 512 * 64);
    CHECK_EQ(check, chmod(place.file, 0400), 0);
    CHECK_EQ(check, open_device(&place, BD_FILE_READ_ONLY, &dev), BD_OK);
    CHECK_EQ(check, bd_prog(&dev, 0, 0, "0123456789abcdef", 16), BD_READ_ONLY);
    CHECK_EQ(check, bd_erase(&dev, 0), BD_READ_ONLY);
    CHECK_EQ(check, bd_sync(&dev), BD_OK);
    CHECK_EQ(check, bd_read(&dev, 0, 16, seen, 16), BD_OK);
    CHECK_EQ(check, seen[15], 31);
    bd_close(&dev);
    place_release(&place);
}

/* What a second opener gets, in this process (here) and in another. */
static void check_second_opener(struct check *check, const struct place *place, uint32_t flags,
                                int expected) {
    struct bd dev = {0};
    int status = 0;
    pid_t child;

    CHECK_EQ(check, open_device(place, flags, &dev), expected);
    bd_close(&dev);
    child = fork();
    if (child == 0) {
        _exit(-open_device(place, flags, &dev));
    }
    CHECK(check, waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK_EQ(check, WEXITSTATUS(status), -expected);
}

static void test_second_opener_is_refused_in_any_process(struct check *check) {
    struct place place;
    struct bd dev;

    place_init(check, &place);
    CHECK_EQ(check, open_device(&place, BD_FILE_CREATE, &dev), BD_OK);
    check_second_opener(check, &place, 0, BD_LOCKED);
    check_second_opener(check, &place, BD_FILE_READ_ONLY, BD_LOCKED);
    bd_close(&dev);
    check_second_opener(check, &place, 0, BD_OK);
    CHECK_EQ(check, open_device(&place, BD_FILE_READ_ONLY, &dev), BD_OK);
    check_second_opener(check, &place, BD_FILE_READ_ONLY, BD_OK); /* readers share */
    check_second_opener(check, &place, 0, BD_LOCKED);
    bd_close(&dev);
    place_release(&place);
}

/* Writes block after block, syncs each, and says so through the pipe; never returns. */
static void write_until_killed(const struct place *place, int report) {
    uint8_t bytes[512];
    struct bd dev;

    if (open_device(place, 0, &dev) != BD_OK) {
        _exit(1);
    }
    for (uint32_t i = 0;; i++) {
        memset(bytes, (int)(i % 255), sizeof(bytes));
        if (bd_prog(&dev, i % 64, 0, bytes, 512) != BD_OK || bd_sync(&dev) != BD_OK ||
            write(report, &i, sizeof(i)) != (ssize_t)sizeof(i)) {
            _exit(1);
        }
    }
}

/* Kills the writer once it has reported `wanted` writes; returns the number of the last one that it reported. */
static uint32_t kill_writer(struct check *check, const struct place *place, uint32_t wanted) {
    uint32_t last = 0, next;
    int ends[2], status = 0;
    pid_t child;

    CHECK_EQ(check, pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        write_until_killed(place, ends[1]);
    }
    (void)close(ends[1]);
    while (last < wanted && read(ends[0], &next, sizeof(next)) == (ssize_t)sizeof(next)) {
        last = next;
    }
    CHECK_EQ(check, kill(child, SIGKILL), 0);
    CHECK(check, waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    while (read(ends[0], &next, sizeof(next)) == (ssize_t)sizeof(next)) {
        last = next;
    }
    (void)close(ends[0]);
    return last;
}

static void test_what_was_synced_survives_a_kill(struct check *check) {
    uint8_t seen[512];
    struct place place;
    struct bd dev;

    place_init(check, &place);
    CHECK_EQ(check, open_device(&place, BD_FILE_CREATE, &dev), BD_OK);
    bd_close(&dev);
    for (uint32_t wanted = 70; wanted < 75; wanted++) {
        uint32_t last = kill_writer(check, &place, wanted);

        CHECK(check, last >= wanted);
        CHECK_EQ(check, open_device(&place, 0, &dev), BD_OK); /* the lock went with its holder */
        for (uint32_t i = last - 60; i <= last; i++) {
            CHECK_EQ(check, bd_read(&dev, i % 64, 0, seen, 512), BD_OK);
            CHECK_EQ(check, seen[0], i % 255);
            CHECK_EQ(check, seen[511], i % 255);
        }
        bd_close(&dev);
    }
    place_release(&place);
}

int main(void) {
    struct check check = {0};

    test_created_file_is_erased_and_keeps_what_is_written(&check);
    test_erase_changes_nothing_where_there_is_no_erase_value(&check);
    test_create_never_touches_an_existing_file(&check);
    test_block_count_comes_from_the_length(&check);
    test_file_of_another_length_is_refused(&check);
    test_file_cut_short_below_an_open_device_is_an_error(&check);
    test_what_is_no_file_is_refused_with_its_errno(&check);
    test_file_system_that_is_full_is_told_and_leaves_no_file(&check);
    test_read_only_device_writes_nothing(&check);
    test_second_opener_is_refused_in_any_process(&check);
    test_what_was_synced_survives_a_kill(&check);
    return check_result(&check);
}
