# SPDX-License-Identifier: ISC
"""All pairs of an image: the list that threads them, the tree that hangs in it, the global state in their
sum.

docs/format.md, "The tree and its thread" and "Global state". The tree's pointers are the truth: where a
parent and the list disagree on a pair, the parent's is the one that lives. What a pending move has copied
already is hidden at its source, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from powercut_models.blocks import (
    CONDEMNED,
    CTZ_STRUCT,
    DELETE,
    DIR_STRUCT,
    DIRECTORY,
    FILE,
    INLINE_STRUCT,
    NULL,
    SUPERBLOCK,
    ImageError,
    le32,
)
from powercut_models.pairs import Blocks, Pair, Slot, meet, pair_title, read_pair
from powercut_models.values import Disk

TIMESTAMP: Final = 0x74
"""The user attribute that holds a value's time: days since 1970-01-01 as le32, picoseconds as le64."""

_KEYS_LIMIT: Final = 1 << 28  # bytes in all keys together: a deep hostile tree would else fill any memory
_ROOT: Final[Blocks] = (0, 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key `a/b` and what it is bound to. kind: `value` or `dictionary`; data: a value's bytes, else None;
    time: (days, picoseconds) of attribute 0x74, None without; attrs: the other user attributes by type."""

    key: bytes
    kind: str
    data: bytes | None
    time: tuple[int, int] | None
    attrs: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class GlobalState:
    """The XOR of all pairs' deltas. move: the pair and the id that a pending move leaves behind; orphans:
    whether the list may hold pairs that the tree does not; raw: the 12 bytes."""

    raw: bytes
    move: tuple[Blocks, int] | None
    orphans: bool


def read_thread(disk: Disk) -> list[Pair]:
    """The pairs on the tail list from blocks 0 and 1 on. Raises ImageError for a list that comes back to
    itself."""
    pairs: list[Pair] = []
    seen: set[frozenset[int]] = set()
    blocks: Blocks | None = _ROOT
    while blocks is not None:
        if frozenset(blocks) in seen:
            raise ImageError(f"the list of metadata pairs comes back to {pair_title(blocks)}")
        seen.add(frozenset(blocks))
        pairs.append(read_pair(blocks, disk.block))
        blocks = pairs[-1].tail
    return pairs


def read_global_state(thread: list[Pair]) -> GlobalState:
    """The sum over the pairs on the list. Raises ImageError for a move that cannot be."""
    total = 0
    for pair in thread:
        total ^= int.from_bytes(pair.delta, "little")
    raw = total.to_bytes(12, "little")
    word = le32(raw, 0)
    kind, number = word >> 20 & 0x7FF, word >> 10 & 0x3FF
    orphans = bool(word >> 31)
    if kind == 0:
        return GlobalState(raw, None, orphans)
    if kind != DELETE:
        raise ImageError(f"the global state names pending work of the unknown kind 0x{kind:03x}")
    return GlobalState(raw, ((le32(raw, 4), le32(raw, 8)), number), orphans)


class Tree:
    """The tree under a root pair. entries: sorted by segments; pairs: those reachable, in that order."""

    def __init__(
        self, disk: Disk, thread: list[Pair], root: Pair, state: GlobalState, limits: tuple[int, int]
    ) -> None:
        self._disk = disk
        self._known = {pair.blocks: pair for pair in thread}
        self._root = root
        self._move = state.move
        self._name_max, self._file_max = limits
        self._keys_size = 0
        self.pairs: list[Pair] = []
        self.entries: list[Entry] = []
        self.root_attrs: dict[int, bytes] = {}
        self._grow()

    def _grow(self) -> None:
        """Depth first, with a stack of its own: a hostile tree may be deeper than Python's."""
        stack: list[Iterator[tuple[bytes, Slot]]] = [self._directory(b"", self._root.blocks)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                continue
            key, slot = found
            below = self._entry(key, slot)
            if below is not None:
                stack.append(self._directory(key, below))
        if self._move is not None:
            self._check_move()

    def _check_move(self) -> None:
        assert self._move is not None
        blocks, number = self._move
        source = next((pair for pair in self.pairs if meet(pair.blocks, blocks)), None)
        if source is None or number >= len(source.slots) or source.slots[number].type == SUPERBLOCK:
            raise ImageError(
                f"the global state moves entry {number} of {pair_title(blocks)}, which is not there"
            )

    def _directory(self, key: bytes, head: Blocks) -> Iterator[tuple[bytes, Slot]]:
        """The entries of a directory, sorted by name, over all of its pairs."""
        owner = "the root dictionary" if not key else f"the dictionary {_show(key)}"
        entries: dict[bytes, Slot] = {}
        blocks: Blocks | None = head
        while blocks is not None:
            pair = self._known.get(blocks) or read_pair(blocks, self._disk.block)
            for block in pair.blocks:
                self._disk.own(block, f"{owner} (pair {pair.blocks[0]}, {pair.blocks[1]})")
            self.pairs.append(pair)
            for name, slot in self._named(pair, owner):
                if name in entries:
                    raise ImageError(f"{owner} has two entries {_show(name)}")
                entries[name] = slot
            blocks = pair.tail if pair.hard else None
        for name in sorted(entries):
            yield (key + b"/" + name if key else name), entries[name]

    def _named(self, pair: Pair, owner: str) -> Iterator[tuple[bytes, Slot]]:
        """The entries of one pair that are to be seen: with a name and a struct, and not the source of a
        move."""
        hidden = -1
        if self._move is not None and meet(pair.blocks, self._move[0]):
            hidden = self._move[1]
        for number, slot in enumerate(pair.slots):
            if slot.type == SUPERBLOCK and slot.name is not None:
                self.root_attrs = _attributes(slot)
            elif slot.type == CONDEMNED:
                continue
            elif slot.name is not None and slot.struct is not None and number != hidden:
                self._check_name(slot.name, owner)
                yield slot.name, slot

    def _check_name(self, name: bytes, owner: str) -> None:
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise ImageError(f"{owner} has an entry {_show(name)}, which is no name")
        if len(name) > self._name_max:
            raise ImageError(f"{owner} has a name of {len(name)} bytes, and name_max is {self._name_max}")

    def _entry(self, key: bytes, slot: Slot) -> Blocks | None:
        """Notes an entry; the head of a directory, else None."""
        self._keys_size += len(key)
        if self._keys_size > _KEYS_LIMIT:
            raise ImageError(f"the keys of the tree are longer than {_KEYS_LIMIT} bytes together")
        assert slot.struct is not None
        kind, data = slot.struct.type, slot.struct.data
        if slot.type == DIRECTORY and kind == DIR_STRUCT and len(data) == 8:
            self.entries.append(Entry(key, "dictionary", None, None, _attributes(slot)))
            return le32(data, 0), le32(data, 4)
        if slot.type == FILE and kind == INLINE_STRUCT:
            value = data
        elif slot.type == FILE and kind == CTZ_STRUCT and len(data) == 8:
            value = self._list(le32(data, 0), le32(data, 4), f"the value {_show(key)}")
        else:
            raise ImageError(
                f"the entry {_show(key)} of type 0x{slot.type:03x} has a struct of type 0x{kind:03x} with "
                f"{len(data)} bytes, which do not go together"
            )
        self.entries.append(_value(key, value, _attributes(slot)))
        return None

    def _list(self, head: int, size: int, owner: str) -> bytes:
        if size > self._file_max:
            raise ImageError(f"{owner} has {size} bytes, and file_max is {self._file_max}")
        if size and head == NULL:
            raise ImageError(f"{owner} has {size} bytes and no block")
        return self._disk.read_list(head, size, owner)


def _attributes(slot: Slot) -> dict[int, bytes]:
    return dict(sorted(slot.attributes.items()))


def _value(key: bytes, data: bytes, attrs: dict[int, bytes]) -> Entry:
    """An entry of a value, its timestamp taken out of the attributes if it has its 12 bytes."""
    stamp = attrs.get(TIMESTAMP, b"")
    if len(stamp) != 12:
        return Entry(key, "value", data, None, attrs)
    del attrs[TIMESTAMP]
    return Entry(key, "value", data, (le32(stamp, 0), int.from_bytes(stamp[4:], "little")), attrs)


def _show(name: bytes) -> str:
    """A name or key in a message: whole if short, else its two ends."""
    text = name if len(name) <= 100 else name[:48] + b"..." + name[-48:]
    return repr(text)[1:]
