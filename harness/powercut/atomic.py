# SPDX-License-Identifier: ISC
"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[Path]:
    """A path in the same folder for the block to write; afterwards that file is at ``path``, durably.

    With ``replace`` it takes the place of a file that is there, without it that is a FileExistsError. When
    the block raises, nothing is left behind. Raises OSError.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        _sync(temporary)
        if replace:
            temporary.replace(path)
        else:
            _place(temporary, path)
        _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Makes ``path`` a file of these bytes, in place of what is there. Raises OSError."""
    with new_file(path, replace=True) as temporary:
        temporary.write_bytes(data)
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)


def _place(temporary: Path, path: Path) -> None:
    """Renames, but never over another file: a link fails where the name is taken."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        temporary.rename(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
