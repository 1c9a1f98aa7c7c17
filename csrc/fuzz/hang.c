/* SPDX-License-Identifier: ISC */
/* hang.c: see hang.h. */
#define _POSIX_C_SOURCE 200809L
#include "hang.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NANOSECONDS 250000000L
#define TICKS_TOLD 4u

/* What atexit can be told of by nothing else. */
static struct {
    struct pc_watch *watch;
    uint64_t seconds;
} looked;

static double now(clockid_t clock) {
    struct timespec time = {0, 0};

    (void)clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t count_of(const uint64_t *at) {
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void tell(void) {
    fprintf(stderr, "powercut fuzz: states %llu\n", (unsigned long long)count_of(&looked.watch->progress));
}

static _Noreturn void end_it(const char *measure, double seconds) {
    fprintf(stderr, "powercut fuzz: hang: no progress for %.0f seconds%s\n", seconds, measure);
    abort();
}

static void *look(void *unused) {
    const struct timespec tick = {0, TICK_NANOSECONDS};
    double work = now(CLOCK_PROCESS_CPUTIME_ID), clock = now(CLOCK_MONOTONIC);
    uint64_t seen = 0;

    for (unsigned ticks = 1;; ticks++) {
        (void)nanosleep(&tick, NULL);
        uint64_t here = count_of(&looked.watch->progress) + count_of(&looked.watch->beats);

        if (here != seen) {
            seen = here;
            work = now(CLOCK_PROCESS_CPUTIME_ID);
            clock = now(CLOCK_MONOTONIC);
        } else if (now(CLOCK_PROCESS_CPUTIME_ID) - work > (double)looked.seconds) {
            end_it(" of processor time", now(CLOCK_PROCESS_CPUTIME_ID) - work);
        } else if (now(CLOCK_MONOTONIC) - clock > 10.0 * (double)looked.seconds) {
            end_it("", now(CLOCK_MONOTONIC) - clock);
        }
        if (ticks % TICKS_TOLD == 0) {
            tell();
        }
    }
    return unused;
}

int hang_look(struct pc_watch *watch, uint64_t seconds) {
    pthread_t thread;

    looked.watch = watch;
    looked.seconds = seconds;
    if (pthread_create(&thread, NULL, look, NULL) != 0) {
        return PC_NO_MEMORY;
    }
    (void)pthread_detach(thread);
    return atexit(tell) == 0 ? PC_OK : PC_NO_MEMORY;
}
