# SPDX-License-Identifier: ISC
"""Every promise that an engine can break is seen broken, told in words, made small, saved and replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.campaign import Campaign, Plan, failure_kind
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import prefix
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.replay import replay
from powercut.run import RunOptions, Verdict, run_trace
from powercut.save import save_failures
from powercut.shrink import first_violation, shrink
from powercut.source import FixedSource, GeneratedSource
from powercut.trace import EngineRef, Trace, dumps, load, save
from powercut.vocabulary import Profile

Liar = Callable[..., str]

DEVICE = Geometry(16, 16, 512, 256, 0xFF)

TRACE = Trace(
    DEVICE,
    (
        Op("set", b"a", value=Literal(b"one")),
        Op("set", b"b", value=Literal(b"x" * 700)),
        Op("get", b"a"),
        Op("set", b"a", value=Literal(b"y" * 900)),
        Op("list", b""),
        Op("remove", b"b"),
        Op("set", b"c", value=Literal(b"after")),
    ),
    EngineRef("plain", "1"),
)


def kinds(verdict: Verdict) -> set[str]:
    return {one.kind for one in verdict.violations}


def test_an_engine_that_is_right_holds_in_every_crash_state() -> None:
    verdict = run_trace(TRACE, Engine.load("ditto"))
    assert verdict.held
    assert verdict.total == verdict.events + 1 > 20
    assert verdict.sum.left == 0


def test_content_is_told_with_the_key_expected_and_found(liar: Liar) -> None:
    verdict = run_trace(TRACE, Engine.load(liar("LATE")))
    one = next(one for one in verdict.violations if one.kind == "content")
    assert "Power cut after device event" in one.words
    assert "operation" in one.words
    assert any("expected" in line and "found" in line for line in one.differences)


def test_a_wrong_answer_is_told_with_its_operation_and_ends_the_judgement_there(liar: Liar) -> None:
    verdict = run_trace(TRACE, Engine.load(liar("WRONG_CODE")))
    assert [one.op for one in verdict.violations if one.kind == "answer"] == [4]
    assert 'list ""' in verdict.violations[0].words
    assert "answers NOT_FOUND, expected OK" in verdict.violations[0].words
    assert kinds(verdict) == {"answer"}
    assert verdict.sum.left > 0


def test_a_full_device_is_no_violation_where_it_can_be_full() -> None:
    big = tuple(Op("set", b"k%d" % index, value=Literal(b"z" * 400)) for index in range(40))
    trace = Trace(Geometry(16, 16, 512, 16, 0xFF), big, EngineRef("ditto"))
    engine = Engine.load("ditto")
    with engine.record(trace.geometry, trace.operations) as run:
        assert run.code(39) == "NO_SPACE"
    assert run_trace(trace, engine).held


@pytest.mark.parametrize("lie", ["LATE", "IN_PLACE", "WRONG_BYTES", "ALWAYS_FULL"])
def test_a_violation_is_made_small_and_keeps_its_kind(liar: Liar, lie: str) -> None:
    engine = Engine.load(liar(lie))
    capabilities = frozenset({"timestamps"})
    source = GeneratedSource(7, 60, (Profile(DEVICE, capabilities),), EngineRef("ditto"))
    found = (source.trace(index) for index in range(50))
    trace = next(trace for trace in found if not run_trace(trace, engine).held)
    kind = first_violation(run_trace(trace, engine, RunOptions(violations_max=1)))
    small = shrink(trace, engine)
    assert kind is not None
    assert small.expect.kind == kind.kind
    assert len(small.operations) <= 4
    assert small.geometry.size < trace.geometry.size
    assert small.expect.words
    assert dumps(small) == dumps(shrink(trace, engine))
    again = run_trace(small, engine, RunOptions(violations_max=1))
    first = first_violation(again)
    assert first is not None
    assert (first.kind, first.state) == (small.expect.kind, small.expect.state)


def test_a_spent_budget_still_gives_a_trace_that_violates(liar: Liar) -> None:
    engine = Engine.load(liar("LATE"))
    small = shrink(TRACE, engine, budget=1)
    assert small.expect.kind
    assert not run_trace(small, engine).held


@pytest.mark.parametrize(("lie", "kind"), [("CRASHES", "crash"), ("HANGS", "hang")])
def test_an_engine_that_dies_or_hangs_is_reported_and_the_campaign_goes_on(
    liar: Liar, lie: str, kind: str
) -> None:
    plan = Plan(liar(lie), FixedSource(TRACE), traces=2, workers=1, hang_seconds=1.0)
    tally = Campaign(plan).run()
    assert [failure_kind(failure) for failure in tally.failures] == [kind, kind]
    assert tally.traces == 2


def test_a_crash_is_made_small_in_processes_of_its_own(liar: Liar, tmp_path: Path) -> None:
    campaign = Campaign(Plan(liar("CRASHES"), FixedSource(TRACE), traces=1))
    (saved,) = save_failures(campaign, campaign.run(), Engine.load(liar("CRASHES")), tmp_path, shrink=True)
    assert saved.trace.expect.kind == "crash"
    assert len(saved.trace.operations) < len(TRACE.operations)
    assert saved.path is not None
    shown = replay(load(saved.path), liar("CRASHES"))
    assert shown.expected
    assert shown.violation is not None
    assert shown.violation.kind == "crash"


def test_a_saved_violation_is_expected_of_its_engine_version_alone(liar: Liar, tmp_path: Path) -> None:
    small = shrink(TRACE, Engine.load(liar("LATE")))
    save(small, tmp_path / "one.trace.json")
    trace = load(tmp_path / "one.trace.json")
    assert trace == small
    on_liar = replay(trace, liar("LATE"), isolated=False)
    on_ditto = replay(trace, "ditto", isolated=False)
    assert (on_liar.expected, on_liar.violation is None) == (True, False)
    assert (on_ditto.expected, on_ditto.violation is None) == (True, True)


def test_a_fault_that_another_engine_survives_is_looked_for_in_all_its_states(liar: Liar) -> None:
    harmless = replace(TRACE, fault=prefix(0))
    shown = replay(harmless, liar("RESURRECTS"), isolated=False)
    assert shown.violation is not None
    assert shown.violation.state


def test_threads_and_processes_do_not_change_the_verdict(liar: Liar) -> None:
    engine = Engine.load(liar("LATE"))
    one, two = (run_trace(TRACE, engine, RunOptions(jobs=jobs, violations_max=0)) for jobs in (1, 4))
    assert one.violations == two.violations
    assert (one.checked, one.identical) == (two.checked, two.identical)


class Poison:
    """A source that no other process can take in."""

    def trace(self, index: int) -> Trace:
        return TRACE

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        return int, ("no number",)


def test_a_worker_that_cannot_start_is_no_violation() -> None:
    with pytest.raises(PowercutError, match="could not start"):
        Campaign(Plan("ditto", Poison(), traces=1)).run()


def test_an_engine_that_is_not_there_ends_the_campaign() -> None:
    with pytest.raises(PowercutError, match="no built-in engine zork"):
        Campaign(Plan("zork", FixedSource(TRACE), traces=3, workers=2)).run()


def test_a_campaign_ends_after_so_many_failures(liar: Liar) -> None:
    plan = Plan(liar("LATE"), FixedSource(TRACE), traces=50, workers=1, failures_max=3)
    tally = Campaign(plan).run()
    assert (len(tally.failures), tally.traces) == (3, 3)
    assert [failure.index for failure in tally.failures] == [0, 1, 2]
