#!/bin/sh
# Builds with the address and undefined-behaviour sanitizers and runs the C tests and the quicker Python tests.
# Arguments: the ordinary build folder, whose editable install steps aside, and the folder for this build.
set -eu
plain=$PWD/$1
build=$2
site=$PWD/$build/site
jobs=${JOBS:-2}

if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" -Dbuildtype=debugoptimized -Db_lto=false -Db_lundef=false -Dwerror=true \
        -Db_sanitize=address,undefined -Dpython.platlibdir="$site" -Dpython.purelibdir="$site" >"$build.log" 2>&1 ||
        { cat "$build.log" >&2; exit 1; }
    mv "$build.log" "$build/setup.log"
fi
ninja -C "$build" --quiet

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:abort_on_error=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
meson test -C "$build" --print-errorlogs --quiet

rm -rf "$site"
meson install -C "$build" --tags runtime,python-runtime --quiet
library=$(${CC:-cc} -print-file-name=libasan.so)
[ -f "$library" ] || library=$(${CC:-cc} -print-file-name="libclang_rt.asan-$(uname -m).so")
[ -f "$library" ] || { echo "the compiler's shared address sanitizer library is missing: install it" >&2; exit 1; }

# Python itself leaks by design; what C leaks the C tests have told already.
export ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1
MESONPY_EDITABLE_SKIP=$plain PYTHONPATH=$site LD_PRELOAD=$library \
    python -m pytest -q -p no:cacheprovider -n "$jobs" -m "not slow" tests traces
