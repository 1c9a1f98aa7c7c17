# SPDX-License-Identifier: ISC
"""`powercut compat`: every kind of cell, what a policy allows, and that nothing bad passes for good.

The toy engine changes its format between version 1 and 2; its other builds each do one thing wrong.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from powercut.cli import main
from powercut.compat import policy as policies
from powercut.compat.cells import CELLS, Cell, Counts
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.golden.workload import operations
from powercut.isolated import Died, run
from powercut.vocabulary import Profile

TOY = str(Path(__file__).parent / "toy.py")
SMALL = ("--workload", "log", "--traces", 0, "--bases", 2, "--block-size", 1024, "--block-count", 32)

#: Why littlefs has no states of a device model.
NO_MODEL = "littlefs claims to survive no device model: --model names one, or all"

Told = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Told:
    """compat with --json: its exit code, and what it prints with the cells by (writer, reader, state)."""

    def run_it(old: str, new: str, *arguments: object) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        code = main(["compat", "--old", old, "--new", new, *map(str, arguments), "--json"])
        found: dict[str, Any] = json.loads(capfd.readouterr().out)
        found["by"] = {(one["writer"], one["reader"], one["state"]): one for one in found["cells"]}
        assert len(found["by"]) == 18 + 8 * len(found["torn"]) <= len(CELLS) == 34
        return code, found

    return run_it


def toy(told: Told, old: str, new: str, *arguments: object) -> tuple[int, dict[str, Any]]:
    return told(f"{TOY}:{old}", f"{TOY}:{new}", *SMALL, *arguments)


def seen(cell: dict[str, Any]) -> set[str]:
    """The outcomes of a cell."""
    found = {name for name in ("same", "misread", "crash", "hang", "left") if cell[name]}
    return found | {f"refused {code}" for code in cell["refused"]}


# --- skink and littlefs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "options"),
    [
        ("skink", "skink", ("--old-options", "disk_minor=2.0")),
        ("skink", "skink", ("--old-options", "disk_minor=2.0", "--new-options", "value_checks=on")),
        ("skink", "littlefs", ("--old-options", "value_checks=on")),
    ],
)
def test_skink_in_all_its_formats_is_read_by_everybody(
    old: str, new: str, options: tuple[str, ...], told: Told, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('ignore = ["%01stage"]\n')  # where the adapter of littlefs makes what it then renames
    code, found = told(old, new, *options, "--traces", 1, "--bases", 4, "--policy", policy)
    assert code == 0, found["examples"]
    assert found["acceptable"]
    assert found["images"] > 2000
    for key, cell in found["by"].items():
        assert seen(cell) == {"same"}, key
        assert cell["same"] > (100 if key[2] == "cut" else 5)
    assert 0 < found["bases"] < found["bases_total"]


def test_what_the_littlefs_adapter_has_on_the_way_is_seen_unless_it_is_ignored(told: Told) -> None:
    code, found = told("littlefs", "skink", "--workload", "tree", "--traces", 0, "--bases", 0)
    assert code == 1
    assert seen(found["by"]["old", "new", "cut"]) == {"same", "misread"}
    assert found["examples"]
    assert all("%01stage" in example["lines"][0] for example in found["examples"])


MOVES = ("--workload", "moves", "--traces", 0, "--bases", 2, "--block-size", 512, "--block-count", 64)


def torn(told: Told, old: str, new: str, *arguments: object) -> tuple[int, dict[str, Any]]:
    """compat with rows for torn and reordered states."""
    return told(old, new, *MOVES, "--kinds", "torn,reorder", *arguments)


def test_torn_and_reordered_states_are_read_by_everybody(told: Told) -> None:
    code, found = torn(told, "skink", "skink", "--old-options", "disk_minor=2.0", "--states", 40)
    assert code == 0, found["examples"]
    for writer in ("old", "new", "upgrade", "downgrade"):
        for reader in ("old", "new"):
            for kind in ("torn", "reorder"):
                cell = found["by"][writer, reader, kind]
                assert seen(cell) == {"same"}
                assert cell["same"] >= 10
    for kind in ("torn", "reorder"):
        assert 0 < found["torn"][kind]["looked"] < found["torn"][kind]["total"]


def test_who_claims_no_device_has_no_torn_states_unless_one_is_named(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--old", "littlefs", "--new", "littlefs", *MOVES, "--kinds", "torn", "--bases", 0)
    assert main(["compat", *map(str, arguments)]) in (0, 1)
    lines = capfd.readouterr().out.splitlines()
    for side in ("old", "new"):
        assert f"not looked at: torn of what {side} wrote; {NO_MODEL}" in lines
    _, found = torn(told, "littlefs", "littlefs", "--model", "nor", "--bases", 0)
    assert found["torn"]["torn"]["total"] > 0
    assert [(one["kinds"], one["why"]) for one in found["not_looked_at"]] == [
        (["reorder"], "none_allowed")  # nor writes in order
    ] * 2


def test_a_side_without_torn_states_is_not_passed_over_where_the_other_has_some(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    _, found = torn(told, "skink", "littlefs", "--states", 2, "--bases", 1)
    words = f"torn, reorder of what new wrote; {NO_MODEL}"
    assert found["not_looked_at"] == [
        {"writer": "new", "kinds": ["torn", "reorder"], "why": "no_model", "words": words}
    ]
    assert found["unclaimed"] == []
    arguments = ("--old", "skink", "--new", "littlefs", *MOVES, "--kinds", "torn", "--bases", 0)
    assert main(["compat", *map(str, arguments), "--states", "2"]) in (0, 1)
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if "not looked at:" in line] == [
        f"not looked at: torn of what new wrote; {NO_MODEL}"
    ]


def test_states_of_a_device_that_their_writer_does_not_claim_are_told(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    _, found = torn(told, "skink", "littlefs", "--model", "nor", "--states", 2, "--bases", 0)
    words = "littlefs (new) does not claim to survive nor"
    assert found["unclaimed"] == [{"writer": "new", "models": ["nor"], "words": words}]
    arguments = ("--old", "skink", "--new", "littlefs", *MOVES, "--kinds", "torn", "--bases", 0)
    assert main(["compat", *map(str, arguments), "--states", "2", "--model", "nor"]) in (0, 1)
    assert f"not claimed: {words}" in capfd.readouterr().out.splitlines()


def test_a_build_that_shows_what_has_moved_is_caught_in_the_states_of_the_other(
    told: Told, mutant: Callable[[str], str]
) -> None:
    code, found = told("skink", mutant("16-moved-source-not-hidden"), *MOVES)
    assert code == 1
    assert not found["acceptable"]
    assert found["by"]["old", "new", "cut"]["misread"] > 0
    assert found["by"]["old", "old", "cut"]["misread"] == 0
    example = next(one for one in found["examples"] if one["outcome"] == "misread" and one["writer"] == "old")
    assert any("expected nothing, found " in line for line in example["lines"])


def test_a_build_that_trusts_a_torn_commit_is_caught_in_torn_states_alone(
    told: Told, mutant: Callable[[str], str]
) -> None:
    library = mutant("02-crc-not-checked")
    code, found = told("skink", library, *MOVES, "--bases", 0)
    assert code == 0, found["examples"]
    code, found = torn(told, "skink", library, "--bases", 0, "--model", "hostile", "--states", 400)
    assert code == 1
    cell = found["by"]["old", "new", "torn"]
    assert cell["misread"] + sum(cell["refused"].values()) > 0
    assert seen(found["by"]["old", "old", "torn"]) == {"same"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kinds", "nested"), "prefix, torn and reorder"),
        (("--kinds", "all"), "not nested, damage, full"),
        (("--model", "nor"), "give --kinds torn,reorder"),
        (("--kinds", "torn", "--model", "floppy"), "There is no device model 'floppy'"),
    ],
)
def test_kinds_that_cannot_be_compared_are_told(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["compat", "--old", "skink", "--new", "skink", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line


# --- a format that changes -------------------------------------------------------------------------------


def test_an_old_build_that_refuses_clearly_is_acceptable(told: Told) -> None:
    code, found = toy(told, "V1", "V2")
    assert (code, found["acceptable"]) == (0, True)
    by = found["by"]
    assert seen(by["new", "old", "clean"]) == seen(by["new", "old", "cut"]) == {"refused UNSUPPORTED"}
    assert seen(by["upgrade", "old", "cut"]) == {"same", "refused UNSUPPORTED"}
    assert seen(by["downgrade", "old", "write"]) == {"refused UNSUPPORTED"}
    assert seen(by["upgrade", "new", "write"]) == {"same"}
    for writer in ("old", "new", "upgrade"):
        assert seen(by[writer, "new", "cut"]) == {"same"}


def test_an_old_build_that_takes_all_for_its_own_misreads(told: Told) -> None:
    code, found = toy(told, "V1Careless", "V2")
    assert code == 1
    by = found["by"]
    assert "misread" in seen(by["new", "old", "clean"])
    assert "misread" in seen(by["upgrade", "old", "cut"])
    assert not by["new", "old", "clean"]["acceptable"]
    assert by["new", "new", "clean"]["acceptable"]


def test_an_old_build_that_falls_back_to_an_older_state_misreads_after_the_upgrade_alone(told: Told) -> None:
    code, found = toy(told, "V1Stale", "V2")
    assert code == 1
    bad = {key for key, cell in found["by"].items() if cell["misread"]}
    assert {key[:2] for key in bad} == {("upgrade", "old")}
    example = next(one for one in found["examples"] if one["outcome"] == "misread")
    assert any("zz-new" in line and "found nothing" in line for line in example["lines"])


def test_an_unclear_refusal_is_acceptable_only_if_the_policy_says_so(told: Told, tmp_path: Path) -> None:
    code, found = toy(told, "V1Unclear", "V2")
    assert (code, found["by"]["new", "old", "clean"]["refused"]) == (1, {"CORRUPT": 1})
    policy = tmp_path / "policy.toml"
    policy.write_text('[[allow]]\nreader = "old"\nrefused = ["CORRUPT"]\n')
    assert toy(told, "V1Unclear", "V2", "--policy", policy)[0] == 0
    policy.write_text('[[allow]]\nreader = "old"\nstate = ["clean", "cut"]\nrefused = ["*"]\n')
    code, found = toy(told, "V1Unclear", "V2", "--policy", policy)
    assert (code, [key for key, cell in found["by"].items() if not cell["acceptable"]]) == (
        1,
        [("downgrade", "old", "write")],
    )


@pytest.mark.slow
@pytest.mark.parametrize(("old", "outcome"), [("V1Dies", "crash"), ("V1Hangs", "hang")])
def test_an_old_build_that_dies_or_hangs_is_contained_and_counted(
    old: str, outcome: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powercut.compat.campaign.CRASHES_MAX", 1)
    monkeypatch.setattr("powercut.compat.campaign.HANGS_MAX", 1)
    code, found = toy(told, old, "V2", "--hang", 0.3, "--bases", 1)
    assert code == 1
    for key in (("new", "old", "clean"), ("new", "old", "cut"), ("downgrade", "old", "write")):
        cell = found["by"][key]
        assert cell[outcome] > 0, key
        assert not cell["acceptable"]
    cut = found["by"]["new", "old", "cut"]
    assert cut["left"] > 0
    assert cut[outcome] + cut["left"] == found["by"]["new", "new", "cut"]["same"]
    assert seen(found["by"]["new", "new", "cut"]) == seen(found["by"]["old", "old", "cut"]) == {"same"}


def test_examples_are_saved_as_a_golden_set(told: Told, tmp_path: Path, capfd: Any) -> None:
    code, found = toy(told, "V1Careless", "V2", "--save", tmp_path / "bad")
    assert code == 1
    assert "new-clean-read-by-old-misread" in found["saved"]
    assert len(found["saved"]) == len(found["examples"])
    capfd.readouterr()
    assert main(["golden", "check", str(tmp_path / "bad"), "--engine", f"{TOY}:V1Careless", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["verdicts"] == {"different": len(found["saved"])}
    assert main(["golden", "check", str(tmp_path / "bad"), "--engine", f"{TOY}:V2", "--json"]) == 0


def test_a_policy_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PowercutError, match=r"^Cannot read the policy /dev/zero: "):
        policies.load(Path("/dev/zero"))


def test_where_examples_cannot_be_saved_all_that_was_seen_is_told(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("powercut.atomic.write_all", full)
    code, found = toy(told, "V1Careless", "V2", "--save", tmp_path / "bad")
    assert (code, found["verdict"], found["acceptable"], found["saved"]) == (2, "error", False, [])
    assert "No space left on device" in found["error"]
    assert found["by"]["new", "old", "clean"]["misread"] > 0
    capfd.readouterr()
    arguments = map(str, ("--old", f"{TOY}:V1Careless", "--new", f"{TOY}:V2", "--save", tmp_path / "bad"))
    assert main(["compat", *arguments, *map(str, SMALL)]) == 2
    told_now = capfd.readouterr()
    assert "NOT acceptable" in told_now.out
    assert "No space left on device" in told_now.err


def test_the_table_names_cells_and_the_last_line_the_verdict(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = map(str, ("compat", "--old", f"{TOY}:V1Careless", "--new", f"{TOY}:V2", *SMALL))
    assert main(list(arguments)) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "NOT acceptable"
    assert any(line.startswith("NOT acceptable: new wrote, closed, old reads: 1 misread") for line in lines)
    assert any("old, then new" in line and "│" in line for line in lines)


def test_a_side_that_cannot_write_its_own_is_told_in_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    for old, new, words in (
        (f"{TOY}:V1", f"{TOY}:V2ReadOnly", "answers READ_ONLY"),
        (f"{TOY}:V1", "nobody", "There is no built-in engine"),
        ("skink", "skink --options", "There is no built-in engine"),
    ):
        assert main(list(map(str, ("compat", "--old", old, "--new", new, *SMALL)))) == 2
        (line,) = [text for text in capfd.readouterr().err.splitlines() if text]
        assert words in line


def test_a_build_that_loses_what_it_writes_is_misread_by_everybody(told: Told) -> None:
    code, found = toy(told, "V1Forgets", "V1")
    assert code == 1
    for key in (("old", "old", "clean"), ("old", "new", "clean")):
        assert seen(found["by"][key]) == {"misread"}
        assert not found["by"][key]["acceptable"]
    assert seen(found["by"]["new", "old", "cut"]) == {"same"}


def has_workers(pid: int) -> bool:
    """Whether a process has started worker processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return any(b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see when work is under way")
def test_ctrl_c_tells_what_was_found_until_then(tmp_path: Path) -> None:
    arguments = ("compat", "--old", f"{TOY}:V1Hangs", "--new", f"{TOY}:V2", *SMALL, "--hang", 300, "--json")
    command = [sys.executable, "-m", "powercut", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    while process.poll() is None and not has_workers(process.pid):
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"]


# --- the policy ------------------------------------------------------------------------------------------


def test_the_default_policy_lets_old_refuse_and_nobody_misread() -> None:
    policy = policies.load(None)
    refused, misread = Counts(refused=Counter(UNSUPPORTED=2)), Counts(misread=1)
    for cell in CELLS:
        may = cell.reader == "old" and cell.writer != "old"
        assert bool(policy.problems(cell, refused)) is not may, cell
        assert policy.problems(cell, misread) == [("misread", "", 1)]
    assert policy.problems(Cell("new", "old", "cut"), Counts(refused=Counter(CORRUPT=3))) == [
        ("refused", "CORRUPT", 3)
    ]


def test_the_default_policy_is_the_one_in_the_docs(root: Path) -> None:
    assert f"```toml\n{policies.DEFAULT_TEXT}```" in (root / "docs/formats.md").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "allow = 3",
        "[[allow]]\ncolour = 'red'",
        "[[allow]]\nwriter = 'nobody'",
        "[[allow]]\nreader = ['old', 'x']",
        "[[allow]]\nstate = 'open'",
        "[[allow]]\nrefused = ['EIO']",
        "[[allow]",
        "ignore = ['%zz']",
        "ignore = ['a', '/']",
        "[[allow]]\nwriter = []\nmisread = true",
    ],
)
def test_a_policy_that_cannot_be_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PowercutError, match=r"The policy .*policy.toml is wrong"):
        policies.load(path)
    with pytest.raises(PowercutError, match="Cannot read the policy"):
        policies.load(tmp_path / "nowhere")


# --- what it stands on -----------------------------------------------------------------------------------


WORK = """
import os, time
from powercut.errors import PowercutError

def double(task, beat):
    beat(100 + task)
    if task == 3:
        os.abort()
    if task == 4:
        time.sleep(60)
    if task == 5:
        raise PowercutError("not five")
    return 2 * task
"""


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Work in a module that other processes can import: it dies of 3, hangs on 4, refuses 5."""
    (tmp_path / "double_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("double_work").double


def test_work_that_dies_or_hangs_is_told_with_the_item_at_hand(double: Any) -> None:
    found = dict(run(double, [1, 2, 3, 4, 6], workers=2, hang_seconds=1.0))
    assert (found[0], found[1], found[4]) == (2, 4, 12)
    assert found[2] == Died("crash", "SIGABRT", 103)
    assert isinstance(found[3], Died)
    assert (found[3].kind, found[3].item) == ("hang", 104)


def test_what_work_refuses_is_raised_here(double: Any) -> None:
    with pytest.raises(PowercutError, match="not five"):
        list(run(double, [5]))


def test_workloads_fit_what_an_engine_can_do() -> None:
    profile = Profile(Geometry(16, 16, 512, 64), frozenset(), 16)
    for name, ops in operations(profile).items():
        assert len(ops) > 3, name
        assert {op.kind for op in ops} <= {"set", "remove"}
        assert all(b"/" not in op.key and len(op.key) <= 16 for op in ops)
    synced = operations(Profile(Geometry(16, 16, 512, 64), frozenset({"sync", "dictionaries"}), 64))
    assert all(any(op.kind == "sync" for op in ops) for ops in synced.values())
