/* SPDX-License-Identifier: ISC
 *
 * work.h: what judging a state of the run and judging the cuts of its recovery share.
 */
#ifndef CRASH_WORK_H
#define CRASH_WORK_H

#include "explore.h"

/* Are recoveries from states with so many cuts, counted from 0, cut in their turn? */
int nests(const struct exploration *x, uint32_t level);

/* Judges what is on the level's patch. Returns 1 if states below it may be looked at. */
int judge_here(struct worker *worker, uint32_t i, const struct subject *subject, struct pc_count *count);

/* A state was dealt with without being judged. */
void tell_passed(const struct worker *worker);

/* nest.c: cuts the recovery that was just recorded at `level`, in every way, or in the one that is asked for. */
void explore_below(struct worker *worker, uint32_t level, const struct subject *parent,
                   const struct pc_fault *only);

#endif
