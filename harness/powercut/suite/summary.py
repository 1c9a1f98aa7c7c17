# SPDX-License-Identifier: ISC
"""The last lines of a session: states by kind, what is covered wholly and what is not, what was saved."""

from __future__ import annotations

from collections.abc import Sequence

from powercut.counts import Counts, how_many, is_exhaustive, left_words, unclaimed_words
from powercut.fault import KINDS, PARENTS
from powercut.suite.settings import Settings
from powercut.suite.tally import Tally
from powercut.unseen import without_model

_HEADINGS = ("kind", "device model", "states", "judged", "equal", "left", "coverage")


def summary_lines(engines: Sequence[Tally], settings: Settings) -> list[str]:
    """All of it, for one or several engines."""
    lines: list[str] = []
    for tally in engines:
        lines += [_head(tally, settings), *_table(tally), coverage(tally)]
        if not any(model for model, _ in tally.counts):  # a marker may have named some
            without = without_model(
                tally.counts, settings.kinds, settings.models, tally.engine, "--powercut-model"
            )
            lines += [] if without is None else [f"without a state: {without.words}"]
        if tally.no_space:
            lines.append(f"write probes that met a full device: {tally.no_space:,}")
        if tally.unclaimed:
            lines.append(f"{unclaimed_words(tally.unclaimed)}; --powercut-strict makes tests of them fail")
        lines += left_words(tally.left)
        if tally.unbegun:
            lines.append(f"not begun, for want of time: {tally.unbegun:,} traces")
        for saved in tally.saved:
            lines += [f"violation: {saved.kind}, saved as {saved.path}", f"  {saved.replay}"]
    return lines


def _head(tally: Tally, settings: Settings) -> str:
    numbers = (tally.tests, tally.traces, tally.operations, tally.events)
    names = ("test", "trace", "operation", "device event")
    looked_at = ", ".join(how_many(number, name) for number, name in zip(numbers, names, strict=True))
    return f"{tally.engine}, profile {settings.profile}, seed {settings.seed}: {looked_at}"


def _table(tally: Tally) -> list[str]:
    rows: list[tuple[str, ...]] = [_HEADINGS]
    order = sorted(tally.counts.items(), key=lambda item: (KINDS.index(item[0][1]), item[0][0]))
    for (model, kind), count in order:
        numbers = (count.total, count.checked, count.equal, count.left)
        rows.append(
            (kind, model or "any", *(f"{number:,}" for number in numbers), _word(tally.counts, model, kind))
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


def _word(counts: Counts, model: str, kind: str) -> str:
    """What part of the states that there can be was dealt with."""
    count = counts[model, kind]
    if is_exhaustive(counts, model, kind):
        return "exhaustive"
    words = []
    if count.exhaustive:
        words.append("in part: not every state was there whose recovery is cut")
    if count.left:
        words.append(f"{count.left:,} left, behind a violation or an interruption")
    if count.beyond:
        words.append(f"in part: more states are possible at {count.beyond:,} cuts")
    return "; ".join(words)


def coverage(tally: Tally) -> str:
    """``exhaustive: prefix. In part: torn. Not looked at: ...``: no kind is missing."""
    kinds = {kind for _, kind in tally.counts}
    part = {kind for model, kind in tally.counts if not is_exhaustive(tally.counts, model, kind)}
    if any(kind in PARENTS and not count.exhaustive for (_, kind), count in tally.counts.items()):
        part |= kinds & {"nested"}  # even where the states that are missing would be another device's
    whole = kinds - part
    said = (("exhaustive", whole), ("in part", part), ("not looked at", set(KINDS) - kinds))
    return "crash states of these traces: " + "; ".join(
        f"{word}: {', '.join(kind for kind in KINDS if kind in names)}" for word, names in said if names
    )
