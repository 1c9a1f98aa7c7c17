# SPDX-License-Identifier: ISC
"""No bytes make the reader raise anything but ImageError, or run away."""

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from littlefs import LittleFS

from powercut_models.blocks import read_log
from powercut_models.image import ImageError, as_dict, read_image

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
