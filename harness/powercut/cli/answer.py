# SPDX-License-Identifier: ISC
"""What --json prints: one object for every command, with the same fields in front (docs/json.md).

Between the start of a command and its end nothing else reaches standard output: what an engine or anybody
else prints there goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from powercut import __version__, moments

if TYPE_CHECKING:
    from powercut.engine import Engine

F = TypeVar("F", bound=Callable[..., Any])

#: The version of the form. It goes up when a field goes away or means something else.
FORM: Final = 1

_KEY: Final = "powercut.answer"
_BEGUN: Final = "powercut.begun"

#: What the verdict is where a command did not come to its end.
ERROR, NOT_FOUND, INTERRUPTED = "error", "not_found", "interrupted"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a command did not come to its end. ``sentence``: empty where there is nothing to say."""

    code: int
    verdict: str
    sentence: str


def json_option(command: F) -> F:
    """The option --json, which every command that tells something has."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/json.md).")(
        command
    )


def answer(fields: Mapping[str, Any], code: int = 0, verdict: str = "ok") -> int:
    """What the command tells with --json, printed when it has ended; gives ``code`` back."""
    context = click.get_current_context()
    context.meta[_KEY] = envelope(context.command_path.partition(" ")[2], fields, code, verdict)
    return code


def engine_fields(engine: Engine) -> dict[str, str]:
    """An engine as every command names it."""
    return {"name": engine.name, "version": engine.version}


def time_fields(time: Sequence[int] | None) -> dict[str, Any] | None:
    """A moment, days since 1970-01-01 and picoseconds into the day, as every command tells it."""
    if time is None:
        return None
    return {"days": time[0], "picoseconds": time[1], "iso": moments.iso((time[0], time[1]))}


def so_far(fields: Mapping[str, Any]) -> None:
    """What is told where Ctrl-C or an error ends the command early. ``fields`` may still be filled."""
    click.get_current_context().meta[_BEGUN] = fields


def envelope(command: str, fields: Mapping[str, Any], code: int, verdict: str) -> dict[str, Any]:
    """The whole object."""
    front = {"command": command, "powercut": __version__, "json": FORM, "exit": code, "verdict": verdict}
    return front | dict(fields)


def broken_off(context: click.Context, command: str, problem: Problem) -> None:
    """Makes what there is so far the answer of a command that an error or Ctrl-C has ended."""
    error = {"error": " ".join(problem.sentence.split())} if problem.sentence else {}
    fields = error | dict(context.meta.get(_BEGUN, {}))
    context.meta[_KEY] = envelope(command, fields, problem.code, problem.verdict)


def told(context: click.Context) -> str | None:
    """The answer as text, with a line's end; None: the command tells nothing."""
    if _KEY not in context.meta:
        return None
    found = context.meta[_KEY]
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    with contextlib.suppress(UnicodeEncodeError):
        text.encode(sys.stdout.encoding or "utf-8")
        return f"{text}\n"
    return (
        f"{json.dumps(found, indent=1)}\n"  # a file's name that is no text, or a terminal that is not UTF-8
    )


@contextlib.contextmanager
def stdout_aside() -> Iterator[None]:
    """Until its end everything that anybody prints to standard output goes to standard error."""
    kept = _aside(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        if kept is not None:
            ctypes.CDLL(None).fflush(None)  # what an engine in C has printed and still buffers
            os.dup2(kept, 1)
            os.close(kept)


def _aside(out: TextIO) -> int | None:
    """A copy of descriptor 1, which then is standard error; None where ``out`` is not descriptor 1."""
    try:
        out.flush()
        if out.fileno() != 1:
            return None
        kept = os.dup(1)
        os.dup2(2, 1)
    except (OSError, ValueError):
        return None
    return kept
