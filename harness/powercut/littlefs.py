# SPDX-License-Identifier: ISC
"""The third opinion: real littlefs, from the PyPI package littlefs-python (the extra ``littlefs``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from littlefs import LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from powercut.geometry import Geometry
from powercut.images import TIME_ATTRIBUTE
from powercut_models import Row, Time


class Memory(UserContext):
    """A device in memory that erases as the geometry says."""

    def __init__(self, geometry: Geometry, image: bytes | None = None) -> None:
        super().__init__(buffer=bytearray(geometry.size if image is None else image))
        self._geometry = geometry

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        """littlefs's callback; the one above makes a line for a log of every read."""
        start = block * self._geometry.block_size + off
        return self.buffer[start : start + size]

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        """littlefs's callback."""
        start = block * self._geometry.block_size + off
        self.buffer[start : start + len(data)] = data
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        """littlefs's callback."""
        size, value = self._geometry.block_size, self._geometry.erase_value
        if value is not None:
            self.buffer[block * size : (block + 1) * size] = bytes([value]) * size
        return 0

    @property
    def image(self) -> bytes:
        """What the device holds, block after block."""
        return bytes(self.buffer)


def mount(memory: Memory, geometry: Geometry, *, fresh: bool = False, **config: int) -> LittleFS:
    """A mounted store, formatted if ``fresh``. Names are bytes in Latin-1. Raises LittleFSError."""
    fs = LittleFS(
        memory,
        mount=False,
        filename_encoding="latin-1",
        block_size=geometry.block_size,
        block_count=geometry.block_count,
        prog_size=geometry.prog_size,
        read_size=geometry.read_size,
        cache_size=geometry.block_size,
        lookahead_size=64,
        **config,
    )
    if fresh:
        fs.format()
    fs.mount()
    return fs


def recovered(image: bytes, geometry: Geometry) -> LittleFS:
    """The store in ``image`` after littlefs has finished what a power cut left half done: its read-only view
    before that hides too much of a pending move. Raises LittleFSError."""
    fs = mount(Memory(geometry, image), geometry)
    fs.fs_mkconsistent()
    return fs


def entries(image: bytes, geometry: Geometry) -> list[Row]:
    """Every entry that littlefs sees in ``image`` after it has repaired it, sorted by key. Raises
    LittleFSError."""
    return rows(recovered(image, geometry))


def rows(fs: LittleFS) -> list[Row]:
    """Every entry of a mounted store, sorted by key."""
    return sorted(_rows(fs, ""), key=lambda row: row.key)


def _rows(fs: LittleFS, folder: str) -> Iterator[Row]:
    for entry in fs.scandir(folder or "/"):
        path = f"{folder}/{entry.name}"
        key = path[1:].encode("latin-1")
        if entry.type == 2:
            yield Row(key, "dictionary", None, None)
            yield from _rows(fs, path)
        else:
            with fs.open(path, "rb") as file:
                yield Row(key, "value", file.read(), _time(fs, path))


def _time(fs: LittleFS, path: str) -> Time | None:
    try:
        moment = fs.getattr(path, TIME_ATTRIBUTE)
    except LittleFSError:
        return None
    if len(moment) != 12:  # somebody else's attribute
        return None
    return int.from_bytes(moment[:4], "little"), int.from_bytes(moment[4:12], "little")


def set_time(fs: LittleFS, path: str, time: Time) -> None:
    """Gives a value a timestamp."""
    fs.setattr(path, TIME_ATTRIBUTE, time[0].to_bytes(4, "little") + time[1].to_bytes(8, "little"))


def write(rows: Iterable[Row], geometry: Geometry) -> bytes:
    """The image of a store of these rows, each dictionary before what it holds. Raises LittleFSError."""
    memory = Memory(geometry)
    fs = mount(memory, geometry, fresh=True)
    for row in rows:
        path = "/" + row.key.decode("latin-1")
        if row.kind == "dictionary":
            fs.mkdir(path)
            continue
        with fs.open(path, "wb") as file:
            file.write(row.data or b"")
        if row.time is not None:
            set_time(fs, path, row.time)
    return memory.image
