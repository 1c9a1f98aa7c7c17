# SPDX-License-Identifier: ISC
"""Images that a power cut left behind, as starting points: for what only a torn program or a later mount
shows."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cache

from powercut.engine import Engine, Run
from powercut.generate import operations
from powercut.images import image_rows
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile

#: The device model `nor` tears a program of such a unit, in bytes, behind any of its bytes.
TORN_PROG_MAX = 16


@dataclass(frozen=True, slots=True)
class WornSource:
    """Generated traces, each on an image that an earlier run of the engine ``writer`` left when its power was
    cut, the last program done in part if ``torn``; ``count`` operations before and after that."""

    seed: int
    count: int
    profiles: tuple[Profile, ...]
    engine: EngineRef
    writer: str
    torn: bool = False

    def trace(self, index: int) -> Trace:
        """Trace number ``index``. Raises PowercutError."""
        able = [one for one in self.profiles if one.geometry.prog_size <= TORN_PROG_MAX or not self.torn]
        profile = able[index % len(able)]
        seed = self.seed * 1_000_003 + index
        draw = random.Random(int.from_bytes(hashlib.sha256(f"worn:{seed}".encode()).digest()[:16], "little"))
        with _engine(self.writer).record(profile.geometry, operations(profile, seed, self.count)) as run:
            image = _torn(run, draw) if self.torn else run.image(draw.randrange(run.event_count + 1))
        rows = image_rows(image, profile.geometry)
        held = tuple((row.key, None if row.data is None else len(row.data)) for row in rows)
        made = operations(profile, seed + 500_000, self.count, held)
        note = f"generated on a device that lost power: seed {self.seed}, trace {index}"
        return Trace(profile.geometry, tuple(made), self.engine, image=image, note=note)


@cache
def _engine(name: str) -> Engine:
    return Engine.load(name)


def _torn(run: Run, draw: random.Random) -> bytes:
    """The device with one program done in part, as the device model `nor` allows."""
    events = [run.event(state) for state in range(run.event_count)]
    progs = [state for state, event in enumerate(events) if event.kind == "prog" and event.size > 1]
    if not progs:
        return run.image(run.event_count)
    state = draw.choice(progs)
    event = events[state]
    before, after = run.image(state), run.image(state + 1)
    start = event.block * run.geometry.block_size + event.off
    end = start + draw.randrange(1, event.size)
    return before[:start] + after[start:end] + before[end:]
