# SPDX-License-Identifier: ISC
"""A metadata pair: which of its two blocks speaks, and what its commits add up to.

docs/format.md, "A metadata pair". A pair's entries are slots; a tag's id is a position among them at the time
of its commit, so that the tags are replayed in order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from powercut_models.blocks import (
    CREATE,
    DELETE,
    MOVE_STATE,
    NO_ID,
    NULL,
    ImageError,
    Log,
    Tag,
    le32,
    read_log,
)

Blocks = tuple[int, int]
NO_DELTA: Final = bytes(12)


@dataclass(slots=True)
class Slot:
    """One entry of a pair: a name with its type, a struct tag, user attributes; each may be missing."""

    name: bytes | None = None
    type: int = 0
    struct: Tag | None = None
    attributes: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as it stands: blocks as its pointer has them, the logs of both, the one that speaks, and its
    sum.

    tail: the next pair on the list, None at its end; hard: whether that one belongs to the same directory;
    delta: this pair's 12 bytes of the global state.
    """

    blocks: Blocks
    logs: tuple[Log, Log]
    newest: Log
    slots: tuple[Slot, ...]
    tail: Blocks | None
    hard: bool
    delta: bytes

    @property
    def title(self) -> str:
        """How messages name it."""
        return pair_title(self.blocks)


def pair_title(blocks: Blocks) -> str:
    """How messages name a pair."""
    return f"pair {{{blocks[0]}, {blocks[1]}}}"


def meet(one: Blocks, other: Blocks) -> bool:
    """Whether two pointers name the same pair: in either order, or, where it is moving, by one of its
    blocks."""
    return one[0] in other or one[1] in other


def read_pair(blocks: Blocks, read_block: Callable[[int], bytes]) -> Pair:
    """The pair in two blocks. read_block gives a block's bytes and raises ImageError for a number out of
    range.

    Raises ImageError where neither block holds a valid commit, or where the tags do not add up.
    """
    if blocks[0] == blocks[1]:
        raise ImageError(f"{pair_title(blocks)} has the same block twice")
    first, second = (read_log(block, read_block(block)) for block in blocks)
    newest = newest_log(first, second)
    if newest is None:
        raise ImageError(f"{pair_title(blocks)} holds no valid commit in either block")
    sum_ = _Sum(pair_title(blocks))
    for tag in newest.tags:
        sum_.add(tag)
    return Pair(
        blocks, (first, second), newest, tuple(sum_.slots[: sum_.count]), sum_.tail, sum_.hard, sum_.delta
    )


def newest_log(first: Log, second: Log) -> Log | None:
    """Revisions are compared as sequence numbers, which wrap; a block without a valid commit never speaks."""
    second_is_newer = 0 < (second.revision - first.revision) & 0xFFFFFFFF < 1 << 31
    order = (second, first) if second_is_newer else (first, second)
    return next((log for log in order if log.commits), None)


class _Sum:
    """What the tags of a pair add up to, one after another."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.slots: list[Slot] = []  # may be longer than count: what a delete past the end leaves unseen
        self.count = 0
        self.tail: Blocks | None = None
        self.hard = False
        self.delta = NO_DELTA

    def add(self, tag: Tag) -> None:
        match tag.group:
            case 0x000 if tag.type:
                self._name(tag)
            case 0x200:
                self._slot(tag).struct = None if tag.deleted else tag
            case 0x300:
                self._attribute(tag)
            case 0x400:
                self._splice(tag)
            case 0x500:
                pass
            case 0x600:
                self._tail(tag)
            case 0x700 if tag.type == MOVE_STATE:
                self._delta(tag)
            case _:
                raise self._wrong(tag, "has a type that does not exist on disk")

    def _wrong(self, tag: Tag, what: str) -> ImageError:
        return ImageError(
            f"{self.title}: the tag at byte {tag.off} (type 0x{tag.type:03x}, id {tag.id}, "
            f"length {tag.length}) {what}"
        )

    def _slot(self, tag: Tag) -> Slot:
        """The slot that a tag is about, made where there is none."""
        if tag.id == NO_ID:
            raise self._wrong(tag, "is about no entry")
        while len(self.slots) <= tag.id:
            self.slots.append(Slot())
        return self.slots[tag.id]

    def _name(self, tag: Tag) -> None:
        if tag.deleted:
            raise self._wrong(tag, "takes a name away")
        slot = self._slot(tag)
        slot.name, slot.type = tag.data, tag.type
        self.count = max(self.count, tag.id + 1)

    def _attribute(self, tag: Tag) -> None:
        attributes = self._slot(tag).attributes
        if tag.deleted:
            attributes.pop(tag.chunk, None)
        else:
            attributes[tag.chunk] = tag.data

    def _splice(self, tag: Tag) -> None:
        """A delete past the end takes one from the count alone: chamelon's ids never shift, and it relies on
        this."""
        if tag.type == CREATE and tag.id <= self.count:
            self.slots.insert(tag.id, Slot())
            self.count += 1
        elif tag.type == DELETE and self.count:
            del self.slots[tag.id : tag.id + 1]
            self.count -= 1
        else:
            raise self._wrong(tag, f"cannot be done to {self.count} entries")

    def _tail(self, tag: Tag) -> None:
        if len(tag.data) != 8 or tag.chunk > 1:
            raise self._wrong(tag, "is no tail")
        blocks = le32(tag.data, 0), le32(tag.data, 4)
        if (blocks[0] == NULL) != (blocks[1] == NULL):
            raise self._wrong(tag, "is a tail with one null block")
        self.tail = None if blocks[0] == NULL else blocks
        self.hard = tag.chunk == 1

    def _delta(self, tag: Tag) -> None:
        if len(tag.data) not in (0, 12):
            raise self._wrong(tag, "is no global state")
        self.delta = tag.data or NO_DELTA
