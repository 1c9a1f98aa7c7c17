# SPDX-License-Identifier: ISC
"""An engine written in Python is tested like one in C: it holds where right, and is caught where not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.run import RunOptions, run_trace
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

TWIN = str(Path(__file__).parent / "twin.py")
DEVICE = Geometry(16, 16, 512, 64, 0xFF)
TRACE = Trace(
    DEVICE,
    (
        Op("set", b"a/b", value=Literal(b"one")),
        Op("set", b"a/c", value=Generated(1, 700)),
        Op("list", b"a"),
        Op("get", b"a/c"),
        Op("size", b"a"),
        Op("exists", b"a/b"),
        Op("rename", b"a/b", target=b"d"),
        Op("remove", b"a"),
        Op("get", b"a"),
    ),
    EngineRef("twin", "1"),
)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_python_engine_that_is_right_holds(jobs: int) -> None:
    verdict = run_trace(TRACE, Engine.load(f"{TWIN}:Twin"), RunOptions(jobs=jobs))
    assert verdict.held, verdict.violations
    assert verdict.total > 10


def test_a_python_engine_holds_on_generated_operations() -> None:
    engine = Engine.load(f"{TWIN}:Twin")
    made = operations(Profile(DEVICE, engine.capabilities, 40), 3, 30)
    assert run_trace(Trace(DEVICE, tuple(made), EngineRef("twin")), engine).held


def test_a_careless_python_engine_is_caught() -> None:
    verdict = run_trace(TRACE, Engine.load(f"{TWIN}:CarelessTwin"))
    assert {"mount", "content"} & {one.kind for one in verdict.violations}


def test_the_command_line_takes_a_class(powercut: Powercut) -> None:
    held = powercut(
        "run", "--engine", f"{TWIN}:Twin", "--traces", 2, "--ops", 8, "--block-count", 64, "--json"
    )
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["engine"] == {"name": "twin", "version": "1"}


def test_a_mistake_in_the_engines_code_is_refused_and_shown(powercut: Powercut) -> None:
    done = powercut("run", "--engine", f"{TWIN}:MistakenTwin", "--traces", 1, "--ops", 2)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    "name", [f"{TWIN}:Nobody", "nowhere.py:Twin", "no_such_module:Twin", "json:JSONDecoder"]
)
def test_what_is_no_engine_class_is_told(name: str) -> None:
    with pytest.raises(PowercutError, match=r"Cannot use .* as an engine"):
        Engine.load(name)
