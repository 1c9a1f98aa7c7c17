/* SPDX-License-Identifier: ISC */
/* hang.h: ends the process where an engine does not come back, and tells what was explored. */
#ifndef FUZZ_HANG_H
#define FUZZ_HANG_H

#include "powercut.h"

/* Begins to look, from a thread of its own, at whether watch goes on. It goes on with each crash state, and where
 * its beats are counted up. Where it does not for so many seconds of processor time, or ten times as many by
 * the clock, the thread says so and aborts. A slow input is no hang, and a loaded machine is none. The states of
 * watch->progress are told on stderr each second, and when the process exits. Returns PC_OK or PC_NO_MEMORY. */
int hang_look(struct pc_watch *watch, uint64_t seconds);

#endif
