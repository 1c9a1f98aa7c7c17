# SPDX-License-Identifier: ISC
"""plain is right, and the lies that no cut between two writes shows are lies: by images made here, by hand.

Nothing of the explorer is used: a run is recorded, each of its writes is torn or lost, recovery is cut, and
what the engine then shows is looked up in what the model held. So none of this hangs on what it is to judge.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from powercut.engine import Engine, EngineRefusedError, Run
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.predict import predict
from powercut_models import Row

Liar = Callable[..., str]
Image = Callable[[int], bytes]

GEOMETRIES = (
    Geometry(16, 16, 256, 12, 0xFF),
    Geometry(1, 1, 128, 13, 0x00),
    Geometry(64, 64, 256, 12, None),
    Geometry(128, 512, 512, 9, 0xFF),
)

OPERATIONS = (
    Op("set", b"a", value=Generated(1, 30)),
    Op("set", b"b", value=Generated(2, 300)),
    Op("set", b"a", value=Generated(3, 400)),
    Op("rename", b"a", target=b"c"),
    Op("remove", b"b"),
    Op("set", b"d", value=Generated(4, 10)),
)


def torn(run: Run, draw: random.Random) -> Iterator[tuple[int, bytes]]:
    """(state, image): after so many events, and a part of the next, its units old, new, or garbage."""
    geometry = run.geometry
    for state in range(run.event_count):
        event, before, after = run.event(state), run.image(state), run.image(state + 1)
        if event.kind == "sync":
            continue
        start = event.block * geometry.block_size + event.off
        size = event.size if event.kind == "prog" else geometry.block_size
        unit = min(geometry.prog_size, 16) if event.kind == "prog" else 64
        places = range(start, start + size, unit)
        for at in places:
            yield state, before[:start] + after[start:at] + before[at:]
            yield state, before[:at] + after[at : start + size] + before[start + size :]
            yield state, after[:at] + bytes(draw.randbytes(unit)) + before[at + unit :]
        for _ in range(16):
            mixed = bytearray(before)
            for at in places:
                source = draw.choice((before, after, after, draw.randbytes(len(before)), bytes(len(before))))
                mixed[at : at + unit] = source[at : at + unit]
            yield state, bytes(mixed)


def reordered(run: Run) -> Iterator[tuple[int, bytes]]:
    """(state, image): without some of the events since the last sync."""
    synced, base = 0, run.image(0)
    for state in range(run.event_count + 1):
        pending = range(synced, state)
        for kept in subsets(pending):
            image = bytearray(base)
            for at in kept:
                apply(run, at, image)
            yield state, bytes(image)
        if state < run.event_count and run.event(state).kind == "sync":
            synced, base = state + 1, run.image(state + 1)


def nested(run: Run, cuts: int) -> Iterator[tuple[int, bytes]]:
    """(state, image): cut between two events, and so is recovery, and its recovery, ``cuts`` times in all."""
    for state in range(run.event_count + 1):
        for image in recoveries(run.engine, run.geometry, run.image(state), cuts - 1):
            yield state, image


def recoveries(engine: Engine, geometry: Geometry, image: bytes, cuts: int) -> Iterator[bytes]:
    """What recovery from an image may leave behind where it is cut so many times."""
    if cuts == 0:
        yield image
        return
    with contextlib.suppress(EngineRefusedError), engine.record(geometry, (), image=image) as recovery:
        for state in range(1, recovery.event_count):
            yield from recoveries(engine, geometry, recovery.image(state), cuts - 1)


def subsets(pending: range) -> Iterator[tuple[int, ...]]:
    """All of up to ten; else all but one, two, or a run."""
    if len(pending) <= 10:
        for size in range(len(pending) + 1):
            yield from itertools.combinations(pending, size)
        return
    for first, last in itertools.combinations_with_replacement(pending, 2):
        yield tuple(at for at in pending if not first <= at <= last)
        yield tuple(at for at in pending if at not in (first, last))


def apply(run: Run, index: int, image: bytearray) -> None:
    """Lets event ``index`` of the run take place on the image."""
    event, size = run.event(index), run.geometry.block_size
    if event.kind == "prog":
        start = event.block * size + event.off
        image[start : start + event.size] = run.image(index + 1)[start : start + event.size]
    elif event.kind == "erase" and run.geometry.erase_value is not None:
        image[event.block * size : (event.block + 1) * size] = bytes([run.geometry.erase_value]) * size


def damaged(run: Run) -> Iterator[tuple[int, bytes]]:
    """(state, image): closed cleanly, then a bit flipped, or a block lost, or as it was at a time before."""
    last, size = run.event_count, run.geometry.block_size
    whole, older = run.image(last), [run.image(state) for state in range(0, last)]
    for bit in range(0, 8 * len(whole), 7):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        yield last, bytes(changed)
    for start in range(0, len(whole), size):
        blocks = {image[start : start + size] for image in older} | {bytes(size), b"\xff" * size}
        for block in sorted(blocks):
            yield last, whole[:start] + block + whole[start + size :]


def shown(engine: Engine, image: bytes, geometry: Geometry) -> list[Row] | str:
    """What the engine shows of an image, and its own check has nothing against; else why not."""
    try:
        return engine.check(image, geometry) or engine.entries(image, geometry)
    except EngineRefusedError as error:
        return str(error)


#: What may be said of damage.
REFUSALS = ("mount answers CORRUPT", "visit answers CORRUPT", "mount answers IO")

STATES: dict[str, Callable[[Run], Iterator[tuple[int, bytes]]]] = {
    "torn": lambda run: torn(run, random.Random(5)),
    "reorder": reordered,
    "nested once": lambda run: nested(run, 2),
    "nested twice": lambda run: nested(run, 3),
    "damage": damaged,
}


def wrong(engine: Engine, geometry: Geometry, how: str) -> tuple[int, list[str]]:
    """How many crash states were looked at, and what was wrong with those that were wrong."""
    found, looked = [], 0
    with engine.record(geometry, OPERATIONS) as run:
        prediction = predict(run, OPERATIONS)
        stores = [list(prediction.model.rows(at)) for at in range(len(OPERATIONS) + 1)]
        prediction.close()
        for state, image in STATES[how](run):
            done, in_flight = run.position(state)
            seen = shown(engine, image, geometry)
            looked += 1
            if how == "damage" and seen in REFUSALS:
                continue
            if seen not in stores[done : done + 1 + in_flight]:
                found.append(seen if isinstance(seen, str) else "content")
    return looked, found


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("how", STATES)
def test_plain_survives(liar: Liar, how: str, geometry: Geometry) -> None:
    looked, found = wrong(Engine.load(liar(None)), geometry, how)
    assert found == []
    assert looked > (200 if how == "torn" else 30)


@pytest.mark.parametrize(
    ("lie", "how"),
    [
        ("NO_HEAD_SUM", {"torn"}),
        ("NO_BODY_SYNC", {"reorder"}),
        ("NO_HEAD_SYNC", {"reorder"}),
        ("NO_LAST_SYNC", {"reorder"}),
        ("REWRITES_GOOD", {"nested once", "nested twice"}),
        ("THIRD", {"nested twice"}),
        ("ONE_HEAD", {"damage"}),
        ("NO_BODY_SUM", {"damage"}),
    ],
)
def test_a_lie_is_seen_only_where_it_is_one(liar: Liar, lie: str, how: set[str]) -> None:
    engine = Engine.load(liar(lie))
    assert {name for name in STATES if wrong(engine, GEOMETRIES[1], name)[1]} == how


@pytest.mark.parametrize(("lie", "right"), [(None, True), ("REMOVE_NEEDS_ROOM", False)])
def test_a_full_device_takes_every_removal(liar: Liar, lie: str | None, right: bool) -> None:
    fill = [Op("set", b"k%d" % index, value=Generated(index, 4 + 97 * index % 150)) for index in range(40)]
    empty = [Op("remove", b"k%d" % index) for index in range(40)]
    with Engine.load(liar(lie)).record(GEOMETRIES[0], fill + empty) as run:
        codes = [run.code(op) for op in range(80)]
        prediction = predict(run, fill + empty)
        rows = list(prediction.model.rows())
        prediction.close()
    assert 10 < codes[:40].count("NO_SPACE") < 35
    assert (set(codes[40:]) == {"OK"}) is right
    assert (rows == [] and prediction.wrong == ()) is right
