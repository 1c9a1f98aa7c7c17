/* SPDX-License-Identifier: ISC
 *
 * gstate.h: the global state: what a power cut may have left half done. Each pair holds a share; the state
 * is the XOR of all shares on the thread.
 *
 *     offset  size  meaning
 *     0       4     le32: bit 31: orphans on the thread; type 0x4ff and id: a pending move's source
 *     4       8     two le32: the pair that holds the source
 */
#ifndef SKINK_GSTATE_H
#define SKINK_GSTATE_H

#include <stdbool.h>
#include <stdint.h>

#define GSTATE_SIZE 12

struct gstate {
    uint32_t tag;
    uint32_t pair[2];
};

static inline void gstate_xor(struct gstate *a, const struct gstate *b) {
    a->tag ^= b->tag;
    a->pair[0] ^= b->pair[0];
    a->pair[1] ^= b->pair[1];
}

static inline bool gstate_is_zero(const struct gstate *a) {
    return a->tag == 0 && a->pair[0] == 0 && a->pair[1] == 0;
}

bool gstate_has_orphans(const struct gstate *a);
bool gstate_has_move(const struct gstate *a);
/* False for anything that no writer leaves behind. */
bool gstate_is_sound(const struct gstate *a);
uint32_t gstate_move_id(const struct gstate *a);
void gstate_set_orphans(struct gstate *a, bool orphans);
void gstate_set_move(struct gstate *a, uint32_t id, const uint32_t pair[2]);
void gstate_clear_move(struct gstate *a);
void gstate_get(struct gstate *a, const uint8_t bytes[GSTATE_SIZE]);
void gstate_put(const struct gstate *a, uint8_t bytes[GSTATE_SIZE]);

#endif
