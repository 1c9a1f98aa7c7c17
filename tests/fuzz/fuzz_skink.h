/* SPDX-License-Identifier: ISC */
/* fuzz_skink.h: what libFuzzer calls, and the program that runs files instead of it. */
#ifndef FUZZ_SKINK_H
#define FUZZ_SKINK_H

#include <stddef.h>
#include <stdint.h>

/* Runs one input; ends the program where something does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Changes an input in place; returns its new size, at most max_size. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#endif
