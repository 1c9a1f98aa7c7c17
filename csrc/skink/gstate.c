/* SPDX-License-Identifier: ISC
 *
 * gstate.c: the global state's fields.
 */
#include "gstate.h"

#include "bytes.h"
#include "tag.h"

#define ORPHANS 0x80000000u
#define MOVE_FIELDS (0x7ffu << 20 | 0x3ffu << 10)
#define COUNTERS 0x3ffu /* littlefs counts here in memory; a state on disk has 0 */

bool gstate_has_orphans(const struct gstate *a) {
    return (a->tag & ORPHANS) != 0;
}

bool gstate_has_move(const struct gstate *a) {
    return tag_type1(a->tag) != 0;
}

bool gstate_is_sound(const struct gstate *a) {
    bool move = (a->tag & MOVE_FIELDS) != 0;
    if (move && tag_type(a->tag) != TAG_DELETE) {
        return false;
    }
    return move || (a->pair[0] == 0 && a->pair[1] == 0);
}

uint32_t gstate_move_id(const struct gstate *a) {
    return tag_id(a->tag);
}

void gstate_set_orphans(struct gstate *a, bool orphans) {
    a->tag = (a->tag & ~ORPHANS) | (orphans ? ORPHANS : 0);
}

void gstate_set_move(struct gstate *a, uint32_t id, const uint32_t pair[2]) {
    a->tag = (a->tag & ~MOVE_FIELDS) | tag_make(TAG_DELETE, id, 0);
    a->pair[0] = pair[0];
    a->pair[1] = pair[1];
}

void gstate_clear_move(struct gstate *a) {
    a->tag &= ~MOVE_FIELDS;
    a->pair[0] = a->pair[1] = 0;
}

void gstate_get(struct gstate *a, const uint8_t bytes[GSTATE_SIZE]) {
    a->tag = get_le32(bytes) & ~COUNTERS;
    a->pair[0] = get_le32(bytes + 4);
    a->pair[1] = get_le32(bytes + 8);
}

void gstate_put(const struct gstate *a, uint8_t bytes[GSTATE_SIZE]) {
    put_le32(bytes, a->tag);
    put_le32(bytes + 4, a->pair[0]);
    put_le32(bytes + 8, a->pair[1]);
}
