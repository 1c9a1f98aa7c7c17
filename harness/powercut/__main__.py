# SPDX-License-Identifier: ISC
"""`python -m powercut` is `powercut`: the command line, which takes a moment to be read in."""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130


def main() -> int:
    """Runs the command of the process's arguments and returns the exit code.

    Ctrl-C and SIGTERM end it without a word while there is nothing to be told yet.
    """
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: one for number, one in found.items() if one not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    from powercut.cli import main as run  # noqa: PLC0415 - behind the signals

    for number, handler in before.items():
        signal.signal(number, handler)
    return run()


if __name__ == "__main__":
    sys.exit(main())
