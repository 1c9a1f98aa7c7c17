/* SPDX-License-Identifier: ISC
 *
 * store.h: what the parts of the littlefs adapter share: a key-value store made of littlefs's files.
 */
#ifndef ENGINES_LITTLEFS_STORE_H
#define ENGINES_LITTLEFS_STORE_H

#include "powercut.h"

#include "library.h"

/* Where what is not yet there is made, and what is no longer there is taken apart: a name in littlefs's root
 * that keys cannot have and readers do not see. */
#define STAGE "\x01stage"

#define TIME_ATTRIBUTE 0x74
#define TIME_SIZE 12u

struct store {
    struct littlefs fs;
    struct bd overlay; /* of a read-only store: littlefs's repairs go here */
    uint32_t name_max, value_max;
    int read_only;
    int broken;      /* the device failed: what littlefs has in memory may be wrong until the next mount */
    int is_staged;   /* something is at STAGE */
    uint8_t *buffer; /* where values are read to */
    uint64_t buffer_size;
};

/* A key as a path of littlefs: "a/b", the root is "". */
struct path {
    char *text;
    size_t len;
};

/* A path and what is there. */
struct node {
    struct path path;
    size_t name; /* where the last segment begins */
    uint32_t kind;
    uint32_t size;
};

struct nodes {
    struct node *list;
    size_t count, room;
};

int store_code(int lfs_code); /* of a negative code of littlefs, or 0 */

/* --- tree.c: paths and what is there ------------------------------------------------------------------ */

/* Errors: PC_INVALID_KEY, PC_NAME_TOO_LONG, PC_NO_MEMORY. Freed with free(path.text). */
int path_init(const struct store *store, const char *key, size_t key_len, struct path *ret_path);

/* What a path is bound to; PC_NONE if nothing. Errors: PC_DICTIONARY_EXPECTED (below a value). */
int path_find(struct store *store, const char *path, uint32_t *ret_kind, uint32_t *ret_size);

/* The direct entries of a dictionary, added in littlefs's order. */
int nodes_list(struct store *store, const struct path *dictionary, struct nodes *nodes);

/* All entries below a dictionary, each dictionary before what is in it. */
int nodes_below(struct store *store, const struct path *dictionary, struct nodes *nodes);
void nodes_release(struct nodes *nodes);

/* --- read.c -------------------------------------------------------------------------------------------- */

int store_exists(struct store *store, const struct path *path, struct pc_reply *reply);
int store_get(struct store *store, const struct path *path, const struct pc_op *op, struct pc_reply *reply);
int store_list(struct store *store, const struct path *path, struct pc_reply *reply);
int store_size(struct store *store, const struct path *path, struct pc_reply *reply);
int store_last_modified(struct store *store, const struct path *path, struct pc_reply *reply);
int store_visit(struct store *store, pc_visit_fn fn, void *ctx);

/* --- write.c ------------------------------------------------------------------------------------------- */

int store_set(struct store *store, const struct path *path, const struct pc_op *op);
int store_set_partial(struct store *store, const struct path *path, const struct pc_op *op);
int store_allocate(struct store *store, const struct path *path, const struct pc_op *op);
int store_remove(struct store *store, const struct path *path);

/* Takes apart what is at STAGE. */
int store_purge(struct store *store);

#endif
