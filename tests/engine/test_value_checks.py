# SPDX-License-Identifier: ISC
"""Value checksums: a damaged value is CORRUPT and never wrong bytes; littlefs reads and writes such a store,
and what it wrote is read without a check."""

from __future__ import annotations

import random

import pytest

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.native import ffi, lib
from powercut.skink import VALUE_CHECKS, Disk, SkinkError, Store
from powercut_models.image import Image, read_image

SHAPES = (
    Geometry(16, 16, 128, 40, 0xFF),
    Geometry(16, 16, 512, 48, 0xFF),
    Geometry(256, 256, 1024, 24, None),
)
NOW = (20_000, 1)


def checked(geometry: Geometry, values: dict[bytes, bytes]) -> bytes:
    with Disk(geometry) as disk:
        disk.format(flags=VALUE_CHECKS)
        with Store(disk, time=NOW) as store:
            for key, data in values.items():
                store.set(key, data)
        return disk.image


def outcome(geometry: Geometry, image: bytes, key: bytes) -> bytes | str:
    with Disk(geometry, image) as disk:
        try:
            with Store(disk) as store:
                return store.get(key)
        except SkinkError as error:
            return error.code


def blocks_of(image: Image, value: str) -> list[int]:
    return [block for block, owner in image.usage.items() if owner == f"the value {value!r}"]


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_a_flip_of_any_byte_of_a_value_is_told_and_never_served(geometry: Geometry) -> None:
    size = geometry.block_size
    values = {b"a": random.Random(1).randbytes(3 * size + 7), b"d/b": random.Random(2).randbytes(size)}
    image, told = checked(geometry, values), 0
    for key, data in values.items():
        assert outcome(geometry, image, key) == data
        for block in blocks_of(read_image(image, size), key.decode()):
            for at in range(block * size, (block + 1) * size):
                damaged = bytearray(image)
                damaged[at] ^= 1 << at % 8
                found = outcome(geometry, bytes(damaged), key)
                assert found in ("CORRUPT", data)  # a byte behind the value's end is nobody's
                told += found == "CORRUPT"
    assert told >= sum(len(data) for data in values.values())


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_a_whole_block_that_is_lost_or_old_is_told(geometry: Geometry) -> None:
    size = geometry.block_size
    data = random.Random(3).randbytes(4 * size)
    image = checked(geometry, {b"a": data, b"other": data[::-1]})
    blocks = blocks_of(read_image(image, size), "a")
    assert len(blocks) > 3
    for block in blocks:
        for other in (b"\0" * size, b"\xff" * size, image[blocks[0] * size : (blocks[0] + 1) * size]):
            damaged = image[: block * size] + other + image[(block + 1) * size :]
            assert outcome(geometry, damaged, b"a") == (data if damaged == image else "CORRUPT")
            assert outcome(geometry, damaged, b"other") == data[::-1]


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_damage_reaches_no_other_answer_that_reads_the_value(geometry: Geometry) -> None:
    size = geometry.block_size
    data = random.Random(4).randbytes(3 * size)
    image = checked(geometry, {b"d/a": data})
    damaged = bytearray(image)
    damaged[blocks_of(read_image(image, size), "d/a")[0] * size + size // 2] ^= 0x10
    with Disk(geometry, bytes(damaged)) as disk, Store(disk, time=NOW) as store:
        for read in (
            lambda: store.get(b"d/a"),
            lambda: store.digest(b"d/a"),
            lambda: store.digest(b"d"),
            store.rows,
        ):
            with pytest.raises(SkinkError, match="CORRUPT"):
                read()
        for off in range(0, len(data), max(size // 3, 1)):
            try:
                part = store.get_partial(b"d/a", off, 5)
            except SkinkError as error:
                assert error.code == "CORRUPT"  # noqa: PT017
            else:
                assert part == data[off : off + 5]
        with pytest.raises(SkinkError, match="CORRUPT"):
            store.set_partial(b"d/a", 1, b"x")
        store.set(b"d/a", b"whole again" * size)
        assert store.get(b"d/a") == b"whole again" * size
        assert store.check() == ""


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_littlefs_reads_and_rewrites_it_and_skink_reads_what_it_wrote(geometry: Geometry) -> None:
    size = geometry.block_size
    data = random.Random(5).randbytes(3 * size)
    image = checked(geometry, {b"a": data, b"b": data})
    memory = littlefs.Memory(geometry, image)
    fs = littlefs.mount(memory, geometry)
    assert [row.data for row in littlefs.rows(fs)] == [data, data]
    with fs.open("/a", "wb") as file:
        file.write(data[::-1])
    with fs.open("/b", "ab") as file:
        file.write(b"more")
    assert outcome(geometry, memory.image, b"a") == data[::-1]
    assert outcome(geometry, memory.image, b"b") == data + b"more"
    with Disk(geometry, memory.image) as disk, Store(disk) as store:
        stat = ffi.new("struct skink_stat *")
        assert lib.skink_stat(store._store, stat) == 0
        assert stat.value_checks == 1
        fresh = random.Random(6).randbytes(3 * size)
        store.set(b"a", fresh)
        assert store.get(b"a") == fresh
        damaged = bytearray(disk.image)
    damaged[disk.image.index(fresh[16:40])] ^= 1
    assert outcome(geometry, bytes(damaged), b"a") == "CORRUPT"  # skink's own is checked again


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_hundreds_of_rewrites_by_both_never_look_damaged(geometry: Geometry) -> None:
    """Few free blocks and always the same size: a rewritten value often ends in the block it had before."""
    draw, size = random.Random(7), geometry.block_size
    sizes = [size + 1, 2 * size, 3 * size]
    image = checked(geometry, {b"fill": bytes(geometry.block_count // 3 * size), b"v": b"v" * (2 * size)})
    values = {b"v": b"v" * (2 * size), b"w": b""}
    stale = 0
    for turn in range(400):
        key, data = draw.choice([b"v", b"w"]), draw.randbytes(draw.choice(sizes))
        if draw.random() < 0.35:
            with Disk(geometry, image) as disk:
                with Store(disk, time=NOW) as store:
                    if draw.random() < 0.3 and values[key]:
                        store.set_partial(key, 3, b"part")
                        data = values[key][:3] + b"part" + values[key][7:]
                    else:
                        store.set(key, data)
                image = disk.image
        else:
            memory = littlefs.Memory(geometry, image)
            fs = littlefs.mount(memory, geometry)
            with fs.open("/" + key.decode(), "wb") as file:
                file.write(data)
            image = memory.image
            stale += names_its_struct(image, size, key)
        values[key] = data
        for name, value in values.items():
            if value:
                assert outcome(geometry, image, name) == value, f"turn {turn}, {name!r}"
    assert stale > 0  # a checksum of old bytes did name the struct of new ones


def names_its_struct(image: bytes, size: int, key: bytes) -> bool:
    """Whether a value's checksum names the blocks that it is in."""
    for pair in read_image(image, size).pairs:
        for slot in pair.slots:
            if slot.name == key and slot.struct is not None and 0x76 in slot.attributes:
                return slot.attributes[0x76][:8] == slot.struct.data
    return False
