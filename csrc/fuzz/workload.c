/* SPDX-License-Identifier: ISC
 *
 * workload.c: operations out of an input, and the engine's own account of them.
 *
 * What the engine shows between two operations of a run without any cut is what every crash state there has to
 * show. Whether it should have shown that, the model says later, of what is kept.
 */
#include "workload.h"

#include "shake.h"

#include <stdlib.h>
#include <string.h>

/* The clock of operation i: 2026-01-01 and i times 4999.123456789012 seconds; harness/powercut/ops.py. */
#define DAY_PS UINT64_C(86400000000000000)
#define STEP_PS UINT64_C(4999123456789012)
#define FIRST_DAY 20454u

/* --- operations ------------------------------------------------------------------------------------- */

static struct pc_time clock_of(size_t i) {
    uint64_t ps = (uint64_t)i * STEP_PS;

    return (struct pc_time){FIRST_DAY + (uint32_t)(ps / DAY_PS), ps % DAY_PS};
}

static int makes_value(const struct input_op *op) {
    return (op->kind == PC_OP_SET || op->kind == PC_OP_SET_PARTIAL) && !op->written;
}

static struct pc_op make_op(const struct input *in, size_t i, uint8_t **at) {
    const struct input_op *from = &in->ops[i];
    const struct input_string *key = &in->strings[from->key];
    const struct input_string *other = &in->strings[from->other];
    struct pc_op op = {.kind = from->kind, .off = from->off, .now = clock_of(i)};

    if (from->kind != PC_OP_SYNC) {
        op.key = (const char *)key->bytes;
        op.key_len = key->size;
    }
    if (from->kind == PC_OP_RENAME) {
        op.target = (const char *)other->bytes;
        op.target_len = other->size;
    } else if (from->written) {
        op.data = other->bytes;
        op.data_len = other->size;
    } else if (makes_value(from)) {
        shake_value(from->seed, *at, from->number);
        op.data = *at;
        op.data_len = from->number;
        *at += from->number;
    } else {
        op.len = from->number;
    }
    return op;
}

int workload_make(const struct input *in, struct workload *ret_workload) {
    struct workload made = {in->op_count, NULL, NULL};
    size_t size = 1;
    uint8_t *at;

    for (size_t i = 0; i < in->op_count; i++) {
        size += makes_value(&in->ops[i]) ? in->ops[i].number : 0;
    }
    made.ops = calloc(made.op_count + 1, sizeof(*made.ops));
    made.bytes = at = malloc(size);
    if (made.ops == NULL || made.bytes == NULL) {
        workload_release(&made);
        return PC_NO_MEMORY;
    }
    for (size_t i = 0; i < in->op_count; i++) {
        made.ops[i] = make_op(in, i, &at);
    }
    *ret_workload = made;
    return PC_OK;
}

void workload_release(struct workload *workload) {
    free(workload->ops);
    free(workload->bytes);
    *workload = (struct workload){0, NULL, NULL};
}

/* --- the engine's account --------------------------------------------------------------------------- */

static void ignore_bytes(struct pc_reply *reply, const uint8_t *bytes, size_t size) {
    (void)reply, (void)bytes, (void)size;
}

static void ignore_entry(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind) {
    (void)reply, (void)name, (void)name_len, (void)kind;
}

static int add_entry(void *ctx, const struct pc_entry *entry) {
    struct pc_hash *sum = ctx;

    *sum = pc_hash_add(*sum, pc_hash_entry(entry));
    return 0;
}

static int show(const struct pc_engine *engine, void *store, struct pc_hash *ret_hash) {
    *ret_hash = (struct pc_hash){0, 0};
    return engine->visit(store, add_entry, ret_hash);
}

/* shown[i]: the store after i operations; kept[i]: the number of operations that were then durable for good. */
static int apply_all(const struct pc_engine *engine, void *store, const struct workload *workload,
                     struct pc_hash *shown, size_t *kept) {
    int code = show(engine, store, &shown[0]);

    kept[0] = 0;
    for (size_t i = 0; code == PC_OK && i < workload->op_count; i++) {
        struct pc_reply reply = {.put_bytes = ignore_bytes, .put_entry = ignore_entry};
        int answer = engine->apply(store, &workload->ops[i], &reply);
        int synced = workload->ops[i].kind == PC_OP_SYNC && answer == PC_OK;

        kept[i + 1] = engine->durability != PC_DURABLE_ON_SYNC || synced ? i + 1 : kept[i];
        code = show(engine, store, &shown[i + 1]);
    }
    return code;
}

static int run_uncut(const struct pc_engine *engine, const struct bd_geometry *geometry,
                     const struct workload *workload, struct pc_hash *shown, size_t *kept) {
    struct pc_options options = {0};
    struct bd ram = {0};
    void *store = NULL;
    int code = bd_ram_open(geometry, &ram);

    if (code != BD_OK) {
        return PC_NO_MEMORY;
    }
    code = engine->format(&ram, &options);
    if (code == PC_OK) {
        code = engine->mount(&ram, &options, &store);
    }
    if (code == PC_OK) {
        code = apply_all(engine, store, workload, shown, kept);
        engine->unmount(store);
    }
    bd_close(&ram);
    return code;
}

/* All stores since the last that was durable for good, for each number of operations. */
static int fill_account(const struct pc_hash *shown, const size_t *kept, size_t op_count,
                        struct account *account) {
    size_t count = 0;

    for (size_t i = 0; i <= op_count; i++) {
        count += i - kept[i] + 1;
    }
    account->stores = calloc(count, sizeof(*account->stores));
    account->first = calloc(op_count + 2, sizeof(*account->first));
    if (account->stores == NULL || account->first == NULL) {
        account_release(account);
        return PC_NO_MEMORY;
    }
    count = 0;
    for (size_t i = 0; i <= op_count; i++) {
        account->first[i] = count;
        for (size_t j = kept[i]; j <= i; j++) {
            account->stores[count++] = shown[j];
        }
    }
    account->first[op_count + 1] = count;
    return PC_OK;
}

int account_take(const struct pc_engine *engine, const struct bd_geometry *geometry,
                 const struct workload *workload, struct account *ret_account) {
    struct pc_hash *shown = calloc(workload->op_count + 1, sizeof(*shown));
    size_t *kept = calloc(workload->op_count + 1, sizeof(*kept));
    int code = PC_NO_MEMORY;

    *ret_account = (struct account){NULL, NULL, NULL};
    if (shown != NULL && kept != NULL) {
        code = run_uncut(engine, geometry, workload, shown, kept);
    }
    if (code == PC_OK) {
        code = fill_account(shown, kept, workload->op_count, ret_account);
    }
    if (code == PC_OK) {
        ret_account->now = shown;
        shown = NULL;
    }
    free(shown);
    free(kept);
    return code;
}

void account_release(struct account *account) {
    free(account->stores);
    free(account->first);
    free(account->now);
    *account = (struct account){NULL, NULL, NULL};
}
