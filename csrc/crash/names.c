/* SPDX-License-Identifier: ISC
 *
 * names.c: the names of result codes and of kinds of violation.
 */
#include "powercut.h"

const char *pc_code_name(int code) {
    static const char *const names[] = {
        "OK",
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
        "NO_MEMORY",
    };

    if (code > PC_OK || code < PC_NO_MEMORY) {
        return "?";
    }
    return names[-code];
}

const char *pc_violation_name(uint32_t kind) {
    static const char *const names[] = {
        "none",       "mount", "read",   "content", "second_mount", "write",
        "lost_write", "check", "reader", "full",    "resume",
    };

    if (kind > PC_VIOLATION_RESUME) {
        return "?";
    }
    return names[kind];
}

const char *pc_fault_name(uint32_t kind) {
    static const char *const names[] = {"?", "prefix", "torn", "reorder", "nested", "damage", "full"};

    return kind > PC_FAULT_FULL ? "?" : names[kind];
}
