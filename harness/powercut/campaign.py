# SPDX-License-Identifier: ISC
"""Many traces over worker processes: dealt out, counted, and watched for those that die or hang."""

from __future__ import annotations

import contextlib
import signal
import time
from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from powercut.attempts import Attempt, Died, given_up, unlooked
from powercut.counts import Counted, Counts, add_counts
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.fault import Fault
from powercut.judge import Violation
from powercut.lastwords import ending
from powercut.processes import HANG_SECONDS, START_SECONDS, Spawned, answered, demand
from powercut.run import DEFAULT_OPTIONS, RunOptions, Verdict, device_models
from powercut.shrink import BUDGET, first_violation
from powercut.source import Source
from powercut.trace import Trace
from powercut.worker import Work, worker_main

#: Violations that the engine does not claim to survive, of which that many are kept.
UNCLAIMED_MAX = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: ``traces`` many of the source (None: no bound) for at most ``seconds``, on ``workers``
    processes with ``threads`` threads each. ``failures_max``: end after so many traces that fail.
    ``hang_seconds``, ``memory_bytes``: what one crash state may take; 0 bytes: no bound."""

    engine: str
    source: Source
    traces: int | None = None
    seconds: float | None = None
    workers: int = 1
    threads: int = 1
    options: RunOptions = DEFAULT_OPTIONS
    failures_max: int = 16
    hang_seconds: float = HANG_SECONDS
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A trace that fails, and what it showed; ``index`` in its source."""

    index: int
    trace: Trace
    violations: tuple[Violation, ...]


@dataclass(slots=True)
class Tally(Counted):
    """What was done so far.

    ``counts``: crash states by device model and kind; see Count. ``seconds``: of wall time. ``unclaimed``:
    traces that fail where the engine does not claim to survive, of ``unclaimed_total``. ``left``: traces of
    which a part was left, since the engine died or hung of too many states, or of the run itself.
    """

    traces: int = 0
    operations: int = 0
    events: int = 0
    counts: Counts = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    failures: list[Failure] = field(default_factory=list)
    unclaimed: list[Failure] = field(default_factory=list)
    unclaimed_total: int = 0
    left: int = 0

    @property
    def states_per_second(self) -> float:
        """Crash states recovered and judged per second of wall time, everything included."""
        return self.checked / self.seconds if self.seconds > 0 else 0.0

    def add(self, verdict: Verdict) -> None:
        """Counts one run."""
        self.traces += 1
        self.operations += verdict.operations
        self.events += verdict.events
        self.left += verdict.left
        add_counts(self.counts, verdict.counts)

    def give_up(self, trace: Trace) -> None:
        """Counts a run of which nothing is known but how it ended."""
        self.traces += 1
        self.left += 1
        add_counts(self.counts, unlooked(trace))


Progress = Callable[[Tally, int], None]
"""Called a few times a second with the tally and the crash states of the runs still under way."""


class _Worker(Spawned):
    """One process, its watch, and what it is doing."""

    def __init__(self, plan: Plan) -> None:
        work = Work(plan.engine, plan.source, plan.options, plan.hang_seconds, plan.memory_bytes)
        super().__init__(worker_main, Watch.SIZE, work)
        self.watch = Watch(self.memory)
        self.index: int | None = None
        self.attempt = Attempt(plan.threads)
        self.ready = False
        self._base = 0

    def give(self, index: int, attempt: Attempt) -> None:
        """Hands over a task."""
        self.index, self.attempt, self._base = index, attempt, self.watch.count
        self.send(("run", index, attempt))

    def done(self) -> None:
        """Forgets the task."""
        self.index = None

    @property
    def running(self) -> int:
        """Crash states of the present task that are dealt with."""
        return self.watch.count - self._base if self.index is not None else 0

    def hangs(self, seconds: float) -> bool:
        """Whether the task showed no life for so long; a process has a minute to start."""
        idle = self.idle.seconds((int(self.ready), *self.watch.life))
        return self.index is not None and idle > (seconds if self.ready else max(seconds, START_SECONDS))


class Campaign:
    """A plan under way."""

    def __init__(self, plan: Plan, progress: Progress | None = None) -> None:
        self.plan = plan
        self.tally = Tally()
        self._progress = progress
        self._next = 0
        self._start = time.monotonic()
        self._interrupts = 0
        self._stopped_at: float | None = None
        self._workers: list[_Worker] = []

    def run(self) -> Tally:
        """Everything, until the plan is through, a SIGINT comes, or too much failed. Raises PowercutError."""
        with _interrupt_handler(self._interrupt):
            try:
                self._start_workers()
                while self._busy():
                    self._step()
            finally:
                for worker in self._workers:
                    worker.end()
        self.tally.seconds = time.monotonic() - self._start
        self.tally.interrupted = self._interrupts > 0
        self.tally.failures.sort(key=lambda failure: failure.index)
        return self.tally

    def shrink(self, failure: Failure, budget: int = BUDGET, seconds: float = 300.0) -> Trace:
        """The failure's trace made small, in a process of its own; as it is, where that process fails, or
        takes more than ``seconds`` and the time to see a hang three times."""
        worker = _Worker(self.plan)
        try:
            with _interrupt_handler(self._interrupt):
                worker.send(("shrink", failure.trace, failure.violations, budget))
                deadline = time.monotonic() + seconds + 3 * self.plan.hang_seconds
                while time.monotonic() < deadline and not self._interrupts:
                    if answered([worker], 0.2):
                        kind, payload = worker.pipe.recv()
                        if kind != "ready":
                            return payload if isinstance(payload, Trace) else failure.trace
        except (EOFError, OSError):
            pass
        finally:
            worker.end()
            self.tally.interrupted = self._interrupts > 0
        return failure.trace

    def _interrupt(self) -> None:
        self._interrupts += 1

    def _start_workers(self) -> None:
        count = self.plan.workers if self.plan.traces is None else min(self.plan.workers, self.plan.traces)
        self._workers = [_Worker(self.plan) for _ in range(max(count, 1))]
        for worker in self._workers:
            self._deal(worker)

    def _more(self) -> bool:
        plan = self.plan
        late = plan.seconds is not None and time.monotonic() - self._start >= plan.seconds
        full = len(self.tally.failures) >= plan.failures_max
        through = plan.traces is not None and self._next >= plan.traces
        return not (late or full or through or self._interrupts)

    def _deal(self, worker: _Worker) -> None:
        worker.done()
        if self._more():
            worker.give(self._next, Attempt(self.plan.threads))
            self._next += 1

    def _busy(self) -> bool:
        """Whether some worker still has a task; after a SIGINT only for as long as ending takes."""
        if self._interrupts and self._stopped_at is None:
            self._stopped_at = time.monotonic()
            for worker in self._workers:
                worker.watch.stop()
        if self._interrupts > 1 or (self._stopped_at and time.monotonic() - self._stopped_at > 10.0):
            return False
        return any(worker.index is not None for worker in self._workers)

    def _step(self) -> None:
        """Waits for what happens next and deals with it."""
        ready = answered([worker for worker in self._workers if worker.index is not None], 0.2)
        for at, worker in enumerate(self._workers):
            if worker in ready:
                self._receive(at, worker)
            elif worker.hangs(self.plan.hang_seconds):
                self._lost(at, worker, "hang", f"no progress for {self.plan.hang_seconds:.0f} seconds")
        self.tally.seconds = time.monotonic() - self._start
        if self._progress is not None:
            self._progress(self.tally, sum(worker.running for worker in self._workers))

    def _receive(self, at: int, worker: _Worker) -> None:
        try:
            kind, payload = worker.pipe.recv()
        except (EOFError, OSError):
            self._lost(at, worker, "crash", *worker.ending())
            return
        if kind == "ready":
            worker.ready = True
            return
        demand(kind, payload)
        self.tally.add(payload)
        if payload.violations:
            self._fail(worker, payload.violations)
        self._deal(worker)

    def _lost(self, at: int, worker: _Worker, kind: str, how: str, said: str = "") -> None:
        """A worker died or hangs. Where it is known on which crash state, the trace is run once more without
        that, in another process; else the trace fails."""
        if not worker.ready:
            raise PowercutError(
                f"A worker process could not start ({ending(how, said)}); run powercut again."
            )
        index, attempt = worker.index, worker.attempt
        died = Died(kind, how, said, self._suspects(worker))
        worker.end()
        self._workers[at] = _Worker(self.plan)
        if index is None:
            return
        again = attempt.after(died)
        if again is not None:
            self._workers[at].give(index, again)
            return
        trace = self.plan.source.trace(index)
        claims = Engine.load(self.plan.engine).claims(trace.engine.options)
        self._workers[at].index = index
        self.tally.give_up(trace)
        self._fail(self._workers[at], given_up(attempt, died, claims))
        self._deal(self._workers[at])

    def _suspects(self, worker: _Worker) -> list[Fault]:
        """The crash states that were being judged when a worker was lost."""
        if worker.index is None:
            return []
        trace = self.plan.source.trace(worker.index)
        names = device_models(trace)
        return worker.watch.at_hand(names)

    def _fail(self, worker: _Worker, violations: tuple[Violation, ...]) -> None:
        if worker.index is None:
            return
        trace = self.plan.source.trace(worker.index)
        strict = self.plan.options.strict
        claimed = tuple(one for one in violations if one.claimed or strict)
        others = tuple(one for one in violations if not (one.claimed or strict))
        if claimed:
            self.tally.failures.append(Failure(worker.index, trace, claimed))
        if others:
            self.tally.unclaimed_total += 1
            # The first by their numbers, whichever worker was quicker.
            insort(self.tally.unclaimed, Failure(worker.index, trace, others), key=lambda one: one.index)
            del self.tally.unclaimed[UNCLAIMED_MAX:]


def failure_kind(failure: Failure) -> str:
    """The kind of violation that a failure is known by."""
    verdict = Verdict(0, 0, {}, 0.0, failure.violations)
    first = first_violation(verdict)
    return first.kind if first is not None else ""


@contextlib.contextmanager
def _interrupt_handler(handler: Callable[[], None]) -> Iterator[None]:
    """SIGINT calls the handler instead of raising."""
    try:
        before = signal.signal(signal.SIGINT, lambda *_: handler())
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
