# SPDX-License-Identifier: ISC
"""What an explorer works under: the settings and the seed of the test at hand, and its counts so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from powercut.suite.counts import Counts
from powercut.suite.settings import Settings


@dataclass(slots=True)
class Work:
    """``here``: the folder that shown paths start from. ``home``: the folder of the test at hand.

    ``share``: of the session's time, in seconds.
    """

    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    share: float | None = None
    counts: Counts = field(default_factory=Counts)
    here: Path = field(default_factory=Path.cwd)
    home: Path = field(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """Where traces that fail are saved."""
        return self.settings.save or self.home / "traces"
