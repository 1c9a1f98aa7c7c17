# SPDX-License-Identifier: ISC
"""Which of a campaign's failures are of one mistake: a failure of each shape is made small and explained."""

from __future__ import annotations

from collections.abc import Sequence

from powercut.campaign import Campaign, Failure
from powercut.engine import Engine
from powercut.report.findings import shapes
from powercut.run import Verdict
from powercut.save import Saved
from powercut.shrink import expecting, first_violation
from powercut.trace import Trace
from powercut.why import explain_safely

#: Shapes of failures that are explained; what is told of the others is their shape.
SHAPES_MAX = 12

#: What making one of them small may cost, see shrink/search.py: for its cause it need not be the smallest.
BUDGET = 40_000


def causes(
    campaign: Campaign, failures: Sequence[Failure], saved: Sequence[Saved], engine: Engine, *, shrink: bool
) -> dict[int, str]:
    """By the number of a trace, the cause of its failure in words that are the same for every failure of that
    mistake; of those alone whose cause is known."""
    kept = {one.index: one.trace for one in saved}
    found: dict[int, str] = {}
    for members in list(shapes(failures).values())[:SHAPES_MAX]:
        first = next((one for one in members if one.index in kept), members[0])
        trace = kept.get(first.index) or _alone(campaign, first, engine, shrink=shrink)
        cause = explain_safely(trace, engine).cause
        if cause:
            found[first.index] = cause
    return found


def _alone(campaign: Campaign, failure: Failure, engine: Engine, *, shrink: bool) -> Trace:
    """A failure's trace with its crash state; small, if that is wanted and can be."""
    if shrink:
        small = campaign.shrink(failure, BUDGET)
        if small.expect.kind:
            return small
    known = first_violation(Verdict(0, 0, {}, 0.0, failure.violations))
    return failure.trace if known is None else expecting(failure.trace, engine, known)
