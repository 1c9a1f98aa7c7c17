# SPDX-License-Identifier: ISC
"""The explorer lists the crash states that docs/states.md says, state for state and byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from powercut.cli.run import profile
from powercut.counts import Count
from powercut.devices import BUILTIN, RULES, DeviceModel
from powercut.engine import Engine
from powercut.explorer import Allowed, ExploreOptions
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.predict import predict
from scripted import SCRIPTED, script
from tearing import Event, Log
from twice import LISTED, assert_same_counts, assert_same_list, log_of

ENGINE = Engine.load(SCRIPTED)

#: Making a failing log small takes minutes.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)

NOTHING = (0, 0)  # the hash of the empty store

SMALL = (
    Geometry(1, 2, 8, 3, 0xFF),
    Geometry(1, 4, 12, 3, None),
    Geometry(4, 4, 128, 5, 0x00),
    Geometry(1, 1, 6, 4, 0xA5),
    Geometry(16, 16, 1024, 2, 0xFF),
    Geometry(16, 16, 768, 2, None),
)

#: For engines: small enough to be listed slowly.
SHAPES = (
    Geometry(16, 16, 128, 16, 0xFF),
    Geometry(8, 8, 512, 8, None),
    Geometry(16, 64, 1024, 8, 0x00),
)


def with_scripted(
    shape: Geometry, events: Sequence[Event], options: ExploreOptions, image: bytes | None = None
) -> dict[tuple[str, str], int]:
    """Compares lists, images and counts on a hand-made log; the totals."""
    start = bytes(range(256)) * (shape.size // 256 + 1) if image is None else image
    log = Log(shape, start[: shape.size], events)
    with ENGINE.record(shape, script(events), image=log.states[0]) as run:
        assert log_of(run).events == list(events)
        tally = assert_same_list(run, log, options, len(events))
        explored = run.explore(Allowed([(NOTHING,)] * (len(events) + 1)), options)
    assert not explored.found
    assert_same_counts(dict(explored.counts), tally)
    return dict(tally.total)


def options(
    models: Sequence[DeviceModel] = (), kinds: Sequence[str] = LISTED, samples: int = 3, seed: int = 0
) -> ExploreOptions:
    return ExploreOptions(frozenset(kinds), tuple(models), samples=samples, seed=seed, probes=0)


# --- hand-made logs --------------------------------------------------------------------------------------

some_bytes = st.sampled_from([0x00, 0x01, 0x80, 0xF7, 0xFF])
units = st.sampled_from([0, 1, 2, 3, 4, 16, 512])
rules = st.frozensets(st.sampled_from(RULES), max_size=4)
any_model = st.builds(DeviceModel, st.just("any"), units, units, rules, rules, st.booleans())


@st.composite
def event(draw: st.DrawFn, shape: Geometry) -> Event:
    kind = draw(st.sampled_from(["prog"] * 6 + ["erase", "sync"]))
    block = draw(st.integers(0, shape.block_count - 1))
    if kind != "prog":
        return Event(kind, block if kind == "erase" else 0)
    slots = shape.block_size // shape.prog_size
    first = draw(st.integers(0, slots - 1))
    size = draw(st.integers(0, min(16, slots - first))) * shape.prog_size
    some = draw(st.lists(some_bytes, min_size=8, max_size=8))
    return Event("prog", block, first * shape.prog_size, (bytes(some) * size)[:size])


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(st.data(), st.sampled_from(SMALL), st.lists(any_model, max_size=1), st.integers(0, 2**64 - 1))
def test_any_log_is_listed_alike_under_any_model(
    data: st.DataObject, shape: Geometry, models: list[DeviceModel], seed: int
) -> None:
    events = data.draw(st.lists(event(shape), max_size=5))
    kinds = [kind for kind in LISTED if kind != "damage" or shape.size < 128]
    with_scripted(shape, events, options(models, kinds, data.draw(st.integers(0, 3)), seed))


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(st.data(), st.sampled_from(SMALL), st.sampled_from(sorted(BUILTIN)))
@example(None, SMALL[0], "hostile")
def test_any_log_is_listed_alike_under_the_built_in_models(
    data: st.DataObject | None, shape: Geometry, name: str
) -> None:
    prog = [Event("prog", at % 3, 2 * at % 8, bytes([at, at])) for at in range(12)]
    events = prog if data is None else data.draw(st.lists(event(shape), max_size=12))
    with_scripted(shape, events, options([BUILTIN[name]], ("torn", "reorder")))


@pytest.mark.parametrize("name", ["nor", "hostile"])
def test_all_built_in_models_together_keep_their_order(name: str) -> None:
    shape = Geometry(1, 16, 1024, 2, 0xFF)
    events = [Event("prog", 0, 16, b"ab" * 504), Event("prog", 1, 0, b"c" * 48), Event("erase", 0)]
    first = BUILTIN[name]
    models = [first, *(model for model in BUILTIN.values() if model != first)]
    with_scripted(shape, events, options(models, ("prefix", "torn", "reorder")))


PAGE = Geometry(1, 1, 4, 40, None)


def progs(count: int) -> list[Event]:
    """Progs of one byte each, all over the device."""
    return [Event("prog", at % 40, at // 40, bytes([at])) for at in range(count)]


FORGETFUL = DeviceModel("forgetful", reorders=True)
TEARING = DeviceModel("tearing", prog_tears=frozenset({"bytes"}), reorders=True)


@pytest.mark.parametrize("count", [63, 64, 65, 66, 80])
@pytest.mark.parametrize("model", [FORGETFUL, TEARING], ids=lambda model: model.name)
def test_the_window_ends_at_64_events(count: int, model: DeviceModel) -> None:
    """In front of it lie two more that are synced, or not."""
    for events in ([*progs(count)], [*progs(1), Event("sync"), *progs(count)]):
        given_options = replace(options([model], ("reorder",), 2), first=len(events), last=len(events))
        with ENGINE.record(PAGE, script(events), image=bytes(PAGE.size)) as run:
            tally = assert_same_list(run, log_of(run), given_options, len(events), every=101)
        assert tally.beyond[model.name, "reorder"] == 1
        n = min(count, 64)
        assert tally.total[model.name, "reorder"] == 1 + 2 * n + (n - 3) * (n + 2) // 2 + 2


def test_a_window_of_events_that_change_nothing_has_no_states_and_is_beyond_where_it_is_too_long() -> None:
    events = [*progs(1), *(Event("erase", 0) for _ in range(66))]
    totals = with_scripted(PAGE, events, options([FORGETFUL], ("reorder",)))
    assert totals == {("forgetful", "reorder"): 64}


@pytest.mark.parametrize("at", range(4))
def test_a_sync_makes_durable_what_came_before_it_and_nothing_else(at: int) -> None:
    events = progs(3)
    events.insert(at, Event("sync"))
    totals = with_scripted(PAGE, events, options([FORGETFUL], ("reorder",)))
    windows = [2**n - 1 for n in (*range(1, at + 1), 0, *range(1, 4 - at))]
    assert totals == {("forgetful", "reorder"): sum(windows)}


@pytest.mark.parametrize("name", ["disk512", "disk4k"])
def test_units_are_counted_from_the_start_of_the_device(name: str) -> None:
    """Four blocks of 128 bytes are one sector: a prog of one of them is atomic, and straddles nothing."""
    shape = Geometry(16, 16, 128, 8, 0xFF)
    events = [Event("prog", 3, 0, b"x" * 128), Event("prog", 5, 16, b"y" * 32), Event("erase", 4)]
    assert with_scripted(shape, events, options([BUILTIN[name]], ("torn",))) == {(name, "torn"): 0}
    straddling = DeviceModel("odd", 48, 100, frozenset({"units"}), frozenset({"units"}))
    assert with_scripted(shape, events, options([straddling], ("torn",))) == {("odd", "torn"): 6 + 2 + 2}


def test_the_end_of_the_device_and_seeds_that_overflow() -> None:
    shape = Geometry(1, 1, 10, 5, 0xFF)  # 50 bytes: the last granule of 16 has two
    events = [Event("prog", 4, 9, b"z"), Event("erase", 4), Event("prog", 0, 0, b"")]
    for seed in (0, 1, 2**64 - 1, 2**63, 2**64 - 2**20):
        with_scripted(shape, events, options([BUILTIN["hostile"], BUILTIN["nor"]], seed=seed))


def test_no_events_and_no_models() -> None:
    assert with_scripted(PAGE, [], options(kinds=("prefix", "torn", "reorder"))) == {("", "prefix"): 1}
    assert with_scripted(PAGE, progs(2), options([DeviceModel("calm")], ("torn", "reorder"))) == {
        ("calm", "torn"): 0,
        ("calm", "reorder"): 0,
    }


@pytest.mark.parametrize("samples", [0, 1, 40])
def test_samples_are_as_many_as_asked_for_and_without_them_the_list_still_says_what_it_lacks(
    samples: int,
) -> None:
    shape = Geometry(1, 1, 16, 3, 0x00)
    events = [Event("prog", 0, 0, bytes(range(1, 17))), Event("erase", 0), Event("prog", 1, 1, b"\x0f" * 12)]
    wide = DeviceModel("wide", 1, 8, frozenset({"units"}), frozenset({"bits"}), True)
    given_options = options([wide, BUILTIN["hostile"]], ("torn", "reorder"), samples)
    image = b"\xff" * shape.size
    log = Log(shape, image, events)
    with ENGINE.record(shape, script(events), image=image) as run:
        tally = assert_same_list(run, log, given_options, len(events))
        counts = dict(run.explore(Allowed([(NOTHING,)] * 4), given_options).counts)
    assert_same_counts(counts, tally)
    assert tally.sampled["wide", "torn"] == 3 * samples
    assert counts["wide", "torn"].beyond == 3
    assert not any(count.exhaustive for count in counts.values())


def test_a_kind_of_which_nothing_was_generated_is_no_complete_one_where_the_model_allows_more() -> None:
    wide = DeviceModel("wide", 16, 0, frozenset({"bits"}))
    shape = Geometry(1, 1, 16, 2, 0xFF)
    with ENGINE.record(shape, script([Event("prog", 0, 0, bytes(16))]), image=b"\xff" * 32) as run:
        counts = run.explore(Allowed([(NOTHING,)] * 2), options([wide], ("torn",), samples=0)).counts
    assert counts["wide", "torn"] == Count(total=0, beyond=1)
    assert not counts["wide", "torn"].exhaustive


# --- closed forms ----------------------------------------------------------------------------------------


def sector_states(n: int, samples: int) -> int:
    return 2**n - 2 if n <= 10 else 4 * n - 2 + samples


@pytest.mark.parametrize("n", [1, 2, 3, 10, 11, 12])
def test_counts_are_the_closed_forms_of_the_page(n: int) -> None:
    shape = Geometry(2, 2, 2 * n, 2, 0xFF)
    events = [Event("prog", 0, 0, b"\x00" * (2 * n))]
    image = b"\xff" * shape.size
    s = 5

    def count(rule: str, unit: int = 2) -> int:
        model = DeviceModel("one", unit, 0, frozenset(rule.split()))
        return with_scripted(shape, events, options([model], ("torn",), s), image)["one", "torn"]

    assert count("bytes") == 2 * n - 1
    assert count("first") == n - 1
    assert count("units") == sector_states(n, s)
    assert count("half") == n
    assert count("zero") == count("garbage") == n
    assert count("bits") == (s if n else 0)  # each unit has 16 bits
    assert count("bits", 1) == 2 * n * (2**8 - 2)
    everything = 2 * n - 1 + sector_states(n, s) - (n - 1 if n > 10 else 0) + 4 * n + (s if n > 1 else 0)
    assert count("bytes units zero garbage") == everything


@pytest.mark.parametrize("n", [1, 5, 10, 11, 14])
def test_reorder_counts_are_the_closed_forms_of_the_page(n: int) -> None:
    log = Log(PAGE, bytes(PAGE.size), [*progs(3), Event("sync"), *progs(n)])
    s = 4

    def at_end(model: DeviceModel) -> int:
        end = len(log.events)
        given_options = replace(options([model], ("reorder",), s), first=end, last=end)
        with ENGINE.record(PAGE, script(log.events), image=log.states[0]) as run:
            assert_same_list(run, log, given_options, len(log.events), every=7)
            return len(run.list(given_options))

    complete = 2**n - 1 if n <= 10 else 1 + 2 * n + (n - 3) * (n + 2) // 2 + s
    assert at_end(FORGETFUL) == complete
    assert at_end(TEARING) == complete  # one byte does not tear
    tearing = DeviceModel("zeros", prog_tears=frozenset({"zero"}), reorders=True)
    assert at_end(tearing) == complete + s


def test_damage_counts_are_the_closed_forms_of_the_page() -> None:
    shape = Geometry(16, 16, 768, 4, 0xFF)
    events = [Event("prog", 1, 0, b"x" * 32), Event("sync"), Event("erase", 2), Event("prog", 0, 0, b"")]
    log = Log(shape, bytes(shape.size), events)
    given_options = options(kinds=("damage",))
    with ENGINE.record(shape, script(events), image=log.states[0]) as run:
        tally = assert_same_list(run, log, given_options, len(events))
    assert tally.total["", "damage"] == 4 * 768 // 16 + 3 * (4 * 2) + 2 + 5 * 4
    assert tally.beyond["", "damage"] == 1


# --- logs of engines -------------------------------------------------------------------------------------

WORK = (
    Op("set", b"a", value=Literal(b"one")),
    Op("set", b"b", value=Generated(1, 90)),
    Op("set", b"a", value=Generated(2, 40)),
    Op("remove", b"b"),
    Op("get", b"a"),
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", sorted(BUILTIN))
@pytest.mark.parametrize("engine", ["skink", "ditto"])
def test_what_an_engine_wrote_is_listed_alike(engine: str, name: str, shape: Geometry) -> None:
    kinds = ["prefix", "torn", "reorder"]
    if shape.block_size > 128:  # too small for skink's names to be as long as a filler's
        kinds.append("full")
    given_options = options([BUILTIN[name]], kinds, 2, 7)
    with Engine.load(engine).record(shape, WORK) as run:
        log = log_of(run)
        assert len(log.events) > 4
        assert_same_list(run, log, given_options, len(WORK), every=23)


@pytest.mark.parametrize("engine", ["skink", "ditto"])
def test_the_report_counts_what_the_list_has(engine: str) -> None:
    shape = Geometry(16, 16, 256, 16, 0xFF)
    given_options = ExploreOptions(
        frozenset(LISTED), (BUILTIN["disk512"], BUILTIN["nand"]), samples=3, seed=5
    )
    loaded = Engine.load(engine)
    made = operations(profile(loaded, shape), 3, 12)
    with loaded.record(shape, made) as run:
        prediction = predict(run, made)
        allowed = Allowed(prediction.allowed, prediction.entries())
        explored = run.explore(allowed, given_options)
        prediction.close()
        tally = assert_same_list(run, log_of(run), given_options, len(made), every=97)
    assert not [one for one in explored.found if one.fault.kind != "damage"]
    assert_same_counts(dict(explored.counts), tally)
    assert explored.sum.checked > 100
