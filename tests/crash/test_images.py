# SPDX-License-Identifier: ISC
"""Runs that start from images by real littlefs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.demo import write_littlefs_image
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.images import image_rows, load_image
from powercut.ops import Literal, Op
from powercut.run import run_trace
from powercut.source import ImageSource
from powercut.trace import EngineRef, Trace, dumps, loads
from powercut.vocabulary import Profile

SKINK = EngineRef("skink")


def image_source(path: Path, engine: Engine, count: int) -> ImageSource:
    """What ``powercut run --image`` runs."""
    data, geometry = load_image(path, 16, 16, 0xFF)
    held = tuple((row.key, None if row.data is None else len(row.data)) for row in image_rows(data, geometry))
    made = Profile(geometry, engine.capabilities, engine.facts(data, geometry).name_max)
    return ImageSource(1, count, made, SKINK, data, held)


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
