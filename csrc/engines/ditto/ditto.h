/* SPDX-License-Identifier: ISC
 *
 * ditto.h: what the parts of ditto, the harness's own test engine, share.
 *
 * DITTO_LIE marks what the harness's tests make go wrong; it is 0 in an honest build.
 */
#ifndef ENGINES_DITTO_H
#define ENGINES_DITTO_H

#include "powercut.h"

#ifndef DITTO_LIE
#define DITTO_LIE(what) 0
#endif

#define DITTO_VALUE_MAX INT32_MAX

/* A store as it is on the device, and the same as a table. The table's keys and values lie in bytes. */
struct snapshot {
    uint8_t *bytes;           /* header and entries, then zeros up to the end of a block */
    size_t size;              /* header and entries */
    struct pc_entry *entries; /* sorted by ditto_compare_keys */
    size_t count;
};

struct store {
    struct bd dev;
    struct snapshot now;
    uint64_t sequence;
    uint32_t area; /* which holds `now`: 0 or 1 */
    uint32_t name_max;
    int recovered; /* the other area was invalid when the store was mounted */
    int read_only;
    int broken; /* a write failed: whether it took place is known again after the next mount */
};

/* A key without empty segments. */
struct key {
    char *bytes;
    size_t len;
};

/* A table about to become the next snapshot. */
struct change {
    struct pc_entry *entries;
    size_t count;
    char *names; /* keys made for it; may be NULL */
};

/* --- disk.c ---------------------------------------------------------------------------------------- */

uint32_t ditto_area_blocks(const struct bd *dev);
int ditto_format(const struct bd *dev, const struct pc_options *options);
int ditto_mount(const struct bd *dev, const struct pc_options *options, void **ret_store);
void ditto_unmount(void *self);

/* Makes the change the store. Errors: PC_NO_SPACE, PC_NO_MEMORY (the store is as it was), PC_IO (it is
 * broken). */
int ditto_commit(struct store *store, const struct change *change);

/* --- table.c --------------------------------------------------------------------------------------- */

/* The order of keys by segments: below 0, 0, above 0. */
int ditto_compare_keys(const char *a, size_t a_len, const char *b, size_t b_len);

/* Is the entry below `prefix`, at any depth, or just below it? Everything is below the root. */
int ditto_is_below(const struct pc_entry *entry, const char *prefix, size_t len);
int ditto_is_direct(const struct pc_entry *entry, const char *prefix, size_t len);

/* A key without its empty segments, each of the others checked; key->bytes is to be freed in any case. */
int ditto_key_init(struct key *key, const struct store *store, const char *bytes, size_t size);

/* The entry at a key; NULL if there is none, as for the root. */
const struct pc_entry *ditto_lookup(const struct store *store, const struct key *key);

/* What is bound to a key: enum pc_kind. */
uint32_t ditto_kind(const struct store *store, const struct key *key);

/* The dictionaries on the way to a key: PC_DICTIONARY_EXPECTED if one is a value, PC_NOT_FOUND if one is
 * missing. */
int ditto_walk(const struct store *store, const struct key *key);

/* A copy of the table with room for `more` entries. */
int ditto_change_init(struct change *change, const struct store *store, size_t more);
void ditto_change_release(struct change *change);

/* Binds entry->key, in place of what was bound to it or as a new entry in its place. */
void ditto_change_put(struct change *change, const struct pc_entry *entry);

/* Binds the dictionaries on the way to a key that are missing. */
void ditto_change_put_parents(struct change *change, const struct key *key);

/* Takes away a key and everything below it. */
void ditto_change_remove(struct change *change, const struct key *key);

/* --- write.c --------------------------------------------------------------------------------------- */

/* An operation that changes the store; target is rename's. */
int ditto_write(struct store *store, const struct key *key, const struct key *target, const struct pc_op *op);

#endif
