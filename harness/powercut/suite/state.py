# SPDX-License-Identifier: ISC
"""What the plugin knows during a session: the settings, the test at hand, what was counted so far."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field

import pytest

from powercut.suite.settings import Settings, with_marker
from powercut.suite.tally import Tally
from powercut.suite.work import Work

FIXTURE = "powercut_explorer"


@dataclass(slots=True)
class SessionTime:
    """The session's time for generated traces, shared evenly among the tests that are still to come."""

    seconds: float | None
    tests: float = 1.0
    _end: float = 0.0
    _done: int = 0

    def begin(self, tests: int, workers: int) -> None:
        """``tests`` of them in all, over so many processes."""
        self.tests = tests / workers
        self._end = time.monotonic() + (self.seconds or 0.0)

    def share(self) -> float | None:
        """The seconds for the next test; None: no bound."""
        if self.seconds is None:
            return None
        remaining = max(self.tests - self._done, 1.0)
        self._done += 1
        return max(self._end - time.monotonic(), 0.0) / remaining


@dataclass(slots=True)
class Suite:
    """One session. ``work``: of the test at hand. ``done``: what the tests before it looked at, on the
    process that reports."""

    settings: Settings
    time: SessionTime
    work: Work
    done: list[Tally] = field(default_factory=list)

    def begin(self, item: pytest.Item) -> None:
        """A test begins. Raises UsageError where its marker is wrong."""
        work = self.work
        work.tally, work.home = Tally(), item.path.parent
        work.settings = item_settings(item, self.settings)
        work.seed = item_seed(item, work.settings)
        work.share = self.time.share() if FIXTURE in getattr(item, "fixturenames", ()) else None

    def end(self) -> Tally | None:
        """A test ends: what it looked at; None: it did not use powercut."""
        tally, self.work.tally = self.work.tally, Tally()
        return tally if tally.traces else None


KEY = pytest.StashKey[Suite]()


def item_settings(item: pytest.Item, settings: Settings) -> Settings:
    """The settings with those of the test's markers, the nearest last. Raises UsageError."""
    for marker in reversed(list(item.iter_markers("powercut"))):
        try:
            settings = with_marker(settings, marker.kwargs, marker.args)
        except ValueError as error:
            raise pytest.UsageError(f"{item.nodeid}: the marker powercut is wrong: {error}") from None
    return settings


def item_seed(item: pytest.Item, settings: Settings) -> int:
    """The seed of a test's generated traces: the same for all engines, and wherever pytest is called."""
    place = item.path.name + item.nodeid.partition("[")[0].rpartition("/")[2].partition("::")[2]
    return (settings.seed + zlib.crc32(place.encode())) % 2**32
