# SPDX-License-Identifier: ISC
"""An object is compiled once, and again as soon as anything differs that the compiler is given."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from powercut.compiling import Compiler, DoesNotCompileError
from powercut.errors import PowercutError

FILES = ("one.c", "two.c")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two files, one of which includes a header."""
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "n.h").write_text("#define N 1\n")
    (folder / "one.c").write_text('#include "n.h"\nint one(void) { return N; }\n')
    (folder / "two.c").write_text("int one(void);\nint two(void) { return 2 * one(); }\n")
    return folder


def two(place: Path, kept: Path, *arguments: str) -> int:
    """What the library answers."""
    library = place / f"lib{len(list(place.iterdir()))}.so"  # a new name: a loaded library stays loaded
    Compiler(place, ("-fPIC", *arguments)).library(FILES, kept, library)
    return int(ctypes.CDLL(str(library)).two())


def test_only_what_differs_is_compiled_again(place: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert two(place, kept) == 2
    first = {path.name: path.stat().st_ino for path in kept.iterdir()}
    assert len(first) == 2
    assert two(place, kept) == 2
    assert {path.name: path.stat().st_ino for path in kept.iterdir()} == first

    (place / "n.h").write_text("#define N 3\n")
    assert two(place, kept) == 6
    assert len(list(kept.iterdir())) == 3

    assert two(place, kept, "-DN=3", "-O1") == 6  # other arguments, other objects
    assert len(list(kept.iterdir())) == 5


def test_another_place_with_the_same_files_shares_its_objects(place: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert two(place, kept) == 2
    other = place.rename(tmp_path / "other")
    assert two(other, kept) == 2
    assert len(list(kept.iterdir())) == 2


def test_what_does_not_compile_leaves_no_object(place: Path, tmp_path: Path) -> None:
    (place / "two.c").write_text("int two(void) { return nothing; }\n")
    with pytest.raises(DoesNotCompileError, match=r"two\.c:1.*nothing"):
        two(place, tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_no_compiler_is_one_sentence(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(PowercutError, match=r"Cannot run the C compiler no-such-compiler: .*; install one"):
        two(place, tmp_path / "kept")
