/* SPDX-License-Identifier: ISC
 *
 * resume.h: the run goes on after a recovery, with its next operations from where the found store stands.
 */
#ifndef CRASH_RESUME_H
#define CRASH_RESUME_H

#include "recovery.h"

/* On the store as it was found, `found`, and is now, `now`: the operations that come next, as many as the run is to go
 * on for. An operation must answer what it did in the run, and then the store must hold what the model says. A
 * violation or none. */
uint32_t recovery_resume(struct recovery *r, const struct reading *found, struct pc_hash now);

#endif
