/* SPDX-License-Identifier: ISC
 *
 * ditto.c: an engine so simple that it can be seen to be right, to test the harness with.
 *
 * The device is two areas of equal length. Each holds the whole store, and says how new it is:
 *
 *     offset size
 *          0    8  "ditto 1\n"
 *          8    8  sequence, one more with each change
 *         16    8  length of the entries that follow the header, bytes
 *         24    4  name_max
 *         28    4  0
 *         32    8  checksum over the 32 bytes before it and the entries
 *         40       the entries, in the order of their keys, each:
 *     +0 kind (1)  +1 has_time (1)  +2 0 (2)  +4 key length (4)  +8 value length (8)  +16 days (4)  +20 0 (4)
 *     +24 picoseconds (8)  +32 the key  then the value                 (all little-endian)
 *
 * Every change writes the whole store as it will be into the area that is out of date, and syncs. Until
 * its last byte is there that area's checksum is wrong and the other one is the store; from then on it is
 * newer. Mounting reads both, writes nothing, and takes the newer of those whose checksum is right. (So
 * damage to the newer area looks like a power cut to ditto: it is no engine to keep data in.)
 *
 * DITTO_LIE marks what the harness's own tests make go wrong; it is 0 in an honest build.
 */
#include "powercut.h"

#include <stdlib.h>
#include <string.h>

#ifndef DITTO_LIE
#define DITTO_LIE(what) 0
#endif

#define MAGIC "ditto 1\n"
#define HEADER 40u
#define ENTRY 32u
#define VALUE_MAX INT32_MAX

/* A store as it is on the device, and the same as a table. The table's keys and values lie in bytes. */
struct snapshot {
    uint8_t *bytes;           /* header and entries, then zeros up to the end of a block */
    size_t size;              /* header and entries */
    struct pc_entry *entries; /* sorted by compare_keys */
    size_t count;
};

struct store {
    struct bd dev;
    struct snapshot now;
    uint64_t sequence;
    uint32_t area; /* which holds `now`: 0 or 1 */
    uint32_t name_max;
    int recovered; /* the other area was invalid when the store was mounted */
    int read_only;
    int broken; /* a write failed: whether it took place is known again after the next mount */
};

/* A key without empty segments. */
struct key {
    char *bytes;
    size_t len;
};

/* A table about to become the next snapshot. */
struct change {
    struct pc_entry *entries;
    size_t count;
    char *names; /* keys made for it; may be NULL */
};

/* --- bytes ----------------------------------------------------------------------------------------- */

static void put_le(uint8_t *at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint64_t get_le(const uint8_t *at, unsigned size) {
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

/* FNV-1a by words instead of bytes, its high half mixed into the low one. */
static uint64_t checksum(uint64_t sum, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size; at += 8) {
        sum = (sum ^ get_le(bytes + at, size - at < 8 ? (unsigned)(size - at) : 8)) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    return sum;
}

static uint64_t snapshot_checksum(const uint8_t *bytes, size_t size) {
    uint64_t sum = checksum(UINT64_C(0xcbf29ce484222325), bytes, HEADER - 8);

    return checksum(sum, bytes + HEADER, size - HEADER);
}

/* --- tables ---------------------------------------------------------------------------------------- */

/* The order of keys by segments: '/' before every byte that a name can have. */
static int compare_keys(const char *a, size_t a_len, const char *b, size_t b_len) {
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
static int is_below(const struct pc_entry *entry, const char *prefix, size_t len) {
    if (len == 0) {
        return 1;
    }
    return entry->key_len > len && entry->key[len] == '/' && memcmp(entry->key, prefix, len) == 0;
}

static int is_direct(const struct pc_entry *entry, const char *prefix, size_t len) {
    size_t from = len == 0 ? 0 : len + 1;

    return is_below(entry, prefix, len) && memchr(entry->key + from, '/', entry->key_len - from) == NULL;
}

static struct pc_entry *find(const struct pc_entry *entries, size_t count, const char *key, size_t len) {
    for (size_t i = 0; i < count; i++) {
        if (entries[i].key_len == len && memcmp(entries[i].key, key, len) == 0) {
            return (struct pc_entry *)&entries[i];
        }
    }
    return NULL;
}

/* --- snapshots ------------------------------------------------------------------------------------- */

static void snapshot_release(struct snapshot *snapshot) {
    free(snapshot->bytes);
    free(snapshot->entries);
    *snapshot = (struct snapshot){0};
}

/* One entry out of bytes; returns its length there, or 0 if it is none. */
static size_t parse_entry(const uint8_t *bytes, size_t size, struct pc_entry *ret) {
    uint64_t key_len, value_len;

    if (size < ENTRY) {
        return 0;
    }
    key_len = get_le(bytes + 4, 4);
    value_len = get_le(bytes + 8, 8);
    if (key_len == 0 || key_len > size - ENTRY || value_len > size - ENTRY - key_len) {
        return 0;
    }
    *ret = (struct pc_entry){
        .key = (const char *)bytes + ENTRY,
        .key_len = (size_t)key_len,
        .kind = bytes[0],
        .has_time = bytes[1],
        .time = {(uint32_t)get_le(bytes + 16, 4), get_le(bytes + 24, 8)},
        .data = bytes + ENTRY + key_len,
        .size = value_len,
    };
    return ENTRY + (size_t)key_len + (size_t)value_len;
}

/* Makes the table of a snapshot whose bytes are there. */
static int parse(struct snapshot *snapshot) {
    size_t at = HEADER, length;

    snapshot->count = 0;
    snapshot->entries = malloc((snapshot->size / ENTRY + 1) * sizeof(*snapshot->entries));
    if (snapshot->entries == NULL) {
        return PC_NO_MEMORY;
    }
    for (; at < snapshot->size; at += length) {
        length =
            parse_entry(snapshot->bytes + at, snapshot->size - at, &snapshot->entries[snapshot->count++]);
        if (length == 0) {
            return PC_CORRUPT;
        }
    }
    return PC_OK;
}

static size_t entry_size(const struct pc_entry *entry) {
    return ENTRY + entry->key_len + (size_t)entry->size;
}

static void write_entry(uint8_t *at, const struct pc_entry *entry) {
    at[0] = (uint8_t)entry->kind;
    at[1] = (uint8_t)entry->has_time;
    put_le(at + 4, entry->key_len, 4);
    put_le(at + 8, entry->size, 8);
    put_le(at + 16, entry->time.days, 4);
    put_le(at + 24, entry->time.picoseconds, 8);
    memcpy(at + ENTRY, entry->key, entry->key_len);
    if (entry->size > 0) {
        memcpy(at + ENTRY + entry->key_len, entry->data, (size_t)entry->size);
    }
}

static uint32_t area_blocks(const struct bd *dev) {
    return dev->geometry.block_count / 2;
}

static size_t blocks_for(const struct bd *dev, size_t size) {
    return (size + dev->geometry.block_size - 1) / dev->geometry.block_size;
}

/* The bytes of a table, header included. */
static int build(const struct bd *dev, uint64_t sequence, uint32_t name_max, const struct change *change,
                 struct snapshot *ret) {
    size_t at = HEADER;
    struct snapshot made = {.size = HEADER};

    for (size_t i = 0; i < change->count; i++) {
        made.size += entry_size(&change->entries[i]);
    }
    if (blocks_for(dev, made.size) > area_blocks(dev)) {
        return PC_NO_SPACE;
    }
    made.bytes = calloc(blocks_for(dev, made.size), dev->geometry.block_size);
    if (made.bytes == NULL) {
        return PC_NO_MEMORY;
    }
    memcpy(made.bytes, MAGIC, 8);
    put_le(made.bytes + 8, sequence, 8);
    put_le(made.bytes + 16, made.size - HEADER, 8);
    put_le(made.bytes + 24, name_max, 4);
    for (size_t i = 0; i < change->count; at += entry_size(&change->entries[i++])) {
        write_entry(made.bytes + at, &change->entries[i]);
    }
    put_le(made.bytes + 32, snapshot_checksum(made.bytes, made.size), 8);
    *ret = made;
    return PC_OK;
}

/* --- the device ------------------------------------------------------------------------------------ */

/* Writes a snapshot into an area. Once the sync has returned it is durable. */
static int write_area(const struct bd *dev, uint32_t area, const struct snapshot *snapshot) {
    uint32_t first = area * area_blocks(dev);
    uint32_t block_size = dev->geometry.block_size;
    int code = BD_OK;

    for (uint32_t i = 0; code == BD_OK && i < blocks_for(dev, snapshot->size); i++) {
        code = bd_erase(dev, first + i);
        if (code == BD_OK) {
            code = bd_prog(dev, first + i, 0, snapshot->bytes + (size_t)i * block_size, block_size);
        }
    }
    if (code == BD_OK) {
        code = bd_sync(dev);
    }
    return code == BD_OK ? PC_OK : PC_IO;
}

static int read_blocks(const struct bd *dev, uint32_t first, size_t from, size_t count, uint8_t *ret_bytes) {
    uint32_t block_size = dev->geometry.block_size;

    for (size_t i = from; i < count; i++) {
        if (bd_read(dev, first + (uint32_t)i, 0, ret_bytes + i * block_size, block_size) != BD_OK) {
            return PC_IO;
        }
    }
    return PC_OK;
}

/* The length of the snapshot whose first block this is; 0 if it is none that an area could hold. */
static size_t snapshot_length(const struct bd *dev, const uint8_t *bytes) {
    uint64_t room = (uint64_t)area_blocks(dev) * dev->geometry.block_size - HEADER;

    if (memcmp(bytes, MAGIC, 8) != 0 || get_le(bytes + 16, 8) > room) {
        return 0;
    }
    return HEADER + (size_t)get_le(bytes + 16, 8);
}

/* Reads an area's bytes; PC_CORRUPT if it holds no whole snapshot. */
static int read_area(const struct bd *dev, uint32_t area, struct snapshot *ret) {
    uint32_t first = area * area_blocks(dev);
    size_t blocks = 1, block_size = dev->geometry.block_size;
    uint8_t *grown;
    int code;

    ret->bytes = malloc(block_size);
    if (ret->bytes == NULL) {
        return PC_NO_MEMORY;
    }
    code = read_blocks(dev, first, 0, 1, ret->bytes);
    if (code != PC_OK) {
        return code;
    }
    ret->size = snapshot_length(dev, ret->bytes);
    if (ret->size == 0) {
        return PC_CORRUPT;
    }
    blocks = blocks_for(dev, ret->size);
    grown = realloc(ret->bytes, blocks * block_size);
    if (grown == NULL) {
        return PC_NO_MEMORY;
    }
    ret->bytes = grown;
    code = read_blocks(dev, first, 1, blocks, ret->bytes);
    if (code != PC_OK || DITTO_LIE(NO_CHECKSUM)) {
        return code;
    }
    return snapshot_checksum(ret->bytes, ret->size) == get_le(ret->bytes + 32, 8) ? PC_OK : PC_CORRUPT;
}

/* --- format, mount, unmount ------------------------------------------------------------------------ */

static int check_geometry(const struct bd *dev) {
    if (dev->geometry.block_count < 2 || dev->geometry.block_size < HEADER) {
        return PC_UNSUPPORTED;
    }
    return PC_OK;
}

static int ditto_format(const struct bd *dev, const struct pc_options *options) {
    uint32_t name_max = options->name_max == 0 ? 255 : options->name_max;
    struct change empty = {0};
    struct snapshot made = {0}, none = {.size = 1};
    int code = check_geometry(dev);

    if (code != PC_OK || name_max > 1022) {
        return PC_UNSUPPORTED;
    }
    code = build(dev, 1, name_max, &empty, &made);
    none.bytes = calloc(1, dev->geometry.block_size);
    if (code == PC_OK && none.bytes == NULL) {
        code = PC_NO_MEMORY;
    }
    if (code == PC_OK) {
        code = write_area(dev, 1, &none);
    }
    if (code == PC_OK) {
        code = write_area(dev, 0, &made);
    }
    snapshot_release(&made);
    snapshot_release(&none);
    return code;
}

/* Which area is the store, given how reading them went: the newer of those that are whole. */
static int choose_area(const int codes[2], const struct snapshot areas[2], uint32_t *ret_area) {
    if (codes[0] != PC_OK && codes[1] != PC_OK) {
        return codes[0] != PC_CORRUPT ? codes[0] : codes[1];
    }
    if (codes[0] == PC_OK && codes[1] == PC_OK) {
        *ret_area = get_le(areas[1].bytes + 8, 8) > get_le(areas[0].bytes + 8, 8);
    } else {
        *ret_area = codes[1] == PC_OK;
    }
    if (DITTO_LIE(OLDER_AREA) && codes[1 - *ret_area] == PC_OK) {
        *ret_area = 1 - *ret_area;
    }
    return PC_OK;
}

static int load_store(struct store *store) {
    struct snapshot areas[2] = {{0}, {0}};
    int codes[2];
    int code;

    codes[0] = read_area(&store->dev, 0, &areas[0]);
    codes[1] = read_area(&store->dev, 1, &areas[1]);
    code = choose_area(codes, areas, &store->area);
    for (int i = 0; code == PC_OK && i < 2; i++) {
        if (codes[i] != PC_OK && codes[i] != PC_CORRUPT) {
            code = codes[i]; /* what could not be read may be the newer one */
        }
    }
    if (code == PC_OK) {
        store->now = areas[store->area];
        areas[store->area] = (struct snapshot){0};
        store->sequence = get_le(store->now.bytes + 8, 8);
        store->name_max = (uint32_t)get_le(store->now.bytes + 24, 4);
        store->recovered = codes[1 - store->area] == PC_CORRUPT && store->sequence > 1;
        code = parse(&store->now);
    }
    snapshot_release(&areas[0]);
    snapshot_release(&areas[1]);
    return code;
}

static void ditto_unmount(void *self) {
    struct store *store = self;

    snapshot_release(&store->now);
    free(store);
}

static int ditto_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct store *store;
    int code = check_geometry(dev);

    if (code != PC_OK) {
        return code;
    }
    store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return PC_NO_MEMORY;
    }
    store->dev = *dev;
    store->read_only = options->read_only != 0;
    code = load_store(store);
    if (code == PC_OK && DITTO_LIE(FORGETS_ON_MOUNT) && store->recovered) {
        (void)bd_prog(dev, store->area * area_blocks(dev), 0, MAGIC MAGIC MAGIC MAGIC,
                      dev->geometry.prog_size);
    }
    if (code != PC_OK) {
        ditto_unmount(store);
        return code;
    }
    *ret_store = store;
    return PC_OK;
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
static int key_init(struct key *key, const struct store *store, const char *bytes, size_t size) {
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
static size_t base_of(const struct key *key) {
    size_t at = key->len;

    while (at > 0 && key->bytes[at - 1] != '/') {
        at--;
    }
    return at;
}

static struct pc_entry *lookup(const struct store *store, const struct key *key) {
    return find(store->now.entries, store->now.count, key->bytes, key->len);
}

static uint32_t kind_of(const struct store *store, const struct key *key) {
    const struct pc_entry *entry = lookup(store, key);

    if (key->len == 0) {
        return PC_DICTIONARY;
    }
    return entry == NULL ? PC_NONE : entry->kind;
}

/* The dictionaries on the way to a key: PC_DICTIONARY_EXPECTED if one is a value, PC_NOT_FOUND if one is
 * missing. */
static int walk(const struct store *store, const struct key *key) {
    for (size_t at = 0; at < key->len; at++) {
        struct key parent = {key->bytes, at};
        uint32_t kind = key->bytes[at] == '/' ? kind_of(store, &parent) : PC_DICTIONARY;

        if (kind != PC_DICTIONARY) {
            return kind == PC_VALUE ? PC_DICTIONARY_EXPECTED : PC_NOT_FOUND;
        }
    }
    return PC_OK;
}

/* --- changes --------------------------------------------------------------------------------------- */

/* A copy of the table with room for `more` entries. */
static int change_init(struct change *change, const struct store *store, size_t more) {
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

static void change_release(struct change *change) {
    free(change->entries);
    free(change->names);
}

/* Binds entry->key, in place of what was bound to it or as a new entry in its place. */
static void change_put(struct change *change, const struct pc_entry *entry) {
    struct pc_entry *old = find(change->entries, change->count, entry->key, entry->key_len);
    size_t at = change->count;

    if (old != NULL) {
        *old = *entry;
        return;
    }
    for (; at > 0; at--) {
        const struct pc_entry *before = &change->entries[at - 1];

        if (compare_keys(before->key, before->key_len, entry->key, entry->key_len) < 0) {
            break;
        }
        change->entries[at] = *before;
    }
    change->entries[at] = *entry;
    change->count++;
}

/* Takes away a key and everything below it. */
static void change_remove(struct change *change, const struct key *key) {
    size_t kept = 0;

    for (size_t i = 0; i < change->count; i++) {
        const struct pc_entry *entry = &change->entries[i];

        if ((entry->key_len == key->len && memcmp(entry->key, key->bytes, key->len) == 0) ||
            is_below(entry, key->bytes, key->len)) {
            continue;
        }
        change->entries[kept++] = *entry;
    }
    change->count = kept;
}

/* Binds the dictionaries on the way to a key that are missing. */
static void change_put_parents(struct change *change, const struct key *key) {
    for (size_t at = 0; at < key->len; at++) {
        if (key->bytes[at] == '/') {
            change_put(change, &(struct pc_entry){.key = key->bytes, .key_len = at, .kind = PC_DICTIONARY});
        }
    }
}

static int is_lost(const struct store *store) {
    return (DITTO_LIE(LAZY) && store->sequence % 3 == 2) ||
           (DITTO_LIE(LOSES_AFTER_RECOVERY) && store->recovered);
}

/* Makes the change the store: the one place where anything is written. */
static int commit(struct store *store, const struct change *change) {
    struct snapshot next = {0};
    uint32_t area = DITTO_LIE(OVERWRITES) ? store->area : 1 - store->area;
    int code = build(&store->dev, store->sequence + 1, store->name_max, change, &next);

    if (code == PC_OK) {
        code = parse(&next);
    }
    if (code == PC_OK && !is_lost(store)) {
        code = write_area(&store->dev, area, &next);
        store->broken = code != PC_OK;
    }
    if (code != PC_OK) {
        snapshot_release(&next);
        return code;
    }
    snapshot_release(&store->now);
    store->now = next;
    store->sequence++;
    store->area = area;
    return PC_OK;
}

/* Binds a key to a value, with the parents that it lacks. */
static int put_value(struct store *store, const struct key *key, const uint8_t *data, uint64_t size,
                     const struct pc_time *now) {
    struct pc_entry entry = {.key = key->bytes, .key_len = key->len, .kind = PC_VALUE, .has_time = 1};
    struct change change;
    int code = size > VALUE_MAX ? PC_VALUE_TOO_LARGE : change_init(&change, store, key->len + 1);

    if (code != PC_OK) {
        return code;
    }
    entry.time = *now;
    entry.time.days += (uint32_t)DITTO_LIE(WRONG_TIME);
    entry.data = data;
    entry.size = size;
    change_put_parents(&change, key);
    change_put(&change, &entry);
    code = commit(store, &change);
    change_release(&change);
    return code;
}

/* May a value be written at this key? */
static int check_target(const struct store *store, const struct key *key) {
    if (walk(store, key) == PC_DICTIONARY_EXPECTED) {
        return PC_DICTIONARY_EXPECTED;
    }
    return kind_of(store, key) == PC_DICTIONARY ? PC_VALUE_EXPECTED : PC_OK;
}

static int do_set(struct store *store, const struct key *key, const struct pc_op *op) {
    int code = check_target(store, key);

    if (code == PC_OK && DITTO_LIE(REFUSES_AFTER_RECOVERY) && store->recovered) {
        return PC_IO;
    }
    if (code == PC_OK && DITTO_LIE(FULL_AFTER_RECOVERY) && store->recovered) {
        return PC_NO_SPACE;
    }
    return code == PC_OK ? put_value(store, key, op->data, op->data_len, &op->now) : code;
}

static int do_set_partial(struct store *store, const struct key *key, const struct pc_op *op) {
    const struct pc_entry *old = lookup(store, key);
    uint64_t old_size = old == NULL ? 0 : old->size;
    uint64_t off = op->off < old_size ? op->off : old_size;
    uint64_t size = op->data_len > old_size - off ? off + op->data_len : old_size;
    uint8_t *data;
    int code = check_target(store, key);

    if (code != PC_OK) {
        return code;
    }
    if (size > VALUE_MAX) {
        return PC_VALUE_TOO_LARGE;
    }
    data = malloc((size_t)size + 1);
    if (data == NULL) {
        return PC_NO_MEMORY;
    }
    if (old_size > 0) {
        memcpy(data, old->data, (size_t)old_size);
    }
    if (op->data_len > 0) {
        memcpy(data + off, op->data, op->data_len);
    }
    code = put_value(store, key, data, size, &op->now);
    free(data);
    return code;
}

static int do_allocate(struct store *store, const struct key *key, const struct pc_op *op) {
    uint64_t room = (uint64_t)area_blocks(&store->dev) * store->dev.geometry.block_size;
    uint8_t *zeros;
    int code = walk(store, key);

    if (code == PC_DICTIONARY_EXPECTED) {
        return code;
    }
    if (kind_of(store, key) != PC_NONE) {
        return PC_ALREADY_PRESENT;
    }
    if (op->len > VALUE_MAX) {
        return PC_VALUE_TOO_LARGE;
    }
    if (op->len > room) {
        return PC_NO_SPACE; /* before there are that many zeros in memory */
    }
    zeros = calloc(1, (size_t)op->len + 1);
    if (zeros == NULL) {
        return PC_NO_MEMORY;
    }
    code = put_value(store, key, zeros, op->len, &op->now);
    free(zeros);
    return code;
}

static int do_remove(struct store *store, const struct key *key) {
    struct change change;
    int code = key->len == 0 ? PC_INVALID_KEY : walk(store, key);

    if (code == PC_NOT_FOUND || (code == PC_OK && kind_of(store, key) == PC_NONE)) {
        return PC_OK;
    }
    if (code == PC_OK) {
        code = change_init(&change, store, 0);
    }
    if (code != PC_OK) {
        return code;
    }
    change_remove(&change, key);
    code = commit(store, &change);
    change_release(&change);
    return code;
}

/* --- rename ---------------------------------------------------------------------------------------- */

/* The key that a rename arrives at: target itself, or source's last segment in it where it is a dictionary. */
static int rename_target(const struct store *store, const struct key *source, const struct key *target,
                         struct key *ret) {
    size_t base = base_of(source);

    ret->bytes = malloc(target->len + source->len + 2);
    if (ret->bytes == NULL) {
        return PC_NO_MEMORY;
    }
    memcpy(ret->bytes, target->bytes, target->len);
    ret->len = target->len;
    if (kind_of(store, target) != PC_DICTIONARY) {
        return PC_OK;
    }
    if (target->len > 0) {
        ret->bytes[ret->len++] = '/';
    }
    memcpy(ret->bytes + ret->len, source->bytes + base, source->len - base);
    ret->len += source->len - base;
    return PC_OK;
}

/* Steps 3 and 4 of the contract: may source move to `to`? */
static int check_rename(const struct store *store, const struct key *source, const struct key *to) {
    struct pc_entry arrival = {.key = to->bytes, .key_len = to->len};
    int is_same = to->len == source->len && memcmp(to->bytes, source->bytes, to->len) == 0;
    int from_dictionary = kind_of(store, source) == PC_DICTIONARY;

    if (from_dictionary && (is_same || is_below(&arrival, source->bytes, source->len))) {
        return PC_RENAME_SOURCE_PREFIX;
    }
    if (is_same) {
        return PC_OK;
    }
    if (kind_of(store, to) == PC_DICTIONARY) {
        return PC_ALREADY_PRESENT;
    }
    return from_dictionary && kind_of(store, to) == PC_VALUE ? PC_VALUE_EXPECTED : PC_OK;
}

/* Binds source, and all below it, under its new name. */
static int change_move(struct change *change, const struct store *store, const struct key *source,
                       const struct key *to) {
    char *name = malloc(store->now.size + store->now.count * to->len + 1); /* room for every key */

    change->names = name;
    if (name == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < store->now.count; i++) {
        struct pc_entry entry = store->now.entries[i];
        size_t rest = entry.key_len - source->len;

        if (entry.key_len < source->len || memcmp(entry.key, source->bytes, source->len) != 0 ||
            (rest > 0 && entry.key[source->len] != '/')) {
            continue;
        }
        memcpy(name, to->bytes, to->len);
        memcpy(name + to->len, entry.key + source->len, rest);
        entry.key = name;
        entry.key_len = to->len + rest;
        name += entry.key_len;
        change_put(change, &entry);
    }
    return PC_OK;
}

static int move(struct store *store, const struct key *source, const struct key *to) {
    struct change change;
    int code = change_init(&change, store, store->now.count + to->len + 1);

    if (code != PC_OK) {
        return code;
    }
    change_remove(&change, source);
    change_put_parents(&change, to);
    code = change_move(&change, store, source, to);
    if (code == PC_OK) {
        code = commit(store, &change);
    }
    change_release(&change);
    return code;
}

static int do_rename(struct store *store, const struct key *source, const struct key *target) {
    struct key to = {0};
    int code = source->len == 0 ? PC_INVALID_KEY : walk(store, source);

    if (code == PC_OK && kind_of(store, source) == PC_NONE) {
        code = PC_NOT_FOUND;
    }
    if (code == PC_OK && walk(store, target) == PC_DICTIONARY_EXPECTED) {
        code = PC_DICTIONARY_EXPECTED;
    }
    if (code == PC_OK) {
        code = rename_target(store, source, target, &to);
    }
    if (code == PC_OK) {
        code = check_rename(store, source, &to);
    }
    if (code == PC_OK && (to.len != source->len || memcmp(to.bytes, source->bytes, to.len) != 0)) {
        code = move(store, source, &to);
    }
    free(to.bytes);
    return code;
}

/* --- reading --------------------------------------------------------------------------------------- */

static int do_exists(const struct store *store, const struct key *key, struct pc_reply *reply) {
    reply->kind = kind_of(store, key);
    return PC_OK;
}

static int do_get(const struct pc_entry *entry, const struct pc_op *op, struct pc_reply *reply) {
    uint64_t off = op->kind == PC_OP_GET ? 0 : op->off;
    uint64_t size;

    if (entry->kind == PC_DICTIONARY) {
        return PC_VALUE_EXPECTED;
    }
    size = off < entry->size ? entry->size - off : 0;
    if (op->kind == PC_OP_GET_PARTIAL && op->len < size) {
        size = op->len;
    }
    if (size > 0) {
        reply->put_bytes(reply, entry->data + off, (size_t)size);
    }
    return PC_OK;
}

static int do_list(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    size_t from = entry->key_len == 0 ? 0 : entry->key_len + 1;

    if (entry->kind == PC_VALUE) {
        return PC_DICTIONARY_EXPECTED;
    }
    for (size_t i = 0; i < store->now.count; i++) {
        const struct pc_entry *each = &store->now.entries[i];

        if (is_direct(each, entry->key, entry->key_len)) {
            reply->put_entry(reply, each->key + from, each->key_len - from, each->kind);
        }
    }
    return PC_OK;
}

static int do_size(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    uint64_t size = entry->size;

    for (size_t i = 0; entry->kind == PC_DICTIONARY && i < store->now.count; i++) {
        if (is_below(&store->now.entries[i], entry->key, entry->key_len)) {
            size += store->now.entries[i].size;
        }
    }
    reply->size = size;
    return PC_OK;
}

static int is_later(struct pc_time a, struct pc_time b) {
    return a.days > b.days || (a.days == b.days && a.picoseconds > b.picoseconds);
}

static int do_last_modified(const struct store *store, const struct pc_entry *entry, struct pc_reply *reply) {
    struct pc_time newest = entry->time;

    for (size_t i = 0; entry->kind == PC_DICTIONARY && i < store->now.count; i++) {
        const struct pc_entry *each = &store->now.entries[i];

        if (each->has_time && is_direct(each, entry->key, entry->key_len) && is_later(each->time, newest)) {
            newest = each->time;
        }
    }
    reply->time = newest;
    return PC_OK;
}

static int read_op(const struct store *store, const struct key *key, const struct pc_op *op,
                   struct pc_reply *reply) {
    struct pc_entry root = {.key = "", .kind = PC_DICTIONARY};
    const struct pc_entry *entry = key->len == 0 ? &root : lookup(store, key);
    int code;

    if (op->kind == PC_OP_EXISTS) {
        return do_exists(store, key, reply);
    }
    code = walk(store, key);
    if (code != PC_OK || entry == NULL) {
        return code != PC_OK ? code : PC_NOT_FOUND;
    }
    switch (op->kind) {
    case PC_OP_LIST:
        return do_list(store, entry, reply);
    case PC_OP_SIZE:
        return do_size(store, entry, reply);
    case PC_OP_LAST_MODIFIED:
        return do_last_modified(store, entry, reply);
    default:
        return do_get(entry, op, reply);
    }
}

/* --- the ABI --------------------------------------------------------------------------------------- */

static int write_op(struct store *store, const struct key *key, const struct key *target,
                    const struct pc_op *op) {
    switch (op->kind) {
    case PC_OP_SET:
        return do_set(store, key, op);
    case PC_OP_SET_PARTIAL:
        return do_set_partial(store, key, op);
    case PC_OP_ALLOCATE:
        return do_allocate(store, key, op);
    case PC_OP_REMOVE:
        return do_remove(store, key);
    default:
        return do_rename(store, key, target);
    }
}

static int ditto_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct store *store = self;
    struct key key = {0}, target = {0};
    int writes = op->kind >= PC_OP_SET;
    int code;

    if (op->kind < PC_OP_EXISTS || op->kind > PC_OP_RENAME || op->kind == PC_OP_DIGEST) {
        return PC_UNSUPPORTED;
    }
    if (writes && store->read_only) {
        return PC_READ_ONLY;
    }
    if (store->broken) {
        return PC_IO;
    }
    code = key_init(&key, store, op->key, op->key_len);
    if (code == PC_OK && op->kind == PC_OP_RENAME) {
        code = key_init(&target, store, op->target, op->target_len);
    }
    if (code == PC_OK) {
        code = writes ? write_op(store, &key, &target, op) : read_op(store, &key, op, reply);
    }
    free(key.bytes);
    free(target.bytes);
    return code;
}

static int ditto_visit(void *self, pc_visit_fn fn, void *ctx) {
    const struct store *store = self;
    int code = store->broken ? PC_IO : PC_OK;

    if (DITTO_LIE(UNREADABLE) && store->recovered) {
        return PC_CORRUPT;
    }
    for (size_t i = 0; code == PC_OK && i < store->now.count; i++) {
        code = fn(ctx, &store->now.entries[i]);
    }
    return code;
}

static int ditto_facts(void *self, struct pc_facts *ret_facts) {
    const struct store *store = self;

    *ret_facts = (struct pc_facts){store->name_max, VALUE_MAX};
    return PC_OK;
}

/* Keys ascend, and each lies in a dictionary. */
static int ditto_check(void *self, char *text, size_t text_size) {
    const struct store *store = self;
    const char *found = DITTO_LIE(CHECK_COMPLAINS) && store->recovered ? "nothing is wrong" : NULL;

    for (size_t i = 0; i < store->now.count; i++) {
        const struct pc_entry *entry = &store->now.entries[i], *before = entry - (i > 0);
        struct key key = {(char *)entry->key, entry->key_len};

        if (i > 0 && compare_keys(before->key, before->key_len, entry->key, entry->key_len) >= 0) {
            found = "the keys are not in ascending order";
        }
        if (walk(store, &key) != PC_OK) {
            found = "a key lies in no dictionary";
        }
    }
    if (found == NULL) {
        return PC_OK;
    }
    if (text_size > 0) {
        strncpy(text, found, text_size - 1);
        text[text_size - 1] = 0;
    }
    return PC_CORRUPT;
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION,
        .capabilities = PC_CAN_TIMESTAMPS | PC_CAN_SET_PARTIAL | PC_CAN_ALLOCATE | PC_CAN_RENAME |
                        PC_CAN_LAST_MODIFIED | PC_CAN_DICTIONARIES | PC_CAN_CHECK,
        .durability = PC_DURABLE_ON_RETURN,
        .name = "ditto",
        .version = "0.1.0",
        .format = ditto_format,
        .mount = ditto_mount,
        .unmount = ditto_unmount,
        .apply = ditto_apply,
        .visit = ditto_visit,
        .facts = ditto_facts,
        .check = ditto_check,
    };

    return &engine;
}
