/* SPDX-License-Identifier: ISC */
/* shake.h: the bytes of a value that is made from a seed: SHAKE-128 (FIPS 202) of the text `powercut:SEED`. */
#ifndef FUZZ_SHAKE_H
#define FUZZ_SHAKE_H

#include <stddef.h>
#include <stdint.h>

void shake_value(uint32_t seed, uint8_t *ret_bytes, size_t size);

#endif
