/* SPDX-License-Identifier: ISC
 *
 * rename.c: moving a value or a dictionary in one atomic step. Within a pair one commit does it; between
 * pairs the commit that makes the new entry also records the old one as a pending move, which hides it.
 */
#include <string.h>

#include "bind.h"

/* Step 2: into a dictionary at the target, under the source's own name. */
static void resolve_target(struct skink *s, const struct path *source, struct path *target) {
    struct dir *into = path_dir(s, target);
    if (into != NULL) {
        target->dir = into;
        target->name = source->name;
        target->name_len = source->name_len;
        target->rest = (struct key){NULL, 0};
        dir_find(into, source->name, source->name_len, &target->place);
    }
}

/* Steps 3 and 4. *ret_same: source and target are one. */
static int check_move(const struct path *source, const struct path *target, bool *ret_same) {
    const struct entry *from = source->place.entry;
    const struct entry *to = key_is_empty(target->rest) ? target->place.entry : NULL;
    *ret_same = from == to;
    if (from->dir != NULL) {
        for (const struct dir *d = target->dir; d != NULL; d = d->parent) {
            if (d == from->dir) {
                return SKINK_RENAME_SOURCE_PREFIX;
            }
        }
        if (from == to) {
            return SKINK_RENAME_SOURCE_PREFIX;
        }
    }
    if (to == NULL || from == to) {
        return SKINK_OK;
    }
    if (to->dir != NULL) {
        return SKINK_ALREADY_PRESENT;
    }
    return from->dir != NULL ? SKINK_VALUE_EXPECTED : SKINK_OK;
}

/* The source's entry under its new name. */
static int copy_entry(struct skink *s, const struct path *source, const struct path *target,
                      struct entry **ret_entry) {
    const char *name;
    uint32_t len;
    bind_name(target, &name, &len);
    return entry_copy(&s->io, source->place.entry, name, len, ret_entry);
}

/* Makes the change, given all that it needs: the source's block in memory, the replaced value's blocks. */
static int move(struct skink *s, const struct path *source, struct path *target, const uint8_t *base,
                const struct block_list *replaced) {
    struct entry *e;
    struct origin from = {source->dir, source->name, source->name_len};
    int code = copy_entry(s, source, target, &e);
    if (code != SKINK_OK) {
        return code;
    }
    struct item item = {e, base, base};
    code = bind_entry(s, target, &item, &from);
    if (code != SKINK_OK) {
        entry_free(&s->io, e);
        return code;
    }
    for (size_t i = 0; i < replaced->count; i++) {
        blocks_free(&s->blocks, replaced->list[i]);
    }
    return SKINK_OK;
}

static int prepare_and_move(struct skink *s, const struct path *source, struct path *target) {
    struct block_list replaced = {NULL, 0, 0};
    const struct entry *old = key_is_empty(target->rest) ? target->place.entry : NULL;
    uint8_t *base = io_alloc(&s->io, s->io.block_size);
    int code = base != NULL ? SKINK_OK : SKINK_NO_MEMORY;
    if (code == SKINK_OK &&
        (source->place.entry->form == FORM_INLINE || source->place.entry->attrs != NULL)) {
        code = io_read(&s->io, source->place.pair->pair[0], 0, base, s->io.block_size);
    }
    if (code == SKINK_OK && old != NULL && old->form == FORM_CTZ) {
        code = ctz_collect(&s->io, old->where, old->size, 0, &replaced);
    }
    if (code == SKINK_OK) {
        code = move(s, source, target, base, &replaced);
    }
    block_list_release(&s->io, &replaced);
    io_free(&s->io, base);
    return code;
}

int skink_rename(struct skink *s, const char *source_key, size_t source_len, const char *target_key,
                 size_t target_len) {
    struct path source;
    struct path target;
    struct key checked;
    bool same;
    int code = store_writable(s);
    if (code == SKINK_OK) {
        code = key_check(s, source_key, source_len, &checked);
    }
    if (code == SKINK_OK) {
        code = key_check(s, target_key, target_len, &checked);
    }
    if (code == SKINK_OK) {
        code = path_find(s, source_key, source_len, &source);
    }
    if (code == SKINK_OK && source.dir == NULL) {
        code = SKINK_INVALID_KEY;
    }
    if (code == SKINK_OK && source.place.entry == NULL) {
        code = SKINK_NOT_FOUND;
    }
    if (code == SKINK_OK) {
        code = path_find(s, target_key, target_len, &target);
    }
    if (code != SKINK_OK) {
        return code;
    }
    resolve_target(s, &source, &target);
    code = check_move(&source, &target, &same);
    if (code != SKINK_OK || same) {
        return code;
    }
    code = store_make_ready(s);
    if (code != SKINK_OK) {
        return code;
    }
    /* the repair may have moved either */
    dir_find(source.dir, source.name, source.name_len, &source.place);
    dir_find(target.dir, target.name, target.name_len, &target.place);
    return source.place.entry != NULL ? prepare_and_move(s, &source, &target) : SKINK_NOT_FOUND;
}
