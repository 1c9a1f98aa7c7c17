/* SPDX-License-Identifier: ISC
 *
 * mount.c: reading a store: every pair on the thread once, then the tree that their entries make. Nothing
 * is written; what a power cut left half done is seen as it will be once repaired.
 */
#include <string.h>

#include "bytes.h"
#include "store.h"

/* --- which pair a block belongs to --------------------------------------------------------------- */

struct pair_map {
    struct mdir **slots; /* open addressing, two entries a pair */
    size_t mask;
    size_t count;
};

/* A pair that its parent names by a newer address than the thread does. */
struct detour {
    uint32_t from[2], to[2];
};

#define DETOURS_MAX 64

struct mount {
    struct skink *s;
    struct pair_map map;
    struct mdir *last;      /* of the thread */
    struct mdir *root_pair; /* the last pair with a superblock entry */
    struct detour detours[DETOURS_MAX];
    uint32_t detour_count;
    bool again; /* a detour was found: read the thread once more */
};

static size_t map_slot(const struct pair_map *map, uint32_t block) {
    return (size_t)(block * 2654435761u >> 7) & map->mask;
}

static struct mdir *map_find(const struct pair_map *map, uint32_t block) {
    if (map->slots == NULL) {
        return NULL;
    }
    for (size_t i = map_slot(map, block); map->slots[i] != NULL; i = (i + 1) & map->mask) {
        if (map->slots[i]->pair[0] == block || map->slots[i]->pair[1] == block) {
            return map->slots[i];
        }
    }
    return NULL;
}

static void map_put(struct pair_map *map, uint32_t block, struct mdir *m) {
    size_t i = map_slot(map, block);
    while (map->slots[i] != NULL) {
        i = (i + 1) & map->mask;
    }
    map->slots[i] = m;
}

static int map_add(const struct io *io, struct pair_map *map, struct mdir *m) {
    if (map->slots == NULL || (map->count + 1) * 4 > map->mask) {
        size_t size = map->slots == NULL ? 64 : (map->mask + 1) * 4;
        struct mdir **grown = io_alloc(io, size * sizeof(struct mdir *));
        if (grown == NULL) {
            return SKINK_NO_MEMORY;
        }
        memset(grown, 0, size * sizeof(struct mdir *));
        io_free(io, map->slots);
        map->slots = grown;
        map->mask = size - 1;
        for (struct mdir *old = m; old != NULL; old = old->prev) { /* all that are on the thread by now */
            map_put(map, old->pair[0], old);
            map_put(map, old->pair[1], old);
        }
    } else {
        map_put(map, m->pair[0], m);
        map_put(map, m->pair[1], m);
    }
    map->count++;
    return SKINK_OK;
}

/* --- the thread ---------------------------------------------------------------------------------- */

/* Fetches the pair and puts it at the end of the thread. */
static int add_pair(struct mount *mt, const uint32_t pair[2]) {
    struct skink *s = mt->s;
    struct mdir *m;
    if (map_find(&mt->map, pair[0]) != NULL || map_find(&mt->map, pair[1]) != NULL) {
        return SKINK_CORRUPT; /* a block in two pairs, or a thread that bites its tail */
    }
    int code = mdir_fetch(&s->io, pair, s->old_bytes, &m);
    if (code != SKINK_OK) {
        return code;
    }
    m->prev = mt->last;
    if (mt->last != NULL) {
        mt->last->next = m;
    } else {
        s->thread = m;
    }
    mt->last = m;
    gstate_xor(&s->gstate, &m->share);
    s->nameless = s->nameless || m->nameless;
    return map_add(&s->io, &mt->map, m);
}

/* The superblock of a pair that begins with one. Its bytes are still in old_bytes. */
static int read_superblock(struct mount *mt, struct mdir *m) {
    struct skink *s = mt->s;
    const struct entry *e = m->entries[0];
    bool in_chain = m->prev == NULL || (m->prev == mt->root_pair && m->prev->hard && m->prev->count == 1);
    if (!in_chain || e->name_len != SUPERBLOCK_MAGIC_SIZE ||
        memcmp(e->name, SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_SIZE) != 0) {
        return SKINK_CORRUPT;
    }
    int code = superblock_get(&s->super, s->old_bytes + e->where, e->size);
    if (code != SKINK_OK) {
        return code;
    }
    if (s->super.block_size != s->io.block_size) {
        return SKINK_UNSUPPORTED;
    }
    if (s->super.block_count < 2 || s->super.block_count > s->io.dev->geometry.block_count) {
        return SKINK_CORRUPT;
    }
    mt->root_pair = m;
    return SKINK_OK;
}

static void follow_detour(const struct mount *mt, uint32_t pair[2]) {
    for (uint32_t i = 0; i < mt->detour_count; i++) {
        if (pair_same(mt->detours[i].from, pair)) {
            memcpy(pair, mt->detours[i].to, sizeof(mt->detours[i].to));
            return;
        }
    }
}

static int read_thread(struct mount *mt) {
    uint32_t next[2] = {0, 1};
    while (!pair_is_null(next)) {
        follow_detour(mt, next);
        int code = add_pair(mt, next);
        if (code != SKINK_OK) {
            return code;
        }
        if (mdir_is_super(mt->last)) {
            code = read_superblock(mt, mt->last);
        } else if (mt->root_pair == NULL) {
            code = SKINK_CORRUPT; /* the first pair has no superblock */
        }
        if (code != SKINK_OK) {
            return code;
        }
        memcpy(next, mt->last->tail, sizeof(next));
    }
    mt->s->io.block_count = mt->s->super.block_count;
    for (struct mdir *m = mt->s->thread; m != NULL; m = m->next) {
        if (m->pair[0] >= mt->s->io.block_count || m->pair[1] >= mt->s->io.block_count) {
            return SKINK_CORRUPT;
        }
    }
    return SKINK_OK;
}

/* --- the tree ------------------------------------------------------------------------------------ */

void store_add_dir(struct skink *s, struct dir *d) {
    d->prev = NULL;
    d->next = s->dirs;
    if (s->dirs != NULL) {
        s->dirs->prev = d;
    }
    s->dirs = d;
}

void store_free_dir(struct skink *s, struct dir *d) {
    if (d->prev != NULL) {
        d->prev->next = d->next;
    } else {
        s->dirs = d->next;
    }
    if (d->next != NULL) {
        d->next->prev = d->prev;
    }
    dir_free(&s->io, d);
}

/* A pending move: its source is there on disk and gone for everybody else. */
static int hide_moved(struct mount *mt) {
    struct skink *s = mt->s;
    if (!gstate_is_sound(&s->gstate)) {
        return SKINK_CORRUPT;
    }
    if (!gstate_has_move(&s->gstate)) {
        return SKINK_OK;
    }
    struct mdir *m = map_find(&mt->map, s->gstate.pair[0]);
    if (m == NULL) {
        m = map_find(&mt->map, s->gstate.pair[1]);
    }
    uint32_t id;
    int code =
        m != NULL ? mdir_find_id(&s->io, m, gstate_move_id(&s->gstate), s->old_bytes, &id) : SKINK_CORRUPT;
    if (code != SKINK_OK) {
        return code;
    }
    if (id < mdir_first(m) || id >= mdir_end(m)) {
        return SKINK_CORRUPT;
    }
    m->entries[id]->hidden = true;
    return SKINK_OK;
}

/* The names of a directory ascend from pair to pair. */
static bool in_order(const struct dir *d, const struct mdir *m) {
    if (d->count == 0) {
        return true;
    }
    const struct mdir *before = d->pairs[d->count - 1];
    if (mdir_end(before) == mdir_first(before)) {
        return true;
    }
    const struct entry *a = before->entries[mdir_end(before) - 1];
    const struct entry *b = m->entries[mdir_first(m)];
    return name_compare(a->name, a->name_len, b->name, b->name_len) < 0;
}

/* Claims the pairs of a directory, from its first along its hard tails. */
static int claim(struct mount *mt, struct dir *d, struct mdir *m) {
    while (m != NULL) {
        m->dir = d;
        if (mdir_end(m) > mdir_first(m) || d->count == 0) {
            int code = in_order(d, m) ? dir_reserve(&mt->s->io, d, 1) : SKINK_CORRUPT;
            if (code != SKINK_OK) {
                return code;
            }
            dir_insert(d, d->count, m);
        }
        if (!m->hard || pair_is_null(m->tail)) {
            return SKINK_OK;
        }
        m = m->next;
    }
    return SKINK_CORRUPT; /* a hard tail that leads nowhere */
}

/* A directory that the thread does not pass, as chamelon leaves them: it is read all the same, and joins
 * the end of the thread in memory. */
static int read_aside(struct mount *mt, const uint32_t pair[2]) {
    uint32_t next[2] = {pair[0], pair[1]};
    bool more = true;
    while (more) {
        int code = add_pair(mt, next);
        if (code != SKINK_OK) {
            return code;
        }
        if (mdir_is_super(mt->last) || !gstate_is_zero(&mt->last->share)) {
            return SKINK_CORRUPT; /* a share that nobody counted would count once the pair is on the thread */
        }
        more = mt->last->hard && !pair_is_null(mt->last->tail);
        memcpy(next, mt->last->tail, sizeof(next));
    }
    return SKINK_OK;
}

static int detour(struct mount *mt, const struct mdir *m, const uint32_t to[2]) {
    if (mt->detour_count == DETOURS_MAX || to[0] >= mt->s->io.block_count || to[1] >= mt->s->io.block_count) {
        return SKINK_CORRUPT;
    }
    for (uint32_t i = 0; i < mt->detour_count; i++) {
        if (pair_meets(mt->detours[i].to, to)) {
            return SKINK_CORRUPT; /* two parents, two addresses */
        }
    }
    struct detour *d = &mt->detours[mt->detour_count++];
    memcpy(d->from, m->pair, sizeof(d->from));
    memcpy(d->to, to, sizeof(d->to));
    mt->again = true;
    return SKINK_OK;
}

/* Whether the thread names the pair by an old address that is another dictionary's as well. */
static bool left_behind(const struct mount *mt, const uint32_t pair[2]) {
    for (uint32_t i = 0; i < mt->detour_count; i++) {
        if (pair_meets(mt->detours[i].from, pair)) {
            return true;
        }
    }
    return false;
}

/* The pair that a dictionary's entry points at, as the first of a directory that nobody has yet. */
static int find_child(struct mount *mt, const struct entry *e, struct mdir **ret_m) {
    const uint32_t pair[2] = {e->where, e->size};
    struct mdir *m = map_find(&mt->map, pair[0]);
    struct mdir *other = map_find(&mt->map, pair[1]);
    if (m == NULL && other == NULL) {
        struct mdir *last = mt->last;
        int code = left_behind(mt, pair) ? SKINK_CORRUPT : read_aside(mt, pair);
        if (code == SKINK_OK) {
            *ret_m = last->next;
        }
        return code;
    }
    m = m != NULL ? m : other;
    bool first = m->prev != NULL && !m->prev->hard;
    if (!first || m->dir != NULL || mdir_is_super(m)) {
        return SKINK_CORRUPT; /* inside another directory, or with two parents */
    }
    if (!pair_same(m->pair, pair)) {
        return detour(mt, m, pair);
    }
    *ret_m = m;
    return SKINK_OK;
}

static int link_children(struct mount *mt, struct dir *d, struct dir **last_dir) {
    for (size_t i = 0; i < d->count; i++) {
        struct mdir *m = d->pairs[i];
        for (uint32_t id = mdir_first(m); id < mdir_end(m); id++) {
            struct entry *e = m->entries[id];
            struct mdir *first = NULL;
            if (e->type != TAG_DICTIONARY || e->hidden) {
                continue;
            }
            int code = find_child(mt, e, &first);
            if (code != SKINK_OK || mt->again) {
                return code;
            }
            e->dir = dir_new(&mt->s->io, d, e);
            if (e->dir == NULL) {
                return SKINK_NO_MEMORY;
            }
            e->dir->prev = *last_dir;
            (*last_dir)->next = e->dir;
            *last_dir = e->dir;
            code = claim(mt, e->dir, first);
            if (code != SKINK_OK) {
                return code;
            }
        }
    }
    return SKINK_OK;
}

/* The first pair of a condemned dictionary, where it is on the thread still and nobody else's. */
static struct mdir *find_condemned(const struct mount *mt, const struct entry *e) {
    const uint32_t pair[2] = {e->where, e->size};
    struct mdir *m = map_find(&mt->map, pair[0]);
    bool there = m != NULL && pair_same(m->pair, pair) && m->dir == NULL && m->prev != NULL &&
                 !m->prev->hard && !mdir_is_super(m);
    return there ? m : NULL;
}

static int claim_condemned(struct mount *mt, struct dir *d, struct mdir *m) {
    d->condemned = true;
    for (; m != NULL; m = m->hard ? m->next : NULL) {
        int code = dir_reserve(&mt->s->io, d, 1);
        if (code != SKINK_OK) {
            return code;
        }
        dir_insert(d, d->count, m);
    }
    return SKINK_OK;
}

/* What a pair's entries from an id on name becomes condemned. */
static int link_condemned(struct mount *mt, struct mdir *m, uint32_t from, struct dir **last_dir) {
    for (uint32_t id = from; id < m->count; id++) {
        struct entry *e = m->entries[id];
        struct mdir *first = e->form == FORM_DIR ? find_condemned(mt, e) : NULL;
        if (first == NULL || e->hidden) {
            continue;
        }
        e->dir = dir_new(&mt->s->io, m->dir, e);
        if (e->dir == NULL) {
            return SKINK_NO_MEMORY;
        }
        e->dir->prev = *last_dir;
        (*last_dir)->next = e->dir;
        *last_dir = e->dir;
        int code = claim_condemned(mt, e->dir, first);
        if (code != SKINK_OK) {
            return code;
        }
    }
    return SKINK_OK;
}

/* Last, so that nothing condemned takes what somebody can reach. */
static int link_all_condemned(struct mount *mt, struct dir *last) {
    const struct dir *tree_end = last;
    int code = SKINK_OK;
    for (struct mdir *m = mt->root_pair; m != NULL && code == SKINK_OK; m = m->next) {
        if (m->dir != NULL && !m->dir->condemned) {
            code = link_condemned(mt, m, mdir_end(m), &last);
        }
    }
    for (struct dir *d = tree_end->next; d != NULL && code == SKINK_OK; d = d->next) {
        for (size_t i = 0; i < d->count && code == SKINK_OK; i++) {
            code = link_condemned(mt, d->pairs[i], 0, &last);
        }
    }
    return code;
}

/* Breadth first, so that no depth of nesting costs stack. */
static int link_tree(struct mount *mt) {
    struct skink *s = mt->s;
    s->root = dir_new(&s->io, NULL, NULL);
    if (s->root == NULL) {
        return SKINK_NO_MEMORY;
    }
    s->dirs = s->root;
    int code = claim(mt, s->root, mt->root_pair);
    struct dir *last = s->root;
    for (struct dir *d = s->root; d != NULL && code == SKINK_OK && !mt->again; d = d->next) {
        code = link_children(mt, d, &last);
    }
    if (code == SKINK_OK && !mt->again && s->nameless) {
        code = link_all_condemned(mt, last);
    }
    if (code != SKINK_OK || mt->again) {
        return code;
    }
    bool in_front = true; /* of the root */
    for (struct mdir *m = s->thread; m != NULL; m = m->next) {
        in_front = in_front && m != mt->root_pair;
        m->orphan = m->dir == NULL && !in_front;
    }
    return SKINK_OK;
}

/* --- the whole ----------------------------------------------------------------------------------- */

static void forget_tree(struct skink *s) {
    while (s->dirs != NULL) {
        struct dir *next = s->dirs->next;
        dir_free(&s->io, s->dirs);
        s->dirs = next;
    }
    while (s->thread != NULL) {
        struct mdir *next = s->thread->next;
        mdir_free(&s->io, s->thread);
        s->thread = next;
    }
    s->root = NULL;
    s->nameless = false;
    s->gstate = (struct gstate){0, {0, 0}};
    s->io.block_count = s->io.dev->geometry.block_count;
}

static int load_once(struct mount *mt) {
    struct skink *s = mt->s;
    mt->map = (struct pair_map){NULL, 0, 0};
    mt->last = mt->root_pair = NULL;
    mt->again = false;
    int code = read_thread(mt);
    int moved = code == SKINK_OK ? hide_moved(mt) : code;
    if (code == SKINK_OK && (moved == SKINK_OK || moved == SKINK_CORRUPT)) {
        code = link_tree(mt);
    }
    io_free(&s->io, mt->map.slots);
    /* where the thread goes by an old address, so does what it says of a move */
    return mt->again || moved == SKINK_OK ? code : moved;
}

/* What needs to know whether there are value checksums; and the longest name in the store: one that another
 * program wrote may be longer than skink would make it. */
static uint32_t settle_pairs(struct skink *s) {
    uint32_t longest = 0;
    s->value_checks = entry_attr(s->root->pairs[0]->entries[0], ATTR_CHECK) != NULL;
    for (struct mdir *m = s->thread; m != NULL; m = m->next) {
        uint32_t len = mdir_settle_checks(&s->io, m, s->value_checks);
        longest = len > longest ? len : longest;
    }
    return longest;
}

int store_load(struct skink *s) {
    struct mount mt = {.s = s};
    int code;
    do {
        forget_tree(s);
        code = load_once(&mt);
    } while (code == SKINK_OK && mt.again);
    if (code != SKINK_OK) {
        return code;
    }
    uint32_t longest = settle_pairs(s);
    if (longest > s->super.name_max) {
        return SKINK_CORRUPT;
    }
    uint32_t limit = skink_name_limit(s->io.block_size);
    s->name_max = min_u32(s->super.name_max, limit > longest ? limit : longest);
    s->inline_max = min_u32(s->io.block_size / 8, TAG_LENGTH_MAX);
    return SKINK_OK;
}

void store_unload(struct skink *s) {
    forget_tree(s);
    blocks_release(&s->io, &s->blocks);
    io_free(&s->io, s->patches.list);
    io_free(&s->io, s->old_bytes);
    io_free(&s->io, s->new_bytes);
    io_release(&s->io);
}
