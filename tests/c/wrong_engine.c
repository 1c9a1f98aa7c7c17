/* SPDX-License-Identifier: ISC
 *
 * wrong_engine.c: libraries that are no engine, each for one reason. WRONG says for which.
 */
#include "powercut.h"

#if WRONG == 0
const struct pc_engine *another_name(void);
const struct pc_engine *another_name(void) {
    return NULL;
}
#elif WRONG == 1
const struct pc_engine *powercut_engine(void) {
    return NULL;
}
#else

static int format(const struct bd *dev, const struct pc_options *options) {
    (void)dev;
    (void)options;
    return PC_UNSUPPORTED;
}

static int mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    (void)dev;
    (void)options;
    (void)ret_store;
    return PC_UNSUPPORTED;
}

static void unmount(void *store) {
    (void)store;
}

static int apply(void *store, const struct pc_op *op, struct pc_reply *reply) {
    (void)store;
    (void)op;
    (void)reply;
    return PC_UNSUPPORTED;
}

static int visit(void *store, pc_visit_fn fn, void *ctx) {
    (void)store;
    (void)fn;
    (void)ctx;
    return PC_UNSUPPORTED;
}

static int facts(void *store, struct pc_facts *ret_facts) {
    (void)store;
    (void)ret_facts;
    return PC_UNSUPPORTED;
}

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {
        .abi_version = PC_ABI_VERSION + (WRONG == 2),
        .capabilities = WRONG == 3 ? PC_CAN_CHECK : 0,
        .durability = WRONG == 4 ? 3 : PC_DURABLE_ON_RETURN,
        .name = WRONG == 5 ? "" : "wrong",
        .version = "1",
        .format = format,
        .mount = mount,
        .unmount = unmount,
        .apply = apply,
        .visit = WRONG == 6 ? NULL : visit,
        .facts = facts,
    };

    return &engine;
}
#endif
