/* SPDX-License-Identifier: ISC
 *
 * run.c: one run of an engine, recorded.
 *
 * With stop_after the power goes out for good in the middle: the operation that runs into it is left
 * without an end mark (unless it claims to be OK all the same, which is then held against it), and those
 * after it, or all of them if mount ran into it, are not applied; their code is PC_IO.
 */
#include "run.h"

#include "reply.h"

#include <stdlib.h>
#include <string.h>

/* The devices of a recording, bottom up. */
struct stack {
    struct bd ram, record, fail, stop;
};

static size_t device_size(const struct bd_geometry *geometry) {
    return (size_t)geometry->block_size * geometry->block_count;
}

static int code_of_device(int code) {
    return code == BD_NO_MEMORY ? PC_NO_MEMORY : code == BD_RANGE ? PC_INVALID_ARGUMENT : PC_IO;
}

/* --- copies of what the caller gave --------------------------------------------------------------- */

static size_t op_size(const struct pc_op *op) {
    return op->key_len + op->target_len + op->data_len;
}

/* Copies bytes to *at, moves it on, and returns where they are. */
static const void *put_copy(uint8_t **at, const void *bytes, size_t size) {
    uint8_t *copy = *at;

    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    *at += size;
    return copy;
}

static int copy_ops(struct pc_run *run, const struct pc_op *ops) {
    size_t size = 1;
    uint8_t *at;

    for (size_t i = 0; i < run->op_count; i++) {
        size += op_size(&ops[i]);
    }
    run->ops = calloc(run->op_count + 1, sizeof(*run->ops));
    run->op_bytes = at = malloc(size);
    if (run->ops == NULL || run->op_bytes == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < run->op_count; i++) {
        run->ops[i] = ops[i];
        run->ops[i].key = put_copy(&at, ops[i].key, ops[i].key_len);
        run->ops[i].target = put_copy(&at, ops[i].target, ops[i].target_len);
        run->ops[i].data = put_copy(&at, ops[i].data, ops[i].data_len);
    }
    return PC_OK;
}

static int run_new(const struct pc_engine *engine, const struct pc_run_options *options,
                   const struct pc_op *ops, size_t op_count, struct pc_run **ret_run) {
    struct pc_run *run = calloc(1, sizeof(*run));
    int code;

    if (run == NULL) {
        return PC_NO_MEMORY;
    }
    *ret_run = run;
    run->engine = engine;
    run->geometry = options->geometry;
    run->options = options->engine;
    run->fail = options->fail;
    run->resume = options->resume;
    run->op_count = op_count;
    run->image = malloc(device_size(&run->geometry));
    run->codes = calloc(op_count + 1, sizeof(*run->codes));
    run->replies = calloc(op_count + 1, sizeof(*run->replies));
    if (run->image == NULL || run->codes == NULL || run->replies == NULL || bd_log_new(&run->log) != BD_OK) {
        return PC_NO_MEMORY;
    }
    code = copy_ops(run, ops);
    for (size_t i = 0; i < op_count; i++) {
        run->codes[i] = PC_IO; /* until it is reached */
    }
    return code;
}

void pc_run_free(struct pc_run *run) {
    if (run == NULL) {
        return;
    }
    bd_log_free(run->log);
    free(run->image);
    free(run->events);
    free(run->positions);
    free(run->during);
    free(run->op_start);
    free(run->ops);
    free(run->op_bytes);
    free(run->codes);
    free(run->replies);
    free(run);
}

/* --- recording ------------------------------------------------------------------------------------- */

/* Puts the first content on the RAM device: the given image, or a freshly formatted store. */
static int fill_device(const struct pc_run *run, const uint8_t *image, const struct bd *ram) {
    if (image == NULL) {
        return run->engine->format(ram, &run->options);
    }
    memcpy(bd_ram_bytes(ram), image, device_size(&run->geometry));
    return PC_OK;
}

static int open_stack(struct pc_run *run, const struct pc_run_options *options, struct stack *stack) {
    uint64_t events = options->stop_after == 0 ? UINT64_MAX : options->stop_after;
    int code = bd_ram_open(&run->geometry, &stack->ram);

    if (code != BD_OK) {
        return code_of_device(code);
    }
    code = fill_device(run, options->image, &stack->ram);
    if (code != PC_OK) {
        return code;
    }
    memcpy(run->image, bd_ram_bytes(&stack->ram), device_size(&run->geometry));
    code = bd_record_open(&stack->ram, run->log, &stack->record);
    if (code == BD_OK) {
        code = bd_fail_open(&stack->record, &run->fail, &stack->fail);
    }
    if (code == BD_OK) {
        code = bd_stop_open(&stack->fail, events, &stack->stop);
    }
    return code == BD_OK ? PC_OK : code_of_device(code);
}

static void close_stack(struct stack *stack) {
    bd_close(&stack->stop);
    bd_close(&stack->fail);
    bd_close(&stack->record);
    bd_close(&stack->ram);
}

/* A read of nothing, which only a device without power refuses. */
static int power_is_out(const struct bd *dev) {
    uint8_t nothing;

    return bd_read(dev, 0, 0, &nothing, 0) == BD_POWER;
}

/* Applies one operation between its marks. */
static int apply_op(struct pc_run *run, size_t i, void *store, const struct bd *dev,
                    struct reply_taker *taker) {
    const struct pc_op *op = &run->ops[i];
    int code;

    if (bd_log_begin(run->log, (uint32_t)i) != BD_OK) {
        return PC_NO_MEMORY;
    }
    code = run->engine->apply(store, op, reply_begin(taker));
    if (taker->no_memory) {
        return PC_NO_MEMORY;
    }
    run->codes[i] = code;
    run->replies[i] = reply_hash(taker, op->kind, code);
    if (code != PC_OK && power_is_out(dev)) {
        return PC_OK; /* still in flight when the power went */
    }
    return bd_log_end(run->log, (uint32_t)i, code) == BD_OK ? PC_OK : PC_NO_MEMORY;
}

static int apply_ops(struct pc_run *run, void *store, const struct bd *dev) {
    struct reply_taker taker = {0};
    int code = PC_OK;

    for (size_t i = 0; code == PC_OK && i < run->op_count && !power_is_out(dev); i++) {
        code = apply_op(run, i, store, dev, &taker);
    }
    reply_release(&taker);
    return code;
}

static int record_store(struct pc_run *run, const struct bd *dev) {
    void *store = NULL;
    int code = run->engine->mount(dev, &run->options, &store);

    if (code != PC_OK) {
        return power_is_out(dev) ? PC_OK : code;
    }
    code = run->engine->facts(store, &run->facts);
    if (code == PC_OK || power_is_out(dev)) {
        code = apply_ops(run, store, dev);
    }
    run->engine->unmount(store);
    return code;
}

/* --- the crash states' positions ------------------------------------------------------------------- */

static int is_mark(const struct bd_event *event) {
    return event->kind == BD_EVENT_BEGIN || event->kind == BD_EVENT_END;
}

/* Where a reading of the log stands between two device events. */
struct cursor {
    size_t done; /* operations that have returned */
    int inside;  /* an operation is under way */
    int crossed; /* a mark was passed since the last device event */
};

static void pass_mark(struct cursor *cursor, const struct bd_event *mark) {
    cursor->crossed = 1;
    cursor->inside = mark->kind == BD_EVENT_BEGIN;
    if (mark->kind == BD_EVENT_END) {
        cursor->done = (size_t)mark->op + 1;
    }
}

/* If a mark lies between two events, then there was a moment when the device was in this state and no
 * operation was under way: what had returned by then is all that is allowed. */
static struct run_position position_at(const struct cursor *cursor) {
    return (struct run_position){cursor->done, cursor->inside && !cursor->crossed};
}

static int index_log(struct pc_run *run) {
    size_t count = bd_log_count(run->log); /* room enough, also if none were a mark */
    struct cursor cursor = {0, 0, 0};
    struct bd_event event;

    run->events = calloc(count + 1, sizeof(*run->events));
    run->positions = calloc(count + 1, sizeof(*run->positions));
    run->during = calloc(count + 1, sizeof(*run->during));
    run->op_start = calloc(run->op_count + 1, sizeof(*run->op_start));
    if (run->events == NULL || run->during == NULL || run->positions == NULL || run->op_start == NULL) {
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        bd_log_get(run->log, i, &event);
        if (is_mark(&event)) {
            pass_mark(&cursor, &event);
            if (event.kind == BD_EVENT_BEGIN) {
                run->op_start[run->op_begun++] = run->event_count;
            }
            continue;
        }
        run->positions[run->event_count] = position_at(&cursor);
        run->during[run->event_count] = (struct run_position){cursor.done, cursor.inside};
        run->events[run->event_count++] = i;
        cursor.crossed = 0;
    }
    run->positions[run->event_count] = position_at(&cursor);
    return PC_OK;
}

/* --- public ---------------------------------------------------------------------------------------- */

int pc_run_record(const struct pc_engine *engine, const struct pc_run_options *options,
                  const struct pc_op *ops, size_t op_count, struct pc_run **ret_run) {
    struct pc_run *run = NULL;
    struct stack stack = {0};
    int code;

    if (bd_geometry_check(&options->geometry) != BD_OK || op_count >= UINT32_MAX ||
        options->resume > PC_RESUME_MAX) {
        return PC_INVALID_ARGUMENT;
    }
    code = run_new(engine, options, ops, op_count, &run);
    if (code == PC_OK) {
        code = open_stack(run, options, &stack);
    }
    if (code == PC_OK) {
        code = record_store(run, &stack.stop);
    }
    if (code == PC_OK) {
        code = index_log(run);
    }
    close_stack(&stack);
    if (code == PC_OK) {
        *ret_run = run;
    } else {
        pc_run_free(run);
    }
    return code;
}

size_t pc_run_event_count(const struct pc_run *run) {
    return run->event_count;
}

void pc_run_event(const struct pc_run *run, size_t i, struct bd_event *ret_event) {
    bd_log_get(run->log, run->events == NULL ? i : run->events[i], ret_event);
}

int pc_run_code(const struct pc_run *run, size_t op) {
    return run->codes[op];
}

struct pc_hash pc_run_reply(const struct pc_run *run, size_t op) {
    return run->replies[op];
}

void pc_run_facts(const struct pc_run *run, struct pc_facts *ret_facts) {
    *ret_facts = run->facts;
}

void pc_run_position(const struct pc_run *run, size_t k, size_t *ret_done, int *ret_in_flight) {
    *ret_done = run->positions[k].done;
    *ret_in_flight = run->positions[k].in_flight;
}

struct run_position run_position_of(const struct pc_run *run, const struct pc_cut *cut) {
    if (cut->torn != PC_TEAR_NONE && cut->back == 0 && cut->at < run->event_count) {
        return run->during[cut->at];
    }
    return run->positions[cut->at];
}

void pc_run_position_during(const struct pc_run *run, size_t event, size_t *ret_done, int *ret_in_flight) {
    *ret_done = run->during[event].done;
    *ret_in_flight = run->during[event].in_flight;
}

/* --- runs without operations ------------------------------------------------------------------------ */

int run_new_empty(const struct pc_run *like, struct pc_run **ret_run) {
    struct pc_run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        return PC_NO_MEMORY;
    }
    run->engine = like->engine;
    run->geometry = like->geometry;
    run->options = like->options;
    run->facts = like->facts;
    if (bd_log_new(&run->log) != BD_OK) {
        free(run);
        return PC_NO_MEMORY;
    }
    *ret_run = run;
    return PC_OK;
}

int run_index_plain(struct pc_run *run, size_t count) {
    struct run_position *grown;

    if (count + 1 > run->event_room) {
        grown = realloc(run->positions, (2 * count + 16) * sizeof(*grown));
        if (grown == NULL) {
            return PC_NO_MEMORY;
        }
        memset(grown, 0, (2 * count + 16) * sizeof(*grown));
        run->positions = grown;
        run->event_room = 2 * count + 16;
    }
    run->event_count = count;
    return PC_OK;
}
