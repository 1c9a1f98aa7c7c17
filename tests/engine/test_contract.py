# SPDX-License-Identifier: ISC
"""Sentences of the contract that skink once did not keep, each by hand."""

from __future__ import annotations

import pytest

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.native import ffi, lib
from powercut.skink import Disk, SkinkError, Store

G = Geometry(16, 16, 256, 64, 0xFF)
NOW = (20_000, 123)
#: Twelve bytes of the timestamp's attribute, as another program may put them on a dictionary.
TIME = (20_000).to_bytes(4, "little") + (5).to_bytes(8, "little")


def test_a_full_store_of_large_blocks_and_small_entries_answers_no_space_and_stays_whole() -> None:
    geometry, done = Geometry(16, 16, 16384, 5, 0xFF), 0
    with Disk(geometry) as disk:
        disk.format()
        with Store(disk) as store:
            with pytest.raises(SkinkError, match="NO_SPACE"):  # noqa: PT012
                for index in range(4000):
                    store.set(b"%03x" % index, b"")
                    done += 1
            assert store.check() == ""
            assert len(store.rows()) == done
        with Store(disk) as store:
            assert len(store.rows()) == done
            store.remove(b"000")
        assert len(littlefs.entries(disk.image, geometry)) == done - 1


def littlefs_attr(disk: Disk, geometry: Geometry, path: str, kind: int) -> bytes:
    return bytes(littlefs.mount(littlefs.Memory(geometry, disk.image), geometry).getattr(path, kind))


@pytest.mark.parametrize("grow", [False, True], ids=["raised to 2.1", "grown"])
def test_the_roots_attributes_of_any_type_survive_a_new_superblock(grow: bool) -> None:
    memory = littlefs.Memory(G)
    fs = littlefs.mount(memory, G, fresh=True, disk_version=0x20001 if grow else 0x20000)
    fs.setattr("/", 0x74, TIME)
    geometry = Geometry(16, 16, 256, 80, 0xFF) if grow else G
    image = memory.image + b"\xff" * (geometry.size - G.size)
    with Disk(geometry, image) as disk:
        with Store(disk, time=NOW) as store:
            if grow:
                store.grow(80)
            else:
                store.set(b"x", b"1")
        assert littlefs_attr(disk, geometry, "/", 0x74) == TIME


class Worn:
    """A disk that finds a block bad at its n-th erase."""

    def __init__(self, disk: Disk, at: int) -> None:
        self.pointer = ffi.new("struct bd *")
        what = ffi.new("struct bd_fail *", (lib.BD_FAIL_ERASE_BAD, 0, at))
        assert lib.bd_fail_open(disk.pointer, what, self.pointer) == 0


@pytest.mark.parametrize("at", range(8))
def test_a_dictionarys_attributes_of_any_type_survive_that_its_pair_moves(at: int) -> None:
    memory = littlefs.Memory(G)
    fs = littlefs.mount(memory, G, fresh=True)
    fs.mkdir("/d")
    fs.setattr("/d", 0x41, b"other")
    fs.setattr("/d", 0x74, TIME)
    with Disk(G, memory.image) as disk:
        worn = Worn(disk, at)
        with Store(worn, time=NOW) as store:  # type: ignore[arg-type]
            for index in range(60):
                store.set(b"d/x", b"%d" % index * 5)
        assert littlefs_attr(disk, G, "/d", 0x41) == b"other"
        assert littlefs_attr(disk, G, "/d", 0x74) == TIME
        lib.bd_close(worn.pointer)


def test_an_attribute_of_a_key_does_not_turn_value_checksums_on() -> None:
    with Disk(G) as disk:
        disk.format()
        with Store(disk, time=NOW) as store:
            store.set(b"v", b"x" * 100)
            store.set_attr(b"v", 0x76, b"mine")
            with pytest.raises(SkinkError, match="INVALID_ARGUMENT"):
                store.set_attr(b"", 0x76, b"root")
        with Store(disk, time=NOW) as store:
            assert not store.stat().value_checks
            assert store.attr(b"v", 0x76) == b"mine"


def test_probe_tells_the_size_of_an_image_that_littlefs_grew_behind_a_superblock_chain() -> None:
    large = Geometry(16, 16, 256, 300, 0xFF)
    memory = littlefs.Memory(large)
    fs = littlefs.mount(memory, Geometry(16, 16, 256, 256, 0xFF), fresh=True, block_cycles=2)
    for index in range(400):
        with fs.open(f"/{index % 3}", "wb") as file:
            file.write(b"%d" % index)
    fs.fs_grow(300)
    size, count = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    image = memory.image
    with Disk(large, image) as disk, Store(disk) as store:
        assert store.stat().block_count == 300
    assert lib.skink_probe(ffi.from_buffer("uint8_t[]", image), len(image), size, count) == 0
    assert (size[0], count[0]) == (256, 300)
