/* SPDX-License-Identifier: ISC
 *
 * write.c: the littlefs adapter's operations that change the store, each one atomic step.
 *
 * In littlefs a file that is written over changes atomically, and a rename is atomic; making a file is not
 * (a cut leaves it empty), nor is making it and its directories, nor taking a directory apart. So a new value
 * is made at STAGE, with the new dictionaries around it, and moved to where it belongs; and a dictionary that
 * is removed is moved to STAGE and taken apart there, now or after the next mount.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value is to hold: the bytes, or zeros where there are none; written at off. */
struct content {
    const uint8_t *bytes;
    uint64_t size;
    uint32_t off;
    uint8_t time[TIME_SIZE];
};

static struct content content_of(const struct pc_op *op, const uint8_t *bytes, uint64_t size, uint32_t off) {
    struct content content = {.bytes = bytes, .size = size, .off = off};

    for (unsigned i = 0; i < 4; i++) {
        content.time[i] = (uint8_t)(op->now.days >> 8 * i);
    }
    for (unsigned i = 0; i < 8; i++) {
        content.time[4 + i] = (uint8_t)(op->now.picoseconds >> 8 * i);
    }
    return content;
}

static int write_bytes(struct store *store, struct lfs_file *file, const struct content *content) {
    static const uint8_t zeros[512] = {0};
    struct lfs *lfs = &store->fs.lfs;
    int32_t code =
        content->off == 0 ? 0 : store->fs.call->file_seek(lfs, file, (int32_t)content->off, LFS_SEEK_SET);

    if (code >= 0 && content->bytes != NULL) {
        code = store->fs.call->file_write(lfs, file, content->bytes, (uint32_t)content->size);
    }
    for (uint64_t at = 0; code >= 0 && content->bytes == NULL && at < content->size;) {
        uint64_t left = content->size - at, part = left < sizeof(zeros) ? left : sizeof(zeros);

        code = store->fs.call->file_write(lfs, file, zeros, (uint32_t)part);
        at += part;
    }
    return code < 0 ? code : 0;
}

/* One commit, at the close, has the bytes and the time: littlefs writes neither before. */
static int write_file(struct store *store, const char *path, int flags, const struct content *content) {
    uint8_t time[TIME_SIZE];
    struct lfs_attr attr = {TIME_ATTRIBUTE, time, TIME_SIZE};
    struct lfs_file_config config = {store->fs.file_cache, &attr, 1};
    struct lfs_file file;
    int code = 0, closed;

    memcpy(time, content->time, TIME_SIZE);
    code = store->fs.call->file_opencfg(&store->fs.lfs, &file, path, flags, &config);
    if (code != 0) {
        return store_code(code);
    }
    code = write_bytes(store, &file, content);
    closed = store->fs.call->file_close(&store->fs.lfs, &file);
    return store_code(code != 0 ? code : closed);
}

int store_purge(struct store *store) {
    static const struct path stage = {(char *)STAGE, sizeof(STAGE) - 1};
    struct nodes nodes = {0};
    uint32_t kind, size;
    int code = path_find(store, STAGE, &kind, &size);

    if (code == PC_OK && kind == PC_DICTIONARY) {
        code = nodes_below(store, &stage, &nodes);
    }
    for (size_t i = nodes.count; code == PC_OK && i > 0; i--) {
        code = store_code(store->fs.call->remove(&store->fs.lfs, nodes.list[i - 1].path.text));
    }
    nodes_release(&nodes);
    if (code == PC_OK && kind != PC_NONE) {
        code = store_code(store->fs.call->remove(&store->fs.lfs, STAGE));
    }
    store->is_staged = code != PC_OK;
    return code;
}

/* How much of the path is there already, or would be with its first missing segment: where what is made at
 * STAGE is to go. *ret_len: the bytes of the path up to the end of that segment. */
static int first_missing(struct store *store, struct path *path, size_t *ret_len) {
    uint32_t kind = PC_NONE, size;
    int code = PC_OK;

    for (size_t len = 1; code == PC_OK; len++) {
        char end = path->text[len];

        if (end != '/' && end != 0) {
            continue;
        }
        path->text[len] = 0;
        code = path_find(store, path->text, &kind, &size);
        path->text[len] = end;
        if (code == PC_OK && (kind == PC_NONE || end == 0)) {
            *ret_len = len;
            return PC_OK;
        }
    }
    return code;
}

/* Makes the value at the end of `staged`, and the dictionaries on the way. The first `len` bytes are STAGE. */
static int make_staged(struct store *store, char *staged, size_t len, const struct content *content) {
    int code = PC_OK;

    for (char *slash = strchr(staged + len, '/'); code == PC_OK && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        code = store_code(store->fs.call->mkdir(&store->fs.lfs, staged));
        *slash = '/';
    }
    return code == PC_OK ? write_file(store, staged, LFS_WRITE | LFS_CREATE, content) : code;
}

/* Makes a value that is not there. The rename is the commit point. */
static int create(struct store *store, const struct path *path, const struct content *content) {
    size_t stage = strlen(STAGE), len = 0;
    struct path whole = {malloc(path->len + 1), path->len};
    char *staged = malloc(stage + path->len + 1);
    int code = whole.text == NULL || staged == NULL ? PC_NO_MEMORY : PC_OK;

    if (code == PC_OK) {
        memcpy(whole.text, path->text, path->len + 1);
        code = first_missing(store, &whole, &len);
    }
    if (code == PC_OK) {
        (void)snprintf(staged, stage + path->len + 1, "%s%s", STAGE, path->text + len);
        store->is_staged = 1;
        code = make_staged(store, staged, stage, content);
    }
    if (code == PC_OK) {
        whole.text[len] = 0;
        code = store_code(store->fs.call->rename(&store->fs.lfs, STAGE, whole.text));
        store->is_staged = code != PC_OK;
    }
    free(whole.text);
    free(staged);
    return code;
}

int store_set(struct store *store, const struct path *path, const struct pc_op *op) {
    struct content content = content_of(op, op->data, op->data_len, 0);
    uint32_t kind, size;
    int code = path_find(store, path->text, &kind, &size);

    if (code != PC_OK || kind == PC_DICTIONARY) {
        return code != PC_OK ? code : PC_VALUE_EXPECTED;
    }
    if (op->data_len > store->value_max) {
        return PC_VALUE_TOO_LARGE;
    }
    return kind == PC_NONE ? create(store, path, &content)
                           : write_file(store, path->text, LFS_WRITE | LFS_TRUNCATE, &content);
}

int store_set_partial(struct store *store, const struct path *path, const struct pc_op *op) {
    struct content content;
    uint32_t kind, size, off;
    int code = path_find(store, path->text, &kind, &size);

    if (code != PC_OK || kind == PC_DICTIONARY) {
        return code != PC_OK ? code : PC_VALUE_EXPECTED;
    }
    off = op->off < size ? (uint32_t)op->off : size;
    if (op->data_len > store->value_max - off) {
        return PC_VALUE_TOO_LARGE;
    }
    content = content_of(op, op->data, op->data_len, off);
    return kind == PC_NONE ? create(store, path, &content)
                           : write_file(store, path->text, LFS_WRITE, &content);
}

int store_allocate(struct store *store, const struct path *path, const struct pc_op *op) {
    struct content content = content_of(op, NULL, op->len, 0);
    uint32_t kind, size;
    int code = path_find(store, path->text, &kind, &size);

    if (code != PC_OK || kind != PC_NONE) {
        return code != PC_OK ? code : PC_ALREADY_PRESENT;
    }
    return op->len > store->value_max ? PC_VALUE_TOO_LARGE : create(store, path, &content);
}

int store_remove(struct store *store, const struct path *path) {
    uint32_t kind, size;
    int code = path->len == 0 ? PC_INVALID_KEY : path_find(store, path->text, &kind, &size);

    if (code != PC_OK || kind == PC_NONE) {
        return code;
    }
    if (kind == PC_VALUE) {
        return store_code(store->fs.call->remove(&store->fs.lfs, path->text));
    }
    code = store_code(store->fs.call->rename(&store->fs.lfs, path->text, STAGE));
    if (code == PC_OK) {
        store->is_staged = 1; /* it is removed; what is left to do may wait if it cannot be done now */
        code = store_purge(store);
        code = code == PC_NO_SPACE ? PC_OK : code;
    }
    return code;
}
