/* SPDX-License-Identifier: ISC
 *
 * log.c: the append-only list of device events and marks.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

/* Events in one array, programmed bytes in another; an event knows where its bytes begin. */
struct entry {
    struct bd_event event; /* bytes is NULL here */
    size_t start;          /* prog: offset of its bytes in `bytes` */
};

struct bd_log {
    struct entry *entries;
    size_t count, room;
    uint8_t *bytes;
    size_t size, size_room;
};

int bd_log_new(struct bd_log **ret_log) {
    struct bd_log *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        return BD_NO_MEMORY;
    }
    *ret_log = log;
    return BD_OK;
}

void bd_log_free(struct bd_log *log) {
    if (log == NULL) {
        return;
    }
    free(log->entries);
    free(log->bytes);
    free(log);
}

void bd_log_clear(struct bd_log *log) {
    log->count = 0;
    log->size = 0;
}

/* The room to have for `need` of anything, growing by halves. */
static size_t room_for(size_t room, size_t need) {
    size_t grown = room + room / 2 + 64;

    return grown > need ? grown : need;
}

static int reserve_entry(struct bd_log *log) {
    size_t room;
    struct entry *entries;

    if (log->count < log->room) {
        return BD_OK;
    }
    room = room_for(log->room, log->count + 1);
    if (room > SIZE_MAX / sizeof(*entries)) {
        return BD_NO_MEMORY;
    }
    entries = realloc(log->entries, room * sizeof(*entries));
    if (entries == NULL) {
        return BD_NO_MEMORY;
    }
    log->entries = entries;
    log->room = room;
    return BD_OK;
}

static int reserve_bytes(struct bd_log *log, size_t size) {
    size_t room;
    uint8_t *bytes;

    if (size <= log->size_room - log->size) {
        return BD_OK;
    }
    if (size > SIZE_MAX / 2 - log->size) {
        return BD_NO_MEMORY;
    }
    room = room_for(log->size_room, log->size + size);
    bytes = realloc(log->bytes, room);
    if (bytes == NULL) {
        return BD_NO_MEMORY;
    }
    log->bytes = bytes;
    log->size_room = room;
    return BD_OK;
}

int bd_log_reserve(struct bd_log *log, uint32_t size) {
    int code = reserve_entry(log);

    if (code == BD_OK) {
        code = reserve_bytes(log, size);
    }
    return code;
}

int bd_log_append(struct bd_log *log, const struct bd_event *event) {
    int code = bd_log_reserve(log, event->size);
    struct entry *entry;

    if (code != BD_OK) {
        return code;
    }
    entry = &log->entries[log->count++];
    entry->event = *event;
    entry->event.bytes = NULL;
    entry->start = log->size;
    if (event->size > 0) {
        memcpy(log->bytes + log->size, event->bytes, event->size);
    }
    log->size += event->size;
    return BD_OK;
}

int bd_log_begin(struct bd_log *log, uint32_t op) {
    return bd_log_append(log, &(struct bd_event){.kind = BD_EVENT_BEGIN, .op = op});
}

int bd_log_end(struct bd_log *log, uint32_t op, int code) {
    return bd_log_append(log, &(struct bd_event){.kind = BD_EVENT_END, .op = op, .code = code});
}

size_t bd_log_count(const struct bd_log *log) {
    return log->count;
}

void bd_log_get(const struct bd_log *log, size_t i, struct bd_event *ret_event) {
    const struct entry *entry = &log->entries[i];

    *ret_event = entry->event;
    if (entry->event.kind == BD_EVENT_PROG && entry->event.size > 0) {
        ret_event->bytes = log->bytes + entry->start;
    }
}
