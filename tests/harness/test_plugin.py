# SPDX-License-Identifier: ISC
"""pytest makes a test of every saved trace, and fails where a verdict is not the expected one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.fault import prefix
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.trace import EngineRef, Expectation, Trace, save

HELD = Trace(
    Geometry(16, 16, 512, 8, 0xFF), (Op("set", b"a", value=Literal(b"b")),), EngineRef("ditto", "0.1.0")
)


def run(folder: Path) -> str:
    (folder / "conftest.py").write_text("from powercut.plugin import pytest_collect_file\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env).stdout


def test_a_trace_that_holds_as_expected_passes(tmp_path: Path) -> None:
    save(HELD, tmp_path / "one.trace.json")
    save(HELD, tmp_path / "two.trace.json")
    assert "2 passed" in run(tmp_path)


def test_a_violation_that_does_not_happen_fails_with_the_way_to_see_it(tmp_path: Path) -> None:
    wrong = replace(HELD, fault=prefix(1), expect=Expectation("violation", "mount", 1, "it was so"))
    save(wrong, tmp_path / "one.trace.json")
    out = run(tmp_path)
    assert "1 failed" in out
    assert "expected: violation (mount)" in out
    assert "powercut replay" in out


def test_a_violation_of_another_version_has_to_hold_now(tmp_path: Path) -> None:
    old = replace(HELD, engine=EngineRef("ditto", "0.0.1"), expect=Expectation("violation", "mount", 1))
    save(old, tmp_path / "one.trace.json")
    assert "1 passed" in run(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"format": "powercut-trace", "version": 99}'])
def test_a_broken_trace_fails_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.trace.json").write_text(text)
    out = run(tmp_path)
    assert "1 failed" in out
    assert "The trace " in out
    assert "Traceback" not in out
