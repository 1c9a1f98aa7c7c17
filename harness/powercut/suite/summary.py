# SPDX-License-Identifier: ISC
"""The last lines of a session: states by kind, what is covered wholly and what is not, what was saved."""

from __future__ import annotations

from collections.abc import Sequence

from powercut.fault import KINDS, PARENTS
from powercut.suite.counts import Counts, States, by_kind
from powercut.suite.settings import Settings

_HEADINGS = ("kind", "device model", "states", "judged", "equal", "left", "coverage")


def summary_lines(engines: Sequence[Counts], settings: Settings) -> list[str]:
    """All of it, for one or several engines."""
    lines: list[str] = []
    for counts in engines:
        lines += [_head(counts, settings), *_table(counts), coverage(counts)]
        if counts.no_space:
            lines.append(f"write probes that met a full device: {counts.no_space:,}")
        if counts.unclaimed:
            lines.append(
                f"not claimed: {counts.unclaimed:,} traces fail where the engine does not claim to survive; "
                "--powercut-strict makes tests of them fail"
            )
        if counts.unbegun:
            lines.append(f"not begun, for want of time: {counts.unbegun:,} traces")
        for saved in counts.saved:
            lines += [f"violation: {saved.kind}, saved as {saved.path}", f"  {saved.replay}"]
    return lines


def _head(counts: Counts, settings: Settings) -> str:
    tests = "1 test" if counts.tests == 1 else f"{counts.tests} tests"
    return (
        f"{counts.engine}, profile {settings.profile}, seed {settings.seed}: {tests}, {counts.traces:,} "
        f"traces, {counts.operations:,} operations, {counts.events:,} device events"
    )


def _table(counts: Counts) -> list[str]:
    rows: list[tuple[str, ...]] = [_HEADINGS]
    order = sorted(counts.states.items(), key=lambda item: (KINDS.index(item[0][0]), item[0][1]))
    for (kind, model), states in order:
        numbers = (states.total, states.checked, states.skipped, states.left)
        rows.append(
            (
                kind,
                model or "any",
                *(f"{number:,}" for number in numbers),
                _word(states, _parents(counts, kind, model)),
            )
        )
    if len(rows) == 1:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [f"  {_row(row, widths)}".rstrip() for row in rows]


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    """Texts to the left, numbers to the right."""
    cells = [f"{cell:>{width}}" if 2 <= at <= 5 else f"{cell:<{width}}"
             for at, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
    return "  ".join(cells)


def _parents(counts: Counts, kind: str, model: str = "") -> list[States]:
    """Of cuts of recoveries: the states whose recovery is cut, on a device or, if none is named, on any."""
    if kind != "nested":
        return []
    return [
        states
        for (other, device), states in counts.states.items()
        if other in PARENTS and (not model or device in ("", model))
    ]


def _word(states: States, parents: Sequence[States] = ()) -> str:
    """What part of the states that there can be was dealt with."""
    whole = all(one.exhaustive for one in parents)
    if states.exhaustive and whole:
        return "exhaustive"
    words = [] if whole else ["in part: not every state was there whose recovery is cut"]
    if states.left:
        words.append(f"{states.left:,} left, behind a violation or an interruption")
    if states.beyond:
        words.append(f"in part: more states are possible at {states.beyond:,} cuts")
    return "; ".join(words)


def coverage(counts: Counts) -> str:
    """``exhaustive: prefix. In part: torn. Not looked at: ...``: no kind is missing."""
    kinds = by_kind(counts)
    whole = [
        kind
        for kind in KINDS
        if kind in kinds and all(one.exhaustive for one in (kinds[kind], *_parents(counts, kind)))
    ]
    part = [kind for kind in KINDS if kind in kinds and kind not in whole]
    none = [kind for kind in KINDS if kind not in kinds]
    said = (("exhaustive", whole), ("in part", part), ("not looked at", none))
    return "crash states of these traces: " + "; ".join(
        f"{word}: {', '.join(names)}" for word, names in said if names
    )
