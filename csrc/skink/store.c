/* SPDX-License-Identifier: ISC
 *
 * store.c: opening and closing a store, and facts about it.
 */
#include "store.h"

#include <string.h>

int skink_open(const struct skink_config *config, struct skink **ret_store) {
    if (config == NULL || config->device == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    const struct skink_allocator *mem =
        config->allocator != NULL ? config->allocator : io_default_allocator();
    struct skink *s = mem->alloc(mem->ctx, sizeof(*s));
    if (s == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(s, 0, sizeof(*s));
    s->now = config->now;
    s->now_ctx = config->now_ctx;
    s->flags = config->flags;
    int code = io_init(&s->io, config->device, mem);
    if (code != SKINK_OK) {
        mem->free(mem->ctx, s);
        return code;
    }
    s->io.verify = (config->flags & SKINK_OPEN_VERIFY) != 0;
    s->old_bytes = io_alloc(&s->io, s->io.block_size);
    code = s->old_bytes != NULL ? store_load(s) : SKINK_NO_MEMORY;
    if (code != SKINK_OK) {
        skink_close(s);
        return code;
    }
    *ret_store = s;
    return SKINK_OK;
}

void skink_close(struct skink *s) {
    if (s != NULL) {
        const struct skink_allocator *mem = s->io.mem;
        store_unload(s);
        mem->free(mem->ctx, s);
    }
}

int store_writable(const struct skink *s) {
    if (s == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    return (s->flags & SKINK_OPEN_READ_ONLY) != 0 ? SKINK_READ_ONLY : SKINK_OK;
}

int skink_settle(struct skink *s) {
    int code = store_writable(s);
    return code == SKINK_OK ? store_make_ready(s) : code;
}

/* Blocks of pairs and values, orphans left out. */
static void count_used(const struct skink *s, uint32_t *ret_used, uint32_t *ret_pairs) {
    uint32_t used = 0;
    uint32_t pairs = 0;
    for (const struct mdir *m = s->thread; m != NULL; m = m->next) {
        if (m->orphan || mdir_is_condemned(m)) {
            continue;
        }
        used += 2;
        pairs++;
        for (uint32_t i = 0; i < m->count; i++) {
            const struct entry *e = m->entries[i];
            if (e->form == FORM_CTZ && e->size > 0 && !e->hidden) {
                used += ctz_count(s->io.block_size, e->size);
            }
        }
    }
    *ret_used = used;
    *ret_pairs = pairs;
}

int skink_stat(struct skink *s, struct skink_stat *ret_stat) {
    struct skink_stat stat;
    if (s == NULL) {
        return SKINK_INVALID_ARGUMENT;
    }
    memset(&stat, 0, sizeof(stat));
    stat.disk_major = s->super.major;
    stat.disk_minor = s->super.minor;
    stat.block_size = s->io.block_size;
    stat.block_count = s->io.block_count;
    stat.name_max = s->name_max;
    stat.value_max = s->super.value_max;
    stat.attr_max = s->super.attr_max;
    stat.value_checks = s->value_checks ? 1 : 0;
    stat.pending = store_is_pending(s) ? 1 : 0;
    count_used(s, &stat.blocks_used, &stat.pairs);
    *ret_stat = stat;
    return SKINK_OK;
}
