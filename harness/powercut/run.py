# SPDX-License-Identifier: ISC
"""One trace, run once and judged in every crash state: the verdict and its honest counts."""

from __future__ import annotations

import bisect
import time
from collections.abc import Sequence
from dataclasses import dataclass

from powercut.engine import ALL_PROBES, Engine, EngineRefusedError, Exploration, Run, Watch
from powercut.errors import PowercutError
from powercut.images import image_rows
from powercut.judge import Violation, brief, from_answer, from_state
from powercut.predict import Prediction, predict
from powercut.trace import Trace
from powercut_models import Row

#: How many violations of one run are looked for before the rest of its crash states is left.
VIOLATIONS_MAX = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run showed.

    ``total`` crash states there are, ``checked`` were recovered and judged, ``identical`` were passed over as
    equal to one that was, in image and in what is allowed. ``no_space`` write probes met a full device. Where
    ``total`` is more than ``checked + identical`` the exploration ended early. ``seconds``: of exploring.
    """

    operations: int
    events: int
    total: int
    checked: int
    identical: int
    no_space: int
    seconds: float
    violations: tuple[Violation, ...]

    @property
    def held(self) -> bool:
        """Whether no promise was broken."""
        return not self.violations


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to explore. ``jobs``: threads. ``probes``: see engine.py. ``words``: tell the first violation
    of each kind in words."""

    jobs: int = 1
    probes: int = ALL_PROBES
    violations_max: int = VIOLATIONS_MAX
    words: bool = True


DEFAULT_OPTIONS = RunOptions()


def run_trace(
    trace: Trace,
    engine: Engine,
    options: RunOptions = DEFAULT_OPTIONS,
    rows: Sequence[Row] | None = None,
    watch: Watch | None = None,
) -> Verdict:
    """Runs a trace on an engine and judges it. ``rows``: what the trace's image holds; None: read it.

    Raises PowercutError where the engine can neither format nor mount the device, or an image is unreadable.
    """
    rows = initial_rows(trace) if rows is None else rows
    with record(trace, engine) as run:
        prediction = predict(run, trace.operations, rows, watch)
        try:
            return _judged(trace, run, prediction, options, watch)
        finally:
            prediction.close()


def record(trace: Trace, engine: Engine) -> Run:
    """The recorded run of a trace, to be closed. Raises PowercutError."""
    try:
        return engine.record(
            trace.geometry, trace.operations, image=trace.image, options=trace.engine.options
        )
    except EngineRefusedError as error:
        what = "format this device" if trace.image is None else "mount this image"
        raise PowercutError(
            f"{engine.name} {engine.version} does not {what} ({trace.geometry}): it answers {error.code}."
        ) from error


def initial_rows(trace: Trace) -> tuple[Row, ...]:
    """What the trace's image holds, read by the independent reader. Raises PowercutError."""
    if trace.image is None:
        return ()
    return image_rows(trace.image, trace.geometry)


def _judged(
    trace: Trace, run: Run, prediction: Prediction, options: RunOptions, watch: Watch | None
) -> Verdict:
    first, last = state_range(trace, run, prediction)
    start = time.perf_counter()
    explored = Exploration(0, 0, 0, 0, ())
    if first <= last:
        explored = run.explore(
            prediction.allowed,
            jobs=options.jobs,
            probes=options.probes,
            first=first,
            last=last,
            max_violations=options.violations_max,
            watch=watch,
        )
    seconds = time.perf_counter() - start
    return Verdict(
        operations=len(trace.operations),
        events=run.event_count,
        total=_total(trace, run),
        checked=explored.checked,
        identical=explored.identical,
        no_space=explored.no_space,
        seconds=seconds,
        violations=_violations(trace, run, prediction, explored, options),
    )


def _total(trace: Trace, run: Run) -> int:
    return run.event_count + 1 if trace.state is None else int(trace.state <= run.event_count)


def state_range(trace: Trace, run: Run, prediction: Prediction) -> tuple[int, int]:
    """The first and last crash state to look at: the trace's, or all, up to the first wrong answer."""
    states = range(run.event_count + 1)
    last = bisect.bisect_right(states, prediction.sound, key=lambda state: run.position(state)[0]) - 1
    if trace.state is None:
        return 0, last
    return trace.state, min(trace.state, last)


def _violations(
    trace: Trace, run: Run, prediction: Prediction, explored: Exploration, options: RunOptions
) -> tuple[Violation, ...]:
    violations = [from_answer(wrong) for wrong in prediction.wrong]
    told: set[str] = set()
    for found in explored.found:
        if options.words and found.kind not in told:
            violations.append(from_state(run, trace.operations, prediction, found))
        else:
            violations.append(brief(run, found))
        told.add(found.kind)
    return tuple(violations)
