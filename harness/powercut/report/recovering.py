# SPDX-License-Identifier: ISC
"""What a recovery does to the device: the mount, the fresh set behind it, and the run that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powercut.counts import how_many
from powercut.engine import PROBE_KEY, Engine, EngineRefusedError, Run
from powercut.fault import Fault
from powercut.judge import Violation
from powercut.ops import Literal, Op
from powercut.report.film import FilmMaker, film_recovery
from powercut.trace import Trace

#: Violations that show only when the recovered store is written to.
AFTER_WRITING = frozenset({"write", "lost_write", "resume"})

#: Of an event of a recovery of which no more can be told.
IN_RECOVERY = "in the recovery"


def is_resumed(violation: Violation | None, fault: Fault | None) -> bool:
    """Whether it shows only when the run goes on, behind this crash state."""
    return violation is not None and violation.kind == "resume" and violation.fault == fault


@dataclass(frozen=True, slots=True)
class Recovery:
    """The device behind a recovery, and its words. ``image``: None: the engine does not take the device."""

    image: bytes | None
    words: str


class Recoverer:
    """Recovers one crash state of a run. ``image``: what the device holds then; ``after``: what that was,
    "the cut" or "the damage"."""

    def __init__(self, trace: Trace, engine: Engine, image: bytes, after: str) -> None:
        self._trace, self._engine, self._image, self._after = trace, engine, image, after

    def mount(self, maker: FilmMaker, *, probe: bool) -> Recovery:
        """Mounts, and sets a fresh key, if ``probe``."""
        try:
            mounted = self._events(())
            with self._record(self._probe() if probe else ()) as run:
                stages = _stages(run.event_count, mounted)
                film_recovery(maker, run, stages, None)
                words = self._mount_words(mounted)
                if probe:
                    words += f" {_probe_words(run.code(0), run.event_count - mounted)}"
                return Recovery(run.image(run.event_count), words)
        except EngineRefusedError as error:
            return self._refused(error)

    def go_on(self, maker: FilmMaker, recovery: Run) -> Recovery:
        """Mounts, sets a fresh key and goes on with the run. ``recovery``: all that, as the explorer did
        it."""
        try:
            mounted, probed, code = self._ends()
        except EngineRefusedError as error:
            return self._refused(error)
        film_recovery(maker, recovery, _stages(recovery.event_count, mounted, probed), None)
        more = recovery.event_count - probed
        made = f"made {how_many(more, 'device event')}" if more > 0 else "wrote nothing"
        words = f"{self._mount_words(mounted)} {_probe_words(code, probed - mounted)}"
        image = recovery.image(recovery.event_count)
        return Recovery(image, f"{words} The run then went on and {made}.")

    def stages(self, count: int) -> list[str]:
        """What each of the ``count`` events of a recovery that was cut belongs to."""
        try:
            mounted, probed, _ = self._ends()
        except EngineRefusedError:
            return [IN_RECOVERY] * count
        return _stages(count, mounted, probed)

    def _ends(self) -> tuple[int, int, str]:
        """How many events the mount makes, how many with the fresh set, and what that answers."""
        mounted = self._events(())
        with self._record(self._probe()) as run:
            return mounted, run.event_count, run.code(0)

    def _probe(self) -> list[Op]:
        """As the explorer probes: where a sync makes durable, with one."""
        sync = [Op("sync", b"")] if "sync" in self._engine.capabilities else []
        return [Op("set", PROBE_KEY, value=Literal(PROBE_KEY)), *sync]

    def _events(self, operations: Sequence[Op]) -> int:
        with self._record(operations) as run:
            return run.event_count

    def _record(self, operations: Sequence[Op]) -> Run:
        options = self._trace.engine.options
        return self._engine.record(self._trace.geometry, operations, image=self._image, options=options)

    def _mount_words(self, events: int) -> str:
        made = f"made {how_many(events, 'device event')}" if events else "wrote nothing"
        return f"The mount after {self._after} {made}."

    @staticmethod
    def _refused(error: EngineRefusedError) -> Recovery:
        return Recovery(None, f"The engine does not take what is left: {error.what} answers {error.code}.")


def _probe_words(code: str, events: int) -> str:
    return f"A fresh set then answered {code} and made {events}."


def _stages(count: int, mounted: int, probed: int | None = None) -> list[str]:
    """What each of ``count`` events belongs to."""
    probed = count if probed is None else probed
    names = ("in the mount", mounted), ("in the fresh set", probed), ("in the run that went on", count)
    stages: list[str] = []
    for name, end in names:
        stages += [name] * (min(end, count) - len(stages))
    return stages
