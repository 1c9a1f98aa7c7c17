# SPDX-License-Identifier: ISC
"""``powercut trace``: traces shown, compared, bisected over builds and rewritten."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.shrink import shrink
from powercut.trace import EngineRef, Trace, dumps, load, save

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]
Liar = Callable[..., str]

TRACE = Trace(
    Geometry(16, 16, 512, 16, 0xFF),
    (Op("set", b"a", value=Literal(b"one")), Op("set", b"b", value=Literal(b"two")), Op("remove", b"a")),
    EngineRef("ditto", "0.1.0"),
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A trace that holds, in a file."""
    path = tmp_path / "one.trace.json"
    save(TRACE, path)
    return path


def version_1(path: Path) -> None:
    """Makes the file one of version 1."""
    fields = json.loads(path.read_text())
    for name in ("failing", "models", "explore"):
        del fields[name]
    path.write_text(json.dumps(fields | {"version": 1, "fault": {"kind": "prefix", "state": 3}}))


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


# --- show ------------------------------------------------------------------------------------------------


def test_show_tells_operations_with_their_device_events(powercut_here: Powercut, saved: Path) -> None:
    done = powercut_here("trace", "show", saved)
    assert done.returncode == 0, done.stderr
    assert "version 2 of the format" in done.stdout
    assert "engine: ditto 0.1.0" in done.stdout
    assert 'set "b" to "two": OK, device events' in done.stdout


def test_show_needs_no_engine_to_tell_what_is_in_the_file(powercut_here: Powercut, saved: Path) -> None:
    save(replace(TRACE, engine=EngineRef("gone")), saved)
    done = powercut_here("trace", "show", saved)
    assert done.returncode == 0, done.stderr
    assert 'remove "a"' in done.stdout
    assert "not run: There is no built-in engine gone" in done.stdout
    found = json.loads(powercut_here("trace", "show", saved, "--no-run", "--json").stdout)
    assert (found["version"], len(found["operations"]), found["problem"]) == (2, 3, None)


def test_show_does_not_run_what_would_end_the_process(
    powercut_here: Powercut, saved: Path, liar: Liar
) -> None:
    made = replace(TRACE, expect=replace(TRACE.expect, verdict="violation", kind="crash"))
    save(made, saved)
    done = powercut_here("trace", "show", saved, "--engine", liar("DIES_AT_WORK"))
    assert done.returncode == 0
    assert "not run: a crash is expected" in done.stdout


# --- diff ------------------------------------------------------------------------------------------------


def test_diff_exits_with_1_where_there_is_a_difference(powercut_here: Powercut, saved: Path) -> None:
    other = saved.with_name("two.trace.json")
    save(replace(TRACE, operations=TRACE.operations[1:], note="shorter"), other)
    same = powercut_here("trace", "diff", saved, saved)
    assert (same.returncode, same.stdout) == (0, "the two are the same\n")
    done = powercut_here("trace", "diff", saved, other)
    assert done.returncode == 1
    assert done.stdout == 'note:\n  + shorter\noperation 0 is gone:\n  - set "a" to "one"\n'
    found = json.loads(powercut_here("trace", "diff", saved, other, "--json").stdout)
    assert found["same"] is False
    assert [one["what"] for one in found["differences"]] == ["note", "operation 0 is gone"]


# --- bisect ----------------------------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path, liar: Liar) -> Path:
    """A trace that fails on one build and holds on another."""
    path = tmp_path / "late.trace.json"
    save(shrink(TRACE, Engine.load(liar("LATE"))), path)
    assert load(path).expect.kind
    return path


def test_bisect_finds_the_first_build_that_fails(powercut_here: Powercut, broken: Path, liar: Liar) -> None:
    good, bad = liar(None), liar("LATE")
    done = powercut_here("trace", "bisect", broken, good, "./none.so", bad, bad)
    assert done.returncode == 0, done.stderr
    assert f"{good}: holds" in done.stdout
    assert "./none.so: unusable (There is no engine library ./none.so" in done.stdout
    assert f"first to fail: {bad}" in done.stdout
    found = json.loads(powercut_here("trace", "bisect", broken, good, "./none.so", bad, "--json").stdout)
    assert (found["first"], found["last_good"], found["between"]) == (bad, good, ["./none.so"])
    assert {one["state"] for one in found["tried"]} == {"holds", "unusable", "fails"}


def test_bisect_says_that_a_trace_no_longer_fails(powercut_here: Powercut, broken: Path, liar: Liar) -> None:
    done = powercut_here("trace", "bisect", broken, liar("LATE"), liar(None))
    assert done.returncode == 1
    assert "no longer fails" in done.stdout
    done = powercut_here("trace", "bisect", broken, liar("LATE"))
    assert done.returncode == 1
    assert "fails already" in done.stdout
    assert "None of the engines" in refused(powercut_here("trace", "bisect", broken, "./none.so"))


def test_bisect_tells_of_a_build_that_fails_otherwise(
    powercut_here: Powercut, saved: Path, liar: Liar
) -> None:
    expect = replace(TRACE.expect, verdict="violation", kind="content")
    save(replace(TRACE, expect=expect), saved)
    done = powercut_here("trace", "bisect", saved, liar(None), liar("REFUSES"))
    assert done.returncode == 0
    assert "fails (write; the trace was saved for content)" in done.stdout


# --- replay ----------------------------------------------------------------------------------------------


def test_replay_says_that_a_trace_no_longer_fails_and_exits_accordingly(
    powercut_here: Powercut, broken: Path, liar: Liar
) -> None:
    bad = powercut_here("replay", broken, "--engine", liar("LATE"), "--expect")
    assert (bad.returncode, "no longer fails" in bad.stdout) == (0, False)
    assert powercut_here("replay", broken, "--engine", liar("LATE")).returncode == 1
    good = powercut_here("replay", broken, "--engine", liar(None))
    assert good.returncode == 0
    assert "the trace no longer fails: plain 1 does not show its violation" in good.stdout
    mended = powercut_here("replay", broken, "--engine", liar("NONE"), "--expect", "--json")
    assert json.loads(mended.stdout)["traces"][0]["no_longer_fails"] is True


def test_a_trace_that_cannot_be_replayed_hides_none_of_the_others(
    powercut_here: Powercut, saved: Path, broken: Path
) -> None:
    """Its engine is not here; what becomes of those before and behind it is told all the same."""
    strange = saved.with_name("strange.trace.json")
    save(replace(load(broken), engine=EngineRef("nowhere", "1")), strange)
    alone = refused(powercut_here("replay", strange))
    assert f"Cannot replay {strange}: There is no built-in engine nowhere" in alone
    done = powercut_here("replay", "--expect", saved, strange, saved)
    assert f"Cannot replay 1 of 3 traces; the first is {strange}: There is" in refused(done)
    assert (done.stdout.count("now: held"), done.stdout.count("not replayed")) == (2, 1)
    told = json.loads(powercut_here("replay", "--json", strange, saved).stdout)
    assert (told["exit"], told["verdict"], [one["verdict"] for one in told["traces"]]) == (
        2,
        "error",
        ["held"],
    )


def test_what_a_trace_says_cannot_play_with_the_terminal(
    powercut_here: Powercut, saved: Path, broken: Path
) -> None:
    """Traces come by mail: no colour, no window title, no second line, no text turned round."""
    evil = "red \x1b[31m \x1b]0;title\x07 line\nturned \u202e"
    expect = replace(load(broken).expect, words=evil, why=evil, needs=(evil,))
    save(replace(load(broken), note=evil, engine=EngineRef("ditto", f"1 {evil}"), expect=expect), broken)
    for words in (("trace", "show"), ("trace", "diff", saved), ("replay", "--engine", "ditto")):
        done = powercut_here(*words, broken)
        assert r"red \x1b[31m \x1b]0;title\x07 line\nturned \u202e" in done.stdout
        assert all(char.isprintable() or char == "\n" for char in done.stdout + done.stderr)
    save(replace(load(broken), engine=EngineRef("e\x1b[2J\n", "1")), broken)
    assert r"engine e\x1b[2J" in refused(powercut_here("replay", broken))


# --- upgrade ---------------------------------------------------------------------------------------------


def test_upgrade_rewrites_older_files_and_no_others(powercut_here: Powercut, saved: Path) -> None:
    same = powercut_here("trace", "upgrade", saved)
    assert (same.returncode, same.stdout) == (0, f"{saved}: as it should be\n")
    version_1(saved)
    meant = load(saved)
    check = powercut_here("trace", "upgrade", "--check", saved)
    assert (check.returncode, load(saved)) == (1, meant)
    assert json.loads(saved.read_text())["version"] == 1
    told = json.loads(powercut_here("trace", "upgrade", "--check", "--json", saved).stdout)
    assert told["files"] == [{"trace": str(saved), "version": 1, "older": True, "written": False}]
    done = powercut_here("trace", "upgrade", saved)
    assert (done.returncode, done.stdout) == (0, f"{saved}: version 1, rewritten\n")
    assert saved.read_text() == dumps(meant)
    assert load(saved) == meant
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_upgrade_writes_nothing_where_one_file_is_no_trace(powercut_here: Powercut, saved: Path) -> None:
    version_1(saved)
    before = saved.read_bytes()
    wrong = saved.with_name("wrong.trace.json")
    wrong.write_text("{}")
    assert "wrong.trace.json" in refused(powercut_here("trace", "upgrade", saved, wrong))
    assert saved.read_bytes() == before


def test_a_trace_may_come_out_of_a_pipe(powercut_here: Powercut, saved: Path) -> None:
    """As the shell's <(...) makes one: it can be read once."""
    reader, writer = os.pipe()
    os.write(writer, saved.read_bytes())
    os.close(writer)
    try:
        done = powercut_here("trace", "show", f"/dev/fd/{reader}")
    finally:
        os.close(reader)
    assert (done.returncode, "version 2 of the format" in done.stdout) == (0, True)


@pytest.mark.parametrize("command", [("show",), ("diff",), ("bisect",), ("upgrade",)])
def test_what_is_no_trace_is_refused(
    powercut_here: Powercut, tmp_path: Path, command: tuple[Any, ...]
) -> None:
    more = ["missing.trace.json"] if command == ("diff",) else ["ditto"] if command == ("bisect",) else []
    assert "missing.trace.json" in refused(powercut_here("trace", *command, "missing.trace.json", *more))
