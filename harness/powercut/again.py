# SPDX-License-Identifier: ISC
"""The command that replays a saved trace, as one types it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from powercut.engine import Engine
from powercut.native import engine_names


def shown_path(path: Path, here: Path) -> str:
    """The path as one types it in the folder ``here``."""
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def replay_line(path: str, engine: Engine, here: Path) -> str:
    """``powercut replay traces/x.trace.json --engine ./libmine.so``."""
    return f"powercut replay {shlex.quote(path)}{engine_option(engine, here)}"


def engine_option(engine: Engine, here: Path) -> str:
    """`` --engine ./libmine.so``, as one types it in the folder ``here``; nothing for a built-in engine."""
    built_in = engine.origin == engine.name and engine.origin in engine_names()
    return "" if built_in else f" --engine {engine_argument(engine.origin, here)}"


def engine_argument(origin: str, here: Path) -> str:
    """The engine as one types it in the folder ``here``, quoted for a shell."""
    path, colon, attribute = origin.rpartition(":") if ":" in origin else (origin, "", "")
    if "/" in path and Path(path).is_relative_to(here):
        path = f"./{Path(path).relative_to(here)}"
    return shlex.quote(f"{path}{colon}{attribute}")
