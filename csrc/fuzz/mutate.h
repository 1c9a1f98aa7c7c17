/* SPDX-License-Identifier: ISC */
/* mutate.h: new inputs out of old ones, for an engine; each in its canonical form. */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include "input.h"

/* Changes an input in place, in at most `room` bytes; returns its new size, 0 if there is no memory. */
size_t mutate_input(const struct pc_engine *engine, uint8_t *bytes, size_t size, size_t room, uint32_t seed);

/* The first operations of one and the last of another; returns the size, as above. */
size_t cross_inputs(const struct pc_engine *engine, const uint8_t *one, size_t one_size, const uint8_t *other,
                    size_t other_size, uint8_t *ret_bytes, size_t room, uint32_t seed);

#endif
