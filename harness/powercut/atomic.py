# SPDX-License-Identifier: ISC
"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

#: What ENOTBLK means here; the system's own words are about something else.
NO_FILE = "it is no regular file"


def reason(error: OSError) -> str:
    """Why the system refuses, in a few words."""
    if error.errno == errno.ENOTBLK:
        return NO_FILE
    return os.strerror(error.errno) if error.errno else str(error)


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[Path]:
    """A path in the same folder for the block to write; afterwards that file is at ``path``, durably.

    With ``replace`` it takes the place of a file that is there, without it that is a FileExistsError. When
    the block raises, nothing is left behind. A symbolic link stays one. Raises OSError, also where
    ``path`` is no regular file but, say, a device.
    """
    path = demand_file(path)
    with _temporary(path) as temporary:
        yield temporary
        _sync(temporary)
        if replace:
            temporary.replace(path)
        else:
            _place(temporary, path)
        _sync(path.parent)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A name beside ``path``; what is there goes when the block ends."""
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Makes ``path`` a file of these bytes, in place of what is there. Raises OSError."""
    with new_file(path, replace=True) as temporary:
        _fill(temporary, path, data)


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Makes files in a folder, in this order, in place of what is there; and the folder, where it is not.

    All are durable before the first has its name, and each name before the next. Where one of them cannot be
    written, none of them appears, and no folder. Raises OSError.
    """
    with contextlib.ExitStack() as stack:
        _make_folder(folder, stack)
        written: list[tuple[Path, Path]] = []
        for name, data in files.items():
            path = demand_file(folder / name)
            temporary = stack.enter_context(_temporary(path))
            _fill(temporary, path, data)
            _sync(temporary)
            written.append((temporary, path))
        _name(written)


def _name(written: list[tuple[Path, Path]]) -> None:
    """Gives files their names. Where a name cannot be made durable the others come all the same, so that
    the set is whole, and then that is the OSError raised."""
    failed: OSError | None = None
    for temporary, path in written:
        temporary.replace(path)
        try:
            _sync(path.parent)
        except OSError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _make_folder(folder: Path, stack: contextlib.ExitStack) -> None:
    """Makes a folder and those above it; each goes when the stack ends, if it is empty then."""
    if folder.is_dir():
        return
    if os.path.lexists(folder):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if folder.parent != folder:
        _make_folder(folder.parent, stack)
    folder.mkdir(exist_ok=True)
    stack.callback(_remove_empty, folder)
    _sync(folder.parent)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _fill(temporary: Path, path: Path, data: bytes) -> None:
    """The bytes, and the permissions of the file that they will replace."""
    temporary.write_bytes(data)
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)


def demand_file(path: Path) -> Path:
    """The path behind symbolic links; it is a regular file's, or nothing's. Raises OSError."""
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.ENOTBLK, NO_FILE, str(path))
    return path


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
