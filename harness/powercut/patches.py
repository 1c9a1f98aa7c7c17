# SPDX-License-Identifier: ISC
"""Unified diffs, read and applied: a machine with a compiler, Python and make need not have `patch`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
#: How many lines on each side of a change may have changed themselves.
CONTEXT_MAX = 2

_TO = re.compile(r"\+\+\+ b/(\S+)")


class PatchError(Exception):
    """A patch that is none, or that does not apply; the message is the rest of a sentence."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """``before`` is to be found, at line ``start`` (from 0) or elsewhere, and ``after`` takes its place."""

    start: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """What comes in front of the diff, and the hunks of each file, by its path below the root."""

    header: tuple[str, ...]
    files: dict[str, tuple[Hunk, ...]]


def parse(text: str) -> Patch:
    """A patch with `a/` and `b/` in front of its paths, of files that are there before and after. Raises
    PatchError."""
    header: list[str] = []
    bodies: dict[str, list[list[str]]] = {}
    hunks: list[list[str]] | None = None
    for line in text.splitlines():
        to = _TO.match(line)
        if to is not None:
            hunks = bodies.setdefault(to[1], [])
        elif _HUNK.match(line) is not None and hunks is not None:
            hunks.append([line])
        elif line.startswith("--- a/"):
            hunks = None if hunks is None else []
        elif hunks:
            hunks[-1].append(line)
        elif not bodies:
            header.append(line)
    if not bodies or not all(bodies.values()):
        raise PatchError("it holds no unified diff")
    return Patch(tuple(header), {path: tuple(map(_hunk, lines)) for path, lines in bodies.items()})


def _hunk(lines: Sequence[str]) -> Hunk:
    match = _HUNK.match(lines[0])
    if match is None or any(line[:1] not in (" ", "+", "-", "") for line in lines[1:]):
        raise PatchError(f"its part {lines[0]!r} is no unified diff")
    before = tuple(line[1:] for line in lines[1:] if line[:1] != "+")
    after = tuple(line[1:] for line in lines[1:] if line[:1] != "-")
    return Hunk(int(match[1]) - 1, before, after)


def apply(hunks: Iterable[Hunk], text: str) -> str:
    """``text`` with every hunk applied, where lines have moved at the nearest place that is equal; where
    lines around it have changed at the one place that is equal without them. Raises PatchError."""
    lines = text.splitlines()
    shift = 0
    for hunk in hunks:
        at, found = _find(lines, hunk, shift)
        lines[at : at + len(found.before)] = found.after
        shift = at - found.start + len(found.after) - len(found.before)
    return "\n".join([*lines, ""])


def _find(lines: Sequence[str], hunk: Hunk, shift: int) -> tuple[int, Hunk]:
    """Where the hunk's old lines are, and the hunk, less the lines around it that are not. Raises
    PatchError."""
    for loose in range(CONTEXT_MAX + 1):
        part = _loosened(hunk, loose)
        places = _places(lines, part.before)
        if places and (len(places) == 1 or not loose):
            return min(places, key=lambda at: abs(at - part.start - shift)), part
    changed = [line.strip() for line in hunk.before if line.strip() and line not in hunk.after]
    line = changed[0] if changed else max((line.strip() for line in hunk.before), key=len, default="")
    raise PatchError(f"the lines around {line!r} are not there any more")


def _places(lines: Sequence[str], before: Sequence[str]) -> list[int]:
    size = len(before)
    if not any(line.strip() for line in before):
        return []
    return [at for at in range(len(lines) - size + 1) if list(lines[at : at + size]) == list(before)]


def _loosened(hunk: Hunk, loose: int) -> Hunk:
    """The hunk without the first and the last ``loose`` lines, as far as it leaves them as they are."""
    before, after, start = list(hunk.before), list(hunk.after), hunk.start
    for _ in range(loose):
        if before and after and before[0] == after[0]:
            del before[0], after[0]
            start += 1
        if before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
    return Hunk(start, tuple(before), tuple(after))
