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

#define PC_ABI_VERSION 2u
#define PC_ABI_OLDEST 1u /* still loaded: struct pc_engine without what version 2 added */

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
    /* Since version 2. What it claims to survive: names of device models, "damage" or "damage-past", and
     * "silent" (see docs/adapters.md), with one space between them; "name?value_checks" claims it only for
     * stores with that option. NULL: whole writes in order, and nothing more. */
    const char *claims;
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

/* What an engine says it survives, see struct pc_engine; NULL: whole writes in order alone. */
const char *pc_engine_claims(const struct pc_engine *engine);

/* --- recording ----------------------------------------------------------------------------------- */

/* Opens an engine's library. On failure ret_text, of text_size bytes, says what was wrong with it. The library
 * stays loaded for the life of the process. Errors: PC_NOT_FOUND (no such file, or not loadable),
 * PC_UNSUPPORTED (no powercut_engine symbol, another ABI version, a function missing, or a durability that the
 * explorer cannot judge). */
int pc_engine_load(const char *path, const struct pc_engine **ret_engine, char *ret_text, size_t text_size);

struct pc_run;

/* After a recovery a run goes on for so many operations at most. */
#define PC_RESUME_MAX 64u

struct pc_run_options {
    struct bd_geometry geometry;
    const uint8_t *image; /* the device's first content, block_size * block_count bytes; NULL: erased, and
                               formatted before the recording begins */
    struct pc_options engine;
    uint64_t stop_after; /* cut the recording short after this many device events; 0: never */
    struct bd_fail fail; /* a device call that fails once, counted from mount on */
    uint32_t resume; /* after each recovery from one of its crash states the run goes on for so many of its
                            operations, from where the store that was found stands; 0: it does not */
};

/* Mounts the engine on a RAM device and applies the operations in order, logging every device event. An
 * operation's code and the hash of its answer are kept. The recording covers mount, operations and
 * unmount; operation i's events lie between its marks. Returns PC_OK when the run took place, whatever its
 * operations returned; PC_INVALID_ARGUMENT for options that cannot be; else what format or mount returned. */
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

/* The same for a moment at which event number `event` was under way. */
void pc_run_position_during(const struct pc_run *run, size_t event, size_t *ret_done, int *ret_in_flight);

/* Writes the device as it is in crash state k to bytes, block_size * block_count of them. */
void pc_run_image(const struct pc_run *run, size_t k, uint8_t *ret_bytes);

/* --- device models ------------------------------------------------------------------------------- */

/* What a prog or an erase that is cut off may have left behind. A unit is what the device writes atomically;
 * units lie at multiples of their size, counted from the start of the device. */
enum pc_tear_rule {
    PC_TEARS_BYTES = 1u << 0,  /* any number of its first bytes */
    PC_TEARS_FIRST = 1u << 1,  /* any number of its first units */
    PC_TEARS_UNITS = 1u << 2,  /* any set of its units */
    PC_TEARS_HALF = 1u << 3,   /* some first units, and the first half of the next */
    PC_TEARS_BITS = 1u << 4,   /* some first units, and of the next some of the bits that it clears */
    PC_TEARS_ZERO = 1u << 5,   /* some first units, and zeros in the next */
    PC_TEARS_GARBAGE = 1u << 6 /* some first units, and garbage in the next */
};

/* What a device may do when the power goes. Which states follow from it: docs/faults.md. */
struct pc_model {
    uint32_t prog_unit;   /* bytes; 0: the device's prog size */
    uint32_t erase_unit;  /* bytes; 0: a block */
    uint32_t prog_tears;  /* enum pc_tear_rule, added up */
    uint32_t erase_tears; /* enum pc_tear_rule, added up */
    uint32_t reorders;    /* 1: of what was not yet synced any part may be lost; 0: the last alone */
    uint32_t overwrites;  /* 1: bytes may be programmed again without an erase */
};

/* --- crash states -------------------------------------------------------------------------------- */

/* How one prog or erase arrived in part. */
enum pc_tear {
    PC_TEAR_NONE = 0,
    PC_TEAR_BYTES = 1,   /* its first a bytes */
    PC_TEAR_FIRST = 2,   /* its first a units */
    PC_TEAR_LAST = 3,    /* its last a units */
    PC_TEAR_MASK = 4,    /* the units u with bit u of b set */
    PC_TEAR_WITHOUT = 5, /* all but unit a */
    PC_TEAR_ONLY = 6,    /* unit a alone */
    PC_TEAR_SOME = 7,    /* units drawn by the seed b */
    PC_TEAR_HALF = 8,    /* its first a units, and the first half of the next */
    PC_TEAR_BITS = 9,    /* its first a units; of the bits that the next clears those with their bit in b */
    PC_TEAR_SOME_BITS = 10,   /* the same with bits drawn by the seed b */
    PC_TEAR_ZERO = 11,        /* its first a units, zeros in the next, nothing behind */
    PC_TEAR_ZERO_ONE = 12,    /* zeros in unit a, all others whole */
    PC_TEAR_GARBAGE = 13,     /* its first a units, garbage in the next, nothing behind */
    PC_TEAR_GARBAGE_ONE = 14, /* garbage in unit a, all others whole */
    PC_TEAR_MIX = 15          /* each unit old, new, zeros or garbage, drawn by the seed b */
};

/* One power cut in a list of device events. */
struct pc_cut {
    uint64_t at;   /* the events before the cut */
    uint64_t lost; /* bit i: event at - 1 - i did not reach the medium */
    uint32_t torn; /* enum pc_tear */
    uint32_t back; /* what is torn: 0: event `at`, which was under way; i > 0: event at - i */
    uint32_t unit; /* bytes in a unit of the torn event */
    uint32_t a;    /* see enum pc_tear */
    uint64_t b;    /* see enum pc_tear */
};

/* What is wrong with a device that was closed cleanly. */
enum pc_damage_kind {
    PC_DAMAGE_NONE = 0,
    PC_DAMAGE_FLIP = 1,          /* bit `value` of the byte at block, off */
    PC_DAMAGE_ZERO = 2,          /* zeros in size bytes at block, off */
    PC_DAMAGE_FILL = 3,          /* 0xff in size bytes at block, off */
    PC_DAMAGE_GARBAGE = 4,       /* garbage in size bytes at block, off */
    PC_DAMAGE_STALE = 5,         /* the block as it was before event `event` */
    PC_DAMAGE_READ_FAILS = 6,    /* reads of the block answer BD_IO */
    PC_DAMAGE_PROG_FAILS = 7,    /* progs of the block answer BD_BAD_BLOCK */
    PC_DAMAGE_ERASE_FAILS = 8,   /* erases of the block answer BD_BAD_BLOCK */
    PC_DAMAGE_PROG_NOTHING = 9,  /* progs of the block do nothing and answer BD_OK */
    PC_DAMAGE_ERASE_NOTHING = 10 /* erases of the block do nothing and answer BD_OK */
};

struct pc_damage {
    uint32_t kind; /* enum pc_damage_kind */
    uint32_t block, off, size;
    uint32_t value;
    uint64_t event;
};

/* The kinds of crash state, and the bits that choose them: 1u << kind. */
enum pc_fault_kind {
    PC_FAULT_PREFIX = 1,  /* the first `at` events, whole */
    PC_FAULT_TORN = 2,    /* and a part of the next */
    PC_FAULT_REORDER = 3, /* without some that were not yet synced */
    PC_FAULT_NESTED = 4,  /* recovery was cut as well */
    PC_FAULT_DAMAGE = 5,  /* closed cleanly, then damaged */
    PC_FAULT_FULL = 6     /* no free block left before operation `at` */
};
#define PC_FAULT_KINDS 7 /* one more than the last */
#define PC_CUTS_MAX 4    /* a cut of the run, and of three recoveries */

/* One crash state: all that is needed to build it from a run. */
struct pc_fault {
    uint32_t kind;  /* enum pc_fault_kind */
    uint32_t model; /* which of the models allows it; 0 where every device does */
    uint32_t depth; /* cuts in use: 1, or more with PC_FAULT_NESTED */
    struct pc_cut cuts[PC_CUTS_MAX];
    struct pc_damage damage; /* PC_FAULT_DAMAGE alone */
};

const char *pc_fault_name(uint32_t kind); /* "prefix", "torn", ... */

/* Writes the device of a crash state to bytes, block_size * block_count of them. A device that fails rather
 * than holds something wrong is as the run left it. Errors: PC_INVALID_ARGUMENT (the run has no such
 * state), PC_NO_MEMORY, or what recovery answered where it could not be cut there. */
int pc_fault_image(const struct pc_run *run, const struct pc_fault *fault, uint8_t *ret_bytes);

/* Records the recovery from a crash state, as the explorer does it with these probes: mount, read, and so on.
 * The events are those of *ret_run; it has no operations. Errors: as pc_fault_image. */
int pc_fault_recovery(const struct pc_run *run, const struct pc_fault *fault, uint32_t probes,
                      struct pc_run **ret_run);

/* The first event that programs bytes which are not erased; the event count if there is none. */
size_t pc_run_overwrite(const struct pc_run *run);

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
    PC_VIOLATION_CHECK = 7,        /* the engine's own consistency check finds something */
    PC_VIOLATION_READER = 8,       /* another engine, asked to read the same device, sees something else */
    PC_VIOLATION_FULL = 9,         /* with no free block left an operation answers what it may not, or is
                                      not done, or not undone */
    PC_VIOLATION_RESUME = 10       /* the run went on after the recovery, and one of its operations answers
                                      otherwise than in the run, or then the store holds something else */
};
const char *pc_violation_name(uint32_t kind); /* "mount", "read", "content", ... */

#define PC_NO_OP UINT32_MAX

struct pc_violation {
    uint32_t kind;         /* enum pc_violation_kind */
    uint32_t op;           /* PC_VIOLATION_RESUME: the operation that answers otherwise; else PC_NO_OP */
    uint32_t reached;      /* PC_VIOLATION_RESUME: the store should be that after so many operations, and the
                              fresh key's */
    int32_t code;          /* what the engine returned, where it was that; else PC_OK */
    struct pc_hash found;  /* what was read, where something was */
    struct pc_fault fault; /* the crash state */
};

enum pc_probe {
    PC_PROBE_SECOND_MOUNT = 1, /* mount a second time and compare */
    PC_PROBE_WRITE = 2,        /* set a fresh key, mount again and compare */
    PC_PROBE_CHECK = 4,        /* run the engine's own check */
    PC_PROBE_ALL = 7
};

/* The fresh key of the write probe, and its value: its own name, at time 0. */
#define PC_PROBE_KEY "powercut-probe"
/* What fills the device for PC_FAULT_FULL: keys that begin so. */
#define PC_FILL_KEY "powercut-fill-"

/* What the model allows. */
struct pc_allowed {
    const struct pc_hash *stores; /* hashes of stores */
    const size_t
        *first; /* op_count + 2 of them: stores[first[i]] up to stores[first[i + 1] - 1] are allowed when
                            i operations had returned and none was under way */
    size_t op_count;
    const struct pc_hash *entries; /* hashes of all entries that the store ever held, ascending (hi, then lo);
                                      for PC_FAULT_DAMAGE */
    size_t entry_count;
    const struct pc_hash
        *now;         /* the store after i operations that nothing cut, for i < now_count: as far as that a
                                  run goes on after a recovery. May be NULL where none does */
    size_t now_count; /* at most op_count + 1 */
};

/* What an exploration tells while it goes on, in memory that may be shared with another process. Zeroed by
 * the caller. */
#define PC_WATCH_JOBS 64
struct pc_watch_job {
    uint64_t serial;       /* even: idle; counted up before and after each state */
    struct pc_fault fault; /* the state at hand */
};
struct pc_watch {
    int stop;                                /* not 0: end the exploration early */
    uint64_t progress;                       /* counted up with each state dealt with */
    uint64_t beats;                          /* the caller's */
    struct pc_watch_job jobs[PC_WATCH_JOBS]; /* by thread */
};

enum pc_keep {
    PC_KEEP_IDENTICAL = 1, /* judge what equals an earlier state */
    PC_KEEP_UNREAD = 2     /* judge what differs from an earlier state in nothing that its recovery read */
};

struct pc_explore_options {
    uint32_t jobs;         /* threads; 0: one per processor; at most PC_WATCH_JOBS */
    uint32_t probes;       /* enum pc_probe, added up */
    uint32_t kinds;        /* 1u << enum pc_fault_kind, added up */
    uint32_t nested_kinds; /* of those prefix, torn and reorder: how recovery is cut; 0: prefix */
    uint32_t depth;        /* with PC_FAULT_NESTED: how many cuts in a row, 2 to PC_CUTS_MAX */
    uint32_t samples;      /* drawn where there are too many to go through */
    uint32_t keep;         /* enum pc_keep, added up: prunings to leave out */
    uint32_t damage_exact; /* PC_FAULT_DAMAGE: 1: a store that can be read is whole; 0: of what it shows each
                              entry was once there */
    uint64_t seed;         /* of what is drawn */
    const struct pc_model *models; /* in the order in which states are attributed to them */
    size_t model_count;
    uint64_t first, last;  /* the cuts[0].at to look at, both included; last is capped at the event count */
    size_t max_violations; /* stop looking once this many were found; 0: never */
    const struct pc_fault *only; /* these states alone, whatever else is asked for; may be NULL */
    size_t only_count;
    const struct pc_fault *skip; /* states not to be judged: they were seen to end the process */
    size_t skip_count;
    /* One of skip: what comes behind it is counted, not judged; may be NULL. What that is, is the same each time
     * with one thread alone. */
    const struct pc_fault *end_at;
    const struct pc_engine *reader; /* reads each state as well, by itself; may be NULL */
    struct pc_watch *watch;         /* may be NULL */
};

/* Crash states of one kind under one model. Each is one of: checked, identical, unread, left. */
struct pc_count {
    uint64_t total;     /* generated */
    uint64_t sampled;   /* of them, drawn by a seed where a complete list would have been too long */
    uint64_t beyond;    /* cuts at which there are more than were generated; 0: the kind is complete */
    uint64_t checked;   /* recovered and judged */
    uint64_t identical; /* passed over: an earlier one of this run has the same image and position */
    uint64_t unread;    /* passed over: an earlier one differs in nothing that recovery looked at */
    uint64_t no_space;  /* of those checked: no verdict on the write probe, since the uncut run is full too */
    uint64_t refused;   /* PC_FAULT_DAMAGE: of those checked, answered CORRUPT or IO, as they may be */
};

struct pc_explore_report {
    struct pc_count
        *counts;        /* [model * PC_FAULT_KINDS + kind], for max(model_count, 1) models; prefix, damage
                                and full are model 0's. Behind the last model one row more: nested states
                                that every device allows, since nothing is torn or lost in them */
    size_t model_count; /* max(options->model_count, 1) */
    size_t violation_count;
    struct pc_violation *violations; /* in the order of the states */
    uint32_t ended;                  /* 1: it came to end_at */
};

/* Explores crash states of a run: recovers each, reads it, and compares with the model. The result does not
 * depend on the number of threads, unless it was stopped. With max_violations it is the first ones that are reported.
 * Errors: PC_NO_MEMORY, PC_INVALID_ARGUMENT (allowed->op_count is not the run's, or an option that cannot
 * be). */
int pc_explore(const struct pc_run *run, const struct pc_allowed *allowed,
               const struct pc_explore_options *options, struct pc_explore_report *ret_report);
void pc_explore_report_release(struct pc_explore_report *report); /* frees what it holds */

/* The crash states that pc_explore would generate, prefix, torn, reorder, damage and full, without judging any: fn is
 * called with each in order; anything but 0 ends it and is returned. Errors: as pc_explore. */
typedef int (*pc_fault_fn)(void *ctx, const struct pc_fault *fault);
int pc_explore_list(const struct pc_run *run, const struct pc_explore_options *options, pc_fault_fn fn,
                    void *ctx);

#ifdef __cplusplus
}
#endif

#endif
