# SPDX-License-Identifier: ISC
"""A device event in words: what it writes, and, where the device holds the littlefs format, what that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from powercut.engine import Event
from powercut.geometry import Geometry
from powercut.ops import Op, op_text
from powercut.report.owners import Owner, read_device
from powercut_models.blocks import CTZ_STRUCT, DIR_STRUCT, Tag, le32, read_log

Image = Callable[[int], bytes]
"""The device after so many events."""

#: Kinds of owner that the format's reader tells, rather than who wrote a block last.
_TOLD = frozenset({"root", "pair", "value", "orphan"})


class EventWords:
    """Names the events of one log. ``settled``: so many events after which blocks have found their owners;
    ``who``: the operation, or the recovery, that issued them."""

    def __init__(
        self,
        geometry: Geometry,
        events: Sequence[Event],
        image: Image,
        settled: int,
        who: Callable[[int], str],
    ) -> None:
        self._geometry, self._events, self._image, self._who = geometry, events, image, who
        self._settled = settled

    def name(self, number: int) -> str:
        """``prog #17 (block 9, the value 'a')``; counted from 1."""
        event = self._events[number]
        if event.kind == "sync":
            return f"sync #{number + 1}"
        return f"{event.kind} #{number + 1} (block {event.block}, {self._role(number)})"

    def pair(self, first: int, second: int) -> tuple[str, str]:
        """Two of them, the second told by what it is to the first, if it is something to it."""
        name, other = self.name(first), self.name(second)
        pointer = self._points_at(second, self._events[first].block)
        if pointer:
            event = self._events[second]
            other = f"{event.kind} #{second + 1} (block {event.block}, {pointer})"
        return name, other

    def points(self, number: int, first: int) -> bool:
        """Whether an event closes a commit that points at the block of another."""
        return bool(self._points_at(number, self._events[first].block))

    def told(self, number: int) -> bool:
        """Whether the format's reader says what the block is."""
        return self._owner(number) is not None

    def sort(self, number: int) -> str:
        """``a commit to a dictionary``: what it is, whichever it is."""
        event, owner = self._events[number], self._owner(number)
        kind = "" if owner is None else owner.kind
        if kind in ("root", "pair", "orphan"):
            if event.kind == "prog":
                return "a commit to a dictionary" if self._commits(number) else "a block of a dictionary"
            return "the erase of a dictionary's block"
        if kind == "value":
            return "a value's data" if event.kind == "prog" else "the erase of a value's block"
        return {"prog": "a prog", "erase": "an erase"}.get(event.kind, "a sync")

    def sorts(self, first: int, second: int) -> tuple[str, str]:
        """Two of them; the second by what it is to the first, if it is something to it."""
        pointer = self._points_at(second, self._events[first].block)
        return self.sort(first), "the commit that points at it" if pointer else self.sort(second)

    # --- what a block is ---------------------------------------------------------------------------------

    def _role(self, number: int) -> str:
        """Whose bytes they are, in a few words."""
        owner = self._owner(number)
        event = self._events[number]
        if owner is None:
            where = f"bytes {event.off} to {event.off + event.size - 1}, " if event.kind == "prog" else ""
            return f"{where}by {self._who(number)}"
        if owner.kind in ("root", "pair", "orphan"):
            what = "a commit to" if self._commits(number) else "a block of"
            return f"{what} {owner.words}" if event.kind == "prog" else f"of {owner.words}"
        return owner.words

    def _owner(self, number: int) -> Owner | None:
        """Whose the block is once all is done, else just after the event, else before it."""
        block = self._events[number].block
        for state in dict.fromkeys((self._settled, number + 1, number)):
            owner = read_device(self._image(state), self._geometry).owners.get(block)
            if owner is not None and owner.kind in _TOLD:
                return owner
        return None

    # --- what a commit points at -------------------------------------------------------------------------

    def _block(self, state: int, number: int) -> bytes:
        size = self._geometry.block_size
        return self._image(state)[number * size : (number + 1) * size]

    def _new_commits(self, number: int) -> list[Sequence[Tag]]:
        """The tags of the commits that a prog closes."""
        event = self._events[number]
        if event.kind != "prog":
            return []
        before = read_log(event.block, self._block(number, event.block))
        after = read_log(event.block, self._block(number + 1, event.block))
        old = {(one.start, one.end, one.crc) for one in before.commits}
        return [one.tags for one in after.commits if (one.start, one.end, one.crc) not in old]

    def _commits(self, number: int) -> bool:
        """Whether it appends to a block what counts at once, rather than beginning that block."""
        return self._events[number].off > 0 and bool(self._new_commits(number))

    def _points_at(self, number: int, block: int) -> str:
        """``the commit that points at it``, where the event closes one that does."""
        for tags in self._new_commits(number):
            if any(block in _pointers(tag) for tag in tags):
                owner = self._owner(number)
                where = f" in {owner.words}" if owner is not None else ""
                return f"the commit{where} that points at it"
        return ""


def _pointers(tag: Tag) -> Iterator[int]:
    """The blocks that a tag names."""
    if tag.deleted or len(tag.data) != 8:
        return
    if tag.type == CTZ_STRUCT:
        yield le32(tag.data, 0)
    elif tag.type == DIR_STRUCT or tag.group == 0x600:
        yield le32(tag.data, 0)
        yield le32(tag.data, 4)


def operation_words(operations: Sequence[Op], index: int) -> str:
    """``operation 3 (set "a" to "x")``; behind the last it is the unmount."""
    if index >= len(operations):
        return "the unmount"
    return f"operation {index} ({op_text(operations[index])})"
