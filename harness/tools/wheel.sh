#!/bin/sh
# `make wheel`: builds the wheel, and uses it in an environment of its own that has no compiler. Argument: the build folder.
set -eu
build=$PWD/$1
root=$PWD
python -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$build/wheel" "$root"
wheel=$(ls -t "$build"/wheel/powercut-*.whl | head -1)

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python -m venv "$place/venv"
# Nothing but the environment's own programs, and what a shell needs: no compiler, no ninja.
mkdir "$place/bin"
for tool in sh env cat rm mkdir; do ln -s "$(command -v "$tool")" "$place/bin/$tool"; done
"$place/venv/bin/python" -m pip install --quiet "$wheel[pytest]"
cd "$place"
export PATH="$place/venv/bin:$place/bin" CC=/no/compiler
unset PYTHONPATH VIRTUAL_ENV || true

expect() { # expect CODE COMMAND...
    wanted=$1
    shift
    code=0
    "$@" > "$place/out" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || { cat "$place/out" >&2; echo "wheel: $* exits with $code, not $wanted" >&2; exit 1; }
}
expect 127 sh -c 'cc --version'
expect 0 powercut --version
expect 0 powercut list engines
expect 0 powercut run --traces 2 --ops 20 --seed 1
expect 0 powercut format disk.img --block-count 16
expect 0 powercut check disk.img
expect 0 powercut replay "$root/traces/mutant-move-not-pending.trace.json"
expect 0 powercut explain "$root/traces/mutant-move-not-pending.trace.json" --html why.html
expect 0 powercut init suite
expect 0 pytest -q suite -n 2
expect 0 pytest -q suite -k histories --powercut-engine ditto --junitxml=suite.xml
expect 0 powercut completion bash
expect 0 sh -c 'test -f "$(powercut cflags --json | python -c "import json, sys; print(json.load(sys.stdin)[\"include\"])")/powercut.h"'
echo "${wheel##*/} works without a compiler"
