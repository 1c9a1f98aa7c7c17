# SPDX-License-Identifier: ISC
"""What a littlefs image holds, read by the models' own reader and never by the engine under test."""

from __future__ import annotations

from powercut.geometry import Geometry
from powercut_models import Row


def image_rows(image: bytes, geometry: Geometry) -> tuple[Row, ...]:
    """Every entry of the image. Raises PowercutError where the reader finds no littlefs store."""
    raise NotImplementedError
