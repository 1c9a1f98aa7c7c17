# SPDX-License-Identifier: ISC
"""Keeps what failed: one small trace for each kind of violation, in files that appear whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from powercut.campaign import Campaign, Failure, Tally, failure_kind
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.processes import HANG_SECONDS
from powercut.shrink import DEADLY, expecting
from powercut.trace import Trace, save_found

#: Failures of one campaign that are saved; more of the same kind say little.
SAVED_MAX = 4


@dataclass(frozen=True, slots=True)
class Saved:
    """A trace that fails; ``index``: its number in the campaign.

    ``path``: where it was saved; None: it was not, and ``problem`` says why.
    """

    index: int
    trace: Trace
    path: Path | None
    problem: str = ""


def save_failures(
    campaign: Campaign, tally: Tally, engine: Engine, folder: Path, *, shrink: bool
) -> list[Saved]:
    """Saves the first failure of each kind, made small if ``shrink``."""
    saved: list[Saved] = []
    plan = campaign.plan
    for failure in _first_of_each_kind(tally)[:SAVED_MAX]:
        trace = _named(failure, engine)
        if shrink:
            small = campaign.shrink(failure)
            trace = small if small.expect.kind else trace
        saved.append(_saved(failure.index, limited(trace, plan.hang_seconds, plan.memory_bytes), folder))
    return saved


def limited(trace: Trace, hang_seconds: float, memory_bytes: int) -> Trace:
    """The trace with what a crash state might take, where that can be why it fails: so it fails again."""
    expect = trace.expect
    if expect.kind == "hang" and hang_seconds != HANG_SECONDS:
        expect = replace(expect, state_seconds=hang_seconds)
    if memory_bytes and (expect.kind in DEADLY or expect.code == "NO_MEMORY"):
        expect = replace(expect, state_memory=max(memory_bytes >> 20, 1))
    return replace(trace, expect=expect)


def _saved(index: int, trace: Trace, folder: Path) -> Saved:
    try:
        return Saved(index, trace, save_found(trace, folder))
    except PowercutError as error:
        return Saved(index, trace, None, str(error))


def _first_of_each_kind(tally: Tally) -> list[Failure]:
    kinds: dict[str, Failure] = {}
    for failure in tally.failures:
        kinds.setdefault(failure_kind(failure), failure)
    return list(kinds.values())


def _named(failure: Failure, engine: Engine) -> Trace:
    """The failure's trace as it ran, its violation as the expectation."""
    kind = failure_kind(failure)
    violation = next(one for one in failure.violations if one.kind == kind)
    return expecting(failure.trace, engine, violation)
