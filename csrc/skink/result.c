/* SPDX-License-Identifier: ISC
 *
 * result.c: the names of the result codes.
 */
#include "skink.h"

const char *skink_code_name(int code) {
    static const char *const names[] = {"OK",
                                        "NOT_FOUND",
                                        "DICTIONARY_EXPECTED",
                                        "VALUE_EXPECTED",
                                        "ALREADY_PRESENT",
                                        "RENAME_SOURCE_PREFIX",
                                        "NO_SPACE",
                                        "INVALID_KEY",
                                        "NAME_TOO_LONG",
                                        "VALUE_TOO_LARGE",
                                        "NO_TIMESTAMP",
                                        "READ_ONLY",
                                        "IO",
                                        "CORRUPT",
                                        "UNSUPPORTED",
                                        "INVALID_ARGUMENT",
                                        "NO_MEMORY"};
    if (code > 0 || code < SKINK_NO_MEMORY) {
        return "?";
    }
    return names[-code];
}
