# SPDX-License-Identifier: ISC
"""A stop takes effect within one recovery, and what was not looked at by then is counted as left."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from powercut.counts import is_exhaustive
from powercut.devices import DeviceModel
from powercut.engine import CAPABILITIES, Engine
from powercut.explorer import Allowed, Exploration, ExploreOptions, Watch
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.predict import predict
from powercut.pyengine import Device, Refused, as_engine
from powercut.trace import EngineOptions
from slot import Slot, SlotStore

DEVICE = Geometry(1, 1, 512, 4, 0xFF)
OPERATIONS = tuple(Op("set", key, value=Literal(key * 9)) for key in (b"a", b"b", b"c"))

#: Mounts in the recovery from one crash state: to look, to look again, and behind the fresh set.
MOUNTS = 3


class Counting(Slot):
    """Slot, but it writes its block at each mount, counts its mounts, and asks for a stop in one of them."""

    version = "1+counting"

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.mounts = 0
        self.stop_at = 0

    def mount(self, device: Device, options: EngineOptions) -> SlotStore:
        self.mounts += 1
        if self.mounts == self.stop_at:
            self.watch.stop()
        try:
            store = SlotStore(device, self, fresh=False)
        except (pickle.UnpicklingError, ValueError, EOFError) as error:
            raise Refused("CORRUPT") from error
        store.save()
        return store


def explored(stop_at: int, options: ExploreOptions) -> tuple[Exploration, int]:
    """What is counted if the stop comes in that mount (0: never), and the mounts that there were."""
    watch = Watch()
    counting = Counting(watch)
    bits = sum(CAPABILITIES[one] for one in counting.capabilities)
    engine = Engine(*as_engine(counting, bits), origin="")
    with engine.record(DEVICE, OPERATIONS) as run:
        prediction = predict(run, OPERATIONS)
        allowed = Allowed(prediction.allowed)
        prediction.close()
        counting.mounts, counting.stop_at = 0, stop_at
        return run.explore(allowed, options, watch), counting.mounts


NESTED = ExploreOptions(frozenset({"prefix", "nested"}), depth=3, keep_identical=True, keep_unread=True)


def test_a_stop_within_the_tree_below_a_state_ends_it_with_the_recovery_at_hand() -> None:
    whole, mounts = explored(0, NESTED)
    assert mounts == MOUNTS * whole.checked
    assert whole.sum.left == 0
    for stop_at in (1, 2, 3, 4, 5, 100, 101, 217, 218, 220):
        stopped, mounts = explored(stop_at, NESTED)
        judged = -(-stop_at // MOUNTS)
        assert (stopped.checked, mounts) == (judged, MOUNTS * judged)
        assert stopped.counts["", "prefix"].total == whole.counts["", "prefix"].total
        assert stopped.counts["", "prefix"].left > 0
        assert not is_exhaustive(dict(stopped.counts), "", "nested")
        assert stopped.counts["", "nested"].total <= whole.counts["", "nested"].total


@pytest.mark.parametrize("stop_at", [1, 4, 7])
def test_a_stop_before_the_last_tree_leaves_no_kind_that_looks_complete(stop_at: int) -> None:
    """One state alone: it is judged, and nothing, or not all, of what is below it."""
    options = ExploreOptions(NESTED.kinds, first=1, last=1, depth=3)
    counts = dict(explored(stop_at, options)[0].counts)
    assert counts["", "prefix"].checked == counts["", "prefix"].total == 1
    assert not counts["", "nested"].exhaustive
    assert not is_exhaustive(counts, "", "nested")


def test_a_tree_that_ends_with_the_stop_is_complete() -> None:
    options = ExploreOptions(NESTED.kinds, first=1, last=1, depth=2, keep_identical=True)
    whole, mounts = explored(0, options)
    stopped, _ = explored(mounts, options)
    assert stopped.counts == whole.counts
    assert is_exhaustive(dict(stopped.counts), "", "nested")


HALVES = DeviceModel("halves", 256, 0, frozenset({"units"}))


def test_what_equals_a_state_that_was_left_is_left_too() -> None:
    """Both models tear alike: each state of the second equals one of the first."""
    models = (HALVES, replace(HALVES, name="same"))
    options = ExploreOptions(frozenset({"torn"}), models)
    whole = explored(0, options)[0].counts
    assert whole["same", "torn"].identical == whole["same", "torn"].total > 2
    counts = explored(1, options)[0].counts
    assert counts["halves", "torn"].checked == 1
    for key, count in counts.items():
        assert count.total == whole[key].total
        assert not count.exhaustive, key
