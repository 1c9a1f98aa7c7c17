/* SPDX-License-Identifier: ISC
 *
 * littlefs.c: the adapter of real littlefs to the engine ABI.
 *
 * littlefs comes out of the PyPI package littlefs-python; see littlefs/library.h. What it cannot do in one
 * atomic step it is not said to be able to: a rename whose target's dictionaries are missing, so no rename
 * at all. It has no digests and no check. How the rest is made atomic says littlefs/write.c.
 */
#include "littlefs/store.h"

#include <stdlib.h>

/* As skink: what leaves room for two names in a block. */
static uint32_t default_name_max(uint32_t block_size) {
    uint32_t limit = block_size / 2 - 48;

    return limit < 255 ? limit : 255;
}

static int format(const struct bd *dev, const struct pc_options *options) {
    char text[256];
    const struct lfs_functions *call = littlefs_load(NULL, text, sizeof(text));
    struct littlefs fs;
    int code = call == NULL || options->disk_minor > 2 || options->value_checks != 0
                   ? PC_UNSUPPORTED
                   : store_code(littlefs_init(&fs, call, dev));

    if (code != PC_OK) {
        return code;
    }
    fs.config.disk_version = options->disk_minor == 1 ? LFS_DISK_2_0 : LFS_DISK_2_1;
    fs.config.name_max =
        options->name_max != 0 ? options->name_max : default_name_max(dev->geometry.block_size);
    code = fs.config.name_max > default_name_max(dev->geometry.block_size)
               ? PC_UNSUPPORTED
               : store_code(call->format(&fs.lfs, &fs.config));
    littlefs_release(&fs);
    return code;
}

static void store_free(struct store *store) {
    littlefs_release(&store->fs);
    bd_close(&store->overlay);
    free(store->buffer);
    free(store);
}

/* Finishes what a power cut left half done: littlefs's own work first, then the adapter's. */
static int recover(struct store *store) {
    struct lfs_fsinfo info;
    int code = store->fs.call->fs_stat(&store->fs.lfs, &info);

    if (code == 0) {
        store->name_max = info.name_max;
        store->value_max = info.file_max;
        code = store->fs.call->fs_mkconsistent(&store->fs.lfs);
    }
    return code != 0 ? store_code(code) : store_purge(store);
}

static int open_on(struct store *store, const struct bd *dev, const struct pc_options *options) {
    char text[256];
    const struct lfs_functions *call = littlefs_load(NULL, text, sizeof(text));
    int code = call == NULL ? PC_UNSUPPORTED : PC_OK;

    if (code == PC_OK && options->read_only) {
        code = bd_overlay_open(dev, &store->overlay) == BD_OK ? PC_OK : PC_NO_MEMORY;
    }
    if (code == PC_OK) {
        code = store_code(littlefs_init(&store->fs, call, options->read_only ? &store->overlay : dev));
    }
    if (code == PC_OK) {
        store->read_only = options->read_only != 0;
        store->fs.config.disk_version = options->disk_minor == 1 ? LFS_DISK_2_0 : LFS_DISK_2_1;
        code = store_code(call->mount(&store->fs.lfs, &store->fs.config));
    }
    if (code == PC_OK) {
        code = recover(store);
        if (code == PC_NO_SPACE) {
            code = PC_OK; /* what is at STAGE stays there, unseen */
        }
        if (code != PC_OK) {
            (void)call->unmount(&store->fs.lfs);
        }
    }
    return code;
}

static int mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    struct store *store = calloc(1, sizeof(*store));
    int code;

    if (store == NULL) {
        return PC_NO_MEMORY;
    }
    code = open_on(store, dev, options);
    if (code != PC_OK) {
        store_free(store);
        return code;
    }
    *ret_store = store;
    return PC_OK;
}

static void unmount(void *self) {
    struct store *store = self;

    (void)store->fs.call->unmount(&store->fs.lfs);
    store_free(store);
}

/* What an operation left behind when it failed, or a removal for want of space, is in the way of the next. */
static int write_op(struct store *store, const struct path *path, const struct pc_op *op) {
    int code = store->is_staged ? store_purge(store) : PC_OK;

    if (code != PC_OK) {
        return code;
    }
    switch (op->kind) {
    case PC_OP_SET:
        return store_set(store, path, op);
    case PC_OP_SET_PARTIAL:
        return store_set_partial(store, path, op);
    case PC_OP_ALLOCATE:
        return store_allocate(store, path, op);
    default:
        return store_remove(store, path);
    }
}

static int read_op(struct store *store, const struct path *path, const struct pc_op *op,
                   struct pc_reply *reply) {
    switch (op->kind) {
    case PC_OP_EXISTS:
        return store_exists(store, path, reply);
    case PC_OP_LIST:
        return store_list(store, path, reply);
    case PC_OP_SIZE:
        return store_size(store, path, reply);
    case PC_OP_LAST_MODIFIED:
        return store_last_modified(store, path, reply);
    default:
        return store_get(store, path, op, reply);
    }
}

static int apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    struct store *store = self;
    int writes = op->kind >= PC_OP_SET;
    struct path path;
    int code;

    if (op->kind < PC_OP_EXISTS || op->kind >= PC_OP_RENAME || op->kind == PC_OP_DIGEST) {
        return PC_UNSUPPORTED;
    }
    if (store->broken || (writes && store->read_only)) {
        return store->broken ? PC_IO : PC_READ_ONLY;
    }
    code = path_init(store, op->key, op->key_len, &path);
    if (code != PC_OK) {
        return code;
    }
    code = writes ? write_op(store, &path, op) : read_op(store, &path, op, reply);
    free(path.text);
    if (code == PC_IO || code == PC_CORRUPT) {
        store->broken = code == PC_IO;
    } else if (code != PC_OK && store->is_staged) {
        (void)store_purge(store);
    }
    return code;
}

static int visit(void *self, pc_visit_fn fn, void *ctx) {
    struct store *store = self;

    return store->broken ? PC_IO : store_visit(store, fn, ctx);
}

static int facts(void *self, struct pc_facts *ret_facts) {
    const struct store *store = self;

    *ret_facts = (struct pc_facts){store->name_max, store->value_max};
    return PC_OK;
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION,
        .capabilities = PC_CAN_TIMESTAMPS | PC_CAN_SET_PARTIAL | PC_CAN_ALLOCATE | PC_CAN_LAST_MODIFIED |
                        PC_CAN_DICTIONARIES,
        .durability = PC_DURABLE_ON_RETURN,
        .name = "littlefs",
        .version = "2.11",
        .format = format,
        .mount = mount,
        .unmount = unmount,
        .apply = apply,
        .visit = visit,
        .facts = facts,
    };
    char text[256];

    return littlefs_load(getenv(LITTLEFS_VARIABLE), text, sizeof(text)) != NULL ? &engine : NULL;
}
