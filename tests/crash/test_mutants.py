# SPDX-License-Identifier: ISC
"""Proof that it bites: every planted bug can be built, and is caught; patches are applied without `patch`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from planted import OBJECTS
from powercut import patches
from powercut.errors import PowercutError
from powercut.mutants import Mutant, Search, build, compiler, hunt, load_mutants, plant
from powercut.trace import load

MUTANTS = load_mutants()
COUNTED = [mutant for mutant in MUTANTS if not mutant.needs]

#: Caught in every test run; `make mutants` has all of them caught.
QUICK = ["sync-dropped", "crc-not-checked", "free-map-off-by-one", "tail-not-relinked", "move-not-pending"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_planted_bug_applies_and_compiles_without_a_warning(mutant: Mutant, tmp_path: Path) -> None:
    changed = plant(mutant, tmp_path)
    sources = [str(path.relative_to(tmp_path)) for path in changed if path.suffix == ".c"]
    assert sources
    strict = ("-O0", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    compiler(tmp_path, *strict).run(*sources)


def test_at_least_ten_planted_bugs_are_counted() -> None:
    assert len(COUNTED) >= 10


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_caught_and_its_trace_fails_on_it_alone(name: str, tmp_path: Path) -> None:
    (mutant,) = load_mutants([name])
    search = Search(seconds=40.0, jobs=2, budget=20_000)
    outcome = hunt(mutant, build(mutant, tmp_path, OBJECTS), search, tmp_path)
    assert outcome.caught, outcome
    assert outcome.path is not None
    trace = load(outcome.path)
    assert trace.engine.version.endswith(f"+{mutant.name}")
    assert trace.expect.kind in mutant.caught_by
    assert len(trace.operations) <= 12


def test_the_engine_itself_is_not_caught(tmp_path: Path) -> None:
    """The same search finds nothing where nothing is planted: an empty patch, built and hunted alike."""
    harmless = Mutant("harmless", "Nothing.", frozenset({"content"}), "torn", 60, "", patches.Patch((), {}))
    outcome = hunt(harmless, build(harmless, tmp_path, OBJECTS), Search(seconds=2.0), tmp_path)
    assert (outcome.kind, outcome.trace, outcome.caught) == ("", None, False)
    assert outcome.states > 100


# --- patches ---------------------------------------------------------------------------------------------

DIFF = """\
Breaks: it.

--- a/one.c
+++ b/one.c
@@ -2,3 +2,4 @@
 b
-c
+C
+cc
 d
"""


def test_a_patch_applies_where_its_lines_have_moved_to() -> None:
    (hunk,) = patches.parse(DIFF).files["one.c"]
    assert patches.apply([hunk], "a\nb\nc\nd\ne\n") == "a\nb\nC\ncc\nd\ne\n"
    assert patches.apply([hunk], "x\ny\nz\na\nb\nc\nd\n") == "x\ny\nz\na\nb\nC\ncc\nd\n"


def test_a_patch_whose_lines_are_gone_is_refused_and_names_them() -> None:
    (hunk,) = patches.parse(DIFF).files["one.c"]
    with pytest.raises(patches.PatchError, match="'c'"):
        patches.apply([hunk], "a\nb\nX\nd\n")


def test_a_patch_applies_where_lines_around_it_have_changed_if_there_is_one_such_place() -> None:
    (hunk,) = patches.parse(DIFF).files["one.c"]
    assert patches.apply([hunk], "a\nX\nc\nd\ne\n") == "a\nX\nC\ncc\nd\ne\n"
    assert patches.apply([hunk], "a\nb\nc\nX\n") == "a\nb\nC\ncc\nX\n"
    with pytest.raises(patches.PatchError, match="'c'"):
        patches.apply([hunk], "X\nc\nX\nc\nX\n")


@pytest.mark.parametrize("text", ["", "hello\n", "--- a/x\n+++ b/x\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n?x\n"])
def test_what_is_no_patch_is_refused(text: str) -> None:
    with pytest.raises(patches.PatchError):
        patches.parse(text)


# --- errors ----------------------------------------------------------------------------------------------


def test_a_patch_that_no_longer_applies_is_named_in_one_sentence(tmp_path: Path) -> None:
    hunk = patches.Hunk(3, ("not there",), ("at all",))
    stale = Mutant("99-stale", "", frozenset(), "", 60, "", patches.Patch((), {"csrc/skink/io.c": (hunk,)}))
    with pytest.raises(PowercutError, match=r"99-stale\.patch no longer applies.*'not there'"):
        build(stale, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_that_does_not_compile_is_named_in_one_sentence(tmp_path: Path) -> None:
    wrong = patches.Hunk(0, ('#include "io.h"',), ("nonsense here",))
    bad = Mutant("99-bad", "", frozenset(), "", 60, "", patches.Patch((), {"csrc/skink/io.c": (wrong,)}))
    with pytest.raises(PowercutError, match=r"99-bad does not compile: csrc/skink/io\.c"):
        build(bad, tmp_path)


def test_no_compiler_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(PowercutError, match="no-such-compiler"):
        build(COUNTED[0], tmp_path)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "powercut.mutants", *map(str, arguments)]


def test_an_unknown_name_exits_with_2_and_one_sentence() -> None:
    done = subprocess.run(command("run", "zork"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "zork" in done.stderr
    assert done.stderr.count("\n") == 1


def test_list_names_every_bug_and_those_that_are_not_counted() -> None:
    done = subprocess.run(command("list"), capture_output=True, text=True, check=True)
    for mutant in MUTANTS:
        assert f"{mutant.name}\n    {mutant.breaks}\n" in done.stdout
    assert done.stdout.count("not counted") == len(MUTANTS) - len(COUNTED)


def test_what_is_not_caught_exits_with_1(tmp_path: Path) -> None:
    done = subprocess.run(
        command("run", "sync-left-out", "--seconds", 1, "--save", tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "0 of 1 caught" in done.stdout


def test_an_interruption_tells_what_it_has_and_exits_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("run", "tail-not-relinked", "sync-left-out", "--seconds", 60, "--save", tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("06-tail-not-relinked: content")
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "tail-not-relinked" in out
    assert "Traceback" not in err
