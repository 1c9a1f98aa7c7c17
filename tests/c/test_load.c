/* SPDX-License-Identifier: ISC
 *
 * test_load.c: what is an engine is loaded, and what is none is refused with a reason.
 *
 *     test_load DITTO WRONG_0 WRONG_1 ...     (shared libraries; wrong_engine.c says what is wrong with each)
 */
#include "check.h"
#include "powercut.h"

static void test_engine_is_loaded_with_all_its_facts(struct check *check, const char *path) {
    const struct pc_engine *engine = NULL, *again = NULL;
    char text[200] = "untouched";

    CHECK_EQ(check, pc_engine_load(path, &engine, text, sizeof(text)), PC_OK);
    CHECK(check, engine != NULL && strcmp(engine->name, "ditto") == 0);
    CHECK(check, strcmp(text, "untouched") == 0);
    CHECK_EQ(check, pc_engine_load(path, &again, NULL, 0), PC_OK);
    CHECK(check, engine == again);
}

static void test_what_is_no_library_is_not_found(struct check *check, const char *self) {
    static const char *const paths[] = {"/no/such/library.so", "no-such-library.so", "libc.so.6", ""};
    const struct pc_engine *engine = NULL;
    char text[200];

    for (size_t i = 0; i < 4; i++) {
        text[0] = 0;
        CHECK_EQ(check, pc_engine_load(paths[i], &engine, text, sizeof(text)), PC_NOT_FOUND);
        CHECK(check, text[0] != 0);
    }
    CHECK_EQ(check, pc_engine_load(self, &engine, text, 8), PC_NOT_FOUND); /* a program, no library */
    CHECK(check, strlen(text) < 8);
    CHECK(check, engine == NULL);
}

static void test_library_that_is_no_engine_is_refused_with_its_reason(struct check *check, char **paths) {
    static const char *const reasons[] = {"exports no powercut_engine", "returns no engine", "ABI version",
                                          "no check function",          "durable",           "no name",
                                          "no visit function"};
    const struct pc_engine *engine = NULL;
    char text[200];

    for (size_t i = 0; i < 7; i++) {
        CHECK_EQ(check, pc_engine_load(paths[i], &engine, text, sizeof(text)), PC_UNSUPPORTED);
        CHECK(check, strstr(text, reasons[i]) != NULL);
        CHECK(check, engine == NULL);
    }
}

int main(int argc, char **argv) {
    struct check check = {0};

    CHECK_EQ(&check, argc, 9);
    if (argc == 9) {
        test_engine_is_loaded_with_all_its_facts(&check, argv[1]);
        test_what_is_no_library_is_not_found(&check, argv[0]);
        test_library_that_is_no_engine_is_refused_with_its_reason(&check, argv + 2);
    }
    return check_result(&check);
}
