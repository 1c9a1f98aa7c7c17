# SPDX-License-Identifier: ISC
"""Runs that start from images by real littlefs, and real littlefs's opinion of what a run leaves behind."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from littlefs import LittleFS
from littlefs.context import UserContext

from powercut.cli.run import profile
from powercut.demo import write_littlefs_image
from powercut.engine import Engine, Run
from powercut.errors import PowercutError
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.images import image_rows, load_image
from powercut.ops import Literal, Op
from powercut.predict import predict
from powercut.run import run_trace
from powercut.source import ImageSource
from powercut.trace import EngineRef, Trace, dumps, loads
from powercut.vocabulary import Profile
from powercut_models import Row

SKINK = EngineRef("skink")

DEVICES = (
    Geometry(16, 16, 512, 256, 0xFF),
    Geometry(16, 16, 4096, 64, 0xFF),
    Geometry(64, 64, 256, 256, None),
    Geometry(16, 16, 128, 512, 0),
)


def image_source(path: Path, engine: Engine, count: int) -> ImageSource:
    """What ``powercut run --image`` runs."""
    data, geometry = load_image(path, 16, 16, 0xFF)
    held = tuple((row.key, None if row.data is None else len(row.data)) for row in image_rows(data, geometry))
    made = Profile(geometry, engine.capabilities, engine.facts(data, geometry).name_max)
    return ImageSource(1, count, made, SKINK, data, held)


def littlefs_entries(image: bytes, geometry: Geometry) -> dict[str, bytes | None]:
    """Every entry as real littlefs shows it after its own repair; a directory's data is None."""
    context = UserContext(geometry.size)
    context.buffer[:] = image
    device = LittleFS(
        context=context,
        block_size=geometry.block_size,
        block_count=geometry.block_count,
        prog_size=geometry.prog_size,
        read_size=geometry.read_size,
        cache_size=geometry.block_size,
        mount=False,
    )
    device.mount()
    device.fs_mkconsistent()
    return dict(walk(device, ""))


def walk(device: LittleFS, folder: str) -> Iterator[tuple[str, bytes | None]]:
    for entry in device.scandir(folder or "/"):
        key = f"{folder}/{entry.name}" if folder else entry.name
        if entry.type == 2:
            yield key, None
            yield from walk(device, key)
        else:
            with device.open(key, "rb") as file:
                yield key, file.read()


def contents(rows: list[Row]) -> dict[str, bytes | None]:
    return {row.key.decode(): row.data for row in rows}


def sample(run: Run, count: int) -> list[int]:
    """The last crash state and some others, the same each time."""
    states = random.Random(run.event_count).sample(range(run.event_count + 1), min(count, run.event_count))
    return sorted({run.event_count, *states})


@pytest.mark.parametrize("geometry", DEVICES, ids=str)
def test_littlefs_reads_the_same_from_final_and_crash_images(geometry: Geometry) -> None:
    engine = Engine.load("skink")
    for seed in range(3):
        made = operations(profile(engine, geometry), seed, 60)
        with engine.record(geometry, made) as run:
            model = predict(run, made).model
            for state in sample(run, 12):
                done, in_flight = run.position(state)
                allowed = [contents(model.rows(at)) for at in range(done, done + 1 + in_flight)]
                assert littlefs_entries(run.image(state), geometry) in allowed, (seed, state)
            model.close()


def test_a_run_from_an_image_that_littlefs_wrote_holds(tmp_path: Path) -> None:
    files = write_littlefs_image(tmp_path / "one.img")
    engine = Engine.load("skink")
    source = image_source(tmp_path / "one.img", engine, 40)
    assert sum(size is not None for _, size in source.held) == files
    for index in range(3):
        trace = source.trace(index)
        assert run_trace(trace, engine).held
        assert loads(dumps(trace).encode(), "x", tmp_path) == trace


def test_runs_from_other_programs_images_hold(corpus: Path) -> None:
    engine = Engine.load("skink")
    broken = []
    for path in sorted((corpus / "littlefs").glob("*.img")):
        verdict = run_trace(image_source(path, engine, 25).trace(1), engine)
        if not verdict.held:
            broken.append((path.name, verdict.violations[0].words, *verdict.violations[0].differences))
    assert not broken


def test_a_run_leaves_the_image_file_as_it_was(tmp_path: Path) -> None:
    write_littlefs_image(tmp_path / "one.img")
    before = (tmp_path / "one.img").read_bytes()
    engine = Engine.load("skink")
    run_trace(image_source(tmp_path / "one.img", engine, 20).trace(0), engine)
    assert (tmp_path / "one.img").read_bytes() == before


def test_what_an_image_holds_is_part_of_the_expected_store(tmp_path: Path) -> None:
    write_littlefs_image(tmp_path / "one.img")
    data, geometry = load_image(tmp_path / "one.img", 16, 16, 0xFF)
    rows = image_rows(data, geometry)
    engine = Engine.load("skink")
    trace = Trace(geometry, (Op("set", b"new", value=Literal(b"x")),), SKINK, image=data)
    assert run_trace(trace, engine, rows=rows).held
    verdict = run_trace(trace, engine, rows=rows[:-1])
    assert {one.kind for one in verdict.violations} == {"content"}


Damage = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:5000], "no littlefs image"),
        (lambda data: bytes(len(data)), "no littlefs image"),
        (lambda data: b"", "no littlefs image"),
        (lambda data: data[: len(data) // 2], "cut short"),
    ],
)
def test_an_image_that_cannot_be_is_told(tmp_path: Path, damage: Damage, said: str) -> None:
    path = tmp_path / "one.img"
    write_littlefs_image(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PowercutError, match=said):
        load_image(path, 16, 16, 0xFF)


def test_an_image_with_a_damaged_store_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one.img"
    write_littlefs_image(path)
    data, geometry = load_image(path, 16, 16, 0xFF)
    broken = data[: 2 * 4096] + bytes(len(data) - 2 * 4096)
    with pytest.raises(PowercutError, match="no littlefs store"):
        image_rows(broken, geometry)
