# SPDX-License-Identifier: ISC
"""Prints what `make` installs into .venv, one a line: pyproject.toml's dependencies and its dev extra."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extra: str) -> Iterator[str]:
    """The requirements of an extra; those of the project's own extras that it names are looked up in turn."""
    for line in project["optional-dependencies"][extra]:
        own = re.fullmatch(rf"{project['name']}\[(\w+)\]", line)
        if own:
            yield from requirements(project, own[1])
        else:
            yield line


def main() -> int:
    """The command line: the path of pyproject.toml."""
    project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
    print("\n".join([*project["dependencies"], *requirements(project, "dev")]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
