# SPDX-License-Identifier: ISC
"""`powercut init`: what it makes runs at once, for any engine; no file is ever overwritten."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from powercut.cli import cli, main
from powercut.suite.template import FILES

TOYS = Path(__file__).with_name("toys.py")


def init(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["init", *arguments], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


def suite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, with its usual plugins."""
    command = [sys.executable, "-m", "pytest", "-q", "--hypothesis-profile=ci", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=300
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_it_makes_runs_at_once(place: Path) -> None:
    output = init()
    assert sorted(path.name for path in (place / "crash-tests").iterdir()) == sorted(FILES)
    assert output.splitlines()[-1] == "run them: pytest crash-tests"
    done = suite(place, "crash-tests", "--strict-markers")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert "exhaustive: prefix" in done.stdout


def test_an_engine_of_ones_own_is_tested_from_wherever_pytest_is_called(place: Path) -> None:
    shutil.copy(TOYS, place / "mine.py")
    init("tests/crash", "--engine", "./mine.py:Careless")
    for folder, target in ((place, "tests"), (place / "tests/crash", "test_power_cuts.py")):
        done = suite(folder, target, "-k", "overwritten")
        assert "page 1+careless broke a promise: content" in done.stdout, done.stdout
        assert "1 failed" in done.stdout
    assert len(list((place / "tests/crash/traces").glob("*.trace.json"))) == 1
    again = suite(place, "tests/crash/traces")
    assert "1 passed" in again.stdout, again.stdout  # the failure is expected of this version now


def test_other_tests_beside_it_run_without_the_plugin(place: Path) -> None:
    init("crash-tests")
    (place / "test_other.py").write_text("def test_one(): pass\n")
    done = suite(place, "-p", "no:powercut", "test_other.py", "crash-tests")
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "1 passed" in done.stdout, done.stdout
    assert "3 errors" in done.stdout, done.stdout  # those of powercut's suite lack their fixture


def test_an_engine_that_does_not_take_the_usual_device_gets_another(place: Path) -> None:
    text = TOYS.read_text(encoding="utf-8").replace(
        "        PageStore(device, self, {}, 0).save()",
        "        if device.geometry.block_size < 4096:\n"
        "            raise Refused('UNSUPPORTED')\n"
        "        PageStore(device, self, {}, 0).save()",
    )
    (place / "mine.py").write_text(text)
    init("suite", "--engine", "./mine.py:Page")
    assert 'return ["4096x128"]' in (place / "suite/conftest.py").read_text(encoding="utf-8")
    done = suite(place, "suite", "-k", "overwritten")
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_overwritten_and_nothing_is_written_then(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (place / "here").mkdir()
    (place / "here" / name).write_text("mine")
    assert main(["init", "here"]) == 2
    assert capsys.readouterr().err == (
        f"powercut: here has {name} already, and no file is overwritten; name another folder.\n"
    )
    assert [path.name for path in (place / "here").iterdir()] == [name]
    assert (place / "here" / name).read_text() == "mine"


@pytest.mark.parametrize("engine", ["nobody", "./none.so", "./none.py:Mine"])
def test_an_engine_that_cannot_be_used_is_told_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    assert main(["init", "--engine", engine]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(place.iterdir())


def test_a_folder_that_cannot_be_made_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "file").write_text("")
    assert main(["init", "file/suite"]) == 2
    assert "Cannot write file/suite: Not a directory; name another folder." in capsys.readouterr().err


def test_what_it_makes_is_as_ruff_would_have_it(place: Path) -> None:
    init("one")
    shutil.copy(TOYS, place / "mine.py")
    init("two", "--engine", "./mine.py:Page")
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in (["check", "--select", "E,W,F,I,B,UP"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *arguments, "--isolated", "--line-length=120", "one", "two"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
