# SPDX-License-Identifier: ISC
"""The hashes by which the explorer knows stores, entries and answers; see ``struct pc_hash``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from powercut.native import ffi, lib
from powercut.ops import KINDS
from powercut_models import Row

Hash = tuple[int, int]


def as_hash(value: Any) -> Hash:
    """A ``struct pc_hash`` as two numbers."""
    return int(value.lo), int(value.hi)


class StoreHash:
    """The hash of a store, kept up to date as entries come and go: what ``allowed`` is made of."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._sum = ffi.new("struct pc_hash *")
        self._entry = ffi.new("struct pc_entry *")

    @property
    def value(self) -> Hash:
        """The hash as it is now."""
        return as_hash(self._sum)

    def copy(self) -> StoreHash:
        """The hash as it is now, to go on apart."""
        twin = StoreHash(timestamps=self._timestamps)
        twin._sum[0] = self._sum[0]
        return twin

    def entry(self, row: Row) -> Hash:
        """The hash of one entry."""
        return as_hash(self._of(row))

    def change(self, died: Iterable[Row], born: Iterable[Row]) -> Hash:
        """Takes out the rows that died, adds those that were born, and answers the new hash."""
        for row in died:
            self._sum[0] = lib.pc_hash_sub(self._sum[0], self._of(row))
        for row in born:
            self._sum[0] = lib.pc_hash_add(self._sum[0], self._of(row))
        return self.value

    def _of(self, row: Row) -> Any:
        entry = self._entry
        key, data = ffi.from_buffer("char[]", row.key), ffi.from_buffer("uint8_t[]", row.data or b"")
        entry.key, entry.key_len = key, len(row.key)
        entry.kind = 1 if row.kind == "value" else 2
        entry.data, entry.size = data, len(row.data or b"")
        timed = self._timestamps and row.time is not None
        entry.has_time = timed
        entry.time.days, entry.time.picoseconds = row.time if timed and row.time is not None else (0, 0)
        return lib.pc_hash_entry(entry)


def answer_hash(kind: str, a: int = 0, b: int = 0, data: bytes | None = None) -> Hash:
    """The hash that the explorer gives an operation's answer; see pc_hash_answer in powercut.h."""
    if data is None:
        return as_hash(lib.pc_hash_answer(KINDS[kind], a, b, ffi.NULL, 0))
    return as_hash(lib.pc_hash_answer(KINDS[kind], a, b, data, len(data)))
