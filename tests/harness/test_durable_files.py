# SPDX-License-Identifier: ISC
"""A file that is saved whole is durable before it has its name; where it cannot be, nothing is left of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut import atomic
from powercut.cli import main

FAILING = Path(__file__).parents[2] / "traces/mutant-move-not-pending.trace.json"
Log = list[tuple[str, str]]


def nothing(_: Path) -> None:
    """A command that needs nothing to be there."""


def an_image(folder: Path) -> None:
    image = str(folder / "disk.img")
    assert main(["format", image, "--block-count", "16"]) == 0
    assert main(["put", image, "folder/key", str(FAILING)]) == 0


def a_damaged_image(folder: Path) -> None:
    an_image(folder)
    with (folder / "disk.img").open("r+b") as file:
        file.seek(2 * 4096)  # behind the root
        file.write(bytes(14 * 4096))


def a_set(folder: Path) -> None:
    assert main([*RECORD, str(folder / "set")]) == 0


def an_old_trace(folder: Path) -> None:
    (folder / "old.trace.json").write_bytes((Path(__file__).parent / "version_1.json").read_bytes())


def an_input(folder: Path) -> None:
    assert main(["corpus", "pack", str(FAILING), "--to", str(folder / "corpus")]) == 0


RECORD = [
    "golden",
    "record",
    "--engine",
    "ditto",
    "--block-size",
    "512",
    "--block-count",
    "16",
    "--images",
    "2",
]
CAMPAIGN = ["run", "--traces", "1", "--ops", "16", "--seed", "1", "--jobs", "1"]
BROKEN = f"{Path(__file__).parent / 'toys.py'}:Careless"
#: Whatever saves: what must be there before, the command, its exit code where it cannot save.
SAVING: dict[str, tuple[Callable[[Path], None], list[str], int]] = {
    "format": (nothing, ["format", "new.img", "--block-count", "16"], 2),
    "format --force": (an_image, ["format", "disk.img", "--block-count", "32", "--force"], 2),
    "get --output": (an_image, ["get", "disk.img", "folder/key", "--output", "value"], 2),
    "grow": (an_image, ["grow", "disk.img", "--block-count", "32"], 2),
    "check --repair": (a_damaged_image, ["check", "disk.img", "--repair"], 2),
    "init": (nothing, ["init", "suite", "--engine", "ditto"], 2),
    "golden record": (nothing, [*RECORD, "set"], 2),
    "golden extract": (a_set, ["golden", "extract", "set", "values-b512-0001-torn"], 2),
    "trace upgrade": (an_old_trace, ["trace", "upgrade", "old.trace.json"], 2),
    "replay --update": (an_old_trace, ["replay", "old.trace.json", "--update"], 2),
    "corpus pack": (nothing, ["corpus", "pack", str(FAILING), "--to", "corpus"], 2),
    "corpus unpack": (an_input, ["corpus", "unpack", "corpus", "--to", "traces"], 2),
    "explain --html": (nothing, ["explain", str(FAILING), "--html", "page.html"], 2),
    "run --html": (nothing, [*CAMPAIGN, "--engine", "ditto", "--html", "page.html"], 2),
    "run --save": (nothing, [*CAMPAIGN, "--engine", BROKEN, "--save", "found"], 1),
}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What is made durable and what is renamed, by name, in its order."""
    log: Log = []
    sync, rename, link = os.fsync, Path.replace, Path.hardlink_to

    def synced(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        log.append((kind, Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        log.append(("rename", self.name))
        return rename(self, target)

    def linked(self: Path, target: Path) -> None:
        log.append(("rename", target.name))
        link(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "hardlink_to", linked)
    return log


def test_every_file_of_a_set_is_durable_before_the_first_has_its_name(tmp_path: Path, log: Log) -> None:
    atomic.write_all(tmp_path / "set", {"a": b"1", "b": b"2", "c": b"3"})
    kinds = [kind for kind, _ in log]
    first = kinds.index("rename")
    synced = {name for kind, name in log[:first] if kind == "file"}
    assert {name for kind, name in log if kind == "rename"} == synced
    assert len(synced) == 3
    assert "file" not in kinds[first:]  # what could still be refused was asked for before
    assert ("folder", tmp_path.name) in log[:first]  # the new folder, too, is one that stays


def test_each_name_is_durable_before_the_next(tmp_path: Path, log: Log) -> None:
    atomic.write_all(tmp_path, {"a": b"1", "b": b"2"})
    assert [(kind, name.split(".")[1:2]) for kind, name in log if kind != "file"] == [
        ("rename", ["a"]),
        ("folder", []),
        ("rename", ["b"]),
        ("folder", []),
    ]


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_is_durable_before_it_has_its_name(tmp_path: Path, replace: bool, log: Log) -> None:
    with atomic.new_file(tmp_path / "one", replace=replace) as temporary:
        temporary.write_bytes(b"1")
    assert [kind for kind, _ in log] == ["file", "rename", "folder"]


def refuse_from(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The device is full from the fsync of this number on; a list that holds how many there were."""
    calls, sync = [0], os.fsync

    def full(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    return calls


def test_a_set_is_there_whole_or_not_at_all_whichever_sync_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a": b"1", "b": b"2", "c": b"3"}
    for number in range(99):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            calls = refuse_from(number, patch)
            try:
                atomic.write_all(folder / "set", files)
            except OSError:
                assert calls[0] > number
            else:
                assert calls[0] <= number
                break
        if folder.exists():
            assert {path.name: path.read_bytes() for path in (folder / "set").iterdir()} == files
    assert number == 3 + 3 + 2  # each file, each name, two folders


def held(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() if one.is_file() else b"" for one in folder.rglob("*")
    }


@pytest.mark.parametrize("saving", SAVING)
def test_a_command_that_cannot_save_says_so_in_a_sentence_and_leaves_nothing(
    saving: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare, command, code = SAVING[saving]
    prepare(tmp_path)
    before = held(tmp_path)
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    with monkeypatch.context() as patch:
        refuse_from(0, patch)
        assert main(command) == code
    shown = capfd.readouterr()
    told = shown.err + shown.out
    assert told.lower().count("no space left on device") == 1
    assert "Traceback" not in shown.err + shown.out
    assert held(tmp_path) == before
