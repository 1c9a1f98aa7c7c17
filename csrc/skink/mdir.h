/* SPDX-License-Identifier: ISC
 *
 * mdir.h: a metadata pair in memory: its entries in order, its place on the thread, and how it is fetched
 * from the device, appended to and rewritten.
 */
#ifndef SKINK_MDIR_H
#define SKINK_MDIR_H

#include "commit.h"
#include "gstate.h"

#define BLOCK_NULL 0xffffffffu

/* A user attribute other than the timestamp; its bytes stay on the device. */
struct attr {
    struct attr *next;
    const uint8_t *bytes; /* where it is about to be written: the caller's bytes */
    uint32_t off;         /* in the pair's current block */
    uint16_t length;      /* bytes */
    uint8_t type;
};

enum entry_form {
    FORM_EMPTY,  /* no struct yet */
    FORM_INLINE, /* a value's bytes at `where` in the pair's current block, `size` of them */
    FORM_CTZ,    /* a value's bytes in a block list: last block `where`, `size` bytes */
    FORM_DIR     /* a dictionary in the pair {where, size} */
};

struct dir;

/* One entry of a pair: a value, a dictionary or the superblock. There are many: it is kept small. */
struct entry {
    struct attr *attrs;
    struct dir *dir; /* a dictionary's own contents, once linked */
    uint64_t picoseconds;
    uint32_t days;
    uint32_t where, size; /* see enum entry_form */
    uint32_t check;       /* CRC-32 of the value */
    uint16_t name_len;
    uint8_t type;       /* TAG_VALUE, TAG_DICTIONARY, TAG_SUPERBLOCK or TAG_CONDEMNED */
    uint8_t form;       /* enum entry_form */
    bool has_check : 1; /* as found: the attribute belongs to the struct that the entry has */
    bool checked : 1;   /* the value was found to be right since the store was opened */
    bool has_time : 1;
    bool hidden : 1; /* the source of a pending move: still on disk, gone for readers */
    char name[];
};

#define MDIR_FEW 4 /* entries that need no list of their own */

/* Entries of a pair are numbered from 0; the number is the id in its tags. */
struct mdir {
    struct mdir *prev, *next; /* the thread */
    struct dir *dir; /* whose pair it is; NULL for an orphan and for a superblock pair in front of the root */
    struct entry **entries;
    uint32_t capacity;
    uint32_t count;
    uint32_t pair[2]; /* the current block first */
    uint32_t rev;
    uint32_t off; /* where the next commit goes; 0: only a rewrite will do */
    uint32_t etag;
    uint32_t bytes;      /* what the entries take when rewritten, in bytes */
    uint32_t tail[2];    /* the next pair; BLOCK_NULL: none */
    struct gstate share; /* this pair's share of the global state */
    bool hard;           /* the tail is this directory's next pair */
    bool orphan;         /* on the thread, but no directory's */
    bool renumbered;     /* the entries are not in the order of the ids on disk */
    bool nameless;       /* there may be entries without a name, behind all others: see condemn.c */
    struct entry *few[MDIR_FEW];
};

/* Makes room for so many entries. Errors: SKINK_NO_MEMORY. */
int mdir_reserve(const struct io *io, struct mdir *m, size_t count);

struct entry *entry_new(const struct io *io, const char *name, uint32_t name_len, uint32_t type);
void entry_free(const struct io *io, struct entry *e);
/* Takes over another entry's timestamp: on a dictionary or the root an attribute of another program's. */
void entry_take_time(struct entry *e, const struct entry *from);
/* The entry under another name, with attributes of its own. Errors: SKINK_NO_MEMORY. */
int entry_copy(const struct io *io, const struct entry *from, const char *name, uint32_t name_len,
               struct entry **ret_entry);
/* The attribute of a type, or NULL. */
struct attr *entry_attr(const struct entry *e, uint32_t type);
/* Takes an attribute away, where it is there. */
void entry_drop_attr(const struct io *io, struct entry *e, uint32_t type);
/* What the entry takes in a rewritten pair, in bytes. */
uint32_t entry_bytes(const struct entry *e);
/* Of that, its user attributes. */
uint32_t entry_attr_bytes(const struct entry *e);
/* Compares names in the order in which a directory holds them: bytewise, and where one name begins with the
 * other the longer one first. Negative, 0, positive. (Callers see the plain order: see dir_sorted.) */
int name_compare(const char *a, uint32_t a_len, const char *b, uint32_t b_len);

void mdir_free(const struct io *io, struct mdir *m);
bool pair_is_null(const uint32_t pair[2]);
/* Whether two pairs have a block in common. */
bool pair_meets(const uint32_t a[2], const uint32_t b[2]);
bool pair_same(const uint32_t a[2], const uint32_t b[2]);

/* Reads the newest valid state of a pair. buffer: block_size bytes of scratch.
 * Errors: SKINK_CORRUPT, SKINK_IO, SKINK_NO_MEMORY. */
int mdir_fetch(const struct io *io, const uint32_t pair[2], uint8_t *buffer, struct mdir **ret_m);

/* Which of the entries has an id on disk. buffer: block_size bytes of scratch.
 * Errors: SKINK_CORRUPT: none has; SKINK_IO, SKINK_NO_MEMORY. */
int mdir_find_id(const struct io *io, const struct mdir *m, uint32_t id, uint8_t *buffer, uint32_t *ret_id);

/* Once it is known whether the store has value checksums: attributes of that type are checksums, or a user's
 * own. Sets m->bytes. Returns the longest name's bytes. */
uint32_t mdir_settle_checks(const struct io *io, struct mdir *m, bool checks);

/* --- writing ------------------------------------------------------------------------------------- */

/* An entry to be written, and the bytes that its offsets count from. */
struct item {
    struct entry *entry;
    const uint8_t *value_base; /* of inline bytes */
    const uint8_t *attr_base;  /* of attributes */
};

/* Offsets that change when the commit is durable. */
struct patch {
    uint32_t *slot;
    uint32_t value;
};
struct patches {
    struct patch *list;
    size_t count, capacity;
};
int patch_reserve(const struct io *io, struct patches *p, size_t more);
void patch_apply(struct patches *p);

/* How many patches an entry can need. */
size_t entry_patches(const struct entry *e);

/* Tags of an entry under an id: all of them (name, struct, attributes), or what a `set` in place changes
 * (struct and timestamp). Offsets go to patches, which must have room. */
void commit_entry(struct commit *c, uint32_t id, const struct item *item, struct patches *p);
void commit_value(struct commit *c, uint32_t id, const struct item *item, bool had_time, struct patches *p);
void commit_attr(struct commit *c, uint32_t id, struct attr *a, const uint8_t *base, struct patches *p);
void commit_tail(struct commit *c, const uint32_t tail[2], bool hard);
void commit_share(struct commit *c, const struct gstate *share);

/* What a whole pair is to hold. */
struct state {
    const struct item *items;
    uint32_t count;
    uint32_t tail[2];
    bool hard;
    struct gstate share;
};

/* Where a rewritten pair ended up. */
struct rewritten {
    uint32_t off, etag;
};

/* Erases block and writes the whole state into it in one commit. bytes: block_size bytes of scratch.
 * Errors: SKINK_IO; SKINK_NO_SPACE if a block cannot hold it. The caller syncs. */
int mdir_rewrite(const struct io *io, uint32_t block, uint32_t rev, const struct state *state, uint8_t *bytes,
                 bool fcrc, struct patches *p, struct rewritten *ret_end);

/* The most that entries may take in a pair so that tail, global state and CRC still fit. */
uint32_t mdir_bytes_max(const struct io *io);

#endif
