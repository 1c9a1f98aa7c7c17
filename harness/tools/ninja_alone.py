#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""ninja, one at a time: what the editable install runs on import, in however many processes at once.

Arguments: ninja's. The lock lies beside the ninja of .venv and is held until that ends.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

NINJA = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "ninja"


def main() -> None:
    """Waits for the lock and becomes ninja, which inherits it."""
    lock = os.open(NINJA.with_name("ninja.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    os.execv(NINJA, [str(NINJA), *sys.argv[1:]])


if __name__ == "__main__":
    main()
