# SPDX-License-Identifier: ISC
"""Which image of a set shows which structure of the format, as the independent reader sees it now.

The manifest says of each image what it added when it was recorded. Here every image is unpacked and read
anew, so that the list is of what is there, not of what somebody noted.
"""

from __future__ import annotations

from dataclasses import dataclass

from powercut.golden.manifest import GoldenSet
from powercut_models.features import KNOWN, structure
from powercut_models.image import ImageError, survey


@dataclass(frozen=True, slots=True)
class Coverage:
    """``structures``: of the littlefs format, each with the images that show it, none for some; empty where
    the images are of another format. ``moments``: what was being done at the cuts, with the images that the
    set was given for it. ``others``: structures that the reader sees and the format does not name."""

    structures: dict[str, tuple[str, ...]]
    moments: dict[str, tuple[str, ...]]
    others: dict[str, tuple[str, ...]]

    @property
    def absent(self) -> list[str]:
        """Structures that no image shows."""
        return sorted(name for name, images in self.structures.items() if not images)


def coverage(golden: GoldenSet) -> Coverage:
    """Reads every image of a set. Raises PowercutError where one is not as it was recorded."""
    seen: dict[str, list[str]] = {}
    moments: dict[str, list[str]] = {}
    readable = False
    for field in golden.manifest.images:
        found = shown(golden.image(field), field.geometry.block_size)
        readable = readable or found is not None
        for name in sorted(found or ()):
            seen.setdefault(name, []).append(field.name)
        for name in field.covers:
            if name not in KNOWN:
                moments.setdefault(name, []).append(field.name)
    known = {name: tuple(seen.get(name, ())) for name in sorted(KNOWN)} if readable else {}
    others = {name: tuple(images) for name, images in sorted(seen.items()) if name not in KNOWN}
    return Coverage(known, {name: tuple(images) for name, images in sorted(moments.items())}, others)


def shown(image: bytes, block_size: int) -> frozenset[str] | None:
    """The structures of one image; None where it is not of the littlefs format."""
    try:
        return structure(survey(image, block_size))
    except ImageError:
        return None
