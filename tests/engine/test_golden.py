# SPDX-License-Identifier: ISC
"""The golden images of tests/golden, made by real littlefs, by skink and by hand: skink and the independent
reader see in them what littlefs saw, skink settles what is pending and writes on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.skink import READ_ONLY, Disk, Store
from powercut_models import Row
from powercut_models.image import read_image

HERE = Path(__file__).resolve().parents[1] / "golden"
NAMES = sorted(path.stem for path in HERE.glob("*.json"))

WriteOn = Callable[[bytes, Geometry], None]


def load(name: str) -> tuple[bytes, dict[str, Any], Geometry]:
    facts = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    shape = (facts["read_size"], facts["prog_size"], facts["block_size"], facts["block_count"])
    return lzma.decompress((HERE / f"{name}.img.xz").read_bytes()), facts, Geometry(*shape, 0xFF)


def words(key: bytes, kind: str, data: bytes | None, time: Any) -> tuple[str, dict[str, Any]]:
    found: dict[str, Any] = {"kind": kind}
    if data is not None:
        digest = hashlib.sha256(data).hexdigest()
        found |= {"size": len(data), "sha256": digest, "time": None if time is None else list(time)}
    return key.decode("latin-1"), found


def shown(rows: list[Row]) -> dict[str, dict[str, Any]]:
    return dict(words(row.key, row.kind, row.data, row.time) for row in rows)


def plain(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Entries without their attributes, and without the root, which has nothing else."""
    return {
        key: {name: value for name, value in entry.items() if name != "attrs"}
        for key, entry in entries.items()
        if key
    }


def test_there_are_golden_images_of_every_kind() -> None:
    assert len(NAMES) == 13
    told = [load(name)[1] for name in NAMES]
    assert {facts["disk_version"] for facts in told} == {"2.0", "2.1"}
    assert sum(facts["move"] for facts in told) == 2
    assert sum(facts["orphans"] for facts in told) >= 3
    assert sum(path.stat().st_size for path in HERE.glob("*.xz")) < 100_000


def test_the_golden_images_are_made_again_byte_for_byte() -> None:
    spec = importlib.util.spec_from_file_location("golden_make", HERE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    made = maker.make()
    assert sorted(made) == NAMES
    for name, (image, facts) in made.items():
        kept, told, _ = load(name)
        assert image == kept, name
        assert json.loads(json.dumps(facts)) == told, name


@pytest.mark.parametrize("name", NAMES)
def test_skink_sees_what_littlefs_saw_and_leaves_it_as_it_is(name: str) -> None:
    image, facts, geometry = load(name)
    for flags in (0, READ_ONLY):
        with Disk(geometry, image) as disk:
            with Store(disk, flags=flags) as store:
                assert shown(store.rows()) == plain(facts["entries"])
                for key, entry in facts["entries"].items():
                    for kind in (1, 2, 3):
                        value = store.attr(key.encode("latin-1"), kind)
                        assert (value.hex() if value is not None else None) == entry.get("attrs", {}).get(
                            str(kind)
                        )
                assert store.check() == ""
                # of a version that is to be raised nothing is pending but that
                pending = facts["move"] or facts["orphans"] or facts["disk_version"] == "2.0"
                assert not store.stat().pending or pending
            assert (disk.image, disk.writes) == (image, 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_independent_reader_sees_what_littlefs_saw(name: str) -> None:
    image, facts, geometry = load(name)
    read = read_image(image, geometry.block_size, geometry.block_count, geometry.prog_size)
    entries = dict(words(entry.key, entry.kind, entry.data, entry.time) for entry in read.entries())
    assert entries == plain(facts["entries"])
    attrs = {entry.key.decode("latin-1"): entry.attrs for entry in read.entries()} | {"": read.root_attrs}
    for key, entry in facts["entries"].items():
        found = {str(kind): value.hex() for kind, value in attrs[key].items() if kind != 0x74}
        assert found == entry.get("attrs", {}), key


@pytest.mark.parametrize("name", NAMES)
def test_skink_settles_it_to_what_littlefs_made_of_it(name: str) -> None:
    image, facts, geometry = load(name)
    with Disk(geometry, image) as disk:
        with Store(disk) as store:
            store.settle()
            assert (store.check(), store.stat().pending) == ("", False)
            assert store.stat().blocks_used == facts["used_blocks"]
            assert store.stat().version == (2, 1)
        # littlefs 2.11 holds every superblock of a chain against the size it is told, also before it grew
        fs = littlefs.mount(littlefs.Memory(geometry, disk.image), replace(geometry, block_count=0))
    assert shown(littlefs.rows(fs)) == plain(facts["entries"])
    assert fs.used_block_count == facts["used_blocks"]


@pytest.mark.parametrize("name", NAMES)
def test_skink_writes_on_in_it(name: str, write_on: WriteOn) -> None:
    image, _, geometry = load(name)
    write_on(image, geometry)
