# SPDX-License-Identifier: ISC
"""What tests of images written by others share: skink goes on writing in one, and everybody reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.skink import Disk, SkinkError, Store
from powercut_models import Row
from powercut_models.image import Entry, read_image

NOW = (20_000, 123_456_789)


@pytest.fixture(scope="session")
def write_on() -> Callable[[bytes, Geometry], None]:
    """Has skink write on in an image, and all three readers read it."""
    return _write_on


def change(store: Store, rows: list[Row], block_size: int) -> int:
    """Some of everything, as far as there is room; how many operations that was."""
    values = [row for row in rows if row.kind == "value"]
    folders = [row for row in rows if row.kind == "dictionary"]
    done = 0
    steps: list[tuple[Any, ...]] = [
        (store.set, b"zz", b"small"),
        (store.set, b"yy/y/x", b"deep" * (block_size // 16)),
        (store.allocate, b"yy/a", 3 * block_size),
        (store.set_partial, b"yy/a", block_size - 2, b"across"),
        (store.rename, b"yy/y", b"yy/z"),
    ]
    if values:
        steps += [(store.set, values[0].key, b"new"), (store.set_partial, values[-1].key, 1, b"middle")]
        steps += [(store.rename, values[len(values) // 2].key, b"ww"), (store.set_attr, b"ww", 9, b"attr")]
    if folders:
        steps += [(store.set, folders[0].key + b"/zz", b"in it"), (store.rename, folders[-1].key, b"vv")]
        steps += [(store.set_attr, b"vv", 9, b"attr"), (store.remove, folders[len(folders) // 2].key)]
    for call, *arguments in steps:
        try:
            call(*arguments)
        except SkinkError as error:
            if error.code not in ("NO_SPACE", "NOT_FOUND", "ALREADY_PRESENT", "DICTIONARY_EXPECTED"):
                raise
        else:
            done += 1
    return done


def _write_on(image: bytes, geometry: Geometry) -> None:
    """skink writes and checks itself; littlefs and the reader then see the same, block for block."""
    attrs = {entry.key: entry for entry in read_image(image, geometry.block_size).entries()}
    with Disk(geometry, image) as disk:
        with Store(disk, time=NOW) as store:
            done = change(store, store.rows(), geometry.block_size)
            rows, stat = store.rows(), store.stat()
            assert store.check() == ""
            assert not stat.pending
        image = disk.image
    assert done >= 3
    with Disk(geometry, image) as disk, Store(disk) as store:
        assert store.rows() == rows
    # how many blocks: what the superblock says, or the last of several (littlefs 2.11 would compare each)
    fs = littlefs.mount(littlefs.Memory(geometry, image), replace(geometry, block_count=0))
    assert fs.fs_stat().block_count == stat.block_count
    fs.fs_mkconsistent()
    assert littlefs.rows(fs) == rows
    assert fs.used_block_count == stat.blocks_used
    read = read_image(image, geometry.block_size)
    assert len(read.usage) == stat.blocks_used
    assert {entry.key: (entry.data, entry.time) for entry in read.entries()} == {
        row.key: (row.data, row.time) for row in rows
    }
    untouched = [entry for entry in read.entries() if entry.key in attrs]
    assert [entry for entry in untouched if entry.attrs != attrs[entry.key].attrs and not is_new(entry)] == []


def is_new(entry: Entry) -> bool:
    """Whether the change wrote it: what was no timestamp in its place has become one."""
    return entry.time == NOW
