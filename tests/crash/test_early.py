# SPDX-License-Identifier: ISC
"""An engine that is durable on sync and writes before that what it may still lose: right, and lying."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import planted
from powercut.devices import BUILTIN
from powercut.engine import Engine
from powercut.explorer import Allowed, ExploreOptions
from powercut.ops import Generated, Op
from powercut.predict import predict
from powercut.run import RunOptions, run_trace
from powercut.trace import EngineRef, Failing, Geometry, Trace

#: Four slots of five blocks.
DEVICE = Geometry(16, 16, 128, 20, 0xFF)
MODELS = tuple(BUILTIN.values())


def _set(key: bytes, size: int) -> Op:
    return Op("set", key, value=Generated(size + key[0], size))


#: Never four changes without a sync, then more than that.
RUN = Trace(
    DEVICE,
    (
        _set(b"a", 30),
        _set(b"b", 200),
        Op("sync", b""),
        Op("remove", b"a"),
        _set(b"c", 40),
        Op("rename", b"b", target=b"d"),
        Op("sync", b""),
        _set(b"e", 60),
        _set(b"e", 10),
        Op("remove", b"c"),
        _set(b"f", 90),
        _set(b"g", 20),
        Op("remove", b"d"),
    ),
    EngineRef("early", "1"),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the engines are built."""
    return tmp_path_factory.mktemp("early")


def _found(engine: Engine, *kinds: str) -> dict[str, set[str]]:
    """The kinds of violation that each model's states of these kinds show."""
    found: dict[str, set[str]] = {}
    with engine.record(RUN.geometry, RUN.operations) as run:
        prediction = predict(run, RUN.operations)
        assert not prediction.wrong
        allowed = Allowed(prediction.allowed, prediction.entries())
        prediction.close()
        for model in MODELS:
            options = ExploreOptions(kinds=frozenset(kinds), models=(model,), samples=4)
            found[model.name] = {one.kind for one in run.explore(allowed, options).found}
    return {name: seen for name, seen in found.items() if seen}


def test_it_is_accused_of_nothing_whatever_is_torn_lost_and_cut_again(folder: Path) -> None:
    engine = Engine.load(str(planted.early(folder, None)))
    assert _found(engine, "prefix", "torn", "reorder", "nested", "full") == {}


def test_it_is_accused_of_nothing_where_a_device_call_fails(folder: Path) -> None:
    engine = Engine.load(str(planted.early(folder, None)))
    for kind in ("prog", "erase", "sync"):
        for at in range(3, 12):  # behind the mount's
            for done in (False, True):
                trace = replace(RUN, failing=Failing(kind, at, done))
                assert run_trace(trace, engine, RunOptions(words=False)).violations == (), (kind, at, done)


REORDERING = {"disk512", "disk4k", "hostile"}


@pytest.mark.parametrize("lie", ["NEVER_SYNCS", "WRITES_OVER"])
def test_what_was_synced_and_is_lost_is_found_where_writes_are_reordered_and_nowhere_else(
    folder: Path, lie: str
) -> None:
    found = _found(Engine.load(str(planted.early(folder, lie))), "prefix", "torn", "reorder")
    assert found.keys() == REORDERING
    assert all("content" in kinds for kinds in found.values())


def test_a_body_that_is_believed_without_a_sum_is_found_where_a_part_of_it_is_lost(folder: Path) -> None:
    found = _found(Engine.load(str(planted.early(folder, "HALF_SUMMED"))), "prefix", "torn", "reorder")
    assert found.keys() >= REORDERING
    assert all(kinds & {"content", "mount"} for kinds in found.values())


def test_the_judge_is_judged_with_both_engines_and_every_batch(tmp_path: Path, root: Path) -> None:
    """What `make judge` does, at its smallest."""
    script = root / "tests" / "crash" / "acquit.py"
    for seed in ("2", "3", "4", "5", "6", "7", "8", "9"):
        command = [sys.executable, str(script), str(tmp_path), "--states", "1", "--seed", seed]
        done = subprocess.run(
            [*command, "--traces", "1", "--ops", "3"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "accused of nothing in" in done.stdout
