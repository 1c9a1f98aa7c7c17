/* SPDX-License-Identifier: ISC
 *
 * record.c: a layer that appends every change that succeeded to a log.
 */
#include "log.h"

#include <stdlib.h>

struct record {
    struct bd below;
    struct bd_log *log;
};

static int record_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct record *record = self;

    return bd_read(&record->below, block, off, ret_bytes, size);
}

/* Room in the log is taken before the device changes: what happened is never missing from the log. */
static int record_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    const struct record *record = self;
    int code = bd_log_reserve(record->log, size);

    if (code == BD_OK) {
        code = bd_prog(&record->below, block, off, bytes, size);
    }
    if (code == BD_OK) {
        code = bd_log_append(
            record->log,
            &(struct bd_event){
                .kind = BD_EVENT_PROG, .block = block, .off = off, .size = size, .bytes = bytes});
    }
    return code;
}

static int record_erase(void *self, uint32_t block) {
    const struct record *record = self;
    int code = bd_log_reserve(record->log, 0);

    if (code == BD_OK) {
        code = bd_erase(&record->below, block);
    }
    if (code == BD_OK) {
        code = bd_log_append(record->log, &(struct bd_event){.kind = BD_EVENT_ERASE, .block = block});
    }
    return code;
}

static int record_sync(void *self) {
    const struct record *record = self;
    int code = bd_log_reserve(record->log, 0);

    if (code == BD_OK) {
        code = bd_sync(&record->below);
    }
    if (code == BD_OK) {
        code = bd_log_append(record->log, &(struct bd_event){.kind = BD_EVENT_SYNC});
    }
    return code;
}

static const struct bd_ops record_ops = {record_read, record_prog, record_erase, record_sync, free};

int bd_record_open(const struct bd *below, struct bd_log *log, struct bd *ret_dev) {
    struct record *record = calloc(1, sizeof(*record));

    if (record == NULL) {
        return BD_NO_MEMORY;
    }
    record->below = *below;
    record->log = log;
    *ret_dev = (struct bd){&record_ops, record, below->geometry};
    return BD_OK;
}
