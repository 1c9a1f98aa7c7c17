#!/bin/sh
# Sees to what tests need that pip has not: a headless Chromium for the pages, and the shells that completion is typed
# into. Debian's packages, where this may install them. Argument: the log. What cannot be had is told, and is no failure:
# the tests that need it then say that they did not run.
log=$1
there() {
    case $1 in
    chromium) command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}
packages() {
    case $1 in
    chromium) echo chromium chromium-driver fonts-dejavu-core ;;
    *) echo "$1" ;;
    esac
}
apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1; }

missing=
for program in chromium zsh fish; do there "$program" || missing="$missing $program"; done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    for program in $missing; do
        echo "no $program here, and no right to install it: as root, apt-get install $(packages "$program")" >&2
    done
    exit 0
fi
: >"$log"
for program in $missing; do
    echo "installing $program"
    # shellcheck disable=SC2046 # several packages
    set -- install -y --no-install-recommends $(packages "$program")
    apt "$@" || { apt update; apt "$@"; }
    there "$program" || echo "$program could not be installed, see $log" >&2
done
exit 0
