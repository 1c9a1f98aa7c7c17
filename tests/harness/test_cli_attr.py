# SPDX-License-Identifier: ISC
"""`powercut attr` and `powercut grow`: what they do, what littlefs sees, that bad input changes nothing."""

from __future__ import annotations

import fcntl
import io
import json
import resource
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.cli import main
from powercut.geometry import Geometry

Command = Callable[..., tuple[int, bytes, str]]
BLOCK = 512


@pytest.fixture
def powercut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Command:
    """Runs one command in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(line: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        class Stdin:
            buffer = io.BytesIO(stdin)

        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stdin())
            code = main(shlex.split(line))
        captured = capfdbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return run


@pytest.fixture
def image(powercut: Command, tmp_path: Path) -> Path:
    """An image with a value `a/b`, which has the attributes 0x01 and 0xff."""
    assert powercut(f"format disk.img --block-size {BLOCK} --block-count 64")[0] == 0
    assert powercut("put disk.img a/b --time 20000:7", b"one")[0] == 0
    assert powercut("attr set disk.img a/b 1", b"first") == (0, b"", "")
    assert powercut("attr set disk.img a/b 0xFF", b"\0\xff") == (0, b"", "")
    return tmp_path / "disk.img"


def littlefs_of(image: Path, prog_size: int = 16) -> object:
    littlefs = pytest.importorskip("powercut.littlefs", reason="NOT RUN: littlefs-python is not installed")
    data = image.read_bytes()
    return littlefs.recovered(data, Geometry(16, prog_size, BLOCK, len(data) // BLOCK, 0xFF))


# --- attributes -----------------------------------------------------------------------------------------


def test_what_was_set_is_got_and_listed_by_type(powercut: Command, image: Path) -> None:
    assert powercut("attr get disk.img a/b 0x01") == (0, b"first", "")
    assert powercut("attr get disk.img a/b 255") == (0, b"\0\xff", "")
    assert powercut("attr list disk.img a/b") == (0, b"0x01  5  6669727374\n0xff  2  00ff\n", "")
    code, out, _ = powercut("attr list disk.img a/b --json")
    assert (code, json.loads(out)["attributes"]) == (
        0,
        [{"type": 1, "size": 5, "hex": "6669727374"}, {"type": 255, "size": 2, "hex": "00ff"}],
    )
    assert powercut("attr list disk.img a") == (0, b"", "")


def test_an_attribute_is_replaced_emptied_and_removed_alone(powercut: Command, image: Path) -> None:
    (image.parent / "file").write_bytes(b"from a file")
    assert powercut("attr set disk.img a/b 1 file")[0] == 0
    assert powercut("attr get disk.img a/b 1 -o out")[0] == 0
    assert (image.parent / "out").read_bytes() == b"from a file"
    assert powercut("attr set disk.img a/b 1")[0] == 0
    assert powercut("attr list disk.img a/b") == (0, b"0x01  0\n0xff  2  00ff\n", "")
    assert powercut("attr remove disk.img a/b 1") == (0, b"", "")
    assert powercut("attr list disk.img a/b") == (0, b"0xff  2  00ff\n", "")
    assert powercut("attr remove -f disk.img a/b 1") == (0, b"", "")
    assert powercut("get disk.img a/b") == (0, b"one", "")


def test_dictionaries_and_the_root_have_attributes_and_littlefs_sees_them(
    powercut: Command, image: Path
) -> None:
    assert powercut("attr set disk.img a 7", b"of a")[0] == 0
    assert powercut("attr set disk.img / 7", b"of the root")[0] == 0
    assert powercut("attr get disk.img / 7") == (0, b"of the root", "")
    fs = littlefs_of(image)
    assert fs.getattr("/a", 7) == b"of a"  # type: ignore[attr-defined]
    assert fs.getattr("/", 7) == b"of the root"  # type: ignore[attr-defined]
    assert fs.getattr("/a/b", 1) == b"first"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("attr get disk.img a/b 2", 1, ["a/b", "0x02", "attr list"]),
        ("attr remove disk.img a/b 2", 1, ["a/b", "0x02"]),
        ("attr get disk.img a/c 1", 1, ["a/c"]),
        ("attr list disk.img a/c", 1, ["a/c"]),
        ("attr set disk.img a/c 1", 1, ["a/c"]),
        ("attr remove -f disk.img a/c 1", 1, ["a/c"]),
        ("attr set disk.img a/b 0x74", 2, ["0x74", "another type"]),
        ("attr get disk.img a/b 116", 2, ["0x74"]),
        ("attr set disk.img a/b 256", 2, ["256", "0 to 255"]),
        ("attr set disk.img a/b -- -1", 2, ["-1", "0 to 255"]),
        ("attr set disk.img a/b name", 2, ["name", "0 to 255"]),
        ("attr set disk.img a/b 1 no-such-file", 2, ["no-such-file"]),
        ("attr get disk.img a/b 1 -o disk.img", 2, ["--output"]),
        ("attr get no.img a/b 1", 2, ["no.img"]),
        ("attr frobnicate disk.img", 2, ["frobnicate"]),
        ("grow disk.img --block-count 63", 2, ["64", "smaller"]),
        ("grow disk.img", 2, ["--block-count"]),
        ("grow disk.img --block-count 0", 2, ["--block-count"]),
        ("grow no.img --block-count 100", 2, ["no.img"]),
        ("grow disk.img --block-count 100 --prog-size 24", 2, ["prog 24"]),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_the_image_alone(
    powercut: Command, image: Path, line: str, code: int, words: list[str]
) -> None:
    before = image.read_bytes()
    got, out, err = powercut(line, b"new")
    assert (got, out) == (code, b"")
    assert err.startswith("powercut: ")
    assert err.endswith(".\n")
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words), err
    assert image.read_bytes() == before


def test_an_attribute_longer_than_the_image_allows_is_refused(powercut: Command, image: Path) -> None:
    before = image.read_bytes()
    code, _, err = powercut("attr set disk.img a/b 1", bytes(1023))
    assert (code, "1022" in err) == (2, True)
    assert powercut("attr set disk.img a/b 1", bytes(600))[0] == 2, "no room in a pair of 512 bytes"
    assert image.read_bytes() == before


# --- growing --------------------------------------------------------------------------------------------


def test_a_grown_image_has_room_and_littlefs_mounts_it(powercut: Command, image: Path) -> None:
    big = bytes(range(256)) * 200
    assert powercut("put disk.img big", big)[0] == 2
    assert powercut("grow disk.img --block-count 200") == (0, b"", "")
    assert image.stat().st_size == 200 * BLOCK
    assert powercut("put disk.img big", big)[0] == 0
    assert powercut("check disk.img")[0] == 0
    fs = littlefs_of(image)
    assert fs.block_count == 200  # type: ignore[attr-defined]
    with fs.open("/big", "rb") as file:  # type: ignore[attr-defined]
        assert file.read() == big
    assert powercut("attr get disk.img a/b 1") == (0, b"first", "")


def test_growing_to_the_size_that_it_has_changes_nothing(powercut: Command, image: Path) -> None:
    before = image.read_bytes()
    assert powercut("grow disk.img --block-count 64") == (0, b"", "")
    assert image.read_bytes() == before


def test_an_image_on_a_larger_device_grows_into_it(powercut: Command, image: Path) -> None:
    with image.open("ab") as file:
        file.write(b"\x5a" * 36 * BLOCK)
    assert powercut("grow disk.img --block-count 80")[0] == 0
    assert image.stat().st_size == 100 * BLOCK
    assert powercut("put disk.img big", bytes(34_000))[0] == 0
    assert powercut("check disk.img")[0] == 0


def test_without_room_for_the_file_it_stays_as_it_was(powercut: Command, image: Path) -> None:
    before = image.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 * BLOCK, hard))
    try:
        code, _, err = powercut("grow disk.img --block-count 200")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, len(err.splitlines())) == (2, 1)
    assert image.read_bytes() == before


@pytest.mark.parametrize("line", ["grow disk.img --block-count 99", "attr set disk.img a/b 1"])
def test_an_image_in_use_is_refused(powercut: Command, image: Path, line: str) -> None:
    before = image.read_bytes()
    with image.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, err = powercut(line)
    assert (code, "in use" in err) == (2, True)
    assert image.read_bytes() == before
