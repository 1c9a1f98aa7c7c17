# SPDX-License-Identifier: ISC
"""Checks what no other tool does: floors of #include, file sizes, machine paths, licence lines.

Run from the project's root; prints one line for each finding and exits with 1 if there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# What a C file may include from elsewhere in csrc/, beside its own folder: the public headers below it.
FLOORS = {
    "include": {"blockdev.h"},
    "blockdev": {"blockdev.h"},
    "skink": {"blockdev.h", "skink.h"},
    "crash": {"blockdev.h", "powercut.h"},
    "engines": {"blockdev.h", "powercut.h", "skink.h"},
    "fuzz": {"blockdev.h", "powercut.h"},
}
LINES_MAX = 600
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# Written in pieces, so that this file passes its own check.
MACHINE_PATH = re.compile(r"(?<![\w.$~}-])/(?:" + "|".join(("work", "tmp", "root", "home")) + r")(?:/|\b)")
BINARY = {".img", ".png", ".gif", ".so", ".gz", ".xz"}


def tracked() -> list[Path]:
    """The files that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout.decode()
    return [Path(name) for name in listing.split("\0") if name and Path(name).is_file()]


def include_findings(path: Path, text: str) -> Iterator[str]:
    """Includes that lead upwards or into another folder, and circles of a public header with itself."""
    folder = path.parts[1]
    for name in INCLUDE.findall(text):
        own = folder != "include" and (path.parent / name).is_file()
        if not own and (name not in FLOORS[folder] or name == path.name):
            yield f"{path}: includes {name}, which is not below csrc/{folder}"


def circle_findings(paths: list[Path]) -> Iterator[str]:
    """Headers that include each other in a circle."""
    below = {
        path: [
            path.parent / name for name in INCLUDE.findall(path.read_text()) if (path.parent / name).is_file()
        ]
        for path in paths
        if path.suffix == ".h"
    }

    def reaches(start: Path, goal: Path, seen: set[Path]) -> bool:
        for header in below.get(start, []):
            if header == goal:
                return True
            if header not in seen:
                seen.add(header)
                if reaches(header, goal, seen):
                    return True
        return False

    yield from (f"{path}: includes itself in a circle" for path in below if reaches(path, path, set()))


def file_findings(path: Path, text: str) -> Iterator[str]:
    """What is wrong with one file by itself."""
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"{path}:{number}: names a path of one machine"
    if path.suffix in {".c", ".h", ".py"} and text.count("\n") > LINES_MAX:
        yield f"{path}: longer than {LINES_MAX} lines"
    if path.suffix in {".c", ".h"} and not text.startswith("/* SPDX-License-Identifier: ISC"):
        yield f"{path}: does not begin with its licence"


def findings() -> Iterator[str]:
    """Everything."""
    paths = [path for path in tracked() if path.suffix not in BINARY and path.parent.name != "regressions"]
    sources = [path for path in paths if path.suffix in {".c", ".h"} and path.parts[0] == "csrc"]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        yield from file_findings(path, text)
        if path in sources:
            yield from include_findings(path, text)
    yield from circle_findings(sources)


def main() -> int:
    """The command line: 0 when there is nothing to say."""
    found = sorted(findings())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
