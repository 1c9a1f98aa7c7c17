/* SPDX-License-Identifier: ISC */
/* world.h: what a fuzzed store lives in: a device in memory and an allocator, both of which end the program
 * when they are used beyond all measure. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>

#include "include/skink.h"

struct world {
    struct bd dev;
    uint8_t *bytes; /* block after block */
    size_t size;    /* of bytes */
    bool frozen;    /* a write is a finding */
    const char *
        tell; /* for whoever looks into a finding: say on stderr what is done, and keep the device in this file */
    bool failing;   /* the power may go: BD_POWER is an answer */
    uint64_t power; /* progs, erases and syncs until it goes, where failing */
    uint64_t calls; /* of the device since world_mark */
    uint64_t read_bytes;
    size_t live; /* bytes allocated */
    struct skink_allocator memory;
};

/* Ends the program with a sentence: a finding. */
_Noreturn void finding(const char *file, int line, const char *what);
#define DEMAND(condition) ((condition) ? (void)0 : finding(__FILE__, __LINE__, #condition))

/* A call has to answer this code. */
void demand_code(const char *file, int line, const char *what, int code, int expected);
#define DEMAND_CODE(call, expected) demand_code(__FILE__, __LINE__, #call, (call), (expected))

void world_init(struct world *w, const struct bd_geometry *geometry);
void world_tell_image(const struct world *w); /* where told to: the device into its file */
void world_release(struct world *w);          /* all that was allocated has to be given back by now */
/* The next call into the engine begins: what it may do to the device is counted from here. */
void world_mark(struct world *w);

#endif
