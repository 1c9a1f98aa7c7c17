/* SPDX-License-Identifier: ISC
 *
 * powercut.h: what an engine implements to be tested, and the crash explorer that tests it.
 *
 * Part 1 is the engine ABI. A shared library that exports powercut_engine() and fills in struct pc_engine
 * can be tested with `powercut run --engine ./libmine.so`. docs/adapters.md walks through one.
 * Part 2 records one run of an engine and explores every state that a power cut could have left.
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include "blockdev.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================
 * Part 1: the engine ABI
 * ================================================================================================ */

#define PC_ABI_VERSION 1u

/* What an operation answers; docs/semantics.md says when. 0 or negative. */
enum pc_code {
    PC_OK = 0,
    PC_NOT_FOUND = -1,
    PC_DICTIONARY_EXPECTED = -2,
    PC_VALUE_EXPECTED = -3,
    PC_ALREADY_PRESENT = -4,
    PC_RENAME_SOURCE_PREFIX = -5,
    PC_NO_SPACE = -6,
    PC_INVALID_KEY = -7,
    PC_NAME_TOO_LONG = -8,
    PC_VALUE_TOO_LARGE = -9,
    PC_NO_TIMESTAMP = -10,
    PC_READ_ONLY = -11,
    PC_IO = -12,
    PC_CORRUPT = -13,
    PC_UNSUPPORTED = -14,
    PC_INVALID_ARGUMENT = -15,
    PC_NO_MEMORY = -16
};

/* "NOT_FOUND" for PC_NOT_FOUND, and so on; "?" for what is no code. */
const char *pc_code_name(int code);

enum pc_kind { PC_NONE = 0, PC_VALUE = 1, PC_DICTIONARY = 2 };

enum pc_op_kind {
    PC_OP_EXISTS = 1,
    PC_OP_GET = 2,
    PC_OP_GET_PARTIAL = 3,
    PC_OP_LIST = 4,
    PC_OP_SIZE = 5,
    PC_OP_LAST_MODIFIED = 6,
    PC_OP_DIGEST = 7,
    PC_OP_SET = 8,
    PC_OP_SET_PARTIAL = 9,
    PC_OP_ALLOCATE = 10,
    PC_OP_REMOVE = 11,
    PC_OP_RENAME = 12,
    PC_OP_SYNC = 13 /* makes all that returned durable; only for engines with PC_DURABLE_ON_SYNC */
};

/* A moment: days since 1970-01-01 and picoseconds into the day. */
struct pc_time {
    uint32_t days;
    uint64_t picoseconds;
};

/* One operation. Keys are bytes, not NUL-terminated: segments with '/' between them. */
struct pc_op {
    uint32_t kind;       /* enum pc_op_kind */
    const char *key;     /* the key; of rename: the source */
    size_t key_len;      /* bytes */
    const char *target;  /* rename only */
    size_t target_len;   /* bytes */
    uint64_t off;        /* get_partial, set_partial: bytes into the value */
    uint64_t len;        /* get_partial: bytes wanted; allocate: bytes of the new value */
    const uint8_t *data; /* set, set_partial: the bytes; may be NULL if data_len is 0 */
    size_t data_len;     /* bytes */
    struct pc_time now;  /* what the engine's clock reads during the operation */
};

/* Where an operation that reads puts its answer. The engine fills in the numbers and calls the functions;
 * an operation that fails calls and fills in nothing. */
struct pc_reply {
    uint32_t kind;       /* exists: enum pc_kind */
    uint64_t size;       /* size: bytes */
    struct pc_time time; /* last_modified */
    /* get, get_partial, digest: the bytes, in order, in one call or several. */
    void (*put_bytes)(struct pc_reply *reply, const uint8_t *bytes, size_t size);
    /* list: one call per direct entry, sorted by name, bytewise. */
    void (*put_entry)(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind);
};

/* One entry of the store, as visit shows it. */
struct pc_entry {
    const char *key; /* the whole key without a leading '/', segments with one '/' between them */
    size_t key_len;  /* bytes */
    uint32_t kind;   /* PC_VALUE or PC_DICTIONARY */
    uint32_t has_time;
    struct pc_time time; /* a value's timestamp, where it has one */
    const uint8_t *data; /* a value's bytes */
    uint64_t size;       /* bytes */
};

/* 0 to go on; anything else ends the visit, which then returns it. */
typedef int (*pc_visit_fn)(void *ctx, const struct pc_entry *entry);

/* What an engine can do. What it lacks, powercut neither generates nor compares. */
enum pc_capability {
    PC_CAN_TIMESTAMPS = 1u << 0, /* values carry the time of their last change */
    PC_CAN_SET_PARTIAL = 1u << 1,
    PC_CAN_ALLOCATE = 1u << 2,
    PC_CAN_RENAME = 1u << 3,
    PC_CAN_DIGEST = 1u << 4,
    PC_CAN_LAST_MODIFIED = 1u << 5,
    PC_CAN_DICTIONARIES = 1u << 6, /* nested keys; without it every key has one segment */
    PC_CAN_CHECK = 1u << 7         /* check() is there */
};

enum pc_durability {
    PC_DURABLE_ON_RETURN = 1, /* an operation that returned OK survives */
    PC_DURABLE_ON_SYNC = 2    /* it survives once a later sync of the store returned OK */
};

/* Limits of a mounted store. */
struct pc_facts {
    uint32_t name_max;  /* bytes in one segment */
    uint64_t value_max; /* bytes in one value */
};

/* What format and mount are told. Zero is the default for each. */
struct pc_options {
    uint32_t name_max;     /* format: bytes in a segment */
    uint32_t read_only;    /* mount: write nothing */
    uint32_t disk_minor;   /* format: the format's minor version + 1; 0: the engine's newest */
    uint32_t value_checks; /* format: checksums over values */
};

/* The engine. A store is whatever mount returns. Functions that return int return an enum pc_code.
 * The explorer mounts stores on different devices from several threads at once. */
struct pc_engine {
    uint32_t abi_version;  /* PC_ABI_VERSION */
    uint32_t capabilities; /* enum pc_capability, added up */
    uint32_t durability;   /* enum pc_durability */
    const char *name;      /* "skink" */
    const char *version;   /* "0.1.0" */
    int (*format)(const struct bd *dev, const struct pc_options *options);
    int (*mount)(const struct bd *dev, const struct pc_options *options, void **ret_store);
    void (*unmount)(void *store);
    int (*apply)(void *store, const struct pc_op *op, struct pc_reply *reply);
    /* Every entry of the store but the root, each once, in any order. The entry's bytes are valid during
     * the call only. */
    int (*visit)(void *store, pc_visit_fn fn, void *ctx);
    int (*facts)(void *store, struct pc_facts *ret_facts);
    /* The engine's own consistency check: PC_OK, or PC_CORRUPT and one sentence in text. Optional. */
    int (*check)(void *store, char *text, size_t text_size);
};

/* The one symbol that an engine's shared library exports. The struct lives as long as the library. */
const struct pc_engine *powercut_engine(void);
typedef const struct pc_engine *(*pc_engine_fn)(void);

/* ================================================================================================
 * Part 2: the explorer
 * ================================================================================================ */

/* A 128-bit hash. The hash of a store is the sum of its entries' hashes, so it does not depend on order;
 * the empty store's is 0. */
struct pc_hash {
    uint64_t lo, hi;
};

struct pc_hash pc_hash_bytes(const void *bytes, size_t size, uint64_t seed);
struct pc_hash pc_hash_add(struct pc_hash a, struct pc_hash b);
struct pc_hash pc_hash_sub(struct pc_hash a, struct pc_hash b);

/* The hash of one entry over key, kind, bytes and, where it has one, timestamp. */
struct pc_hash pc_hash_entry(const struct pc_entry *entry);

/* The hash of an operation's answer: of the reply's numbers, or of its bytes or list in order. It is what
 * pc_run_reply holds; Python computes the same from what the model predicts.
 *   exists: kind; size: size; last_modified: time      pc_hash_answer(op kind, a, b, NULL, 0)
 *   get, get_partial, digest: the bytes                pc_hash_answer(op kind, 0, 0, bytes, size)
 *   list: for each entry kind (1 byte), name length (le32), name; all in one buffer, likewise
 * Operations that write, and those that failed, have the hash 0. */
struct pc_hash pc_hash_answer(uint32_t op_kind, uint64_t a, uint64_t b, const void *bytes, size_t size);

/* --- recording ----------------------------------------------------------------------------------- */

/* Opens an engine's library. On failure ret_text, of text_size bytes, says what was wrong with it. The library
 * stays loaded for the life of the process. Errors: PC_NOT_FOUND (no such file, or not loadable),
 * PC_UNSUPPORTED (no powercut_engine symbol, another ABI version, a function missing, or a durability that the
 * explorer cannot judge). */
int pc_engine_load(const char *path, const struct pc_engine **ret_engine, char *ret_text, size_t text_size);

struct pc_run;

struct pc_run_options {
    struct bd_geometry geometry;
    const uint8_t *image; /* the device's first content, block_size * block_count bytes; NULL: erased, and
                               formatted before the recording begins */
    struct pc_options engine;
    uint64_t stop_after; /* cut the recording short after this many device events; 0: never */
};

/* Mounts the engine on a RAM device and applies the operations in order, logging every device event. An
 * operation's code and the hash of its answer are kept. The recording covers mount, operations and
 * unmount; operation i's events lie between its marks. Returns PC_OK when the run took place, whatever its
 * operations returned; else what format or mount returned. */
int pc_run_record(const struct pc_engine *engine, const struct pc_run_options *options,
                  const struct pc_op *ops, size_t op_count, struct pc_run **ret_run);
void pc_run_free(struct pc_run *run);

size_t pc_run_event_count(const struct pc_run *run); /* device events: progs, erases, syncs; no marks */
void pc_run_event(const struct pc_run *run, size_t i, struct bd_event *ret_event); /* i < event count */
int pc_run_code(const struct pc_run *run, size_t op);
struct pc_hash pc_run_reply(const struct pc_run *run, size_t op);
void pc_run_facts(const struct pc_run *run, struct pc_facts *ret_facts);

/* The operations around crash state k, which is the device after its first k events, 0 <= k <= event
 * count. *ret_done operations had returned in every moment at which the device was in that state (the
 * model states allowed there begin with the one after *ret_done operations), and *ret_in_flight is 1 if
 * operation number *ret_done was under way throughout, so that its effect is allowed too. */
void pc_run_position(const struct pc_run *run, size_t k, size_t *ret_done, int *ret_in_flight);

/* Writes the device as it is in crash state k to bytes, block_size * block_count of them. */
void pc_run_image(const struct pc_run *run, size_t k, uint8_t *ret_bytes);

/* --- exploring ----------------------------------------------------------------------------------- */

enum pc_violation_kind {
    PC_VIOLATION_NONE = 0,
    PC_VIOLATION_MOUNT = 1,        /* the crash state does not mount */
    PC_VIOLATION_READ = 2,         /* it mounts, and an entry cannot be read */
    PC_VIOLATION_CONTENT = 3,      /* it holds something else than the model allows */
    PC_VIOLATION_SECOND_MOUNT = 4, /* a second mount fails, or reads something else than the first */
    PC_VIOLATION_WRITE = 5,        /* after recovery a fresh set fails */
    PC_VIOLATION_LOST_WRITE = 6,   /* after recovery a fresh set returned OK and is not there after one more
                                      mount, or something else changed with it */
    PC_VIOLATION_CHECK = 7         /* the engine's own consistency check finds something */
};
const char *pc_violation_name(uint32_t kind); /* "mount", "read", "content", ... */

struct pc_violation {
    uint32_t kind;        /* enum pc_violation_kind */
    uint64_t state;       /* the crash state's number k */
    int32_t code;         /* what the engine returned, where it was that; else PC_OK */
    struct pc_hash found; /* what was read, where something was */
};

enum pc_probe {
    PC_PROBE_SECOND_MOUNT = 1, /* mount a second time and compare */
    PC_PROBE_WRITE = 2,        /* set a fresh key, mount again and compare */
    PC_PROBE_CHECK = 4,        /* run the engine's own check */
    PC_PROBE_ALL = 7
};

/* The fresh key of the write probe, and its value: its own name, at time 0. */
#define PC_PROBE_KEY "powercut-probe"

struct pc_explore_options {
    uint32_t jobs;         /* threads; 0: one per processor */
    uint32_t probes;       /* enum pc_probe, added up */
    uint64_t first, last;  /* the crash states to look at, both included; last is capped at the event count */
    size_t max_violations; /* stop looking once this many were found; 0: never */
    uint32_t keep_identical;     /* 1: check even what is identical to an earlier state */
    const volatile int *stop;    /* polled: not 0 ends the exploration early; may be NULL */
    volatile uint64_t *progress; /* counted up, atomically, with each state dealt with; may be NULL */
};

struct pc_explore_report {
    uint64_t total;     /* crash states in [first, last] */
    uint64_t checked;   /* recovered and judged */
    uint64_t identical; /* passed over: same image and same allowed states as an earlier one of this run */
    uint64_t no_space; /* write probes answered NO_SPACE where the uncut run answers it as well: no verdict */
    size_t violation_count;
    struct pc_violation *violations; /* sorted by state; freed by pc_explore_report_release */
};

/* Explores the prefix crash states of a run: recovers each, reads it, and compares with the model.
 * allowed[i], 0 <= i <= op_count, is the hash of the model's store after i operations. The result does not
 * depend on the number of threads, unless it was stopped or max_violations was reached.
 * Errors: PC_NO_MEMORY, PC_INVALID_ARGUMENT (allowed_count is not op_count + 1). */
int pc_explore(const struct pc_run *run, const struct pc_hash *allowed, size_t allowed_count,
               const struct pc_explore_options *options, struct pc_explore_report *ret_report);
void pc_explore_report_release(struct pc_explore_report *report);

#ifdef __cplusplus
}
#endif

#endif
