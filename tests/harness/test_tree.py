# SPDX-License-Identifier: ISC
"""Workloads out of a directory: every file that fits, nothing else, and what was left out is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from powercut.errors import PowercutError
from powercut.tree import TreeLimits, read_tree, tree_geometry, tree_operations


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for index in range(9):
        (tmp_path / "d" / "e" / f"{index}").write_bytes(bytes([index]) * 100)
    (tmp_path / "z").write_bytes(b"last")
    (tmp_path / "big").write_bytes(bytes(5000))
    (tmp_path / ("n" * 60)).write_bytes(b"name")
    (tmp_path / "link").symlink_to("z")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_files_are_values_and_directories_dictionaries(tree: Path) -> None:
    found = read_tree(tree, TreeLimits(one=1000, name_max=50))
    assert [key for key, _ in found.files] == [b"d/e/%d" % index for index in range(9)] + [b"z"]
    assert dict(found.files)[b"d/e/3"] == b"\3" * 100
    assert found.size == 904


def test_what_is_left_out_is_counted_by_reason(tree: Path) -> None:
    found = read_tree(tree, TreeLimits(one=1000, name_max=50))
    assert found.complete
    assert found.skipped == {
        "files past the limits of bytes": 1,
        "names too long for the format": 1,
        "neither files nor directories": 2,
    }
    assert "1 names too long" in str(found)


def test_limits_end_the_reading_and_it_is_said(tree: Path) -> None:
    found = read_tree(tree, TreeLimits(files=3, one=1000))
    assert (len(found.files), found.complete) == (3, False)
    assert "past the limits" in str(found)
    assert read_tree(tree, TreeLimits(total=350, one=1000)).size <= 350


def test_the_workload_writes_every_file_then_overwrites_and_removes(tree: Path) -> None:
    found = read_tree(tree, TreeLimits(one=1000))
    made = tree_operations(found, 1)
    count = len(found.files)
    assert [(op.key, op.data()) for op in made[:count]] == list(found.files)
    rest = made[count:]
    assert {"set", "remove", "list", "size"} == {op.kind for op in rest}
    assert any(op.kind == "remove" and op.key in (b"d", b"d/e") for op in rest)
    assert made == tree_operations(found, 1) != tree_operations(found, 2)


def test_the_device_has_room_for_the_tree(tree: Path) -> None:
    found = read_tree(tree, TreeLimits())
    geometry = tree_geometry(found, 512, 16, 16, None)
    assert geometry.size > 2 * found.size
    assert (geometry.block_size, geometry.prog_size, geometry.erase_value) == (512, 16, None)


@pytest.mark.parametrize("name", ["none", "z", "empty"])
def test_what_is_no_directory_of_files_is_told(tree: Path, name: str) -> None:
    with pytest.raises(PowercutError, match=name):
        read_tree(tree / name, TreeLimits())


def test_a_directory_without_permission_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PowercutError, match="permission denied"):
        read_tree(tree / "d", TreeLimits())
