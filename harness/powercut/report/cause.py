# SPDX-License-Identifier: ISC
"""Why a violation happened, in one sentence: the one place where the page and the terminal get it from."""

from __future__ import annotations

from dataclasses import dataclass

from powercut.engine import Engine
from powercut.judge import Violation
from powercut.report.contents import Contents
from powercut.trace import Trace


@dataclass(frozen=True, slots=True)
class Cause:
    """``sentence``: why; ``where``: on the disk or in the reading of it, as far as an independent reader can
    tell, or empty."""

    sentence: str
    where: str


def cause_of(trace: Trace, engine: Engine, violation: Violation, contents: Contents | None) -> Cause:
    """The sentence that says why, and where to look."""
    damaged = violation.fault is not None and violation.fault.damage is not None
    if damaged and contents is not None and contents.disk_problem:
        return Cause(violation.words, f"An independent reader notices the damage: {contents.disk_problem}.")
    return Cause(violation.words, "" if contents is None else where_words(violation.kind, contents))


def where_words(kind: str, contents: Contents) -> str:
    """What the independent reader's opinion says about the place of the fault."""
    if contents.disk_problem:
        return (
            f"The bytes on the device cannot be right ({contents.disk_problem}): look at what was written, "
            "and in which order."
        )
    if contents.disk_right is None:
        return ""
    if kind in ("lost_write", "write", "second_mount"):
        if contents.disk_right:
            return "After that the device holds what it should: look at how the engine reads it."
        return "What the engine wrote after the cut is wrong on the device, too: look at its recovery."
    if contents.disk_right:
        return (
            "An independent reader of the same bytes sees what is expected: what was written is right, and "
            "the engine reads or recovers it wrongly."
        )
    return (
        "An independent reader of the same bytes does not see what is expected either: what the engine had "
        "written by then, or the order of it, is wrong."
    )
