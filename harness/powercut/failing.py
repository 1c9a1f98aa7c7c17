# SPDX-License-Identifier: ISC
"""Workloads on devices of which one call fails."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from powercut.child import DiedError, in_child
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import Failing
from powercut.generate import operations
from powercut.ops import Op, segments
from powercut.run import record
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile

#: The device calls that can fail, and the kind of event that each leaves; a read leaves none.
EVENT_OF = {
    "read": "",
    "prog": "prog",
    "erase": "erase",
    "sync": "sync",
    "prog_bad": "prog",
    "erase_bad": "erase",
}

#: Seconds after which a run that is played beforehand hangs: so many that no load of the machine decides it.
HANG_SECONDS = 60.0

#: Operations that write, at most, after one that answered IO.
WRITES_AFTER = 4


@dataclass(frozen=True, slots=True)
class _Played:
    """How a run went: what its operations answered, how many events of each kind there were."""

    codes: tuple[str, ...]
    events: dict[str, int]


@dataclass(frozen=True, slots=True)
class FailingSource:
    """Generated traces in each of which one device call fails, of ``count`` operations at most.

    The engine ``origin`` runs each once beforehand, in a process of its own: after the first operation that
    answers IO there are at most WRITES_AFTER more that write, and reads that show which store it was.
    """

    seed: int
    count: int
    profiles: tuple[Profile, ...]
    engine: EngineRef
    origin: str

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        seed = self.seed * 1_000_003 + index
        draw = random.Random(
            int.from_bytes(hashlib.sha256(f"failing:{seed}".encode()).digest()[:16], "little")
        )
        profile = self.profiles[index % len(self.profiles)]
        made = tuple(operations(profile, seed, draw.randrange(1, self.count + 1)))
        note = f"generated, a device call fails: seed {self.seed}, trace {index}"
        trace = Trace(profile.geometry, made, self.engine, note=note)
        whole = _play(trace, self.origin)
        if whole is None:
            return trace
        for _ in range(8):
            failing = _failing(whole, draw)
            played = _play(replace(trace, failing=failing), self.origin)
            if played is not None:
                return replace(trace, failing=failing, operations=_cut_short(made, played.codes, draw))
        return trace


def _failing(whole: _Played, draw: random.Random) -> Failing:
    """A call that fails; of reads nobody knows how many there are."""
    kind = draw.choice(sorted(EVENT_OF))
    count = whole.events.get(EVENT_OF[kind], 0) if EVENT_OF[kind] else 1 << draw.randrange(1, 10)
    done = kind in ("prog", "erase") and draw.random() < 0.5
    return Failing(kind, draw.randrange(max(count, 1)), done)


def _cut_short(made: Sequence[Op], codes: Sequence[str], draw: random.Random) -> tuple[Op, ...]:
    """The operations up to the first that answered IO, a look at what it left, a few more, another look."""
    failed = next((index for index, code in enumerate(codes) if code == "IO"), None)
    if failed is None:
        return tuple(made)
    kept = list(made[: failed + 1])
    looks = _looks(made[failed])
    if draw.random() < 0.5:
        kept += draw.sample(looks, draw.randrange(1, len(looks) + 1))
    writes = [op for op in made[failed + 1 :] if op.writes or op.kind == "sync"]
    kept += writes[: draw.randrange(WRITES_AFTER + 1)]
    if draw.random() < 0.5:
        kept += looks
    return tuple(kept)


def _looks(op: Op) -> list[Op]:
    """Reads that show whether the operation took place."""
    keys = [op.key, op.target] if op.kind == "rename" else [op.key]
    parents = {b"/".join(segments(key)[:-1]) for key in keys}
    return [Op(kind, key) for key in keys for kind in ("get", "exists")] + [
        Op("list", key) for key in sorted(parents)
    ]


def _play(trace: Trace, origin: str) -> _Played | None:
    """Runs a trace in a child process; None where it cannot be run, or the engine ended the process."""
    answers: list[_Played] = []
    try:
        in_child(lambda _, send: send(_played(trace, origin)), answers, HANG_SECONDS)
    except (DiedError, PowercutError):
        return None
    return answers[0]


def _played(trace: Trace, origin: str) -> _Played:
    with record(trace, _engine(origin)) as run:
        codes = tuple(run.code(index) for index in range(len(trace.operations)))
        kinds = [run.event(index).kind for index in range(run.event_count)]
    return _Played(codes, {kind: kinds.count(kind) for kind in set(kinds)})


@cache
def _engine(origin: str) -> Engine:
    return Engine.load(origin)
