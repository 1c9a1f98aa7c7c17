/* SPDX-License-Identifier: ISC
 *
 * script.c: what recovery did to a device, recorded, and which stores are allowed if it is cut in its turn.
 */
#include "script.h"

#include "run.h"

#include <stdlib.h>

int permit_has(const struct permit *permit, struct pc_hash store) {
    for (size_t i = 0; i < permit->count; i++) {
        if (permit->stores[i].lo == store.lo && permit->stores[i].hi == store.hi) {
            return 1;
        }
    }
    return 0;
}

int script_init(struct script *script, const struct pc_run *like) {
    *script = (struct script){.settled = SIZE_MAX};
    return run_new_empty(like, &script->run);
}

void script_release(struct script *script) {
    pc_run_free(script->run);
    *script = (struct script){0};
}

void script_begin(struct script *script, struct permit before) {
    bd_log_clear(script->run->log);
    script->before = before;
    script->settled = SIZE_MAX;
    script->step_count = 0;
    script->step_limit = SCRIPT_STEPS;
    script->first = 0;
}

static size_t events_now(const struct script *script) {
    return bd_log_count(script->run->log);
}

void script_settle(struct script *script, struct pc_hash sum) {
    if (script->settled == SIZE_MAX) {
        script->settled = events_now(script);
        script->sum = sum;
    }
}

void script_rebase(struct script *script, struct pc_hash sum, size_t step_limit) {
    script->settled = script->first = events_now(script);
    script->sum = sum;
    script->step_count = 0;
    script->step_limit = step_limit;
}

void script_step_begin(struct script *script) {
    if (script->step_count < script->step_limit) {
        script->steps[script->step_count].begin = events_now(script);
        script->steps[script->step_count].end = SIZE_MAX;
    }
    script->step_count++;
}

void script_step_end(struct script *script, struct pc_hash after, int durable) {
    struct script_step *step = &script->steps[script->step_count - 1];

    if (script->step_count <= script->step_limit) {
        step->end = events_now(script);
        step->after = after;
        step->durable = durable;
    }
}

int script_close(struct script *script) {
    size_t end = events_now(script);

    if (script->step_count > script->step_limit) {
        end = script->steps[script->step_limit - 1].end;
        script->step_count = script->step_limit;
    }
    script->end = end;
    return run_index_plain(script->run, end);
}

/* What is allowed after the first k events, or during event number k, which is one of a step from its beginning on:
 * the last store that is durable, and each from then on. What a step leaves that did not return is not known. */
static struct permit permit_at(struct script *script, size_t k, int during) {
    struct pc_hash *stores = script->between;
    size_t count = 1;

    if (k < script->settled) {
        return script->before;
    }
    stores[0] = script->sum;
    for (size_t i = 0; i < script->step_count; i++) {
        const struct script_step *step = &script->steps[i];

        if ((during ? k < step->begin : k <= step->begin) || step->end == SIZE_MAX) {
            break;
        }
        count = k >= step->end && step->durable ? 0 : count;
        stores[count++] = step->after;
    }
    return (struct permit){stores, count};
}

struct permit script_permit(struct script *script, size_t k) {
    return permit_at(script, k, 0);
}

struct permit script_permit_during(struct script *script, size_t k) {
    return permit_at(script, k, 1);
}
