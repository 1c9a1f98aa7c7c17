# SPDX-License-Identifier: ISC
"""Where a campaign's traces come from: anything that makes trace number i, the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from powercut.generate import operations
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Held, Profile


class Source(Protocol):
    """Makes traces by number, from 0; small enough to be sent to another process."""

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""


@dataclass(frozen=True, slots=True)
class GeneratedSource:
    """Traces of ``count`` operations each out of a seed, going round the profiles."""

    seed: int
    count: int
    profiles: tuple[Profile, ...]
    engine: EngineRef

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        profile = self.profiles[index % len(self.profiles)]
        made = operations(profile, self.seed * 1_000_003 + index, self.count)
        note = f"generated: seed {self.seed}, trace {index}"
        return Trace(profile.geometry, tuple(made), self.engine, note=note)


@dataclass(frozen=True, slots=True)
class FixedSource:
    """The one trace."""

    only: Trace

    def trace(self, index: int) -> Trace:
        """The trace, whatever the number."""
        return self.only


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Generated traces that all start from one image."""

    seed: int
    count: int
    profile: Profile
    engine: EngineRef
    image: bytes
    held: Held = ()

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        made = operations(self.profile, self.seed * 1_000_003 + index, self.count, self.held)
        note = f"generated on an image: seed {self.seed}, trace {index}"
        return Trace(self.profile.geometry, tuple(made), self.engine, image=self.image, note=note)
