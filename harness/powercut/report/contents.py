# SPDX-License-Identifier: ISC
"""What a store should hold, what the engine shows, and what an independent reader of the format sees."""

from __future__ import annotations

from dataclasses import dataclass

from powercut import moments
from powercut.engine import FILL_KEY, PROBE_KEY, EngineRefusedError, Run
from powercut.judge import row_text
from powercut.nearest import PROBE_ROW, Finder
from powercut.predict import Nearest
from powercut.report.owners import Reading
from powercut_models import Difference, Row

#: Keys that differ and are told one by one.
KEYS_MAX = 50


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key on three sides, in a few words each; ``disk``: None where there is no reader for the format.
    ``found``: None where the engine shows nothing at all."""

    key: bytes
    expected: str
    found: str | None
    disk: str | None

    @property
    def right_on_disk(self) -> bool:
        """Whether the reader sees what is expected."""
        return self.disk == self.expected


@dataclass(frozen=True, slots=True)
class Contents:
    """The store at one moment against the nearest that the model allows.

    ``done``: that is the model after so many operations; ``rows``: the keys that differ for the engine or for
    the reader; ``more``: how many were left out; ``alike``: keys that are right; ``refused``: why the engine
    shows nothing, or empty. ``engine_right``, ``disk_right``: None where that cannot be said.
    """

    done: int
    rows: tuple[KeyRow, ...]
    more: int
    alike: int
    refused: str
    engine_right: bool | None
    disk_right: bool | None
    disk_problem: str


def compare_contents(
    run: Run,
    image: bytes,
    find: Finder,
    disk: Reading | None,
    *,
    probed: bool | None,
    fillers: bool = False,
    refused: str = "",
) -> Contents:
    """The contents of a device that holds ``image``. ``find``: finds the nearest allowed store; ``disk``:
    what the reader sees; ``probed``: the fresh key is expected, too (None: it may be there); ``fillers``: the
    model knows what fills the device, so that it is compared as well; ``refused``: why the engine is not
    asked, if it is not."""
    refused, found = (refused, None) if refused else _shown(run, image)
    seen = _entries(disk)
    if not fillers:
        found, seen = _without_fillers(found), _without_fillers(seen)
    best = found if found is not None else seen if seen is not None else []
    if probed is None:
        probed = any(row.key == PROBE_KEY and row.data == PROBE_ROW.data for row in best)
    nearest = find(_without_probe(best, probed))
    engine = None if found is None else _differences(nearest, found, probed)
    reader = None if seen is None else _differences(nearest, seen, probed)
    expected = nearest.model.rows(nearest.done)
    expected += [PROBE_ROW] if probed else []
    rows = _rows(expected, found, seen, engine, reader)
    return Contents(
        done=nearest.done,
        rows=tuple(rows[:KEYS_MAX]),
        more=max(len(rows) - KEYS_MAX, 0),
        alike=len({row.key for row in expected} - {row.key for row in rows}),
        refused=refused,
        engine_right=None if engine is None else not engine,
        disk_right=None if reader is None or (disk is not None and disk.problem) else not reader,
        disk_problem="" if disk is None else disk.problem,
    )


def _without_probe(rows: list[Row], probed: bool) -> list[Row]:
    return [row for row in rows if not probed or row.key != PROBE_KEY]


def _shown(run: Run, image: bytes) -> tuple[str, list[Row] | None]:
    try:
        return "", run.engine.entries(image, run.geometry, run.options)
    except EngineRefusedError as error:
        return str(error), None


def _entries(disk: Reading | None) -> list[Row] | None:
    if disk is None or disk.seen is None:
        return None
    return [
        Row(one.key, one.kind, one.data, one.time if one.kind == "value" else None)
        for one in disk.seen.entries
    ]


def _without_fillers(rows: list[Row] | None) -> list[Row] | None:
    return None if rows is None else [row for row in rows if not row.key.startswith(FILL_KEY)]


def _differences(nearest: Nearest, rows: list[Row], probed: bool) -> dict[bytes, Difference]:
    """By key; where the fresh key is expected, it differs only where it is missing or another."""
    shown = _without_probe(rows, probed)
    found = {one.key: one for one in nearest.model.difference(nearest.done, shown)}
    if probed:
        fresh = next((row for row in rows if row.key == PROBE_KEY), None)
        if fresh is None or fresh.data != PROBE_ROW.data:
            found[PROBE_KEY] = Difference(PROBE_KEY, PROBE_ROW, fresh)
    return found


def _rows(
    expected: list[Row],
    found: list[Row] | None,
    seen: list[Row] | None,
    engine: dict[bytes, Difference] | None,
    reader: dict[bytes, Difference] | None,
) -> list[KeyRow]:
    keys = sorted({*(engine or {}), *(reader or {})}, key=lambda key: key.split(b"/"))
    sides = [{row.key: row for row in side or ()} for side in (expected, found, seen)]
    rows = []
    for key in keys:
        texts = _texts([side.get(key) for side in sides])
        times = sum(row.key == key for row in found or ())
        if times > 1:
            texts[1] += f", shown {times} times"
        rows.append(
            KeyRow(key, texts[0], None if found is None else texts[1], None if seen is None else texts[2])
        )
    return rows


def _texts(rows: list[Row | None]) -> list[str]:
    """The rows in words; with their times where nothing else tells them apart."""
    plain = ["an empty value" if row and row.data == b"" else row_text(row) for row in rows]
    bodies = {(row.kind, row.data) for row in rows if row is not None}
    times = {row.time for row in rows if row is not None and row.time is not None}
    if len(bodies) == 1 and len(times) > 1:
        return [
            text if row is None or row.time is None else f"{text}, modified {moments.words(row.time)}"
            for text, row in zip(plain, rows, strict=True)
        ]
    return plain
