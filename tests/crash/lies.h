/* SPDX-License-Identifier: ISC
 *
 * lies.h: chooses one of the lies that ditto's sources mark, by -DDITTO_LIE_NAME=OVERWRITES, say.
 */
#ifndef LIES_H
#define LIES_H

#define LIES_JOIN(a, b) a##b
#define LIES_NAMED(a, b) LIES_JOIN(a, b)
#define DITTO_LIE(what) (LIE_##what == LIES_NAMED(LIE_, DITTO_LIE_NAME))

enum lie {
    LIE_NO_CHECKSUM,
    LIE_OLDER_AREA,
    LIE_FORGETS_ON_MOUNT,
    LIE_LAZY,
    LIE_LOSES_AFTER_RECOVERY,
    LIE_OVERWRITES,
    LIE_WRONG_TIME,
    LIE_REFUSES_AFTER_RECOVERY,
    LIE_FULL_AFTER_RECOVERY,
    LIE_UNREADABLE,
    LIE_CHECK_COMPLAINS
};

#endif
