/* SPDX-License-Identifier: ISC
 *
 * path.h: from a key to its place in the tree, and walks over whole subtrees.
 */
#ifndef SKINK_PATH_H
#define SKINK_PATH_H

#include "store.h"

/* A key as a list of segments. */
struct key {
    const char *bytes;
    size_t len;
};

/* Takes the next segment off the front. False: none left. */
bool key_next(struct key *key, const char **ret_name, uint32_t *ret_len);
bool key_is_empty(struct key key);

/* Errors: SKINK_INVALID_KEY, SKINK_NAME_TOO_LONG, by the first bad segment; SKINK_INVALID_ARGUMENT. */
int key_check(const struct skink *s, const char *bytes, size_t len, struct key *ret_key);

/* Where a key leads. */
struct path {
    struct dir *dir;  /* the last dictionary on the way that is there; NULL: the key is the root */
    const char *name; /* the segment looked up in it */
    uint32_t name_len;
    struct place place; /* of that segment; entry NULL: it is missing */
    struct key rest;    /* segments behind a missing one, which are missing too */
};

/* Follows a key. A missing segment is no error. Errors: those of key_check, and SKINK_DICTIONARY_EXPECTED
 * where a value stands in the way. */
int path_find(struct skink *s, const char *key, size_t key_len, struct path *ret_path);

/* What the key is bound to: SKINK_NONE where it is bound to nothing. */
enum skink_kind path_kind(const struct path *p);

/* The dictionary that the key is bound to, the root included; NULL if it is none. */
struct dir *path_dir(struct skink *s, const struct path *p);

/* --- walks --------------------------------------------------------------------------------------- */

/* Everything below a dictionary, each dictionary before what it holds, sorted; no recursion. */
struct frame {
    struct dir *dir;
    size_t next, end; /* its entries that are still to come, in the walk's seats */
    size_t key_len;   /* of the walk's key, without this level's names */
};
struct walk {
    const struct io *io;
    struct frame *frames;
    size_t depth, capacity;
    struct seats seats; /* the entries of all dictionaries that are open, one behind another */
    char *key;          /* the current entry's, from below the start */
    size_t key_len, key_capacity;
    struct mdir *pair; /* the current entry's */
    struct entry *entry;
};
void walk_init(struct walk *w, const struct io *io);
int walk_start(struct walk *w, struct dir *d);
/* SKINK_OK and the next entry in w; SKINK_NOT_FOUND at the end. Errors: SKINK_NO_MEMORY. */
int walk_next(struct walk *w);
void walk_release(struct walk *w);

/* --- values -------------------------------------------------------------------------------------- */

/* Bytes of a value; pos + size is at most its size. A value with a checksum is held against it: each time
 * that it is read whole, and before the first time that a part of it is read.
 * Errors: SKINK_CORRUPT, SKINK_IO, SKINK_NO_MEMORY. */
int value_read(struct skink *s, const struct mdir *m, struct entry *e, uint32_t pos, uint8_t *buffer,
               uint32_t size);

#endif
