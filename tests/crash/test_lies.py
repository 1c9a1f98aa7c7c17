# SPDX-License-Identifier: ISC
"""Judging the judge: each lie is caught by what is meant to catch it and nothing else; plain never is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from powercut.campaign import Campaign, Plan, failure_kind
from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.run import RunOptions, run_trace
from powercut.source import FixedSource
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]

#: The last block is not plain's, since their number is odd: it is where some lies keep a count.
ROOMY = Geometry(16, 16, 512, 255, 0xFF)
SMALL = Geometry(16, 16, 128, 13, 0xFF)

_HONEST = EngineRef("plain", "1")


def _set(key: bytes, length: int) -> Op:
    return Op("set", key, value=Literal(b"five!") if length == 5 else Generated(length, length))


#: Every kind of operation, one removal, values of less than a block and of several.
USUAL = Trace(
    ROOMY,
    (
        _set(b"a", 5),
        _set(b"b", 700),
        Op("get", b"a"),
        _set(b"a", 900),
        Op("list", b""),
        Op("rename", b"b", target=b"c"),
        Op("remove", b"a"),
        Op("exists", b"a"),
        _set(b"c", 20),
    ),
    _HONEST,
)

#: Its device is full in between: `e` does not fit, until something has gone.
TIGHT = Trace(
    SMALL,
    (
        _set(b"a", 30),
        _set(b"b", 200),
        _set(b"c", 160),
        _set(b"d", 100),
        _set(b"e", 90),
        Op("remove", b"b"),
        _set(b"e", 90),
        Op("remove", b"c"),
    ),
    _HONEST,
)


@dataclass(frozen=True, slots=True)
class Lie:
    """One lie.

    ``caught``: for each check that is meant to catch it ("uncut": without any cut; else a kind of crash
    state) the kinds of violation that it may show as, the one that names the lie first; that one must be
    there. In all kinds that are not in ``caught`` it must go unseen.
    """

    name: str
    caught: dict[str, tuple[str, ...]]
    trace: Trace = USUAL


#: What ends the process that the engine runs in, or never ends: only to be run in a process of its own.
DEADLY = frozenset(
    {"DIES_AT_WORK", "HANGS_AT_WORK", "CRASHES", "SEGFAULTS", "SCRIBBLES", "HANGS", "HANGS_ON_TORN"}
)

#: Each lie of lies.h but those that make it no engine.
LIES = (
    Lie("WRONG_CODE", {"uncut": ("answer",)}),
    Lie("WRONG_BYTES", {"uncut": ("answer",)}),
    Lie("ALWAYS_FULL", {"uncut": ("no_space",)}),
    Lie("DIES_AT_WORK", {"uncut": ("crash",)}),
    Lie("HANGS_AT_WORK", {"uncut": ("hang",)}),
    Lie("LATE", {"prefix": ("content", "lost_write")}),
    Lie("STALE", {"prefix": ("content", "lost_write", "mount")}),
    Lie("RESURRECTS", {"prefix": ("content",)}),
    Lie("WRONG_TIME", {"prefix": ("content", "lost_write")}),
    Lie("TWO_STEPS", {"prefix": ("content",)}),
    Lie("IN_PLACE", {"prefix": ("mount",)}),
    Lie("HEAD_FIRST", {"prefix": ("mount",)}),
    Lie("UNREADABLE", {"prefix": ("read",)}),
    Lie("SHOWS_TWICE", {"prefix": ("content",)}),
    Lie("NO_REPAIR", {"prefix": ("check",)}),
    Lie("CHECK_COMPLAINS", {"prefix": ("check",)}),
    Lie("BACKWARDS", {"prefix": ("second_mount",)}),
    Lie("REFUSES", {"prefix": ("write",)}),
    Lie("FULL", {"prefix": ("write",)}),
    Lie("LOSES", {"prefix": ("lost_write",)}),
    Lie("LEAKS", {"prefix": ("write",)}, TIGHT),
    Lie("CRASHES", {"prefix": ("crash",)}),
    Lie("SEGFAULTS", {"prefix": ("crash",)}),
    Lie("SCRIBBLES", {"prefix": ("crash",)}),
    Lie("HANGS", {"prefix": ("hang",)}),
    Lie("NO_HEAD_SUM", {"torn": ("mount",)}),
    Lie("HANGS_ON_TORN", {"torn": ("hang",)}),
    Lie("NO_BODY_SYNC", {"reorder": ("mount",)}),
    Lie("NO_HEAD_SYNC", {"reorder": ("mount",)}),
    Lie("NO_LAST_SYNC", {"reorder": ("content", "mount")}),
    Lie("NO_ERASE", {"erase": ("content",)}),
    Lie("REWRITES_GOOD", {"nested": ("mount",)}),
    Lie("THIRD", {"nested": ("mount",)}),
    Lie("ONE_HEAD", {"damage": ("content",)}),
    Lie("NO_BODY_SUM", {"damage": ("content",)}),
    Lie("ERROR_IGNORED", {"damage": ("lost_write",)}),
    Lie("ERROR_IS_EMPTY", {"damage": ("content",)}),
    Lie("REMOVE_NEEDS_ROOM", {"full": ("full",)}, TIGHT),
)

UNCUT = {"answer", "no_space"}


def test_the_table_says_of_every_lie_what_catches_it(root: Path) -> None:
    header = (root / "tests" / "crash" / "lies.h").read_text(encoding="utf-8")
    known = set(re.findall(r"^    LIE_([A-Z_]+)", header, re.MULTILINE))
    assert known - {"NONE", "NO_FORMAT", "OLD_ABI", "EATS_MEMORY"} == {lie.name for lie in LIES}


@pytest.mark.parametrize("trace", [USUAL, TIGHT], ids=["usual", "tight"])
@pytest.mark.parametrize("name", [None, "NONE"], ids=["plain", "no lie"])
def test_plain_is_accused_of_nothing(liar: Liar, name: str | None, trace: Trace) -> None:
    verdict = run_trace(trace, Engine.load(liar(name)))
    assert verdict.violations == ()
    assert verdict.sum.left == 0
    assert verdict.total > 70


@pytest.mark.parametrize("lie", [lie for lie in LIES if lie.name not in DEADLY], ids=lambda lie: lie.name)
def test_a_lie_is_caught_as_what_it_is_or_not_at_all(liar: Liar, lie: Lie) -> None:
    verdict = run_trace(lie.trace, Engine.load(liar(lie.name)), RunOptions(violations_max=0))
    found = {one.kind for one in verdict.violations}
    for check, seen in (("uncut", found & UNCUT), ("prefix", found - UNCUT)):
        meant = lie.caught.get(check, ())
        assert seen <= set(meant)
        assert seen >= set(meant[:1])
    for violation in verdict.violations:
        assert violation.words.endswith(".")
        assert (violation.state is None) == (violation.kind in UNCUT)


@pytest.mark.parametrize("lie", [lie for lie in LIES if lie.name in DEADLY], ids=lambda lie: lie.name)
def test_a_deadly_lie_is_caught_from_outside_or_not_at_all(liar: Liar, lie: Lie) -> None:
    plan = Plan(liar(lie.name), FixedSource(lie.trace), traces=1, workers=1, hang_seconds=1.0)
    tally = Campaign(plan).run()
    meant = lie.caught.get("uncut", lie.caught.get("prefix", ()))
    assert [failure_kind(failure) for failure in tally.failures] == list(meant)
