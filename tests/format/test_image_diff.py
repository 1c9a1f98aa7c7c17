# SPDX-License-Identifier: ISC
"""`powercut image diff`: the difference of two images down to tags, and what is not in the format."""

from __future__ import annotations

import itertools
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from powercut.cli import cli, main
from powercut.geometry import Geometry
from powercut.skink import FORMAT_2_0, Disk, Store
from powercut_models.blocks import FORWARD_CRC, crc32, read_log
from powercut_models.difference_words import as_fields, lines
from powercut_models.image import Difference, ImageError, compare, read_image

GEOMETRY = Geometry(16, 16, 1024, 24, 0xFF)
NOW = (20_000, 1)
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def store_image(*sets: tuple[bytes, bytes], geometry: Geometry = GEOMETRY, flags: int = 0) -> bytes:
    """The image of a fresh skink store with these values in it."""
    with Disk(geometry) as disk:
        disk.format(flags=flags)
        with Store(disk, time=NOW) as store:
            for key, value in sets:
                store.set(key, value)
        return disk.image


def more(image: bytes, *tags: tuple[int, int, bytes], block: int | None = None) -> bytes:
    """The image with one more commit, of (type, id, data) each, at the end of the first pair's log."""
    size = GEOMETRY.block_size
    at = read_image(image).pairs[0].newest.block if block is None else block
    log = read_log(at, image[at * size : (at + 1) * size])
    last = log.tags[-1]
    previous = (last.type << 20 | last.id << 10 | last.length) ^ (last.type & 1) << 31
    out = bytearray()
    for kind, number, data in tags:
        word = kind << 20 | number << 10 | len(data)
        out += (word ^ previous).to_bytes(4, "big") + data
        previous = word
    out += ((0x500 << 20 | 0x3FF << 10 | 4) ^ previous).to_bytes(4, "big")
    out += crc32(bytes(out)).to_bytes(4, "little")
    start = at * size + log.append_off
    return image[:start] + bytes(out) + image[start + len(out) :]


def text(found: Difference) -> str:
    return "\n".join(lines(found, lambda key: key.decode("latin-1")))


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["image", "diff", *map(str, arguments)], standalone_mode=False)
    assert result.exception is None, result.output
    return int(result.return_value), result.output


@pytest.fixture
def files(tmp_path: Path) -> Any:
    def write(*images: bytes) -> list[Path]:
        paths = [tmp_path / f"{index}.img" for index in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            path.write_bytes(image)
        return paths

    return write


def test_an_image_does_not_differ_from_itself(files: Any) -> None:
    image = store_image((b"a/b", b"x" * 700), (b"c", b"y"))
    found = compare(image, image)
    assert found.same
    assert text(found).endswith("no difference")
    assert run(*files(image, image))[0] == 0


def test_entries_tags_and_blocks_that_came_are_told(files: Any) -> None:
    before = store_image((b"kept", b"1"), (b"changed", b"1"))
    after = store_image((b"kept", b"1"), (b"changed", b"1"), (b"changed", b"22"), (b"new", b"z" * 600))
    found = compare(before, after)
    assert {(one.key, one.a is None, one.what) for one in found.entries} == {
        (b"changed", False, ("data",)),
        (b"new", True, ()),
    }
    (pair,) = found.pairs
    assert {change.side for log in pair.logs for change in log.tags} == {"b"}
    shown = text(found)
    assert "entries: 1 added, 0 removed, 1 changed" in shown
    assert "  + new: a value of 600 bytes" in shown
    assert "0x001 entry 3: a value named 'new'" in shown
    assert "free -> the value 'new'" in shown
    assert run(*files(before, after))[0] == 1
    back = compare(after, before)
    assert {one.key for one in back.entries if one.b is None} == {b"new"}
    assert {change.side for log in back.pairs[0].logs for change in log.tags} == {"a"}


def test_only_what_a_commit_added_is_told_of_its_pair() -> None:
    image = store_image((b"a", b"1"))
    longer = more(image, (0x301, 1, b"attr"))
    (pair,) = compare(image, longer).pairs
    (log,) = pair.logs
    assert [(one.side, one.commit, one.tag.type) for one in log.tags] == [
        ("b", 3, 0x301),
        ("b", 3, 0x500),
    ]
    assert log.same == len(read_image(image).pairs[0].newest.tags)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ((0x203, 1, b"12345678"), "is a struct of an unknown type"),
        ((0x003, 1, b"name"), "is a name of an unknown type"),
        ((0x101, 1, b""), "is a tag of an unknown type"),
        ((0x402, 1, b""), "is a splice of an unknown type"),
        ((0x602, 0x3FF, b"12345678"), "is a tail of an unknown type"),
        ((0x7FE, 0x3FF, b""), "is global state of an unknown type"),
        ((0x5FE, 0x3FF, b""), "is a checksum of an unknown type"),
        ((0x200, 1, b"1234"), "has 4 bytes, not 8"),
        ((0x401, 1, b"x"), "has 1 bytes, not 0"),
        ((0x201, 0x3FF, b"x"), "is about no entry"),
        ((0x7FF, 1, bytes(12)), "is about entry 1, and its type is about none"),
        ((0x0FF, 1, b"littlefs"), "makes entry 1 a superblock, which only entry 0 can be"),
    ],
)
def test_tags_that_are_not_in_the_format_are_pointed_out_with_their_place(
    tag: tuple[int, int, bytes], words: str
) -> None:
    image = store_image((b"a", b"1"))
    log = read_image(image).pairs[0].newest
    found = compare(image, more(image, tag))
    (odd,) = found.odd
    assert odd[0] == "b"
    assert (odd[1].block, odd[1].off, odd[1].type, odd[1].words) == (log.block, log.append_off, tag[0], words)
    assert f"  B, block {log.block}, byte {log.append_off}: the tag of type 0x{tag[0]:03x}" in text(found)


def test_a_forward_checksum_is_out_of_place_in_an_image_of_version_2_0() -> None:
    image = store_image(flags=FORMAT_2_0)
    assert compare(image, image).odd == ()
    found = compare(image, more(image, (FORWARD_CRC, 0x3FF, bytes(8))))
    assert [one.words for _, one in found.odd] == [
        "is a forward checksum, which a reader of version 2.0 takes for the end of the log"
    ]


def test_names_and_attributes_beyond_the_superblocks_limits_are_pointed_out() -> None:
    image = store_image((b"a", b"1"))
    limit = read_image(image).superblock.name_max
    found = compare(image, more(image, (0x001, 1, b"n" * (limit + 1))))
    assert [one.words for _, one in found.odd] == [
        f"has {limit + 1} bytes, and the superblock says name_max {limit}"
    ]


def test_a_raised_version_is_told_by_field_and_by_tag() -> None:
    with Disk(GEOMETRY, store_image(flags=FORMAT_2_0)) as disk:
        old = disk.image
        with Store(disk, time=NOW) as store:
            store.set(b"a", b"1")
        new = disk.image
    found = compare(old, new)
    assert [(field.name, field.a, field.b) for field in found.superblock] == [("version", (2, 0), (2, 1))]
    assert "version: 2.0 -> 2.1" in text(found)


def test_a_version_that_is_not_known_is_followed_and_pointed_out(files: Any, tmp_path: Path) -> None:
    image = store_image((b"a", b"1"))
    newer = more(image, (0x201, 0, b"\x02\0\x02\0" + image[24:44]))
    found = compare(image, newer)
    assert found.b.superblock is not None
    assert found.b.superblock.version == (2, 2)
    assert [entry.key for entry in found.b.entries] == [b"a"]
    assert "  B: on-disk version 2.2 is not 2.0 or 2.1" in text(found)


def golden(name: str) -> bytes:
    return lzma.decompress((GOLDEN / f"{name}.img.xz").read_bytes())


def settled(image: bytes, facts: dict[str, Any]) -> bytes:
    geometry = Geometry(16, 16, facts["block_size"], facts["block_count"], 0xFF)
    with Disk(geometry, image) as disk:
        with Store(disk) as store:
            store.settle()
        return disk.image


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json")))
def test_the_repair_of_a_golden_image_can_be_told(name: str) -> None:
    image, facts = golden(name), json.loads((GOLDEN / f"{name}.json").read_text())
    found = compare(image, settled(image, facts))
    assert found.odd == ()
    assert found.entries == ()
    fields = {field.name for field in found.state}
    assert ("move" in fields) == facts["move"]
    assert ("orphans" in fields) == facts["orphans"]
    assert (
        json.loads(json.dumps(as_fields(found, repr)))["same"]
        == found.same
        == (not fields and not found.pairs)
    )
    assert text(found)


def test_images_of_other_block_sizes_are_compared_as_far_as_it_makes_sense() -> None:
    sets = ((b"d/a", b"1"), (b"d/b", b"x" * 900))
    smaller = Geometry(16, 16, 512, 48, 0xFF)
    found = compare(store_image(*sets), store_image(*sets, (b"e", b""), geometry=smaller))
    assert not found.comparable
    assert {field.name for field in found.superblock} == {"block_size", "block_count", "name_max"}
    assert [one.key for one in found.entries] == [b"e"]
    assert (found.pairs, found.blocks, found.unreached) == ((), (), ())
    assert "blocks of different sizes" in text(found)


def test_bytes_that_nothing_reaches_are_a_difference_only_if_asked_for(files: Any) -> None:
    image = store_image((b"a", b"1"))
    free = image[:-1] + b"\x55"
    found = compare(image, free)
    assert found.same
    assert found.unreached == (GEOMETRY.block_count - 1,)
    paths = files(image, free)
    assert run(*paths)[0] == 0
    assert run(*paths, "--bytes")[0] == 1


def test_a_damaged_image_is_followed_as_far_as_it_goes() -> None:
    image = store_image((b"d/a", b"1"), (b"v", b"x" * 900))
    pair = next(one for one in read_image(image).pairs if 0 not in one.blocks)
    size = GEOMETRY.block_size
    broken = bytearray(image)
    for block in pair.blocks:
        broken[block * size : (block + 1) * size] = bytes(size)
    found = compare(image, bytes(broken))
    assert found.b.problem is not None
    assert "not sound" in text(found)
    assert [one.key for one in found.entries if one.b is None] == [b"d/a"]


def test_json_has_the_same_and_a_file_that_is_no_image_is_exit_code_2(files: Any, capsys: Any) -> None:
    one, other, noise = files(store_image((b"a%", b"1")), store_image((b"b", b"1")), b"\x5a" * 4096)
    code, output = run(one, other, "--json")
    told = json.loads(output)
    assert code == 1
    assert not told["same"]
    assert [(change["key"], change["change"]) for change in told["entries"]] == [
        ("a%25", "removed"),
        ("b", "added"),
    ]
    assert set(told) - {"command", "powercut", "json", "exit", "verdict"} == {
        "same", "identical", "a", "b", "comparable", "superblock", "state", "thread", "entries", "pairs",
        "blocks", "unreached", "odd",
    }  # fmt: skip
    assert main(["image", "diff", str(one), str(noise)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(noise) in line
    assert "say --block-size" in line
    assert main(["image", "diff", str(one), str(noise), "--block-size", "512"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("so nothing can be followed.")


def test_no_image_of_the_corpus_stops_it(corpus: Path) -> None:
    images = sorted(corpus.glob("*/*.img"))[::3]
    for one, other in itertools.pairwise(images):
        if max(one.stat().st_size, other.stat().st_size) > 1 << 18:
            continue
        try:
            found = compare(one.read_bytes(), other.read_bytes())
        except ImageError:
            continue
        json.dumps(as_fields(found, repr))
        assert text(found)
