# SPDX-License-Identifier: ISC
"""Whatever way an engine ends or hangs its process, in whatever kind of crash state: blamed on that very
state, saved and replayed. What it does before, in its first format and mount, is in test_first_steps.py."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import planted
from powercut.campaign import Campaign, Failure, Plan
from powercut.engine import Engine
from powercut.fault import prefix
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.save import save_failures
from powercut.shrink.forked import ForkedStates
from powercut.source import FixedSource
from powercut.trace import EngineRef, Trace, load

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
    again = powercut("replay", "--expect", failure["saved"], "--engine", library)
    assert again.returncode == 0
    assert "heap-buffer-overflow" in again.stderr


def _runtime(name: str) -> str:
    compiler = os.environ.get("CC", "cc")
    found = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()
