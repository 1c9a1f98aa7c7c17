/* SPDX-License-Identifier: ISC
 *
 * order.c: which of the events that were not yet synced can be lost when the power goes.
 */
#include "order.h"

#include "media.h"
#include "run.h"
#include "tear.h"

_Static_assert(ORDER_WINDOW == MEDIA_WINDOW, "what can be lost must be able to be undone");

void window_find(const struct pc_run *run, uint64_t at, struct window *ret_window) {
    struct bd_event event;

    ret_window->count = 0;
    ret_window->shortened = 0;
    for (uint32_t back = 1; back <= at; back++) {
        pc_run_event(run, (size_t)(at - back), &event);
        if (event.kind == BD_EVENT_SYNC) {
            return;
        }
        if (back > ORDER_WINDOW) {
            ret_window->shortened = 1;
            return;
        }
        if (event_is_effective(&run->geometry, &event)) {
            ret_window->back[ret_window->count++] = back;
        }
    }
}

uint64_t window_lost(const struct window *window, uint64_t mask) {
    uint64_t lost = 0;

    for (uint32_t i = 0; i < window->count; i++) {
        if ((mask >> i & 1) != 0) {
            lost |= UINT64_C(1) << (window->back[i] - 1);
        }
    }
    return lost;
}

struct emitter {
    const struct window *window;
    order_fn fn;
    void *ctx;
    int code;
};

static void emit(struct emitter *e, uint64_t mask, int sampled) {
    if (e->code == PC_OK) {
        e->code = e->fn(e->ctx, window_lost(e->window, mask), sampled);
    }
}

/* n bits, from bit `start` on. */
static uint64_t ones(uint32_t start, uint32_t n) {
    return (n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX) << start;
}

static void emit_families(struct emitter *e) {
    uint32_t n = e->window->count;
    uint64_t all = ones(0, n);

    emit(e, all, 0);
    for (uint32_t i = 0; i < n; i++) {
        emit(e, UINT64_C(1) << i, 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        emit(e, all & ~(UINT64_C(1) << i), 0);
    }
    for (uint32_t length = 2; length + 2 <= n; length++) {
        for (uint32_t start = 0; start + length <= n; start++) {
            emit(e, ones(start, length), 0);
        }
    }
}

int order_each(const struct window *window, uint64_t at, uint32_t samples, uint64_t seed, order_fn fn,
               void *ctx, int *ret_beyond) {
    struct emitter e = {.window = window, .fn = fn, .ctx = ctx};
    uint32_t n = window->count;

    *ret_beyond = window->shortened || n > TEAR_ALL_MAX;
    if (n <= TEAR_ALL_MAX) {
        for (uint64_t mask = 1; mask < UINT64_C(1) << n; mask++) {
            emit(&e, mask, 0);
        }
        return e.code;
    }
    emit_families(&e);
    for (uint32_t j = 0; j < samples; j++) {
        uint64_t mask = sample_seed(seed, at, j) & ones(0, n);

        emit(&e, mask == 0 ? 1 : mask, 1);
    }
    return e.code;
}
