/* SPDX-License-Identifier: ISC
 *
 * skink.c: the adapter of skink to the engine ABI.
 *
 * A store is mounted and unmounted for each crash state, so its memory comes out of an arena: pieces of
 * fixed sizes cut off large chunks, and given back all together at unmount.
 */
#include "skink.h"
#include "powercut.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)SKINK_OK == (int)PC_OK && (int)SKINK_NOT_FOUND == (int)PC_NOT_FOUND &&
                   (int)SKINK_DICTIONARY_EXPECTED == (int)PC_DICTIONARY_EXPECTED &&
                   (int)SKINK_VALUE_EXPECTED == (int)PC_VALUE_EXPECTED &&
                   (int)SKINK_ALREADY_PRESENT == (int)PC_ALREADY_PRESENT &&
                   (int)SKINK_RENAME_SOURCE_PREFIX == (int)PC_RENAME_SOURCE_PREFIX &&
                   (int)SKINK_NO_SPACE == (int)PC_NO_SPACE && (int)SKINK_INVALID_KEY == (int)PC_INVALID_KEY &&
                   (int)SKINK_NAME_TOO_LONG == (int)PC_NAME_TOO_LONG &&
                   (int)SKINK_VALUE_TOO_LARGE == (int)PC_VALUE_TOO_LARGE &&
                   (int)SKINK_NO_TIMESTAMP == (int)PC_NO_TIMESTAMP &&
                   (int)SKINK_READ_ONLY == (int)PC_READ_ONLY && (int)SKINK_IO == (int)PC_IO &&
                   (int)SKINK_CORRUPT == (int)PC_CORRUPT && (int)SKINK_UNSUPPORTED == (int)PC_UNSUPPORTED &&
                   (int)SKINK_INVALID_ARGUMENT == (int)PC_INVALID_ARGUMENT &&
                   (int)SKINK_NO_MEMORY == (int)PC_NO_MEMORY,
               "skink's codes pass through unchanged");
_Static_assert((int)SKINK_NONE == (int)PC_NONE && (int)SKINK_VALUE == (int)PC_VALUE &&
                   (int)SKINK_DICTIONARY == (int)PC_DICTIONARY,
               "so do its kinds");

/* --- the arena ------------------------------------------------------------------------------------- */

/* Under AddressSanitizer every piece is malloc's own, so that it sees each step outside one. */
#if defined(__SANITIZE_ADDRESS__)
#define PIECES_ARE_MALLOCED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECES_ARE_MALLOCED 1
#endif
#endif
#ifndef PIECES_ARE_MALLOCED
#define PIECES_ARE_MALLOCED 0
#endif

#define CHUNK_SIZE 65536u
#define SMALLEST \
    32u /* bytes in the smallest piece, its head included; each class has twice that of the last */
#define CLASSES 10u /* so the largest is 16 KiB; what is larger is malloc's */

/* In front of each piece of memory. A free piece is on the list of its class. */
union head {
    struct {
        union head *next;
        size_t class; /* CLASSES: malloc's own */
    } s;
    max_align_t align;
};

struct chunk {
    struct chunk *next;
    size_t used; /* bytes of memory */
    union head memory[];
};

struct arena {
    struct chunk *chunks; /* the first is being used up */
    union head *free[CLASSES];
};

static size_t class_of(size_t size) {
    size_t class = 0;

    if (PIECES_ARE_MALLOCED) {
        return CLASSES;
    }
    while (class < CLASSES && (size_t)SMALLEST << class < size) {
        class++;
    }
    return class;
}

/* Memory that was never used, off the first chunk or a new one. */
static union head *cut_piece(struct arena *arena, size_t size) {
    struct chunk *chunk = arena->chunks;

    if (chunk == NULL || size > CHUNK_SIZE - chunk->used) {
        chunk = malloc(sizeof(*chunk) + CHUNK_SIZE);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = arena->chunks;
        chunk->used = 0;
        arena->chunks = chunk;
    }
    chunk->used += size;
    return (union head *)((uint8_t *)chunk->memory + chunk->used - size);
}

static void *arena_alloc(void *ctx, size_t size) {
    struct arena *arena = ctx;
    size_t class;
    union head *head;

    if (size > SIZE_MAX - sizeof(*head)) {
        return NULL;
    }
    class = class_of(size + sizeof(*head));
    if (class == CLASSES) {
        head = malloc(size + sizeof(*head));
    } else if (arena->free[class] != NULL) {
        head = arena->free[class];
        arena->free[class] = head->s.next;
    } else {
        head = cut_piece(arena, (size_t)SMALLEST << class);
    }
    if (head == NULL) {
        return NULL;
    }
    head->s.class = class;
    return head + 1;
}

static void arena_free(void *ctx, void *memory) {
    struct arena *arena = ctx;
    union head *head = memory;

    if (memory == NULL) {
        return;
    }
    head--;
    if (head->s.class == CLASSES) {
        free(head);
        return;
    }
    head->s.next = arena->free[head->s.class];
    arena->free[head->s.class] = head;
}

static void arena_release(struct arena *arena) {
    struct chunk *next;

    for (; arena->chunks != NULL; arena->chunks = next) {
        next = arena->chunks->next;
        free(arena->chunks);
    }
}

/* --- the store ------------------------------------------------------------------------------------- */

struct store {
    struct skink *skink;
    struct bd dev;
    struct arena arena;
    struct skink_allocator allocator;
    struct skink_time now; /* what the clock reads: the time of the operation being applied */
    uint8_t *buffer;       /* where visit reads values to; from the arena */
    size_t buffer_size;
};

static void read_clock(void *ctx, struct skink_time *ret_time) {
    const struct store *store = ctx;

    *ret_time = store->now;
}

static struct store *store_new(const struct bd *dev) {
    struct store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    store->dev = *dev;
    store->allocator = (struct skink_allocator){arena_alloc, arena_free, &store->arena};
    return store;
}

static void store_free(struct store *store) {
    arena_free(&store->arena, store->buffer);
    arena_release(&store->arena);
    free(store);
}

/* Makes the buffer at least `size` bytes long; what it holds is lost. */
static int reserve_buffer(struct store *store, uint64_t size) {
    uint8_t *buffer;

    if (store->buffer != NULL && size <= store->buffer_size) {
        return PC_OK;
    }
    if (size > SIZE_MAX / 2) {
        return PC_NO_MEMORY;
    }
    buffer = arena_alloc(&store->arena, (size_t)size + (size_t)size / 2 + 1);
    if (buffer == NULL) {
        return PC_NO_MEMORY;
    }
    arena_free(&store->arena, store->buffer);
    store->buffer = buffer;
    store->buffer_size = (size_t)size + (size_t)size / 2;
    return PC_OK;
}

static int adapter_format(const struct bd *dev, const struct pc_options *options) {
    struct skink_format_options format = {.name_max = options->name_max};

    if (options->disk_minor > 2) {
        return PC_UNSUPPORTED;
    }
    format.flags = (options->disk_minor == 1 ? SKINK_FORMAT_2_0 : 0u) |
                   (options->value_checks ? SKINK_FORMAT_VALUE_CHECKS : 0u);
    return skink_format(dev, NULL, &format);
}

static int adapter_mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct store *store = store_new(dev);
    struct skink_config config;
    int code;

    if (store == NULL) {
        return PC_NO_MEMORY;
    }
    config = (struct skink_config){
        .device = &store->dev,
        .allocator = &store->allocator,
        .now = read_clock,
        .now_ctx = store,
        .flags = (options->read_only ? SKINK_OPEN_READ_ONLY : 0u) |
                 (options->disk_minor == 1 ? SKINK_OPEN_STAY_2_0 : 0u),
    };
    code = skink_open(&config, &store->skink);
    if (code != PC_OK) {
        store_free(store);
        return code;
    }
    *ret_store = store;
    return PC_OK;
}

static void adapter_unmount(void *self) {
    struct store *store = self;

    skink_close(store->skink);
    store_free(store);
}

/* --- operations ------------------------------------------------------------------------------------ */

static int apply_exists(struct store *store, const struct pc_op *op, struct pc_reply *reply) {
    enum skink_kind kind;
    int code = skink_exists(store->skink, op->key, op->key_len, &kind);

    if (code == PC_OK) {
        reply->kind = (uint32_t)kind;
    }
    return code;
}

static int apply_get(struct store *store, const struct pc_op *op, struct pc_reply *reply) {
    uint8_t *bytes;
    size_t size;
    int code = skink_get(store->skink, op->key, op->key_len, &bytes, &size);

    if (code != PC_OK) {
        return code;
    }
    reply->put_bytes(reply, bytes, size);
    skink_release(store->skink, bytes);
    return PC_OK;
}

static int apply_get_partial(struct store *store, const struct pc_op *op, struct pc_reply *reply) {
    uint8_t nothing;
    uint64_t size = 0, wanted;
    size_t got;
    int code = skink_get_partial(store->skink, op->key, op->key_len, op->off, &nothing, 0, &got);

    if (code == PC_OK) { /* so it is a value, and this its size: no buffer need be longer */
        code = skink_size(store->skink, op->key, op->key_len, &size);
    }
    wanted = op->off < size ? size - op->off : 0;
    if (op->len < wanted) {
        wanted = op->len;
    }
    if (code == PC_OK) {
        code = reserve_buffer(store, wanted);
    }
    if (code == PC_OK) {
        code = skink_get_partial(store->skink, op->key, op->key_len, op->off, store->buffer, (size_t)wanted,
                                 &got);
    }
    if (code == PC_OK) {
        reply->put_bytes(reply, store->buffer, got);
    }
    return code;
}

static int put_entry(void *ctx, const struct skink_entry *entry) {
    struct pc_reply *reply = ctx;

    reply->put_entry(reply, entry->name, entry->name_len, (uint32_t)entry->kind);
    return PC_OK;
}

static int apply_last_modified(struct store *store, const struct pc_op *op, struct pc_reply *reply) {
    struct skink_time time;
    int code = skink_last_modified(store->skink, op->key, op->key_len, &time);

    if (code == PC_OK) {
        reply->time = (struct pc_time){time.days, time.picoseconds};
    }
    return code;
}

static int apply_digest(struct store *store, const struct pc_op *op, struct pc_reply *reply) {
    uint8_t digest[32];
    int code = skink_digest(store->skink, op->key, op->key_len, digest);

    if (code == PC_OK) {
        reply->put_bytes(reply, digest, sizeof(digest));
    }
    return code;
}

static int adapter_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct store *store = self;
    struct skink *skink = store->skink;

    store->now = (struct skink_time){op->now.days, op->now.picoseconds};
    switch (op->kind) {
    case PC_OP_EXISTS:
        return apply_exists(store, op, reply);
    case PC_OP_GET:
        return apply_get(store, op, reply);
    case PC_OP_GET_PARTIAL:
        return apply_get_partial(store, op, reply);
    case PC_OP_LIST:
        return skink_list(skink, op->key, op->key_len, put_entry, reply);
    case PC_OP_SIZE:
        return skink_size(skink, op->key, op->key_len, &reply->size);
    case PC_OP_LAST_MODIFIED:
        return apply_last_modified(store, op, reply);
    case PC_OP_DIGEST:
        return apply_digest(store, op, reply);
    case PC_OP_SET:
        return skink_set(skink, op->key, op->key_len, op->data, op->data_len);
    case PC_OP_SET_PARTIAL:
        return skink_set_partial(skink, op->key, op->key_len, op->off, op->data, op->data_len);
    case PC_OP_ALLOCATE:
        return skink_allocate(skink, op->key, op->key_len, op->len, NULL);
    case PC_OP_REMOVE:
        return skink_remove(skink, op->key, op->key_len);
    case PC_OP_RENAME:
        return skink_rename(skink, op->key, op->key_len, op->target, op->target_len);
    default:
        return PC_INVALID_ARGUMENT;
    }
}

/* --- visit, facts, check --------------------------------------------------------------------------- */

struct visitor {
    struct store *store;
    pc_visit_fn fn;
    void *ctx;
};

static int visit_entry(void *ctx, const struct skink_entry *entry) {
    const struct visitor *visitor = ctx;
    struct store *store = visitor->store;
    struct pc_entry seen = {.key = entry->name, .key_len = entry->name_len, .kind = (uint32_t)entry->kind};
    int code;

    if (entry->kind == SKINK_VALUE) {
        code = reserve_buffer(store, entry->size);
        if (code == PC_OK) {
            code = skink_entry_read(store->skink, entry, store->buffer);
        }
        if (code != PC_OK) {
            return code;
        }
        seen.has_time = entry->has_time != 0;
        seen.time = (struct pc_time){entry->time.days, entry->time.picoseconds};
        seen.data = store->buffer;
        seen.size = entry->size;
    }
    return visitor->fn(visitor->ctx, &seen);
}

static int adapter_visit(void *self, pc_visit_fn fn, void *ctx) {
    struct visitor visitor = {self, fn, ctx};

    return skink_visit(visitor.store->skink, visit_entry, &visitor);
}

static int adapter_facts(void *self, struct pc_facts *ret_facts) {
    const struct store *store = self;
    struct skink_stat stat;
    int code = skink_stat(store->skink, &stat);

    if (code == PC_OK) {
        *ret_facts = (struct pc_facts){.name_max = stat.name_max, .value_max = stat.value_max};
    }
    return code;
}

static int adapter_check(void *self, char *text, size_t text_size) {
    const struct store *store = self;

    return skink_check(store->skink, text, text_size);
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION,
        .capabilities = PC_CAN_TIMESTAMPS | PC_CAN_SET_PARTIAL | PC_CAN_ALLOCATE | PC_CAN_RENAME |
                        PC_CAN_DIGEST | PC_CAN_LAST_MODIFIED | PC_CAN_DICTIONARIES | PC_CAN_CHECK,
        .durability = PC_DURABLE_ON_RETURN,
        .name = "skink",
        .version = SKINK_VERSION,
        .claims = "nor nand disk512 disk4k virtio-writethrough hostile",
        .format = adapter_format,
        .mount = adapter_mount,
        .unmount = adapter_unmount,
        .apply = adapter_apply,
        .visit = adapter_visit,
        .facts = adapter_facts,
        .check = adapter_check,
    };

    return &engine;
}
