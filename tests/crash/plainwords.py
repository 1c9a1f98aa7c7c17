# SPDX-License-Identifier: ISC
"""What a device may leave behind, said in sets and without any list of states: what a model's rules mean.

docs/states.md lists states; this says which ones a device could be in at all. A listed state outside of these
sets is a false alarm, and where a list claims to be complete, a member of these sets that it lacks is a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, pairwise, product

from powercut.geometry import Geometry
from tearing import Event, Model

#: Bits of a unit, of which every subset is written down.
LISTED = 10

#: A piece of an event: the address at which it lies, and what it writes there.
Piece = tuple[int, bytes]


def subsets(items: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every subset, each ascending."""
    return chain.from_iterable(combinations(items, count) for count in range(len(items) + 1))


@dataclass(frozen=True, slots=True)
class World:
    """A device of some shape whose model says what a power cut does to it."""

    geometry: Geometry
    model: Model

    def writes(self, event: Event) -> Piece | None:
        """The address and the bytes that an event writes; None where it writes nothing."""
        size, value = self.geometry.block_size, self.geometry.erase_value
        if event.kind == "prog" and event.data:
            return event.block * size + event.off, event.data
        if event.kind == "erase" and value is not None:
            return event.block * size, bytes([value] * size)
        return None

    def pieces(self, event: Event) -> list[Piece]:
        """What the device writes at once, in order."""
        written = self.writes(event)
        if written is None:
            return []
        own = self.geometry.prog_size if event.kind == "prog" else self.geometry.block_size
        unit = (self.model.prog_unit if event.kind == "prog" else self.model.erase_unit) or own
        first, new = written
        borders = sorted({first, first + len(new), *range(-(-first // unit) * unit, first + len(new), unit)})
        return [(a, new[a - first : b - first]) for a, b in pairwise(borders)]

    def rules(self, event: Event) -> frozenset[str]:
        """The rules by which an event tears."""
        return self.model.prog_tears if event.kind == "prog" else self.model.erase_tears

    def write(self, image: bytes, piece: Piece | None) -> bytes:
        """The image with one piece written."""
        if piece is None:
            return image
        return image[: piece[0]] + piece[1] + image[piece[0] + len(piece[1]) :]

    def run(self, image: bytes, events: Iterable[Event]) -> bytes:
        """The image with whole events written."""
        for event in events:
            image = self.write(image, self.writes(event))
        return image

    # --- an event under way -------------------------------------------------------------------------------

    def in_flight(self, image: bytes, event: Event, loosely: bool = False) -> set[bytes]:
        """Every image that an event under way may leave, nothing and all of it included; garbage aside, and
        units of which more than LISTED bits are cleared. ``loosely``: some bits may be none or all."""
        found = {image, self.run(image, [event])}
        for rule in sorted(self.rules(event)):
            found.update(self._by_rule(rule, image, event, loosely))
        return found

    def _by_rule(self, rule: str, image: bytes, event: Event, loosely: bool) -> Iterator[bytes]:
        pieces = self.pieces(event)
        if rule == "bytes":
            for first, new in filter(None, [self.writes(event)]):
                yield from (self.write(image, (first, new[:count])) for count in range(len(new) + 1))
            return
        if rule == "units":
            for chosen in subsets(range(len(pieces))):
                yield self._all(image, [pieces[u] for u in chosen])
            return
        for u, (at, new) in enumerate(pieces):
            before = self._all(image, pieces[:u])
            old = before[at : at + len(new)]
            yield from (self.write(before, (at, left)) for left in parts_of(rule, old, new, loosely))
            if rule == "zero" and "units" in self.rules(event):
                for others in subsets([other for other in range(len(pieces)) if other != u]):
                    some = self._all(image, [pieces[other] for other in others])
                    yield self.write(some, (at, bytes(len(new))))

    def _all(self, image: bytes, pieces: Iterable[Piece]) -> bytes:
        for piece in pieces:
            image = self.write(image, piece)
        return image

    def could_be_in_flight(self, image: bytes, event: Event, left: bytes) -> bool:
        """Whether an event under way may leave this image: the same said of one image, garbage included."""
        written = self.writes(event)
        if written is None:
            return left == image
        at, new = written
        end = at + len(new)
        if left[:at] != image[:at] or left[end:] != image[end:]:
            return False
        rules = self.rules(event)
        if "bytes" in rules and any(
            left[at:end] == new[:count] + image[at + count : end] for count in range(len(new) + 1)
        ):
            return True
        seen = [
            Seen(part, image[x : x + len(part)], left[x : x + len(part)]) for x, part in self.pieces(event)
        ]
        return any_units(rules, seen) or any(
            all(one.new == one.left for one in seen[:u])
            and all(one.old == one.left for one in seen[u + 1 :])
            and one_unit(rules, seen[u], last=u == len(seen) - 1)
            for u in range(len(seen))
        )

    # --- events not yet synced ----------------------------------------------------------------------------

    def unsynced(self, events: Sequence[Event], at: int) -> range:
        """The numbers of the events before a cut that nothing made durable."""
        synced = [number for number in range(at) if events[number].kind == "sync"]
        return range(synced[-1] + 1 if synced else 0, at)

    def any_part_lost(self, image: bytes, events: Sequence[Event], at: int) -> set[bytes]:
        """Every image in which each event not yet synced is there as a whole, or not at all."""
        late = self.unsynced(events, at)
        durable = self.run(image, events[: late.start])
        return {self.run(durable, [events[number] for number in kept]) for kept in subsets(late)}

    def sector_by_sector(self, image: bytes, events: Sequence[Event], at: int) -> list[set[bytes]]:
        """For each sector of an atomic-sector device what it may hold: any part of what was written to it."""
        late = self.unsynced(events, at)
        durable = self.run(image, events[: late.start])
        unit = self.model.prog_unit
        found = []
        for start in range(0, len(durable), unit):
            old = durable[start : start + unit]
            here = [
                (piece[0] - start, piece[1])
                for number in late
                for piece in self.pieces(events[number])
                if piece[0] // unit == start // unit
            ]
            found.append({self._all(old, [here[i] for i in kept]) for kept in subsets(range(len(here)))})
        return found

    def some_lost_one_torn(self, image: bytes, events: Sequence[Event], at: int) -> set[bytes]:
        """Every image in which some events not yet synced are lost, and of the others at most one is torn;
        garbage aside."""
        late = self.unsynced(events, at)
        durable = self.run(image, events[: late.start])
        found = self.any_part_lost(image, events, at)
        for kept in subsets(late):
            for torn in kept:
                before = self.run(durable, [events[number] for number in kept if number < torn])
                after = [events[number] for number in kept if number > torn]
                found |= {self.run(left, after) for left in self.in_flight(before, events[torn], True)}
        return found

    def anything_in_one(self, image: bytes, events: Sequence[Event], at: int, left: bytes) -> bool:
        """The same if the torn event may leave anything at all where it writes."""
        late = self.unsynced(events, at)
        durable = self.run(image, events[: late.start])
        for kept in subsets(late):
            for torn in kept:
                before = self.run(durable, [events[number] for number in kept if number < torn])
                after = [events[number] for number in kept if number > torn]
                first, new = self.writes(events[torn]) or (0, b"")
                junk = self.write(before, (first, left[first : first + len(new)]))
                if self.run(junk, after) == left:
                    return True
        return False


@dataclass(frozen=True, slots=True)
class Seen:
    """One unit: what the event writes there, what was there, what is there now."""

    new: bytes
    old: bytes
    left: bytes


def any_units(rules: frozenset[str], seen: Sequence[Seen]) -> bool:
    """Whether the units are as a device leaves them that writes them in any order."""
    if "units" not in rules:
        return False
    if {"zero", "garbage"} <= rules:
        return True
    odd = [one for one in seen if one.left not in (one.old, one.new)]
    if "garbage" in rules:
        return len(odd) <= 1
    zeros = [one for one in odd if not any(one.left)]
    return not odd or ("zero" in rules and len(odd) == len(zeros) == 1)


def one_unit(rules: frozenset[str], one: Seen, last: bool) -> bool:
    """Whether a unit under way can be so: those before it are there, those behind it are not."""
    half = len(one.new) // 2
    falls = all(
        left & ~old == 0 and old & new & ~left == 0
        for new, old, left in zip(one.new, one.old, one.left, strict=True)
    )
    return (
        ("first" in rules and one.left == one.old)
        or (one.left == one.new and last)
        or ("half" in rules and one.left == one.new[:half] + one.old[half:])
        or ("zero" in rules and not any(one.left))
        or ("bits" in rules and falls)
        or "garbage" in rules
    )


def parts_of(rule: str, old: bytes, new: bytes, loosely: bool) -> set[bytes]:
    """What one unit under way may hold by a rule, those before it being there and those behind it not."""
    falling = sum((was & ~now).bit_count() for was, now in zip(old, new, strict=True))
    if rule == "first":
        return {old}
    if rule == "half":
        return {new[: len(new) // 2] + old[len(new) // 2 :]}
    if rule == "zero":
        return {bytes(len(new))}
    return cleared_in_part(old, new, loosely) if rule == "bits" and falling <= LISTED else set()


def cleared_in_part(old: bytes, new: bytes, loosely: bool) -> set[bytes]:
    """The old bytes with some of the bits cleared that the new ones clear; none and all only loosely."""
    options = []
    for was, now in zip(old, new, strict=True):
        falling = [1 << bit for bit in range(8) if was & 1 << bit and not now & 1 << bit]
        options.append({was - sum(chosen) for chosen in subsets_of(falling)})
    every = bytes(was & now for was, now in zip(old, new, strict=True))
    found = {bytes(one) for one in product(*options)}
    return found if loosely else found - {old, every}


def subsets_of(weights: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every subset of a few numbers."""
    return chain.from_iterable(combinations(weights, count) for count in range(len(weights) + 1))
