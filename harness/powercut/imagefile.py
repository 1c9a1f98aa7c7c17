# SPDX-License-Identifier: ISC
"""A store in an image file: skink over the file device, for the everyday commands.

Every problem is a PowercutError with one sentence; an answer of the store about a key is a RefusedError.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from powercut import atomic
from powercut.errors import PowercutError
from powercut.moments import Time
from powercut.native import KIND_NAMES, code_name, ffi, lib
from powercut.ops import key_text

#: What a byte of an image reads as where nothing was written.
ERASED = 0xFF
PROG_SIZE = 16
#: Bytes of an image that is looked at as a whole, at most.
READ_MAX = 1 << 31
#: Bytes that a value can have by the format.
VALUE_MAX = (1 << 31) - 1
#: Bytes that an attribute can have by the format.
ATTR_MAX = 1022


class RefusedError(PowercutError):
    """The store answered ``code`` (a name such as NOT_FOUND)."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Shape:
    """What the user says about an image's geometry, in bytes and blocks; None: what the image itself says."""

    block_size: int | None = None
    block_count: int | None = None
    prog_size: int | None = None
    read_size: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its whole key, ``value`` or ``dictionary``, and of a value bytes, time and SHA-256."""

    key: bytes
    kind: str
    size: int
    time: Time | None
    sha256: str | None


class ImageFile:
    """An open store in a file; a context manager. Locked against others while it is open for writing."""

    def __init__(self, path: Path, shape: Shape = Shape(), *, now: Time | None = None) -> None:
        """Opens ``path``: for reading, or for writing where ``now``, the time of what is written, is given.

        Raises PowercutError: no such file, locked, no image, geometry that cannot be, ...
        """
        self.path = path
        self._device = ffi.new("struct bd *")
        self._store = ffi.NULL
        geometry = _geometry(path, shape)
        if now is not None:
            _reserve(path)
        flags = lib.BD_FILE_READ_ONLY if now is None else 0
        _device_open(path, flags, geometry, self._device)
        try:
            self._store = self._mount(now)
        except BaseException:
            lib.bd_close(self._device)
            raise

    def _mount(self, now: Time | None) -> Any:
        self._config = ffi.new("struct skink_config *")
        self._config.device = self._device
        if now is None:
            self._config.flags = lib.SKINK_OPEN_READ_ONLY
        else:
            self._clock = ffi.new_handle(lambda: now)
            self._config.now, self._config.now_ctx = lib.py_on_now, self._clock
        store = ffi.new("struct skink **")
        self._demand(lib.skink_open(self._config, store), b"")
        return store[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the store and the file. Closing again does nothing."""
        lib.skink_close(self._store)
        self._store = ffi.NULL
        lib.bd_close(self._device)

    def kind(self, key: bytes) -> str | None:
        """``value``, ``dictionary``, or None: bound to nothing. Raises RefusedError."""
        kind = ffi.new("enum skink_kind *")
        self._demand(lib.skink_exists(self._store, key, len(key), kind), key)
        return KIND_NAMES.get(int(kind[0]))

    def get(self, key: bytes) -> bytes:
        """A whole value. Raises RefusedError."""
        data, size = ffi.new("uint8_t **"), ffi.new("size_t *")
        self._demand(lib.skink_get(self._store, key, len(key), data, size), key)
        try:
            return bytes(ffi.buffer(data[0], size[0]))
        finally:
            lib.skink_release(self._store, data[0])

    def put(self, key: bytes, value: bytes) -> None:
        """Binds the key to the value; missing dictionaries on the way are made. Raises RefusedError."""
        self._demand(lib.skink_set(self._store, key, len(key), value, len(value)), key)

    def remove(self, key: bytes) -> None:
        """Removes a value, or a dictionary with all below it. Raises RefusedError, also if it is missing."""
        if self.kind(key) is None:
            self._demand(lib.SKINK_NOT_FOUND, key)
        self._demand(lib.skink_remove(self._store, key, len(key)), key)

    def attr(self, key: bytes, kind: int) -> bytes | None:
        """A user attribute; None where the key has none of this type (0 to 255). Raises RefusedError."""
        size = ffi.new("size_t *")
        buffer = ffi.new("uint8_t[]", ATTR_MAX)
        code = lib.skink_attr_get(self._store, key, len(key), kind, buffer, ATTR_MAX, size)
        if code == lib.SKINK_NOT_FOUND and self.kind(key) is not None:
            return None
        self._demand_attr(code, key, kind)
        return bytes(ffi.buffer(buffer, size[0]))

    def attrs(self, key: bytes) -> dict[int, bytes]:
        """All user attributes, by type; not those that are skink's own. Raises RefusedError."""
        if self.kind(key) is None:
            self._demand(lib.SKINK_NOT_FOUND, key)
        found: dict[int, bytes] = {}
        for kind in range(256):
            try:
                data = self.attr(key, kind)
            except RefusedError as error:
                if error.code != "INVALID_ARGUMENT":
                    raise
                continue
            if data is not None:
                found[kind] = data
        return found

    def set_attr(self, key: bytes, kind: int, data: bytes | None) -> None:
        """Sets a user attribute, or takes it away (None). Raises RefusedError."""
        if data is None:
            code = lib.skink_attr_remove(self._store, key, len(key), kind)
        else:
            code = lib.skink_attr_set(self._store, key, len(key), kind, data, len(data))
        if code == lib.SKINK_VALUE_TOO_LARGE:
            raise RefusedError(
                "VALUE_TOO_LARGE",
                f"An attribute in {self.path} has at most {self._stat().attr_max} bytes, not "
                f"{len(data or b'')}; store it as a value.",
            )
        self._demand_attr(code, key, kind)

    @property
    def block_count(self) -> int:
        """Blocks that the store uses or may use."""
        return int(self._stat().block_count)

    def grow(self, block_count: int) -> None:
        """Makes the store use more blocks of its file. Raises RefusedError."""
        self._demand(lib.skink_grow(self._store, block_count), b"")

    def _stat(self) -> Any:
        stat = ffi.new("struct skink_stat *")
        self._demand(lib.skink_stat(self._store, stat), b"")
        return stat

    def _demand_attr(self, code: int, key: bytes, kind: int) -> None:
        if code == lib.SKINK_INVALID_ARGUMENT:
            raise RefusedError(
                "INVALID_ARGUMENT",
                f"In {self.path} the attribute type 0x{kind:02x} is skink's own; use another type.",
            )
        self._demand(code, key)

    def entries(self, key: bytes = b"", *, recursive: bool = False, digests: bool = False) -> list[Entry]:
        """What lies in the dictionary ``key``, sorted; with ``recursive`` at any depth, each dictionary
        before what it holds; with ``digests`` every value is read. Raises RefusedError."""
        prefix = b"".join(segment + b"/" for segment in key.split(b"/") if segment)
        found: list[Entry] = []

        def keep(entry: Any) -> int:
            name = bytes(ffi.buffer(entry.name, entry.name_len))
            if recursive and not name.startswith(prefix):
                return 0
            code, sha256 = self._digest(entry) if digests and entry.kind == lib.SKINK_VALUE else (0, None)
            time = (int(entry.time.days), int(entry.time.picoseconds)) if entry.has_time else None
            whole = name if recursive else prefix + name
            found.append(Entry(whole, KIND_NAMES[int(entry.kind)], int(entry.size), time, sha256))
            return code

        handle = ffi.new_handle(keep)
        if recursive:
            self._demand_dictionary(key)
            code = lib.skink_visit(self._store, lib.py_on_entry, handle)
        else:
            code = lib.skink_list(self._store, key, len(key), lib.py_on_entry, handle)
        self._demand(code, found[-1].key if found and code != lib.SKINK_NOT_FOUND else key)
        return found

    def _digest(self, entry: Any) -> tuple[int, str | None]:
        """(result code, SHA-256 in hex) of the value that a walk is showing."""
        buffer = bytearray(entry.size)
        memory = ffi.from_buffer("uint8_t[]", buffer, require_writable=True)
        code = int(lib.skink_entry_read(self._store, entry, memory))
        return code, hashlib.sha256(buffer).hexdigest()

    def _demand_dictionary(self, key: bytes) -> None:
        kind = self.kind(key)
        if kind is None:
            self._demand(lib.SKINK_NOT_FOUND, key)
        if kind == "value":
            self._demand(lib.SKINK_DICTIONARY_EXPECTED, key)

    def _demand(self, code: int, key: bytes) -> None:
        if code != lib.SKINK_OK:
            name = code_name(code)
            raise RefusedError(name, _sentence(name, self.path, key_text(key) or "/"))


def format_image(path: Path, shape: Shape, *, name_max: int = 0, minor: int = 1, force: bool = False) -> None:
    """Makes an image with an empty store, whole at once; ``minor`` is the on-disk version's: 0 or 1.

    ``shape`` has the block size and count. Raises PowercutError: a file is there and not ``force``, it is in
    use, the geometry cannot be, no room, ...
    """
    options = ffi.new("struct skink_format_options *", {"name_max": name_max})
    options.flags = lib.SKINK_FORMAT_2_0 if minor == 0 else 0
    geometry = _shaped(path, shape, shape.block_size or 0, shape.block_count or 0)
    if geometry.block_count < 2:
        raise PowercutError(f"{path} needs at least 2 blocks; give a larger --block-count.")
    with _os_errors(path), _held(path, force), atomic.new_file(path, replace=force) as temporary:
        with temporary.open("xb") as file:
            _append_erased(file, 0, int(geometry.block_size) * int(geometry.block_count))
        device = ffi.new("struct bd *")
        _device_open(temporary, 0, geometry, device, shown=path)
        try:
            code = code_name(lib.skink_format(device, ffi.NULL, options))
        finally:
            lib.bd_close(device)
        if code == "UNSUPPORTED":
            limit = lib.skink_name_limit(geometry.block_size)
            raise PowercutError(
                f"No store fits {path}: skink needs blocks of 128 bytes or more, and names of at most "
                f"{limit} bytes in blocks of {geometry.block_size}."
            )
        if code != "OK":
            raise RefusedError(code, _sentence(code, path, "/"))


def grow_image(path: Path, shape: Shape, block_count: int) -> None:
    """Makes the store use ``block_count`` blocks, and the file longer where it has fewer.

    On failure the file is as long as before. Raises PowercutError."""
    geometry = _geometry(path, shape)
    size = int(geometry.block_size)
    with ImageFile(path, shape) as store:
        count = store.block_count
    if block_count < count:
        raise PowercutError(f"{path} has {count} blocks already; a store cannot be made smaller.")
    if block_count == count:
        return
    _shaped(path, shape, size, block_count)
    length = int(geometry.block_count) * size
    try:
        _lengthen(path, length, block_count * size)
        with ImageFile(path, shape, now=(0, 0)) as store:
            store.grow(block_count)
    except BaseException:
        _shorten(path, size, length, block_count * size)
        raise


def _lengthen(path: Path, old: int, new: int) -> None:
    """Erased bytes behind the ``old`` ones that are there, durably."""
    with _os_errors(path), _held(path, True), path.open("r+b") as file:
        _append_erased(file, old, new)


def _append_erased(file: BinaryIO, old: int, new: int) -> None:
    """Makes a file of ``old`` bytes one of ``new``; Ctrl-C ends it. Where the file system has no room for
    that it says so before anything is written. Raises OSError."""
    erased = bytes([ERASED]) * (1 << 20)
    if new > old:
        _set_aside(file, old, new - old)
    file.seek(old)
    for at in range(old, new, len(erased)):
        file.write(erased[: new - at])
    file.flush()
    os.fsync(file.fileno())


def _set_aside(file: BinaryIO, off: int, size: int) -> None:
    """Room for these bytes, where the file system can promise it."""
    try:
        os.posix_fallocate(file.fileno(), off, size)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise


def _shorten(path: Path, block_size: int, old: int, new: int) -> None:
    """As it was before, unless the store has grown all the same."""
    with contextlib.suppress(OSError, PowercutError), _held(path, True), path.open("r+b") as file:
        with _mapped(path) as data:
            said = _probe(data)
        if said is not None and said[1] * block_size <= old < new:
            file.truncate(old)


def read_image(path: Path) -> bytes:
    """All bytes of an image file. Raises PowercutError."""
    with _os_errors(path), _mapped(path) as data:
        if len(data) > READ_MAX:
            raise PowercutError(
                f"{path} has {len(data):,} bytes, and an image of more than {READ_MAX:,} is not read into "
                "memory; `powercut ls` and `powercut get` take it."
            )
        return bytes(data)


def image_geometry(path: Path, shape: Shape) -> Any:
    """The geometry of an existing image, a ``struct bd_geometry``. Raises PowercutError."""
    return _geometry(path, shape)


# --- the file below -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    """What the operating system says, as one sentence."""
    try:
        yield
    except FileExistsError as error:
        raise PowercutError(f"{path} is there already; say --force to replace it.") from error
    except OSError as error:
        raise PowercutError(_system_sentence(path, error)) from error


def _system_sentence(path: Path, error: OSError) -> str:
    way_out = {
        errno.ENOENT: "check the path, or make an image with `powercut format`",
        errno.EACCES: "check its permissions",
        errno.EPERM: "check its permissions",
        errno.EROFS: "copy it to a file system that can be written",
        errno.ENOSPC: "make room on the file system that it lies on",
        errno.EDQUOT: "make room on the file system that it lies on",
        errno.EFBIG: "raise the limit on file sizes or make a smaller image",
        errno.EISDIR: "name a file",
        errno.ENOTBLK: "name a regular file",
    }.get(error.errno or 0, "check the path and the file system below it")
    return f"Cannot use {path}: {atomic.reason(error)}; {way_out}."


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """The file's bytes, read as they are asked for. Raises OSError."""
    atomic.demand_file(path)
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


@contextlib.contextmanager
def _held(path: Path, force: bool) -> Iterator[None]:
    """Keeps others from the image that is about to be replaced, where there is one."""
    if not path.exists():
        yield
        return
    if not force:
        raise FileExistsError(path)
    atomic.demand_file(path)
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PowercutError(_locked(path)) from None
        yield


def _reserve(path: Path) -> None:
    """Has the file system set aside the room that the image needs, so that a full one says so before the
    first write. Only an image with holes needs any."""
    with _os_errors(path), path.open("r+b") as file:
        status = os.fstat(file.fileno())
        if status.st_blocks * 512 >= status.st_size:
            return
        _set_aside(file, 0, status.st_size)


# --- geometry and device --------------------------------------------------------------------------------


def _geometry(path: Path, shape: Shape) -> Any:
    """The complete geometry of an existing image. Raises PowercutError."""
    with _os_errors(path), _mapped(path) as data:
        length = len(data)
        if length == 0:
            raise PowercutError(f"{path} is empty, no image; make one with `powercut format`.")
        said = _probe(data) if shape.block_size is None or shape.block_count is None else None
    if shape.block_size is None and said is None:
        raise PowercutError(
            f"{path} has no superblock, so it is no image of a store; if it is, say --block-size and "
            "--block-count."
        )
    size = shape.block_size or (said[0] if said else 0)
    count = shape.block_count or (said[1] if said and said[0] == size else 0)
    if count * size > length:
        raise PowercutError(
            f"{path} is truncated: {count} blocks of {size} bytes are {count * size} bytes, not {length}; "
            "copy it anew."
        )
    if size <= 0 or length % size:
        raise PowercutError(
            f"{path} has {length} bytes, no whole number of blocks of {size}; "
            "copy it anew or say --block-size."
        )
    if shape.block_count is not None and count * size != length:
        raise PowercutError(
            f"{path} has {length // size} blocks of {size} bytes, not {count}; leave out --block-count."
        )
    return _shaped(path, shape, size, length // size)


def _probe(data: mmap.mmap | bytes) -> tuple[int, int] | None:
    """(block size, block count) of the superblock, or None."""
    size, count = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    memory = ffi.from_buffer("uint8_t[]", data)
    try:
        found = lib.skink_probe(memory, len(data), size, count) == lib.SKINK_OK
    finally:
        ffi.release(memory)
    return (int(size[0]), int(count[0])) if found and size[0] and count[0] else None


def _shaped(path: Path, shape: Shape, block_size: int, block_count: int) -> Any:
    """A struct bd_geometry. Raises PowercutError where it cannot be."""
    prog = shape.prog_size or (PROG_SIZE if block_size % PROG_SIZE == 0 else 1)
    read = shape.read_size or (prog if block_size % prog == 0 else 1)
    sizes = (read, prog, block_size, block_count, ERASED)
    if max(sizes) < 2**31 and min(sizes) > 0:
        geometry = ffi.new("struct bd_geometry *", sizes)
        if lib.bd_geometry_check(geometry) == lib.BD_OK:
            return geometry
    raise PowercutError(
        f"The geometry of {path} cannot be: {block_count} blocks of {block_size} bytes, read {read}, "
        f"prog {prog}; the last two have to divide the block size."
    )


def _device_open(path: Path, flags: int, geometry: Any, device: Any, shown: Path | None = None) -> None:
    """Opens the file device. Raises PowercutError, which calls the file ``shown``."""
    number = ffi.new("int *")
    code = lib.bd_file_open(os.fsencode(path), flags, geometry, device, number)
    if code == lib.BD_OK:
        return
    shown = shown or path
    if code == lib.BD_LOCKED:
        raise PowercutError(_locked(shown))
    if code in {lib.BD_SYSTEM, lib.BD_FULL}:
        raise PowercutError(_system_sentence(shown, OSError(number[0], "")))
    text = bytes(ffi.string(lib.bd_code_text(code))).decode()
    raise PowercutError(f"Cannot open {shown}: {text}; check its geometry.")


def _locked(path: Path) -> str:
    return f"{path} is in use by another program; try again when that has ended."


def _sentence(code: str, path: Path, key: str) -> str:
    """A result code in one sentence."""
    sentences = {
        "NOT_FOUND": f"There is no key {key} in {path}; `powercut ls -R` shows those that there are.",
        "VALUE_EXPECTED": f"The key {key} in {path} is a dictionary; name a value.",
        "DICTIONARY_EXPECTED": f"The key {key} in {path}, or one on the way, is a value, no dictionary.",
        "INVALID_KEY": f"The key {key} cannot be: no segment may be . or .. or hold a NUL, and / "
        "can neither be a value nor be removed.",
        "NAME_TOO_LONG": f"The key {key} has a segment longer than {path} allows; use a shorter one.",
        "VALUE_TOO_LARGE": f"The value of {key} is larger than {path} allows; store it in parts.",
        "NO_SPACE": f"{path} has no room for this; remove something from it or format a larger image.",
        "READ_ONLY": f"{path} is open for reading only.",
        "IO": f"The file {path} failed while it was read or written; check its disk, then `powercut ls`.",
        "CORRUPT": f"{path} holds bytes that cannot be right; `powercut parse` shows what can be read.",
        "UNSUPPORTED": f"{path} has an on-disk version or a geometry that skink does not read.",
        "NO_MEMORY": f"There is not enough memory to work with {path}.",
    }
    return sentences.get(code, f"The store in {path} answers {code} for the key {key}.")
