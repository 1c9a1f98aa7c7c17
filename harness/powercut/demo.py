# SPDX-License-Identifier: ISC
"""``make run``: the whole idea in a minute, on generated traces, real files, a real image and a real bug."""

from __future__ import annotations

import importlib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from powercut import mutants
from powercut.errors import PowercutError

SEED = "2026"

#: The bug that is planted, of those in tests/mutants.
PLANTED = "04-older-revision-preferred"

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Runs all parts. 0: the engine held and the planted bug was caught."""
    with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
        place = Path(folder)
        for part in (_generated, _tree, _image, _planted_bug):
            code = part(place)
            if code:
                return code
    console.print("\n[bold green]All of it went as it should.")
    return 0


def _generated(place: Path) -> int:
    return _run(
        "Generated operations on eight devices; after every device event the power is cut, once",
        ["run", "--traces", "300", "--ops", "80", "--seed", SEED, "--save", str(place)],
    )


def _tree(place: Path) -> int:
    library = sysconfig.get_path("stdlib")
    limits = ["--tree-files", "60", "--tree-bytes", "600000"]
    return _run(
        "Real files: a part of Python's own library is written, overwritten, removed",
        ["run", "--tree", library, *limits, "--seed", SEED, "--save", str(place)],
    )


def _image(place: Path) -> int:
    image = place / "littlefs.img"
    try:
        written = write_littlefs_image(image)
    except ImportError:
        console.print("\n[yellow]An image by real littlefs: left out, littlefs-python is not installed.")
        return 0
    return _run(
        f"A disk image that real littlefs has just written, with {written} files on it",
        ["run", "--image", str(image), "--traces", "40", "--ops", "40", "--seed", SEED, "--save", str(place)],
    )


def _planted_bug(place: Path) -> int:
    """A known bug, built into a copy of the engine, has to be found."""
    made = build_planted_bug(place)
    if made is None:
        console.print("\n[yellow]A planted bug: left out, its patches are in the source tree only.")
        return 0
    library, breaks = made
    found = _run(
        f"The same engine with a bug planted in it: {breaks}",
        ["run", "--engine", str(library), "--traces", "8", "--seed", SEED, "--save", str(place)],
        expected=1,
    )
    traces = sorted(place.glob("*.trace.json"))
    if found or not traces:
        console.print("[bold red]The planted bug was not caught.")
        return found or 1
    return _run(
        "What was saved, replayed step by step on the engine with the bug",
        ["replay", str(traces[0]), "--engine", str(library)],
        expected=1,
    )


def write_littlefs_image(path: Path) -> int:
    """Has real littlefs write a small store to ``path``; answers its number of files. Raises ImportError."""
    littlefs = importlib.import_module("littlefs")
    device = littlefs.LittleFS(block_size=4096, block_count=64, prog_size=16, read_size=16)
    files = 0
    for folder in ("etc", "var/log"):
        device.makedirs(folder)
        for index in range(12):
            with device.open(f"{folder}/file-{index}", "wb") as file:
                file.write(bytes([index]) * (index * index * 40))
            files += 1
    device.remove("etc/file-3")
    path.write_bytes(bytes(device.context.buffer))
    return files - 1


def build_planted_bug(place: Path) -> tuple[Path, str] | None:
    """The library of an engine with a planted bug, and what that breaks; None outside of the source tree."""
    try:
        (mutant,) = mutants.load_mutants([PLANTED])
    except PowercutError:
        return None
    return mutants.build(mutant, place), mutant.breaks


def _run(title: str, arguments: Sequence[str], expected: int = 0) -> int:
    """One command of powercut's, shown and run; 0 where its exit code is the expected one."""
    console.print(f"\n[bold]{title}")
    console.print(f"[dim]$ powercut {' '.join(arguments)}")
    made = subprocess.run([sys.executable, "-m", "powercut", *arguments], check=False)
    if made.returncode == expected:
        return 0
    return made.returncode or 1


def _told() -> int:
    """main(), what cannot be done told in one sentence."""
    try:
        return main()
    except PowercutError as error:
        print(f"powercut: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(_told())
