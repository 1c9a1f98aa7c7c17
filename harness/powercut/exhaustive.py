# SPDX-License-Identifier: ISC
"""Every sequence of operations up to a length over a small alphabet, up to renaming of keys.

Keys are made of names: `a`, `b`, ..., and, where names below are asked for, `a/n`, `a/o`, `b/n`, .... Two
sequences that differ in nothing but which name stands for which are one here: of them the one is taken that
uses `a` before `b` before `c`, and `n` before `o`. (A store that sorts its names may treat the others
otherwise: what is covered is said with the words "up to renaming of keys".)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, product
from typing import Any

from powercut.campaign import Tally
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import WRITES, Generated, Op
from powercut.trace import EngineRef, Trace

#: The names that keys are made of: the first segment, the second.
NAMES, NAMES_BELOW = "abcdefghijkl", "nopqrstuvwxy"

#: Where set_partial writes: one byte into the value, and at its end, wherever that is.
OFFSETS = (1, 1 << 30)

#: The kinds of operation that sequences are made of: those that change the store, and sync.
KINDS = ("set", "set_partial", "allocate", "remove", "rename", "sync")

Used = tuple[int, int]
"""How many names occurred so far: of the first segment, of the second."""

Key = tuple[int, int]
"""A key as numbers of its names; -1: no second segment."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """An operation of the alphabet, its value not yet made. ``size``: bytes."""

    kind: str
    key: Key = (-1, -1)
    target: Key = (-1, -1)
    off: int = 0
    size: int = 0

    def op(self, at: int) -> Op:
        """The operation as number ``at`` of a sequence; no two of these write the same bytes."""
        value = Generated(at, self.size) if self.kind in ("set", "set_partial") else None
        length = self.size if self.kind == "allocate" else 0
        return Op(self.kind, _key(self.key), _key(self.target), self.off, length, value)


def _key(key: Key) -> bytes:
    first, second = key
    if first < 0:
        return b""
    below = "" if second < 0 else "/" + NAMES_BELOW[second]
    return (NAMES[first] + below).encode()


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What sequences are made of: ``names`` for first segments, ``below`` for second ones, values of
    ``sizes`` bytes, ``kinds`` out of KINDS."""

    names: int
    below: int
    sizes: tuple[int, ...]
    kinds: tuple[str, ...]

    def size(self, names: int, below: int) -> int:
        """How many operations there are over so many names, and none but these."""
        keys, sizes = names * (1 + below), len(self.sizes)
        each = {
            "set": keys * sizes,
            "set_partial": keys * sizes * len(OFFSETS),
            "allocate": keys * sizes,
            "remove": keys,
            "rename": keys * keys,
            "sync": 1,
        }
        return sum(each[kind] for kind in self.kinds)

    def count(self, length: int) -> int:
        """How many sequences of exactly ``length`` operations there are up to renaming, by the closed form.

        Those that use exactly t and c names, by inclusion and exclusion, each of which has t! c! renamings.
        """
        return sum(
            self._using(length, names, below) // (math.factorial(names) * math.factorial(below))
            for names, below in product(range(self.names + 1), range(self.below + 1))
        )

    def _using(self, length: int, names: int, below: int) -> int:
        """How many sequences use every one of so many names, renamings counted apart."""
        return sum(
            (-1) ** (names - one + below - other)
            * math.comb(names, one)
            * math.comb(below, other)
            * self.size(one, other) ** length
            for one, other in product(range(names + 1), range(below + 1))
        )

    def symbols(self, used: Used) -> Iterator[tuple[Symbol, Used]]:
        """The operations that may follow where so many names occurred, and how many did after them."""
        for kind in self.kinds:
            if kind == "sync":
                yield Symbol(kind), used
                continue
            for key, then in self._keys(used):
                if kind == "rename":
                    yield from ((Symbol(kind, key, target), last) for target, last in self._keys(then))
                elif kind == "remove":
                    yield Symbol(kind, key), then
                else:
                    offsets = OFFSETS if kind == "set_partial" else (0,)
                    for off, size in product(offsets, self.sizes):
                        yield Symbol(kind, key, off=off, size=size), then

    def _keys(self, used: Used) -> Iterator[tuple[Key, Used]]:
        """The keys of names that occurred, or of the next new one."""
        names, below = used
        for first in range(min(names + 1, self.names)):
            yield (first, -1), (max(names, first + 1), below)
            for second in range(min(below + 1, self.below)):
                yield (first, second), (max(names, first + 1), max(below, second + 1))

    def sequence(self, length: int, index: int) -> tuple[Symbol, ...]:
        """Sequence number ``index`` of exactly ``length`` operations; 0 <= index < count(length)."""
        used, found = (0, 0), []
        for left in range(length - 1, -1, -1):
            symbols, ends = _steps(self, used, left)
            at = bisect_right(ends, index)
            index -= ends[at - 1] if at else 0
            symbol, used = symbols[at]
            found.append(symbol)
        return tuple(found)


@cache
def _ways(alphabet: Alphabet, used: Used, length: int) -> int:
    """How many sequences of so many operations may follow."""
    return _steps(alphabet, used, length - 1)[1][-1] if length else 1


@cache
def _steps(alphabet: Alphabet, used: Used, left: int) -> tuple[list[tuple[Symbol, Used]], list[int]]:
    """The operations that may follow, and how many sequences begin with one up to each, with ``left`` more
    behind it."""
    symbols = list(alphabet.symbols(used))
    return symbols, list(accumulate(_ways(alphabet, then, left) for _, then in symbols))


@dataclass(frozen=True, slots=True)
class ExhaustiveSource:
    """Each sequence of 1 to ``length`` operations as one trace, the short ones first; see above."""

    alphabet: Alphabet
    length: int
    geometry: Geometry
    engine: EngineRef
    image: bytes | None = None

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.alphabet.count(length) for length in range(1, self.length + 1))

    def trace(self, index: int) -> Trace:
        """Trace number ``index``. Raises IndexError where there is none."""
        left = index
        for length in range(1, self.length + 1):
            count = _ways(self.alphabet, (0, 0), length)
            if left < count:
                symbols = self.alphabet.sequence(length, left)
                made = tuple(symbol.op(at) for at, symbol in enumerate(symbols))
                note = f"exhaustive: sequence {index} of {self.total}"
                return Trace(self.geometry, made, self.engine, self.image, note=note)
            left -= count
        raise IndexError(f"there is no sequence {index}, only {self.total}")

    def __str__(self) -> str:
        """Exactly which sequences these are."""
        alphabet = self.alphabet
        keys = f"{alphabet.names} keys" if alphabet.names > 1 else "1 key"
        if alphabet.below:
            keys += f" and {alphabet.below} below each"
        sizes = " or ".join(f"{size:,}" for size in alphabet.sizes)
        values = f"values of {sizes} bytes, " if set(alphabet.kinds) & (WRITES - {"remove", "rename"}) else ""
        start = "a fresh store" if self.image is None else "the image"
        return (
            f"every sequence of 1 to {self.length} operations ({', '.join(alphabet.kinds)}) on {keys}, "
            f"{values}up to renaming of keys, on {start} ({self.geometry})"
        )


def coverage(source: ExhaustiveSource, tally: Tally, explore: Explore) -> dict[str, Any]:
    """What of the sequences was covered, in numbers and in one sentence that says no more than is true.

    ``exhaustive``: each sequence was run, and each crash state that there is of the kinds that ``explore``
    asks for was judged, or passed over as one that needs no judging.
    """
    lost = sum(one.kind in ("crash", "hang") for failure in tally.failures for one in failure.violations)
    states = tally.sum
    ran = tally.traces - lost
    exhaustive = ran == source.total and states.exhaustive and not tally.interrupted
    failed = len(tally.failures)
    kinds = _kinds_text(tally, explore)
    outcome = "none fails" if not failed else f"{failed:,} fail"
    if exhaustive:
        cuts = f"all {tally.total:,} crash states ({kinds})"
        words = f"{source}: all {source.total:,} sequences, {cuts}: {outcome}"
    else:
        cuts = f"{states.total - states.left:,} of their {states.total:,} crash states ({kinds})"
        if states.beyond:
            cuts += f", at {states.beyond:,} cuts not all that there are"
        only = "only " if ran < source.total else ""
        words = f"not {source}: {only}{ran:,} of {source.total:,} sequences, {cuts}: {outcome}"
    return {"sequences": source.total, "run": ran, "exhaustive": exhaustive, "words": words}


def _kinds_text(tally: Tally, explore: Explore) -> str:
    """The kinds of crash state, those that depend on it with their device models; apart those of which
    there was no state, on these devices and models."""
    there = {kind for (_, kind), count in tally.counts.items() if count.total}
    texts = []
    for kind in explore.kinds:
        if kind not in there:
            texts.append(f"no {kind} one there")
            continue
        models = sorted(model for model, counted in tally.counts if counted == kind and model)
        text = f"{kind} to {explore.depth} cuts" if kind == "nested" else kind
        texts.append(f"{text} on {', '.join(models)}" if models else text)
    return "; ".join(texts)
