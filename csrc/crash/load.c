/* SPDX-License-Identifier: ISC
 *
 * load.c: an engine out of a shared library, looked over before anybody calls it.
 */
#include "powercut.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(int code, char *ret_text, size_t text_size, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    if (ret_text != NULL && text_size > 0) {
        (void)vsnprintf(ret_text, text_size, format, arguments);
    }
    va_end(arguments);
    return code;
}

/* Loads the library; a bare file name is a file here, not one that the system's loader goes to look for. */
static void *open_library(const char *path) {
    char *here;
    void *library;

    if (strchr(path, '/') != NULL) {
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    here = malloc(strlen(path) + 3);
    if (here == NULL) {
        return NULL;
    }
    memcpy(here, "./", 2);
    memcpy(here + 2, path, strlen(path) + 1);
    library = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    free(here);
    return library;
}

/* The first function that the engine lacks; NULL if it has them all. */
static const char *missing_function(const struct pc_engine *engine) {
    if (engine->format == NULL) {
        return "format";
    }
    if (engine->mount == NULL) {
        return "mount";
    }
    if (engine->unmount == NULL) {
        return "unmount";
    }
    if (engine->apply == NULL) {
        return "apply";
    }
    if (engine->visit == NULL) {
        return "visit";
    }
    if (engine->facts == NULL) {
        return "facts";
    }
    if ((engine->capabilities & PC_CAN_CHECK) != 0 && engine->check == NULL) {
        return "check";
    }
    return NULL;
}

/* Is this an engine that can be called and judged? */
static int check_engine(const struct pc_engine *engine, char *ret_text, size_t text_size) {
    const char *missing;

    if (engine == NULL) {
        return fail(PC_UNSUPPORTED, ret_text, text_size, "its powercut_engine() returns no engine");
    }
    if (engine->abi_version < PC_ABI_OLDEST || engine->abi_version > PC_ABI_VERSION) {
        return fail(PC_UNSUPPORTED, ret_text, text_size, "it was built for engine ABI version %u, this is %u",
                    (unsigned)engine->abi_version, (unsigned)PC_ABI_VERSION);
    }
    if (engine->name == NULL || engine->name[0] == 0 || engine->version == NULL) {
        return fail(PC_UNSUPPORTED, ret_text, text_size, "the engine has no name or no version");
    }
    missing = missing_function(engine);
    if (missing != NULL) {
        return fail(PC_UNSUPPORTED, ret_text, text_size, "the engine has no %s function", missing);
    }
    if (engine->durability != PC_DURABLE_ON_RETURN && engine->durability != PC_DURABLE_ON_SYNC) {
        return fail(
            PC_UNSUPPORTED, ret_text, text_size,
            "the engine promises neither that operations are durable when they return nor that they are "
            "when a sync does");
    }
    return PC_OK;
}

const char *pc_engine_claims(const struct pc_engine *engine) {
    return engine->abi_version < 2 ? NULL : engine->claims;
}

int pc_engine_load(const char *path, const struct pc_engine **ret_engine, char *ret_text, size_t text_size) {
    void *library = open_library(path);
    const char *why;
    void *symbol;
    pc_engine_fn function;
    int code;

    if (library == NULL) {
        why = dlerror();
        return fail(PC_NOT_FOUND, ret_text, text_size, "%s", why == NULL ? "it cannot be loaded" : why);
    }
    symbol = dlsym(library, "powercut_engine");
    if (symbol == NULL) {
        return fail(PC_UNSUPPORTED, ret_text, text_size,
                    "it exports no powercut_engine(); out of C++ or Rust it is exported as extern \"C\"");
    }
    memcpy(&function, &symbol, sizeof(function)); /* ISO C has no cast from an object to a function */
    code = check_engine(function(), ret_text, text_size);
    if (code == PC_OK) {
        *ret_engine = function();
    }
    return code;
}
