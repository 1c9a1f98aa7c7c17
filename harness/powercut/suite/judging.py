# SPDX-License-Identifier: ISC
"""Runs and judges a trace for a test: in a child process, begun again behind a crash state that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from powercut.campaign import DEATHS_MAX
from powercut.claims import may_not_die
from powercut.engine import Engine
from powercut.explorer import Watch
from powercut.fault import Fault
from powercut.judge import Violation
from powercut.run import Death, RunOptions, Verdict, device_models, run_trace
from powercut.shrink import first_violation
from powercut.suite.child import Died, in_child, shared_watch
from powercut.trace import Trace


def judge(
    trace: Trace, engine: Engine, options: RunOptions, *, isolate: bool, hang_seconds: float | None = None
) -> Verdict:
    """The verdict on a trace. A crash state that ends or hangs the process is a violation, and is left out
    when the others are judged once more.

    ``hang_seconds``: without a sign of life; None: a minute. Raises PowercutError.
    """
    if not isolate:
        return run_trace(trace, engine, options, watch=Watch())
    while True:
        watch = shared_watch()
        outcome = in_child(partial(run_trace, trace, engine, options, None, watch), watch, hang_seconds)
        if not isinstance(outcome, Died):
            return outcome
        suspects = watch.at_hand(device_models(trace))
        if len(suspects) > 1 and options.jobs > 1:
            options = replace(options, jobs=1)
        elif len(suspects) != 1 or len(options.deaths) + 1 >= DEATHS_MAX:
            claims = engine.claims(trace.engine.options)
            return _given_up(trace, outcome, [*options.deaths, *_deaths(outcome, suspects)], claims)
        else:
            options = replace(
                options, deaths=(*options.deaths, Death(outcome.kind, outcome.how, suspects[0]))
            )


def _deaths(died: Died, suspects: Sequence[Fault]) -> list[Death]:
    return [Death(died.kind, died.how, fault) for fault in suspects]


def _given_up(trace: Trace, died: Died, deaths: Sequence[Death], claims: frozenset[str]) -> Verdict:
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
