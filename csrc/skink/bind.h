/* SPDX-License-Identifier: ISC
 *
 * bind.h: giving a key a new entry, with all that one atomic step must do besides: missing dictionaries on
 * the way, the entry that is replaced, the entry that moves.
 */
#ifndef SKINK_BIND_H
#define SKINK_BIND_H

#include "path.h"

/* Where a moved entry comes from; it goes away in the same step. */
struct origin {
    struct dir *dir;
    const char *name;
    uint32_t name_len;
};

/* Binds the key at p to the item's entry, which must be of p's last name. Missing dictionaries are made.
 * An old entry is replaced: in place, keeping its other attributes, or, where an origin is given,
 * altogether. On success the store owns the entry; on failure nothing has changed and the caller does.
 * The store is ready. Errors: SKINK_NO_SPACE, SKINK_NO_MEMORY, SKINK_IO. */
int bind_entry(struct skink *s, struct path *p, const struct item *item, const struct origin *from);

/* The key's last name: p's own, or the last of the missing ones. */
void bind_name(const struct path *p, const char **ret_name, uint32_t *ret_len);

#endif
