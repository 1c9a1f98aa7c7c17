# SPDX-License-Identifier: ISC
"""No bytes make the reader raise anything but ImageError, or run away."""

import contextlib
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from littlefs import LittleFS

from powercut_models.blocks import crc32, read_log
from powercut_models.image import ImageError, as_dict, describe, read_image

BLOCK = 256


def base_image() -> bytes:
    """A small image with everything: values inline and in blocks, dictionaries, attributes, hard tails."""
    fs = LittleFS(block_size=BLOCK, block_count=32, prog_size=16, read_size=16, cache_size=BLOCK)
    fs.mkdir("/d")
    fs.mkdir("/d/e")
    for number in range(6):
        with fs.open(f"/d/value{number}", "wb") as file:
            file.write(bytes([number]) * (number * 11))
    with fs.open("/long", "wb") as file:
        file.write(bytes(range(200)) * 5)
    fs.setattr("/long", 0x74, bytes(12))
    fs.setattr("/d", 1, b"attribute")
    fs.rename("/d/value0", "/moved")
    fs.unmount()
    return bytes(fs.context.buffer)


IMAGE = base_image()
USED = max(i for i, byte in enumerate(IMAGE) if byte != 0xFF) + 1


def probe(data: bytes, block_size: int | None = None) -> bool:
    """Reads and describes; whether it could be read. Anything but ImageError escapes and fails the test."""
    start, image, problem = time.monotonic(), None, ""
    try:
        image = read_image(data, block_size)
    except ImageError as error:
        problem = str(error)
    assert (image is None) == bool(problem)
    assert "\n" not in problem
    if image is not None:
        assert all(entry.key for entry in image.entries())
        assert sum(len(entry.data or b"") for entry in image.entries()) <= len(data)
    with contextlib.suppress(ImageError):
        assert as_dict(data, block_size)["problem"] == (problem or None)
    assert time.monotonic() - start < 5
    return image is not None


def reseal(data: bytearray) -> None:
    """Makes the checksums right of commits that can still be walked to: hostile tags are then believed."""
    for block in range(len(data) // BLOCK):
        start = block * BLOCK
        for _ in range(BLOCK // 8):
            log = read_log(block, bytes(data[start : start + BLOCK]))
            torn = log.torn
            if torn is None or not torn.tags[-1].is_crc or len(torn.tags[-1].data) < 4:
                break
            at = start + torn.tags[-1].off + 4
            data[at : at + 4] = torn.computed.to_bytes(4, "little")


def test_the_base_image_reads() -> None:
    assert probe(IMAGE)
    assert len(read_image(IMAGE).entries()) == 9


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, USED - 1), st.integers(1, 255)), min_size=1, max_size=6), st.booleans()
)
def test_flipped_bits_are_an_error_or_another_image(flips: list[tuple[int, int]], given_size: bool) -> None:
    data = bytearray(IMAGE)
    for at, mask in flips:
        data[at] ^= mask
    probe(bytes(data), BLOCK if given_size else None)


@settings(max_examples=800, deadline=None)
@given(st.lists(st.tuples(st.integers(0, USED - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_hostile_bytes_under_right_checksums_are_an_error_or_another_image(
    changes: list[tuple[int, int]],
) -> None:
    data = bytearray(IMAGE)
    for at, byte in changes:
        data[at] = byte
    reseal(data)
    probe(bytes(data), BLOCK)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(IMAGE)))
def test_a_truncated_image_is_an_error(size: int) -> None:
    assert probe(IMAGE[:size]) == (size == len(IMAGE))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(st.binary(max_size=4096), st.sampled_from([None, 0, -1, 1, 104, 128, 512, 2**40]))
def test_noise_is_an_error(data: bytes, block_size: int | None) -> None:
    with pytest.raises(ImageError):
        read_image(data, block_size)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=BLOCK, max_size=BLOCK), st.integers(0, 1))
def test_noise_in_one_block_of_a_pair_leaves_the_other(noise: bytes, block: int) -> None:
    data = bytearray(IMAGE)
    data[block * BLOCK : (block + 1) * BLOCK] = noise
    probe(bytes(data), BLOCK)


def commit(*tags: tuple[int, int, bytes], revision: int = 1) -> bytes:
    """One block's first commit, by hand: (type, id, data) each."""
    out = bytearray(revision.to_bytes(4, "little"))
    previous = 0xFFFFFFFF
    for kind, number, data in tags:
        word = kind << 20 | number << 10 | len(data)
        out += (word ^ previous).to_bytes(4, "big") + data
        previous = word
    out += ((0x500 << 20 | 0x3FF << 10 | 4) ^ previous).to_bytes(4, "big")
    return bytes(out + crc32(bytes(out)).to_bytes(4, "little"))


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def image_of(blocks: dict[int, bytes], block_size: int, count: int) -> bytes:
    return b"".join(blocks.get(n, b"").ljust(block_size, b"\xff") for n in range(count))


def superblock(block_size: int, count: int, name_max: int = 255) -> Iterator[tuple[int, int, bytes]]:
    yield 0x0FF, 0, b"littlefs"
    yield 0x201, 0, words(0x00020001, block_size, count, name_max, 2**31 - 1, 1022)


def test_a_tree_deeper_than_any_stack_ends_in_bounded_memory() -> None:
    size, depth = 256, 20000
    count = 2 * depth + 2
    blocks = {0: commit(*superblock(size, count), (0x002, 1, b"n" * 150), (0x200, 1, words(2, 3)))}
    for level in range(1, depth):
        pointer = words(2 * level + 2, 2 * level + 3)
        blocks[2 * level] = commit((0x002, 0, b"n" * 150), (0x200, 0, pointer))
    blocks[2 * depth] = commit((0x001, 0, b"leaf"), (0x201, 0, b""))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="keys of the tree"):
            read_image(image_of(blocks, size, count))
        assert tracemalloc.get_traced_memory()[1] < 1 << 30
    finally:
        tracemalloc.stop()


def test_a_long_list_of_pairs_is_no_trouble() -> None:
    size, pairs = 128, 3000
    count = 2 * pairs
    blocks = {0: commit(*superblock(size, count, 40), (0x601, 0x3FF, words(2, 3)))}
    for n in range(1, pairs):
        tail = words(2 * n + 2, 2 * n + 3) if n + 1 < pairs else words(0xFFFFFFFF, 0xFFFFFFFF)
        blocks[2 * n] = commit((0x001, 0, b"%04d" % n), (0x201, 0, b"v"), (0x601, 0x3FF, tail))
    assert len(read_image(image_of(blocks, size, count)).entries()) == pairs - 1


HOSTILE = {
    "a value's list of blocks leaves the image": [(0x001, 1, b"v"), (0x202, 1, words(9, 5))],
    "a value's list is a metadata block": [(0x001, 1, b"v"), (0x202, 1, words(0, 5))],
    "a value has more bytes than the image": [(0x001, 1, b"v"), (0x202, 1, words(2, 2**31 - 1))],
    "a dictionary is the root": [(0x002, 1, b"d"), (0x200, 1, words(0, 1))],
    "a dictionary is the root the other way round": [(0x002, 1, b"d"), (0x200, 1, words(1, 0))],
    "a dictionary is one block twice": [(0x002, 1, b"d"), (0x200, 1, words(2, 2))],
    "the list comes back": [(0x600, 0x3FF, words(1, 0))],
    "the list leaves the image": [(0x600, 0x3FF, words(2, 400))],
    "a move from nowhere": [(0x7FF, 0x3FF, words(0x4FF << 20 | 3 << 10, 0, 1))],
    "a move of the superblock": [(0x7FF, 0x3FF, words(0x4FF << 20, 0, 1))],
    "pending work of no kind": [(0x7FF, 0x3FF, words(0x123 << 20, 0, 1))],
    "an unknown splice": [(0x47F, 1, b"")],
    "an entry of no kind": [(0x003, 1, b"v"), (0x201, 1, b"")],
    "a name with a slash": [(0x001, 1, b"a/b"), (0x201, 1, b"")],
    "a name for nobody": [(0x001, 0x3FF, b"v")],
    "a second superblock": [(0x0FF, 1, b"littlefs")],
}


@pytest.mark.parametrize("tags", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_right_is_told_in_one_sentence(tags: list[tuple[int, int, bytes]]) -> None:
    data = image_of({0: commit(*superblock(512, 8), *tags)}, 512, 8)
    with pytest.raises(ImageError):
        read_image(data)
    assert list(describe(data, 512))[-1].startswith("problem: ")


def test_the_smallest_image_reads() -> None:
    data = image_of({0: commit(*superblock(512, 8))}, 512, 8)
    assert read_image(data).entries() == []
    other = image_of({1: commit(*superblock(512, 8))}, 512, 8)
    assert read_image(other).entries() == []
