/* SPDX-License-Identifier: ISC */
/* test_skink_threads.c: two stores in two threads at once disturb neither each other nor a thread sanitizer. */
#include <pthread.h>
#include <stdio.h>

#include "check.h"
#include "skink.h"

#define ROUNDS 60

struct job {
    unsigned number;
    struct check check;
};

static void write_keys(struct job *job, struct skink *s) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        char key[32];
        uint8_t value[700];
        int len = snprintf(key, sizeof(key), "d%u/k%u", i % 3, i % 20);
        memset(value, (int)(job->number * 100 + i), sizeof(value));
        CHECK_EQ(&job->check, skink_set(s, key, (size_t)len, value, 1 + i * 11), SKINK_OK);
        if (i % 7 == 6) {
            CHECK_EQ(&job->check, skink_remove(s, key, (size_t)len), SKINK_OK);
        }
    }
    CHECK_EQ(&job->check, skink_rename(s, "d0", 2, "e", 1), SKINK_OK);
    CHECK_EQ(&job->check, skink_check(s, NULL, 0), SKINK_OK);
}

/* A value that this thread wrote last, in its own store. */
static void read_key(struct job *job, struct skink *s) {
    uint8_t *bytes;
    size_t size;
    int code = skink_get(s, "d1/k18", 6, &bytes, &size);
    CHECK_EQ(&job->check, code, SKINK_OK);
    if (code == SKINK_OK) {
        CHECK_EQ(&job->check, size, 1 + 58 * 11);
        CHECK_EQ(&job->check, bytes[0], (uint8_t)(job->number * 100 + 58));
        skink_release(s, bytes);
    }
}

static void *run(void *arg) {
    struct job *job = arg;
    const struct bd_geometry geometry = {16, 16, 512, 128, 0xff};
    struct bd device;
    struct skink_config config = {.device = &device};
    struct skink *s;
    CHECK_EQ(&job->check, bd_ram_open(&geometry, &device), BD_OK);
    CHECK_EQ(&job->check, skink_format(&device, NULL, NULL), SKINK_OK);
    for (int again = 0; again < 3; again++) {
        int code = skink_open(&config, &s);
        CHECK_EQ(&job->check, code, SKINK_OK);
        if (code == SKINK_OK) {
            CHECK_EQ(&job->check, skink_remove(s, "e", 1), SKINK_OK);
            write_keys(job, s);
            read_key(job, s);
            skink_close(s);
        }
    }
    bd_close(&device);
    return NULL;
}

int main(void) {
    struct job jobs[2] = {{1, {0}}, {2, {0}}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) {
            fprintf(stderr, "no thread could be started\n");
            return 1;
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return check_result(&jobs[0].check) | check_result(&jobs[1].check);
}
