/* SPDX-License-Identifier: ISC
 *
 * library.c: finds littlefs's functions in littlefs-python's compiled module, and proves that they are called rightly.
 */
#define _POSIX_C_SOURCE 200809L

#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Fills one function pointer, whatever its type. */
static int find(void *library, const char *name, void *ret_function) {
    void *symbol = dlsym(library, name);

    memcpy(ret_function, &symbol, sizeof(symbol)); /* ISO C has no cast from an object to a function */
    return symbol != NULL;
}

static int find_all(void *library, struct lfs_functions *f) {
    return find(library, "lfs_format", &f->format) && find(library, "lfs_mount", &f->mount) &&
           find(library, "lfs_unmount", &f->unmount) && find(library, "lfs_remove", &f->remove) &&
           find(library, "lfs_rename", &f->rename) && find(library, "lfs_stat", &f->stat) &&
           find(library, "lfs_getattr", &f->getattr) && find(library, "lfs_file_opencfg", &f->file_opencfg) &&
           find(library, "lfs_file_close", &f->file_close) && find(library, "lfs_file_sync", &f->file_sync) &&
           find(library, "lfs_file_read", &f->file_read) && find(library, "lfs_file_write", &f->file_write) &&
           find(library, "lfs_file_seek", &f->file_seek) && find(library, "lfs_file_size", &f->file_size) &&
           find(library, "lfs_mkdir", &f->mkdir) && find(library, "lfs_dir_open", &f->dir_open) &&
           find(library, "lfs_dir_close", &f->dir_close) && find(library, "lfs_dir_read", &f->dir_read) &&
           find(library, "lfs_fs_stat", &f->fs_stat) && find(library, "lfs_fs_size", &f->fs_size) &&
           find(library, "lfs_fs_mkconsistent", &f->fs_mkconsistent);
}

/* Every field that stands behind one of uncertain place must arrive: formats a device at disk version 2.0,
 * which only a build with LFS_MULTIVERSION does, and reads the limits back. */
static int limits_arrive(struct littlefs *fs) {
    struct lfs_fsinfo info = {0};
    int code;

    fs->config.name_max = 31;
    fs->config.file_max = 1000;
    fs->config.attr_max = 100;
    fs->config.disk_version = LFS_DISK_2_0;
    code = fs->call->format(&fs->lfs, &fs->config);
    if (code != 0 || fs->call->mount(&fs->lfs, &fs->config) != 0) {
        return 0;
    }
    code = fs->call->fs_stat(&fs->lfs, &info);
    (void)fs->call->unmount(&fs->lfs);
    return code == 0 && info.disk_version == LFS_DISK_2_0 && info.block_size == 256 &&
           info.block_count == 8 && info.name_max == 31 && info.file_max == 1000 && info.attr_max == 100;
}

/* A value and its attribute go in and come out. */
static int value_arrives(struct littlefs *fs) {
    const struct lfs_functions *call = fs->call;
    char attribute[4] = "attr", bytes[8] = {0};
    struct lfs_attr attr = {.type = 7, .buffer = attribute, .size = 4};
    struct lfs_file_config config = {.buffer = fs->file_cache, .attrs = &attr, .attr_count = 1};
    struct lfs_info info = {0};
    struct lfs_file file;
    int right;

    if (call->mount(&fs->lfs, &fs->config) != 0) {
        return 0;
    }
    right = call->file_opencfg(&fs->lfs, &file, "name", LFS_WRITE | LFS_CREATE, &config) == 0 &&
            call->file_write(&fs->lfs, &file, "value", 5) == 5 && call->file_close(&fs->lfs, &file) == 0 &&
            call->getattr(&fs->lfs, "name", 7, bytes, sizeof(bytes)) == 4 && memcmp(bytes, "attr", 4) == 0 &&
            call->stat(&fs->lfs, "name", &info) == 0 && info.type == LFS_FILE && info.size == 5 &&
            strcmp(info.name, "name") == 0;
    (void)call->unmount(&fs->lfs);
    return right;
}

/* Does this library read the structures of abi.h as they are meant? */
static int layout_is_right(const struct lfs_functions *call) {
    struct bd_geometry geometry = {16, 16, 256, 8, 0xff};
    struct littlefs fs;
    struct bd ram;
    int right = 0;

    if (sizeof(void *) != 8 || bd_ram_open(&geometry, &ram) != BD_OK) {
        return 0;
    }
    if (littlefs_init(&fs, call, &ram) == 0) {
        right = limits_arrive(&fs) && value_arrives(&fs);
        littlefs_release(&fs);
    }
    bd_close(&ram);
    return right;
}

static const struct lfs_functions *load(const char *path, struct lfs_functions *functions, char *ret_text,
                                        size_t text_size) {
    const char *why = NULL;
    void *library;

    if (path == NULL || path[0] == 0) {
        (void)snprintf(ret_text, text_size,
                       "no littlefs: install littlefs-python and name its compiled module in %s",
                       LITTLEFS_VARIABLE);
        return NULL;
    }
    library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        why = dlerror();
        (void)snprintf(ret_text, text_size, "cannot load littlefs from %s: %s", path,
                       why != NULL ? why : "?");
        return NULL;
    }
    if (!find_all(library, functions)) {
        (void)snprintf(ret_text, text_size,
                       "%s does not export littlefs's functions; install littlefs-python 0.19", path);
        return NULL;
    }
    if (!layout_is_right(functions)) {
        (void)snprintf(
            ret_text, text_size,
            "%s is another build of littlefs than 2.11 of littlefs-python; install littlefs-python 0.19",
            path);
        return NULL;
    }
    return functions;
}

/* What is loaded is loaded once, and constant from then on: the dynamic linker's own state is as global. */
const struct lfs_functions *littlefs_load(const char *path, char *ret_text, size_t text_size) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct lfs_functions functions;
    static int loaded;
    const struct lfs_functions *found = &functions;

    (void)pthread_mutex_lock(&mutex);
    if (!loaded) {
        found = load(path, &functions, ret_text, text_size);
        loaded = found != NULL;
    }
    (void)pthread_mutex_unlock(&mutex);
    return found;
}
