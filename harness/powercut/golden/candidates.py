# SPDX-License-Identifier: ISC
"""The images that a golden set is chosen from: every cut of every workload, with what each shows.

A candidate has features: what is being done at the cut, known of any engine, and, where the images are of the
littlefs format, its structures and the step that the metadata is in the middle of.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from powercut.engine import Engine, EngineRefusedError, Event, Run
from powercut.errors import PowercutError
from powercut.golden.manifest import Holding, holding
from powercut.golden.workload import Workload
from powercut.isolated import Beat
from powercut.ops import op_text
from powercut.predict import Prediction, predict
from powercut_models.features import role, step, structure
from powercut_models.image import Image, ImageError, Survey, survey

_EVENTS = {"prog": "a prog", "erase": "an erase", "sync": "a sync"}
_HALVES = {"torn": "in half a prog", "gap": "in a prog with a gap"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image. kind, state: see MadeField; shows: what the engine shows; allowed: what else it might."""

    workload: Workload
    image: bytes
    kind: str
    state: int
    events: int
    words: str
    shows: Holding
    allowed: frozenset[Holding]
    features: frozenset[str]

    @property
    def digest(self) -> str:
        """The SHA-256 of the image."""
        return hashlib.sha256(self.image).hexdigest()


def candidates(engine: Engine, workload: Workload, beat: Beat) -> Iterator[Candidate]:
    """Every cut of the workload, and each program torn; equal images come as often as they are reached.

    Raises PowercutError where the engine does not do what it should: such a build is no measure for others.
    """
    geometry, failing = workload.geometry, workload.failing
    with engine.record(geometry, workload.operations, options=workload.options, failing=failing) as run:
        prediction = predict(run, workload.operations, failing=failing is not None)
        try:
            if failing is not None and _gave_up(run, workload):
                return  # nobody has to go on with a block that went bad
            if prediction.wrong:
                raise PowercutError(
                    f"{engine.name} {engine.version} is no build to record: in the workload {workload.name} "
                    f"{prediction.wrong[0].words}; see `powercut run`."
                )
            yield from _Cuts(engine, workload, run, prediction).all(beat)
        finally:
            prediction.close()


def _gave_up(run: Run, workload: Workload) -> bool:
    """Whether an operation answered that the device failed."""
    return any(run.code(index) == "IO" for index in range(len(workload.operations)))


class _Cuts:
    """The crash states of one run."""

    def __init__(self, engine: Engine, workload: Workload, run: Run, prediction: Prediction) -> None:
        self._engine, self._workload, self._run = engine, workload, run
        self._timestamps = "timestamps" in engine.capabilities
        self._prediction = prediction
        self._positions = [run.position(state) for state in range(run.event_count + 1)]
        self._stores: dict[int, Holding] = {}
        self._seen: tuple[int, Survey | None] = (-1, None)
        self._steps: dict[int, tuple[frozenset[str], Image | None]] = {}

    def all(self, beat: Beat) -> Iterator[Candidate]:
        last = self._run.event_count
        for state in range(last + 1):
            beat(state)
            image = self._run.image(state)
            yield self._candidate("clean" if state in (0, last) else "cut", state, image, {state})
            if state < last:
                yield from self._halves(state, image)

    def _halves(self, state: int, image: bytes) -> Iterator[Candidate]:
        """The device in the middle of the next event, where that programs several units: with the first half
        of them (torn), and with all but one in their middle (gap), which not every device leaves and not
        every engine need stand."""
        event, geometry = self._run.event(state), self._workload.geometry
        units, unit = event.size // geometry.prog_size, geometry.prog_size
        if event.kind != "prog" or units < 2:
            return
        start = event.block * geometry.block_size + event.off
        end, half = start + event.size, start + units // 2 * unit
        done = self._run.image(state + 1)
        yield self._candidate("torn", state, done[:half] + image[half:], {state, state + 1})
        if units > 2 and image[half : half + unit] != done[half : half + unit]:
            gap = done[:half] + image[half : half + unit] + done[half + unit : end] + image[end:]
            found = None
            with contextlib.suppress(PowercutError):
                found = self._candidate("gap", state, gap, {state, state + 1})
            if found is not None:
                yield found

    def _candidate(self, kind: str, state: int, image: bytes, around: set[int]) -> Candidate:
        run, workload = self._run, self._workload
        allowed: set[Holding] = set()
        for at in around:
            allowed |= {self._store(count) for count in self._prediction.counts(*self._positions[at])}
        words = self._words(kind, state)
        try:
            rows = self._engine.entries(image, workload.geometry, workload.options)
        except EngineRefusedError as error:
            raise self._broken(words, str(error)) from error
        shows = holding(rows, timestamps=self._timestamps)
        if shows not in allowed:
            raise self._broken(words, "what is read is no store that the operations allow")
        features = frozenset(self._features(kind, state, image, shows))
        return Candidate(
            workload,
            image,
            kind,
            state,
            run.event_count,
            words,
            shows,
            frozenset(allowed - {shows}),
            features,
        )

    def _broken(self, words: str, what: str) -> PowercutError:
        engine, name = self._engine, self._workload.name
        return PowercutError(
            f"{engine.name} {engine.version} is no build to record: {name}, {words}: {what}; "
            "see `powercut run`."
        )

    def _store(self, done: int) -> Holding:
        """What the model holds after so many operations."""
        if done not in self._stores:
            self._stores[done] = holding(self._prediction.model.rows(done), timestamps=self._timestamps)
        return self._stores[done]

    def _words(self, kind: str, state: int) -> str:
        operations, last = self._workload.operations, self._run.event_count
        if kind == "clean":
            return "freshly formatted" if state == 0 else f"after all {len(operations)} operations"
        done, in_flight = self._positions[state]
        cut = f"cut after device event {state} of {last} ({self._run.event(state - 1)})" if state else "cut"
        inside = kind in _HALVES
        if inside:
            missing = ", a unit in its middle missing" if kind == "gap" else ""
            cut = (
                f"cut in the middle of device event {state + 1} of {last} ({self._run.event(state)}{missing})"
            )
        if (in_flight or inside) and done < len(operations):
            return f"{cut}, during {op_text(operations[done])}"
        return f"{cut}, between two operations"

    # --- features --------------------------------------------------------------------------------------

    def _features(self, kind: str, state: int, image: bytes, shows: Holding) -> Iterator[str]:
        variant = self._workload.variant
        prefix = f"{variant}: " if variant else ""
        if kind == "clean":
            yield f"{prefix}clean: {self._workload.name if state else 'empty'}"
        yield from self._structure(state if kind not in _HALVES else -1, image)
        for feature in self._doing(kind, state, shows):
            if not prefix or ": mid-" not in f": {feature}":
                yield prefix + feature

    def _structure(self, state: int, image: bytes) -> Iterator[str]:
        seen = self._survey(state, image)
        if seen is not None and seen.image is not None:
            yield from structure(seen)

    def _survey(self, state: int, image: bytes) -> Survey | None:
        """What the reader sees; None where the image is not of the littlefs format. The last one is kept."""
        if state >= 0 and self._seen[0] == state:
            return self._seen[1]
        try:
            seen: Survey | None = survey(image, self._workload.geometry.block_size)
        except ImageError:
            seen = None
        if state >= 0:
            self._seen = state, seen
        return seen

    def _doing(self, kind: str, state: int, shows: Holding) -> Iterator[str]:
        """What is being done at the cut, and by which event."""
        done, in_flight = self._positions[state]
        if done >= len(self._workload.operations) or not (in_flight or kind in _HALVES):
            return
        op = self._workload.operations[done]
        event = self._run.event(state if kind in _HALVES else state - 1)
        how = _HALVES.get(kind) or f"after {_EVENTS[event.kind]}"
        yield f"inside {op.kind}: {how}"
        yield f"inside {op.kind}: {'not done' if shows == self._store(done) else 'done'}"
        yield from self._mid(done, event, how)

    def _mid(self, op: int, event: Event, how: str) -> Iterator[str]:
        """The steps of the metadata that the operation as a whole comes to."""
        if op not in self._steps:
            self._steps[op] = self._whole_step(op)
        steps, before = self._steps[op]
        for name in steps:
            where = f" of a block: {role(before, event.block)}" if before and event.kind != "sync" else ""
            yield f"mid-{name}: {how}{where}"

    def _whole_step(self, op: int) -> tuple[frozenset[str], Image | None]:
        positions = self._positions
        first = next(state for state, (done, _) in enumerate(positions) if done >= op)
        after = next((state for state, (done, _) in enumerate(positions) if done > op), len(positions) - 1)
        sides = [self._survey(-1, self._run.image(state)) for state in (first, after)]
        before, behind = (seen.image if seen else None for seen in sides)
        if before is None or behind is None:
            return frozenset(), None
        return step(before, behind), before
