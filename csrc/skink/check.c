/* SPDX-License-Identifier: ISC
 *
 * check.c: the consistency check. It reads the device once more and holds it against memory and against the
 * invariants of docs/invariants.md, which it cites.
 */
#include <string.h>

#include "bytes.h"
#include "path.h"

/* One finding: its text, cut to what the caller has room for. */
static int finding(char *text, size_t text_size, const char *sentence) {
    if (text != NULL && text_size > 0) {
        size_t len = strlen(sentence);
        len = len < text_size ? len : text_size - 1;
        memcpy(text, sentence, len);
        text[len] = '\0';
    }
    return SKINK_CORRUPT;
}

/* I1: every block in use is in use once. I2: none is lost: what is not reachable is free. */
static int check_blocks(const struct skink *s, char *text, size_t text_size) {
    struct blocks map;
    int code = store_map_blocks(s, &map);
    if (code == SKINK_CORRUPT) {
        return finding(text, text_size,
                       "I1: a block is in use twice, or a pointer leads outside the device.");
    }
    if (code != SKINK_OK) {
        return code;
    }
    for (size_t i = 0; i < s->blocks.bad.count && code == SKINK_OK; i++) {
        code = blocks_mark(&map, s->blocks.bad.list[i]);
    }
    bool lost = s->ready && (code != SKINK_OK || map.free != s->blocks.free);
    if (s->ready && !lost) {
        lost =
            memcmp(map.bits, s->blocks.bits, s->io.block_count / 8 + 1) != 0; /* bits behind the last are 0 */
    }
    blocks_release(&s->io, &map);
    return lost ? finding(text, text_size, "I2: the map of free blocks is not what the tree leaves free.")
                : SKINK_OK;
}

static bool same_time(const struct entry *a, const struct entry *b) {
    return a->has_time == b->has_time &&
           (!a->has_time || (a->days == b->days && a->picoseconds == b->picoseconds));
}

static bool same_entry(const struct entry *a, const struct entry *b) {
    bool where = a->form == FORM_EMPTY || (a->where == b->where && a->size == b->size) ||
                 (a->form == FORM_DIR && a->where == b->size && a->size == b->where);
    return where && a->type == b->type && a->form == b->form && same_time(a, b) &&
           name_compare(a->name, a->name_len, b->name, b->name_len) == 0;
}

static bool same_pair(const struct mdir *a, const struct mdir *b) {
    bool same = a->count == b->count && a->pair[0] == b->pair[0] && a->rev == b->rev && a->hard == b->hard &&
                memcmp(&a->share, &b->share, sizeof(a->share)) == 0 && pair_same(a->tail, b->tail);
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = same_entry(a->entries[i], b->entries[i]);
    }
    return same;
}

/* I3: a pair read anew is what memory says of it. */
static int check_pair(const struct skink *s, const struct mdir *m, uint8_t *buffer, char *text,
                      size_t text_size) {
    struct mdir *again;
    int code = mdir_fetch(&s->io, m->pair, buffer, &again);
    if (code == SKINK_CORRUPT) {
        return finding(text, text_size, "I3: a metadata pair holds no valid commit any more.");
    }
    if (code != SKINK_OK) {
        return code;
    }
    bool same = same_pair(m, again);
    mdir_free(&s->io, again);
    return same ? SKINK_OK
                : finding(text, text_size, "I3: a metadata pair does not hold what memory says of it.");
}

/* I4: the thread passes every pair, and nothing that no directory owns; I6: no work is pending. */
static int check_thread(const struct skink *s, char *text, size_t text_size) {
    struct gstate sum = {0, {0, 0}};
    for (const struct mdir *m = s->thread; m != NULL; m = m->next) {
        gstate_xor(&sum, &m->share);
        if (s->ready && (m->orphan || mdir_is_condemned(m) || !store_tail_is_right(m))) {
            return finding(text, text_size, "I4: the thread of tails and the tree of dictionaries differ.");
        }
    }
    if (memcmp(&sum, &s->gstate, sizeof(sum)) != 0 || (s->ready && !gstate_is_zero(&sum))) {
        return finding(text, text_size,
                       "I6: the shares of the global state do not add up to what is pending.");
    }
    return SKINK_OK;
}

/* I5: names ascend from the entry before, over the pair. *last: the last one so far. */
static bool names_ascend(const struct mdir *m, const struct entry **last) {
    for (uint32_t id = mdir_first(m); id < mdir_end(m); id++) {
        const struct entry *e = m->entries[id];
        const struct entry *before = *last;
        if (before != NULL && name_compare(before->name, before->name_len, e->name, e->name_len) >= 0) {
            return false;
        }
        *last = e;
    }
    return true;
}

static int check_names(const struct skink *s, char *text, size_t text_size) {
    for (const struct dir *d = s->dirs; d != NULL; d = d->next) {
        const struct entry *last = NULL;
        for (size_t i = 0; i < d->count && !d->condemned; i++) {
            if (!names_ascend(d->pairs[i], &last)) {
                return finding(text, text_size, "I5: names of a dictionary are not in ascending order.");
            }
        }
    }
    return SKINK_OK;
}

int skink_check(struct skink *s, char *text, size_t text_size) {
    if (s == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    uint8_t *buffer = io_alloc(&s->io, s->io.block_size);
    if (buffer == NULL) {
        return SKINK_NO_MEMORY;
    }
    int code = check_thread(s, text, text_size);
    if (code == SKINK_OK) {
        code = check_names(s, text, text_size);
    }
    if (code == SKINK_OK) {
        code = check_blocks(s, text, text_size);
    }
    for (const struct mdir *m = s->thread; m != NULL && code == SKINK_OK; m = m->next) {
        if (!m->renumbered) {
            code = check_pair(s, m, buffer, text, text_size);
        }
    }
    io_free(&s->io, buffer);
    return code;
}
