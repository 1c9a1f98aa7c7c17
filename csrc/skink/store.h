/* SPDX-License-Identifier: ISC
 *
 * store.h: an open store, and what the modules of the top floor do for each other.
 */
#ifndef SKINK_STORE_H
#define SKINK_STORE_H

#include "blocks.h"
#include "ctz.h"
#include "index.h"
#include "superblock.h"

struct skink {
    struct io io;
    void (*now)(void *ctx, struct skink_time *ret_time);
    void *now_ctx;
    uint32_t flags;
    struct superblock super;
    uint32_t name_max;   /* bytes; what the superblock says, capped by the block size */
    uint32_t inline_max; /* bytes; larger values go to blocks of their own */
    struct mdir *thread; /* all pairs, {0, 1} first */
    struct dir *root;
    struct dir *dirs;     /* all dictionaries */
    struct gstate gstate; /* as it is on the device */
    struct blocks blocks; /* known once `ready` */
    bool value_checks;    /* values in blocks of their own have checksums */
    bool nameless;        /* some pair's are */
    bool stale_map;       /* blocks that it says are in use are not: to be made anew */
    bool ready;           /* repaired, and the free map made: writes may begin */
    bool broken;          /* a commit failed half way: what the device holds is not known */
    uint8_t *old_bytes;   /* block_size bytes: the block that is being replaced, or fetched */
    uint8_t *new_bytes;   /* block_size bytes: the one that is being made; there once `ready` */
    struct patches patches;
};

/* Whether the store may be changed: SKINK_INVALID_ARGUMENT without one, SKINK_READ_ONLY. */
int store_writable(const struct skink *s);

/* --- mount.c ------------------------------------------------------------------------------------- */

int store_load(struct skink *s);
void store_unload(struct skink *s);
void store_add_dir(struct skink *s, struct dir *d);
void store_free_dir(struct skink *s, struct dir *d);

/* --- change.c ------------------------------------------------------------------------------------ */

enum edit_kind {
    EDIT_CREATE, /* item becomes entry `id`; those from there on move up */
    EDIT_VALUE,  /* item replaces entry `id`, whose name and other attributes it keeps */
    EDIT_ATTR,   /* item, a copy of entry `id`, has other attributes: the one of type `attr` changes */
    EDIT_DELETE  /* entry `id` goes; those above it move down */
};

struct edit {
    enum edit_kind kind;
    uint32_t id;
    uint32_t attr;
    struct item item;
};

#define CHANGE_EDITS 4

/* A change to one pair, which one commit makes. Edits apply in order. */
struct change {
    struct mdir *pair;
    struct edit edits[CHANGE_EDITS];
    uint32_t count;
    bool retail;             /* the tail changes too */
    const struct mdir *next; /* where the tail is to point; NULL: nowhere */
    bool hard;
    struct gstate gstate;     /* the store's global state from this commit on */
    struct mdir *gone_pair;   /* with it, an entry of another pair becomes a pending deletion: */
    struct entry *gone_entry; /* hidden from then on, to be deleted by a commit to that pair */
    struct gstate taken;      /* shares of pairs that leave the thread with this commit */
};

void change_init(struct change *c, const struct skink *s, struct mdir *pair);
void change_create(struct change *c, uint32_t id, const struct item *item);
void change_value(struct change *c, uint32_t id, const struct item *item);
void change_attr(struct change *c, uint32_t id, const struct item *item, uint32_t attr);
void change_delete(struct change *c, uint32_t id);
void change_gone(struct change *c, const struct place *at);
void change_tail(struct change *c, const struct mdir *next, bool hard);

/* Makes the change durable, then visible in memory. This is the commit point of every operation.
 * Deleted and replaced entries are freed; a pair that has become empty is gone. Errors: SKINK_NO_SPACE,
 * SKINK_NO_MEMORY: nothing has changed, and new entries are still the caller's. SKINK_IO: the same, and the
 * store is broken if the device may hold the change. */
int change_commit(struct skink *s, struct change *c);

/* Writes a pair that nothing points at yet. Its blocks are taken from the free map and appended to
 * ret_blocks. The caller syncs. Errors: as change_commit, but nothing is broken. */
int pair_create(struct skink *s, const struct state *state, struct block_list *ret_blocks,
                struct mdir **ret_m);

/* Turns a failure of a commit into a broken store. */
int store_commit_failed(struct skink *s, int code);

/* Loads into old_bytes what a pair's entries need of its current block. */
int pair_load_bytes(struct skink *s, const struct mdir *m);

/* --- relocate.c ---------------------------------------------------------------------------------- */

/* Moves a pair, as it is, off its other block, which has gone bad, to a fresh one. Errors: SKINK_NO_SPACE,
 * SKINK_NO_MEMORY: nothing has changed. SKINK_IO: also for the superblock's pair, which cannot move. */
int pair_relocate(struct skink *s, struct mdir *m);

/* --- repair.c ------------------------------------------------------------------------------------ */

/* Before the first write: finishes what a power cut left half done and makes the free map. */
int store_make_ready(struct skink *s);
/* Whether store_make_ready would write. */
bool store_is_pending(const struct skink *s);
/* Behind a commit with change_gone: deletes the hidden entry. If that fails it is done before the next
 * write. */
void store_finish_gone(struct skink *s, const struct change *c);
/* Gives a superblock entry, the first of its pair, new contents. */
int store_put_superblock(struct skink *s, struct mdir *m, const struct superblock *super);
/* Takes pairs marked `orphan` off the thread and clears the global state's orphan flag. */
int store_drop_orphans(struct skink *s);

/* --- condemn.c ----------------------------------------------------------------------------------- */

/* Makes a dictionary condemned, with the others that go with it: unseen from now on, and still in order for
 * littlefs. store_drop_condemned has to follow. Errors: those of change_commit. */
int condemn_entry(struct skink *s, const struct place *at, struct dir *const *dirs, size_t count);
bool store_has_condemned(const struct skink *s);
/* Takes all that is condemned off the thread. Blocks stay in use in the free map. */
int store_drop_condemned(struct skink *s);

/* Whether a pair's tail on the device is the next pair in memory. */
bool store_tail_is_right(const struct mdir *m);
/* The blocks in use: all pairs on the thread, all values that can be reached. Errors: SKINK_CORRUPT (a block
 * twice, or one that does not exist), SKINK_IO, SKINK_NO_MEMORY. */
int store_map_blocks(const struct skink *s, struct blocks *ret_map);

/* A run is a row of orphans on the thread. The pair in front of the first one from m on, or NULL. */
struct mdir *store_find_run(struct mdir *m);
/* Whether the run behind m is the last. */
bool store_last_run(struct mdir *m);
/* Makes a change to m also take the run behind it off the thread; and what follows in memory. */
void store_plan_run(struct change *c, struct mdir *m);
void store_retire_run(struct skink *s, struct mdir *m);

#endif
