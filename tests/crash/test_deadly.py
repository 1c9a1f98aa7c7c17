# SPDX-License-Identifier: ISC
"""Whatever way an engine ends or hangs its process, in whatever kind of crash state: blamed on that very
state, saved and replayed. What it does before, in its first format and mount, is in test_first_steps.py."""

from __future__ import annotations

import html
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import planted
from powercut.campaign import Campaign, Failure, Plan
from powercut.counts import DEATHS_MAX
from powercut.engine import Engine
from powercut.fault import prefix
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.run import Death, RunOptions, run_trace
from powercut.save import save_failures
from powercut.shrink.forked import ForkedStates
from powercut.source import FixedSource
from powercut.trace import EngineRef, Trace, load

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

#: The number of its blocks is odd: the last one is not plain's.
DEVICE = Geometry(16, 16, 128, 33, 0xFF)


def _set(key: bytes, length: int) -> Op:
    return Op("set", key, value=Generated(length, length))


OPERATIONS = (
    _set(b"a", 5),
    _set(b"b", 180),
    Op("get", b"a"),
    _set(b"a", 270),
    Op("rename", b"b", target=b"c"),
    Op("remove", b"a"),
    _set(b"c", 20),
)

#: Way, place, the kind of crash state to blame, and how it ends.
DEATHS = [
    ("EXIT", "PREFIX", "prefix", "exit code 7"),
    ("SEGFAULT", "TORN", "torn", "SIGSEGV"),
    ("STACK", "REORDER", "reorder", "SIGSEGV"),
    ("ABORT", "NESTED", "nested", "SIGABRT"),
    ("MEMORY", "DAMAGE", "damage", "SIGSEGV"),
    ("EXIT", "FULL", "full", "exit code 7"),
    ("SEGFAULT", "WORK", "", "SIGSEGV"),
]


def trace_for(kind: str) -> Trace:
    """Explored in the states of a kind alone, or, of no kind, in those of the prefixes."""
    kinds = ("prefix", "nested") if kind == "nested" else (kind or "prefix",)
    explore = Explore(kinds, nested=("prefix",) if kind == "nested" else (), depth=2, samples=4)
    models = {"torn": ("nor",), "reorder": ("disk512",)}.get(kind, ())
    return Trace(DEVICE, OPERATIONS, EngineRef("deadly"), models=models, explore=explore)


def campaign(library: Path, kind: str, seconds: float = 20.0) -> tuple[Campaign, Failure]:
    """One trace, and how it failed."""
    plan = Plan(
        str(library), FixedSource(trace_for(kind)), traces=1, hang_seconds=seconds, memory_bytes=1 << 27
    )
    made = Campaign(plan)
    (failure,) = made.run().failures
    return made, failure


@pytest.mark.parametrize(("way", "place", "kind", "how"), DEATHS, ids=lambda one: str(one).lower())
def test_a_death_is_blamed_on_its_state_and_made_small_and_happens_again(
    tmp_path: Path, powercut_here: Powercut, way: str, place: str, kind: str, how: str
) -> None:
    library = planted.deadly(tmp_path, way, place)
    made, failure = campaign(library, kind)
    assert {(one.kind, one.code) for one in failure.violations} == {("crash", how)}
    assert {one.fault.kind if one.fault else "" for one in failure.violations} == {kind}
    (saved,) = save_failures(made, made.tally, Engine.load(str(library)), tmp_path, shrink=True)
    assert saved.path is not None
    small = load(saved.path)
    assert len(small.operations) <= 1
    assert (small.fault.kind if small.fault else "") == kind
    again = powercut_here("replay", "--json", saved.path, "--engine", library)
    (shown,) = json.loads(again.stdout)["traces"]
    assert (again.returncode, shown["expected"], shown["code"]) == (1, True, how)
    if kind:
        assert shown["words"] == small.expect.words
    if place in ("NESTED", "WORK"):
        told = powercut_here("explain", saved.path, "--engine", library)
        assert told.returncode == 1
        assert how in told.stdout


def test_a_hang_is_replayed_with_the_patience_that_it_was_found_with(
    tmp_path: Path, powercut_here: Powercut
) -> None:
    library = planted.deadly(tmp_path, "HANG", "PROBE")
    made, failure = campaign(library, "prefix", seconds=0.5)
    assert {(one.kind, one.fault is None) for one in failure.violations} == {("hang", False)}
    (saved,) = save_failures(made, made.tally, Engine.load(str(library)), tmp_path, shrink=False)
    assert saved.path is not None
    assert load(saved.path).expect.state_seconds == 0.5
    assert powercut_here("replay", "--expect", saved.path, "--engine", library).returncode == 0


def test_an_assertion_is_told_in_its_words(tmp_path: Path, powercut_here: Powercut) -> None:
    library = planted.deadly(tmp_path, "ASSERT", "REORDER")
    made, _ = campaign(library, "reorder")
    (saved,) = save_failures(made, made.tally, Engine.load(str(library)), tmp_path, shrink=True)
    told = "the engine ended its process: SIGABRT (assertion `start == 1' failed in misbehave)."
    assert saved.trace.expect.words.endswith(told)
    again = powercut_here("replay", "--json", saved.path, "--engine", library)
    assert json.loads(again.stdout)["traces"][0]["words"] == saved.trace.expect.words
    assert "Assertion `start == 1' failed" in again.stderr


# --- many deaths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_after_some_deaths_the_rest_is_left_and_what_was_counted_before_is_kept(
    tmp_path: Path, threads: int
) -> None:
    library = planted.deadly(tmp_path, "SEGFAULT", "PREFIX")
    trace = trace_for("prefix")
    engine = Engine.load(str(library))
    plan = Plan(str(library), FixedSource(trace), traces=1, threads=threads)
    tally = Campaign(plan).run()
    (failure,) = tally.failures
    assert [one.kind for one in failure.violations] == ["crash"] * DEATHS_MAX
    states = [one.state for one in failure.violations]
    assert states == sorted(states, key=lambda state: state or 0)
    count = tally.counts["", "prefix"]
    with engine.record(trace.geometry, trace.operations) as run:
        assert count.total == run.event_count + 1
    dealt = count.checked + count.identical + count.unread
    assert dealt + DEATHS_MAX == (states[-1] or 0) + 1  # all in front of the last one
    assert count.left == count.total - dealt
    assert not count.exhaustive
    assert (tally.traces, tally.left) == (1, 1)


def test_deaths_are_told_as_what_made_a_run_leave_the_rest(tmp_path: Path, powercut_here: Powercut) -> None:
    library = planted.deadly(tmp_path, "SEGFAULT", "PREFIX")
    arguments = ("run", "--engine", library, "--traces", 1, "--ops", 20, "--seed", 1, *SHAPE, "--no-shrink")
    told = powercut_here(*arguments, "--html", "page.html")
    left = "left: 1 trace, after 4 crash states that ended the engine's process"
    assert left in told.stdout
    assert left[1:] in html.unescape((tmp_path / "page.html").read_text())
    report = json.loads(powercut_here(*arguments, "--json").stdout)
    assert report["left_traces"] == 1
    prefix_states = report["crash_states"]["prefix"]
    assert prefix_states["checked"] > 0
    assert not prefix_states["exhaustive"]


def test_a_run_that_ends_its_process_leaves_no_kind_complete(tmp_path: Path, powercut_here: Powercut) -> None:
    library = planted.deadly(tmp_path, "SEGFAULT", "WORK")
    arguments = (
        "run",
        "--engine",
        library,
        "--seed",
        1,
        "--exhaustive-ops",
        1,
        "--exhaustive-keys",
        1,
        *SHAPE,
    )
    told = powercut_here(*arguments, "--no-shrink", "--json")
    report = json.loads(told.stdout)
    assert (report["left_traces"], report["violations"]) == (1, 1)
    assert report["crash_states"]["prefix"]["checked"] > 0
    assert not report["crash_states"]["prefix"]["exhaustive"]
    assert not report["workload"]["exhaustive"]


def test_what_is_found_in_front_of_the_last_death_is_kept_in_every_kind_of_state(liar: Liar) -> None:
    """A lie is told in many states, some of which are taken to have ended the process."""
    engine = Engine.load(liar("LATE"))
    explore = Explore(("prefix", "torn", "reorder", "nested", "damage", "full"), ("prefix",), samples=2)
    trace = Trace(DEVICE, OPERATIONS[:4], EngineRef("plain"), models=("nor", "disk512"), explore=explore)
    options = RunOptions(violations_max=0, words=False)
    whole = run_trace(trace, engine, options)
    found = [one for one in whole.violations if one.fault is not None]
    assert len({one.fault.kind for one in found if one.fault}) > 2
    for number in (0, len(found) // 3, len(found) - 1):
        death = found[number].fault
        assert death is not None
        deaths = (Death("crash", "SIGSEGV", death),)
        part = run_trace(trace, engine, replace(options, deaths=deaths, leave=True))
        dead, *others = part.violations
        assert dead.kind == "crash"
        assert [one.fault for one in others] == [one.fault for one in found[:number]]
        assert part.left
        assert part.sum.left >= whole.sum.left + 1
        own = part.counts[death.model, death.kind]
        assert not own.exhaustive
        top = {key for key in whole.counts if key[1] != "nested"}
        assert {key: part.counts[key].total for key in top} == {key: whole.counts[key].total for key in top}


SHAPE = ("--block-size", 512, "--block-count", 33)


def test_a_state_below_another_is_not_blamed_on_that(tmp_path: Path) -> None:
    """Who asks for a prefix state gets that one alone, although the trace explores recoveries as well."""
    library = planted.deadly(tmp_path, "ABORT", "NESTED")
    states = ForkedStates(trace_for("nested"), Engine.load(str(library)))
    asked = [prefix(number) for number in range(len(states.events) + 1)]
    assert states.judge(asked) == [None] * len(asked)


# --- a sanitizer -----------------------------------------------------------------------------------------

SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def test_a_sanitizer_s_report_is_a_finding(
    tmp_path: Path, powercut: Powercut, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = planted.deadly(tmp_path, "OVERFLOW", "PREFIX", *SANITIZED)
    arguments = ("run", "--engine", library, "--traces", 1, "--ops", 5, "--seed", 1, *SHAPE, "--json")
    refused = powercut(*arguments)
    assert refused.returncode == 2
    assert "It is built with AddressSanitizer" in refused.stderr
    monkeypatch.setenv("LD_PRELOAD", _runtime("libasan.so"))
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    ran = powercut(*arguments)
    assert ran.returncode == 1
    assert "heap-buffer-overflow" in ran.stderr
    assert "use-after-free" not in ran.stderr  # which would be powercut's own
    (failure,) = json.loads(ran.stdout)["failures"]
    assert failure["kind"] == "crash"
    assert load(tmp_path / failure["saved"]).fault is not None
    summary = "AddressSanitizer: heap-buffer-overflow in write_behind_an_end"
    assert failure["words"].endswith(f"the engine ended its process: exit code 1 ({summary}).")
    saved = (tmp_path / failure["saved"]).read_text()
    assert (
        summary in saved,
        str(tmp_path) in saved,
        "0x" in load(tmp_path / failure["saved"]).expect.words,
    ) == (
        True,
        False,
        False,
    )
    again = powercut("replay", "--expect", failure["saved"], "--engine", library)
    assert again.returncode == 0
    assert "heap-buffer-overflow" in again.stderr


def _runtime(name: str) -> str:
    compiler = os.environ.get("CC", "cc")
    found = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()
