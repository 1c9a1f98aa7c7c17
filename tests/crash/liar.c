/* SPDX-License-Identifier: ISC
 *
 * liar.c: ditto, an engine that is right, made to break one promise, so that the tests see it caught.
 *
 * Compiled by the tests, with the rest of ditto, with -DLIE=n, or with one of ditto's own lies (lies.h).
 */
#define powercut_engine honest_engine
#include "../../csrc/engines/ditto.c"
#undef powercut_engine

#ifndef LIE
#define LIE 0
#endif

enum { CRASHES = 1, HANGS = 2, WRONG_BYTES = 3, WRONG_CODE = 4, ALWAYS_FULL = 5, NO_FORMAT = 6, OLD_ABI = 7 };

static size_t entry_count(const struct store *store) {
    return store->now.count;
}

static int liar_visit(void *self, pc_visit_fn fn, void *ctx) {
    if (LIE == CRASHES && entry_count(self) >= 2) {
        abort();
    }
    while (LIE == HANGS && entry_count(self) >= 2) {
    }
    return ditto_visit(self, fn, ctx);
}

static int liar_apply(void *self, const struct pc_op *op, struct pc_reply *reply) {
    if (LIE == ALWAYS_FULL && op->kind == PC_OP_SET && op->data_len == 5) {
        return PC_NO_SPACE;
    }
    if (LIE == WRONG_CODE && op->kind == PC_OP_LIST && op->key_len > 0) {
        return PC_NOT_FOUND;
    }
    if (LIE == WRONG_BYTES && op->kind == PC_OP_GET) {
        reply->put_bytes(reply, (const uint8_t *)"?", 1);
    }
    return ditto_apply(self, op, reply);
}

static int liar_format(const struct bd *dev, const struct pc_options *options) {
    return LIE == NO_FORMAT ? PC_UNSUPPORTED : ditto_format(dev, options);
}

const struct pc_engine *powercut_engine(void);

const struct pc_engine *powercut_engine(void) {
    static struct pc_engine engine;

    engine = *honest_engine();
    engine.abi_version = LIE == OLD_ABI ? 999u : engine.abi_version;
    engine.version = "0.1.0+liar";
    engine.format = liar_format;
    engine.visit = liar_visit;
    engine.apply = liar_apply;
    return &engine;
}
