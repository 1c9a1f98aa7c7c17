# SPDX-License-Identifier: ISC
"""In which parts an event can arrive: docs/states.md, "torn", a second time; slowly, with whole images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from powercut.fault import Tear
from powercut.geometry import Geometry

MOD = 1 << 64
GOLDEN = 0x9E3779B97F4A7C15
LISTED = 10  # up to so many units, bits or events every subset is listed


@dataclass(frozen=True, slots=True)
class Event:
    """A device event: ``prog`` of ``data`` at ``off`` of a block, ``erase`` of a block, or ``sync``."""

    kind: str
    block: int = 0
    off: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Model:
    """What a device may do: units in bytes (0: the device's own), names of rules."""

    name: str
    prog_unit: int = 0
    erase_unit: int = 0
    prog_tears: frozenset[str] = frozenset()
    erase_tears: frozenset[str] = frozenset()
    reorders: bool = False


# --- drawing ---------------------------------------------------------------------------------------------


def splitmix64(x: int) -> int:
    """The page's mixing function."""
    x = (x + GOLDEN) % MOD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % MOD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % MOD
    return x ^ (x >> 31)


def draws(seed: int, at: int, samples: int) -> list[int]:
    """b(0) to b(S - 1) at a cut."""
    return [splitmix64((seed + at * 2**20 + j) % MOD) for j in range(samples)]


def garbage(number: int, first: int, size: int) -> bytes:
    """``size`` bytes of garbage of an event at an address."""
    words = range(first // 8, (first + size + 7) // 8)
    made = b"".join(splitmix64((number * GOLDEN + x) % MOD).to_bytes(8, "little") for x in words)
    return made[first % 8 :][:size]


# --- the log ---------------------------------------------------------------------------------------------


class Log:
    """A device's first image, and what was then done to it."""

    def __init__(self, geometry: Geometry, image: bytes, events: Sequence[Event]) -> None:
        assert len(image) == geometry.size
        self.geometry = geometry
        self.events = list(events)
        self.states = [image]
        for number in range(len(events)):
            self.states.append(self.apply(self.states[-1], number))

    def span(self, number: int) -> tuple[int, bytes]:
        """The address at which an effective event writes, and the bytes."""
        event, shape = self.events[number], self.geometry
        if event.kind == "prog":
            return event.block * shape.block_size + event.off, event.data
        assert shape.erase_value is not None
        return event.block * shape.block_size, bytes([shape.erase_value]) * shape.block_size

    def effective(self, number: int) -> bool:
        """Whether an event can change bytes at all."""
        event = self.events[number]
        if event.kind == "prog":
            return len(event.data) > 0
        return event.kind == "erase" and self.geometry.erase_value is not None

    def apply(self, image: bytes, number: int) -> bytes:
        """The image after one event."""
        if not self.effective(number):
            return image
        first, new = self.span(number)
        return image[:first] + new + image[first + len(new) :]


# --- the list ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One event that can arrive in part: the units that it writes, as (address, new bytes)."""

    number: int
    unit: int
    rules: frozenset[str]
    units: tuple[tuple[int, bytes], ...]


def part(log: Log, model: Model, number: int) -> Part | None:
    """How an event is cut into units under a model; None if it is not effective."""
    if not log.effective(number):
        return None
    prog = log.events[number].kind == "prog"
    own = log.geometry.prog_size if prog else log.geometry.block_size
    unit = (model.prog_unit if prog else model.erase_unit) or own
    first, new = log.span(number)
    edges = [first, *range((first // unit + 1) * unit, first + len(new), unit), first + len(new)]
    pieces = tuple((at, new[at - first : end - first]) for at, end in itertools.pairwise(edges))
    return Part(number, unit, model.prog_tears if prog else model.erase_tears, pieces)


def cleared(old: bytes, new: bytes) -> list[int]:
    """The bits, counted from the first byte on, that are 1 in old and 0 in new."""
    bits = range(8 * len(new))
    return [x for x in bits if old[x // 8] >> x % 8 & 1 and not new[x // 8] >> x % 8 & 1]


def unit_bits(whole: Part, old: bytes) -> list[int]:
    """For each unit how many bits of it the event clears."""
    return [len(cleared(old[at : at + len(new)], new)) for at, new in whole.units]


@dataclass(slots=True)
class Tears:
    """The tears of an event in order, how many of them from which on are samples, whether there are more."""

    whole: Part
    old: bytes
    seeds: Sequence[int]
    found: list[tuple[Tear, bool]] = field(default_factory=list)
    beyond: bool = False

    def list(self) -> None:
        """Every rule, in the page's order."""
        rules, n = self.whole.rules, len(self.whole.units)
        if "bytes" in rules:
            self._add("bytes", range(1, sum(len(new) for _, new in self.whole.units)))
        elif "first" in rules:
            self._add("first", range(1, n))
        if "units" in rules:
            self._sets(n)
        if "half" in rules:
            self._add("half", range(n))
        if "bits" in rules:
            self._bits()
        for kind in ("zero", "garbage"):
            if kind in rules:
                self._instead(kind, n)
        if {"units", "zero", "garbage"} <= rules and n > 1:
            self._draw("mix", ((0, b) for b in self.seeds))

    def _add(self, kind: str, many: Iterable[int]) -> None:
        self.found += [(Tear(kind, self.whole.unit, a), False) for a in many]

    def _draw(self, kind: str, pairs: Iterable[tuple[int, int]]) -> None:
        self.found += [(Tear(kind, self.whole.unit, a, b), True) for a, b in pairs]

    def _sets(self, n: int) -> None:
        if n <= LISTED:
            self.found += [(Tear("mask", self.whole.unit, 0, b), False) for b in range(1, 2**n - 1)]
            return
        if not self.whole.rules & {"bytes", "first"}:
            self._add("first", range(1, n))
        self._add("last", range(1, n))
        self._add("without", range(n))
        self._add("only", range(n))
        self._draw("some", ((0, b) for b in self.seeds))
        self.beyond = True

    def _bits(self) -> None:
        counts = unit_bits(self.whole, self.old)
        for u, m in enumerate(counts):
            if m <= LISTED:
                self.found += [(Tear("bits", self.whole.unit, u, b), False) for b in range(1, 2**m - 1)]
        wide = [u for u, m in enumerate(counts) if m > LISTED]
        if wide:
            self._draw("some_bits", ((wide[(b >> 32) % len(wide)], b) for b in self.seeds))
            self.beyond = True

    def _instead(self, kind: str, n: int) -> None:
        self._add(kind, range(n))
        if "units" in self.whole.rules:
            self._add(f"{kind}_one", range(n))
            self.beyond |= n > 1
        self.beyond |= kind == "garbage"


def tears_of(log: Log, model: Model, number: int, seeds: Sequence[int] = ()) -> Tears | None:
    """The tears of an event at the cut where it was under way; None if it is not effective."""
    whole = part(log, model, number)
    if whole is None:
        return None
    tears = Tears(whole, log.states[number], seeds)
    tears.list()
    return tears


# --- what a tear leaves ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit ``u`` of ``n``: what was there, what the event writes, and garbage; ``tear``: what happens."""

    tear: Tear
    u: int
    n: int
    old: bytes
    new: bytes
    junk: bytes

    def left(self) -> bytes:
        """What is there then."""
        if self.tear.kind in ANYWHERE:
            return ANYWHERE[self.tear.kind](self)
        if self.u == self.tear.a:
            return AT_UNIT[self.tear.kind](self)
        return self.new if self.u < self.tear.a else self.old

    def new_if(self, arrived: bool) -> bytes:
        """New or old."""
        return self.new if arrived else self.old

    def mixed(self) -> bytes:
        """Old, new, zeros or garbage, as drawn."""
        choices = (self.old, self.new, bytes(len(self.new)), self.junk)
        return choices[splitmix64((self.tear.b + self.u) % MOD) % 4]

    def with_bits(self, chosen: Callable[[int, int], bool]) -> bytes:
        """The old bytes with some of the bits cleared that the new ones clear."""
        made = bytearray(self.old)
        for i, x in enumerate(cleared(self.old, self.new)):
            if chosen(self.tear.b, i):
                made[x // 8] -= 1 << x % 8
        return bytes(made)


def is_odd(b: int, i: int) -> bool:
    """Whether a seed chooses number i."""
    return splitmix64((b + i) % MOD) % 2 == 1


#: Tears that say of each unit by itself what becomes of it.
ANYWHERE: dict[str, Callable[[Unit], bytes]] = {
    "first": lambda one: one.new_if(one.u < one.tear.a),
    "last": lambda one: one.new_if(one.u >= one.n - one.tear.a),
    "mask": lambda one: one.new_if(one.tear.b >> one.u & 1 == 1),
    "without": lambda one: one.new_if(one.u != one.tear.a),
    "only": lambda one: one.new_if(one.u == one.tear.a),
    "some": lambda one: one.new_if(is_odd(one.tear.b, one.u)),
    "mix": Unit.mixed,
    "zero_one": lambda one: bytes(len(one.new)) if one.u == one.tear.a else one.new,
    "garbage_one": lambda one: one.junk if one.u == one.tear.a else one.new,
}

#: Tears with new units before unit a and old ones behind it: what becomes of unit a.
AT_UNIT: dict[str, Callable[[Unit], bytes]] = {
    "half": lambda one: one.new[: len(one.new) // 2] + one.old[len(one.new) // 2 :],
    "bits": lambda one: one.with_bits(lambda b, i: b >> i & 1 == 1),
    "some_bits": lambda one: one.with_bits(is_odd),
    "zero": lambda one: bytes(len(one.new)),
    "garbage": lambda one: one.junk,
}

#: Tears that leave garbage somewhere.
WITH_JUNK = frozenset({"mix", "garbage_one", "garbage"})


def torn_image(tear: Tear, whole: Part, image: bytes) -> bytes:
    """The image with a part of one event applied."""
    first, n = whole.units[0][0], len(whole.units)
    if tear.kind == "bytes":
        new = b"".join(new for _, new in whole.units)[: tear.a]
        return image[:first] + new + image[first + len(new) :]
    made = bytearray(image)
    for u, (at, new) in enumerate(whole.units):
        end = at + len(new)
        junk = garbage(whole.number, at, len(new)) if tear.kind in WITH_JUNK else b""
        made[at:end] = Unit(tear, u, n, image[at:end], new, junk).left()
    return bytes(made)
