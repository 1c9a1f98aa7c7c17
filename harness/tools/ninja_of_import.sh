#!/bin/sh
# The ninja of the editable install, which runs it in the build folder on every import of powercut, in every process.
# Where POWERCUT_BUILT names that folder all is built: `make test` says so, whose hundreds of processes would ask again.
[ "${POWERCUT_BUILT:-}" = "$(pwd -P)" ] && exit 0
# -S: without the editable install, which ninja has no use for
exec python3 -S "$(dirname "$0")/ninja_alone.py" "$@"
