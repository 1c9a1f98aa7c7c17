/* SPDX-License-Identifier: ISC
 *
 * read.c: the littlefs adapter's operations that change nothing.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

/* A value's timestamp as the attribute has it; all bytes 0xff where there is none. */
struct stamp {
    uint8_t bytes[TIME_SIZE];
};

static struct pc_time stamp_time(const struct stamp *stamp) {
    struct pc_time time = {0};

    for (unsigned i = 0; i < 4; i++) {
        time.days |= (uint32_t)stamp->bytes[i] << 8 * i;
    }
    for (unsigned i = 0; i < 8; i++) {
        time.picoseconds |= (uint64_t)stamp->bytes[4 + i] << 8 * i;
    }
    return time;
}

/* No day has so many picoseconds. */
static int has_time(const struct stamp *stamp) {
    return stamp_time(stamp).picoseconds != UINT64_MAX;
}

static int reserve_buffer(struct store *store, uint64_t size) {
    uint8_t *buffer;

    if (store->buffer != NULL && size <= store->buffer_size) {
        return PC_OK;
    }
    buffer = malloc((size_t)size + 1);
    if (buffer == NULL) {
        return PC_NO_MEMORY;
    }
    free(store->buffer);
    store->buffer = buffer;
    store->buffer_size = size;
    return PC_OK;
}

/* Reads up to len bytes from off on into the buffer; the timestamp too. */
static int read_value(struct store *store, const char *path, uint64_t off, uint64_t len, uint64_t *ret_size,
                      struct stamp *ret_stamp) {
    const struct lfs_functions *call = store->fs.call;
    struct lfs_attr attr = {TIME_ATTRIBUTE, ret_stamp->bytes, TIME_SIZE};
    struct lfs_file_config config = {store->fs.file_cache, &attr, 1};
    struct lfs *lfs = &store->fs.lfs;
    struct lfs_file file;
    int64_t size, got = 0;
    int code, closed;

    memset(ret_stamp->bytes, 0xff, TIME_SIZE);
    code = call->file_opencfg(lfs, &file, path, LFS_READ, &config);
    if (code != 0) {
        return store_code(code);
    }
    size = call->file_size(lfs, &file);
    size = size < 0 ? size : off >= (uint64_t)size ? 0 : size - (int64_t)off;
    if (size > 0 && len < (uint64_t)size) {
        size = (int64_t)len;
    }
    code = size < 0 ? store_code((int)size) : reserve_buffer(store, (uint64_t)size);
    if (code == PC_OK && size > 0) {
        got = call->file_seek(lfs, &file, (int32_t)off, LFS_SEEK_SET);
        got = got < 0 ? got : call->file_read(lfs, &file, store->buffer, (uint32_t)size);
        code = got < 0 ? store_code((int)got) : PC_OK;
    }
    closed = call->file_close(lfs, &file);
    *ret_size = (uint64_t)(got < 0 ? 0 : got);
    return code != PC_OK ? code : store_code(closed);
}

int store_exists(struct store *store, const struct path *path, struct pc_reply *reply) {
    uint32_t kind = PC_NONE, size;
    int code = path_find(store, path->text, &kind, &size);

    if (code != PC_OK && code != PC_DICTIONARY_EXPECTED) {
        return code;
    }
    reply->kind = kind;
    return PC_OK;
}

/* What a path is bound to, which must be something. */
static int need(struct store *store, const struct path *path, uint32_t *ret_kind, uint32_t *ret_size) {
    int code = path_find(store, path->text, ret_kind, ret_size);

    return code == PC_OK && *ret_kind == PC_NONE ? PC_NOT_FOUND : code;
}

int store_get(struct store *store, const struct path *path, const struct pc_op *op, struct pc_reply *reply) {
    uint64_t off = op->kind == PC_OP_GET ? 0 : op->off, len = op->kind == PC_OP_GET ? UINT64_MAX : op->len;
    uint64_t got = 0;
    uint32_t kind, size;
    struct stamp stamp;
    int code = need(store, path, &kind, &size);

    if (code == PC_OK && kind == PC_DICTIONARY) {
        return PC_VALUE_EXPECTED;
    }
    if (code == PC_OK) {
        code = read_value(store, path->text, off, len, &got, &stamp);
    }
    if (code == PC_OK) {
        reply->put_bytes(reply, store->buffer, (size_t)got);
    }
    return code;
}

static int compare_names(const void *a, const void *b) {
    const struct node *x = a, *y = b;

    return strcmp(x->path.text + x->name, y->path.text + y->name);
}

int store_list(struct store *store, const struct path *path, struct pc_reply *reply) {
    struct nodes nodes = {0};
    uint32_t kind, size;
    int code = need(store, path, &kind, &size);

    if (code == PC_OK && kind == PC_VALUE) {
        return PC_DICTIONARY_EXPECTED;
    }
    if (code == PC_OK) {
        code = nodes_list(store, path, &nodes);
    }
    if (code == PC_OK && nodes.count > 0) {
        qsort(nodes.list, nodes.count, sizeof(nodes.list[0]), compare_names);
        for (size_t i = 0; i < nodes.count; i++) {
            const struct node *node = &nodes.list[i];

            reply->put_entry(reply, node->path.text + node->name, node->path.len - node->name, node->kind);
        }
    }
    nodes_release(&nodes);
    return code;
}

int store_size(struct store *store, const struct path *path, struct pc_reply *reply) {
    struct nodes nodes = {0};
    uint32_t kind, size;
    uint64_t sum;
    int code = need(store, path, &kind, &size);

    if (code != PC_OK) {
        return code;
    }
    sum = size;
    if (kind == PC_DICTIONARY) {
        code = nodes_below(store, path, &nodes);
    }
    for (size_t i = 0; i < nodes.count; i++) {
        sum += nodes.list[i].kind == PC_VALUE ? nodes.list[i].size : 0;
    }
    nodes_release(&nodes);
    if (code == PC_OK) {
        reply->size = sum;
    }
    return code;
}

static int is_later(struct pc_time a, struct pc_time b) {
    return a.days > b.days || (a.days == b.days && a.picoseconds > b.picoseconds);
}

int store_last_modified(struct store *store, const struct path *path, struct pc_reply *reply) {
    struct pc_time newest = {0};
    struct nodes nodes = {0};
    struct stamp stamp;
    uint32_t kind, size;
    uint64_t got;
    int code = need(store, path, &kind, &size);

    if (code == PC_OK && kind == PC_VALUE) {
        code = read_value(store, path->text, 0, 0, &got, &stamp);
        newest = stamp_time(&stamp);
        code = code == PC_OK && !has_time(&stamp) ? PC_NO_TIMESTAMP : code;
    } else if (code == PC_OK) {
        code = nodes_list(store, path, &nodes);
    }
    for (size_t i = 0; code == PC_OK && i < nodes.count; i++) {
        if (nodes.list[i].kind == PC_VALUE) {
            code = read_value(store, nodes.list[i].path.text, 0, 0, &got, &stamp);
            newest = has_time(&stamp) && is_later(stamp_time(&stamp), newest) ? stamp_time(&stamp) : newest;
        }
    }
    nodes_release(&nodes);
    if (code == PC_OK) {
        reply->time = newest;
    }
    return code;
}

int store_visit(struct store *store, pc_visit_fn fn, void *ctx) {
    static const struct path root = {(char *)"", 0};
    struct nodes nodes = {0};
    int code = nodes_below(store, &root, &nodes);

    for (size_t i = 0; code == PC_OK && i < nodes.count; i++) {
        const struct node *node = &nodes.list[i];
        struct pc_entry entry = {.key = node->path.text, .key_len = node->path.len, .kind = node->kind};

        if (node->kind == PC_VALUE) {
            struct stamp stamp;

            code = read_value(store, node->path.text, 0, UINT64_MAX, &entry.size, &stamp);
            entry.data = store->buffer;
            entry.has_time = (uint32_t)has_time(&stamp);
            entry.time = entry.has_time ? stamp_time(&stamp) : entry.time;
        }
        code = code == PC_OK ? fn(ctx, &entry) : code;
    }
    nodes_release(&nodes);
    return code;
}
