/* SPDX-License-Identifier: ISC
 *
 * tear.c: in which parts a prog or an erase can arrive when the power goes. docs/faults.md has the rules
 * and their order.
 */
#include "tear.h"

#include "media.h"

#include <string.h>

uint64_t splitmix64(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t sample_seed(uint64_t seed, uint64_t at, uint64_t j) {
    return splitmix64(seed + (at << 20) + j);
}

/* --- units ----------------------------------------------------------------------------------------- */

/* The bytes that an event writes, and the units in which it does. */
struct span {
    uint64_t start; /* from the start of the device */
    uint32_t size;
    uint32_t unit;
};

/* A unit's place in what the event writes. */
struct piece {
    uint32_t off, size;
};

static struct span span_of(const struct bd_geometry *geometry, const struct bd_event *event, uint32_t unit) {
    struct span span = {0, 0, unit};
    uint32_t off;

    event_range(geometry, event, &off, &span.size);
    span.start = (uint64_t)event->block * geometry->block_size + off;
    return span;
}

static uint32_t span_units(const struct span *span) {
    return (uint32_t)((span->start + span->size - 1) / span->unit - span->start / span->unit + 1);
}

static struct piece span_piece(const struct span *span, uint32_t u) {
    uint64_t first = (span->start / span->unit + u) * span->unit;
    uint64_t end = first + span->unit;

    first = first < span->start ? span->start : first;
    end = end > span->start + span->size ? span->start + span->size : end;
    return (struct piece){(uint32_t)(first - span->start), (uint32_t)(end - first)};
}

/* --- every way ------------------------------------------------------------------------------------- */

struct emitter {
    const struct tears *tears;
    struct span span;
    uint32_t n; /* units */
    tear_fn fn;
    void *ctx;
    int beyond;
    int code; /* what fn said */
};

static void emit(struct emitter *e, enum pc_tear torn, uint32_t a, uint64_t b, int sampled) {
    struct pc_cut cut = {.at = e->tears->at, .torn = (uint32_t)torn, .unit = e->span.unit, .a = a, .b = b};

    if (e->code == PC_OK) {
        e->code = e->fn(e->ctx, &cut, sampled);
    }
}

static void emit_range(struct emitter *e, enum pc_tear torn, uint32_t first, uint32_t end) {
    for (uint32_t a = first; a < end && e->code == PC_OK; a++) {
        emit(e, torn, a, 0, 0);
    }
}

static void emit_sets(struct emitter *e) {
    int prefixes = (e->tears->rules & (PC_TEARS_BYTES | PC_TEARS_FIRST)) != 0;

    if (e->n <= TEAR_ALL_MAX) {
        for (uint64_t mask = 1; mask + 1 < UINT64_C(1) << e->n; mask++) {
            emit(e, PC_TEAR_MASK, 0, mask, 0);
        }
        return;
    }
    if (!prefixes) {
        emit_range(e, PC_TEAR_FIRST, 1, e->n);
    }
    emit_range(e, PC_TEAR_LAST, 1, e->n);
    emit_range(e, PC_TEAR_WITHOUT, 0, e->n);
    emit_range(e, PC_TEAR_ONLY, 0, e->n);
    for (uint32_t j = 0; j < e->tears->samples; j++) {
        emit(e, PC_TEAR_SOME, 0, sample_seed(e->tears->seed, e->tears->at, j), 1);
    }
    e->beyond = 1;
}

/* The bits of a unit that the event clears. */
static uint32_t cleared_bits(const struct emitter *e, uint32_t u) {
    const struct bd_event *event = &e->tears->event;
    struct piece piece = span_piece(&e->span, u);
    int prog = event->kind == BD_EVENT_PROG;
    uint32_t count = 0;

    for (uint32_t i = piece.off; i < piece.off + piece.size; i++) {
        uint8_t old = e->tears->old[prog ? event->off + i : i];
        uint8_t bits = (uint8_t)(old & ~(prog ? event->bytes[i] : (uint8_t)e->tears->geometry->erase_value));

        for (; bits != 0; bits = (uint8_t)(bits & (bits - 1))) {
            count++;
        }
    }
    return count;
}

/* The nth unit with too many bits to go through. */
static uint32_t rich_unit(const struct emitter *e, uint64_t nth) {
    uint32_t u = 0;

    for (;; u++) {
        if (cleared_bits(e, u) > TEAR_ALL_MAX && nth-- == 0) {
            return u;
        }
    }
}

static void emit_bits(struct emitter *e) {
    uint32_t rich = 0;

    for (uint32_t u = 0; u < e->n; u++) {
        uint32_t m = cleared_bits(e, u);

        rich += m > TEAR_ALL_MAX;
        for (uint64_t mask = 1; m <= TEAR_ALL_MAX && mask + 1 < UINT64_C(1) << m; mask++) {
            emit(e, PC_TEAR_BITS, u, mask, 0);
        }
    }
    for (uint32_t j = 0; rich > 0 && j < e->tears->samples; j++) {
        uint64_t b = sample_seed(e->tears->seed, e->tears->at, j);

        emit(e, PC_TEAR_SOME_BITS, rich_unit(e, (b >> 32) % rich), b, 1);
    }
    e->beyond |= rich > 0;
}

static void emit_content(struct emitter *e, enum pc_tear then_nothing, enum pc_tear one) {
    int sets = (e->tears->rules & PC_TEARS_UNITS) != 0;

    emit_range(e, then_nothing, 0, e->n);
    if (sets) {
        emit_range(e, one, 0, e->n);
        e->beyond |= e->n > 1;
    }
}

static void emit_mixed(struct emitter *e) {
    const uint32_t all = PC_TEARS_UNITS | PC_TEARS_ZERO | PC_TEARS_GARBAGE;

    if ((e->tears->rules & all) != all || e->n < 2) {
        return;
    }
    for (uint32_t j = 0; j < e->tears->samples; j++) {
        emit(e, PC_TEAR_MIX, 0, sample_seed(e->tears->seed, e->tears->at, j), 1);
    }
}

static void emit_all(struct emitter *e, uint32_t rules) {
    if ((rules & PC_TEARS_BYTES) != 0) {
        emit_range(e, PC_TEAR_BYTES, 1, e->span.size);
    } else if ((rules & PC_TEARS_FIRST) != 0) {
        emit_range(e, PC_TEAR_FIRST, 1, e->n);
    }
    if ((rules & PC_TEARS_UNITS) != 0) {
        emit_sets(e);
    }
    if ((rules & PC_TEARS_HALF) != 0) {
        emit_range(e, PC_TEAR_HALF, 0, e->n);
    }
    if ((rules & PC_TEARS_BITS) != 0 && e->tears->old != NULL) {
        emit_bits(e);
    }
    if ((rules & PC_TEARS_ZERO) != 0) {
        emit_content(e, PC_TEAR_ZERO, PC_TEAR_ZERO_ONE);
    }
    if ((rules & PC_TEARS_GARBAGE) != 0) {
        emit_content(e, PC_TEAR_GARBAGE, PC_TEAR_GARBAGE_ONE);
        e->beyond = 1;
    }
    emit_mixed(e);
}

void tears_init(struct tears *tears, const struct bd_geometry *geometry, const struct pc_model *model,
                const struct bd_event *event, uint64_t at) {
    int prog = event->kind == BD_EVENT_PROG;
    uint32_t unit = prog ? model->prog_unit : model->erase_unit;

    *tears = (struct tears){.geometry = geometry, .event = *event, .at = at};
    tears->rules = prog ? model->prog_tears : model->erase_tears;
    tears->unit = unit != 0 ? unit : prog ? geometry->prog_size : geometry->block_size;
}

int tears_each(const struct tears *tears, tear_fn fn, void *ctx, int *ret_beyond) {
    struct emitter e = {.tears = tears, .fn = fn, .ctx = ctx};

    *ret_beyond = 0;
    if (tears->rules == 0 || !event_is_effective(tears->geometry, &tears->event)) {
        return PC_OK;
    }
    e.span = span_of(tears->geometry, &tears->event, tears->unit);
    e.n = span_units(&e.span);
    emit_all(&e, tears->rules);
    *ret_beyond = e.beyond;
    return e.code;
}

/* --- one way --------------------------------------------------------------------------------------- */

/* What becomes of a unit. */
enum fate { OLD = 0, NEW = 1, ZERO = 2, GARBAGE = 3, HALF = 4, SOME_BITS = 5 };

static enum fate first_then(uint32_t u, uint32_t a, enum fate next) {
    return u < a ? NEW : u == a ? next : OLD;
}

static enum fate fate_of(const struct pc_cut *cut, uint32_t u, uint32_t n) {
    switch (cut->torn) {
    case PC_TEAR_FIRST:
        return first_then(u, cut->a, OLD);
    case PC_TEAR_LAST:
        return cut->a >= n || u >= n - cut->a ? NEW : OLD;
    case PC_TEAR_MASK:
        return u < 64 && (cut->b >> u & 1) != 0 ? NEW : OLD;
    case PC_TEAR_WITHOUT:
        return u == cut->a ? OLD : NEW;
    case PC_TEAR_ONLY:
        return u == cut->a ? NEW : OLD;
    case PC_TEAR_SOME:
        return (splitmix64(cut->b + u) & 1) != 0 ? NEW : OLD;
    case PC_TEAR_HALF:
        return first_then(u, cut->a, HALF);
    case PC_TEAR_BITS:
    case PC_TEAR_SOME_BITS:
        return first_then(u, cut->a, SOME_BITS);
    case PC_TEAR_ZERO:
        return first_then(u, cut->a, ZERO);
    case PC_TEAR_ZERO_ONE:
        return u == cut->a ? ZERO : NEW;
    case PC_TEAR_GARBAGE:
        return first_then(u, cut->a, GARBAGE);
    case PC_TEAR_GARBAGE_ONE:
        return u == cut->a ? GARBAGE : NEW;
    case PC_TEAR_MIX:
        return (enum fate)(splitmix64(cut->b + u) & 3);
    default:
        return NEW;
    }
}

void garbage_fill(uint8_t *bytes, uint64_t address, uint32_t size, uint64_t event_number) {
    uint64_t base = event_number * UINT64_C(0x9e3779b97f4a7c15);

    for (uint32_t i = 0; i < size; i++) {
        uint64_t word = splitmix64(base + (address + i) / 8);

        bytes[i] = (uint8_t)(word >> (address + i) % 8 * 8);
    }
}

/* Where a unit lies, and what the event would put there: bytes, or one value all over. */
struct target {
    uint8_t *bytes;
    const uint8_t *new_bytes; /* NULL: an erase */
    uint8_t fill;
    uint32_t size;
    uint64_t address;
};

/* Of the bits that the unit clears only those that the cut names. */
static void clear_some(const struct pc_cut *cut, const struct target *t) {
    uint64_t i = 0;

    for (uint32_t at = 0; at < t->size; at++) {
        uint8_t now = t->new_bytes != NULL ? t->new_bytes[at] : t->fill;

        for (uint32_t bit = 0; bit < 8; bit++) {
            uint8_t mask = (uint8_t)(1u << bit);
            int chosen;

            if ((t->bytes[at] & mask) == 0 || (now & mask) != 0) {
                continue;
            }
            chosen = cut->torn == PC_TEAR_BITS ? i < 64 && (cut->b >> i & 1) != 0
                                               : (splitmix64(cut->b + i) & 1) != 0;
            i++;
            if (chosen) {
                t->bytes[at] = (uint8_t)(t->bytes[at] & ~mask);
            }
        }
    }
}

static void put_new(const struct target *t, uint32_t size) {
    if (t->new_bytes != NULL) {
        memcpy(t->bytes, t->new_bytes, size);
    } else {
        memset(t->bytes, t->fill, size);
    }
}

static void apply_fate(enum fate fate, const struct pc_cut *cut, const struct target *t,
                       uint64_t event_number) {
    switch (fate) {
    case NEW:
        put_new(t, t->size);
        break;
    case ZERO:
        memset(t->bytes, 0, t->size);
        break;
    case GARBAGE:
        garbage_fill(t->bytes, t->address, t->size, event_number);
        break;
    case HALF:
        put_new(t, t->size / 2);
        break;
    case SOME_BITS:
        clear_some(cut, t);
        break;
    default: /* OLD */
        break;
    }
}

void tear_apply(const struct pc_cut *cut, const struct bd_geometry *geometry, const struct bd_event *event,
                uint64_t event_number, uint8_t *block) {
    struct span span = span_of(geometry, event, cut->unit);
    const uint8_t *new_bytes = event->kind == BD_EVENT_PROG ? event->bytes : NULL;
    uint8_t *start = block + (event->kind == BD_EVENT_PROG ? event->off : 0);
    struct target whole = {start, new_bytes, (uint8_t)geometry->erase_value, span.size, span.start};
    uint32_t n;

    if (cut->torn == PC_TEAR_BYTES) {
        put_new(&whole, cut->a < span.size ? cut->a : span.size);
        return;
    }
    n = span_units(&span);
    for (uint32_t u = 0; u < n; u++) {
        struct piece piece = span_piece(&span, u);
        struct target t = {start + piece.off, new_bytes == NULL ? NULL : new_bytes + piece.off, whole.fill,
                           piece.size, span.start + piece.off};

        apply_fate(fate_of(cut, u, n), cut, &t, event_number);
    }
}
