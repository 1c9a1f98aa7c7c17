/* SPDX-License-Identifier: ISC
 *
 * reply.h: takes an operation's answer from the engine and hashes it.
 */
#ifndef CRASH_REPLY_H
#define CRASH_REPLY_H

#include "powercut.h"

/* One answer being collected. The engine sees `reply`; the bytes and lists that it puts are gathered here.
 * Zeroed once; taken again and again; released once. */
struct reply_taker {
    struct pc_reply reply; /* first: the engine's calls come with a pointer to it */
    uint8_t *bytes;
    size_t size, room;
    int no_memory; /* something was put that there was no memory for */
};

/* Makes the taker ready for the next operation and returns what to give to apply(). */
struct pc_reply *reply_begin(struct reply_taker *taker);

/* The hash of what was put, given the operation's kind and code. */
struct pc_hash reply_hash(const struct reply_taker *taker, uint32_t op_kind, int code);

void reply_release(struct reply_taker *taker);

#endif
