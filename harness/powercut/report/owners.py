# SPDX-License-Identifier: ISC
"""Whose each block of a device is: by the littlefs format where the device holds one, else by who wrote it.

The reader is the independent one of ``powercut_models``; the engine is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from powercut.geometry import Geometry
from powercut_models.image import ImageError, Survey, survey

#: Kinds of owner, in the order of a legend, with what they mean.
KINDS: Final[dict[str, str]] = {
    "root": "the superblock and the root dictionary",
    "pair": "the metadata pair of a dictionary",
    "value": "the bytes of a value",
    "orphan": "a pair that the list has and the tree has not (any more)",
    "now": "written by the operation at hand, or by the recovery",
    "earlier": "written by an earlier operation",
    "filled": "written to fill the device up",
    "kept": "as it was at the start",
    "stale": "free, with old bytes in it",
    "free": "free and erased",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a block is: ``kind`` of KINDS, in ``words``; ``speaks``: of a pair, whether this block is the
    valid one (None: it is no pair's)."""

    kind: str
    words: str
    speaks: bool | None = None


#: The reader's words for a pair whose dictionary it cannot tell.
_SOME_PAIR: Final = "a metadata pair"

#: What is put behind the words for an owner that is known only from before.
_BEFORE: Final = " (as long as it could be told)"

FREE: Final = Owner("free", "free, erased")
KEPT: Final = Owner("kept", "as it was at the start")
STALE: Final = Owner("stale", "free; it still holds old bytes")


@dataclass(frozen=True, slots=True)
class Reading:
    """A device as the format's reader sees it. ``seen``: None where there is no store to be found at all;
    ``problem``: why the image cannot be right, or empty; ``looked``: blocks that the answer depends on."""

    seen: Survey | None
    problem: str
    owners: Mapping[int, Owner]
    looked: frozenset[int]


def read_device(image: bytes, geometry: Geometry) -> Reading:
    """What the independent reader finds on a device. Never fails."""
    try:
        seen = survey(image, geometry.block_size)
    except ImageError as error:
        return Reading(None, str(error), {}, frozenset())
    owners = {block: _of_words(words) for block, words in seen.usage.items()}
    looked = set(seen.usage)
    for pair in seen.pairs:
        looked.update(pair.blocks)
        speaking = pair.newest.block if pair.newest else None
        for block in pair.blocks:
            base = owners.get(block, Owner("pair", _SOME_PAIR))
            kind = "root" if 0 in pair.blocks or 1 in pair.blocks else base.kind
            owners[block] = Owner(kind, base.words, block == speaking)
    # Of an image that cannot be right nobody knows what was looked at.
    return Reading(
        seen, seen.problem or "", owners, frozenset(looked) if seen.problem is None else frozenset()
    )


def _of_words(words: str) -> Owner:
    """The reader's own words for an owner, with their kind."""
    if words.startswith("the value "):
        return Owner("value", words)
    if words.startswith(("the superblock", "the root")):
        return Owner("root", words)
    if words in ("an orphan", "a pair that has moved"):
        return Owner("orphan", words)
    return Owner("pair", words)


class OwnerTracker:
    """The owners of all blocks from one moment to the next; reads a device anew only where it must."""

    def __init__(self, geometry: Geometry, *, littlefs: bool) -> None:
        self._geometry = geometry
        self._littlefs = littlefs
        self._reading: Reading | None = None
        self._last_known: dict[int, Owner] = {}
        self._writers: dict[int, Owner] = {}

    def wrote(self, block: int, writer: Owner) -> None:
        """Notes who wrote a block last, for devices in another format."""
        self._writers[block] = writer

    @property
    def rest(self) -> Owner:
        """Whose a block is that nobody owns and that is not erased."""
        return STALE if self._littlefs else KEPT

    def at(self, image: bytes, touched: frozenset[int] | None) -> Reading:
        """The reading of ``image``, of which the blocks ``touched`` (None: any) are new since the last."""
        before = self._reading
        if not self._littlefs:
            self._reading = Reading(None, "", dict(self._writers), frozenset())
        elif before is None or touched is None or not before.looked or touched & before.looked:
            self._reading = self._remember(read_device(image, self._geometry), touched or frozenset())
        assert self._reading is not None
        return self._reading

    def _remember(self, reading: Reading, touched: frozenset[int]) -> Reading:
        """Of an image that cannot be right the reader knows few owners: the others are as they were before,
        but for blocks that were written since."""
        if not reading.problem:
            self._last_known = dict(reading.owners)
            return reading
        self._last_known = {block: owner for block, owner in self._last_known.items() if block not in touched}
        before = {
            block: owner if owner.words.endswith(_BEFORE) else replace(owner, words=owner.words + _BEFORE)
            for block, owner in self._last_known.items()
        }
        found = before | dict(reading.owners)
        for block, owner in reading.owners.items():
            if owner.words == _SOME_PAIR and block in before and before[block].speaks is not None:
                found[block] = replace(before[block], speaks=owner.speaks)
        return replace(reading, owners=found)
