/* SPDX-License-Identifier: ISC */
/* fuzz_skink.c: the fuzz target: any image at all gives documented codes in bounded time and memory, is only
 * read where it is opened for reading, and what was written is there when it is opened again. */
#include "fuzz_skink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "ops.h"

struct target {
    struct world world;
    struct input input;
};

static void target_now(void *ctx, struct skink_time *ret_time) {
    (void)ctx;
    *ret_time = (struct skink_time){20001, 6};
}

static int target_open(struct target *t, uint32_t flags, struct skink **ret_store) {
    struct skink_config config = {
        .device = &t->world.dev, .allocator = &t->world.memory, .now = target_now, .flags = flags};
    world_mark(&t->world);
    int code = skink_open(&config, ret_store);
    DEMAND(code_is_documented(&t->world, code));
    return code;
}

static struct skink *target_open_again(struct target *t) {
    struct skink *s = NULL;
    DEMAND_CODE(target_open(t, t->input.open_flags, &s), SKINK_OK);
    return s;
}

static void demand_same(struct view a, struct view b) {
    DEMAND(a.code == b.code);
    DEMAND(a.entries == b.entries);
    DEMAND(a.hash == b.hash);
}

/* The view of the store as it is on the device, read by an engine that knows nothing yet. */
static struct view view_anew(struct target *t) {
    struct skink *s = target_open_again(t);
    struct view view = view_take(&t->world, s);
    skink_close(s);
    return view;
}

static void demand_sound(struct target *t, struct skink *s) {
    char text[200] = "";
    world_mark(&t->world);
    int code = skink_check(s, text, sizeof(text));
    if (code != SKINK_OK) {
        fprintf(stderr, "%s\n", text);
    }
    DEMAND_CODE(code, SKINK_OK);
}

/* Reading alone. false: the image is refused. */
static bool read_only(struct target *t, struct view *ret_view) {
    struct skink *s;
    t->world.frozen = true;
    bool opened = target_open(t, SKINK_OPEN_READ_ONLY, &s) == SKINK_OK;
    if (opened) {
        *ret_view = view_take(&t->world, s);
        op_read(&t->world, s, 14); /* the root */
        for (size_t i = 0; i < t->input.op_count; i++) {
            op_read(&t->world, s, t->input.ops[i * OP_SIZE + 1]);
        }
        world_mark(&t->world);
        DEMAND(code_is_documented(&t->world, skink_check(s, NULL, 0)));
        DEMAND(skink_set(s, "a", 1, "b", 1) == SKINK_READ_ONLY);
        skink_close(s);
    }
    t->world.frozen = false;
    return opened;
}

/* The changes one after another; each that fails changes nothing that can be seen. */
static void write_all(struct target *t, struct view view) {
    struct skink *s = target_open_again(t);
    size_t changed = 0;
    demand_same(view, view_take(&t->world, s));
    for (size_t i = 0; i < t->input.op_count; i++) {
        int code = op_apply(&t->world, s, t->input.ops + i * OP_SIZE);
        struct view now = view_take(&t->world, s);
        if (code != SKINK_OK) {
            demand_same(view, now);
        }
        changed += code == SKINK_OK ? 1 : 0;
        view = now;
    }
    if (changed > 0 && skink_settle(s) == SKINK_OK) {
        demand_sound(t, s);
    }
    skink_close(s);
    demand_same(view, view_anew(t));
}

/* The power goes during the last change: afterwards the store is as before it or as after it. */
static void cut_last(struct target *t) {
    const uint8_t *op = t->input.ops + (t->input.op_count - 1) * OP_SIZE;
    uint8_t *image = malloc(t->world.size);
    DEMAND(image != NULL);
    memcpy(image, t->world.bytes, t->world.size);
    struct skink *s = target_open_again(t);
    struct view before = view_take(&t->world, s);
    int code = op_apply(&t->world, s, op);
    struct view after = view_take(&t->world, s);
    code = code == SKINK_OK ? skink_settle(s) : code; /* some changes need not write to be done */
    skink_close(s);
    memcpy(t->world.bytes, image, t->world.size);
    free(image);
    if (t->world.tell != NULL) {
        fprintf(stderr, "whole: %s\n", skink_code_name(code));
    }
    if (code != SKINK_OK) {
        return;
    }
    s = target_open_again(t);
    t->world.power = t->input.power;
    t->world.failing = true;
    op_cut(&t->world, s, op);
    skink_close(s);
    t->world.failing = false;
    struct view found = view_anew(t);
    DEMAND(found.code == before.code || found.code == after.code);
    DEMAND(found.hash == before.hash || found.hash == after.hash);
    s = target_open_again(t);
    world_mark(&t->world);
    DEMAND_CODE(skink_settle(s), SKINK_OK);
    demand_same(found, view_take(&t->world, s));
    demand_sound(t, s);
    skink_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct target *t = calloc(1, sizeof(*t));
    struct view view = {0, 0, 0};
    DEMAND(t != NULL);
    if (input_read(&t->input, data, size)) {
        world_init(&t->world, &t->input.geometry);
        t->world.tell = getenv("FUZZ_TELL");
        input_image(&t->input, t->world.bytes);
        if (read_only(t, &view)) {
            if (t->input.cut && t->input.op_count > 0) {
                cut_last(t);
            } else {
                write_all(t, view);
            }
        }
        world_release(&t->world);
    }
    free(t);
    return 0;
}
