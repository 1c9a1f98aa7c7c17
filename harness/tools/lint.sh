#!/bin/sh
# All that `make lint` checks, to the end even where something fails. Argument: the build folder.
set -u
build=$1
failed=0
c_files=$(find csrc tests -name '*.[ch]' | sort)
python_folders="harness models tests"

check() { # check NAME COMMAND...: runs it, says its name where it fails
    name=$1
    shift
    "$@" || { echo "lint: $name failed" >&2; failed=1; }
}

# shellcheck disable=SC2086
check clang-format clang-format --dry-run -Werror $c_files
check clang-tidy python harness/tools/tidy.py "$build"
# shellcheck disable=SC2086
check ruff ruff check -q $python_folders
# shellcheck disable=SC2086
check 'ruff format' ruff format -q --check $python_folders
check mypy mypy --no-error-summary
check mypy mypy --no-error-summary harness/tools harness/native_build.py
check tidiness python harness/tools/tidiness.py
exit $failed
