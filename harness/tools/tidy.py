# SPDX-License-Identifier: ISC
"""Runs clang-tidy over the C files that have changed since it last found nothing in them.

    python harness/tools/tidy.py BUILD

It works from BUILD/compile_commands.json, reduced to what the meaning of a file depends on (language,
include folders, macros), so that it does not matter which compiler the build uses. What was clean is
remembered in BUILD/tidy, under the hash of the file, of all headers and of the settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KEPT = ("-I", "-D", "-std=", "-isystem")
# Assertions stay in: they tell the analyser what cannot be.
DROPPED = ("-DNDEBUG",)


def entry(command: dict[str, str]) -> dict[str, object]:
    """One compile command, reduced."""
    words = shlex.split(command["command"])[1:]
    options = [word for word in words if word.startswith(KEPT) and word not in DROPPED]
    file = str((Path(command["directory"]) / command["file"]).resolve())
    return {
        "directory": command["directory"],
        "file": file,
        "arguments": ["clang", *options, "-Wall", "-Wextra", "-c", file],
    }


def database(build: Path, output: Path) -> list[Path]:
    """Writes the reduced compilation database into ``output``; the project's C files in it, each once."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    entries = {
        str(item["file"]): item for item in map(entry, commands) if "_native.c" not in str(item["file"])
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "compile_commands.json").write_text(json.dumps(list(entries.values()), indent=1))
    return [Path(file) for file in sorted(entries)]


def shared_hash() -> bytes:
    """The hash of what every file's verdict depends on: headers, settings, the tool."""
    version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout
    files = [*Path("csrc").rglob("*.h"), *Path("tests/c").rglob("*.h"), *Path().glob("**/.clang-tidy")]
    files = sorted(file for file in files if ".venv" not in file.parts)
    return hashlib.sha256(version + b"".join(file.read_bytes() for file in files)).digest()


def is_clean(file: Path, output: Path, shared: bytes) -> bool:
    """Whether clang-tidy finds nothing in the file; says what it finds."""
    mark = output / hashlib.sha256(shared + str(file).encode() + file.read_bytes()).hexdigest()
    if mark.exists():
        return True
    command = ["clang-tidy", "--quiet", "-p", str(output), str(file)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if run.returncode == 0:
        mark.touch()
        return True
    print(run.stdout or run.stderr, flush=True)
    return False


def main() -> int:
    """The command line."""
    build = Path(sys.argv[1])
    output = build / "tidy"
    files = database(build, output)
    shared = shared_hash()
    with ThreadPoolExecutor(max_workers=int(os.environ.get("JOBS", "0")) or os.cpu_count()) as pool:
        clean = list(pool.map(lambda file: is_clean(file, output, shared), files))
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
