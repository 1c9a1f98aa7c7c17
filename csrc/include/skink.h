/* SPDX-License-Identifier: ISC
 *
 * skink.h: a crash-safe key-value store on the littlefs v2 on-disk format.
 *
 * A store lives on a block device (blockdev.h) and maps keys to values. A key is a list of segments,
 * written "a/b/c"; keys that share their first segments live in nested dictionaries. Every call that
 * changes the store is atomic and durable: once it returned SKINK_OK the change survives a power cut,
 * and a power cut during it leaves all of it or nothing. The original littlefs reads and writes the same
 * disk: dictionaries are its directories, values its files.
 *
 *     struct skink_config config = {.device = &dev};
 *     struct skink *store;
 *     int code = skink_open(&config, &store);
 *     if (code == SKINK_OK) {
 *         code = skink_set(store, "etc/hostname", 12, "lizard", 6);
 *         skink_close(store);
 *     }
 *
 * Keys are given as pointer and length, need no NUL at the end, and may hold any byte but NUL. Empty
 * segments vanish: "/a//b/" is "a/b", and "" and "/" are the root dictionary. Segments "." and ".." are
 * refused with SKINK_INVALID_KEY, one longer than skink_stat's name_max with SKINK_NAME_TOO_LONG.
 *
 * The engine needs memory and string functions and nothing else: no clock, no files, no threads, no
 * globals. One store is used from one thread at a time; different stores may be used from different
 * threads. Out-parameters (ret_...) are untouched when a call fails.
 */
#ifndef SKINK_H
#define SKINK_H

#include "blockdev.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SKINK_VERSION "0.1.0"

/* What a call answers. */
enum skink_code {
    SKINK_OK = 0,
    SKINK_NOT_FOUND = -1,            /* the key is bound to nothing */
    SKINK_DICTIONARY_EXPECTED = -2,  /* a segment on the way (or the key itself) is bound to a value */
    SKINK_VALUE_EXPECTED = -3,       /* the key is bound to a dictionary */
    SKINK_ALREADY_PRESENT = -4,      /* the key is bound to something already */
    SKINK_RENAME_SOURCE_PREFIX = -5, /* a dictionary cannot move into itself */
    SKINK_NO_SPACE = -6,             /* no free block left; the store is as it was */
    SKINK_INVALID_KEY = -7,          /* "." or ".." or a NUL, or the root where it cannot be */
    SKINK_NAME_TOO_LONG = -8,        /* a segment longer than name_max */
    SKINK_VALUE_TOO_LARGE = -9,      /* a value longer than value_max */
    SKINK_NO_TIMESTAMP = -10,        /* the value was written by a program that stores none */
    SKINK_READ_ONLY = -11,           /* the store was opened for reading */
    SKINK_IO = -12,                  /* the device failed; a change may be there or not (till reopened) */
    SKINK_CORRUPT = -13,             /* the disk holds bytes that cannot be right */
    SKINK_UNSUPPORTED = -14,         /* an on-disk version or a geometry that this engine does not read */
    SKINK_INVALID_ARGUMENT = -15,    /* the caller's mistake */
    SKINK_NO_MEMORY = -16            /* the allocator said no; the store is as it was */
};

/* "NOT_FOUND" for SKINK_NOT_FOUND, and so on; "?" for what is no code. */
const char *skink_code_name(int code);

enum skink_kind { SKINK_NONE = 0, SKINK_VALUE = 1, SKINK_DICTIONARY = 2 };

/* A moment: days since 1970-01-01 and picoseconds into the day. */
struct skink_time {
    uint32_t days;
    uint64_t picoseconds;
};

/* Where memory comes from. The engine asks for it here and nowhere else. */
struct skink_allocator {
    void *(*alloc)(void *ctx, size_t size); /* NULL: none left */
    void (*free)(void *ctx, void *memory);  /* memory may be NULL */
    void *ctx;
};

enum skink_flags {
    SKINK_OPEN_READ_ONLY = 1, /* write nothing, not even repairs; calls that change answer SKINK_READ_ONLY */
    SKINK_OPEN_VERIFY = 4,    /* read back what was written; a block that did not keep it counts as bad */
    SKINK_OPEN_STAY_2_0 = 2   /* leave an image of on-disk version 2.0 at 2.0, which costs a compaction where
                                 2.1 would append; without it the first write raises it to 2.1 */
};

struct skink_config {
    const struct bd *device;                             /* outlives the store */
    const struct skink_allocator *allocator;             /* NULL: malloc and free */
    void (*now)(void *ctx, struct skink_time *ret_time); /* the clock; NULL: values get no timestamp */
    void *now_ctx;
    uint32_t flags; /* enum skink_flags, added up */
};

struct skink_format_options {
    uint32_t name_max;  /* bytes in a segment; 0: 255, or what the block size allows (skink_name_limit) */
    uint32_t value_max; /* bytes in a value; 0: 2^31 - 1 */
    uint32_t flags;     /* enum skink_format_flags, added up */
};

enum skink_format_flags {
    SKINK_FORMAT_VALUE_CHECKS = 2, /* every value in blocks of its own gets a checksum: where they do not fit
                                      any more, reading it is SKINK_CORRUPT. What littlefs rewrites is unchecked */
    SKINK_FORMAT_2_0 = 1           /* write on-disk version 2.0 instead of 2.1 */
};

/* Makes an empty store on the device, whatever it held. options may be NULL. Errors: SKINK_UNSUPPORTED
 * (blocks below 128 bytes, fewer than 2 blocks, name_max past the limit), SKINK_IO, SKINK_NO_MEMORY. */
int skink_format(const struct bd *device, const struct skink_allocator *allocator,
                 const struct skink_format_options *options);

/* The longest name that a block size allows: block_size / 2 - 48 bytes, at most 1022. */
uint32_t skink_name_limit(uint32_t block_size);

/* Reads block_size and block_count out of the superblock of an image's first bytes, for callers that do
 * not know the geometry; size: how many bytes there are (all of the image is best).
 * Errors: SKINK_CORRUPT (no superblock found). */
int skink_probe(const uint8_t *bytes, size_t size, uint32_t *ret_block_size, uint32_t *ret_block_count);

struct skink;

/* Opens the store on a device: reads every metadata pair once and writes nothing. Work that a power cut
 * left half done is hidden from readers at once and finished before the first write.
 * Errors: SKINK_CORRUPT, SKINK_UNSUPPORTED, SKINK_IO, SKINK_NO_MEMORY. */
int skink_open(const struct skink_config *config, struct skink **ret_store);

/* Frees what the store holds in memory. Nothing is left to be written. store may be NULL. */
void skink_close(struct skink *store);

/* --- reading ------------------------------------------------------------------------------------- */

/* Value, dictionary, or SKINK_NONE if the key is bound to nothing (which is no error). */
int skink_exists(struct skink *store, const char *key, size_t key_len, enum skink_kind *ret_kind);

/* A value's bytes from off on, at most size of them; *ret_size is how many there were: fewer, or none,
 * past the end. */
int skink_get_partial(struct skink *store, const char *key, size_t key_len, uint64_t off, void *buffer,
                      size_t size, size_t *ret_size);

/* A whole value. *ret_bytes comes from the store's allocator and goes back with skink_release; it is
 * never NULL, even for an empty value. */
int skink_get(struct skink *store, const char *key, size_t key_len, uint8_t **ret_bytes, size_t *ret_size);
void skink_release(struct skink *store, void *memory);

/* Called for each entry; 0 goes on, anything else ends the walk, which then returns it. The name (or key)
 * is not NUL-terminated and valid during the call only; the callback must not change the store. */
struct skink_entry {
    const char *name; /* list: the last segment; visit: the whole key, without a leading '/' */
    size_t name_len;
    enum skink_kind kind;
    uint64_t size; /* a value's bytes; 0 for a dictionary */
    int has_time;
    struct skink_time time; /* a value's timestamp, where has_time */
    const void *node;       /* what skink_entry_read takes; valid during the call only */
};
typedef int (*skink_entry_fn)(void *ctx, const struct skink_entry *entry);

/* The direct entries of a dictionary, sorted by name, bytewise. */
int skink_list(struct skink *store, const char *key, size_t key_len, skink_entry_fn fn, void *ctx);

/* Every entry below the root, each dictionary before what it holds, sorted. */
int skink_visit(struct skink *store, skink_entry_fn fn, void *ctx);

/* The whole value of the entry that a list or visit is showing; buffer holds entry->size bytes. */
int skink_entry_read(struct skink *store, const struct skink_entry *entry, void *buffer);

/* A value's bytes; for a dictionary the sum over all values below it, at any depth. */
int skink_size(struct skink *store, const char *key, size_t key_len, uint64_t *ret_size);

/* A value's timestamp; for a dictionary the newest among its direct values that have one, else day 0. */
int skink_last_modified(struct skink *store, const char *key, size_t key_len, struct skink_time *ret_time);

/* SHA-256 of a value's bytes; for a dictionary the SHA-256 over its entries sorted by name, each as one
 * byte 'v' or 'd', the name's length as le32, the name, the entry's own 32-byte digest. */
int skink_digest(struct skink *store, const char *key, size_t key_len, uint8_t ret_digest[32]);

/* --- changing ------------------------------------------------------------------------------------ */

/* A change that meets a device error in a commit is there or not, and answers SKINK_IO; so does each later
 * call, reading ones too, until the store is opened again. Some changes take a second commit that only
 * tidies up: where that one fails the change has happened and is SKINK_OK, and the calls behind it are
 * SKINK_IO. */

/* Binds key to a value, new or in place of an old one. Missing dictionaries on the way are made in the
 * same atomic step. */
int skink_set(struct skink *store, const char *key, size_t key_len, const void *bytes, size_t size);

/* Writes bytes into a value at off, keeping what lies before and behind; past the end they are appended
 * without a gap. Makes the value if it is missing. */
int skink_set_partial(struct skink *store, const char *key, size_t key_len, uint64_t off, const void *bytes,
                      size_t size);

/* Makes a value of size zero bytes, with the given timestamp or, if time is NULL, the clock's.
 * SKINK_ALREADY_PRESENT if the key is bound to anything. */
int skink_allocate(struct skink *store, const char *key, size_t key_len, uint64_t size,
                   const struct skink_time *time);

/* Removes a value, or a dictionary with all below it. A missing key is no error. */
int skink_remove(struct skink *store, const char *key, size_t key_len);

/* Moves source, value or dictionary, to target, or into target where that is a dictionary, in one atomic
 * step over any distance. A value at the target is replaced. */
int skink_rename(struct skink *store, const char *source, size_t source_len, const char *target,
                 size_t target_len);

/* --- user attributes ----------------------------------------------------------------------------- */

/* Small pieces of data that go with a value or a dictionary, the root included, numbered by a type of the
 * caller's choice. Removing or renaming the entry takes them along, a set leaves them as they are. Type 0x74
 * is the timestamp's, and 0x76 in a store with value checksums theirs: SKINK_INVALID_ARGUMENT. So is setting
 * or removing 0x76 on any root, where it says that a store has them. At most skink_stat's attr_max bytes each:
 * else SKINK_VALUE_TOO_LARGE; SKINK_NO_SPACE where a metadata pair cannot hold the entry with all of them. */

/* At most size bytes into buffer; *ret_size is how many the attribute has. SKINK_NOT_FOUND without one. */
int skink_attr_get(struct skink *store, const char *key, size_t key_len, uint8_t type, void *buffer,
                   size_t size, size_t *ret_size);
int skink_attr_set(struct skink *store, const char *key, size_t key_len, uint8_t type, const void *bytes,
                   size_t size);
/* An attribute that is not there is no error. */
int skink_attr_remove(struct skink *store, const char *key, size_t key_len, uint8_t type);

/* --- facts --------------------------------------------------------------------------------------- */

struct skink_stat {
    uint32_t disk_major, disk_minor; /* on-disk version */
    uint32_t block_size, block_count;
    uint32_t name_max;     /* bytes in a segment */
    uint32_t value_max;    /* bytes in a value */
    uint32_t attr_max;     /* bytes in a user attribute */
    uint32_t blocks_used;  /* blocks reachable from the root */
    uint32_t pairs;        /* metadata pairs */
    uint32_t value_checks; /* 1: formatted with SKINK_FORMAT_VALUE_CHECKS */
    uint32_t pending;      /* 1: a power cut left work that the first write will finish */
};
int skink_stat(struct skink *store, struct skink_stat *ret_stat);

/* Makes the store use the device's first block_count blocks, more than so far, in one atomic step.
 * SKINK_INVALID_ARGUMENT for fewer than it has, SKINK_NO_SPACE for more than the device has. */
int skink_grow(struct skink *store, uint32_t block_count);

/* Finishes now what a power cut left half done, instead of before the first write: the on-disk version is
 * raised to 2.1 (but see SKINK_OPEN_STAY_2_0), a pending move completed, the thread mended. */
int skink_settle(struct skink *store);

/* The consistency check: SKINK_OK, or SKINK_CORRUPT and in text one sentence that cites the invariant
 * (docs/invariants.md). */
int skink_check(struct skink *store, char *text, size_t text_size);

#ifdef __cplusplus
}
#endif

#endif
