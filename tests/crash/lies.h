/* SPDX-License-Identifier: ISC
 *
 * lies.h: chooses one lie for the engine plain, by -DLIE_NAME=STALE, say, or by LIE() as it is defined before.
 * Included before everything else.
 *
 * test_lies.py says of each by what it must be caught, and by what it must not. Those of the first group are marked in
 * plain itself, the others are told by liar.c in front of it.
 */
#ifndef LIES_H
#define LIES_H

#ifndef LIE
#define LIES_JOIN(a, b) a##b
#define LIES_NAMED(a, b) LIES_JOIN(a, b)
#define LIE(what) (LIE_##what == LIES_NAMED(LIE_, LIE_NAME))
#define powercut_engine honest_engine /* liar.c stands in front of it */
#endif

enum lie {
    LIE_NONE,
    /* in plain/store.c */
    LIE_LATE,           /* each change reaches the device with the next one */
    LIE_STALE,          /* mount takes the older of two heads */
    LIE_IN_PLACE,       /* a body is written over the one before it */
    LIE_HEAD_FIRST,     /* the head is written before the body that it speaks of */
    LIE_NO_REPAIR,      /* mount leaves the heads unequal */
    LIE_NO_HEAD_SUM,    /* a head that is not blank is believed */
    LIE_NO_BODY_SYNC,   /* no sync between the body and the head */
    LIE_NO_HEAD_SYNC,   /* no sync between the one head and the other */
    LIE_NO_LAST_SYNC,   /* no sync before an operation returns */
    LIE_NO_ERASE,       /* blocks are programmed over what they hold */
    LIE_REWRITES_GOOD,  /* recovery rewrites the good head first */
    LIE_ONE_HEAD,       /* each head is written by every other change alone */
    LIE_NO_BODY_SUM,    /* the body's checksum is not looked at */
    LIE_ERROR_IGNORED,  /* a write that failed counts as done */
    LIE_ERROR_IS_EMPTY, /* a body that cannot be read counts as empty */
    /* in liar.c: of operations */
    LIE_DIES_AT_WORK,  /* a removal ends the process */
    LIE_HANGS_AT_WORK, /* a removal never returns */
    LIE_WRONG_CODE,
    LIE_WRONG_BYTES,
    LIE_WRONG_TIME,
    LIE_ALWAYS_FULL,       /* NO_SPACE, on an empty device */
    LIE_RESURRECTS,        /* a removal stays in memory until the next change */
    LIE_TWO_STEPS,         /* a rename is two changes */
    LIE_REMOVE_NEEDS_ROOM, /* a removal wants room of its own */
    LIE_LEAKS_REFUSED,     /* each set that finds no space makes the store a block smaller */
    /* in liar.c: of a store that had something to repair once; its last block is not used where their number is odd */
    LIE_REFUSES, /* changes answer IO */
    LIE_FULL,    /* changes answer NO_SPACE */
    LIE_LOSES,   /* changes stay in memory */
    LIE_LEAKS,   /* each recovery makes the store a block smaller */
    LIE_THIRD,   /* recovery refuses a store in which it was cut twice */
    LIE_FORGETS, /* removals stay in memory */
    LIE_BLURS,   /* values are read with a byte too many */
    LIE_RUSHES,  /* a rename is two changes */
    /* in liar.c: of a store that has just been repaired */
    LIE_UNREADABLE,
    LIE_SHOWS_TWICE, /* each entry is shown two times */
    LIE_CHECK_COMPLAINS,
    LIE_BACKWARDS, /* what was recovered is shown, and the state before it written */
    LIE_CRASHES,
    LIE_SEGFAULTS,
    LIE_SCRIBBLES, /* bytes behind its own are overwritten */
    LIE_HANGS,
    LIE_HANGS_ON_TORN, /* a head half written, and nothing else */
    LIE_EATS_MEMORY,
    /* in liar.c: of an engine that is durable on sync */
    LIE_ON_SYNC, /* this one does not lie */
    LIE_SYNC_IGNORED,
    LIE_JUMPS_AHEAD, /* a set of a small value is durable before what came earlier */
    /* in liar.c: no engine at all */
    LIE_NO_FORMAT,
    LIE_OLD_ABI
};

#endif
