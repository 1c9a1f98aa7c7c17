# SPDX-License-Identifier: ISC
"""A campaign as one page of HTML: what was covered and how far, what was found and why, and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from powercut.campaign import Tally
from powercut.claims import DAMAGE
from powercut.counts import Count, is_exhaustive, left_words
from powercut.engine import Engine
from powercut.fault import KINDS
from powercut.report.findings import group
from powercut.report.history import History
from powercut.report.page import render
from powercut.save import Saved

#: What each kind of crash state is.
KIND_WORDS = {
    "prefix": "the power goes between two device events",
    "torn": "the write under way arrives in part",
    "reorder": "writes that were not yet synced are lost",
    "nested": "the power goes again during the recovery",
    "damage": "the device is damaged after a clean close",
    "full": "no free block is left",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """Crash states of one kind under one device model, as counted; ``claimed``: whether the engine claims to
    survive them; ``exhaustive``: whether none is left out."""

    model: str
    kind: str
    count: Count
    claimed: bool
    exhaustive: bool

    @property
    def parts(self) -> list[tuple[str, int, float]]:
        """(name, states, percent) of what the total is made of."""
        names = ("checked", "identical", "unread", "left")
        sizes = [(name, int(getattr(self.count, name))) for name in names]
        return [(name, size, 100 * size / max(self.count.total, 1)) for name, size in sizes]


def covered(tally: Tally, engine: Engine) -> tuple[Covered, ...]:
    """The counts of a tally, in the order of the kinds, and within one of the models."""
    rows = sorted(tally.counts.items(), key=lambda one: (KINDS.index(one[0][1]), one[0][0]))
    claims = engine.claims()
    return tuple(
        Covered(
            model,
            kind,
            count,
            _is_claimed(kind, model, claims),
            is_exhaustive(tally.counts, model, kind),
        )
        for (model, kind), count in rows
    )


def _is_claimed(kind: str, model: str, claims: frozenset[str]) -> bool:
    if kind == "damage":
        return bool(DAMAGE & claims)
    return not model or model in claims


def campaign_page(
    engine: Engine,
    command: str,
    tally: Tally,
    saved: list[Saved],
    history: History,
    jobs: int,
    causes: Mapping[int, str] = MappingProxyType({}),
    unseen: Sequence[str] = (),
) -> str:
    """The page. ``command``: what runs the same again; ``jobs``: processors; ``causes``: see causes.py;
    ``unseen``: lines that say what was not looked at. All but what stands in the section ``clock`` depends on
    the campaign alone."""
    return render(
        "campaign.html",
        engine=engine,
        command=command,
        tally=tally,
        rows=covered(tally, engine),
        sums=tally.sum,
        kind_words=KIND_WORDS,
        findings=group(tally.failures, saved, causes),
        unclaimed=group(tally.unclaimed, ()),
        chart=_chart(history),
        jobs=jobs,
        unseen=[*left_words(tally.left), *unseen],
    )


#: The size of the chart, in units of the drawing.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 230, 128, 20, 30


def _chart(history: History) -> dict[str, Any] | None:
    """The rate over time as points of a line, marks on the axes, and where traces failed; None: too short."""
    rates = history.rates()
    if len(rates) < 2:
        return None
    end, top = rates[-1][0], _round_up(max(rate for _, rate in rates))

    def x(seconds: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 10) * seconds / end, 1)

    def y(rate: float) -> float:
        return round(TOP + (HEIGHT - BOTTOM - TOP) * (1 - rate / top), 1)

    line = [(x(0.0), y(rates[0][1])), *((x(seconds), y(rate)) for seconds, rate in rates)]
    return {
        "line": " ".join(f"{a},{b}" for a, b in line),
        "area": f"{line[0][0]},{y(0)} " + " ".join(f"{a},{b}" for a, b in line) + f" {line[-1][0]},{y(0)}",
        "rates": [(y(top * part / 4), f"{top * part / 4:,.0f}") for part in range(5)],
        "times": [(x(end * part / 4), _seconds(end * part / 4)) for part in range(5)],
        "failures": [x(seconds) for seconds in history.failures()],
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "top": TOP,
        "floor": y(0),
    }


def _round_up(rate: float) -> float:
    """A round number that is no less."""
    step = 1.0
    while step * 10 < rate:
        step *= 10
    return next(step * part for part in (1, 2, 4, 5, 8, 10, 20) if step * part >= rate)


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.1f} min"
