# SPDX-License-Identifier: ISC
"""Runs and judges a trace for a test: in a child process, begun again behind a crash state that ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from powercut.attempts import Attempt, Died, given_up, unlooked, with_attempt
from powercut.child import DiedError, in_child
from powercut.engine import Engine, EngineRefusedError, Facts
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.replay import USUAL, Limits
from powercut.run import RunOptions, Verdict, device_models, run_trace
from powercut.shrink import first_violation
from powercut.trace import Trace
from powercut.tryout import first_facts
from powercut.worker import limit_memory

T = TypeVar("T")


def judge(
    trace: Trace, engine: Engine, options: RunOptions, *, isolate: bool, limits: Limits = USUAL
) -> Verdict:
    """The verdict on a trace. A crash state that ends or hangs the process is a violation, and is left out
    when the others are judged once more. ``limits``: what it may take, with ``isolate``.

    Raises PowercutError.
    """
    if not isolate:
        return run_trace(trace, engine, options, watch=Watch())
    limits, attempt = limits.of(trace), Attempt(options.jobs)
    while True:
        try:
            work = partial(_run, trace, engine, with_attempt(options, attempt), limits.memory_bytes)
            return apart(work, limits.seconds)
        except DiedError as died:
            ended = Died(died.kind, died.how, died.said, died.watch.at_hand(device_models(trace)))
            again = attempt.after(ended)
            if again is None:
                known = given_up(attempt, ended, engine.claims(trace.engine.options))
                return Verdict(len(trace.operations), 0, unlooked(trace), 0.0, known, left=True)
            attempt = again


def store_limits(engine: Engine, geometry: Geometry, *, isolate: bool) -> Facts:
    """What an empty store of the engine takes on a device. Raises PowercutError: it does not take that."""
    try:
        return first_facts(engine, geometry) if isolate else engine.facts(engine.format(geometry), geometry)
    except EngineRefusedError as error:
        raise PowercutError(
            f"{engine.name} {engine.version} does not take this device ({geometry}): {error}."
        ) from error


def apart(work: Callable[[Watch], T], seconds: float) -> T:
    """What the work answers in a process of its own. ``seconds``: without a sign of life: it hangs.

    Raises DiedError, and as the work does.
    """
    answers: list[T] = []
    in_child(lambda watch, send: send(work(watch)), answers, seconds)
    return answers[0]


def _run(trace: Trace, engine: Engine, options: RunOptions, memory_bytes: int, watch: Watch) -> Verdict:
    limit_memory(memory_bytes)
    return run_trace(trace, engine, options, watch=watch)


def first_failing(verdict: Verdict, *, strict: bool) -> Violation | None:
    """The first violation that fails a test: of what the engine claims to survive, with ``strict`` of all."""
    failing = tuple(one for one in verdict.violations if one.claimed or strict)
    return first_violation(replace(verdict, violations=failing))
