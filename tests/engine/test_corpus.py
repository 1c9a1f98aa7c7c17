# SPDX-License-Identifier: ISC
"""skink on images that other programs wrote: it sees what they saw, leaves them as they are while it reads,
writes on where they stopped, and gives damaged ones a code."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from littlefs.errors import LittleFSError

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.native import lib
from powercut.skink import READ_ONLY, Disk, SkinkError, Store
from powercut_models import Row
from powercut_models.image import ImageError, read_image

SECONDS = 5  # of the processor's time; an image here takes some thousandths
FIXTURE = Path(__file__).resolve().parents[3] / "shared" / "corpus"
#: Bad images that littlefs itself reads wrongly (or refuses, though nothing of them is lost).
DIFFERENT = ("gstate_move_ok", "grown_chain_lost", "block_count_less")
NOW = (20_000, 123_456_789)

Words = dict[str, dict[str, Any]]
WriteOn = Callable[[bytes, Geometry], None]


def names(folder: str) -> list[str]:
    """The images of a folder; where the corpus is absent a name that is none, so that the skip is seen."""
    return sorted(path.stem for path in (FIXTURE / folder).glob("*.json")) or ["(no corpus)"]


def load(corpus: Path, folder: str, name: str) -> tuple[bytes, dict[str, Any], Geometry]:
    """The bytes of an image, its facts, and its geometry. Of one cut short the whole blocks, or one."""
    facts = json.loads((corpus / folder / f"{name}.json").read_text(encoding="utf-8"))
    image = (corpus / folder / f"{name}.img").read_bytes()
    erase = facts.get("erase", "0xff")
    prog = facts.get("prog_size", 16)
    size = facts["block_size"]
    count = max(len(image) // size, 1)
    image = image[: count * size].ljust(count * size, b"\xff")
    value = None if erase not in ("0xff", "0x00") else int(erase, 16)
    return image, facts, Geometry(facts.get("read_size", prog), prog, size, count, value)


def key_of(path: str) -> bytes:
    return path[1:].encode("utf-8", "surrogateescape")


def shown(rows: list[Row], *, times: bool = False) -> Words:
    """Rows in the corpus's own words."""
    found: Words = {}
    for row in rows:
        words: dict[str, Any] = {"kind": row.kind}
        if row.data is not None:
            words |= {"size": len(row.data), "sha256": hashlib.sha256(row.data).hexdigest()}
        if times and row.time is not None:
            words |= {"mtime_days": row.time[0], "mtime_ps": row.time[1]}
        found["/" + row.key.decode("utf-8", "surrogateescape")] = words
    return found


def without_attrs(entries: Words) -> Words:
    return {
        path: {name: value for name, value in words.items() if name != "attrs"}
        for path, words in entries.items()
        if path != "/"
    }


def attrs_of(store: Store, key: bytes) -> dict[str, str]:
    """All user attributes but the timestamp's, in the corpus's own words."""
    found = {str(kind): store.attr(key, kind) for kind in range(256) if kind != 0x74}
    return {kind: value.hex() for kind, value in found.items() if value is not None}


def seen(image: bytes, geometry: Geometry, flags: int = 0) -> list[Row] | str:
    """What skink shows of an image, in a bounded time and without a write; or its code."""
    start = time.process_time()
    with Disk(geometry, image) as disk:
        try:
            with Store(disk, flags=flags) as store:
                found: list[Row] | str = store.rows()
        except SkinkError as error:
            found = error.code
        assert disk.writes == 0
        assert disk.image == image
    assert time.process_time() - start < SECONDS
    return found


# --- littlefs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names("littlefs"))
def test_every_image_of_littlefs_is_read_exactly_and_left_as_it_is(corpus: Path, name: str) -> None:
    image, facts, geometry = load(corpus, "littlefs", name)
    expected = facts.get("entries_recovered") or facts["entries"]
    for flags in (0, READ_ONLY):
        found = seen(image, geometry, flags)
        assert not isinstance(found, str), found
        assert shown(found) == without_attrs(expected)
    with Disk(geometry, image) as disk, Store(disk, flags=READ_ONLY) as store:
        assert store.check() == ""
        for path, words in expected.items():
            told = {kind: value for kind, value in words.get("attrs", {}).items() if kind != "116"}
            assert attrs_of(store, key_of(path)) == told, path
        for row in found:
            if row.kind == "value":
                assert store.get(row.key) == row.data
        stat = store.stat()
        assert (stat.block_size, stat.block_count) == (facts["block_size"], facts["block_count"])
        assert stat.name_max == min(facts["name_max"], lib.skink_name_limit(stat.block_size))
        assert (stat.value_max, stat.attr_max) == (facts["file_max"], facts["attr_max"])
        with pytest.raises(SkinkError, match="READ_ONLY"):
            store.set(b"a", b"")


@pytest.mark.parametrize("name", names("littlefs"))
def test_skink_writes_on_in_every_image_of_littlefs(corpus: Path, name: str, write_on: WriteOn) -> None:
    image, _, geometry = load(corpus, "littlefs", name)
    write_on(image, geometry)


@pytest.mark.parametrize("name", names("littlefs"))
def test_what_littlefs_left_half_done_is_settled_to_the_same_store(corpus: Path, name: str) -> None:
    image, facts, geometry = load(corpus, "littlefs", name)
    expected = without_attrs(facts.get("entries_recovered") or facts["entries"])
    with Disk(geometry, image) as disk:
        with Store(disk) as store:
            store.settle()
            stat = store.stat()
            assert (stat.pending, store.check()) == (False, "")
        image = disk.image
    fs = littlefs.mount(littlefs.Memory(geometry, image), geometry)
    assert shown(littlefs.rows(fs)) == expected
    assert fs.used_block_count == stat.blocks_used
    if not facts["pending"]["move"] and not facts["pending"]["orphans"]:
        assert stat.blocks_used == facts["used_blocks"]
    assert read_image(image, geometry.block_size).leftovers == ()


# --- bad images --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names("littlefs-bad"))
def test_a_bad_image_is_a_code_or_what_is_right(corpus: Path, name: str) -> None:
    image, facts, geometry = load(corpus, "littlefs-bad", name)
    found = seen(image, geometry)
    if isinstance(found, str):
        assert found in ("CORRUPT", "UNSUPPORTED")
        return
    if name in DIFFERENT:  # there littlefs is wrong
        read = read_image(image, facts["block_size"]).entries()
        assert {row.key: row.data for row in found} == {entry.key: entry.data for entry in read}
    else:
        assert facts["expect"] == "mounts"
        assert shown(found) == facts["entries"]


@pytest.mark.parametrize("name", names("littlefs-bad"))
def test_a_bad_image_takes_writes_or_a_code_and_nothing_else_changes(corpus: Path, name: str) -> None:
    image, _, geometry = load(corpus, "littlefs-bad", name)
    start = time.process_time()
    before = seen(image, geometry)
    if not isinstance(before, str):
        with Disk(geometry, image) as disk:
            with Store(disk, time=NOW) as store:
                try:
                    store.set(b"zz", b"written")
                except SkinkError as error:
                    if error.code not in ("CORRUPT", "NO_SPACE"):
                        raise
            after = seen(disk.image, geometry)
        assert isinstance(after, list)
        assert [row for row in after if row.key != b"zz"] == before
    assert time.process_time() - start < SECONDS


def test_what_littlefs_mounts_and_is_right_is_read(corpus: Path) -> None:
    read = set()
    for name in names("littlefs-bad"):
        image, _, geometry = load(corpus, "littlefs-bad", name)
        if not isinstance(seen(image, geometry), str):
            read.add(name)
    assert read >= {
        "control_ok", "bad_crc_newest", "bad_crc_second_commit", "one_copy_zero", "rev_equal", "rev_opposite",
        "inline_300", "orphan_unflagged", "fcrc_missing", "gstate_move_ok",
    }  # fmt: skip


# --- chamelon ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["chamelon", "chamelon-quirks"])
def test_chamelons_images_are_read_with_their_times_and_written_on_where_littlefs_agrees(
    corpus: Path, folder: str, write_on: WriteOn
) -> None:
    agreed = 0
    for name in names(folder):
        image, facts, geometry = load(corpus, folder, name)
        if not facts["littlefs_agrees"]:
            continue
        agreed += 1
        found = seen(image, geometry)
        assert not isinstance(found, str), (name, found)
        assert shown(found, times=True) == facts["entries"], name
        with Disk(geometry, image) as disk, Store(disk) as store:
            for row in found:
                if row.time is not None:
                    assert store.last_modified(row.key) == row.time, (name, row.key)
        write_on(image, geometry)
    assert agreed > 0


@pytest.mark.parametrize("folder", ["chamelon", "chamelon-quirks"])
def test_no_wrong_value_is_read_where_chamelon_breaks_the_format(corpus: Path, folder: str) -> None:
    """CORRUPT, or what chamelon wrote, or what littlefs reads: never a third thing."""
    broken = 0
    for name in names(folder):
        image, facts, geometry = load(corpus, folder, name)
        if facts["littlefs_agrees"]:
            continue
        broken += 1
        found = seen(image, geometry)
        if isinstance(found, str):
            assert found == "CORRUPT", name
        elif shown(found, times=True) != facts["entries"]:
            assert found == by_littlefs(image, geometry), name
    assert broken > 0


def by_littlefs(image: bytes, geometry: Geometry) -> list[Row] | None:
    try:
        return littlefs.rows(littlefs.mount(littlefs.Memory(geometry, image), geometry))
    except LittleFSError:
        return None


def test_skink_and_the_independent_reader_refuse_the_same_of_chamelons_images(corpus: Path) -> None:
    for folder in ("chamelon", "chamelon-quirks"):
        for name in names(folder):
            image, _, geometry = load(corpus, folder, name)
            found = seen(image, geometry)
            try:
                entries = read_image(image, geometry.block_size).entries()
            except ImageError:
                assert isinstance(found, str), name
                continue
            if not isinstance(found, str):
                assert {row.key: row.data for row in found} == {entry.key: entry.data for entry in entries}
