# SPDX-License-Identifier: ISC
"""``powercut run`` and ``powercut replay`` as people meet them: exit codes, counts, files, interruptions."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from powercut.trace import load

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]
Liar = Callable[..., str]


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a command that was refused."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_run_holds_with_exit_code_0_and_counts_every_crash_state(powercut: Powercut) -> None:
    done = powercut("run", "--engine", "ditto", "--traces", 4, "--ops", 20, "--seed", 3, "--json")
    assert done.returncode == 0, done.stderr
    found = report(done)
    states = found["crash_states"]["prefix"]
    assert (found["traces"], found["operations"], found["violations"], found["seed"]) == (4, 80, 0, 3)
    assert states["total"] == found["device_events"] + found["traces"]
    assert states["checked"] + states["identical"] + states["unread"] == states["total"]
    assert states["exhaustive"] is True
    assert found["states_per_second"] > 0
    assert found["jobs"] >= 1


def test_run_gives_the_same_counts_for_the_same_seed_whatever_the_jobs(powercut: Powercut) -> None:
    ask = ("run", "--engine", "ditto", "--traces", 3, "--ops", 15, "--seed", 9, "--json")
    one, two = report(powercut(*ask, "--jobs", 1)), report(powercut(*ask, "--jobs", 3))
    for name in ("operations", "device_events", "crash_states", "violations"):
        assert one[name] == two[name]


def test_run_violated_exits_with_1_and_saves_a_trace_that_replays(
    powercut: Powercut, liar: Liar, tmp_path: Path
) -> None:
    engine = liar("LATE")
    done = powercut("run", "--engine", engine, "--traces", 2, "--ops", 20, "--seed", 1, "--json")
    assert done.returncode == 1, done.stderr
    found = report(done)
    assert found["violations"] == 2
    (failure,) = found["failures"]
    path = tmp_path / failure["saved"]
    assert path.parent == tmp_path / "traces"
    assert load(path).expect.kind == failure["kind"]
    assert list(path.parent.iterdir()) == [path]
    again = powercut("replay", path, "--engine", engine)
    assert again.returncode == 1
    assert failure["kind"] in again.stdout
    assert "device event" in again.stdout
    assert powercut("replay", path, "--engine", engine, "--expect").returncode == 0
    held = powercut("replay", path, "--engine", "ditto", "--json")
    assert held.returncode == 0
    assert json.loads(held.stdout)["verdict"] == "held"
    assert powercut("replay", path, "--engine", "ditto", "--update").returncode == 0
    assert (load(path).expect.verdict, load(path).engine.version) == ("held", "0.1.0")


def test_each_line_of_a_run_says_what_was_left_of_its_kind_and_is_not_called_exhaustive(
    powercut: Powercut, liar: Liar
) -> None:
    # On one processor: how much a run that stops at its findings had judged depends on its threads.
    ask = ("run", "--engine", liar("LATE"), "--traces", 1, "--ops", 20, "--seed", 1, "--no-shrink")
    ask += ("--kinds", "prefix,full", "--jobs", 1)
    states = report(powercut(*ask, "--json"))["crash_states"]
    lines = powercut(*ask).stdout.splitlines()[1:3]
    assert states["prefix"]["left"] > 0
    for line, row in zip(lines, (states["prefix"], states["full"]), strict=True):
        assert f"{row['total']:,} crash states" in line
        assert (f", {row['left']:,} left" in line) == (row["left"] > 0)
        assert ("not exhaustive" in line) == (not row["exhaustive"])


def test_run_prints_its_seed_where_none_was_given(powercut: Powercut) -> None:
    first = powercut("run", "--engine", "ditto", "--traces", 1, "--ops", 5)
    assert first.returncode == 0
    seed = int(first.stdout.split("seed ")[1].split(",")[0])
    assert f"seed {seed}" in powercut("run", "--engine", "ditto", "--traces", 1, "--seed", seed).stdout


def test_run_takes_the_geometry_that_it_is_given(powercut: Powercut, liar: Liar, tmp_path: Path) -> None:
    shape = ("--block-size", 1024, "--block-count", 40, "--prog-size", 64, "--read-size", 32)
    ask = ("--traces", 1, "--ops", 20, "--seed", 1, "--save", "kept", "--no-shrink", "--erase-value", "none")
    powercut("run", "--engine", liar("LATE"), *shape, *ask)
    (path,) = (tmp_path / "kept").iterdir()
    geometry = load(path).geometry
    assert (geometry.block_size, geometry.block_count) == (1024, 40)
    assert (geometry.prog_size, geometry.read_size, geometry.erase_value) == (64, 32, None)


def test_run_seconds_ends_in_time(powercut: Powercut) -> None:
    start = time.monotonic()
    done = powercut("run", "--engine", "ditto", "--seconds", 1, "--ops", 10, "--json")
    assert done.returncode == 0
    assert report(done)["traces"] > 0
    assert time.monotonic() - start < 20


def test_run_tree_writes_a_directorys_files_and_says_what_it_left_out(
    powercut: Powercut, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    for index in range(12):
        (tree / "a" / "b" / f"file{index}").write_bytes(bytes([index]) * index * 300)
    (tree / "link").symlink_to("a")
    done = powercut("run", "--engine", "ditto", "--tree", tree, "--seed", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert "12 files" in done.stderr
    assert "1 neither files nor directories" in done.stderr
    assert report(done)["traces"] == 1
    assert report(done)["operations"] > 12


def wait_for_workers(pid: int) -> None:
    """Until a worker of the process has worked for a second and a half, its start included, however long that
    takes. What else the process starts (a build of the module, multiprocessing's own) is none."""
    for _ in range(600):
        time.sleep(0.1)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                ours = b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
                if ours and int(fields[11]) >= 1.5 * os.sysconf("SC_CLK_TCK"):
                    return
    pytest.fail("no worker has begun")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_run_interrupted_tells_what_it_has_and_exits_with_130(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "powercut", "run", "--engine", "ditto", "--seconds", "60", "--json"]
    command += ["--html", "run.html"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    wait_for_workers(process.pid)
    os.killpg(process.pid, how)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    found = json.loads(out)
    assert found["interrupted"] is True
    assert found["violations"] == 0
    assert found["traces"] > 0
    assert "Traceback" not in err
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "held, interrupted" in page
    assert f"<dt>traces</dt><dd>{found['traces']:,}</dd>" in page


def test_run_saves_the_traces_found_before_an_interruption(liar: Liar, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "powercut",
        "run",
        "--engine",
        liar("HANGS"),
        "--seconds",
        "60",
        "--json",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    wait_for_workers(process.pid)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"] is True


def test_a_ctrl_c_after_the_last_word_does_not_take_the_exit_code(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from powercut.cli import main; sys.argv = ['powercut', 'list', 'kinds']\n"
        "code = main(); os.kill(os.getpid(), signal.SIGINT); sys.exit(code + 7)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert "prefix" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--engine", "zork"), "zork"),
        (("--engine", "./none.so"), "none.so"),
        (("--engine", "./text.so"), "text.so"),
        (("--engine", "ditto", "--block-size", "100", "--prog-size", "16"), "does not divide"),
        (("--engine", "ditto", "--block-size", "4096", "--block-count", "2147483647"), "at most"),
        (("--engine", "ditto", "--block-count", "1"), "does not take this device"),
        (("--engine", "ditto", "--erase-value", "300"), "300"),
        (("--engine", "ditto", "--erase-value", "white"), "white"),
        (("--engine", "ditto", "--traces", "0"), "traces"),
        (("--engine", "ditto", "--tree", "nowhere"), "nowhere"),
        (("--engine", "ditto", "--tree", "text.so"), "text.so"),
        (("--engine", "ditto", "--image", "nowhere"), "nowhere"),
        (("--engine", "ditto", "--image", "text.so"), "text.so"),
        (("--engine", "ditto", "--tree", ".", "--image", "text.so"), "--tree"),
        (("--engine", "ditto", "--image", "text.so", "--block-size", "512"), "--block-size"),
        (("--engine", "ditto", "--image", "/dev/zero"), "more than"),
        (("--engine", "ditto", "--kinds", "torn", "--models", "/dev/zero"), "more than"),
        (("--colour",), "--colour"),
        (("--engine", "./" + "long" * 1200), "no engine library"),
        (("--engine", ""), "No engine is named"),
        (("--engine",), "powercut run --help"),
        (("--seconds", "nan"), "nan is no number"),
        (("--seconds", "inf"), "--seconds"),
        (("--state-seconds", "nan"), "nan is no number"),
        (("--state-memory", str(10**21)), "--state-memory"),
        (("--seed", str(2**64)), "--seed"),
        (("--engine", "ditto", "--prog-size", "3"), "prog_size 3 does not divide"),
        (("--depth", "3"), "ask for nested"),
        (("--kinds", "torn", "--nested-kinds", "torn"), "--nested-kinds is for recoveries"),
        (("--tree-files", "3"), "--tree-files says more of --tree,"),
        (("--exhaustive-keys", "1"), "--exhaustive-keys says more of --exhaustive-ops,"),
        (("--exhaustive-ops", "1", "--ops", "7"), "Both --ops and --exhaustive-ops"),
        (("--tree", ".", "--traces", "7"), "Both --traces and --tree"),
    ],
)
def test_run_refuses_in_one_sentence_with_exit_code_2(
    powercut_here: Powercut, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "text.so").write_text("no library\n")
    assert named in refused(powercut_here("run", *arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["text.so"]


@pytest.mark.parametrize("where", [("--html", "."), ("--html", "none/page.html"), ("--save", "file/below")])
def test_run_refuses_a_place_that_it_could_not_write_before_it_begins(
    powercut_here: Powercut, tmp_path: Path, where: tuple[str, str]
) -> None:
    (tmp_path / "file").write_text("")
    sentence = refused(powercut_here("run", "--engine", "ditto", "--seconds", 3600, *where))
    assert f"{where[1]}: " in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_library_whose_name_is_no_text_is_run_and_refused_by_init(
    powercut_here: Powercut, liar: Liar, tmp_path: Path
) -> None:
    name = os.fsdecode(b"./non\xff.so")
    (tmp_path / name).symlink_to(liar(None))
    done = powercut_here("run", "--engine", name, "--traces", 1, "--ops", 2)
    assert done.returncode == 0, done.stderr
    assert "rename the file" in refused(powercut_here("init", "made", "--engine", name))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("lie", "named"), [("NO_FORMAT", "UNSUPPORTED"), ("OLD_ABI", "ABI")])
def test_run_refuses_an_engine_that_cannot_be_used(
    powercut_here: Powercut, liar: Liar, lie: str, named: str
) -> None:
    assert named in refused(powercut_here("run", "--engine", liar(lie), "--traces", 1))


def test_run_refuses_a_directory_that_holds_nothing(powercut_here: Powercut, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(powercut_here("run", "--engine", "ditto", "--tree", "empty"))


def test_run_says_where_a_violation_cannot_be_saved(
    powercut_here: Powercut, liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powercut.cli.run.demand_folder", lambda *_: None)  # it could be written by then
    (tmp_path / "file").write_text("")
    done = powercut_here(
        "run", "--engine", liar("LATE"), "--traces", 1, "--ops", 20, "--seed", 1, "--save", "file/below"
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "file/below" in done.stderr
    assert "VIOLATED" in done.stdout


def test_replay_refuses_what_is_no_trace(powercut_here: Powercut, tmp_path: Path) -> None:
    (tmp_path / "cut.trace.json").write_text('{"format": "powercut-trace", "version": 1,')
    assert "cut.trace.json" in refused(powercut_here("replay", "cut.trace.json"))
    assert "missing.trace.json" in refused(powercut_here("replay", "missing.trace.json"))


def test_bench_crash_measures_both_block_sizes(powercut_here: Powercut) -> None:
    asked = ("--engine", "ditto", "--parts", "questions", "--seconds", 0.05, "--json")
    done = powercut_here("bench", "crash", *asked)
    assert done.returncode == 0, done.stderr
    rows = report(done)["rows"]
    assert {one["block_size"] for one in rows} == {512, 4096}
    assert all(one["judged_per_second"] > 0 and one["judged"] > 100 for one in rows)
