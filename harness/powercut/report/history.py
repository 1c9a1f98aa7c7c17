# SPDX-License-Identifier: ISC
"""How fast a campaign went, from its progress: the only thing about it that depends on the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from powercut.campaign import Tally

#: Moments that are kept; with more of them every other one goes.
MOMENTS_MAX: Final = 240


@dataclass(frozen=True, slots=True)
class Moment:
    """``states`` dealt with and ``failed`` traces after so many seconds."""

    seconds: float
    states: int
    failed: int


class History:
    """The moments of a campaign, at even distances as far as they came."""

    def __init__(self) -> None:
        self.moments: list[Moment] = [Moment(0.0, 0, 0)]
        self._step = 0.0

    def add(self, tally: Tally, running: int) -> None:
        """Keeps a moment; ``running``: crash states of the traces still under way."""
        states = tally.sum.checked + tally.sum.identical + tally.sum.unread + running
        if tally.seconds - self.moments[-1].seconds < self._step:
            return
        self.moments.append(Moment(tally.seconds, max(states, self.moments[-1].states), len(tally.failures)))
        if len(self.moments) > MOMENTS_MAX:
            self.moments = self.moments[::2]
            self._step = 2 * max(self._step, self.moments[-1].seconds / MOMENTS_MAX)

    def rates(self, count: int = 60) -> list[tuple[float, float]]:
        """(seconds, states a second) in at most ``count`` stretches of equal length."""
        end = self.moments[-1].seconds
        if end <= 0:
            return []
        count = min(count, len(self.moments) - 1)
        edges = [end * i / count for i in range(count + 1)]
        totals = [self._states(edge) for edge in edges]
        return [(edges[i + 1], (totals[i + 1] - totals[i]) / (edges[i + 1] - edges[i])) for i in range(count)]

    def failures(self) -> list[float]:
        """The seconds at which traces failed."""
        found: list[float] = []
        for before, after in zip(self.moments, self.moments[1:], strict=False):
            found += [after.seconds] * max(after.failed - before.failed, 0)
        return found

    def _states(self, at: float) -> float:
        """The states at a time, between two moments in proportion."""
        for before, after in zip(self.moments, self.moments[1:], strict=False):
            if at <= after.seconds:
                part = (at - before.seconds) / (after.seconds - before.seconds or 1.0)
                return before.states + part * (after.states - before.states)
        return float(self.moments[-1].states)
