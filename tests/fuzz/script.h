/* SPDX-License-Identifier: ISC */
/* script.h: changes to an image, eight bytes each, that know what a metadata log is. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "include/blockdev.h"

#define STEP_SIZE 8u

/* Does one change to an image: step[0] says what, step[1] in which block. */
void script_step(uint8_t *image, const struct bd_geometry *geometry, const uint8_t step[STEP_SIZE]);

#endif
