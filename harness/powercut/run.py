# SPDX-License-Identifier: ISC
"""One trace, run once and judged in the crash states that it asks for: the verdict and its honest counts."""

from __future__ import annotations

import bisect
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from powercut.claims import DAMAGE, is_claimed, may_not_die
from powercut.counts import Count, Counted, Counts, add_counts
from powercut.devices import BUILTIN, DeviceModel
from powercut.engine import Engine, EngineRefusedError, Run
from powercut.errors import PowercutError
from powercut.explorer import (
    ALL_PROBES,
    Allowed,
    Exploration,
    ExploreOptions,
    Found,
    NoSuchStateError,
    Watch,
)
from powercut.fault import Fault
from powercut.faultfile import Model, model_name
from powercut.images import image_rows
from powercut.judge import Violation, brief, from_answer, from_death, from_state
from powercut.predict import Prediction, predict
from powercut.trace import Trace
from powercut_models import Row

#: How many violations of one run are looked for before the rest of its crash states is left.
VIOLATIONS_MAX = 64


@dataclass(frozen=True, slots=True)
class Verdict(Counted):
    """What one run showed.

    ``counts``: crash states by device model and kind; see Count. ``seconds``: of exploring. ``left``: behind
    states that end the process the rest was left.
    """

    operations: int
    events: int
    counts: Counts
    seconds: float
    violations: tuple[Violation, ...]
    left: bool = False

    @property
    def held(self) -> bool:
        """Whether no promise was broken that the engine makes; what is not claimed is none."""
        return not any(one.claimed for one in self.violations)


@dataclass(frozen=True, slots=True)
class Death:
    """A crash state that ended the process (``crash``) or never came to an end (``hang``), and how: a
    signal's name, an exit code, or for how long nothing happened; ``said``: the process, of that."""

    kind: str
    how: str
    fault: Fault
    said: str = ""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to explore; what to explore says the trace. ``jobs``: threads. ``probes``: see explorer.py.
    ``words``: tell the first violation of each kind in words. ``strict``: what is not claimed counts as well.
    ``keep_*``: prunings to leave out. ``deaths``: crash states that are known to end or hang the process;
    ``leave``: at the last of them judging ends, and what comes behind it is only counted."""

    jobs: int = 1
    probes: int = ALL_PROBES
    violations_max: int = VIOLATIONS_MAX
    words: bool = True
    strict: bool = False
    keep_identical: bool = False
    keep_unread: bool = False
    deaths: tuple[Death, ...] = ()
    leave: bool = False


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
        prediction = predict(run, trace.operations, rows, watch, failing=trace.failing is not None)
        try:
            return _Judging(trace, run, prediction, options, watch).verdict()
        finally:
            prediction.close()


def record(trace: Trace, engine: Engine) -> Run:
    """The recorded run of a trace, to be closed. Raises PowercutError."""
    try:
        return engine.record(
            trace.geometry,
            trace.operations,
            image=trace.image,
            options=trace.engine.options,
            failing=trace.failing,
            resume=trace.explore.resume,
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


def device_models(trace: Trace) -> tuple[DeviceModel, ...]:
    """The device models that a trace names, the fault's too. Raises PowercutError."""
    names = {model_name(one): one for one in trace.models}
    if trace.fault is not None and trace.fault.model:
        names.setdefault(trace.fault.model, trace.fault.model)
    return tuple(device_model(one) for one in names.values())


def device_model(model: Model) -> DeviceModel:
    """A model as a trace names it. Raises PowercutError."""
    if not isinstance(model, str):
        return DeviceModel(
            model.name,
            model.prog_unit,
            model.erase_unit,
            frozenset(model.prog_tears),
            frozenset(model.erase_tears),
            model.reorders,
            model.overwrites,
        )
    if model not in BUILTIN:
        raise PowercutError(f"There is no device model {model!r}; there are {', '.join(BUILTIN)}.")
    return BUILTIN[model]


@dataclass(slots=True)
class _Judging:
    """One run being explored: first what the engine claims to survive, then what it does not."""

    trace: Trace
    run: Run
    prediction: Prediction
    options: RunOptions
    watch: Watch | None
    counts: Counts = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    ended: bool = False

    def verdict(self) -> Verdict:
        start = time.perf_counter()
        for number, asked in enumerate(self._asked()):
            explored = self._explore(asked)
            self._take(asked, explored if number == 0 else _of_models(explored))
        if self.trace.fault is None and "full" in self.trace.explore.kinds:
            self.counts.setdefault(("", "full"), Count(beyond=1))  # it cannot be judged here
        seconds = time.perf_counter() - start
        return Verdict(
            len(self.trace.operations),
            self.run.event_count,
            self.counts,
            seconds,
            self._violations(),
            self.options.leave,
        )

    @property
    def claims(self) -> frozenset[str]:
        return self.run.engine.claims(self.trace.engine.options)

    def _asked(self) -> list[ExploreOptions]:
        """One exploration, or two where some of it is not claimed."""
        trace, models = self.trace, device_models(self.trace)
        base = self._base()
        if trace.fault is not None:
            return [replace(base, models=models, only=(trace.fault,))]
        kinds = frozenset(trace.explore.kinds)
        ours = tuple(one for one in models if one.name in self.claims)
        others = tuple(one for one in models if one.name not in self.claims)
        damage = kinds & {"damage"}
        claimed = not damage or bool(DAMAGE & self.claims)
        first = replace(base, models=ours, kinds=kinds if claimed else kinds - damage)
        rest = (kinds & {"torn", "reorder", "nested"}) | self._parents(kinds) if others else frozenset()
        second = replace(base, models=others, kinds=rest if claimed else rest | damage)
        return [one for one in (first, second) if one.kinds - {"nested"}]

    def _parents(self, kinds: frozenset[str]) -> frozenset[str]:
        """States of no model in particular whose recoveries are cut as each model allows."""
        deeper = "nested" in kinds and not set(self.trace.explore.nested) <= {"prefix"}
        return kinds & {"prefix", "full"} if deeper else frozenset()

    def _base(self) -> ExploreOptions:
        explore, options = self.trace.explore, self.options
        return ExploreOptions(
            depth=explore.depth,
            nested_kinds=frozenset(explore.nested or ("prefix",)),
            samples=explore.samples,
            seed=explore.seed,
            reader=explore.reader or None,
            jobs=options.jobs,
            probes=options.probes,
            last=self._last(),
            max_violations=options.violations_max,
            keep_identical=options.keep_identical,
            keep_unread=options.keep_unread,
            skip=tuple(one.fault for one in options.deaths),
            end_at=options.deaths[-1].fault if options.leave else None,
            damage_exact="damage" in self.claims,
        )

    def _last(self) -> int:
        """The last cut to look at: behind a wrong answer model and engine have parted."""
        states = range(self.run.event_count + 1)
        sound = self.prediction.sound
        return bisect.bisect_right(states, sound, key=lambda state: self.run.position(state)[0]) - 1

    def _explore(self, asked: ExploreOptions) -> Exploration:
        last = -1 if asked.last is None else asked.last
        unsound = any(fault.kind != "full" and fault.state > last for fault in asked.only)
        if last < 0 or unsound:
            return Exploration()
        needs = "damage" in asked.kinds or any(fault.damage for fault in asked.only)
        entries = self.prediction.entries() if needs else ()
        try:
            allowed = Allowed(self.prediction.allowed, entries, self.prediction.now())
            explored = self.run.explore(allowed, asked, self._watched())
        except NoSuchStateError:
            return Exploration()
        self.ended |= explored.ended
        return explored

    def _watched(self) -> Watch | None:
        """Who is told what goes on; behind the end states are counted alone, as after a stop."""
        if not self.ended:
            return self.watch
        stopped = Watch()
        stopped.stop()
        return stopped

    def _take(self, asked: ExploreOptions, explored: Exploration) -> None:
        add_counts(self.counts, explored.counts)
        self.found += explored.found
        unseen = self.run.event_count - self._last()
        if unseen > 0 and self.trace.fault is None:
            add_counts(self.counts, self._unseen(asked, explored.counts, unseen))

    def _unseen(self, asked: ExploreOptions, counts: Counts, cuts: int) -> Counts:
        """What there is behind a wrong answer: ``cuts``, of which nothing was generated."""
        found: Counts = {}
        if ("", "prefix") in counts:
            found["", "prefix"] = Count(total=cuts)
        if ("", "full") in counts:
            found["", "full"] = Count(total=len(self.trace.operations) + 1 - counts["", "full"].total)
        for model in asked.models:
            torn = "torn" in asked.kinds and bool(model.prog_tears | model.erase_tears)
            reorder = "reorder" in asked.kinds and model.reorders
            found |= {(model.name, "torn"): Count(beyond=cuts)} if torn else {}
            found |= {(model.name, "reorder"): Count(beyond=cuts)} if reorder else {}
        return found

    def _violations(self) -> tuple[Violation, ...]:
        violations = [from_answer(wrong) for wrong in self.prediction.wrong]
        violations += self._overwritten()
        for death in self.options.deaths:
            one = from_death(self.run, self.trace.operations, death.kind, death.how, death.fault, death.said)
            violations.append(replace(one, claimed=may_not_die(death.fault, self.claims)))
        told: set[tuple[str, bool]] = set()
        for found in self.found:
            claimed = is_claimed(found.fault, self.claims)
            if self.options.words and (found.kind, claimed) not in told:
                one = from_state(self.run, self.trace.operations, self.prediction, found)
            else:
                one = brief(self.run, found)
            violations.append(replace(one, claimed=claimed))
            told.add((found.kind, claimed))
        return tuple(violations)

    def _overwritten(self) -> list[Violation]:
        """Bytes that were programmed without an erase, where a device does not take that."""
        models = [one for one in device_models(self.trace) if not one.overwrites]
        if not models or self.trace.fault is not None:
            return []
        event = self.run.first_overwrite()
        if event is None:
            return []
        words = (
            f"Without any power cut device event {event + 1} ({self.run.event(event)}) programs bytes that "
            f"are not erased, which no device of the model {models[0].name} takes."
        )
        claimed = any(one.name in self.claims for one in models)
        return [Violation("overwrite", None, None, "OK", words, claimed=claimed)]


def _of_models(explored: Exploration) -> Exploration:
    """Without what every device allows, the damage apart: that was looked at before."""
    counts = {key: count for key, count in explored.counts.items() if key[0] or key[1] == "damage"}
    return Exploration(counts, tuple(one for one in explored.found if one.fault.model or one.fault.damage))
