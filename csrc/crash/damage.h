/* SPDX-License-Identifier: ISC
 *
 * damage.h: what can go wrong with a device that was closed cleanly.
 *
 * In a struct state damage is kept in the cut: torn is its kind, back the block, unit the size, a the
 * offset, b the value or the event.
 */
#ifndef CRASH_DAMAGE_H
#define CRASH_DAMAGE_H

#include "states.h"

/* Every damage to the device at the end of a run, in the order of docs/faults.md. */
int damage_each(const struct pc_run *run, uint64_t seed, state_fn fn, void *ctx);

/* Damage as a cut holds it, and back. */
struct pc_damage damage_of(const struct pc_cut *cut);
struct pc_cut damage_cut(const struct pc_damage *damage, uint64_t at);

/* Is the damage one to a device, which fails, rather than to what it holds? */
int damage_is_of_device(const struct pc_damage *damage);

int damage_is_possible(const struct pc_run *run, const struct pc_damage *damage);

/* Damages the block in the patch, which lies over the media at the end of the run. `past`, zeroed before the first
 * call, is where older content is found; what it holds is the caller's to release. Errors: PC_NO_MEMORY. */
int damage_build(const struct pc_run *run, const struct pc_damage *damage, struct media *past,
                 struct patch *patch);

/* A layer that passes everything on, but for one block that fails as the damage says. */
struct damaged {
    struct bd below;
    struct pc_damage damage;
};
void damaged_open(struct damaged *damaged, const struct bd *below, const struct pc_damage *damage,
                  struct bd *ret_dev);

#endif
