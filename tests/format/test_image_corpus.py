# SPDX-License-Identifier: ISC
"""The independent reader sees in other programs' images what those programs saw."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from powercut_models.image import Entry, Image, ImageError, as_dict, describe, read_image

SECONDS = 5  # an image here takes some hundredths
FIXTURE = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def names(folder: str) -> list[str]:
    """The images of a folder; where the corpus is absent a name that is none, so that the skip is seen."""
    return sorted(path.stem for path in (FIXTURE / folder).glob("*.json")) or ["(no corpus)"]


def load(corpus: Path, folder: str, name: str) -> tuple[bytes, dict[str, Any]]:
    facts = json.loads((corpus / folder / f"{name}.json").read_text(encoding="utf-8"))
    return (corpus / folder / f"{name}.img").read_bytes(), facts


def shown(entries: list[Entry], *, attrs: bool = False, times: bool = False) -> dict[str, dict[str, Any]]:
    """Entries in the corpus's own words."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        words: dict[str, Any] = {"kind": entry.kind}
        if entry.data is not None:
            words |= {"size": len(entry.data), "sha256": hashlib.sha256(entry.data).hexdigest()}
        if times and entry.time is not None:
            words |= {"mtime_days": entry.time[0], "mtime_ps": entry.time[1]}
        if attrs and entry.attrs:
            words["attrs"] = {str(kind): value.hex() for kind, value in entry.attrs.items()}
        found["/" + entry.key.decode("utf-8", "surrogateescape")] = words
    return found


def by_littlefs(data: bytes, facts: dict[str, Any], *, repair: bool = False) -> dict[str, dict[str, Any]]:
    """What real littlefs sees in an image, or LittleFSError."""
    shape = {key: facts[key] for key in ("block_size", "block_count", "prog_size")}
    context = UserContext(buffer=bytearray(data))
    fs = LittleFS(
        context, mount=False, filename_encoding="latin-1", read_size=shape["prog_size"],
        cache_size=shape["block_size"], **shape,
    )  # fmt: skip
    fs.mount()
    if repair:
        fs.fs_mkconsistent()
    found: dict[str, dict[str, Any]] = {}
    for where, dictionaries, values in fs.walk("/"):
        for name in dictionaries:
            found[f"{where.rstrip('/')}/{name}"] = {"kind": "dictionary"}
        for name in values:
            path = f"{where.rstrip('/')}/{name}"
            with fs.open(path, "rb") as file:
                value = file.read()
            found[path] = {"kind": "value", "size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    return found


def within(action: Callable[[], Image]) -> Image | None:
    """The action's answer, None for ImageError; it must not take long."""
    start, image, problem = time.monotonic(), None, ""
    try:
        image = action()
    except ImageError as error:
        problem = str(error)
    assert time.monotonic() - start < SECONDS
    assert "\n" not in problem
    return image


@pytest.mark.parametrize("name", names("littlefs"))
def test_every_image_of_littlefs_is_read_exactly(corpus: Path, name: str) -> None:
    data, facts = load(corpus, "littlefs", name)
    image = read_image(data)
    expected = dict(facts.get("entries_recovered") or facts["entries"])
    root = expected.pop("/", {"attrs": {}})
    assert shown(image.entries(), attrs=True) == expected
    assert {str(kind): value.hex() for kind, value in image.root_attrs.items()} == root["attrs"]
    given = read_image(data, facts["block_size"], facts["block_count"], facts["prog_size"])
    assert given.entries() == image.entries()


@pytest.mark.parametrize("name", names("littlefs"))
def test_every_image_of_littlefs_has_the_structure_that_littlefs_counted(corpus: Path, name: str) -> None:
    data, facts = load(corpus, "littlefs", name)
    image = read_image(data)
    superblock, pending = image.superblock, facts["pending"]
    assert ".".join(map(str, superblock.version)) == facts["disk_version"] or pending["needs_superblock"]
    for key in ("block_size", "block_count", "name_max", "file_max", "attr_max"):
        assert getattr(superblock, key) == facts[key]
    words = [int.from_bytes(image.state.raw[off : off + 4], "little") for off in (0, 4, 8)]
    assert [words[0] & ~0x3FF, *words[1:]] == [pending["gstate"][0] & ~0x3FF, *pending["gstate"][1:]]
    assert (image.state.move is not None) == pending["move"]
    assert image.state.orphans == pending["orphans"]
    assert len(image.thread) == facts["mdirs"]
    assert sum(pair.hard and pair.tail is not None for pair in image.thread) == facts["hardtails"]
    if not pending["move"] and not pending["orphans"]:
        assert len(image.usage) == facts["used_blocks"]
        assert image.leftovers == ()
        assert image.pairs == image.thread


@pytest.mark.parametrize("name", names("littlefs-bad"))
def test_a_bad_image_is_an_error_or_what_littlefs_reads(corpus: Path, name: str) -> None:
    data, facts = load(corpus, "littlefs-bad", name)
    image = within(lambda: read_image(data, facts["block_size"], facts["block_count"]))
    if name == "grown_chain_lost":  # facts.md, 2: the last superblock of the chain tells the grown size
        assert image is not None
        assert len(image.entries()) > 0
    elif facts["expect"] == "corrupt":
        assert image is None
    elif (
        name == "gstate_move_ok"
    ):  # facts.md, 1: littlefs hides one entry too many until it has repaired this
        assert image is not None
        assert shown(image.entries()) == by_littlefs(data, facts, repair=True)
        assert shown(image.entries()) != facts["entries"]
    elif image is not None:
        assert shown(image.entries()) == facts["entries"]


def test_what_littlefs_mounts_and_is_right_is_read(corpus: Path) -> None:
    read = set()
    for name in names("littlefs-bad"):
        data, facts = load(corpus, "littlefs-bad", name)
        if within(lambda d=data, f=facts: read_image(d, f["block_size"], f["block_count"])) is not None:  # type: ignore[misc]
            read.add(name)
    assert read >= {
        "control_ok", "bad_crc_newest", "bad_crc_second_commit", "one_copy_zero", "rev_equal", "rev_opposite",
        "tag_overflow_block", "inline_300", "unsorted", "dir_not_on_tail", "orphan_unflagged", "fcrc_missing",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["chamelon", "chamelon-quirks"])
def test_chamelons_images_are_read_exactly_where_littlefs_agrees(corpus: Path, folder: str) -> None:
    agreed = 0
    for name in names(folder):
        data, facts = load(corpus, folder, name)
        if facts["littlefs_agrees"]:
            agreed += 1
            assert shown(read_image(data).entries(), times=True) == facts["entries"], name
    assert agreed > 0


@pytest.mark.parametrize("folder", ["chamelon", "chamelon-quirks"])
def test_no_wrong_value_is_read_where_chamelon_breaks_the_format(corpus: Path, folder: str) -> None:
    """An error, or what chamelon wrote, or what littlefs reads: never a third thing."""
    broken = 0
    for name in names(folder):
        data, facts = load(corpus, folder, name)
        image = within(lambda d=data: read_image(d))  # type: ignore[misc]
        if facts["littlefs_agrees"] or image is None:
            continue
        broken += 1
        if shown(image.entries(), times=True) != facts["entries"]:
            try:
                assert shown(image.entries()) == by_littlefs(data, facts), name
            except LittleFSError:
                pytest.fail(f"{name}: littlefs does not read it, and the reader saw {image.entries()}")
    assert broken > 0


@pytest.mark.parametrize("folder", ["littlefs", "littlefs-bad", "chamelon", "chamelon-quirks"])
def test_every_image_can_be_described_damaged_or_not(corpus: Path, folder: str) -> None:
    for name in names(folder):
        data, facts = load(corpus, folder, name)
        found = as_dict(data, facts["block_size"])
        json.dumps(found)
        lines = list(describe(data, facts["block_size"]))
        assert (found["problem"] is None) == (found["entries"] is not None)
        assert (found["problem"] is not None) == lines[-1].startswith("problem: ")
        assert all("\n" not in line for line in lines)
