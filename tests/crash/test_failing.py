# SPDX-License-Identifier: ISC
"""Workloads in which a device call fails: what comes behind it, and which lies are caught."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable

import pytest

from powercut.engine import Engine
from powercut.failing import EVENT_OF, WRITES_AFTER, FailingSource
from powercut.generate import GEOMETRIES
from powercut.run import record, run_trace
from powercut.trace import EngineRef
from powercut.vocabulary import Profile

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]


def source(name: str, seed: int = 1, count: int = 20) -> FailingSource:
    engine = Engine.load(name)
    profiles = tuple(Profile(geometry, engine.capabilities, 60) for geometry in GEOMETRIES[:4])
    return FailingSource(seed, count, profiles, EngineRef(engine.name, engine.version), name)


def test_after_an_error_there_are_few_writes_and_then_the_end() -> None:
    engine = Engine.load("skink")
    made = source("skink")
    failed = 0
    kinds: Counter[str] = Counter()
    for index in range(40):
        trace = made.trace(index)
        assert trace.failing is not None
        kinds[trace.failing.kind] += 1
        with record(trace, engine) as run:
            codes = [run.code(number) for number in range(len(trace.operations))]
        if "IO" in codes:
            failed += 1
            behind = trace.operations[codes.index("IO") + 1 :]
            assert sum(op.writes for op in behind) <= WRITES_AFTER
            assert len(behind) <= WRITES_AFTER + 2 * 6
    assert failed >= 10
    assert set(kinds) == set(EVENT_OF)


def test_the_same_trace_is_made_whenever_it_is_asked_for() -> None:
    assert [source("skink").trace(index) for index in (3, 1, 3)] == [
        source("skink").trace(index) for index in (3, 1, 3)
    ]


@pytest.mark.parametrize("name", ["skink", "ditto"])
def test_engines_that_are_right_hold_where_calls_fail(name: str) -> None:
    engine, made = Engine.load(name), source(name, seed=2)
    for index in range(30):
        verdict = run_trace(made.trace(index), engine)
        assert verdict.held, verdict.violations[0].words


def test_a_lie_about_errors_is_found(liar: Liar, powercut: Powercut) -> None:
    command = ("run", "--traces", 40, "--ops", 12, "--seed", 1, "--engine", liar("ERROR_IGNORED"))
    assert powercut(*command).returncode == 0
    done = powercut(*command, "--errors", "--no-shrink", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["violations"] > 0


def test_an_engine_that_dies_is_told_and_the_run_goes_on(liar: Liar, powercut: Powercut) -> None:
    command = ("run", "--errors", "--traces", 10, "--ops", 8, "--seed", 1, "--no-shrink", "--json")
    done = powercut(*command, "--engine", liar("DIES_AT_WORK"))
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["traces"] == 10
    assert {one["kind"] for one in told["failures"]} == {"crash"}
