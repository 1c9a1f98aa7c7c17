# SPDX-License-Identifier: ISC
"""What tests of a suite looked at, in plain values that go from an xdist worker to its controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from powercut.counts import Count, Counted, Counts, add_counts


@dataclass(frozen=True, slots=True)
class Saved:
    """A trace that failed: its file, and the line that replays it. ``kind``: of violation."""

    kind: str
    path: str
    replay: str


@dataclass(slots=True)
class Tally(Counted):
    """What was looked at, on one engine. ``counts``: crash states by device model and kind; see Count.

    ``unbegun``: traces that the time was too short for. ``unclaimed``: traces that fail where the engine does
    not claim to survive. ``left``: traces of which a part was left, since too much ends or hangs the engine.
    """

    engine: str = ""
    tests: int = 0
    traces: int = 0
    unbegun: int = 0
    operations: int = 0
    events: int = 0
    unclaimed: int = 0
    left: int = 0
    counts: Counts = field(default_factory=dict)
    saved: list[Saved] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Counts what the other counted too."""
        self.engine = self.engine or other.engine
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        add_counts(self.counts, other.counts)
        self.saved.extend(one for one in other.saved if one not in self.saved)

    def plain(self) -> dict[str, Any]:
        """All of it in dictionaries, lists, texts and numbers."""
        made: dict[str, Any] = {name: getattr(self, name) for name in ("engine", *_NUMBERS)}
        made["counts"] = [[*key, *astuple(count)] for key, count in self.counts.items()]
        made["saved"] = [astuple(one) for one in self.saved]
        return made


_NUMBERS = ("tests", "traces", "unbegun", "operations", "events", "unclaimed", "left")


def from_plain(plain: Mapping[str, Any]) -> Tally:
    """The tally behind ``Tally.plain``."""
    tally = Tally(**{name: value for name, value in plain.items() if name not in ("counts", "saved")})
    tally.counts = {(model, kind): Count(*numbers) for model, kind, *numbers in plain["counts"]}
    tally.saved = [Saved(*one) for one in plain["saved"]]
    return tally


def by_kind(counts: Counts) -> dict[str, Count]:
    """The crash states by kind alone, in the order in which they were met."""
    kinds: dict[str, Count] = {}
    for (_, kind), count in counts.items():
        kinds[kind] = kinds.get(kind, Count()) + count
    return kinds


def by_engine(parts: Iterable[Tally]) -> list[Tally]:
    """One sum for each engine, sorted by its name."""
    engines: dict[str, Tally] = {}
    for part in parts:
        engines.setdefault(part.engine, Tally()).add(part)
    return [engines[name] for name in sorted(engines)]
