# SPDX-License-Identifier: ISC
"""The explorer that a test gets: runs operations on the engine, cuts the power, judges, counts, fails."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.ops import Op
from powercut.run import RunOptions, Verdict, run_trace
from powercut.shrink import first_violation
from powercut.source import GeneratedSource
from powercut.suite import failure, hypo
from powercut.suite.child import Died, in_child
from powercut.suite.counts import Counts, States
from powercut.suite.settings import Settings
from powercut.suite.work import Work
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile
from powercut_models import StoreModel

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from powercut.machine import StoreMachine

#: Work that making a failure small may take inside of a Hypothesis test, which has made it small already.
_LITTLE = 60_000


class Explorer:
    """Explores runs of one engine, on one device unless a test asks for another.

    A test gets it as ``powercut_explorer``. What it explores is set by the test's marker, ``settings``.
    """

    def __init__(self, engine: Engine, device: Geometry, work: Work | None = None) -> None:
        """``work``: what it works under; None: the profile ``quick``, without pytest."""
        self.engine = engine
        self.device = device
        self._work = work or Work()

    @property
    def settings(self) -> Settings:
        """What the test at hand explores."""
        return self._work.settings

    @property
    def seed(self) -> int:
        """The seed of this test's generated traces."""
        return self._work.seed

    def profile(self, device: Geometry | None = None) -> Profile:
        """What can be asked of the engine: what strategies and generators take. Raises PowercutError."""
        geometry = device or self.device
        try:
            facts = self.engine.facts(self.engine.format(geometry), geometry)
        except EngineRefusedError as error:
            name = f"{self.engine.name} {self.engine.version}"
            raise PowercutError(f"{name} does not take this device ({geometry}): {error}.") from error
        return Profile(geometry, self.engine.capabilities, facts.name_max)

    def model(self) -> StoreModel:
        """A fresh model of the store, with the engine's limits."""
        facts = self.engine.facts(self.engine.format(self.device), self.device)
        return StoreModel(
            name_max=facts.name_max,
            value_max=min(facts.value_max, 2**63 - 1),
            timestamps="timestamps" in self.engine.capabilities,
        )

    def trace(
        self, operations: Iterable[Op], *, device: Geometry | None = None, image: bytes | None = None
    ) -> Trace:
        """A trace of these operations on this engine. ``image``: what the device holds at first."""
        reference = EngineRef(self.engine.name, self.engine.version)
        return Trace(device or self.device, tuple(operations), reference, image)

    def check(
        self,
        what: Trace | Iterable[Op],
        *,
        device: Geometry | None = None,
        image: bytes | None = None,
        aim: bool = False,
    ) -> Verdict:
        """Runs the operations, or a trace, cuts the power, recovers, and judges every state asked for.

        ``aim``: inside of Hypothesis, look for examples with more device events. Raises ViolationError, an
        AssertionError, where a promise is broken; PowercutError where the engine does not take the device.
        """
        __tracebackhide__ = True
        trace = what if isinstance(what, Trace) else self.trace(what, device=device, image=image)
        start = time.perf_counter()
        try:
            verdict = self._judge(trace)
            hypo.tell(verdict)
            if aim:
                hypo.aim(verdict.events, "powercut: device events")
            if not verdict.held:
                raise self._failure(trace, verdict)
        finally:
            hypo.excuse(time.perf_counter() - start)
        return verdict

    def check_generated(
        self,
        *,
        budget: int | None = None,
        ops: int | None = None,
        devices: Sequence[Geometry] = (),
    ) -> Counts:
        """Checks generated traces, ``budget`` many of ``ops`` operations each, or as many as the time allows.

        The same seed gives the same traces. ``devices``: go round these. Raises as ``check`` does.
        """
        __tracebackhide__ = True
        settings = self.settings
        source = self._source(ops or settings.ops, devices)
        end = self._deadline()
        count = budget or settings.budget
        for index in range(count):
            if index and end is not None and time.monotonic() >= end:
                self._work.counts.unbegun += count - index
                break
            self.check(source.trace(index))
        return self._work.counts

    def strategy(self, max_size: int = 30) -> st.SearchStrategy[list[Op]]:
        """Hypothesis: lists of operations that this engine can do, on this device."""
        from powercut.strategies import operation_lists  # noqa: PLC0415 (Hypothesis where it is used)

        return operation_lists(self.profile(), max_size)

    def machine(self, base: type[StoreMachine] | None = None) -> type[StoreMachine]:
        """Hypothesis: the state machine, or your own on top of it, bound to this explorer.

        Run it with ``hypothesis.stateful.run_state_machine_as_test``.
        """
        from powercut.machine import StoreMachine  # noqa: PLC0415 (Hypothesis where it is used)

        machine = base or StoreMachine
        bound: dict[str, Any] = {
            "engine": self.engine,
            "profile": self.profile(),
            "judge": staticmethod(self.check),
            "__module__": machine.__module__,
        }
        return type(machine.__name__, (machine,), bound)

    # --- inside ------------------------------------------------------------------------------------------

    def _source(self, ops: int, devices: Sequence[Geometry]) -> GeneratedSource:
        profiles = tuple(self.profile(device) for device in devices or (self.device,))
        reference = EngineRef(self.engine.name, self.engine.version)
        return GeneratedSource(self.seed, ops, profiles, reference)

    def _deadline(self) -> float | None:
        bounds = [one for one in (self.settings.seconds, self._work.share) if one is not None]
        return time.monotonic() + min(bounds) if bounds else None

    def _judge(self, trace: Trace) -> Verdict:
        """Runs the trace and counts what it showed."""
        options = self._options()
        if self.settings.isolate:
            outcome = in_child(lambda watch: run_trace(trace, self.engine, options, watch=watch))
        else:
            outcome = run_trace(trace, self.engine, options, watch=Watch())
        if isinstance(outcome, Died):
            outcome = Verdict(len(trace.operations), 0, {}, 0.0, (failure.died(outcome),))
        self._work.counts.add(counts_of(self.engine, outcome))
        return outcome

    def _options(self) -> RunOptions:
        if self.settings.kinds != ("prefix",) or self.settings.models:
            raise PowercutError(
                "Only prefix states are looked at so far; leave the kinds and the models out."
            )
        return RunOptions(jobs=self.settings.jobs, violations_max=1, words=not hypo.looking())

    def _failure(self, trace: Trace, verdict: Verdict) -> failure.ViolationError:
        """The error for a verdict; made small and saved, unless Hypothesis is still looking."""
        violation = first_violation(verdict) or verdict.violations[0]
        if hypo.looking():
            error = failure.error_of(violation.kind)(violation.words)
            error.violation, error.trace = violation, trace
            return error
        made, shown = failure.small(
            trace,
            violation,
            self.engine,
            isolate=self.settings.isolate,
            **({"budget": _LITTLE} if hypo.context() is not None else {}),
        )
        return self._told(made, shown)

    def _told(self, trace: Trace, violation: Violation) -> failure.ViolationError:
        here = self._work.here
        path, problem = failure.keep(trace, self._work.folder)
        saved = failure.saved_as(trace, path, self.engine, here) if path is not None else None
        if saved is not None:
            self._work.counts.add(Counts(saved=[saved]))
        words = failure.message(trace, violation, self.engine, saved, problem)
        error = failure.error_of(violation.kind)(words)
        error.violation, error.trace, error.path = violation, trace, path
        return error


def counts_of(engine: Engine, verdict: Verdict) -> Counts:
    """What one run looked at."""
    states = {
        (kind, model): States(one.total, one.checked, one.identical + one.unread, one.sampled, one.beyond)
        for (model, kind), one in verdict.counts.items()
    }
    return Counts(
        engine=f"{engine.name} {engine.version}",
        traces=1,
        operations=verdict.operations,
        events=verdict.events,
        no_space=verdict.no_space,
        states=states,
    )
