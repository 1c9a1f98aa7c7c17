/* SPDX-License-Identifier: ISC
 *
 * states.c: the crash states of a list of events, one after the other, and how to build one.
 */
#include "states.h"

#include "order.h"
#include "run.h"
#include "tear.h"

#include <string.h>

/* --- generating ------------------------------------------------------------------------------------ */

/* One model's states at one cut. */
struct lister {
    const struct states_wanted *wanted;
    const struct media *media;
    uint32_t model;
    uint32_t kind;
    struct window window;
    uint8_t *room; /* for a block */
};

static int put(const struct lister *l, const struct pc_cut *cut, int sampled) {
    struct state state = {.kind = l->kind, .model = l->model, .cut = *cut};

    return l->wanted->fn(l->wanted->ctx, &state, sampled);
}

static int put_torn(void *ctx, const struct pc_cut *cut, int sampled) {
    return put(ctx, cut, sampled);
}

static int put_lost(void *ctx, uint64_t lost, int sampled) {
    const struct lister *l = ctx;

    return put(l, &(struct pc_cut){.at = l->media->at, .lost = lost}, sampled);
}

static void note_beyond(const struct lister *l, int beyond) {
    if (beyond && l->wanted->beyond != NULL) {
        l->wanted->beyond(l->wanted->ctx, l->kind, l->model);
    }
}

static const struct pc_model *model_of(const struct lister *l) {
    return &l->wanted->models[l->model];
}

static int list_torn(struct lister *l) {
    const struct bd_geometry *geometry = &l->media->run->geometry;
    struct bd_event event;
    struct tears tears;
    int beyond, code;

    if (l->media->at >= l->media->run->event_count) {
        return PC_OK;
    }
    l->kind = PC_FAULT_TORN;
    pc_run_event(l->media->run, l->media->at, &event);
    tears_init(&tears, geometry, model_of(l), &event, l->media->at);
    tears.old = event_is_effective(geometry, &event) ? media_block(l->media, event.block, l->room) : NULL;
    tears.samples = l->wanted->samples;
    tears.seed = l->wanted->seed;
    code = tears_each(&tears, put_torn, l, &beyond);
    note_beyond(l, beyond);
    return code;
}

/* --- events that were not synced and arrived in part ------------------------------------------------ */

/* Looks for the nth way in which an event can be torn. */
struct nth {
    uint64_t left;
    uint64_t count;
    struct pc_cut cut;
};

static int count_tear(void *ctx, const struct pc_cut *cut, int sampled) {
    struct nth *nth = ctx;

    (void)sampled;
    if (nth->count++ == nth->left) {
        nth->cut = *cut;
    }
    return PC_OK;
}

/* The ways of the event that many back, without samples and what depends on the bytes before it; the nth of them. */
static uint64_t tears_back(const struct lister *l, uint32_t back, uint64_t n, struct pc_cut *ret_cut) {
    struct nth nth = {.left = n};
    struct bd_event event;
    struct tears tears;
    int beyond;

    pc_run_event(l->media->run, l->media->at - back, &event);
    tears_init(&tears, &l->media->run->geometry, model_of(l), &event, l->media->at - back);
    (void)tears_each(&tears, count_tear, &nth, &beyond);
    *ret_cut = nth.cut;
    return nth.count;
}

/* The place in the window of the first event from `from` on that can be torn; the count if there is none. */
static uint32_t tearable(const struct lister *l, uint32_t from) {
    struct pc_cut cut;

    for (uint32_t i = 0; i < l->window.count; i++) {
        uint32_t place = (from + i) % l->window.count;

        if (tears_back(l, l->window.back[place], 0, &cut) > 0) {
            return place;
        }
    }
    return l->window.count;
}

static int put_torn_sample(struct lister *l, uint64_t b) {
    uint64_t c = splitmix64(b);
    uint32_t n = l->window.count;
    uint32_t place = tearable(l, (uint32_t)(c % n));
    uint32_t back = l->window.back[place];
    uint64_t mask = splitmix64(c) & (n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX) & ~(UINT64_C(1) << place);
    struct pc_cut cut;
    uint64_t count = tears_back(l, back, 0, &cut);

    (void)tears_back(l, back, (c >> 16) % count, &cut);
    cut.at = l->media->at;
    cut.back = back;
    cut.lost = window_lost(&l->window, mask);
    return put(l, &cut, 1);
}

static int list_torn_samples(struct lister *l) {
    int code = PC_OK;

    for (uint32_t j = 0; code == PC_OK && j < l->wanted->samples; j++) {
        code = put_torn_sample(l, sample_seed(l->wanted->seed, l->media->at, j));
    }
    return code;
}

/* Whether some event of the window may arrive with single bits, which are not gone through here. */
static int bits_may_arrive(const struct lister *l) {
    const struct pc_model *model = model_of(l);
    struct bd_event event;
    uint32_t rules = 0;

    for (uint32_t i = 0; i < l->window.count; i++) {
        pc_run_event(l->media->run, l->media->at - l->window.back[i], &event);
        rules |= event.kind == BD_EVENT_PROG ? model->prog_tears : model->erase_tears;
    }
    return (rules & PC_TEARS_BITS) != 0;
}

static int list_reorder(struct lister *l) {
    int beyond, torn, code;

    if (!model_of(l)->reorders) {
        return PC_OK;
    }
    l->kind = PC_FAULT_REORDER;
    window_find(l->media->run, l->media->at, &l->window);
    torn = l->window.count > 0 && tearable(l, 0) < l->window.count;
    code = order_each(&l->window, l->media->at, l->wanted->samples, l->wanted->seed, put_lost, l, &beyond);
    note_beyond(l, beyond || torn || bits_may_arrive(l));
    return code == PC_OK && torn ? list_torn_samples(l) : code;
}

static int wants(const struct states_wanted *wanted, uint32_t kind) {
    return (wanted->kinds >> kind & 1) != 0;
}

int states_at(const struct states_wanted *wanted, const struct media *media) {
    struct lister l = {.wanted = wanted, .media = media, .kind = PC_FAULT_PREFIX, .room = wanted->room};
    int code = PC_OK;

    if (wants(wanted, PC_FAULT_PREFIX)) {
        code = put(&l, &(struct pc_cut){.at = media->at}, 0);
    }
    for (; code == PC_OK && l.model < wanted->model_count; l.model++) {
        if (wants(wanted, PC_FAULT_TORN)) {
            code = list_torn(&l);
        }
        if (code == PC_OK && wants(wanted, PC_FAULT_REORDER)) {
            code = list_reorder(&l);
        }
    }
    return code;
}

/* --- building -------------------------------------------------------------------------------------- */

/* Takes the events back to the first that was lost or torn, on copies of their blocks. */
static int undo_to(const struct media *media, uint64_t at, uint32_t back, struct patch *patch) {
    struct bd_event event;

    for (uint32_t i = 1; i <= back; i++) {
        const struct media_undo *undo;
        uint8_t *block;

        pc_run_event(media->run, (size_t)(at - i), &event);
        if (!event_is_effective(&media->run->geometry, &event)) {
            continue;
        }
        block = patch_block(patch, event.block);
        if (block == NULL) {
            return PC_NO_MEMORY;
        }
        undo = media_undo_of(media, (size_t)(at - i));
        memcpy(block + undo->off, undo->bytes, undo->size);
    }
    return PC_OK;
}

/* Lets those that survived arrive again, in order. Their blocks are in the patch. */
static void redo_from(const struct pc_cut *cut, const struct media *media, uint32_t back,
                      struct patch *patch) {
    const struct bd_geometry *geometry = &media->run->geometry;
    struct bd_event event;

    for (uint32_t i = back; i >= 1; i--) {
        pc_run_event(media->run, (size_t)(cut->at - i), &event);
        if ((cut->lost >> (i - 1) & 1) != 0 || !event_is_effective(geometry, &event)) {
            continue;
        }
        if (cut->torn != PC_TEAR_NONE && cut->back == i) {
            tear_apply(cut, geometry, &event, cut->at - i, patch_block(patch, event.block));
        } else {
            (void)event_apply(patch_block(patch, event.block), geometry, &event);
        }
    }
}

static int tear_next(const struct pc_cut *cut, const struct media *media, struct patch *patch) {
    struct bd_event event;
    uint8_t *block;

    pc_run_event(media->run, (size_t)cut->at, &event);
    if (!event_is_effective(&media->run->geometry, &event)) {
        return PC_OK;
    }
    block = patch_block(patch, event.block);
    if (block == NULL) {
        return PC_NO_MEMORY;
    }
    tear_apply(cut, &media->run->geometry, &event, cut->at, block);
    return PC_OK;
}

/* How far back the first event lies that did not arrive whole. */
static uint32_t farthest_back(const struct pc_cut *cut) {
    uint32_t back = cut->torn != PC_TEAR_NONE ? cut->back : 0;

    for (uint32_t i = 1; i <= MEDIA_WINDOW; i++) {
        if ((cut->lost >> (i - 1) & 1) != 0 && i > back) {
            back = i;
        }
    }
    return back;
}

int state_build(const struct pc_cut *cut, const struct media *media, struct patch *patch) {
    uint32_t back = farthest_back(cut);
    int code = PC_OK;

    patch_reset(patch);
    if (back > 0) {
        code = undo_to(media, cut->at, back, patch);
        if (code == PC_OK) {
            redo_from(cut, media, back, patch);
        }
    }
    if (code == PC_OK && cut->torn != PC_TEAR_NONE && cut->back == 0) {
        code = tear_next(cut, media, patch);
    }
    return code;
}

int cut_is_possible(const struct pc_run *run, const struct pc_cut *cut) {
    uint32_t back = farthest_back(cut);
    uint64_t torn_at = cut->at - cut->back;

    if (cut->at > run->event_count || back > cut->at || cut->torn > PC_TEAR_MIX) {
        return 0;
    }
    if (cut->torn == PC_TEAR_NONE) {
        return 1;
    }
    return cut->unit > 0 && cut->back <= MEDIA_WINDOW && torn_at < run->event_count;
}
