/* SPDX-License-Identifier: ISC
 *
 * seen.c: a set of hashes that grows.
 */
#include "seen.h"

#include <stdlib.h>

static struct pc_hash *place_of(const struct seen *seen, struct pc_hash hash) {
    size_t at = (size_t)hash.lo & seen->mask;

    while ((seen->places[at].lo != 0 || seen->places[at].hi != 0) &&
           (seen->places[at].lo != hash.lo || seen->places[at].hi != hash.hi)) {
        at = (at + 1) & seen->mask;
    }
    return &seen->places[at];
}

static int grow(struct seen *seen) {
    struct seen grown = {.mask = seen->places == NULL ? 255 : seen->mask * 2 + 1, .count = seen->count};

    grown.places = calloc(grown.mask + 1, sizeof(*grown.places));
    if (grown.places == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; seen->places != NULL && i <= seen->mask; i++) {
        if (seen->places[i].lo != 0 || seen->places[i].hi != 0) {
            *place_of(&grown, seen->places[i]) = seen->places[i];
        }
    }
    free(seen->places);
    *seen = grown;
    return PC_OK;
}

/* No hash is all zeros: that is an empty place. */
static struct pc_hash never_zero(struct pc_hash hash) {
    hash.lo |= (uint64_t)(hash.lo == 0 && hash.hi == 0);
    return hash;
}

int seen_has(const struct seen *seen, struct pc_hash hash) {
    const struct pc_hash *place;

    if (seen->places == NULL) {
        return 0;
    }
    place = place_of(seen, never_zero(hash));
    return place->lo != 0 || place->hi != 0;
}

int seen_put(struct seen *seen, struct pc_hash hash) {
    struct pc_hash *place;

    if (seen->places == NULL || seen->count * 2 > seen->mask) {
        if (grow(seen) != PC_OK) {
            return PC_NO_MEMORY;
        }
    }
    hash = never_zero(hash);
    place = place_of(seen, hash);
    if (place->lo != 0 || place->hi != 0) {
        return 1;
    }
    *place = hash;
    seen->count++;
    return 0;
}

void seen_release(struct seen *seen) {
    free(seen->places);
    *seen = (struct seen){0};
}
