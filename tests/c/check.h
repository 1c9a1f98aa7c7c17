/* SPDX-License-Identifier: ISC */
/* check.h: what the C tests need to say that something holds, and to go on when it does not. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

/* One test program's count of what did not hold; main returns check_result(&check). */
struct check {
    int failures;
};

static inline void check_that(struct check *check, int holds, const char *what, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
        check->failures++;
    }
}

static inline void check_equal(struct check *check, long long a, long long b, const char *what,
                               const char *file, int line) {
    if (a != b) {
        fprintf(stderr, "%s:%d: %s: %lld is not %lld\n", file, line, what, a, b);
        check->failures++;
    }
}

static inline int check_result(const struct check *check) {
    return check->failures == 0 ? 0 : 1;
}

#define CHECK(check, condition) check_that((check), (condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_EQ(check, a, b) \
    check_equal((check), (long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)

#endif
