# SPDX-License-Identifier: ISC
"""Cuts of recoveries: of what anyone can do by hand, as many as the page says, and each judged by what is
allowed at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from bruteforce import Tally, nested
from byhand import Recovery, recover, store_hash, with_probe
from powercut.counts import Count
from powercut.devices import BUILTIN, DeviceModel
from powercut.engine import Engine, EngineRefusedError, Run
from powercut.explorer import Allowed, ExploreOptions
from powercut.fault import Fault
from powercut.geometry import Geometry
from powercut.hashes import Hash
from powercut.ops import Generated, Literal, Op, clock
from powercut.predict import predict
from powercut_models import Row, StoreModel
from tearing import Log
from twice import assert_same_counts, log_of, plain_model

Liar = Callable[..., str]

DEVICE = Geometry(16, 16, 256, 16, 0xFF)

WORK = (
    Op("set", b"a", value=Literal(b"one")),
    Op("set", b"b", value=Generated(1, 300)),
    Op("remove", b"a"),
    Op("set", b"b", value=Literal(b"two")),
    Op("rename", b"b", target=b"c"),
)

WORDS = {
    "nor": BUILTIN["nor"],
    "disk512": BUILTIN["disk512"],
    "hostile": BUILTIN["hostile"],
    "words": DeviceModel("words", prog_tears=frozenset({"zero"}), reorders=True),
    "zeros": DeviceModel("zeros", 64, 0, frozenset({"zero"}), frozenset(), True),
}


def below(parent: Run, fault: Fault, options: ExploreOptions, tally: Tally) -> list[Fault]:
    """The cuts of one recovery, listed by bruteforce.py."""
    with parent.recovery(fault) as recovery:
        log = log_of(recovery)
    models = [plain_model(one) for one in options.models]
    kinds = sorted(options.nested_kinds)
    listed = nested(log, models, fault, kinds, samples=options.samples, seed=options.seed, tally=tally)
    return [state.fault for state in listed]


@pytest.mark.parametrize("engine", ["skink", "ditto"])
@pytest.mark.parametrize("name", ["nor", "hostile"])
def test_a_recovery_is_what_anyone_can_do_by_hand(engine: str, name: str) -> None:
    loaded = Engine.load(engine)
    options = ExploreOptions(frozenset({"prefix", "torn", "reorder"}), (WORDS[name],), samples=2)
    with loaded.record(DEVICE, WORK) as run:
        for fault in run.list(options)[::17]:
            image = run.fault_image(fault)
            with run.recovery(fault) as recovery:
                log = log_of(recovery)
                assert log.states[0] == image
                again = Log(DEVICE, image, log.events)
            hand = recover(loaded, DEVICE, image)
            assert log.events == hand.events
            assert again.states[-1] == hand.image


@pytest.mark.parametrize("engine", ["skink", "ditto"])
@pytest.mark.parametrize("resume", [1, 3, 64])
def test_a_recovery_that_goes_on_is_the_run_done_by_hand_from_where_the_store_stands(
    engine: str, resume: int
) -> None:
    loaded = Engine.load(engine)
    with loaded.record(DEVICE, WORK, resume=resume) as run:
        prediction = predict(run, WORK)
        for fault in run.list(ExploreOptions(frozenset({"prefix"})))[::5]:
            hand, _ = by_hand(run, fault.state, prediction.model)
            with run.recovery(fault) as recovery:
                log = log_of(recovery)
            assert log.events == hand.events
            assert Log(DEVICE, run.fault_image(fault), log.events).states[-1] == hand.image
        prediction.close()


@pytest.mark.parametrize("engine", ["skink", "ditto"])
@pytest.mark.parametrize("kinds", ["prefix", "torn", "reorder", "prefix torn reorder"])
@pytest.mark.parametrize(
    ("names", "resume"),
    [("disk512", 0), ("zeros", 0), ("zeros", 2), ("disk512 zeros", 0), ("zeros words disk512", 0)],
)
def test_nested_states_are_as_many_as_the_cuts_of_all_recoveries(
    engine: str, kinds: str, names: str, resume: int
) -> None:
    loaded = Engine.load(engine)
    options = ExploreOptions(
        frozenset({"prefix", "torn", "reorder", "nested"}),
        tuple(WORDS[name] for name in names.split()),
        nested_kinds=frozenset(kinds.split()),
        samples=2,
        seed=9,
        keep_identical=True,
        keep_unread=True,
    )
    with loaded.record(DEVICE, WORK[:2], resume=resume) as run:
        prediction = predict(run, WORK[:2])
        explored = run.explore(Allowed(prediction.allowed, now=prediction.now()), options)
        prediction.close()
        tally = Tally()
        expected = sum(len(below(run, fault, options, tally)) for fault in run.list(options))
    assert not explored.found
    counts = {key: count for key, count in explored.counts.items() if key[1] == "nested"}
    assert_same_counts(counts, tally)
    assert sum(counts.values(), Count()).checked == expected
    assert (expected > 0) == ((names, kinds) != ("disk512", "torn"))  # nothing is longer than a sector


@pytest.mark.parametrize("engine", ["skink", "ditto"])
@pytest.mark.parametrize("kinds", ["prefix", "prefix torn"])
def test_three_cuts_in_a_row_are_as_many_as_the_cuts_below_each_second_one(engine: str, kinds: str) -> None:
    loaded = Engine.load(engine)
    options = ExploreOptions(
        frozenset({"prefix", "nested"}),
        (BUILTIN["virtio-writethrough"], WORDS["zeros"]),
        depth=3,
        nested_kinds=frozenset(kinds.split()),
        samples=1,
        keep_identical=True,
        keep_unread=True,
    )
    with loaded.record(DEVICE, WORK[:1]) as run:
        prediction = predict(run, WORK[:1])
        explored = run.explore(Allowed(prediction.allowed), options)
        prediction.close()
        tally = Tally()
        second = [two for one in run.list(options) for two in below(run, one, options, tally)]
        third = [three for two in second for three in below(run, two, options, tally)]
    assert not explored.found
    assert_same_counts({key: one for key, one in explored.counts.items() if key[1] == "nested"}, tally)
    assert explored.sum.total == run_length(explored.counts["", "prefix"].total, len(second), len(third))


def run_length(*parts: int) -> int:
    assert all(parts)
    return sum(parts)


@pytest.mark.parametrize("engine", ["skink", "ditto"])
def test_a_cut_of_a_recovery_is_passed_over_only_where_it_leaves_what_the_cut_before_left(
    engine: str,
) -> None:
    loaded = Engine.load(engine)
    options = ExploreOptions(frozenset({"prefix", "nested"}), keep_unread=True)
    with loaded.record(DEVICE, WORK) as run:
        prediction = predict(run, WORK)
        explored = run.explore(Allowed(prediction.allowed), options)
        prediction.close()
        parents = {(run.fault_image(one), run.fault_position(one)): one for one in run.list(options)[::-1]}
        total = repeated = 0
        for fault in parents.values():
            with run.recovery(fault) as recovery:
                states = log_of(recovery).states
            total += len(states) - 1
            repeated += sum(one == two for one, two in pairwise(states[1:]))
    count = explored.counts["", "nested"]
    assert (count.total, count.left) == (total, 0)
    assert count.identical <= repeated < total
    assert (count.identical > 0) == (engine == "skink")  # ditto's syncs all change what is allowed


#: Lies that show only when recovery is cut, or that do so as well.
CAUGHT = ("REWRITES_GOOD", "NO_HEAD_SYNC", "NO_HEAD_SUM", "NO_BODY_SYNC")


@pytest.mark.parametrize("engine", ["skink", "ditto"])
def test_a_device_that_was_filled_up_may_still_be_full_after_a_cut(engine: str) -> None:
    """What the fillers hold is no reason to accuse the recovery of having lost blocks."""
    options = ExploreOptions(frozenset({"full", "nested"}), keep_identical=True, keep_unread=True)
    with Engine.load(engine).record(DEVICE, WORK) as run:
        prediction = predict(run, WORK)
        explored = run.explore(Allowed(prediction.allowed), options)
        prediction.close()
    assert explored.counts["", "full"].total == len(WORK) + 1
    assert explored.counts["", "nested"].checked > explored.counts["", "nested"].no_space > 0
    assert not explored.found


# --- what is allowed -------------------------------------------------------------------------------------


def seen(engine: Engine, image: bytes) -> Hash | None:
    """The store that the engine shows of an image, as a hash; None: it does not mount."""
    timestamps = "timestamps" in engine.capabilities
    try:
        return store_hash(tuple(engine.entries(image, DEVICE)), timestamps=timestamps)
    except EngineRefusedError:
        return None


def by_hand(run: Run, k: int, model: StoreModel) -> tuple[Recovery, list[tuple[Row, ...]]]:
    """The recovery after ``k`` events, that goes on as the run does; and the store that was read, and those
    that its steps should leave."""
    timestamps = "timestamps" in run.engine.capabilities
    done, in_flight = run.position(k)
    rows = recover(run.engine, DEVICE, run.image(k)).rows
    shown = store_hash(rows, timestamps=timestamps)
    before = store_hash(tuple(model.rows(done)), timestamps=timestamps)
    place = done + (in_flight and shown != before)
    ops = list(enumerate(WORK))[place : place + run.resume]
    hand = recover(run.engine, DEVICE, run.image(k), [(op, clock(number)) for number, op in ops])
    assert set(hand.codes) <= {0}
    stores = [rows, with_probe(rows, timestamps=timestamps)]
    stores += [with_probe(tuple(model.rows(number + 1)), timestamps=timestamps) for number, _ in ops]
    return hand, stores


def wrong_by_hand(
    run: Run, options: ExploreOptions, stores: Allowed, fine: set[int], model: StoreModel
) -> Iterator[Fault]:
    """Nested states that show what they may not, judged by hand; of those prefix states that are fine."""
    engine = run.engine
    timestamps = "timestamps" in engine.capabilities
    for k in sorted(fine):
        parent = run.list(ExploreOptions(frozenset({"prefix"}), (), first=k, last=k))[0]
        done, in_flight = run.position(k)
        allowed = {one for count in range(done, done + 1 + in_flight) for one in stores.stores[count]}
        hand, shown = by_hand(run, k, model)
        right_ones = [store_hash(rows, timestamps=timestamps) for rows in shown]
        for fault in below(run, parent, options, Tally()):
            cut = fault.cuts[-1]
            under_way = cut.tear is not None and cut.tear.back == 0
            right = hand.allowed(cut.at, under_way, allowed, right_ones)
            if seen(engine, run.fault_image(fault)) not in right:
                yield fault


@pytest.mark.parametrize("resume", [0, 2])
@pytest.mark.parametrize("lie", [None, *CAUGHT, "NO_REPAIR", "RUSHES"])
def test_what_is_allowed_in_a_cut_recovery_is_what_it_had_read_and_the_probe_while_it_was_set(
    liar: Liar, lie: str | None, resume: int
) -> None:
    """And of the operations with which it goes on each that had returned, and the one under way or not."""
    engine = Engine.load(liar(lie))
    options = ExploreOptions(
        frozenset({"prefix", "nested"}),
        (WORDS["words" if lie == "NO_HEAD_SUM" else "zeros"],),
        nested_kinds=frozenset({"prefix", "torn", "reorder"}),
        samples=1,
        keep_identical=True,
        keep_unread=True,
    )
    with engine.record(DEVICE, WORK, resume=resume) as run:
        prediction = predict(run, WORK)
        stores = Allowed(prediction.allowed, now=prediction.now())
        found = run.explore(stores, options).found
        fine = set(range(run.event_count + 1)) - {one.state for one in found if one.fault.kind == "prefix"}
        seen_first = [one for one in found if one.kind in ("mount", "read", "content")]
        theirs = {one.fault.cuts for one in seen_first if one.fault.kind == "nested"}
        mine = {one.cuts for one in wrong_by_hand(run, options, stores, fine, prediction.model)}
        prediction.close()
    assert theirs == mine
    assert len(fine) > 5
    assert bool(mine) == (lie in CAUGHT or (lie == "RUSHES" and resume > 0))
