# SPDX-License-Identifier: ISC
"""The kinds of crash state that a search did not look at, and what would make it: silence proves nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from powercut.counts import Counts
from powercut.fault import KINDS

#: Kinds whose states are those of a device model.
OF_MODELS = ("torn", "reorder")


def unseen_lines(counts: Counts, asked: Collection[str], models: Sequence[str], engine: str) -> list[str]:
    """A line for each reason, for `powercut run` and its like. ``asked``, ``models``: the kinds and device
    models that were to be looked at; ``engine``: its name."""
    if not counts:
        return []
    seen = {kind for _, kind in counts}
    left_out = [kind for kind in KINDS if kind not in asked and kind not in seen]
    lines = [f"not looked at: {', '.join(left_out)}; --kinds all asks for every kind"] if left_out else []
    words = without_model(counts, asked, models, engine, "--model")
    return [*lines, f"not looked at: {words}"] if words else lines


def without_model(
    counts: Counts, asked: Collection[str], models: Sequence[str], engine: str, option: str
) -> str:
    """Which of the kinds asked for had no state for want of a device model that allows one, and why; empty
    where there is none. ``option``: the one that names models."""
    seen = {kind for _, kind in counts}
    without = ", ".join(kind for kind in OF_MODELS if kind in asked and kind not in seen)
    if not counts or not without:
        return ""
    if not models:
        return f"{without}; {engine} claims to survive no device model: {option} names one, or all"
    return f"{without}; {', '.join(models)} and these devices allow none"
