# SPDX-License-Identifier: ISC
"""Of one record across two blocks the reason says what its author can act on, and doing that mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from powercut.engine import Engine
from powercut.fault import Cut, Fault, prefix
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.run import RunOptions, run_trace
from powercut.trace import EngineRef, Trace
from powercut.why import Why, explain

HALVES = str(Path(__file__).parent / "halves.py")
DISK = Geometry(16, 16, 256, 4, None)
OPERATIONS = (
    Op("set", b"a", value=Generated(1, 250)),
    Op("set", b"b", value=Generated(2, 60)),
    Op("set", b"a", value=Generated(3, 250)),
)
#: The progs of the last operation, where none is followed by a sync of its own; and with one behind each two.
LAST, LAST_SYNCED = (4, 5), (6, 7)


def why(name: str, fault: Fault) -> Why:
    """The reason of a crash state of OPERATIONS, which fails."""
    engine = Engine.load(f"{HALVES}:{name}")
    explained = explain(replace(trace(engine), fault=fault), engine)
    assert explained.sentence, fault
    return explained


def trace(engine: Engine) -> Trace:
    explore = Explore(("prefix", "reorder"), samples=4)
    return Trace(
        DISK, OPERATIONS, EngineRef(engine.name, engine.version), models=("disk512",), explore=explore
    )


def holds(name: str) -> bool:
    engine = Engine.load(f"{HALVES}:{name}")
    return run_trace(trace(engine), engine, RunOptions()).held


def lost(at: int, *events: int) -> Fault:
    return Fault("reorder", (Cut(at, events),), None, "disk512")


@pytest.mark.parametrize("fault", [prefix(7), lost(8, 7)])
def test_a_record_whose_checksum_is_not_over_its_second_half_counts_without_it(fault: Fault) -> None:
    assert why("HalfSummed", fault).sentence == (
        "Prog #7 (block 0, bytes 0 to 255, by operation 2) counts although prog #8 (block 1, bytes 0 to 255, "
        "by operation 2) is not there: the recovery must notice that it is missing; here it would do as well "
        "if it were durable before prog #7 is issued."
    )


def test_what_the_sentence_says_mends_the_record_the_one_way_and_the_other() -> None:
    assert not holds("HalfSummed")
    assert holds("Halves")
    assert holds("TailFirst")


@pytest.mark.parametrize(
    ("name", "fault", "progs"),
    [
        ("InPlace", prefix(7), LAST_SYNCED),
        ("InPlace", lost(8, 6), LAST_SYNCED),
        ("InPlace", lost(8, 7), LAST_SYNCED),
        ("InPlaceUnsynced", prefix(5), LAST),
    ],
)
def test_two_halves_written_over_the_old_ones_are_in_no_order(
    name: str, fault: Fault, progs: tuple[int, int]
) -> None:
    explained = why(name, fault)
    first, second = (f"rog #{one + 1} (block {one - progs[0]}," for one in progs)
    assert f"P{first}" in explained.sentence
    assert f" p{second}" in explained.sentence
    assert explained.sentence.endswith("must both be there or neither, and they are two writes.")
    assert [(one.kind, one.first, one.second) for one in explained.requirements] == [("together", *progs)]


def test_no_order_mends_the_halves_written_over_the_old_ones() -> None:
    assert not holds("InPlaceTailFirst")


def test_the_half_that_counts_is_told_as_the_later_one_where_a_sync_is_missing_between_them() -> None:
    explained = why("TailFirstUnsynced", lost(8, 6))
    assert explained.sentence == (
        "Prog #7 (block 1, bytes 0 to 255, by operation 2) must be durable before prog #8 (block 0, bytes 0 "
        "to 255, by operation 2): there is no sync between them."
    )
    assert not holds("TailFirstUnsynced")
    assert holds("TailFirst")


def test_a_promise_kept_late_is_told_where_the_halves_are_durable_one_by_one() -> None:
    explained = why("InPlaceUnsynced", lost(6, 4))
    assert "must be durable before operation 2 " in explained.sentence
