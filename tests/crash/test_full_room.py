# SPDX-License-Identifier: ISC
"""Blocks that are lost only where the device is full: the room of what was removed does not come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from powercut.engine import Engine
from powercut.fault import Cut, Fault
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.replay import replay
from powercut.report.story import tell
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]

TRACE = Trace(
    Geometry(16, 16, 128, 255, 0xFF),
    (Op("set", b"a", value=Literal(b"one")), Op("set", b"b", value=Generated(1, 90))),
    EngineRef("plain", "1"),
    explore=Explore(("full",)),
)


def test_what_was_lost_where_the_device_was_full_is_found_before_every_operation_and_told(
    liar: Liar,
) -> None:
    library = liar("LEAKS_REFUSED")
    engine = Engine.load(library)
    verdict = run_trace(TRACE, engine)
    assert [(one.kind, one.code, one.state) for one in verdict.violations] == [
        ("full", "NO_SPACE", number) for number in range(3)
    ]
    trace = replace(TRACE, fault=Fault("full", (Cut(1),)), engine=EngineRef("plain", engine.version))
    story = tell(trace, engine, replay(trace, library, isolated=False))
    title, words = story.full[-1]
    assert title == "Filled again"
    assert "does not leave its room" in words


def test_an_operation_that_takes_room_itself_is_not_what_was_lost(liar: Liar) -> None:
    """Each set of the run takes half of what is left, and what fills the device takes the less."""
    sizes = (8000, 4000, 2000, 900, 450, 220, 110)
    operations = tuple(Op("set", b"k%d" % size, value=Generated(size, size)) for size in sizes)
    verdict = run_trace(replace(TRACE, operations=operations), Engine.load(liar(None)))
    assert verdict.violations == ()
    assert verdict.checked == len(sizes) + 1
