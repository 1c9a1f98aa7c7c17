/* SPDX-License-Identifier: ISC
 *
 * plain.h: an engine that is right, and simple enough to be seen to be. It judges the judge: who accuses it of a
 * lie is wrong.
 *
 * All that has to do with power cuts is in store.c: it keeps one piece of bytes, the body. records.c says what is
 * in a body, ops.c has the operations.
 *
 * LIE(x) is 0, and nothing here is a lie, unless these files are compiled together with lies.h.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include "powercut.h"

#ifndef LIE
#define LIE(what) 0
#endif

#define PLAIN_NAME_MAX 255u
#define PLAIN_VALUE_MAX INT32_MAX

struct plain {
    struct bd dev;
    uint8_t *head; /* room for two blocks */
    uint8_t *body; /* whole blocks */
    int read_only;
    int repaired; /* the heads were not equal when the store was mounted */
    int broken;   /* a write failed; what took place, the next mount sees */
};

/* --- store.c ----------------------------------------------------------------------------------------- */

int plain_format(const struct bd *dev, const struct pc_options *options);
int plain_mount(const struct bd *dev, const struct pc_options *options, void **ret_store);
void plain_unmount(void *self);

/* The bytes of the body, and how many there may be. */
size_t plain_size(const struct plain *plain);
size_t plain_room(const struct plain *plain);

/* An empty body with room for so many bytes, in whole blocks; NULL if there is no memory. */
uint8_t *plain_new_body(const struct bd *dev, size_t size);

/* Makes this body the store: durable once it returned PC_OK. The body is the store's from then on. Errors: PC_IO,
 * PC_NO_MEMORY (the store is as it was, the body freed). */
int plain_commit(struct plain *plain, uint8_t *body, size_t size);

/* PC_CORRUPT if a head on the device is not that of the store. */
int plain_check_heads(const struct plain *plain);

/* --- records.c --------------------------------------------------------------------------------------- */

/* Numbers of so many bytes. */
uint64_t plain_get_le(const uint8_t *at, unsigned size);
void plain_put_le(uint8_t *at, uint64_t value, unsigned size);

struct record {
    const char *name;
    size_t name_len;
    struct pc_time time;
    const uint8_t *value;
    size_t value_len;
};

/* The record at an offset of the body; moves the offset on. 0 at the end, and where none can be. */
int plain_next(const struct plain *plain, size_t *at, struct record *ret);

/* Fills in the record of this name; 0 if there is none. */
int plain_find(const struct plain *plain, struct record *wanted);

/* The order of names: below 0, 0, above 0. */
int plain_compare(const struct record *a, const struct record *b);

/* Do the records fill the body, and has each a name of its own? */
int plain_is_sound(const struct plain *plain);

/* Every change there is: the store without the records of these names, and with `put` unless it is NULL. Errors:
 * PC_NO_SPACE (the store is as it was), and as plain_commit. */
int plain_change(struct plain *plain, const struct record *gone, const struct record *put);

/* --- ops.c ------------------------------------------------------------------------------------------- */

int plain_apply(void *self, const struct pc_op *op, struct pc_reply *reply);
int plain_visit(void *self, pc_visit_fn fn, void *ctx);
int plain_check(void *self, char *text, size_t text_size);

#endif
