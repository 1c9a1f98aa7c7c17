# SPDX-License-Identifier: ISC
"""What an explorer works under: the settings and the seed of the test at hand, and its tally so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from powercut.suite.settings import Settings
from powercut.suite.tally import Tally


@dataclass(slots=True)
class Work:
    """``here``: the folder that shown paths start from. ``home``: the folder of the test at hand.

    ``share``: of the session's time, in seconds.
    """

    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    share: float | None = None
    tally: Tally = field(default_factory=Tally)
    here: Path = field(default_factory=Path.cwd)
    home: Path = field(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """Where traces that fail are saved."""
        return self.settings.save or self.home / "traces"
