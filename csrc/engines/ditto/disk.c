/* SPDX-License-Identifier: ISC
 *
 * disk.c: ditto's two areas on the device: format, mount, and the one place where anything is written.
 */
#include "ditto.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "ditto 1\n"
#define HEADER 40u
#define ENTRY 32u

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

uint32_t ditto_area_blocks(const struct bd *dev) {
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
    if (blocks_for(dev, made.size) > ditto_area_blocks(dev)) {
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
    uint32_t first = area * ditto_area_blocks(dev);
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
    uint64_t room = (uint64_t)ditto_area_blocks(dev) * dev->geometry.block_size - HEADER;

    if (memcmp(bytes, MAGIC, 8) != 0 || get_le(bytes + 16, 8) > room) {
        return 0;
    }
    return HEADER + (size_t)get_le(bytes + 16, 8);
}

/* Reads an area's bytes; PC_CORRUPT if it holds no whole snapshot. */
static int read_area(const struct bd *dev, uint32_t area, struct snapshot *ret) {
    uint32_t first = area * ditto_area_blocks(dev);
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

int ditto_format(const struct bd *dev, const struct pc_options *options) {
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

void ditto_unmount(void *self) {
    struct store *store = self;

    snapshot_release(&store->now);
    free(store);
}

int ditto_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
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
        (void)bd_prog(dev, store->area * ditto_area_blocks(dev), 0, MAGIC MAGIC MAGIC MAGIC,
                      dev->geometry.prog_size);
    }
    if (code != PC_OK) {
        ditto_unmount(store);
        return code;
    }
    *ret_store = store;
    return PC_OK;
}

/* --- the commit ------------------------------------------------------------------------------------ */

static int is_lost(const struct store *store) {
    return (DITTO_LIE(LAZY) && store->sequence % 3 == 2) ||
           (DITTO_LIE(LOSES_AFTER_RECOVERY) && store->recovered);
}

/* Makes the change the store: the one place where anything is written. */
int ditto_commit(struct store *store, const struct change *change) {
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
