/* SPDX-License-Identifier: ISC
 *
 * blockdev.h: the block device, all that an engine and the harness share.
 *
 * A device is a value of three parts: a table of operations, whatever those operations need, and a
 * geometry. Devices stack: a layer (recording, counting, stopping, overlay) is a device that holds the
 * device below it, does one job and passes the call on.
 *
 *     struct bd ram, rec;
 *     bd_ram_open(&geometry, &ram);
 *     bd_record_open(&ram, log, &rec);
 *     ... use &rec ...
 *     bd_close(&rec);               a layer never closes the device below it
 *     bd_close(&ram);
 *
 * Every operation returns BD_OK or one of the negative codes of enum bd_code. Nothing here is global;
 * two devices may be used from two threads, one device from one thread at a time.
 */
#ifndef BLOCKDEV_H
#define BLOCKDEV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a device operation answers. */
enum bd_code {
    BD_OK = 0,
    BD_IO = -1,        /* the device failed: what it holds in the blocks concerned is unknown */
    BD_POWER = -2,     /* the power is out: the device is frozen, every later call answers the same */
    BD_RANGE = -3,     /* block, offset or size outside the geometry, or not aligned to it */
    BD_BAD_BLOCK = -4, /* this block cannot be programmed or erased any more; others can */
    BD_NO_MEMORY = -5, /* the caller's machine, not the device, ran out of memory */
    BD_FULL = -6,      /* the file below a file device could not grow: its file system is full */
    BD_LOCKED = -7,    /* another process (or another device of this one) has the file open */
    BD_SIZE = -8,      /* the file is not a whole number of blocks, or not as long as the geometry says */
    BD_SYSTEM = -9,    /* the operating system said no; bd_file_open reports its errno */
    BD_READ_ONLY = -10 /* a write to a device that was opened for reading */
};

/* An erase that leaves the old bytes in place, as on most disks. */
#define BD_ERASE_NONE (-1)

/* The shape of a device. read_size and prog_size divide block_size; all are at least 1. */
struct bd_geometry {
    uint32_t read_size;   /* bytes; reads are aligned to it and a multiple of it */
    uint32_t prog_size;   /* bytes; progs are aligned to it and a multiple of it */
    uint32_t block_size;  /* bytes; the unit of erase */
    uint32_t block_count; /* blocks */
    int32_t erase_value;  /* 0..255: what an erased byte reads as; BD_ERASE_NONE: erase changes nothing */
};

/* The operations. Offsets and sizes are in bytes, within one block. A prog needs the bytes it covers to
 * have been erased since they were last programmed. A prog or erase is durable after the next sync that
 * returns BD_OK; some devices promise more. */
struct bd_ops {
    int (*read)(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size);
    int (*prog)(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size);
    int (*erase)(void *self, uint32_t block);
    int (*sync)(void *self);
    void (*close)(void *self); /* frees what the device itself holds; may be NULL */
};

struct bd {
    const struct bd_ops *ops;
    void *self;
    struct bd_geometry geometry;
};

/* BD_OK if the geometry can be, BD_RANGE if not: a size of 0, a block that is no multiple of the read or
 * prog size, an erase value past 255, or more than 2^31 - 1 blocks. */
int bd_geometry_check(const struct bd_geometry *geometry);

/* The four operations with their arguments checked against the geometry (BD_RANGE), then passed on. */
int bd_read(const struct bd *dev, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size);
int bd_prog(const struct bd *dev, uint32_t block, uint32_t off, const void *bytes, uint32_t size);
int bd_erase(const struct bd *dev, uint32_t block);
int bd_sync(const struct bd *dev);

/* Closes the device and clears *dev. Closing a cleared device does nothing. */
void bd_close(struct bd *dev);

/* A short English name for a code, for messages: "I/O error". */
const char *bd_code_text(int code);

/* --- the bottom: RAM and file ------------------------------------------------------------------- */

/* A device in memory, its bytes all set to the erase value (0 where there is none).
 * Errors: BD_RANGE, BD_NO_MEMORY. */
int bd_ram_open(const struct bd_geometry *geometry, struct bd *ret_dev);

/* A device over the caller's block_size * block_count bytes, which are used in place. */
int bd_ram_wrap(const struct bd_geometry *geometry, uint8_t *bytes, struct bd *ret_dev);

/* The device's bytes, block after block; valid until it is closed. NULL if dev is no RAM device. */
uint8_t *bd_ram_bytes(const struct bd *dev);

enum bd_file_flags {
    BD_FILE_READ_ONLY = 1, /* open for reading; takes a shared lock */
    BD_FILE_CREATE = 2     /* make the file, which must not exist, and fill it with the erase value */
};

/* A device in a file. A prog is a pwrite, a sync an fdatasync, so that what was synced survives a
 * kill -9 and a power cut. The file is locked: a second opener gets BD_LOCKED. block_count 0 takes the
 * count from the file's length. The geometry in *ret_dev is complete. On BD_SYSTEM and BD_FULL
 * *ret_errno, where given, is the errno.
 * Errors: BD_RANGE, BD_LOCKED, BD_SIZE, BD_SYSTEM, BD_FULL, BD_NO_MEMORY. */
int bd_file_open(const char *path, uint32_t flags, const struct bd_geometry *geometry, struct bd *ret_dev,
                 int *ret_errno);

/* --- layers -------------------------------------------------------------------------------------- */

/* Counts what passes. */
struct bd_counts {
    uint64_t reads, progs, erases, syncs;         /* calls */
    uint64_t read_bytes, prog_bytes, erase_bytes; /* bytes; an erase counts its block */
};
int bd_count_open(const struct bd *below, struct bd *ret_dev);
void bd_count_get(const struct bd *dev, struct bd_counts *ret_counts);
void bd_count_reset(const struct bd *dev);

/* Lets `events` progs, erases and syncs through, then cuts the power: they and every read from then on
 * answer BD_POWER and change nothing. */
int bd_stop_open(const struct bd *below, uint64_t events, struct bd *ret_dev);

/* A call that fails once: the nth of its kind, from 0. */
enum bd_fail_kind {
    BD_FAIL_NONE = 0,
    BD_FAIL_READ = 1,  /* answers BD_IO */
    BD_FAIL_PROG = 2,  /* answers BD_IO */
    BD_FAIL_ERASE = 3, /* answers BD_IO */
    BD_FAIL_SYNC = 4,  /* answers BD_IO */
    BD_FAIL_PROG_BAD =
        5, /* a prog answers BD_BAD_BLOCK, and so does each later prog or erase of that block */
    BD_FAIL_ERASE_BAD =
        6 /* an erase answers BD_BAD_BLOCK, and so does each later prog or erase of that block */
};
struct bd_fail {
    uint32_t kind; /* enum bd_fail_kind */
    uint32_t done; /* 1: a prog or erase that answers BD_IO reaches the device below all the same */
    uint64_t at;
};
int bd_fail_open(const struct bd *below, const struct bd_fail *what, struct bd *ret_dev);

/* Writes go to memory, reads see them, the device below is never written. bd_overlay_reset forgets all
 * writes, at a cost in the number of blocks written since, not in the size of the device. */
int bd_overlay_open(const struct bd *below, struct bd *ret_dev);
void bd_overlay_reset(const struct bd *dev);

/* --- the log of device events -------------------------------------------------------------------- */

enum bd_event_kind {
    BD_EVENT_PROG = 1,
    BD_EVENT_ERASE = 2,
    BD_EVENT_SYNC = 3,
    BD_EVENT_BEGIN = 4, /* mark: operation `op` begins */
    BD_EVENT_END = 5    /* mark: operation `op` has returned `code` */
};

struct bd_event {
    uint32_t kind;        /* enum bd_event_kind */
    uint32_t block;       /* prog, erase */
    uint32_t off;         /* prog: bytes into the block */
    uint32_t size;        /* prog: bytes */
    const uint8_t *bytes; /* prog: what was programmed; owned by the log */
    uint32_t op;          /* marks: the operation's number, from 0 */
    int32_t code;         /* end mark: what the operation returned */
};

/* An append-only list of events. */
struct bd_log;
int bd_log_new(struct bd_log **ret_log);
void bd_log_free(struct bd_log *log);
void bd_log_clear(struct bd_log *log); /* forgets all events, and keeps the memory */
int bd_log_begin(struct bd_log *log, uint32_t op);
int bd_log_end(struct bd_log *log, uint32_t op, int code);
size_t bd_log_count(const struct bd_log *log); /* marks included */
/* Event i, i < bd_log_count; `bytes` stays valid until the next event is appended. */
void bd_log_get(const struct bd_log *log, size_t i, struct bd_event *ret_event);

/* Passes everything on and appends each prog, erase and sync that returned BD_OK to the log, in order.
 * What failed is not logged. If the log cannot grow the call answers BD_NO_MEMORY. */
int bd_record_open(const struct bd *below, struct bd_log *log, struct bd *ret_dev);

#ifdef __cplusplus
}
#endif

#endif
