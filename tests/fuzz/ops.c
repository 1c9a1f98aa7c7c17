/* SPDX-License-Identifier: ISC */
/* ops.c: changes to a store, and what has to hold after them. */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 700u
#define DATA_MAX 16384u

struct key {
    char text[KEY_MAX];
    size_t len;
};

/* --- views --------------------------------------------------------------------------------------- */

struct viewing {
    struct world *w;
    struct skink *s;
    struct view view;
    size_t budget; /* bytes of values still to be read */
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) {
        /* the analyser does not follow the bytes of a word, all of which are set */
        hash = (hash ^ p[i]) * 0x100000001b3u; /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    }
    return (hash ^ size) * 0x100000001b3u;
}

static void view_value(struct viewing *v, const struct skink_entry *entry) {
    int code = SKINK_CORRUPT;
    if (entry->size <= v->w->size && entry->size <= v->budget) {
        size_t size = (size_t)entry->size;
        uint8_t *buffer = malloc(size > 0 ? size : 1);
        DEMAND(buffer != NULL);
        code = skink_entry_read(v->s, entry, buffer);
        DEMAND(code == SKINK_OK || code == SKINK_CORRUPT);
        v->view.hash = mix(v->view.hash, buffer, code == SKINK_OK ? size : 0);
        v->budget -= size;
        free(buffer);
    }
    v->view.hash = mix(v->view.hash, &code, sizeof(code));
}

static int view_entry(void *ctx, const struct skink_entry *entry) {
    struct viewing *v = ctx;
    uint64_t facts[5] = {(uint64_t)entry->kind, entry->size, (uint64_t)entry->has_time, 0, 0};
    if (entry->has_time) {
        facts[3] = entry->time.days;
        facts[4] = entry->time.picoseconds;
    }
    DEMAND(entry->kind == SKINK_VALUE || entry->kind == SKINK_DICTIONARY);
    DEMAND(entry->name_len > 0);
    v->view.entries++;
    v->view.hash = mix(v->view.hash, entry->name, entry->name_len);
    v->view.hash = mix(v->view.hash, facts, sizeof(facts));
    if (entry->kind == SKINK_VALUE) {
        view_value(v, entry);
    }
    return 0;
}

struct view view_take(struct world *w, struct skink *s) {
    struct viewing v = {w, s, {0, 0xcbf29ce484222325u, 0}, 4 * w->size};
    world_mark(w);
    v.view.code = skink_visit(s, view_entry, &v);
    DEMAND(code_is_documented(w, v.view.code));
    return v.view;
}

/* --- keys ---------------------------------------------------------------------------------------- */

struct picking {
    struct key *key;
    uint32_t skip;
};

static int pick_entry(void *ctx, const struct skink_entry *entry) {
    struct picking *p = ctx;
    if (entry->name_len <= KEY_MAX) {
        memcpy(p->key->text, entry->name, entry->name_len);
        p->key->len = entry->name_len;
    }
    return p->skip-- == 0 ? 1 : 0;
}

static void key_choose(struct skink *s, uint8_t choice, struct key *ret_key) {
    static const char *const table[] = {
        "a",
        "b",
        "d",
        "d/x",
        "d/y",
        "d/e/f",
        "n/o/p/q",
        "k0",
        "k1",
        "k2",
        "k3",
        "zz",
        "a-longer-name-than-most",
        "d/a-name-of-a-length-at-which-small-blocks-have-their-limit-and-more-than-that",
        "",
        "..",
        "axx",
        "d/e",
    };
    ret_key->len = 0;
    if (choice >= 128) {
        struct picking p = {ret_key, choice - 128u};
        (void)skink_visit(s, pick_entry, &p);
        if (choice % 3 == 0 && ret_key->len > 0 && ret_key->len + 2 <= KEY_MAX) {
            memcpy(ret_key->text + ret_key->len, "/a", 2); /* below it */
            ret_key->len += 2;
        }
        return;
    }
    const char *text = table[choice % (sizeof(table) / sizeof(table[0]))];
    ret_key->len = strlen(text);
    memcpy(ret_key->text, text, ret_key->len);
}

/* --- codes --------------------------------------------------------------------------------------- */

bool code_is_documented(const struct world *w, int code) {
    if (code == SKINK_IO) {
        return w->failing;
    }
    return code <= SKINK_OK && code >= SKINK_NO_MEMORY && code != SKINK_NO_MEMORY &&
           code != SKINK_INVALID_ARGUMENT && (code != SKINK_READ_ONLY || w->frozen);
}

/* --- single changes ------------------------------------------------------------------------------ */

/* One change with its arguments. */
struct act {
    struct world *w;
    struct skink *s;
    struct key key, other;
    uint8_t type;
    bool cut; /* the power goes: nothing is read afterwards */
    uint8_t data[DATA_MAX];
    size_t size;
    uint64_t off;
};

static void demand_value(struct act *a, const uint8_t *bytes, size_t size) {
    uint8_t *found;
    size_t found_size;
    DEMAND(skink_get(a->s, a->key.text, a->key.len, &found, &found_size) == SKINK_OK);
    DEMAND(found_size == size && memcmp(found, bytes, size) == 0);
    skink_release(a->s, found);
}

static enum skink_kind kind_of(struct act *a, const struct key *key) {
    enum skink_kind kind = SKINK_NONE;
    int code = skink_exists(a->s, key->text, key->len, &kind);
    DEMAND(code_is_documented(a->w, code));
    return kind;
}

static int do_set(struct act *a) {
    int code = skink_set(a->s, a->key.text, a->key.len, a->data, a->size);
    if (code == SKINK_OK && !a->cut) {
        demand_value(a, a->data, a->size);
    }
    return code;
}

/* The value as it was, with the bytes in their place. */
static int do_set_partial(struct act *a) {
    uint8_t *old = NULL;
    size_t old_size = 0;
    int read = skink_get(a->s, a->key.text, a->key.len, &old, &old_size);
    int code = skink_set_partial(a->s, a->key.text, a->key.len, a->off, a->data, a->size);
    if (code == SKINK_OK && !a->cut && (read == SKINK_OK || read == SKINK_NOT_FOUND)) {
        size_t off = a->off < old_size ? (size_t)a->off : old_size;
        size_t size = off + a->size > old_size ? off + a->size : old_size;
        uint8_t *expected = malloc(size > 0 ? size : 1);
        DEMAND(expected != NULL);
        if (old_size > 0) {
            memcpy(expected, old, old_size);
        }
        memcpy(expected + off, a->data, a->size);
        demand_value(a, expected, size);
        free(expected);
    }
    if (read == SKINK_OK) {
        skink_release(a->s, old);
    }
    return code;
}

static int do_allocate(struct act *a) {
    memset(a->data, 0, sizeof(a->data));
    int code = skink_allocate(a->s, a->key.text, a->key.len, a->size, NULL);
    if (code == SKINK_OK && !a->cut) {
        demand_value(a, a->data, a->size);
    }
    return code;
}

static int do_remove(struct act *a) {
    int code = skink_remove(a->s, a->key.text, a->key.len);
    DEMAND(code != SKINK_OK || kind_of(a, &a->key) == SKINK_NONE);
    return code;
}

static int do_rename(struct act *a) {
    enum skink_kind kind = kind_of(a, &a->key);
    int code = skink_rename(a->s, a->key.text, a->key.len, a->other.text, a->other.len);
    DEMAND(code != SKINK_OK || kind != SKINK_NONE);
    /* Where the power went in the second of two commits the rename is done, and the store answers IO. */
    DEMAND(code != SKINK_OK || a->cut || kind_of(a, &a->other) != SKINK_NONE);
    return code;
}

static int do_attr_set(struct act *a) {
    uint8_t found[1024];
    size_t size;
    size_t want = a->size % 64;
    int code = skink_attr_set(a->s, a->key.text, a->key.len, a->type, a->data, want);
    if (code == SKINK_OK && !a->cut) {
        DEMAND(skink_attr_get(a->s, a->key.text, a->key.len, a->type, found, sizeof(found), &size) ==
               SKINK_OK);
        DEMAND(size == want && memcmp(found, a->data, want) == 0);
    }
    return code;
}

static int do_attr_remove(struct act *a) {
    uint8_t found[1];
    size_t size;
    int code = skink_attr_remove(a->s, a->key.text, a->key.len, a->type);
    DEMAND(code != SKINK_OK ||
           skink_attr_get(a->s, a->key.text, a->key.len, a->type, found, 1, &size) == SKINK_NOT_FOUND);
    return code;
}

static int act(struct act *a, uint8_t what) {
    switch (what % 16) {
    case 0:
    case 1:
    case 2:
        return do_set(a);
    case 3:
    case 4:
    case 5:
        return do_set_partial(a);
    case 6:
        return do_allocate(a);
    case 7:
    case 8:
    case 9:
        return do_remove(a);
    case 10:
    case 11:
    case 12:
        return do_rename(a);
    case 13:
        return do_attr_set(a);
    case 14:
        return do_attr_remove(a);
    default:
        return skink_settle(a->s);
    }
}

static struct act *act_new(struct world *w, struct skink *s, const uint8_t op[6]) {
    struct act *a = calloc(1, sizeof(*a));
    DEMAND(a != NULL);
    a->w = w;
    a->s = s;
    a->type = op[2] == 0x74 || op[2] == 0x76 ? 0x75 : op[2];
    a->size = (op[3] | (size_t)op[4] << 8) % DATA_MAX;
    a->off = op[5] * (uint64_t)16;
    for (size_t i = 0; i < a->size; i++) {
        a->data[i] = (uint8_t)(op[5] + i * 7 + (i >> 8));
    }
    key_choose(s, op[1], &a->key);
    key_choose(s, op[2], &a->other);
    return a;
}

static void act_tell(const struct act *a, uint8_t what, int code) {
    static const char *const names[] = {
        "set",    "set",    "set",    "set_partial", "set_partial", "set_partial", "allocate",    "remove",
        "remove", "remove", "rename", "rename",      "rename",      "attr_set",    "attr_remove", "settle"};
    if (a->w->tell != NULL) {
        fprintf(stderr, "%s \"%.*s\" \"%.*s\" size %zu, off %u: %s\n", names[what % 16], (int)a->key.len,
                a->key.text, (int)a->other.len, a->other.text, a->size, (unsigned)a->off,
                skink_code_name(code));
        world_tell_image(a->w);
    }
}

int op_apply(struct world *w, struct skink *s, const uint8_t op[6]) {
    struct act *a = act_new(w, s, op);
    world_mark(w);
    int code = act(a, op[0]);
    act_tell(a, op[0], code);
    DEMAND(code_is_documented(w, code));
    free(a);
    return code;
}

void op_cut(struct world *w, struct skink *s, const uint8_t op[6]) {
    uint64_t power = w->power;
    w->failing = false; /* choosing keys reads */
    struct act *a = act_new(w, s, op);
    w->failing = true;
    w->power = power;
    a->cut = true;
    world_mark(w);
    int code = act(a, op[0]);
    act_tell(a, op[0], code);
    DEMAND(code_is_documented(w, code));
    free(a);
}

void op_read(struct world *w, struct skink *s, uint8_t choice) {
    struct key key;
    uint8_t digest[32];
    uint8_t *bytes;
    size_t size;
    uint64_t total;
    struct skink_time time;
    uint8_t attr[32];
    key_choose(s, choice, &key);
    world_mark(w);
    int code = skink_get(s, key.text, key.len, &bytes, &size);
    DEMAND(code_is_documented(w, code));
    if (code == SKINK_OK) {
        DEMAND(skink_get_partial(s, key.text, key.len, size / 2, attr, sizeof(attr), &size) == SKINK_OK);
        skink_release(s, bytes);
    }
    world_mark(w);
    DEMAND(code_is_documented(w, skink_digest(s, key.text, key.len, digest)));
    DEMAND(code_is_documented(w, skink_size(s, key.text, key.len, &total)));
    DEMAND(code_is_documented(w, skink_last_modified(s, key.text, key.len, &time)));
    DEMAND(code_is_documented(w, skink_attr_get(s, key.text, key.len, 1, attr, sizeof(attr), &size)));
}
