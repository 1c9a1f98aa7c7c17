/* SPDX-License-Identifier: ISC
 *
 * log.h: the two steps in which a layer appends to a log: make room, then append, which cannot fail.
 */
#ifndef BLOCKDEV_LOG_H
#define BLOCKDEV_LOG_H

#include "blockdev.h"

/* Makes room for one event with `size` bytes. Errors: BD_NO_MEMORY, and the log is as it was. */
int bd_log_reserve(struct bd_log *log, uint32_t size);

/* Appends an event and a copy of its bytes. */
int bd_log_append(struct bd_log *log, const struct bd_event *event);

#endif
