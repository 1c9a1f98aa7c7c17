# SPDX-License-Identifier: ISC
"""The matrix: who wrote, who reads, in which state the image was left; and what was seen, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from powercut.geometry import Geometry
from powercut.golden.manifest import Holding
from powercut.trace import EngineOptions

SIDES: Final = ("old", "new")

#: Who wrote: one side, or one and then the other: `upgrade` is old then new, `downgrade` new then old.
WRITERS: Final = ("old", "new", "upgrade", "downgrade")

#: How the image was left: `clean` (unmounted), `cut` (after a device event before that), `torn` and `reorder`
#: (a write in part, writes lost; where that is asked for), and `write`: whether the second side, which is
#: then the reader, did what it was asked on the first's image.
STATES: Final = ("clean", "cut", "torn", "reorder", "write")

OUTCOMES: Final = ("same", "refused", "misread", "crash", "hang")

SECOND: Final = {"upgrade": "new", "downgrade": "old"}
"""The side that writes on the other's image."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One cell of the matrix."""

    writer: str
    reader: str
    state: str

    @property
    def title(self) -> str:
        """How messages name it."""
        wrote = {"upgrade": "old, then new wrote", "downgrade": "new, then old wrote"}
        what = wrote.get(self.writer, f"{self.writer} wrote")
        if self.state == "write":
            first = "old" if self.writer == "upgrade" else "new"
            return f"{self.reader} writes on in what {first} wrote"
        left = {"clean": "closed", "torn": "a write torn", "reorder": "writes lost"}.get(
            self.state, "the power went"
        )
        return f"{what}, {left}, {self.reader} reads"


CELLS: Final = tuple(
    Cell(writer, reader, state)
    for writer, reader, state in product(WRITERS, SIDES, STATES)
    if state != "write" or SECOND.get(writer) == reader
)


@dataclass(slots=True)
class Counts:
    """What was seen in one cell.

    refused: by code. identical: images passed over as one like it, with the same expectation, was looked at.
    left: not looked at, because the engine had died too often in this cell.
    """

    same: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    misread: int = 0
    crash: int = 0
    hang: int = 0
    identical: int = 0
    left: int = 0

    def add(self, outcome: str, code: str = "") -> None:
        """Counts one image."""
        if outcome == "refused":
            self.refused[code] += 1
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def merge(self, other: Counts) -> None:
        """Adds what another part of the work saw."""
        for name in ("same", "misread", "crash", "hang", "identical", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.refused.update(other.refused)

    @property
    def looked(self) -> int:
        """Images that were opened."""
        return self.same + sum(self.refused.values()) + self.misread + self.crash + self.hang


@dataclass(frozen=True, slots=True)
class Example:
    """An image that was not read as it should be. expected: the stores that would be right; lines: what
    differs, key by key."""

    cell: Cell
    outcome: str
    code: str
    words: str
    lines: tuple[str, ...]
    image: bytes
    geometry: Geometry
    options: EngineOptions
    expected: tuple[Holding, ...]
    workload: str
    number: int
    events: int
    clean: bool


@dataclass(slots=True)
class Matrix:
    """Everything that was seen. bases: images that the second side wrote on in, of bases_total; torn: states
    by kind that were looked at, of torn_total; examples: the first of each cell, outcome and code."""

    cells: dict[Cell, Counts] = field(default_factory=lambda: {cell: Counts() for cell in CELLS})
    examples: dict[tuple[Cell, str, str], Example] = field(default_factory=dict)
    bases: int = 0
    bases_total: int = 0
    torn: Counter[str] = field(default_factory=Counter)
    torn_total: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False

    def merge(self, other: Matrix) -> None:
        """Adds what another part of the work saw."""
        for cell, counts in other.cells.items():
            self.cells[cell].merge(counts)
        for key, example in other.examples.items():
            self.examples.setdefault(key, example)
        self.bases += other.bases
        self.bases_total += other.bases_total
        self.torn += other.torn
        self.torn_total += other.torn_total
