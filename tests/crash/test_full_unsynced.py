# SPDX-License-Identifier: ISC
"""What was not yet synced may come back, and its room is gone with it: the device is full, no block lost."""

from __future__ import annotations

from collections.abc import Callable

from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]

SMALL = Geometry(16, 16, 128, 13, 0xFF)
FILLED = (Op("set", b"a", value=Generated(1, 600)), Op("sync", b""), Op("remove", b"a"))


def test_a_removal_that_was_not_synced_leaves_the_device_full_and_that_is_no_violation(liar: Liar) -> None:
    trace = Trace(SMALL, FILLED, EngineRef("plain", "1+ON_SYNC"))
    verdict = run_trace(trace, Engine.load(liar("ON_SYNC")))
    assert verdict.violations == ()
    assert verdict.no_space > 0


def test_a_removal_that_is_durable_leaves_room(liar: Liar) -> None:
    trace = Trace(SMALL, (*FILLED, Op("sync", b"")), EngineRef("plain", "1+ON_SYNC"))
    verdict = run_trace(trace, Engine.load(liar("ON_SYNC")))
    assert verdict.violations == ()
    assert 0 < verdict.no_space < verdict.checked
