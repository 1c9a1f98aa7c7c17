/* SPDX-License-Identifier: ISC
 *
 * tree.c: keys as littlefs's paths, and what is there.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

int store_code(int lfs_code) {
    switch (lfs_code) {
    case 0:
        return PC_OK;
    case LFS_NO_ENTRY:
        return PC_NOT_FOUND;
    case LFS_NOT_DIR:
        return PC_DICTIONARY_EXPECTED;
    case LFS_IS_DIR:
        return PC_VALUE_EXPECTED;
    case LFS_EXISTS:
        return PC_ALREADY_PRESENT;
    case LFS_TOO_BIG:
        return PC_VALUE_TOO_LARGE;
    case LFS_NO_SPACE:
        return PC_NO_SPACE;
    case LFS_NO_MEMORY:
        return PC_NO_MEMORY;
    case LFS_NAME_TOO_LONG:
        return PC_NAME_TOO_LONG;
    case LFS_CORRUPT:
        return PC_CORRUPT;
    case LFS_INVALID:
        return PC_UNSUPPORTED;
    default:
        return PC_IO;
    }
}

static int check_segment(const struct store *store, const char *name, size_t len, int is_first) {
    int is_dots = (len == 1 || len == 2) && memcmp(name, "..", len) == 0;
    int is_stage = is_first && len == strlen(STAGE) && memcmp(name, STAGE, len) == 0;

    if (is_dots || is_stage || memchr(name, 0, len) != NULL) {
        return PC_INVALID_KEY;
    }
    return len > store->name_max ? PC_NAME_TOO_LONG : PC_OK;
}

int path_init(const struct store *store, const char *key, size_t key_len, struct path *ret_path) {
    struct path path = {malloc(key_len + 1), 0};
    int code = path.text == NULL ? PC_NO_MEMORY : PC_OK;

    for (size_t at = 0, end; code == PC_OK && at < key_len; at = end + 1) {
        const char *slash = memchr(key + at, '/', key_len - at);

        end = slash == NULL ? key_len : (size_t)(slash - key);
        if (end == at) {
            continue;
        }
        code = check_segment(store, key + at, end - at, path.len == 0);
        memcpy(path.text + path.len, key + at, end - at);
        path.len += end - at;
        path.text[path.len++] = '/'; /* where the key has one, or ends */
    }
    if (code != PC_OK) {
        free(path.text);
        return code;
    }
    path.len -= path.len > 0;
    path.text[path.len] = 0;
    *ret_path = path;
    return PC_OK;
}

int path_find(struct store *store, const char *path, uint32_t *ret_kind, uint32_t *ret_size) {
    struct lfs_info info = {.type = LFS_DIRECTORY};
    int code = path[0] == 0 ? 0 : store->fs.call->stat(&store->fs.lfs, path, &info);

    if (code != 0 && code != LFS_NO_ENTRY) {
        return store_code(code);
    }
    *ret_kind = code != 0 ? PC_NONE : info.type == LFS_DIRECTORY ? PC_DICTIONARY : PC_VALUE;
    *ret_size = *ret_kind == PC_VALUE ? info.size : 0;
    return PC_OK;
}

static int add_node(struct nodes *nodes, const struct path *dictionary, const struct lfs_info *info) {
    size_t name_len = strlen(info->name);
    struct node node = {.kind = info->type == LFS_DIRECTORY ? PC_DICTIONARY : PC_VALUE, .size = info->size};

    if (nodes->count == nodes->room) {
        size_t room = nodes->room * 2 + 32;
        struct node *grown = realloc(nodes->list, room * sizeof(*grown));

        if (grown == NULL) {
            return PC_NO_MEMORY;
        }
        nodes->list = grown;
        nodes->room = room;
    }
    node.path.text = malloc(dictionary->len + name_len + 2);
    if (node.path.text == NULL) {
        return PC_NO_MEMORY;
    }
    if (dictionary->len > 0) {
        memcpy(node.path.text, dictionary->text, dictionary->len);
        node.path.text[dictionary->len] = '/';
        node.name = dictionary->len + 1;
    }
    memcpy(node.path.text + node.name, info->name, name_len + 1);
    node.path.len = node.name + name_len;
    nodes->list[nodes->count++] = node;
    return PC_OK;
}

static int is_hidden(const struct path *dictionary, const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           (dictionary->len == 0 && strcmp(name, STAGE) == 0);
}

int nodes_list(struct store *store, const struct path *dictionary, struct nodes *nodes) {
    const struct lfs_functions *call = store->fs.call;
    struct lfs_info info;
    struct lfs_dir dir;
    int code = call->dir_open(&store->fs.lfs, &dir, dictionary->len == 0 ? "/" : dictionary->text);
    int added = PC_OK, more, closed;

    if (code != 0) {
        return store_code(code);
    }
    do {
        more = call->dir_read(&store->fs.lfs, &dir, &info);
        if (more > 0 && !is_hidden(dictionary, info.name)) {
            added = add_node(nodes, dictionary, &info);
        }
    } while (more > 0 && added == PC_OK);
    closed = call->dir_close(&store->fs.lfs, &dir);
    return added != PC_OK ? added : store_code(more < 0 ? more : closed);
}

int nodes_below(struct store *store, const struct path *dictionary, struct nodes *nodes) {
    size_t dictionaries = 0, first = nodes->count;
    int code = nodes_list(store, dictionary, nodes);

    for (size_t i = first; code == PC_OK && i < nodes->count; i++) {
        struct path path = nodes->list[i].path;

        if (nodes->list[i].kind == PC_DICTIONARY) {
            if (++dictionaries > store->fs.config.block_count) {
                return PC_CORRUPT; /* more than there are blocks: they go round in a circle */
            }
            code = nodes_list(store, &path, nodes);
        }
    }
    return code;
}

void nodes_release(struct nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) {
        free(nodes->list[i].path.text);
    }
    free(nodes->list);
    *nodes = (struct nodes){0};
}
