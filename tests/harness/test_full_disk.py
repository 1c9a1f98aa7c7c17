# SPDX-License-Identifier: ISC
"""Where a file cannot be written, nothing is left half written: no part of a set, no empty folder."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from powercut import atomic
from powercut.cli import main
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fuzz import FuzzPlan, seed_corpus
from powercut.geometry import Geometry
from powercut.golden.manifest import MANIFEST
from powercut.golden.record import Recorded, Request, record_here, write
from powercut.ops import Literal, Op
from powercut.trace import DEFAULTS, EngineRef, Trace, save

GEOMETRY = Geometry(16, 16, 512, 64, 0xFF)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """As on a full disk, a write above that fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def recorded(images: int) -> Recorded:
    request = Request("ditto", (GEOMETRY,), (DEFAULTS,), images)
    return record_here(request, lambda _: None)  # type: ignore[arg-type]


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_golden_set_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    made, folder = recorded(2), tmp_path / "golden" / "ditto"
    write(made, folder)
    sizes = {name: len(data) for name, data in held(folder).items()}
    images = [size for name, size in sizes.items() if name != MANIFEST]
    assert max(images) < sizes[MANIFEST]  # so that it is the last one that fails
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.parent.rmdir()
    with pytest.raises(PowercutError, match="Cannot write the golden set"), files_no_larger_than(max(images)):
        write(made, folder)
    assert list(tmp_path.iterdir()) == []


def test_a_set_that_is_there_stays_as_it_was(tmp_path: Path) -> None:
    write(recorded(2), tmp_path)
    before = held(tmp_path)
    with (
        pytest.raises(PowercutError, match="Cannot write the golden set"),
        files_no_larger_than(len(before[MANIFEST])),
    ):
        write(recorded(6), tmp_path)
    assert held(tmp_path) == before


def test_no_empty_folder_is_left_for_a_trace_that_cannot_be_saved(tmp_path: Path) -> None:
    trace = Trace(GEOMETRY, (Op("set", b"a", value=Literal(b"x")),), EngineRef("ditto", "0"))
    with pytest.raises(PowercutError, match="Cannot save the trace"), files_no_larger_than(10):
        save(trace, tmp_path / "new" / "traces" / "one.trace.json")
    assert list(tmp_path.iterdir()) == []


def test_no_empty_folder_is_left_for_a_suite_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with files_no_larger_than(600):
        assert main(["init", "suite", "--engine", "ditto"]) == 2
    assert "Cannot write suite: File too large" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_first_inputs_of_the_fuzzer_appear_all_or_none(tmp_path: Path) -> None:
    """Else the next session takes what there is of them for all."""
    plan, engine = FuzzPlan(tmp_path, ops=12), Engine.load("skink")
    with pytest.raises(PowercutError, match="name another folder with --work"), files_no_larger_than(60):
        seed_corpus(plan, engine)
    assert held(plan.corpus) == {}
    seed_corpus(plan, engine)
    assert max(map(len, held(plan.corpus).values())) > 60 > min(map(len, held(plan.corpus).values()))


def test_files_appear_in_their_order_and_keep_their_permissions(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    (tmp_path / "b").chmod(0o640)
    atomic.write_all(tmp_path, {"a": b"1", "b": b"2"})
    assert held(tmp_path) == {"a": b"1", "b": b"2"}
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640
    (tmp_path / "c").mkdir()  # where no file can be: the last is not there without those before it
    with pytest.raises(IsADirectoryError):
        atomic.write_all(tmp_path, {"new": b"3", "c": b"4"})
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c"}
