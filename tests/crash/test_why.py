# SPDX-License-Identifier: ISC
"""Known bugs are made small in every kind of crash state, and the sentence says which events it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.campaign import Campaign, Plan
from powercut.engine import Engine
from powercut.fault import Cut, Fault
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.mutants import build, load_mutants
from powercut.replay import reasoned, replay
from powercut.run import RunOptions, Verdict, run_trace
from powercut.shrink import first_violation, shrink
from powercut.source import FixedSource, GeneratedSource
from powercut.trace import EngineRef, Trace, dumps, load, save
from powercut.vocabulary import Profile
from powercut.why import NOTHING, Why, explain, with_why

Liar = Callable[..., str]

DEVICE = Geometry(16, 16, 512, 256, 0xFF)


def failing(engine: Engine, explore: Explore, models: tuple[str, ...], count: int = 60) -> Trace:
    """A generated trace that fails, made small."""
    source = GeneratedSource(
        1, count, (Profile(DEVICE, engine.capabilities),), EngineRef(engine.name, engine.version)
    )
    for index in range(20):
        trace = replace(source.trace(index), explore=explore, models=models)
        known = first_violation(run_trace(trace, engine, RunOptions(violations_max=1)))
        if known is not None:
            small = shrink(trace, engine, known=known)
            assert small.expect.kind == known.kind
            assert small.fault is not None
            assert len(small.operations) < len(trace.operations) // 4
            assert dumps(small) == dumps(shrink(trace, engine, known=known))
            return small
    raise AssertionError("none of the traces fails")


@pytest.fixture(scope="module")
def mutant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Engine]:
    """Builds skink with a planted bug."""
    folder = tmp_path_factory.mktemp("mutants")

    def make(name: str) -> Engine:
        return Engine.load(str(build(*load_mutants([name]), folder)))

    return make


@pytest.mark.parametrize(
    ("lie", "first", "second"), [("NO_BODY_SYNC", 1, 3), ("NO_HEAD_SYNC", 4, 5), ("NO_LAST_SYNC", 4, 5)]
)
def test_a_sync_left_out_is_told_by_the_two_events_that_it_should_stand_between(
    liar: Liar, lie: str, first: int, second: int
) -> None:
    engine = Engine.load(liar(lie))
    small = failing(engine, Explore(("reorder",), samples=4), ("disk512",))
    assert small.fault == Fault("reorder", (Cut(second + 1, (first,)),), None, "disk512")
    assert len(small.operations) == 1
    why = explain(small, engine)
    assert "must be durable before" in why.sentence
    assert why.sentence.endswith("there is no sync between them.")
    assert f"#{first + 1} " in why.sentence
    assert f"#{second + 1} " in why.sentence
    assert ("order", first, second) in {(one.kind, one.first, one.second) for one in why.requirements}


def test_an_operation_that_returns_before_its_commit_is_durable_is_told(
    mutant: Callable[[str], Engine],
) -> None:
    engine = mutant("sync-left-out")
    small = failing(engine, Explore(("reorder",), samples=4), ("disk512",))
    why = explain(small, engine)
    assert "a commit to the root dictionary" in why.sentence
    assert "must be durable before operation 0 " in why.sentence
    assert [one.kind for one in why.requirements] == ["durable"]


def test_a_commit_before_its_data_is_told_with_what_the_blocks_are(
    mutant: Callable[[str], Engine], tmp_path: Path
) -> None:
    engine = mutant("commit-before-data")
    small = with_why(failing(engine, Explore(), (), 100), engine)
    why = explain(small, engine)
    assert "the value '" in why.sentence
    assert "that points at it" in why.sentence
    assert "the engine issues them only afterwards" in why.sentence
    assert small.expect.why == why.sentence
    save(small, tmp_path / "one.trace.json")
    shown = reasoned(replay(load(tmp_path / "one.trace.json"), engine.origin), engine.origin)
    assert shown.expected
    assert shown.why == why


def test_a_torn_commit_that_is_believed_is_told_with_the_device_that_tears_it(
    mutant: Callable[[str], Engine],
) -> None:
    engine = mutant("crc-not-checked")
    small = failing(engine, Explore(("torn",), samples=4), ("nor",))
    assert small.fault is not None
    tear = small.fault.cuts[0].tear
    assert tear is not None
    assert tear.kind in ("bytes", "bits")
    why = explain(small, engine)
    assert "must not arrive in part" in why.sentence
    assert "which the device model nor allows" in why.sentence
    assert [one.kind for one in why.requirements] == ["whole"]


def test_a_recovery_that_is_cut_is_told_by_its_own_events(liar: Liar) -> None:
    engine = Engine.load(liar("REWRITES_GOOD"))
    small = failing(engine, Explore(("prefix", "nested"), ("prefix",), 2), (), 30)
    assert small.fault is not None
    assert [cut.at for cut in small.fault.cuts] == [4, 1]
    why = explain(small, engine)
    assert why.recovery
    assert "must both be there or neither, and they are two writes, in the recovery." in why.sentence


def test_three_cuts_in_a_row_stay_three_where_all_are_needed(liar: Liar) -> None:
    engine = Engine.load(liar("THIRD"))
    small = failing(engine, Explore(("prefix", "nested"), ("prefix",), 3), (), 20)
    assert small.fault is not None
    assert len(small.fault.cuts) == 3


@pytest.mark.parametrize(("lie", "code"), [("CRASHES", "SIGABRT"), ("SEGFAULTS", "SIGSEGV")])
def test_a_crash_state_that_ends_the_process_is_made_small_from_outside(
    liar: Liar, lie: str, code: str
) -> None:
    engine = Engine.load(liar(lie))
    source = GeneratedSource(1, 60, (Profile(DEVICE, engine.capabilities),), EngineRef(engine.name))
    tally = Campaign(Plan(engine.origin, FixedSource(source.trace(0)), traces=1)).run()
    (failure,) = tally.failures
    known = first_violation(Verdict(0, 0, {}, 0.0, failure.violations))
    assert known is not None
    small = with_why(shrink(failure.trace, engine, known=known), engine)
    assert (small.expect.kind, small.expect.code, small.expect.why) == ("crash", code, "")
    assert small.fault is not None
    assert (len(small.operations), small.fault.kind) == (1, "prefix")
    assert small.fault.state <= (known.state or 0)


@pytest.mark.parametrize(("lie", "kind"), [("ONE_HEAD", "damage"), ("REMOVE_NEEDS_ROOM", "full")])
def test_where_no_order_is_in_question_the_sentence_says_what_is(liar: Liar, lie: str, kind: str) -> None:
    engine = Engine.load(liar(lie))
    small = failing(engine, Explore((kind,)), (), 20)
    assert small.fault is not None
    assert small.fault.kind == kind
    why = explain(small, engine)
    assert why.sentence
    assert why.requirements == ()


def test_a_crash_state_that_holds_has_no_reason(liar: Liar) -> None:
    engine = Engine.load(liar(None))
    trace = failing(Engine.load(liar("NO_BODY_SYNC")), Explore(("reorder",)), ("disk512",))
    assert explain(trace, engine) == NOTHING == Why("")
    assert explain(replace(trace, fault=None), engine) == NOTHING


def test_a_crash_state_that_the_run_does_not_have_is_told_and_others_are_looked_at(liar: Liar) -> None:
    small = failing(Engine.load(liar("NO_BODY_SYNC")), Explore(("reorder",)), ("disk512",))
    far = replace(small, fault=Fault("reorder", (Cut(10**6, (10**6 - 1,)),), None, "disk512"))
    shown = replay(far, liar(None), isolated=False)
    assert (shown.violation, shown.gone) == (None, True)
    assert shown.checked > 0
    shown = replay(far, liar("NO_BODY_SYNC"), isolated=False)
    assert shown.violation is not None
    assert not replay(small, liar("NO_BODY_SYNC"), isolated=False).gone
