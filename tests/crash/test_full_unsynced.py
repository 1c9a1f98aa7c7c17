# SPDX-License-Identifier: ISC
"""What was not yet synced may come back, and its room is gone with it: the device is full, no block lost."""

from __future__ import annotations

from collections.abc import Callable

from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Generated, Op, Time
from powercut.pyengine import Device
from powercut.run import run_trace
from powercut.trace import EngineOptions, EngineRef, Trace
from powercut_models import Answer
from twin import Twin, TwinStore

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


class LateTwin(Twin):
    """Takes everything, and says at the sync that there is no room for it."""

    durability = "sync"

    def mount(self, device: Device, options: EngineOptions) -> TwinStore:
        return LateStore(device, self.checked, fresh=False)


class LateStore(TwinStore):
    """Its memory is written by a sync alone."""

    def apply(self, op: Op, now: Time) -> Answer:
        if op.kind == "sync":
            self.save()
            return Answer("OK")
        return self._model.apply(op.kind, op.key, data=op.data(), time=now)


def test_a_sync_that_finds_no_room_for_what_was_set_is_held_against_the_uncut_runs() -> None:
    operations = (Op("set", b"a", value=Generated(1, 420)), Op("sync", b""))
    trace = Trace(Geometry(16, 16, 128, 8, None), operations, EngineRef("twin", "1"))
    verdict = run_trace(trace, Engine.load(f"{__name__}:LateTwin"))
    assert verdict.violations == ()
    assert 0 < verdict.no_space < verdict.checked
