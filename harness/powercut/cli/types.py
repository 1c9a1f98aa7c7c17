# SPDX-License-Identifier: ISC
"""Types of arguments and options that complete in a shell: engines, traces, device models, lists of words."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from powercut.trace import SUFFIX

#: Folders that are looked into for traces besides the present one.
_LOOKED_INTO = "*"

Items = list[CompletionItem]


class EngineName(click.ParamType[str]):
    """A built-in engine by name, ./library.so, or ./file.py:Class."""

    name = "engine"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name. Raises PowercutError where it is a library that ends the process which loads it."""
        name = str(value)
        if "/" in name:
            from powercut.tryout import demand_loadable  # noqa: PLC0415 (the library is loaded for this alone)

            demand_loadable(name)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """Names; what begins like a path is one."""
        if incomplete.startswith((".", "/", "~")) or "/" in incomplete:
            return [CompletionItem(incomplete, type="file")]
        from powercut.native import engine_names  # noqa: PLC0415 (the library is loaded for this alone)

        return _beginning(engine_names(), incomplete)


class FileName(click.Path):
    """A file or a folder. An empty text, such as of a variable that is not set, is not the present folder."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The path."""
        if value == "":
            self.fail("it is empty; name a file, or a folder", param, ctx)
        return super().convert(value, param, ctx)


class TraceFile(FileName):
    """A saved trace."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The traces here and in the folders here, or of the folder that is begun; else any file."""
        patterns = (f"*{SUFFIX}", f"{_LOOKED_INTO}/*{SUFFIX}")
        folder, slash, _ = incomplete.rpartition("/")
        if slash:
            found = [f"{folder}/{path.name}" for path in Path(folder or "/").glob(patterns[0])]
        else:
            found = [str(path) for pattern in patterns for path in Path().glob(pattern)]
        items = _beginning(sorted(found), incomplete)
        return items or [CompletionItem(incomplete, type="file")]


class ModelName(click.ParamType[str]):
    """A built-in device model, or one of a file."""

    name = "model"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The built-in ones, and ``all``."""
        from powercut.devices import BUILTIN  # noqa: PLC0415 (needed for this alone)

        return _beginning((*BUILTIN, "all"), incomplete)


class Seconds(click.FloatRange):
    """Seconds, ``least`` or more."""

    def __init__(self, least: float) -> None:
        super().__init__(least, SECONDS_MAX)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; nan is none, though no range is against it."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return seconds


def complete_words(words: Sequence[str], incomplete: str) -> Items:
    """The next of some words with commas between them."""
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    return _beginning([before + comma + word for word in words if word not in given], before + comma + last)


def _beginning(words: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


#: More is longer than anybody waits: some thirty years.
SECONDS_MAX = 1e9

#: A seed: what a trace's fields, and C, take.
SEED = click.IntRange(0, 2**64 - 1)

#: MiB that a process may take.
MEMORY = click.IntRange(16, 2**31 - 1)

ENGINE = EngineName()
TRACE = TraceFile()
MODEL = ModelName()
