#!/bin/sh
# Sees to a headless Chromium for the tests of pages: Debian's packages, where this may install them. Argument: the
# log. Where it cannot be had that is said, and is no failure: the tests that need it then say that they did not run.
log=$1
there() { command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1; }
install() {
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        chromium chromium-driver fonts-dejavu-core >>"$log" 2>&1
}

there && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "no headless Chromium here, and no right to install it: as root, apt-get install chromium chromium-driver" >&2
    exit 0
fi
echo "installing chromium"
: >"$log"
install || { apt-get -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1; install; }
there || echo "chromium could not be installed, see $log" >&2
exit 0
