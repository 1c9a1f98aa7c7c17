/* SPDX-License-Identifier: ISC
 *
 * table.c: ditto's sorted table of entries: keys, looking them up, and changes to a copy of the table.
 */
#include "ditto.h"

#include <stdlib.h>
#include <string.h>

/* --- tables ---------------------------------------------------------------------------------------- */

/* The order of keys by segments: '/' before every byte that a name can have. */
int ditto_compare_keys(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t common = a_len < b_len ? a_len : b_len;

    for (size_t i = 0; i < common; i++) {
        int x = a[i] == '/' ? 0 : (uint8_t)a[i];
        int y = b[i] == '/' ? 0 : (uint8_t)b[i];

        if (x != y) {
            return x - y;
        }
    }
    return (a_len > b_len) - (a_len < b_len);
}

/* Is the key a/b/... below `prefix`? Everything is below the root. */
int ditto_is_below(const struct pc_entry *entry, const char *prefix, size_t len) {
    if (len == 0) {
        return 1;
    }
    return entry->key_len > len && entry->key[len] == '/' && memcmp(entry->key, prefix, len) == 0;
}

int ditto_is_direct(const struct pc_entry *entry, const char *prefix, size_t len) {
    size_t from = len == 0 ? 0 : len + 1;

    return ditto_is_below(entry, prefix, len) &&
           memchr(entry->key + from, '/', entry->key_len - from) == NULL;
}

static struct pc_entry *find(const struct pc_entry *entries, size_t count, const char *key, size_t len) {
    for (size_t i = 0; i < count; i++) {
        if (entries[i].key_len == len && memcmp(entries[i].key, key, len) == 0) {
            return (struct pc_entry *)&entries[i];
        }
    }
    return NULL;
}

/* --- keys ------------------------------------------------------------------------------------------ */

static int check_segment(const struct store *store, const char *name, size_t len) {
    if (memchr(name, 0, len) != NULL || (len == 1 && name[0] == '.') ||
        (len == 2 && memcmp(name, "..", 2) == 0)) {
        return PC_INVALID_KEY;
    }
    return len > store->name_max ? PC_NAME_TOO_LONG : PC_OK;
}

/* A key without its empty segments, each of the others checked. */
int ditto_key_init(struct key *key, const struct store *store, const char *bytes, size_t size) {
    size_t at = 0, end;
    int code;

    key->len = 0;
    key->bytes = malloc(size + 1);
    if (key->bytes == NULL) {
        return PC_NO_MEMORY;
    }
    for (; at < size; at = end + 1) {
        for (end = at; end < size && bytes[end] != '/'; end++) {
            continue;
        }
        if (end == at) {
            continue;
        }
        code = check_segment(store, bytes + at, end - at);
        if (code != PC_OK) {
            return code;
        }
        if (key->len > 0) {
            key->bytes[key->len++] = '/';
        }
        memcpy(key->bytes + key->len, bytes + at, end - at);
        key->len += end - at;
    }
    return PC_OK;
}

/* Where the last segment begins. */
const struct pc_entry *ditto_lookup(const struct store *store, const struct key *key) {
    return find(store->now.entries, store->now.count, key->bytes, key->len);
}

uint32_t ditto_kind(const struct store *store, const struct key *key) {
    const struct pc_entry *entry = ditto_lookup(store, key);

    if (key->len == 0) {
        return PC_DICTIONARY;
    }
    return entry == NULL ? PC_NONE : entry->kind;
}

/* The dictionaries on the way to a key: PC_DICTIONARY_EXPECTED if one is a value, PC_NOT_FOUND if one is
 * missing. */
int ditto_walk(const struct store *store, const struct key *key) {
    for (size_t at = 0; at < key->len; at++) {
        struct key parent = {key->bytes, at};
        uint32_t kind = key->bytes[at] == '/' ? ditto_kind(store, &parent) : PC_DICTIONARY;

        if (kind != PC_DICTIONARY) {
            return kind == PC_VALUE ? PC_DICTIONARY_EXPECTED : PC_NOT_FOUND;
        }
    }
    return PC_OK;
}

/* --- changes --------------------------------------------------------------------------------------- */

/* A copy of the table with room for `more` entries. */
int ditto_change_init(struct change *change, const struct store *store, size_t more) {
    change->count = store->now.count;
    change->names = NULL;
    change->entries = malloc((change->count + more + 1) * sizeof(*change->entries));
    if (change->entries == NULL) {
        return PC_NO_MEMORY;
    }
    if (change->count > 0) {
        memcpy(change->entries, store->now.entries, change->count * sizeof(*change->entries));
    }
    return PC_OK;
}

void ditto_change_release(struct change *change) {
    free(change->entries);
    free(change->names);
}

/* Binds entry->key, in place of what was bound to it or as a new entry in its place. */
void ditto_change_put(struct change *change, const struct pc_entry *entry) {
    struct pc_entry *old = find(change->entries, change->count, entry->key, entry->key_len);
    size_t at = change->count;

    if (old != NULL) {
        *old = *entry;
        return;
    }
    for (; at > 0; at--) {
        const struct pc_entry *before = &change->entries[at - 1];

        if (ditto_compare_keys(before->key, before->key_len, entry->key, entry->key_len) < 0) {
            break;
        }
        change->entries[at] = *before;
    }
    change->entries[at] = *entry;
    change->count++;
}

/* Takes away a key and everything below it. */
void ditto_change_remove(struct change *change, const struct key *key) {
    size_t kept = 0;

    for (size_t i = 0; i < change->count; i++) {
        const struct pc_entry *entry = &change->entries[i];

        if ((entry->key_len == key->len && memcmp(entry->key, key->bytes, key->len) == 0) ||
            ditto_is_below(entry, key->bytes, key->len)) {
            continue;
        }
        change->entries[kept++] = *entry;
    }
    change->count = kept;
}

/* Binds the dictionaries on the way to a key that are missing. */
void ditto_change_put_parents(struct change *change, const struct key *key) {
    for (size_t at = 0; at < key->len; at++) {
        if (key->bytes[at] == '/') {
            ditto_change_put(change,
                             &(struct pc_entry){.key = key->bytes, .key_len = at, .kind = PC_DICTIONARY});
        }
    }
}
