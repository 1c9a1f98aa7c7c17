# SPDX-License-Identifier: ISC
"""On-disk versions, revision counts that wrap, geometry out of the image, growing: skink beside littlefs."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace

import pytest

from powercut import littlefs
from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.native import code_name, ffi, lib
from powercut.ops import Generated, Op
from powercut.predict import predict
from powercut.skink import FORMAT_2_0, READ_ONLY, STAY_2_0, Disk, SkinkError, Store
from powercut.trace import EngineOptions
from powercut_models.image import read_image

G = Geometry(16, 16, 256, 64, 0xFF)
SHAPES = (
    G,
    Geometry(1, 1, 128, 128, None),
    Geometry(64, 64, 512, 32, 0x00),
    Geometry(512, 512, 4096, 16, 0xFF),
)
NOW = (20_000, 1)


def version(image: bytes) -> tuple[int, int]:
    return read_image(image).superblock.version


def forward_checks(image: bytes) -> int:
    """Forward CRC tags in the newest log of each pair."""
    logs = [max(pair.logs, key=lambda log: len(log.commits)) for pair in read_image(image).pairs]
    return sum(tag.type == 0x5FF for log in logs for commit in log.commits for tag in commit.tags)


def made_by_littlefs(geometry: Geometry, minor: int) -> bytes:
    memory = littlefs.Memory(geometry)
    fs = littlefs.mount(memory, geometry, fresh=True, disk_version=0x20000 + minor)
    fs.mkdir("/d")
    for index in range(5):
        with fs.open(f"/d/{index}", "wb") as file:
            file.write(b"%d" % index * 40)
    return memory.image


# --- 2.0 and 2.1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_2_0_is_raised_before_the_first_write_and_not_by_reading(geometry: Geometry) -> None:
    image = made_by_littlefs(geometry, 0)
    assert version(image) == (2, 0)
    with Disk(geometry, image) as disk:
        with Store(disk, time=NOW) as store:
            assert store.stat().version == (2, 0)
            rows = store.rows()
            assert disk.image == image
            store.set(b"new", b"value")
            assert store.stat().version == (2, 1)
        image = disk.image
    assert version(image) == (2, 1)
    assert len(littlefs.entries(image, geometry)) == len(rows) + 1


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
@pytest.mark.parametrize("by_littlefs", [False, True], ids=["skink's", "littlefs's"])
def test_2_0_stays_where_it_is_told_to(geometry: Geometry, by_littlefs: bool) -> None:
    if by_littlefs:
        image = made_by_littlefs(geometry, 0)
    else:
        with Disk(geometry) as disk:
            disk.format(flags=FORMAT_2_0)
            image = disk.image
    for turn in range(30):
        with Disk(geometry, image) as disk:
            with Store(disk, flags=STAY_2_0, time=NOW) as store:
                store.set(b"k%d" % (turn % 4), b"%d" % turn * 20)
                assert store.check() == ""
                assert store.stat().version == (2, 0)
                rows = store.rows()
            image = disk.image
    assert version(image) == (2, 0)
    assert forward_checks(image) == 0  # readers of 2.0 take one for the end of the log
    memory = littlefs.Memory(geometry, image)
    fs = littlefs.mount(memory, geometry, disk_version=0x20000)
    assert littlefs.rows(fs) == rows
    with fs.open("/by littlefs", "wb") as file:
        file.write(b"2.0")
    assert version(memory.image) == (2, 0)
    with Disk(geometry, memory.image) as disk, Store(disk) as store:
        assert store.get(b"by littlefs") == b"2.0"


def test_2_1_has_forward_checks_where_there_is_room_for_another_commit() -> None:
    with Disk(G) as disk:
        disk.format()
        with Store(disk, time=NOW) as store:
            store.set(b"a", b"1")
        assert version(disk.image) == (2, 1)
        assert forward_checks(disk.image) > 0


@pytest.mark.parametrize("stay", [False, True])
def test_every_cut_while_2_0_is_raised_or_written_on_leaves_one_of_two_stores(stay: bool) -> None:
    skink, image = Engine.load("skink"), made_by_littlefs(G, 0)
    options = EngineOptions(disk_minor=1 if stay else 0)
    rows = skink.entries(image, G, options)
    ops = (Op("set", b"d/2", value=Generated(1, 400)), Op("rename", b"d", target=b"e"), Op("remove", b"e/1"))
    with skink.record(G, ops, image=image, options=options) as run:
        prediction = predict(run, ops, rows)
        assert not prediction.wrong
        for state in range(run.event_count + 1):
            done, in_flight = run.position(state)
            allowed = [
                sorted(prediction.model.rows(at), key=lambda row: row.key)
                for at in range(done, done + in_flight + 1)
            ]
            cut = run.image(state)
            memory = littlefs.Memory(G, cut)
            fs = littlefs.mount(memory, G, disk_version=0x20000 if stay else 0)
            fs.fs_mkconsistent()
            assert littlefs.rows(fs) in allowed, state
            assert version(cut) in ((2, 0), (2, 0) if stay else (2, 1))
        prediction.model.close()


# --- revision counts ---------------------------------------------------------------------------------------


def with_revisions(image: bytes, geometry: Geometry, newest: int) -> bytes:
    """The image with the revision counts of every pair moved, so that its newer block has ``newest``.

    A revision count is covered by the checksum of its block's first commit alone, which is made anew.
    """
    data, size = bytearray(image), geometry.block_size
    for pair in read_image(image, size).pairs:
        logs = [log for log in pair.logs if log.commits]
        top = max(log.revision for log in logs)
        for log in logs:
            start, commit = log.block * size, log.commits[0]
            revision = (newest - (top - log.revision)) % 2**32
            at = next(tag.off for tag in commit.tags if 0x500 <= tag.type <= 0x503)
            data[start : start + 4] = revision.to_bytes(4, "little")
            crc = zlib.crc32(bytes(data[start : start + at + 4])) ^ 0xFFFFFFFF
            data[start + at + 4 : start + at + 8] = crc.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
@pytest.mark.parametrize("newest", [0x7FFFFFFE, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0])
def test_revision_counts_wrap_for_skink_littlefs_and_the_reader(geometry: Geometry, newest: int) -> None:
    image = with_revisions(made_by_littlefs(geometry, 1), geometry, newest)
    draw = random.Random(newest)
    expected = littlefs.entries(image, geometry)
    assert len(expected) == 6
    wrapped = False
    for turn in range(60):
        key, data = b"d/%d" % draw.randrange(5), draw.randbytes(geometry.block_size // 10)
        if turn % 3:
            with Disk(geometry, image) as disk:
                with Store(disk, time=NOW) as store:
                    store.set(key, data)
                    assert store.check() == ""
                image = disk.image
        else:
            memory = littlefs.Memory(geometry, image)
            fs = littlefs.mount(memory, geometry)
            with fs.open("/" + key.decode(), "wb") as file:
                file.write(data)
            image = memory.image
        with Disk(geometry, image) as disk, Store(disk, flags=READ_ONLY) as store:
            rows = store.rows()
            assert store.get(key) == data
        read = read_image(image, geometry.block_size)
        assert {entry.key: entry.data for entry in read.entries()} == {row.key: row.data for row in rows}
        revisions = [log.revision for pair in read.pairs for log in pair.logs]
        wrapped = wrapped or any((revision - newest) % 2**32 in range(1, 2**31) for revision in revisions)
    assert littlefs.entries(image, geometry) == rows
    assert wrapped


# --- geometry ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", SHAPES, ids=str)
def test_geometry_is_found_in_an_images_bytes(geometry: Geometry) -> None:
    for image in (made_by_littlefs(geometry, 0), made_by_littlefs(geometry, 1)):
        size, count = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        assert lib.skink_probe(image, len(image), size, count) == 0
        assert (size[0], count[0]) == (geometry.block_size, geometry.block_count)
        without_first = b"\xff" * geometry.block_size + image[geometry.block_size :]
        if read_image(without_first).superblock.block_size == geometry.block_size:
            assert lib.skink_probe(without_first, len(image), size, count) == 0
            assert (size[0], count[0]) == (geometry.block_size, geometry.block_count)
    noise = random.Random(1).randbytes(4096)
    assert code_name(lib.skink_probe(noise, len(noise), size, count)) == "CORRUPT"


def test_a_device_larger_than_the_store_is_used_as_far_as_the_store_goes() -> None:
    large = replace(G, block_count=100)
    image = made_by_littlefs(G, 1) + b"\x5a" * (36 * G.block_size)
    with Disk(large, image) as disk:
        with Store(disk, time=NOW) as store:
            assert store.stat().block_count == G.block_count
            with pytest.raises(SkinkError, match="NO_SPACE"):
                fill(store)
            assert store.check() == ""
        assert disk.image[G.size :] == image[G.size :]


def fill(store: Store) -> None:
    for index in range(100):
        store.set(b"fill%d" % index, bytes(700))


def test_another_block_size_and_a_device_that_is_too_small_are_refused() -> None:
    image = made_by_littlefs(G, 1)
    for geometry in (replace(G, block_size=512, block_count=32), replace(G, block_count=63)):
        with Disk(geometry, image[: geometry.size]) as disk:
            with pytest.raises(SkinkError, match=r"CORRUPT|UNSUPPORTED"):
                Store(disk)
            assert disk.writes == 0


# --- growing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skink_grows", [True, False], ids=["skink grows", "littlefs grows"])
def test_a_grown_store_is_used_to_its_end_by_both(skink_grows: bool) -> None:
    large = replace(G, block_count=128)
    image = made_by_littlefs(G, 1) + b"\xff" * G.size
    if skink_grows:
        with Disk(large, image) as disk:
            with Store(disk, time=NOW) as store:
                store.grow(128)
                assert store.stat().block_count == 128
            image = disk.image
    else:
        memory = littlefs.Memory(large, image)
        littlefs.mount(memory, G).fs_grow(128)
        image = memory.image
    with Disk(large, image) as disk:
        with Store(disk, time=NOW) as store:
            for index in range(20):
                store.set(b"big%d" % index, bytes([index]) * 800)
            assert store.stat().blocks_used > G.block_count
            assert store.check() == ""
            rows = store.rows()
        image = disk.image
    assert littlefs.entries(image, large) == rows
    assert read_image(image).superblock.block_count == 128
