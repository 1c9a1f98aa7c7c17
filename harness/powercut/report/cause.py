# SPDX-License-Identifier: ISC
"""Why a violation happened: the one place where the page and the terminal get it from."""

from __future__ import annotations

from dataclasses import dataclass

from powercut.judge import Violation
from powercut.report.contents import Contents
from powercut.why import Why


@dataclass(frozen=True, slots=True)
class Cause:
    """``what`` broke; ``sentence``: why, or empty where that is not known; ``needs``: all that was needed
    there and not given, a sentence each, and ``whose``: operation or recovery; ``where``: on the disk or in
    the reading of it, as far as an independent reader can tell, or empty."""

    what: str
    sentence: str
    needs: tuple[str, ...]
    whose: str
    where: str


def cause_of(violation: Violation, contents: Contents | None, why: Why) -> Cause:
    """What broke, why, and where to look."""
    where = ""
    if contents is not None:
        damaged = violation.fault is not None and violation.fault.damage is not None
        noticed = f"An independent reader notices the damage: {contents.disk_problem}."
        unnoticed = where_words(violation.kind, contents)
        where = noticed if damaged and contents.disk_problem else unnoticed
    return Cause(violation.words, why.sentence, why.needs, why.whose, where)


def where_words(kind: str, contents: Contents) -> str:
    """What the independent reader's opinion says about the place of the fault."""
    if contents.disk_problem:
        return (
            f"The bytes on the device cannot be right ({contents.disk_problem}): look at what was written, "
            "and in which order."
        )
    if contents.disk_right is None:
        return ""
    if kind in ("lost_write", "write", "second_mount", "resume"):
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
