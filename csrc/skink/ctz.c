/* SPDX-License-Identifier: ISC
 *
 * ctz.c: value block lists.
 */
#include "ctz.h"

#include <string.h>

#include "bytes.h"

static uint32_t bit_count(uint32_t n) {
    uint32_t bits = 0;
    for (; n != 0; n &= n - 1) {
        bits++;
    }
    return bits;
}

/* Pointers at the start of block i. */
static uint32_t pointer_count(uint32_t i) {
    uint32_t n = 0;
    if (i != 0) {
        for (n = 1; (i & 1) == 0; i >>= 1) {
            n++;
        }
    }
    return n;
}

/* Bytes of the value that lie in front of block i: i blocks, less the pointers in blocks 1 to i - 1, which
 * are 2 * (i - 1) - bit_count(i - 1). */
static uint64_t bytes_before(uint32_t block_size, uint32_t i) {
    if (i == 0) {
        return 0;
    }
    return (uint64_t)block_size * i - 4 * ((uint64_t)2 * (i - 1) - bit_count(i - 1));
}

uint32_t ctz_locate(uint32_t block_size, uint32_t pos, uint32_t *ret_off) {
    uint32_t low = pos / block_size; /* the pointers only make it later: fewer than 8 bytes a block */
    uint32_t high = pos / (block_size - 8) + 1;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_before(block_size, middle) <= pos) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *ret_off = 4 * pointer_count(low) + (uint32_t)(pos - bytes_before(block_size, low));
    return low;
}

uint32_t ctz_count(uint32_t block_size, uint32_t size) {
    uint32_t off;
    return ctz_locate(block_size, size - 1, &off) + 1;
}

/* From block `index` at *block back to block `target`, by the longest pointers that do not go too far. */
static int walk_back(const struct io *io, uint32_t *block, uint32_t index, uint32_t target) {
    while (index > target) {
        uint32_t skip = pointer_count(index) - 1;
        while (index - target < 1u << skip) {
            skip--;
        }
        uint8_t pointer[4];
        int code = io_read(io, *block, 4 * skip, pointer, 4);
        if (code != SKINK_OK) {
            return code;
        }
        *block = get_le32(pointer);
        index -= 1u << skip;
    }
    return SKINK_OK;
}

/* Where blocks first.. of a value lie, as the pointers of later blocks say. */
struct claims {
    uint32_t *list; /* BLOCK_UNKNOWN: nobody has said */
    uint32_t first;
};

#define BLOCK_UNKNOWN 0xffffffffu /* no block: pointers out of the device are refused before */

static int claims_init(const struct io *io, struct claims *c, uint32_t first, uint32_t last) {
    size_t count = (size_t)last - first + 1;
    c->first = first;
    c->list = io_alloc(io, count * sizeof(c->list[0]));
    if (c->list == NULL) {
        return SKINK_NO_MEMORY;
    }
    memset(c->list, 0xff, count * sizeof(c->list[0]));
    return SKINK_OK;
}

/* SKINK_CORRUPT if two pointers to one block of the value differ. */
static int claim(struct claims *c, uint32_t index, uint32_t block) {
    if (index < c->first) {
        return SKINK_OK;
    }
    uint32_t *known = &c->list[index - c->first];
    if (*known != BLOCK_UNKNOWN && *known != block) {
        return SKINK_CORRUPT;
    }
    *known = block;
    return SKINK_OK;
}

/* From block `index` one back, holding all its pointers against what others say. */
static int step_back(const struct io *io, struct claims *c, uint32_t *block, uint32_t index) {
    uint8_t pointers[4 * 32];
    uint32_t count = pointer_count(index);
    int code = io_read(io, *block, 0, pointers, 4 * count);
    for (uint32_t k = 0; k < count && code == SKINK_OK; k++) {
        uint32_t to = get_le32(pointers + 4 * (size_t)k);
        code = to < io->block_count ? claim(c, index - (1u << k), to) : SKINK_CORRUPT;
    }
    if (code == SKINK_OK) {
        *block = get_le32(pointers);
    }
    return code;
}

/* The part of a value's block `index` that lies in [pos, pos + size). */
static int read_part(const struct io *io, uint32_t block, uint32_t index, uint32_t pos, uint8_t *buffer,
                     uint32_t size) {
    uint64_t start = bytes_before(io->block_size, index);
    uint64_t end = bytes_before(io->block_size, index + 1);
    uint32_t from = pos > start ? (uint32_t)(pos - start) : 0;
    uint64_t until = (uint64_t)pos + size < end ? (uint64_t)pos + size : end;
    uint32_t part = (uint32_t)(until - start) - from;
    return io_read(io, block, 4 * pointer_count(index) + from, buffer + (start + from - pos), part);
}

/* From the last block wanted to the first, so that each is found from the one behind it. */
static int read_back_to(const struct io *io, struct claims *c, uint32_t block, uint32_t last, uint32_t pos,
                        uint8_t *buffer, uint32_t size) {
    int code = SKINK_OK;
    for (uint32_t index = last; code == SKINK_OK; index--) {
        code = claim(c, index, block);
        if (code == SKINK_OK) {
            code = read_part(io, block, index, pos, buffer, size);
        }
        if (index == c->first) {
            break;
        }
        if (code == SKINK_OK) {
            code = step_back(io, c, &block, index);
        }
    }
    return code;
}

int ctz_read(const struct io *io, uint32_t head, uint32_t value_size, uint32_t pos, uint8_t *buffer,
             uint32_t size) {
    if (size == 0) {
        return SKINK_OK;
    }
    uint32_t off;
    struct claims claims;
    uint32_t end = ctz_locate(io->block_size, value_size - 1, &off);
    uint32_t first = ctz_locate(io->block_size, pos, &off);
    uint32_t last = ctz_locate(io->block_size, pos + size - 1, &off);
    uint32_t block = head;
    int code = walk_back(io, &block, end, last);
    if (code == SKINK_OK) {
        code = claims_init(io, &claims, first, last);
    }
    if (code == SKINK_OK) {
        code = read_back_to(io, &claims, block, last, pos, buffer, size);
        io_free(io, claims.list);
    }
    return code;
}

int ctz_find(const struct io *io, uint32_t head, uint32_t value_size, uint32_t index, uint32_t *ret_block) {
    uint32_t block = head;
    int code = walk_back(io, &block, ctz_count(io->block_size, value_size) - 1, index);
    if (code == SKINK_OK) {
        *ret_block = block;
    }
    return code;
}

static int collect(const struct io *io, uint32_t block, struct block_list *ret_list) {
    return block < io->block_count ? block_list_add(io, ret_list, block) : SKINK_CORRUPT;
}

int ctz_collect(const struct io *io, uint32_t head, uint32_t value_size, uint32_t kept,
                struct block_list *ret_list) {
    uint32_t index = value_size > 0 ? ctz_count(io->block_size, value_size) : 0; /* of the block behind */
    uint32_t block = head;
    if (index > io->block_count) {
        return SKINK_CORRUPT;
    }
    int code = SKINK_OK;
    while (index > kept && code == SKINK_OK) {
        index--;
        code = collect(io, block, ret_list);
        if (code != SKINK_OK || index == kept) {
            break;
        }
        /* an even index has a second pointer, to index - 2: two steps for one read */
        uint8_t pointers[8];
        uint32_t count = pointer_count(index) > 1 ? 2 : 1;
        code = io_read(io, block, 0, pointers, 4 * count);
        block = code == SKINK_OK ? get_le32(pointers) : block;
        if (code == SKINK_OK && count == 2 && index - 1 > kept) {
            index--;
            code = collect(io, block, ret_list);
            block = get_le32(pointers + 4);
        }
    }
    return code;
}

int ctz_collect_checked(const struct io *io, uint32_t head, uint32_t value_size,
                        struct block_list *ret_list) {
    uint32_t count = value_size > 0 ? ctz_count(io->block_size, value_size) : 0;
    struct claims claims;
    uint32_t block = head;
    if (count < 3) {
        return ctz_collect(io, head, value_size, 0, ret_list); /* no block has two pointers */
    }
    int code = count <= io->block_count ? claims_init(io, &claims, 0, count - 1) : SKINK_CORRUPT;
    if (code != SKINK_OK) {
        return code;
    }
    for (uint32_t index = count; index-- > 0 && code == SKINK_OK;) {
        code = claim(&claims, index, block);
        if (code == SKINK_OK) {
            code = collect(io, block, ret_list);
        }
        if (code == SKINK_OK && index > 0) {
            code = step_back(io, &claims, &block, index);
        }
    }
    io_free(io, claims.list);
    return code;
}

/* A value being written: blocks from `kept` on are new. */
struct writing {
    const struct io *io;
    const struct ctz_draft *draft;
    uint32_t *chain; /* where the new blocks are */
};

/* Fills in the pointers of block i. The address of block i - 2^k is known for new blocks; an old one is named
 * by block i - 2^(k - 1), whose own pointer k - 1 leads there. */
static int put_pointers(const struct writing *w, uint32_t index) {
    const struct ctz_draft *d = w->draft;
    uint32_t to = 0;
    int code = SKINK_OK;
    for (uint32_t k = 0; k < pointer_count(index) && code == SKINK_OK; k++) {
        uint32_t target = index - (1u << k);
        if (target >= d->kept) {
            to = w->chain[target - d->kept];
        } else if (k == 0) {
            to = d->last_kept;
        } else {
            uint8_t pointer[4];
            code = io_read(w->io, to, 4 * (k - 1), pointer, 4);
            to = code == SKINK_OK ? get_le32(pointer) : to;
        }
        put_le32(d->scratch + 4 * (size_t)k, to);
    }
    return code;
}

/* Programs block i: its pointers, then its part of the value. */
static int write_block(const struct writing *w, uint32_t index, uint32_t block) {
    const struct io *io = w->io;
    const struct ctz_draft *d = w->draft;
    uint32_t pointers = 4 * pointer_count(index);
    uint64_t start = bytes_before(io->block_size, index);
    uint64_t end = bytes_before(io->block_size, index + 1);
    uint32_t part = (uint32_t)((end < d->size ? end : d->size) - start);
    uint32_t used = pointers + part;
    uint32_t padded = round_up(used, io->prog_size);
    int code = put_pointers(w, index);
    if (code == SKINK_OK) {
        code = d->read(d->ctx, (uint32_t)start, d->scratch + pointers, part);
    }
    if (code == SKINK_OK) {
        memset(d->scratch + used, 0, padded - used);
        code = io_erase(io, block);
    }
    return code == SKINK_OK ? io_prog(io, block, 0, d->scratch, padded) : code;
}

/* Finds a block for block i, and another if that has gone bad. */
static int place_block(const struct writing *w, struct blocks *blocks, uint32_t index, uint32_t *ret_block) {
    int code;
    do {
        code = blocks_take(blocks, ret_block);
        if (code != SKINK_OK) {
            return code;
        }
        code = write_block(w, index, *ret_block);
        if (code == IO_BAD_BLOCK && blocks_retire(w->io, blocks, *ret_block) != SKINK_OK) {
            code = SKINK_NO_MEMORY;
        }
    } while (code == IO_BAD_BLOCK);
    if (code != SKINK_OK) {
        blocks_free(blocks, *ret_block);
    }
    return code;
}

int ctz_write(const struct io *io, struct blocks *blocks, const struct ctz_draft *draft,
              struct block_list *ret_list, uint32_t *ret_head) {
    uint32_t fresh = ctz_count(io->block_size, draft->size) - draft->kept;
    if (fresh > blocks->free) {
        return SKINK_NO_SPACE;
    }
    struct writing w = {io, draft, io_alloc(io, (size_t)fresh * sizeof(uint32_t))};
    if (w.chain == NULL) {
        return SKINK_NO_MEMORY;
    }
    int code = SKINK_OK;
    for (uint32_t i = 0; i < fresh && code == SKINK_OK; i++) {
        code = place_block(&w, blocks, draft->kept + i, &w.chain[i]);
        if (code == SKINK_OK) {
            code = block_list_add(io, ret_list, w.chain[i]);
            if (code != SKINK_OK) {
                blocks_free(blocks, w.chain[i]);
            }
        }
    }
    if (code == SKINK_OK) {
        *ret_head = fresh > 0 ? w.chain[fresh - 1] : draft->last_kept;
    }
    io_free(io, w.chain);
    return code;
}
