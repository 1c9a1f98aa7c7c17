# SPDX-License-Identifier: ISC
"""What tests of a suite looked at, in plain values that go from an xdist worker to its controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class States:
    """Crash states of one kind and device model; docs/faults.md, "Counting", has the words.

    ``total``: those that were generated. ``beyond``: cuts at which the model allows more than that.
    ``skipped``: passed over as equal to one that was judged, or as differing in nothing that was read.
    """

    total: int = 0
    checked: int = 0
    skipped: int = 0
    sampled: int = 0
    beyond: int = 0

    @property
    def left(self) -> int:
        """Neither judged nor passed over: behind a violation or an interruption."""
        return self.total - self.checked - self.skipped

    @property
    def exhaustive(self) -> bool:
        """Whether every state that there can be was dealt with."""
        return self.left == 0 and self.beyond == 0

    def add(self, other: States) -> None:
        """Counts the other's states too."""
        self.total += other.total
        self.checked += other.checked
        self.skipped += other.skipped
        self.sampled += other.sampled
        self.beyond += other.beyond


@dataclass(slots=True)
class Saved:
    """A trace that failed: its file, and the line that replays it. ``kind``: of violation."""

    kind: str
    path: str
    replay: str


@dataclass(slots=True)
class Counts:
    """What was looked at, on one engine. ``states``: by (kind, device model; empty: every device).

    ``unbegun``: traces that the time was too short for. ``no_space``: write probes that met a full device.
    ``unclaimed``: traces that fail where the engine does not claim to survive.
    """

    engine: str = ""
    tests: int = 0
    traces: int = 0
    unbegun: int = 0
    operations: int = 0
    events: int = 0
    no_space: int = 0
    unclaimed: int = 0
    states: dict[tuple[str, str], States] = field(default_factory=dict)
    saved: list[Saved] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Counts what the other counted too."""
        self.engine = self.engine or other.engine
        self.tests += other.tests
        self.traces += other.traces
        self.unbegun += other.unbegun
        self.operations += other.operations
        self.events += other.events
        self.no_space += other.no_space
        self.unclaimed += other.unclaimed
        for key, states in other.states.items():
            self.states.setdefault(key, States()).add(states)
        self.saved.extend(one for one in other.saved if one not in self.saved)

    def plain(self) -> dict[str, Any]:
        """All of it in dictionaries, lists, texts and numbers."""
        return {
            "engine": self.engine,
            "tests": self.tests,
            "traces": self.traces,
            "unbegun": self.unbegun,
            "operations": self.operations,
            "events": self.events,
            "no_space": self.no_space,
            "unclaimed": self.unclaimed,
            "states": [
                [*key, one.total, one.checked, one.skipped, one.sampled, one.beyond]
                for key, one in self.states.items()
            ],
            "saved": [[one.kind, one.path, one.replay] for one in self.saved],
        }


def from_plain(plain: Mapping[str, Any]) -> Counts:
    """The counts behind ``Counts.plain``."""
    counts = Counts(**{name: value for name, value in plain.items() if name not in ("states", "saved")})
    counts.states = {(kind, model): States(*numbers) for kind, model, *numbers in plain["states"]}
    counts.saved = [Saved(*one) for one in plain["saved"]]
    return counts


def by_kind(counts: Counts) -> dict[str, States]:
    """The states by kind alone, in the order in which they were met."""
    kinds: dict[str, States] = {}
    for (kind, _), states in counts.states.items():
        kinds.setdefault(kind, States()).add(states)
    return kinds


def by_engine(parts: Iterable[Counts]) -> list[Counts]:
    """One sum for each engine, sorted by its name."""
    engines: dict[str, Counts] = {}
    for part in parts:
        engines.setdefault(part.engine, Counts()).add(part)
    return [engines[name] for name in sorted(engines)]
