# SPDX-License-Identifier: ISC
"""Writes a compilation database that clang-tidy understands whatever compiler the build uses.

    python tools/compile_commands.py BUILD OUTPUT

Of BUILD/compile_commands.json it keeps each C file of the project, and of its options the language version,
the include folders and the macros.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

KEPT = ("-I", "-D", "-std=", "-isystem")


def entry(command: dict[str, str]) -> dict[str, object]:
    """One compile command, reduced to what the meaning of the file depends on."""
    options = [word for word in shlex.split(command["command"])[1:] if word.startswith(KEPT)]
    file = str((Path(command["directory"]) / command["file"]).resolve())
    return {
        "directory": command["directory"],
        "file": file,
        "arguments": ["clang", *options, "-Wall", "-Wextra", "-c", file],
    }


def main() -> int:
    """The command line."""
    build, output = Path(sys.argv[1]), Path(sys.argv[2])
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    own = [command for command in commands if not command["file"].endswith("_native.c")]
    output.mkdir(parents=True, exist_ok=True)
    (output / "compile_commands.json").write_text(json.dumps([entry(command) for command in own], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
