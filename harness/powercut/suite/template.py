# SPDX-License-Identifier: ISC
"""The files of ``powercut init``: a first suite of crash tests for somebody's engine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import jinja2

from powercut import atomic
from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.generate import GEOMETRIES
from powercut.suite.settings import DEVICE, device_id
from powercut.tryout import first_facts

#: Where the templates are, and the files that they make.
TEMPLATES: Final = Path(__file__).parent / "project"
FILES: Final = ("conftest.py", "test_power_cuts.py", "ci.yml", "README.md")


def make(folder: Path, engine: str) -> list[Path]:
    """Writes the suite for an engine into a folder; answers the files.

    Raises PowercutError, and then nothing is written: a file is there already, the engine cannot be used.
    """
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise PowercutError(
            f"{folder} has {', '.join(there)} already, and no file is overwritten; name another folder."
        )
    texts = _texts(folder, engine)
    try:
        atomic.write_all(folder, {name: text.encode() for name, text in texts.items()})
    except UnicodeEncodeError as error:
        raise PowercutError(
            f"The engine {engine} has a name that is no text, and conftest.py is to name it; rename the file."
        ) from error
    except OSError as error:
        raise PowercutError(f"Cannot write {folder}: {atomic.reason(error)}; name another folder.") from error
    return [folder / name for name in FILES]


def _texts(folder: Path, engine: str) -> dict[str, str]:
    """Each file's content, by its name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    here, expression = _engine_expression(folder, engine)
    fields = {
        "engine": expression,
        "here": here,
        "shown": engine,
        "folder": folder.as_posix(),
        "device": _device(Engine.load(engine)),
    }
    return {name: environment.get_template(f"{name}.jinja").render(fields) for name in FILES}


def _engine_expression(folder: Path, engine: str) -> tuple[bool, str]:
    """(whether it needs Path, the engine as an expression of Python that holds wherever pytest is called)."""
    path, colon, attribute = engine.rpartition(":") if ":" in engine else (engine, "", "")
    if "/" not in path and not path.endswith(".py"):
        return False, json.dumps(engine)
    relative = Path(os.path.relpath(path, folder)).as_posix()
    place = f"(HERE / {json.dumps(relative)}).resolve()"
    return True, f'str({place}) + ":{attribute}"' if colon else f"str({place})"


def _device(engine: Engine) -> str:
    """A device that the engine takes, for the command line; empty: the one that a suite has anyway.

    Raises PowercutError where it takes none of those that powercut knows.
    """
    problem = ""
    for geometry in dict.fromkeys((DEVICE, *GEOMETRIES)):
        try:
            first_facts(engine, geometry)
        except EngineRefusedError as error:
            problem = problem or str(error)
            continue
        return "" if geometry == DEVICE else device_id(geometry)
    raise PowercutError(
        f"{engine.name} {engine.version} takes none of the usual devices, such as {DEVICE}: {problem}; "
        "try `powercut run` with --block-size and --block-count first."
    )
