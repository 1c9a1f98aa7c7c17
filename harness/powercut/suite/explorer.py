# SPDX-License-Identifier: ISC
"""The explorer that a test gets: runs operations on the engine, cuts the power, judges, counts, fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from powercut.devices import DeviceModel, known_models, named
from powercut.engine import Engine, Facts
from powercut.errors import PowercutError
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.ops import Op
from powercut.replay import Limits
from powercut.run import VIOLATIONS_MAX, RunOptions, Verdict
from powercut.source import GeneratedSource, model_data
from powercut.suite import failure, hypo
from powercut.suite.judging import first_failing, judge, store_limits
from powercut.suite.settings import Settings
from powercut.suite.tally import Tally
from powercut.suite.work import Work
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile
from powercut_models import StoreModel

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from powercut.machine import StoreMachine

#: Work that making a failure small may take inside of a Hypothesis test, which has made it small already.
_LITTLE = 60_000


P = ParamSpec("P")
R = TypeVar("R")


def _in_a_sentence(method: Callable[P, R]) -> Callable[P, R]:
    """The method; a PowercutError comes out of it as what the test itself did, not from far inside."""

    @wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except PowercutError as error:
            raise error.with_traceback(None) from None

    return told


class Explorer:
    """Explores runs of one engine, on one device unless a test asks for another.

    A test gets it as ``powercut_explorer``. What it explores is set by the test's marker, ``settings``.
    """

    def __init__(self, engine: Engine, device: Geometry, work: Work | None = None) -> None:
        """``work``: what it works under; None: the profile ``quick``, without pytest."""
        self.engine = engine
        self.device = device
        self._work = work or Work()
        self._facts: dict[Geometry, Facts] = {}

    @property
    def settings(self) -> Settings:
        """What the test at hand explores."""
        return self._work.settings

    @property
    def seed(self) -> int:
        """The seed of this test's generated traces."""
        return self._work.seed

    @_in_a_sentence
    def profile(self, device: Geometry | None = None) -> Profile:
        """What can be asked of the engine: what strategies and generators take. Raises PowercutError."""
        geometry = device or self.device
        return Profile(geometry, self.engine.capabilities, self._limits(geometry).name_max)

    @_in_a_sentence
    def model(self) -> StoreModel:
        """A fresh model of the store, with the engine's limits. Raises PowercutError."""
        facts = self._limits(self.device)
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

    @_in_a_sentence
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
        trace = self._asking(trace)
        start = time.perf_counter()
        try:
            verdict = self._judge(trace)
            hypo.tell(verdict)
            if aim:
                hypo.aim(verdict.events, "powercut: device events")
            violation = first_failing(verdict, strict=self.settings.strict)
            if violation is not None:
                raise self._failure(trace, violation)
        finally:
            hypo.excuse(time.perf_counter() - start)
        return verdict

    @_in_a_sentence
    def check_generated(
        self,
        *,
        budget: int | None = None,
        ops: int | None = None,
        devices: Sequence[Geometry] = (),
    ) -> Tally:
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
                self._work.tally.unbegun += count - index
                break
            self.check(source.trace(index))
        return self._work.tally

    @_in_a_sentence
    def strategy(self, max_size: int = 30) -> st.SearchStrategy[list[Op]]:
        """Hypothesis: lists of operations that this engine can do, on this device."""
        from powercut.strategies import operation_lists  # noqa: PLC0415 (Hypothesis where it is used)

        return operation_lists(self.profile(), max_size)

    @_in_a_sentence
    def machine(self, base: type[StoreMachine] | None = None) -> type[StoreMachine]:
        """Hypothesis: the state machine, or your own on top of it, bound to this explorer.

        Run it with ``hypothesis.stateful.run_state_machine_as_test``; the settings of ``base.TestCase`` hold.
        """
        from powercut.machine import StoreMachine  # noqa: PLC0415 (Hypothesis where it is used)

        machine = base or StoreMachine
        bound: dict[str, Any] = {
            "engine": self.engine,
            "profile": self.profile(),
            "judge": staticmethod(self.check),
            "__module__": machine.__module__,
        }
        made: type[StoreMachine] = type(machine.__name__, (machine,), bound)
        if base is not None:
            made.TestCase.settings = base.TestCase.settings
        return made

    # --- inside ------------------------------------------------------------------------------------------

    def _limits(self, geometry: Geometry) -> Facts:
        """What a store of the engine on a device takes; the engine is asked once. Raises PowercutError."""
        if geometry not in self._facts:
            start = time.perf_counter()
            self._facts[geometry] = store_limits(self.engine, geometry, isolate=self.settings.isolate)
            hypo.excuse(time.perf_counter() - start)
        return self._facts[geometry]

    def _source(self, ops: int, devices: Sequence[Geometry]) -> GeneratedSource:
        profiles = tuple(self.profile(device) for device in devices or (self.device,))
        reference = EngineRef(self.engine.name, self.engine.version)
        return GeneratedSource(self.seed, ops, profiles, reference)

    def _deadline(self) -> float | None:
        bounds = [one for one in (self.settings.seconds, self._work.share) if one is not None]
        return time.monotonic() + min(bounds) if bounds else None

    def _models(self, geometry: Geometry) -> tuple[DeviceModel, ...]:
        """The device models asked for, or those that the engine claims, that there are of a geometry."""
        settings = self.settings
        known = known_models(settings.models_file)
        if not set(settings.kinds) & {"torn", "reorder"}:
            return ()
        if "all" in settings.models:
            asked = tuple(known.values())
        elif settings.models:
            asked = named(settings.models, known)
        else:
            claims = self.engine.claims()
            asked = tuple(one for name, one in known.items() if name in claims)
        return tuple(one for one in asked if not one.misfit(geometry))

    def _asking(self, trace: Trace) -> Trace:
        """The trace, asking for the crash states of the settings; one with a fault asks for that already."""
        if trace.fault is not None:
            return trace
        settings = self.settings
        sampled = set(settings.kinds) - {"prefix"}
        explore = Explore(
            kinds=settings.kinds,
            nested=("prefix",) if "nested" in settings.kinds else (),
            depth=settings.depth,
            samples=settings.samples if sampled else 0,
            seed=settings.seed if sampled else 0,
            resume=settings.resume,
        )
        models = tuple(model_data(one) for one in self._models(trace.geometry))
        return replace(trace, explore=explore, models=models)

    @property
    def _state_limits(self) -> Limits:
        """What one crash state may take."""
        return Limits(self.settings.state_seconds, self.settings.state_memory << 20)

    def _judge(self, trace: Trace) -> Verdict:
        """Runs the trace and counts what it showed."""
        outcome = judge(
            trace,
            self.engine,
            self._options(),
            isolate=self.settings.isolate,
            limits=self._state_limits,
        )
        self._work.tally.add(tally_of(self.engine, outcome))
        return outcome

    def _options(self) -> RunOptions:
        """Stops at the first violation, unless that may be one that the engine does not claim to survive."""
        settings = self.settings
        return RunOptions(
            jobs=settings.jobs,
            violations_max=VIOLATIONS_MAX if "damage" in settings.kinds else 1,
            words=not hypo.looking(),
            strict=settings.strict,
        )

    def _failure(self, trace: Trace, violation: Violation) -> failure.ViolationError:
        """The error for a violation; made small and saved, unless Hypothesis is still looking."""
        if hypo.looking():
            error = failure.error_of(violation.kind)(violation.words)
            error.violation, error.trace = violation, trace
            return error
        made, shown = failure.small(
            trace,
            violation,
            self.engine,
            isolate=self.settings.isolate,
            limits=self._state_limits,
            **({"budget": _LITTLE} if hypo.context() is not None else {}),
        )
        return self._told(made, shown)

    def _told(self, trace: Trace, violation: Violation) -> failure.ViolationError:
        here = self._work.here
        path, problem = failure.keep(trace, self._work.folder)
        saved = failure.saved_as(trace, path, self.engine, here) if path is not None else None
        if saved is not None:
            self._work.tally.add(Tally(saved=[saved]))
        words = failure.message(trace, violation, self.engine, saved, problem)
        error = failure.error_of(violation.kind)(words)
        error.violation, error.trace, error.path = violation, trace, path
        return error


def tally_of(engine: Engine, verdict: Verdict) -> Tally:
    """What one run looked at."""
    return Tally(
        engine=f"{engine.name} {engine.version}",
        traces=1,
        operations=verdict.operations,
        events=verdict.events,
        unclaimed=int(any(not one.claimed for one in verdict.violations)),
        left=int(verdict.left),
        counts=verdict.counts,
    )
