# SPDX-License-Identifier: ISC
"""A run that goes on after its recoveries: what is blamed and how it is told, and how far it goes on."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.engine import PROBE_KEY, Engine
from powercut.errors import PowercutError
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.run import Verdict, record, run_trace
from powercut.trace import EngineRef, Failing, Trace, load

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

HERE = Path(__file__).resolve().parent

#: The number of its blocks is odd: the last one is not plain's.
DEVICE = Geometry(16, 16, 128, 31, 0xFF)

WORK = (
    Op("set", b"a", value=Literal(b"one")),
    Op("set", b"b", value=Literal(b"two")),
    Op("get", b"b"),
    Op("remove", b"a"),
    Op("rename", b"b", target=b"c"),
)


#: Device events of the first operation up to where it leaves something to repair, and has done nothing yet.
CUT = 4


def trace_of(resume: int, *kinds: str, work: tuple[Op, ...] = WORK) -> Trace:
    explore = Explore(kinds or ("prefix",), resume=resume)
    return Trace(DEVICE, work, EngineRef("plain", "1"), explore=explore)


def judged(library: str, trace: Trace) -> Verdict:
    return run_trace(trace, Engine.load(library))


def kinds_at_cut(verdict: Verdict) -> set[str]:
    return {one.kind for one in verdict.violations if one.state == CUT}


@pytest.mark.parametrize(
    ("lie", "op", "words"),
    [
        ("BLURS", 2, 'and operation 2 (get "b") answers OK with something else than it did in the run'),
        ("FORGETS", None, "each operation answered as it should, and then the store holds something else"),
    ],
)
def test_what_goes_wrong_later_is_blamed_on_the_operation_that_shows_it(
    liar: Liar, lie: str, op: int | None, words: str
) -> None:
    verdict = judged(liar(lie), trace_of(3))
    first = next(one for one in verdict.violations if one.kind == "resume")
    assert {one.kind for one in verdict.violations} == {"resume"}
    assert first.words.endswith(f"after the recovery and a fresh set the run went on, {words}.")
    assert first.op == op
    assert first.reached == (op if op is not None else 4 if first.state else None)


@pytest.mark.parametrize(("lie", "shown"), [("BLURS", {3, 4, 5}), ("FORGETS", {4})])
def test_the_run_goes_on_for_so_many_operations_and_no_further(liar: Liar, lie: str, shown: set[int]) -> None:
    """From the first operation on, during which the cut is. The last one makes the removal durable, too."""
    found = {resume: kinds_at_cut(judged(liar(lie), trace_of(resume))) for resume in range(6)}
    assert found == {resume: {"resume"} if resume in shown else set() for resume in range(6)}


def test_it_stops_before_an_operation_that_touches_the_fresh_key(liar: Liar) -> None:
    for key, found in ((PROBE_KEY, set()), (b"x", {"resume"})):
        work = (*WORK[:2], Op("exists", key), *WORK[2:])
        assert kinds_at_cut(judged(liar("BLURS"), trace_of(8, work=work))) == found


@pytest.mark.parametrize("call", ["read", "prog", "sync"])
def test_it_stops_before_an_operation_that_a_device_call_failed(liar: Liar, call: str) -> None:
    """Neither is it repeated, nor what comes after it."""
    for at in range(2, 20):
        trace = replace(trace_of(5), failing=Failing(call, at))
        assert judged(liar(None), trace).violations == ()


def test_it_stops_before_an_operation_that_found_no_space() -> None:
    """Another store may find some: this one does, once it is opened again."""
    work = tuple(Op("set", key, value=Literal(b"x")) for key in (b"a", b"b", b"c", b"d", b"e"))
    trace = replace(trace_of(5, work=work), geometry=Geometry(16, 1024, 1024, 5, 0xFF))
    engine = Engine.load(f"{HERE / 'turns.py'}:Turns")
    with engine.record(trace.geometry, work) as run:
        assert [run.code(index) for index in range(5)] == ["OK"] * 4 + ["NO_SPACE"]
    assert run_trace(trace, engine).violations == ()


def test_what_had_returned_where_the_run_went_on_outlives_the_next_cut() -> None:
    work = tuple(Op("set", key, value=Literal(b"x")) for key in (b"a", b"b", b"c"))
    shape = Geometry(16, 1024, 1024, 8, 0xFF)
    found = {}
    for name in ("Turns", "Lazy"):
        trace = replace(trace_of(2, "prefix", "nested", work=work), geometry=shape)
        shown = run_trace(trace, Engine.load(f"{HERE / 'turns.py'}:{name}")).violations
        found[name] = {(one.kind, len(one.fault.cuts)) for one in shown if one.fault is not None}
    assert found == {"Turns": set(), "Lazy": {("content", 2)}}


def test_a_removal_that_finds_no_space_is_wrong_where_the_run_goes_on_too() -> None:
    """With the fresh key there is so little room that this engine does not remove. Others may find none."""
    found = {}
    for name in ("Slot", "Keeping"):
        engine = Engine.load(f"{HERE / 'slot.py'}:{name}")
        found[name] = set()
        for length in range(300, 500, 8):
            fill = Op("set", b"f", value=Literal(bytes(length)))
            work = (Op("set", b"keep", value=Literal(b"x")), fill, Op("remove", b"keep"))
            trace = replace(trace_of(3, work=work), geometry=Geometry(16, 512, 512, 2, 0xFF))
            shown = run_trace(trace, engine).violations
            found[name] |= {(one.kind, one.op, one.code) for one in shown if one.kind == "resume"}
    assert found == {"Slot": set(), "Keeping": {("resume", 2, "NO_SPACE")}}


def test_what_the_root_answers_is_compared_though_not_what_it_shows() -> None:
    """It shows the fresh key, or does not; but it has to answer."""
    work = (Op("set", b"a", value=Literal(b"x")), Op("list", b""), Op("remove", b"a"))
    trace = replace(trace_of(3, work=work), geometry=Geometry(16, 1024, 1024, 8, 0xFF))
    assert run_trace(trace, Engine.load(f"{HERE / 'turns.py'}:Turns")).violations == ()
    wrong = run_trace(trace, Engine.load(f"{HERE / 'turns.py'}:Shy")).violations
    assert {(one.kind, one.op, one.code) for one in wrong} == {("resume", 1, "IO")}


def test_the_engine_s_own_check_is_asked_behind_the_last_operation() -> None:
    work = (Op("set", b"a", value=Literal(b"x")), Op("set", b"b", value=Literal(b"y")), Op("remove", b"a"))
    shape = Geometry(16, 1024, 1024, 8, 0xFF)
    engine = Engine.load(f"{HERE / 'turns.py'}:Complaining")
    found = {}
    for resume in range(4):
        verdict = run_trace(replace(trace_of(resume, work=work), geometry=shape), engine)
        found[resume] = {one.kind for one in verdict.violations if one.state == 0}
    assert found == {0: set(), 1: set(), 2: {"check"}, 3: set()}


def test_a_read_that_failed_in_the_run_is_not_asked_again() -> None:
    """The device answers it then."""
    work = (Op("set", b"a", value=Generated(seed=1, length=2000)), *(Op("get", b"a") for _ in range(3)))
    engine = Engine.load("skink")
    codes = set()
    for at in range(60):
        trace = replace(
            trace_of(4, work=work), geometry=Geometry(16, 16, 512, 32, 0xFF), failing=Failing("read", at)
        )
        with contextlib.suppress(PowercutError):  # the first reads are those of the mount
            with record(trace, engine) as run:
                codes.update(run.code(index) for index in range(len(work)))
            assert run_trace(trace, engine).violations == ()
    assert codes == {"OK", "IO"}


def test_what_is_right_goes_on_to_its_end(liar: Liar) -> None:
    for name in (None, "ON_SYNC"):
        for kinds in (("prefix",), ("prefix", "nested")):
            work = (*WORK, Op("sync", b"")) if name else WORK
            short, long = (judged(liar(name), trace_of(resume, *kinds, work=work)) for resume in (0, 6))
            assert short.violations == long.violations == ()
            assert long.total > short.total or kinds == ("prefix",)


def test_a_cut_of_what_went_on_is_told_with_the_store_that_it_is_near_to(liar: Liar) -> None:
    verdict = judged(liar("RUSHES"), trace_of(2, "prefix", "nested"))
    assert {one.kind for one in verdict.violations} == {"content"}
    words = verdict.violations[0].words
    assert "or what the run left behind that, up to operation 4, the fresh key there or not: 1 key" in words
    assert "powercut-probe" not in words


def test_a_failure_goes_on_for_no_longer_than_it_has_to_and_replays(
    powercut: Powercut, liar: Liar, tmp_path: Path
) -> None:
    library = liar("FORGETS")
    shape = ("--block-size", 128, "--block-count", 31, "--prog-size", 16)
    ask = ("run", "--engine", library, "--traces", 1, "--ops", 60, "--seed", 4, "--resume", 3, *shape)
    done = powercut(*ask, "--json")
    assert done.returncode == 1, done.stderr
    (failure,) = json.loads(done.stdout)["failures"]
    assert failure["kind"] == "resume"
    path = tmp_path / failure["saved"]
    saved = load(path)
    assert (len(saved.operations), saved.explore.resume) == (2, 1)
    assert powercut("replay", path, "--engine", library, "--expect").returncode == 0
    assert powercut("replay", path, "--engine", "ditto").returncode == 0
    told = powercut("trace", "show", path)
    assert "going on for 1 operation after each recovery" in told.stdout


def test_how_far_it_goes_on_has_a_bound_that_is_told(powercut: Powercut) -> None:
    done = powercut("run", "--engine", "ditto", "--resume", 65)
    assert done.returncode == 2
    assert "65 is not in the range 0<=x<=64" in done.stderr
