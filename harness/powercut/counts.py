# SPDX-License-Identifier: ISC
"""Crash states counted by kind and device model, and what of them was dealt with: docs/faults.md, "Counting".

Loads no compiled module, so that pytest can start without one.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from powercut.fault import PARENTS

#: Crash states of one trace that may end or hang their process before the rest is left.
DEATHS_MAX = 4


@dataclass(frozen=True, slots=True)
class Count:
    """Crash states of one kind under one model; see ``struct pc_count``."""

    total: int = 0
    sampled: int = 0
    beyond: int = 0
    checked: int = 0
    identical: int = 0
    unread: int = 0
    no_space: int = 0
    refused: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def equal(self) -> int:
        """States that were passed over: equal to one that was judged, in all or in all that was read."""
        return self.identical + self.unread

    @property
    def left(self) -> int:
        """States that were generated and not dealt with: behind a violation, or interrupted."""
        return self.total - self.checked - self.equal

    @property
    def exhaustive(self) -> bool:
        """Whether every state of the kind was dealt with."""
        return self.beyond == 0 and self.left == 0


#: Counts by (device model, kind); the model is empty for kinds that every device allows.
Counts = dict[tuple[str, str], Count]


def how_many(number: int, what: str) -> str:
    """``1 trace``, ``2,000 traces``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def unclaimed_words(traces: int) -> str:
    """That so many traces fail, and that it is no violation."""
    fail = "fails" if traces == 1 else "fail"
    return f"not claimed: {how_many(traces, 'trace')} {fail} where the engine does not claim to survive"


def left_words(traces: int) -> list[str]:
    """A line that so many traces were left before their end; none, where none was."""
    if not traces:
        return []
    words = (
        f"left: {how_many(traces, 'trace')}, after {DEATHS_MAX} crash states that ended the engine's process "
        "or hung it, or since the run itself did; what comes behind that was not looked at"
    )
    return [words]


def add_counts(counts: Counts, more: Counts) -> None:
    """Adds the second to the first."""
    for key, count in more.items():
        counts[key] = counts.get(key, Count()) + count


def is_exhaustive(counts: Counts, model: str, kind: str) -> bool:
    """Whether every state of a kind on a device was dealt with: of nested ones also every state whose
    recovery would have been cut."""
    if not counts[model, kind].exhaustive:
        return False
    return kind != "nested" or all(
        count.exhaustive
        for (device, other), count in counts.items()
        if other in PARENTS and device in ("", model)
    )


class Counted:
    """Totals of what has counts."""

    __slots__ = ()

    counts: Counts

    @property
    def sum(self) -> Count:
        """All crash states together."""
        return sum(self.counts.values(), Count())

    @property
    def total(self) -> int:
        """Crash states that there are, of all kinds that were asked for."""
        return self.sum.total

    @property
    def checked(self) -> int:
        """Crash states that were recovered and judged."""
        return self.sum.checked

    @property
    def identical(self) -> int:
        """Crash states that were passed over as identical to another."""
        return self.sum.identical

    @property
    def no_space(self) -> int:
        """Write probes that met a full device, rightly so."""
        return self.sum.no_space
