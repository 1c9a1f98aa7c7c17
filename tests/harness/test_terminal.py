# SPDX-License-Identifier: ISC
"""What people do to a command: end it while it starts or writes, close its input, name what has no end."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from powercut.cli import main

POWERCUT = (sys.executable, "-m", "powercut")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    assert main(["format", str(path), "--block-count", "16", "--block-size", "512"]) == 0
    return path


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line.replace("powercut", shlex.join(POWERCUT), 1)],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def until(path: Path) -> None:
    """Waits for a file."""
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_a_command_is_read_in_ends_it_without_a_word(
    tmp_path: Path, number: signal.Signals
) -> None:
    slow = "import pathlib, time\npathlib.Path('reading').touch()\ntime.sleep(60)\n"
    (tmp_path / "click.py").write_text(slow)
    process = subprocess.Popen(
        [*POWERCUT, "list", "kinds"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(tmp_path / "reading")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize("words", ["--help", "--version", "golden --help", "run --help"])
def test_help_that_nobody_reads_is_exit_code_141_without_a_word(tmp_path: Path, words: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*POWERCUT, *words.split()], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", ["--help", "list kinds", "list kinds --json", "completion bash"])
def test_a_full_disk_behind_the_output_is_called_that(tmp_path: Path, words: str) -> None:
    done = shell(f"powercut {words} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "powercut: The output cannot be written: No space left on device; "
        "make room, or let it go elsewhere.\n"
    )


@pytest.mark.parametrize("words", ["put disk.img key", "attr set disk.img / 1"])
def test_a_closed_standard_input_is_told(image: Path, words: str) -> None:
    before = image.read_bytes()
    done = shell(f"powercut {words} <&-", image.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "powercut: Standard input is closed; name a file that can be read.\n"
    assert image.read_bytes() == before


def test_a_file_without_an_end_is_no_value(image: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["put", str(image), "key", "/dev/zero"]) == 2
    assert "/dev/zero is longer than any value can be" in capfd.readouterr().err


HUGE = ("--block-count", "2147483647")


def test_what_no_file_system_has_room_for_is_told_at_once(
    image: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """8 TiB, by a slip of the hand: nothing is filled up before that is found."""
    before, there = image.read_bytes(), names(image.parent)
    began = time.monotonic()
    assert main(["format", str(image.parent / "new.img"), *HUGE]) == 2
    assert main(["grow", str(image), *HUGE]) == 2
    assert time.monotonic() - began < 20
    told = capfd.readouterr().err
    assert told.count("No space left on device") + told.count("File too large") == 2
    assert image.read_bytes() == before
    assert names(image.parent) == there


def test_ctrl_c_ends_format_and_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*POWERCUT, "format", "new.img", "--block-count", "262144"],  # a GiB
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while not names(tmp_path) and process.poll() is None:
        assert time.monotonic() < end
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "")
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    image: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    assert main(["golden", "record", str(image / "set")]) == 2
    assert main(["compat", "--old", "skink", "--new", "skink", "--save", str(image / "set")]) == 2
    assert time.monotonic() - began < 2
    told = capfd.readouterr().err.splitlines()
    assert told[0].endswith("disk.img: Not a directory; name another folder.")
    assert told[1].endswith("disk.img: Not a directory; name another folder with --save.")


@pytest.mark.parametrize(
    "words",
    [
        ("init", ""),
        ("golden", "record", ""),
        ("run", "--save", ""),
        ("run", "--html", ""),
        ("explain", "", "--html", "x"),
        ("replay", ""),
        ("ls", ""),
        ("corpus", "pack", "", "--to", "x"),
    ],
    ids=" ".join,
)
def test_an_empty_name_is_not_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(list(words)) == 2
    assert "it is empty; name a file, or a folder" in capfd.readouterr().err
    assert names(tmp_path) == []
