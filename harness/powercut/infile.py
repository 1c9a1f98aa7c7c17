# SPDX-License-Identifier: ISC
"""Files that are read whole, but no more of them than there can be: some, as /dev/zero, have no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: The longest text that a person writes by hand, in bytes.
TEXT_MAX = 1 << 24

#: Of a device that gives one byte after another no more is read to find that it is no file.
_DEVICE_MAX = 1 << 16


def read_whole(path: Path, most: int = TEXT_MAX) -> bytes:
    """The bytes of a file, or of a pipe. Raises OSError, EFBIG where there are more than ``most``."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        most = min(most, _DEVICE_MAX) if stat.S_ISCHR(status.st_mode) else most
        data = b"" if status.st_size > most else file.read(most + 1)
    if status.st_size > most or len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
    return data
