# SPDX-License-Identifier: ISC
"""The fast path tells the truth: of every crash state C and its fingerprints say what SQL and Python say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.cli.run import profile
from powercut.engine import Engine, EngineRefusedError, Run
from powercut.explorer import Allowed, ExploreOptions
from powercut.generate import GEOMETRIES, operations
from powercut.geometry import Geometry
from powercut.predict import Prediction, predict
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]


def slowly(run: Run, prediction: Prediction, state: int) -> bool:
    """Whether the model allows what the engine shows of the crash state, by SQL EXCEPT."""
    done, in_flight = run.position(state)
    try:
        rows = run.engine.entries(run.image(state), run.geometry)
    except EngineRefusedError:
        return False
    return any(not prediction.model.difference(at, rows) for at in range(done, done + 1 + in_flight))


def disagreements(engine: Engine, geometry: Geometry, seed: int, count: int = 30) -> tuple[int, list[int]]:
    """How many crash states are wrong, and those of which the two ways disagree."""
    made = operations(profile(engine, geometry), seed, count)
    with engine.record(geometry, made) as run:
        prediction = predict(run, made)
        options = ExploreOptions(probes=0, keep_identical=True, keep_unread=True)
        found = run.explore(Allowed(prediction.allowed), options).found
        quick = {one.state for one in found}
        slow = {state for state in range(run.event_count + 1) if not slowly(run, prediction, state)}
        prediction.model.close()
    return len(slow), sorted(quick ^ slow)


@pytest.mark.parametrize("geometry", GEOMETRIES[:4], ids=str)
@pytest.mark.parametrize("name", ["ditto", "skink"])
def test_both_ways_say_that_an_engine_holds(name: str, geometry: Geometry) -> None:
    assert disagreements(Engine.load(name), geometry, seed=11) == (0, [])


@pytest.mark.parametrize("lie", ["LATE", "STALE", "IN_PLACE", "WRONG_TIME", "RESURRECTS", "UNREADABLE"])
def test_both_ways_find_the_same_broken_crash_states(liar: Liar, lie: str) -> None:
    engine = Engine.load(liar(lie))
    runs = [disagreements(engine, GEOMETRIES[0], seed) for seed in range(4)]
    assert sum(wrong for wrong, _ in runs) > 0
    assert [apart for _, apart in runs] == [[]] * 4


@pytest.mark.parametrize("name", ["ditto", "skink"])
def test_the_same_trace_gives_the_same_log_images_and_verdict(name: str) -> None:
    engine = Engine.load(name)
    for index, geometry in enumerate(GEOMETRIES):
        made = tuple(operations(profile(engine, geometry), index, 30))
        with engine.record(geometry, made) as one, engine.record(geometry, made) as two:
            events = [[run.event(at) for at in range(run.event_count)] for run in (one, two)]
            assert events[0] == events[1]
            for state in range(0, one.event_count + 1, 7):
                assert one.image(state) == two.image(state)
        trace = Trace(geometry, made, EngineRef(name))
        first, second = run_trace(trace, engine), run_trace(trace, engine)
        assert (first.checked, first.identical, first.violations) == (
            second.checked,
            second.identical,
            second.violations,
        )


def test_states_passed_over_as_identical_would_have_been_judged_the_same(liar: Liar) -> None:
    for name in ("ditto", liar("LATE")):
        engine = Engine.load(name)
        made = operations(profile(engine, GEOMETRIES[3]), 2, 40)
        with engine.record(GEOMETRIES[3], made) as run:
            allowed = Allowed(predict(run, made).allowed)
            quick = run.explore(allowed, ExploreOptions())
            full = run.explore(allowed, ExploreOptions(keep_identical=True, keep_unread=True))
        assert quick.sum.identical > 0
        assert (full.sum.checked, full.sum.identical, full.sum.unread) == (full.sum.total, 0, 0)
        assert {one.state for one in quick.found} <= {one.state for one in full.found}
        assert {one.kind for one in quick.found} == {one.kind for one in full.found}
