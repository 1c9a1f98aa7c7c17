# SPDX-License-Identifier: ISC
"""Torn and reordered states that a comparison did not have, and those that their writer claims nothing of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powercut.claims import claimed_models
from powercut.compat.campaign import Plan
from powercut.compat.cells import SIDES, Matrix
from powercut.engine import Engine
from powercut.unseen import NO_MODEL, NONE_ALLOWED, Unseen, no_model

#: What a side wrote last, in the matrix' words.
_LAST = {"old": ("old", "downgrade"), "new": ("new", "upgrade")}


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Device models that a side was tried on and that it does not claim to survive."""

    writer: str
    models: tuple[str, ...]
    words: str


def unseen_sides(plan: Plan, engines: Sequence[Engine], matrix: Matrix) -> list[tuple[str, Unseen]]:
    """(side, kinds asked for of which what it wrote last was not looked at). engines: old and new."""
    made = []
    for side, engine in zip(SIDES, engines, strict=True):
        kinds = tuple(kind for kind in plan.torn.kinds if not _met(matrix, side, kind))
        why = _why(plan, side, engine)
        if kinds and (why[0] == NO_MODEL or not matrix.interrupted):
            made.append((side, Unseen(kinds, why[0], f"{', '.join(kinds)} of what {side} wrote; {why[1]}")))
    return made


def unclaimed_sides(plan: Plan, engines: Sequence[Engine], matrix: Matrix) -> list[Unclaimed]:
    """What was looked at under device models that its writer does not claim to survive. engines: old, new."""
    made = []
    for side, engine in zip(SIDES, engines, strict=True):
        models = tuple(one.name for one in plan.torn.models if one.name not in _claims(plan, side, engine))
        if models and any(_met(matrix, side, kind) for kind in plan.torn.kinds):
            words = f"{engine.name} ({side}) does not claim to survive {', '.join(models)}"
            made.append(Unclaimed(side, models, words))
    return made


def _met(matrix: Matrix, side: str, kind: str) -> bool:
    """Whether the side left any image of a kind."""
    counts = [one for cell, one in matrix.cells.items() if cell.writer in _LAST[side] and cell.state == kind]
    return any(one.looked or one.identical or one.left for one in counts)


def _claims(plan: Plan, side: str, engine: Engine) -> frozenset[str]:
    return engine.claims((plan.old, plan.new)[SIDES.index(side)].options)


def _why(plan: Plan, side: str, engine: Engine) -> tuple[str, str]:
    """Why there may be no state of a device model, and in words."""
    models = [one.name for one in plan.torn.models]
    if not models:
        claims = _claims(plan, side, engine)
        models = sorted(
            {one.name for geometry in plan.geometries for one in claimed_models(claims, geometry)}
        )
    if not models:
        return NO_MODEL, no_model(engine.name, "--model")
    return NONE_ALLOWED, f"{', '.join(models)} and these devices allow none"
