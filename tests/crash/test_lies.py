# SPDX-License-Identifier: ISC
"""Judging the judge: each lie is caught by what is meant to catch it and nothing else; plain never is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from powercut.campaign import Campaign, Plan
from powercut.devices import BUILTIN
from powercut.engine import Engine
from powercut.explorer import Allowed, ExploreOptions
from powercut.faultfile import Explore, Failing
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.predict import predict
from powercut.run import RunOptions, run_trace
from powercut.source import FixedSource
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]

#: The last block is not plain's, since their number is odd: it is where some lies keep a count.
ROOMY = Geometry(16, 16, 128, 255, 0xFF)
SMALL = Geometry(16, 16, 128, 13, 0xFF)

_HONEST = EngineRef("plain", "1")


def _set(key: bytes, length: int) -> Op:
    return Op("set", key, value=Literal(b"five!") if length == 5 else Generated(length, length))


#: Every kind of operation, one removal, values of less than a block and of several.
USUAL = Trace(
    ROOMY,
    (
        _set(b"a", 5),
        _set(b"b", 180),
        Op("get", b"a"),
        _set(b"a", 270),
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

#: For what is told in a process of its own.
SHORT = Trace(SMALL, (_set(b"a", 5),), _HONEST)

#: For an engine that is durable on sync.
SYNCED = Trace(
    SMALL,
    (
        _set(b"a", 30),
        _set(b"b", 200),
        Op("sync", b""),
        _set(b"a", 100),
        _set(b"c", 20),
        Op("sync", b""),
        Op("remove", b"a"),
        Op("rename", b"b", target=b"d"),
        _set(b"f", 10),
    ),
    _HONEST,
)


@dataclass(frozen=True, slots=True)
class Lie:
    """One lie.

    ``shown``: the kinds of violation that it may show as; the first names the lie and must be there.
    ``caught``: the checks that are meant to catch it; all others must not.
    """

    name: str
    shown: tuple[str, ...]
    caught: frozenset[str] = frozenset({"prefix"})
    trace: Trace = USUAL


UNCUT = frozenset({"uncut"})
TORN = frozenset({"nor torn", "nand torn", "hostile torn", "hostile reorder"})
REORDERED = frozenset({"disk512 reorder", "disk4k reorder", "hostile reorder"})

#: Lies that are told where everybody looks: without any cut, or in some state between two device events.
OPEN_LIES = (
    Lie("WRONG_CODE", ("answer",), UNCUT),
    Lie("WRONG_BYTES", ("answer",), UNCUT),
    Lie("ALWAYS_FULL", ("no_space",), UNCUT),
    Lie("LATE", ("content", "lost_write")),
    Lie("STALE", ("content", "lost_write", "mount")),
    Lie("RESURRECTS", ("content",)),
    Lie("WRONG_TIME", ("content", "lost_write")),
    Lie("TWO_STEPS", ("content",)),
    Lie("IN_PLACE", ("mount",)),
    Lie("HEAD_FIRST", ("mount",)),
    Lie("UNREADABLE", ("read",)),
    Lie("SHOWS_TWICE", ("content",)),
    Lie("NO_REPAIR", ("check",)),
    Lie("CHECK_COMPLAINS", ("check",)),
    Lie("BACKWARDS", ("second_mount",)),
    Lie("REFUSES", ("write",)),
    Lie("FULL", ("write",)),
    Lie("LOSES", ("lost_write",)),
    Lie("LEAKS", ("write",), trace=TIGHT),
    Lie("SYNC_IGNORED", ("content",), trace=SYNCED),
    Lie("JUMPS_AHEAD", ("content",), trace=SYNCED),
)

#: Lies that one kind of fault shows, and no other.
HIDDEN_LIES = (
    Lie("NO_HEAD_SUM", ("mount",), TORN),
    Lie("NO_BODY_SYNC", ("mount",), REORDERED),
    Lie("NO_HEAD_SYNC", ("mount",), REORDERED),
    Lie("NO_LAST_SYNC", ("content", "mount"), REORDERED),
    Lie("REWRITES_GOOD", ("mount",), frozenset({"two cuts", "three cuts", "gone on, two cuts"})),
    Lie("THIRD", ("mount",), frozenset({"three cuts"})),
    Lie("ONE_HEAD", ("content", "lost_write"), frozenset({"damage"})),
    Lie("NO_BODY_SUM", ("content",), frozenset({"damage"})),
    Lie("ERROR_IS_EMPTY", ("content",), frozenset({"damage"})),
    Lie("REMOVE_NEEDS_ROOM", ("full",), frozenset({"full"})),
    Lie("LEAKS_REFUSED", ("full",), frozenset({"full"})),
    Lie("FORGETS", ("resume", "content"), frozenset({"gone on", "gone on, two cuts"})),
    Lie("BLURS", ("resume",), frozenset({"gone on", "gone on, two cuts"})),
    Lie("RUSHES", ("content",), frozenset({"gone on, two cuts"})),
    Lie("NO_ERASE", ("overwrite",), frozenset({"overwrite"})),
)

#: The lie that only a device whose writes fail shows.
FAILING_LIE = Lie("ERROR_IGNORED", ("mount", "content"), frozenset({"failing"}))

#: Lies that end the process that the engine runs in, or never end: only told in a process of their own.
DEADLY_LIES = (
    Lie("DIES_AT_WORK", ("crash",), UNCUT | {"prefix"}),
    Lie("HANGS_AT_WORK", ("hang",), UNCUT | {"prefix"}),
    Lie("CRASHES", ("crash",), trace=SHORT),
    Lie("SEGFAULTS", ("crash",), trace=SHORT),
    Lie("SCRIBBLES", ("crash",), trace=SHORT),
    Lie("HANGS", ("hang",), trace=SHORT),
    Lie("HANGS_ON_TORN", ("hang",), TORN, SHORT),
    Lie("EATS_MEMORY", ("mount",), trace=SHORT),
)

CUTS = frozenset({"prefix"})
MODELS = tuple(BUILTIN.values())

#: What is explored for each check, but those for what is seen while the run is recorded.
CHECKS = {
    "prefix": ExploreOptions(),
    "two cuts": ExploreOptions(kinds=CUTS | {"nested"}, depth=2),
    "three cuts": ExploreOptions(kinds=CUTS | {"nested"}, depth=3),
    "damage": ExploreOptions(kinds=frozenset({"damage"}), damage_exact=True),
    "full": ExploreOptions(kinds=frozenset({"full"})),
    **{
        f"{model.name} {kind}": ExploreOptions(kinds=frozenset({kind}), models=(model,))
        for model in MODELS
        for kind in ("torn", "reorder")
    },
}


#: The same where the run goes on after each recovery.
RESUMED = {
    "gone on": ExploreOptions(),
    "gone on, two cuts": ExploreOptions(kinds=CUTS | {"nested"}, depth=2),
}


def seen(lie: Lie, engine: Engine, checks: Iterable[str] = (*CHECKS, *RESUMED)) -> dict[str, set[str]]:
    """The kinds of violation that each check finds, where it finds any."""
    found = seen_of_run(lie, engine, {name: CHECKS[name] for name in checks if name in CHECKS})
    resumed = {name: RESUMED[name] for name in checks if name in RESUMED}
    found |= seen_of_run(lie, engine, resumed, resume=3) if resumed else {}
    return {check: kinds for check, kinds in found.items() if kinds}


def seen_of_run(
    lie: Lie, engine: Engine, checks: dict[str, ExploreOptions], resume: int = 0
) -> dict[str, set[str]]:
    """What each check of one recorded run finds."""
    trace, found = lie.trace, {}
    with engine.record(trace.geometry, trace.operations, resume=resume) as run:
        prediction = predict(run, trace.operations)
        found["uncut"] = {wrong.kind for wrong in prediction.wrong}
        found["overwrite"] = {"overwrite"} if run.first_overwrite() is not None else set()
        allowed = Allowed(prediction.allowed, prediction.entries(), prediction.now())
        prediction.close()
        for check in checks if prediction.sound == len(trace.operations) else ():
            found[check] = {one.kind for one in run.explore(allowed, checks[check]).found}
    return found


def seen_failing(lie: Lie, engine: Engine) -> set[str]:
    """What is found where a prog, an erase or a sync fails once, and a prog although it was done."""
    found = set()
    calls = (("prog", False), ("prog", True), ("erase", False), ("sync", False), ("prog_bad", False))
    for (kind, done), at in itertools.product(calls, range(8)):
        trace = replace(lie.trace, failing=Failing(kind, at, done))
        found |= {one.kind for one in run_trace(trace, engine, RunOptions(words=False)).violations}
    return found


def test_the_table_says_of_every_lie_what_catches_it(root: Path) -> None:
    header = (root / "tests" / "crash" / "lies.h").read_text(encoding="utf-8")
    known = re.findall(r"^    LIE_([A-Z_]+)", header, re.MULTILINE)
    told = [lie.name for lie in (*OPEN_LIES, *HIDDEN_LIES, FAILING_LIE, *DEADLY_LIES)]
    assert sorted([*told, "NONE", "ON_SYNC", "NO_FORMAT", "OLD_ABI"]) == sorted(known)


@pytest.mark.parametrize("trace", [USUAL, TIGHT], ids=["usual", "tight"])
@pytest.mark.parametrize("name", [None, "NONE"], ids=["plain", "no lie"])
def test_plain_is_accused_of_nothing(liar: Liar, name: str | None, trace: Trace) -> None:
    verdict = run_trace(trace, Engine.load(liar(name)))
    assert verdict.violations == ()
    assert verdict.sum.left == 0
    assert verdict.total > 70


@pytest.mark.parametrize(
    ("name", "trace"),
    [(None, USUAL), (None, TIGHT), ("NONE", USUAL), ("ON_SYNC", SYNCED)],
    ids=["plain", "plain, full", "no lie", "on sync"],
)
def test_who_does_not_lie_is_accused_of_nothing(liar: Liar, name: str | None, trace: Trace) -> None:
    assert seen(Lie("", (), trace=trace), Engine.load(liar(name))) == {}


@pytest.mark.parametrize("name", [None, "ON_SYNC"], ids=["plain", "on sync"])
def test_who_does_not_lie_is_accused_of_nothing_where_a_device_fails(liar: Liar, name: str | None) -> None:
    trace = USUAL if name is None else SYNCED
    assert seen_failing(Lie("", (), trace=trace), Engine.load(liar(name))) == set()


def test_a_power_cut_on_a_full_device_finds_it_full_and_that_is_no_violation(liar: Liar) -> None:
    trace = replace(USUAL, geometry=SMALL)
    with Engine.load(liar(None)).record(trace.geometry, trace.operations) as run:
        prediction = predict(run, trace.operations)
        allowed = Allowed(prediction.allowed, prediction.entries())
        prediction.close()
        explored = run.explore(allowed, ExploreOptions(kinds=frozenset({"full", "nested"})))
    assert explored.found == ()
    assert explored.sum.no_space > 50


@pytest.mark.parametrize("lie", OPEN_LIES, ids=lambda lie: lie.name)
def test_an_open_lie_is_caught_as_what_it_is(liar: Liar, lie: Lie) -> None:
    found = seen(lie, Engine.load(liar(lie.name)), ["prefix"])
    assert found.keys() == lie.caught
    for kinds in found.values():
        assert {lie.shown[0]} <= kinds <= set(lie.shown)


@pytest.mark.parametrize("lie", HIDDEN_LIES, ids=lambda lie: lie.name)
def test_a_hidden_lie_is_caught_by_what_is_meant_to_catch_it_and_by_nothing_else(
    liar: Liar, lie: Lie
) -> None:
    found = seen(lie, Engine.load(liar(lie.name)))
    assert found.keys() == lie.caught
    for kinds in found.values():
        assert {lie.shown[0]} <= kinds <= set(lie.shown)


@pytest.mark.parametrize("name", [None, "WRONG_TIME"])
def test_what_is_set_on_a_damaged_device_is_read_back_as_it_was_set(liar: Liar, name: str | None) -> None:
    """Nothing else was ever set."""
    found = seen(Lie("", (), trace=replace(USUAL, operations=())), Engine.load(liar(name)), ["damage"])
    assert found == ({} if name is None else {"damage": {"lost_write"}})


def test_a_write_that_failed_and_counts_as_done_is_caught(liar: Liar) -> None:
    engine = Engine.load(liar(FAILING_LIE.name))
    assert seen(FAILING_LIE, engine) == {}
    assert seen_failing(FAILING_LIE, engine) == set(FAILING_LIE.shown)


def deaths(lie: Lie, library: str, kind: str) -> list[str]:
    """The kinds of violation that a campaign of that one trace shows."""
    trace = replace(lie.trace, models=("nor",), explore=Explore((kind,), samples=2))
    patience = 0.5 if lie.shown == ("hang",) and kind in {*lie.caught, "torn"} else 20.0
    plan = Plan(library, FixedSource(trace), traces=1, hang_seconds=patience, memory_bytes=1 << 26)
    tally = Campaign(plan).run()
    assert tally.traces == 1
    return [violation.kind for failure in tally.failures for violation in failure.violations]


@pytest.mark.parametrize("lie", DEADLY_LIES, ids=lambda lie: lie.name)
def test_a_deadly_lie_is_survived_and_caught_with_its_state(liar: Liar, lie: Lie) -> None:
    library = liar(lie.name)
    if "prefix" not in lie.caught:
        assert deaths(lie, library, "prefix") == []
    assert set(deaths(lie, library, "prefix" if "prefix" in lie.caught else "torn")) == set(lie.shown)
