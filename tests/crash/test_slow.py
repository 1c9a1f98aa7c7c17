# SPDX-License-Identifier: ISC
"""What is slow does not hang: a recording is waited for, and what is made small of a hang must hang as long
as that did."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from powercut.child import DiedError, in_child
from powercut.engine import CAPABILITIES, Engine
from powercut.explorer import Watch
from powercut.fault import prefix
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.ops import Literal, Op
from powercut.processes import Idle
from powercut.pyengine import Device, as_engine
from powercut.shrink import forked, shrunk
from powercut.trace import EngineOptions, EngineRef, Trace
from slot import Slot, SlotStore

DEVICE = Geometry(1, 1, 512, 4, 0xFF)
OPERATIONS = tuple(Op("set", key, value=Literal(key * 9)) for key in (b"a", b"b", b"c", b"d"))
TRACE = Trace(DEVICE, OPERATIONS, EngineRef("slot", "1+sleepy"))


def _spin(seconds: float) -> None:
    """Takes so much processor time."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_processor_time_counts_from_the_first_sign_of_life() -> None:
    def work(watch: Watch, send: Callable[[object], None]) -> None:
        _spin(0.5)
        watch.beat()
        send("recorded")
        watch.beat()
        _spin(60)

    answers: list[str] = []
    start = time.monotonic()
    with pytest.raises(DiedError) as died:
        in_child(work, answers, 50.0, 0.2, 50.0)
    assert (answers, died.value.kind) == (["recorded"], "hang")
    assert time.monotonic() - start < 45


def test_a_first_sign_of_life_must_come() -> None:
    with pytest.raises(DiedError) as died:
        in_child(lambda *_: time.sleep(60), [], 50.0, 50.0, 0.3)
    assert died.value.kind == "hang"


def test_what_is_looked_at_late_was_not_idle_for_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z stops who looks as well; it is not known what happened meanwhile."""
    now = iter((0.0, 0.5, 3600.0, 3600.5, 3601.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    idle = Idle()
    assert [idle.seconds(()) for _ in range(3)] == [0.5, 1.5, 2.0]
    assert idle.seconds((1,)) == 0.0


class Sleepy(Slot):
    """Takes its time to recover where it holds something."""

    version = "1+sleepy"
    seconds = 0.0

    def mount(self, device: Device, options: EngineOptions) -> SlotStore:
        store = SlotStore(device, self, fresh=False)
        if list(store.entries()):
            time.sleep(self.seconds)
        return store


@pytest.mark.parametrize(("patience", "small"), [(30.0, False), (0.2, True)])
def test_a_hang_is_made_small_where_it_hangs_for_as_long_as_it_did(
    monkeypatch: pytest.MonkeyPatch, patience: float, small: bool
) -> None:
    sleepy = Sleepy()
    engine = Engine(*as_engine(sleepy, sum(CAPABILITIES[one] for one in sleepy.capabilities)), origin="")
    with engine.record(DEVICE, OPERATIONS) as run:
        last = run.event_count
    sleepy.seconds = 1.0
    monkeypatch.setattr(forked, "SECONDS", 0.2)
    known = Violation("hang", last, None, "no progress", "It hangs.", fault=prefix(last))
    made, told = shrunk(TRACE, engine, 60_000, known, patience)
    assert made.expect.kind == "hang"
    assert told is not None
    assert (len(made.operations) < len(TRACE.operations)) is small
    assert (told == known) is not small
