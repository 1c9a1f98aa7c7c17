# SPDX-License-Identifier: ISC
"""A littlefs image as a starting point: its geometry and what it holds, not asked of the engine."""

from __future__ import annotations

from pathlib import Path

from powercut.errors import PowercutError
from powercut.geometry import DEVICE_MAX, Geometry
from powercut.infile import read_whole
from powercut_models import Row
from powercut_models.image import ImageError, find_geometry, read_image

#: The user attribute that holds a value's timestamp: le32 days, le64 picoseconds into the day.
TIME_ATTRIBUTE = 0x74


def image_rows(image: bytes, geometry: Geometry) -> tuple[Row, ...]:
    """Every entry of the image. Raises PowercutError where the reader finds no littlefs store in it."""
    try:
        entries = read_image(image, geometry.block_size).entries()
    except ImageError as error:
        raise PowercutError(f"This image is no littlefs store to start from: {error}.") from error
    return tuple(
        Row(entry.key, entry.kind, entry.data, entry.time if entry.kind == "value" else None)
        for entry in entries
    )


def load_image(path: Path, read_size: int, prog_size: int, erase: int | None) -> tuple[bytes, Geometry]:
    """The image in a file and its geometry, blocks out of its superblock; the file is only read.

    Raises PowercutError: not readable, no littlefs image, shorter than it says.
    """
    try:
        data = read_whole(path, DEVICE_MAX)
    except OSError as error:
        raise PowercutError(
            f"Cannot read the image {path}: {(error.strerror or str(error)).lower()}; name a littlefs image."
        ) from error
    try:
        block_size, superblock = find_geometry(data)
    except ImageError as error:
        raise PowercutError(f"The image {path} is no littlefs image: {error}.") from error
    geometry = Geometry(read_size, prog_size, block_size, superblock.block_count, erase).checked()
    if len(data) < geometry.size:
        raise PowercutError(
            f"The image {path} has {len(data)} bytes, and should have {geometry.size}: it is cut short."
        )
    return data[: geometry.size], geometry
