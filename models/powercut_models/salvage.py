# SPDX-License-Identifier: ISC
"""What can still be read of a damaged image: a walk that goes round what is broken and says what that was.

Where `read_image` stops at the first thing that cannot be right, this leaves it out and goes on. No guesses:
what it gives has right checksums and pointers that agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from powercut_models.blocks import (
    CONDEMNED,
    CTZ_STRUCT,
    DIR_STRUCT,
    DIRECTORY,
    FILE,
    INLINE_STRUCT,
    SUPERBLOCK,
    ImageError,
    le32,
)
from powercut_models.pairs import Blocks, Pair, Slot, meet, pair_title, read_pair
from powercut_models.reading import Superblock, find_geometry
from powercut_models.tree import TIMESTAMP, Entry, GlobalState, read_global_state
from powercut_models.values import Disk

_ROOT: Final[Blocks] = (0, 1)
_DEPTH_LIMIT: Final = 1 << 26
"""Bytes in all keys together; a hostile tree would else fill any memory."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read. key: whose it is, None if unknown; pair: where, if in a pair."""

    sentence: str
    key: bytes | None = None
    pair: Blocks | None = None


@dataclass(frozen=True, slots=True)
class Salvage:
    """entries: what can be read, sorted, dictionaries before what they hold; problems: all else."""

    superblock: Superblock
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    root_attrs: dict[int, bytes]


def salvage(data: bytes, block_size: int | None = None) -> Salvage:
    """Reads what can be read, in time and memory bounded by the image's size.

    Raises ImageError where not even a superblock can be found.
    """
    return salvage_from(data, *find_geometry(data, block_size))


def salvage_from(data: bytes, block_size: int, superblock: Superblock) -> Salvage:
    """The same where the block size and the superblock are known, of whatever version that is."""
    walk = _Walk(Disk(data, block_size, len(data) // block_size), superblock)
    walk.run()
    order = sorted(walk.entries, key=lambda entry: entry.key.split(b"/"))
    return Salvage(superblock, tuple(order), tuple(walk.problems), walk.root_attrs)


@dataclass(slots=True)
class _Walk:
    disk: Disk
    superblock: Superblock
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    root_attrs: dict[int, bytes] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _state: GlobalState | None = None
    _budget: int = 0
    _keys: int = 0

    def run(self) -> None:
        self._budget = 4 * len(self.disk.data)
        thread = self._thread()
        try:
            self._state = read_global_state(thread)
        except ImageError as error:
            self.problems.append(Problem(str(error)))
        chain = [pair for pair in thread if pair.slots and pair.slots[0].type == SUPERBLOCK]
        root = chain[-1].blocks if chain else _ROOT
        pending: list[tuple[bytes, Blocks]] = [(b"", root)]
        while pending:
            key, head = pending.pop()
            for name, slot in self._directory(key, head):
                whole = key + b"/" + name if key else name
                self._keys += len(whole)
                below = self._entry(whole, slot) if self._keys <= _DEPTH_LIMIT else None
                if below is not None:
                    pending.append((whole, below))

    def _thread(self) -> list[Pair]:
        """The tail list as far as it goes; what is wrong with it is a problem of the list alone."""
        pairs: list[Pair] = []
        seen: set[int] = set()
        blocks: Blocks | None = _ROOT
        while blocks is not None:
            if seen & set(blocks):
                self.problems.append(
                    Problem(f"the list of metadata pairs comes back to {pair_title(blocks)}", pair=blocks)
                )
                return pairs
            seen.update(blocks)
            try:
                pairs.append(read_pair(blocks, self.disk.block))
            except ImageError as error:
                self.problems.append(Problem(f"the list of metadata pairs is broken: {error}", pair=blocks))
                return pairs
            blocks = pairs[-1].tail
        return pairs

    def _directory(self, key: bytes, head: Blocks) -> Iterator[tuple[bytes, Slot]]:
        names: set[bytes] = set()
        blocks: Blocks | None = head
        while blocks is not None:
            if self._seen & set(blocks):
                self._lost(key, f"{pair_title(blocks)} is reached twice", blocks)
                return
            self._seen.update(blocks)
            try:
                pair = read_pair(blocks, self.disk.block)
            except ImageError as error:
                self._lost(key, f"from here on its entries cannot be read: {error}", blocks)
                return
            for name, slot in self._named(key, pair):
                if name in names:
                    self._lost(
                        key + b"/" + name if key else name,
                        "the name is there twice; the first is kept",
                        blocks,
                    )
                else:
                    names.add(name)
                    yield name, slot
            blocks = pair.tail if pair.hard else None

    def _named(self, key: bytes, pair: Pair) -> Iterator[tuple[bytes, Slot]]:
        """The entries of a pair that have a name that can be, and are not the source of a move."""
        move = self._state.move if self._state is not None else None
        for number, slot in enumerate(pair.slots):
            if slot.name is None or slot.type == CONDEMNED:
                continue
            if slot.type == SUPERBLOCK:
                self.root_attrs = {kind: data for kind, data in slot.attributes.items() if kind != TIMESTAMP}
                continue
            if slot.struct is None or (move is not None and number == move[1] and meet(pair.blocks, move[0])):
                continue
            if slot.name in (b"", b".", b"..") or b"/" in slot.name or b"\0" in slot.name:
                self._lost(key, f"it has an entry {slot.name!r}, which is no name", pair.blocks)
                continue
            yield slot.name, slot

    def _entry(self, key: bytes, slot: Slot) -> Blocks | None:
        """Notes an entry; the head of a dictionary, else None."""
        assert slot.struct is not None
        kind, data = slot.struct.type, slot.struct.data
        attrs = {number: data for number, data in slot.attributes.items() if number != TIMESTAMP}
        if slot.type == DIRECTORY and kind == DIR_STRUCT and len(data) == 8:
            self.entries.append(Entry(key, "dictionary", None, None, attrs))
            return le32(data, 0), le32(data, 4)
        if slot.type == FILE and kind == INLINE_STRUCT:
            value: bytes | None = data
        elif slot.type == FILE and kind == CTZ_STRUCT and len(data) == 8:
            value = self._list(key, le32(data, 0), le32(data, 4))
        else:
            self._lost(key, f"its type 0x{slot.type:03x} and its struct 0x{kind:03x} do not go together")
            value = None
        if value is not None:
            stamp = slot.attributes.get(TIMESTAMP, b"")
            time = (le32(stamp, 0), int.from_bytes(stamp[4:], "little")) if len(stamp) == 12 else None
            self.entries.append(Entry(key, "value", value, time, attrs))
        return None

    def _list(self, key: bytes, head: int, size: int) -> bytes | None:
        """A value in blocks; None, and a problem, where its pointers do not add up or lead astray."""
        if size > self._budget:
            self._lost(key, f"it has {size} bytes, and the image is not that large")
            return None
        disk = Disk(self.disk.data, self.disk.block_size, self.disk.block_count)
        try:
            value = disk.read_list(head, size, "it")
        except ImageError as error:
            self._lost(key, f"its blocks do not add up: {error}")
            return None
        self._budget -= size
        shared = sorted(set(disk.owners) & set(self.disk.owners))
        self.disk.owners.update(disk.owners)
        if shared:
            self._lost(key, f"block {shared[0]} is another value's too; one of the two is wrong")
        return value

    def _lost(self, key: bytes, sentence: str, pair: Blocks | None = None) -> None:
        self.problems.append(Problem(sentence, key, pair))
