# SPDX-License-Identifier: ISC
"""Runs and judges a trace for a test: in a child process, begun again behind a crash state that ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from powercut.campaign import DEATHS_MAX
from powercut.child import DiedError, in_child
from powercut.claims import may_not_die
from powercut.engine import Engine, EngineRefusedError, Facts
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.run import Death, RunOptions, Verdict, device_models, run_trace
from powercut.shrink import first_violation
from powercut.trace import Trace
from powercut.tryout import HANG_SECONDS, first_facts

T = TypeVar("T")


def judge(trace: Trace, engine: Engine, options: RunOptions, *, isolate: bool) -> Verdict:
    """The verdict on a trace. A crash state that ends or hangs the process is a violation, and is left out
    when the others are judged once more. Raises PowercutError."""
    if not isolate:
        return run_trace(trace, engine, options, watch=Watch())
    while True:
        try:
            return apart(partial(_run, trace, engine, options))
        except DiedError as died:
            suspects = died.watch.at_hand(device_models(trace))
            deaths = (*options.deaths, *(Death(died.kind, died.how, fault) for fault in suspects))
            if len(suspects) > 1 and options.jobs > 1:
                options = replace(options, jobs=1)
            elif len(suspects) != 1 or len(deaths) >= DEATHS_MAX:
                return _given_up(trace, died, deaths, engine.claims(trace.engine.options))
            else:
                options = replace(options, deaths=deaths)


def limits(engine: Engine, geometry: Geometry, *, isolate: bool) -> Facts:
    """What an empty store of the engine takes on a device. Raises PowercutError: it does not take that."""
    try:
        return first_facts(engine, geometry) if isolate else engine.facts(engine.format(geometry), geometry)
    except EngineRefusedError as error:
        raise PowercutError(
            f"{engine.name} {engine.version} does not take this device ({geometry}): {error}."
        ) from error


def apart(work: Callable[[Watch], T], seconds: float | None = None) -> T:
    """What the work answers in a process of its own. ``seconds``: without a sign of life; None: a minute.

    Raises DiedError, and as the work does.
    """
    answers: list[T] = []
    in_child(lambda watch, send: send(work(watch)), answers, HANG_SECONDS if seconds is None else seconds)
    return answers[0]


def _run(trace: Trace, engine: Engine, options: RunOptions, watch: Watch) -> Verdict:
    return run_trace(trace, engine, options, watch=watch)


def _given_up(trace: Trace, died: DiedError, deaths: Sequence[Death], claims: frozenset[str]) -> Verdict:
    """The verdict where too many crash states kill the process, or the run itself does."""
    words = "The engine ended its process" if died.kind == "crash" else "The engine hangs"
    known = [
        Violation(
            one.kind,
            one.fault.state,
            None,
            one.how,
            f"{words}: {one.how}.",
            fault=one.fault,
            claimed=may_not_die(one.fault, claims),
        )
        for one in deaths
    ]
    last = Violation(died.kind, None, None, died.how, f"{words}: {died.how}.")
    return Verdict(len(trace.operations), 0, {}, 0.0, tuple(known or [last]))


def first_failing(verdict: Verdict, *, strict: bool) -> Violation | None:
    """The first violation that fails a test: of what the engine claims to survive, with ``strict`` of all."""
    failing = tuple(one for one in verdict.violations if one.claimed or strict)
    return first_violation(replace(verdict, violations=failing))
