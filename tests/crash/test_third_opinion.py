# SPDX-License-Identifier: ISC
"""The third opinion: what skink leaves on a device, whole or cut, real littlefs reads as the model says; what
littlefs leaves, skink reads; and each goes on writing where the other stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from littlefs import LittleFS
from littlefs.errors import LittleFSError

from powercut import littlefs
from powercut.cli.run import profile
from powercut.engine import Engine, Run
from powercut.generate import GEOMETRIES, operations
from powercut.geometry import Geometry
from powercut.lfsturn import Record, Recorder, littlefs_state, littlefs_turn
from powercut.mutants import build, load_mutants
from powercut.native import ffi, lib
from powercut.ops import Generated, Literal, Op
from powercut.predict import predict
from powercut_models import Row, StoreModel

SHAPES = (
    *GEOMETRIES,
    Geometry(1, 1, 4096, 64, 0xFF),
    Geometry(512, 512, 512, 128, None),
    Geometry(128, 128, 128, 512, 0xFF),
    Geometry(16, 16, 256, 256, 0x00),
)
EVERY = 7


@cache
def skink() -> Engine:
    return Engine.load("skink")


def by_key(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.key)


def blocks_used(image: bytes, geometry: Geometry) -> int:
    """What skink_stat says."""
    shape = ffi.new("struct bd_geometry *")
    shape.read_size, shape.prog_size = geometry.read_size, geometry.prog_size
    shape.block_size, shape.block_count = geometry.block_size, geometry.block_count
    shape.erase_value = -1 if geometry.erase_value is None else geometry.erase_value
    device, store, stat = ffi.new("struct bd *"), ffi.new("struct skink **"), ffi.new("struct skink_stat *")
    memory = ffi.from_buffer("uint8_t[]", bytearray(image), require_writable=True)
    assert lib.bd_ram_wrap(shape, memory, device) == 0
    config = ffi.new("struct skink_config *", {"device": device})
    assert lib.skink_open(config, store) == 0
    assert lib.skink_stat(store[0], stat) == 0
    lib.skink_close(store[0])
    lib.bd_close(device)
    return int(stat.blocks_used)


def assert_both_see(image: bytes, geometry: Geometry, expected: Sequence[Row], where: str) -> None:
    """littlefs and skink see these rows in an image at rest, and count the same blocks."""
    fs = littlefs.recovered(image, geometry)
    assert littlefs.rows(fs) == by_key(expected), where
    assert by_key(skink().entries(image, geometry)) == by_key(expected), where
    assert blocks_used(image, geometry) == fs.used_block_count, where


def lost_blocks(fs: LittleFS, geometry: Geometry) -> int:
    """How many blocks are on littlefs's list and belong to nothing that can be reached."""
    return int(fs.used_block_count) - blocks_used(bytes(fs.context.buffer), geometry)


def allowed(run: Run, model: StoreModel, state: int) -> list[list[Row]]:
    done, in_flight = run.position(state)
    return [by_key(model.rows(at)) for at in range(done, done + 1 + in_flight)]


def write_on(image: bytes, geometry: Geometry, rows: Sequence[Row], ops: Sequence[Op], where: str) -> bytes:
    """Has skink go on writing; the image that it leaves is what the model and littlefs say."""
    with skink().record(geometry, ops, image=image) as run:
        prediction = predict(run, tuple(ops), tuple(rows), None)
        try:
            assert not prediction.wrong, where
            after = run.image(run.event_count)
            assert_both_see(after, geometry, prediction.model.rows(), where)
        finally:
            prediction.model.close()
    return after


def generated(geometry: Geometry, seed: int, count: int, rows: Sequence[Row] = ()) -> tuple[Op, ...]:
    held = tuple((row.key, None if row.data is None else len(row.data)) for row in rows)
    return tuple(operations(profile(skink(), geometry), seed, count, held))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_littlefs_reads_what_a_run_leaves_and_what_its_power_cuts_leave(
    geometry: Geometry, seed: int
) -> None:
    ops = generated(geometry, seed, 60)
    draw = random.Random(seed)
    every = 1 if seed == 0 and geometry.block_size <= 512 else EVERY
    with skink().record(geometry, ops) as run:
        prediction = predict(run, ops, (), None)
        try:
            assert_both_see(run.image(run.event_count), geometry, prediction.model.rows(), "the final image")
            for state in range(draw.randrange(every), run.event_count + 1, every):
                where = f"state {state} of {geometry}, seed {seed}: {run.event(max(state - 1, 0))}"
                image = run.image(state)
                fs = littlefs.recovered(image, geometry)
                seen = littlefs.rows(fs)
                assert seen in allowed(run, prediction.model, state), where
                assert lost_blocks(fs, geometry) == 0, where
                if state % (5 * every) == 0:
                    more = generated(geometry, seed + state, 6, seen)
                    write_on(image, geometry, seen, more, f"{where}, written on")
        finally:
            prediction.model.close()


@pytest.mark.parametrize(("block_size", "count", "size"), [(128, 2, 16), (512, 8, 60), (4096, 8, 500)])
def test_a_removed_dictionary_of_several_pairs_is_never_grafted_onto_another(
    block_size: int, count: int, size: int
) -> None:
    """littlefs drops an orphan by giving its tail, hard as it is, to the pair in front of it."""
    geometry = Geometry(16, 16, block_size, 64, 0xFF)
    ops = [Op("set", b"d/%d" % index, value=Generated(index, size)) for index in range(count)]
    ops += [Op("set", b"x/v", value=Literal(b"v")), Op("remove", b"d")]
    with skink().record(geometry, ops) as run:
        prediction = predict(run, tuple(ops), (), None)
        for state in range(run.event_count + 1):
            fs = littlefs.recovered(run.image(state), geometry)
            expected = [[row.key for row in rows] for rows in allowed(run, prediction.model, state)]
            assert names(fs) in expected, f"state {state}: {run.event(max(state - 1, 0))}"
        prediction.model.close()


def scattered(block_size: int) -> tuple[list[Op], list[Op]]:
    """Dictionaries below t that lie in rows of their own on the thread, each of several pairs or in front of
    its parent, and their removal: (what makes them, what removes them)."""
    sizes = {128: (3, 16), 512: (8, 60)}
    count, size = sizes[block_size]
    make = [Op("set", b"t/v", value=Literal(b"v"))]
    for name in (b"p", b"q", b"r"):
        make += [Op("set", b"%s/%d" % (name, index), value=Generated(index, size)) for index in range(count)]
        make += [Op("set", b"keep%s/v" % name, value=Literal(b"kept " + name))]
    make += [Op("rename", name, target=b"t/" + name) for name in (b"p", b"q")]
    make += [Op("set", b"t/in/big", value=Generated(7, 3 * block_size))]
    make += [Op("rename", b"r", target=b"t/in/r")]
    return make, [Op("remove", b"t")]


def cut_and_repaired(image: bytes, geometry: Geometry) -> Iterator[tuple[str, LittleFS]]:
    """littlefs on the image, at rest, after work of its own, and after that was cut so that it looks for
    orphans."""
    yield "repaired", littlefs.recovered(image, geometry)
    memory = Recorder(geometry, image)
    fs = littlefs.mount(memory, geometry)
    fs.mkdir("/zz")
    fs.mkdir("/zz/y")
    begin = len(memory.events)
    fs.remove("/zz/y")
    record = Record(image, geometry.block_size, memory.events, {})
    for at in range(begin, len(memory.events) + 1):
        yield f"cut {at - begin} of littlefs's removal", littlefs.recovered(record.image(at), geometry)


@pytest.mark.parametrize("block_size", [128, 512])
def test_rows_of_dictionaries_that_renames_scattered_go_in_one_step_and_are_never_grafted(
    block_size: int,
) -> None:
    geometry = Geometry(16, 16, block_size, 128, 0xFF)
    make, remove = scattered(block_size)
    with skink().record(geometry, make + remove) as run:
        prediction = predict(run, tuple(make + remove), (), None)
        start = next(state for state in range(run.event_count + 1) if run.position(state)[0] == len(make))
        for state in range(start, run.event_count + 1):
            rows = allowed(run, prediction.model, state)
            for what, fs in cut_and_repaired(run.image(state), geometry):
                where = f"state {state}, {what}: {run.event(max(state - 1, 0))}"
                seen = [row for row in littlefs.rows(fs) if not row.key.startswith(b"zz")]
                assert seen in rows, where
                image = bytes(fs.context.buffer)
                assert by_key(skink().entries(image, geometry)) == by_key(littlefs.rows(fs)), where
                more = [Op("set", b"t/again", value=Generated(state, 2 * block_size)), Op("remove", b"zz")]
                write_on(image, geometry, littlefs.rows(fs), more, where)
        prediction.model.close()


@pytest.mark.parametrize("seed", range(4))
def test_littlefs_works_and_is_cut_beside_a_dictionary_whose_removal_skink_has_not_finished(
    seed: int,
) -> None:
    geometry, draw = Geometry(16, 16, 128, 128, 0xFF), random.Random(seed)
    make, remove = scattered(128)
    with skink().record(geometry, make + remove) as run:
        end = run.event_count
        start = next(state for state in range(end) if run.position(state)[0] == len(make))
        for state in range(start, end + 1):
            image = littlefs.recovered(run.image(state), geometry).context.buffer
            for turn in range(3):
                fs = littlefs.mount(littlefs.Memory(geometry, bytes(image)), geometry)
                record = littlefs_turn(
                    bytes(image), geometry, littlefs_state(fs, {}), draw, block_cycles=-1, version=0
                )
                image = record.image(draw.randint(0, len(record.events)))
                seen = littlefs.entries(bytes(image), geometry)
                assert by_key(skink().entries(bytes(image), geometry)) == seen, f"state {state}, turn {turn}"
                more = [Op("set", b"k%d" % turn, value=Generated(turn, 150)), Op("remove", b"k%d" % turn)]
                write_on(bytes(image), geometry, seen, more, f"state {state}, turn {turn}")


def test_scattered_dictionaries_go_from_a_full_device_in_one_step() -> None:
    geometry = Geometry(16, 16, 128, 96, 0xFF)
    make, remove = scattered(128)
    fill = [Op("set", b"f%02d" % index, value=Generated(index, 400)) for index in range(30)]
    fill += [Op("set", b"keep/%02d" % index, value=Generated(index, 15)) for index in range(60)]
    ops = make + fill + remove
    with skink().record(geometry, ops) as run:
        prediction = predict(run, tuple(ops), (), None)
        assert run.code(len(ops) - 2) == "NO_SPACE"
        assert run.code(len(ops) - 1) == "OK"
        start = next(state for state in range(run.event_count + 1) if run.position(state)[0] == len(ops) - 1)
        for state in range(start, run.event_count + 1):
            fs = littlefs.recovered(run.image(state), geometry)
            assert littlefs.rows(fs) in allowed(run, prediction.model, state), f"state {state}"
        assert lost_blocks(fs, geometry) == 0
        prediction.model.close()


def names(fs: LittleFS, folder: str = "") -> list[bytes]:
    """The keys that littlefs lists, whether it finds them or not, sorted."""
    found = []
    for entry in fs.scandir(folder or "/"):
        path = f"{folder}/{entry.name}"
        found += [path[1:].encode("latin-1"), *(names(fs, path) if entry.type == 2 else [])]
    return sorted(found)


def lost_in_cuts(engine: Engine) -> int:
    """The most blocks that stay lost when littlefs repairs a cut `set` below a missing dictionary, whose
    entry goes into another pair than its parent's last."""
    geometry = Geometry(16, 16, 128, 64, 0xFF)
    ops = [Op("set", b"n%d" % index, value=Generated(index, 13)) for index in range(6)]
    ops += [Op("set", b"a/x", value=Literal(b"x"))]
    with engine.record(geometry, ops) as run:
        cuts = (littlefs.recovered(run.image(state), geometry) for state in range(run.event_count + 1))
        return max(lost_blocks(fs, geometry) for fs in cuts)


def test_a_dictionary_made_in_two_commits_is_never_lost_to_littlefs(tmp_path: Path) -> None:
    """Nor would it go unnoticed: without the orphan flag its blocks are lost."""
    assert lost_in_cuts(skink()) == 0
    (mutant,) = load_mutants(["orphan-flag-not-set"])
    assert lost_in_cuts(Engine.load(str(build(mutant, tmp_path)))) > 0


# --- the other way round ---------------------------------------------------------------------------------


def one_operation(fs: LittleFS, draw: random.Random, block_size: int) -> None:
    """Something that may fail, as an everyday program would do it."""
    names = ["a", "b", "ab", "a b", "c", "d" * 20, "\xff\x01"]
    path, other = ("/" + "/".join(draw.choices(names, k=draw.randint(1, 4))) for _ in range(2))
    sizes = [0, 1, 15, block_size // 8, block_size // 8 + 1, block_size - 1, block_size, 3 * block_size]
    kind = draw.choice(["write", "write", "write", "time", "mkdir", "mkdir", "rename", "rename", "remove"])
    if kind in ("write", "time", "mkdir") and draw.random() < 0.5:
        fs.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
    if kind in ("write", "time"):
        with fs.open(path, "wb") as file:
            file.write(draw.randbytes(draw.choice(sizes)))
        if kind == "time":
            littlefs.set_time(fs, path, (draw.randrange(30_000), draw.randrange(86_400 * 10**12)))
    elif kind == "mkdir":
        fs.mkdir(path)
    elif kind == "rename" and not other.startswith(f"{path}/"):  # or it vanishes
        fs.rename(path, other)
    elif kind == "remove":
        fs.remove(path)


def many(fs: LittleFS, draw: random.Random, count: int, block_size: int) -> None:
    done = 0
    for _ in range(count):
        try:
            one_operation(fs, draw, block_size)
            done += 1
        except (LittleFSError, OSError):
            continue
    assert done > 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_skink_and_littlefs_take_turns_on_one_image(geometry: Geometry, seed: int) -> None:
    draw = random.Random(f"{geometry} {seed}")
    memory = littlefs.Memory(geometry)
    fs = littlefs.mount(memory, geometry, fresh=True, name_max=40, block_cycles=30)
    for turn in range(3):
        many(fs, draw, 200, geometry.block_size)
        rows = littlefs.rows(fs)
        assert_both_see(memory.image, geometry, rows, f"turn {turn}, littlefs wrote")
        ops = generated(geometry, seed * 10 + turn, 25, rows)
        memory = littlefs.Memory(
            geometry, write_on(memory.image, geometry, rows, ops, f"turn {turn}, skink wrote")
        )
        fs = littlefs.mount(memory, geometry, name_max=40, block_cycles=30)


@pytest.mark.parametrize("geometry", [SHAPES[0], SHAPES[1], Geometry(16, 16, 128, 2048, None)], ids=str)
def test_directories_of_several_hundred_entries_go_both_ways(geometry: Geometry) -> None:
    draw = random.Random(str(geometry))
    names = [b"%s%03d" % (draw.choice([b"a", b"ab", b"b"]), index) for index in range(400)]
    rows = [Row(b"wide", "dictionary", None, None)]
    rows += [
        Row(b"wide/" + name, "value", name * draw.randrange(4), (index, index))
        for index, name in enumerate(names)
    ]
    image = littlefs.write(rows, geometry)
    assert_both_see(image, geometry, rows, "littlefs wrote")
    ops = [Op("set", b"wide/x%03d" % index, value=Literal(b"%d" % index)) for index in range(100)]
    ops += [Op("remove", b"wide/" + name) for name in draw.sample(names, 150)]
    ops += [
        Op("rename", b"wide/x%03d" % index, target=b"deep/er/y%03d" % index) for index in range(0, 100, 3)
    ]
    write_on(image, geometry, rows, ops, "skink wrote on")
