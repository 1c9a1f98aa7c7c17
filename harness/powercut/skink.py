# SPDX-License-Identifier: ISC
"""skink's own API on an image in memory: what the engine ABI has no word for (attributes, settle, flags)."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from powercut.geometry import Geometry
from powercut.native import code_name, ffi, lib
from powercut_models import Row, Time

READ_ONLY, STAY_2_0, VERIFY = lib.SKINK_OPEN_READ_ONLY, lib.SKINK_OPEN_STAY_2_0, lib.SKINK_OPEN_VERIFY
FORMAT_2_0, VALUE_CHECKS = lib.SKINK_FORMAT_2_0, lib.SKINK_FORMAT_VALUE_CHECKS


#: Memory that is not cleared: a damaged image may claim values of gigabytes.
_lazy = ffi.new_allocator(should_clear_after_alloc=False)


class SkinkError(Exception):
    """A call of skink's answered ``code``, a name such as CORRUPT."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} answers {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Stat:
    """What skink says of an open store; sizes in bytes, ``version`` as (major, minor)."""

    version: tuple[int, int]
    block_size: int
    block_count: int
    name_max: int
    value_max: int
    attr_max: int
    blocks_used: int
    pairs: int
    pending: bool
    value_checks: bool


class Disk:
    """A device in memory over bytes of its own, with all its writes counted."""

    def __init__(self, geometry: Geometry, image: bytes | None = None) -> None:
        self.geometry = geometry
        self._bytes = bytearray(geometry.size) if image is None else bytearray(image)
        self._memory = ffi.from_buffer("uint8_t[]", self._bytes, require_writable=True)
        self._ram, self.pointer = ffi.new("struct bd *"), ffi.new("struct bd *")
        erase = -1 if geometry.erase_value is None else geometry.erase_value
        shape = ffi.new(
            "struct bd_geometry *",
            (geometry.read_size, geometry.prog_size, geometry.block_size, geometry.block_count, erase),
        )
        _demand("bd_ram_wrap", lib.bd_ram_wrap(shape, self._memory, self._ram))
        _demand("bd_count_open", lib.bd_count_open(self._ram, self.pointer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        lib.bd_close(self.pointer)
        lib.bd_close(self._ram)

    @property
    def image(self) -> bytes:
        """What the device holds, block after block."""
        return bytes(self._bytes)

    @property
    def writes(self) -> int:
        """Progs and erases so far."""
        counts = ffi.new("struct bd_counts *")
        lib.bd_count_get(self.pointer, counts)
        return int(counts.progs + counts.erases)

    def format(self, *, name_max: int = 0, flags: int = 0) -> None:
        """Makes an empty store. Raises SkinkError."""
        options = ffi.new("struct skink_format_options *", {"name_max": name_max, "flags": flags})
        _demand("format", lib.skink_format(self.pointer, ffi.NULL, options))


class Store:
    """A store that is open on a disk. Every method raises SkinkError where skink answers not OK."""

    def __init__(self, disk: Disk, *, flags: int = 0, time: Time | None = None) -> None:
        self.time = time
        config = ffi.new("struct skink_config *", {"device": disk.pointer, "flags": flags})
        if time is not None:
            self._clock = ffi.new_handle(self._now)
            config.now, config.now_ctx = lib.py_on_now, self._clock
        store = ffi.new("struct skink **")
        _demand("open", lib.skink_open(config, store))
        self._store, self._disk = store[0], disk

    def _now(self) -> Time:
        return self.time or (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the store; no other method may follow."""
        lib.skink_close(self._store)
        self._store = ffi.NULL

    def get(self, key: bytes) -> bytes:
        """A value."""
        data, size = ffi.new("uint8_t **"), ffi.new("size_t *")
        _demand("get", lib.skink_get(self._store, key, len(key), data, size))
        value = bytes(ffi.buffer(data[0], size[0]))
        lib.skink_release(self._store, data[0])
        return value

    def get_partial(self, key: bytes, off: int, length: int) -> bytes:
        """The bytes of a value in ``[off, off + length)`` that exist."""
        buffer, size = ffi.new("uint8_t[]", max(length, 1)), ffi.new("size_t *")
        _demand("get_partial", lib.skink_get_partial(self._store, key, len(key), off, buffer, length, size))
        return bytes(ffi.buffer(buffer, size[0]))

    def digest(self, key: bytes) -> bytes:
        """The 32 bytes."""
        digest = ffi.new("uint8_t[32]")
        _demand("digest", lib.skink_digest(self._store, key, len(key), digest))
        return bytes(ffi.buffer(digest))

    def last_modified(self, key: bytes) -> Time:
        """A value's time, or a dictionary's newest."""
        time = ffi.new("struct skink_time *")
        _demand("last_modified", lib.skink_last_modified(self._store, key, len(key), time))
        return int(time.days), int(time.picoseconds)

    def set(self, key: bytes, data: bytes) -> None:
        """Binds a key to a value."""
        _demand("set", lib.skink_set(self._store, key, len(key), data, len(data)))

    def set_partial(self, key: bytes, off: int, data: bytes) -> None:
        """Writes into a value."""
        _demand("set_partial", lib.skink_set_partial(self._store, key, len(key), off, data, len(data)))

    def allocate(self, key: bytes, size: int) -> None:
        """Makes a value of zero bytes."""
        _demand("allocate", lib.skink_allocate(self._store, key, len(key), size, ffi.NULL))

    def remove(self, key: bytes) -> None:
        """Removes a value, or a dictionary with all below it."""
        _demand("remove", lib.skink_remove(self._store, key, len(key)))

    def rename(self, key: bytes, target: bytes) -> None:
        """Moves a value or a dictionary."""
        _demand("rename", lib.skink_rename(self._store, key, len(key), target, len(target)))

    def settle(self) -> None:
        """Finishes what a power cut left half done."""
        _demand("settle", lib.skink_settle(self._store))

    def grow(self, block_count: int) -> None:
        """Makes the store use more blocks of its device."""
        _demand("grow", lib.skink_grow(self._store, block_count))

    def attr(self, key: bytes, kind: int) -> bytes | None:
        """A user attribute; None where the entry has none of this type."""
        buffer, size = ffi.new("uint8_t[1022]"), ffi.new("size_t *")
        code = lib.skink_attr_get(self._store, key, len(key), kind, buffer, 1022, size)
        if code_name(code) == "NOT_FOUND":
            return None
        _demand("attr_get", code)
        return bytes(ffi.buffer(buffer, size[0]))

    def set_attr(self, key: bytes, kind: int, data: bytes | None) -> None:
        """Sets a user attribute, or removes it (None)."""
        if data is None:
            _demand("attr_remove", lib.skink_attr_remove(self._store, key, len(key), kind))
        else:
            _demand("attr_set", lib.skink_attr_set(self._store, key, len(key), kind, data, len(data)))

    def rows(self) -> list[Row]:
        """Every entry below the root with its value, sorted by key."""
        rows: list[Row] = []

        def keep(entry: Any) -> int:
            key = bytes(ffi.buffer(entry.name, entry.name_len))
            if entry.kind != lib.SKINK_VALUE:
                rows.append(Row(key, "dictionary", None, None))
                return 0
            time = (int(entry.time.days), int(entry.time.picoseconds)) if entry.has_time else None
            buffer = _lazy("uint8_t[]", max(int(entry.size), 1))
            code = int(lib.skink_entry_read(self._store, entry, buffer))
            if code == 0:
                rows.append(Row(key, "value", bytes(ffi.buffer(buffer, entry.size)), time))
            return code

        handle = ffi.new_handle(keep)
        _demand("visit", lib.skink_visit(self._store, lib.py_on_entry, handle))
        return sorted(rows, key=lambda row: row.key)

    def check(self) -> str:
        """What skink's consistency check finds: one sentence, or empty."""
        text = ffi.new("char[]", 512)
        code = lib.skink_check(self._store, text, 512)
        return "" if code == 0 else f"{code_name(code)}: {ffi.string(text).decode()}"

    def stat(self) -> Stat:
        """The facts."""
        stat = ffi.new("struct skink_stat *")
        _demand("stat", lib.skink_stat(self._store, stat))
        return Stat(
            (stat.disk_major, stat.disk_minor), stat.block_size, stat.block_count, stat.name_max,
            stat.value_max, stat.attr_max, stat.blocks_used, stat.pairs, bool(stat.pending),
            bool(stat.value_checks),
        )  # fmt: skip


def _demand(what: str, code: int) -> None:
    if code != 0:
        raise SkinkError(what, code_name(code))
