/* SPDX-License-Identifier: ISC
 *
 * attr.c: user attributes, for callers. The timestamp's is not among them.
 */
#include <string.h>

#include "path.h"

/* The entry that bears the attributes of what a key is bound to; the root's are the superblock entry's. */
static int find_bearer(struct skink *s, const char *key, size_t key_len, struct path *ret_path,
                       struct place *ret_place) {
    int code = s != NULL ? path_find(s, key, key_len, ret_path) : SKINK_INVALID_ARGUMENT;
    if (code != SKINK_OK || s == NULL) {
        return code;
    }
    if (ret_path->dir == NULL) {
        struct mdir *m = s->root->pairs[0];
        *ret_place = (struct place){m, 0, m->entries[0]};
        return SKINK_OK;
    }
    if (ret_path->place.entry == NULL) {
        return SKINK_NOT_FOUND;
    }
    *ret_place = ret_path->place;
    return SKINK_OK;
}

static bool is_reserved(const struct skink *s, uint8_t type) {
    return type == ATTR_TIME || (type == ATTR_CHECK && s->value_checks);
}

/* On the root the checksums' type says that the store has them: nobody else may put it there. */
static bool is_switch(const struct path *p, uint8_t type) {
    return type == ATTR_CHECK && p->dir == NULL;
}

int skink_attr_get(struct skink *s, const char *key, size_t key_len, uint8_t type, void *buffer, size_t size,
                   size_t *ret_size) {
    struct path p;
    struct place at;
    int code = find_bearer(s, key, key_len, &p, &at);
    if (code != SKINK_OK) {
        return code;
    }
    if (is_reserved(s, type)) {
        return SKINK_INVALID_ARGUMENT;
    }
    const struct attr *a = entry_attr(at.entry, type);
    if (a == NULL) {
        return SKINK_NOT_FOUND;
    }
    code = io_read(&s->io, at.pair->pair[0], a->off, buffer, size < a->length ? (uint32_t)size : a->length);
    if (code == SKINK_OK) {
        *ret_size = a->length;
    }
    return code;
}

/* Commits the entry with the attribute as it is in the copy. */
static int commit_copy(struct skink *s, const struct place *at, struct entry *copy, uint8_t type) {
    struct change c;
    change_init(&c, s, at->pair);
    change_attr(&c, at->id, &(struct item){copy, s->old_bytes, s->old_bytes}, type);
    int code = change_commit(s, &c);
    if (code != SKINK_OK) {
        entry_free(&s->io, copy);
        return code;
    }
    if (copy->dir != NULL) {
        copy->dir->entry = copy;
    }
    struct attr *a = entry_attr(copy, type);
    if (a != NULL) {
        a->bytes = NULL; /* they are on the device now */
    }
    return SKINK_OK;
}

/* bytes NULL: takes the attribute away. */
static int change_entry(struct skink *s, const struct place *at, uint8_t type, const void *bytes,
                        size_t size) {
    struct entry *copy;
    int code = entry_copy(&s->io, at->entry, at->entry->name, at->entry->name_len, &copy);
    if (code != SKINK_OK) {
        return code;
    }
    entry_drop_attr(&s->io, copy, type);
    if (bytes != NULL) {
        struct attr *a = io_alloc(&s->io, sizeof(*a));
        if (a == NULL) {
            entry_free(&s->io, copy);
            return SKINK_NO_MEMORY;
        }
        *a = (struct attr){copy->attrs, bytes, 0, (uint16_t)size, type};
        copy->attrs = a;
    }
    return commit_copy(s, at, copy, type);
}

static int change_attribute(struct skink *s, const char *key, size_t key_len, uint8_t type, const void *bytes,
                            size_t size) {
    struct path p;
    struct place at;
    int code = store_writable(s);
    if (code == SKINK_OK) {
        code = find_bearer(s, key, key_len, &p, &at);
    }
    if (code != SKINK_OK) {
        return code;
    }
    if (is_reserved(s, type) || is_switch(&p, type)) {
        return SKINK_INVALID_ARGUMENT;
    }
    if (size > s->super.attr_max) {
        return SKINK_VALUE_TOO_LARGE;
    }
    if (bytes == NULL && entry_attr(at.entry, type) == NULL) {
        return SKINK_OK;
    }
    code = store_make_ready(s);
    if (code == SKINK_OK) {
        code = find_bearer(s, key, key_len, &p, &at); /* the repair may have moved it */
    }
    return code == SKINK_OK ? change_entry(s, &at, type, bytes, size) : code;
}

int skink_attr_set(struct skink *s, const char *key, size_t key_len, uint8_t type, const void *bytes,
                   size_t size) {
    return change_attribute(s, key, key_len, type, bytes != NULL ? bytes : "", bytes != NULL ? size : 0);
}

int skink_attr_remove(struct skink *s, const char *key, size_t key_len, uint8_t type) {
    return change_attribute(s, key, key_len, type, NULL, 0);
}
