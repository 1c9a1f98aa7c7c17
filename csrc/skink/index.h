/* SPDX-License-Identifier: ISC
 *
 * index.h: what is where: dictionaries as sorted lists of their pairs, and names looked up in them without
 * asking the device.
 */
#ifndef SKINK_INDEX_H
#define SKINK_INDEX_H

#include "mdir.h"

/* The first sixteen bytes of a name as numbers; where there are fewer, 0xff in their place. Where two of these
 * differ, names compare as they do; where they are the same, the names may still differ. So a search looks at
 * one array, and at few names. */
struct head {
    uint64_t high, low;
};

/* A dictionary. Its pairs lie one behind another on the thread, joined by hard tails; a pair without
 * entries is listed only where it is the first. */
struct dir {
    struct dir *parent;  /* NULL for the root */
    struct entry *entry; /* in the parent; NULL for the root */
    struct dir *next;    /* all dictionaries, in no order that means anything */
    struct dir *prev;
    struct mdir **pairs;
    struct head *heads; /* with more than one pair: what each one's first name begins with */
    size_t count, capacity, heads_capacity;
    bool passed;    /* while a removal looks at the thread: it came to this dictionary */
    bool condemned; /* below an entry without a name: see condemn.c */
};

struct dir *dir_new(const struct io *io, struct dir *parent, struct entry *entry);
void dir_free(const struct io *io, struct dir *d);

/* The dictionary's last pair on the thread. */
struct mdir *dir_last(const struct dir *d);

/* Entries that a caller may see begin here: behind a superblock entry. */
uint32_t mdir_first(const struct mdir *m);
/* And end here: in front of entries without a name, which name what is condemned. */
uint32_t mdir_end(const struct mdir *m);
/* Whether the pair is of a condemned dictionary. */
bool mdir_is_condemned(const struct mdir *m);

/* A place in a dictionary: the pair and id at which a name is, or would be created. */
struct place {
    struct mdir *pair;
    uint32_t id;
    struct entry *entry; /* NULL: the name is not there */
};
void dir_find(const struct dir *d, const char *name, uint32_t len, struct place *ret_place);

/* An entry and the pair that holds it. */
struct seat {
    struct mdir *pair;
    struct entry *entry;
};
/* The entries that a caller may see, sorted bytewise with a prefix first, appended to a growing array.
 * Errors: SKINK_NO_MEMORY. */
struct seats {
    struct seat *list;
    size_t count, capacity;
};
int dir_sorted(const struct io *io, const struct dir *d, struct seats *ret_seats);

/* Where in d->pairs a pair stands. It must be there. */
size_t dir_position(const struct dir *d, const struct mdir *m);
/* The same, without looking at names; d->count: it is not there. */
size_t dir_index(const struct dir *d, const struct mdir *m);
/* Once the first entry of a pair is another. */
void dir_note_first(struct mdir *m);
int dir_reserve(const struct io *io, struct dir *d, size_t more);
void dir_insert(struct dir *d, size_t at, struct mdir *m); /* there is room */
void dir_remove(struct dir *d, size_t at);

/* --- the thread ---------------------------------------------------------------------------------- */

void thread_insert(struct mdir *before, struct mdir *m); /* m comes right behind `before` */
void thread_remove(struct mdir *m);

#endif
