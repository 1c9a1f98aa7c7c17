# SPDX-License-Identifier: ISC
"""An image as far as it can be followed: strictly where it is right, else round what is wrong with it.

`read_image` gives all or nothing. This gives for any image with metadata in blocks 0 and 1 the pairs that can
be reached, the entries that can be read, and the sentence that says why it is not right, if it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from powercut_models.blocks import DIR_STRUCT, INLINE_STRUCT, ImageError, Log, Tag, le32, read_log
from powercut_models.pairs import Blocks, newest_log
from powercut_models.reading import Image, Superblock, find_geometry, read_image, suggested_sizes
from powercut_models.salvage import salvage_from
from powercut_models.tree import Entry

_SUPERBLOCK_SIZE: Final = 24


@dataclass(frozen=True, slots=True)
class PairLogs:
    """A pair, whether its tags add up or not. blocks: as its pointer has them; owner: in words, or None."""

    blocks: Blocks
    logs: tuple[Log, Log]
    owner: str | None

    @property
    def newest(self) -> Log | None:
        """The log that speaks; None where neither holds a valid commit."""
        return newest_log(*self.logs)


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be said of an image.

    superblock: what blocks 0 and 1 say, not checked; image: None where it cannot be right, and problem says
    why; entries, usage, root_attrs: of what can be read.
    """

    data: bytes
    block_size: int
    superblock: Superblock | None
    image: Image | None
    problem: str | None
    pairs: tuple[PairLogs, ...]
    entries: tuple[Entry, ...]
    usage: dict[int, str]
    root_attrs: dict[int, bytes]

    @property
    def block_count(self) -> int:
        """Blocks, as the superblock says, else as the bytes allow."""
        return self.superblock.block_count if self.superblock else len(self.data) // self.block_size

    def block(self, number: int) -> bytes:
        """The bytes of a block; fewer or none past the image's end."""
        return self.data[number * self.block_size : (number + 1) * self.block_size]


def survey(data: bytes, block_size: int | None = None) -> Survey:
    """Looks at an image. Raises ImageError where no block size is given and none can be found, and where
    blocks 0 and 1 hold no valid commit."""
    try:
        size, _ = find_geometry(data, block_size)
        image = read_image(data, size)
    except ImageError as error:
        return _damaged(data, block_size or _guess(data, error), str(error))
    pairs = tuple(PairLogs(one.blocks, one.logs, image.usage.get(one.newest.block)) for one in image.pairs)
    entries = tuple(image.entries())
    return Survey(data, size, image.superblock, image, None, pairs, entries, image.usage, image.root_attrs)


def reachable(data: bytes, block_size: int) -> list[PairLogs]:
    """The pairs that valid commits point at, from blocks 0 and 1 on, and those two; in order of discovery."""
    count = len(data) // block_size
    queue: list[Blocks] = [(0, 1)]
    seen: set[Blocks] = set()
    found: list[PairLogs] = []
    for blocks in queue:  # grows while it is walked
        if blocks in seen or max(blocks) >= count:
            continue
        seen.add(blocks)
        first, second = (read_log(n, data[n * block_size : (n + 1) * block_size]) for n in blocks)
        pair = PairLogs(blocks, (first, second), None)
        found.append(pair)
        for tag in pair.newest.tags if pair.newest else ():
            if (tag.group == 0x600 or tag.type == DIR_STRUCT) and len(tag.data) == 8:
                queue.append((le32(tag.data, 0), le32(tag.data, 4)))
    return found


def _damaged(data: bytes, block_size: int, problem: str) -> Survey:
    pairs = tuple(reachable(data, block_size))
    if not pairs or pairs[0].newest is None:
        raise ImageError(problem)
    superblock = _loose_superblock(pairs[0])
    if (
        superblock is not None
        and block_size < superblock.block_size
        and len(data) < 2 * superblock.block_size
    ):
        raise ImageError(problem)  # of so little there is nothing to follow, least of all in smaller blocks
    usage = {block: "a metadata pair" for pair in pairs for block in pair.blocks}
    if superblock is None:
        return Survey(data, block_size, None, None, problem, pairs, (), usage, {})
    found = salvage_from(data, block_size, superblock)
    return Survey(data, block_size, superblock, None, problem, pairs, found.entries, usage, found.root_attrs)


def _loose_superblock(pair: PairLogs) -> Superblock | None:
    """What the first inline struct of entry 0 says, whatever it says."""
    structs: Iterator[Tag] = (
        tag
        for tag in reversed(pair.newest.tags if pair.newest else ())
        if tag.type == INLINE_STRUCT and tag.id == 0 and len(tag.data) >= _SUPERBLOCK_SIZE
    )
    tag = next(structs, None)
    if tag is None:
        return None
    words = [le32(tag.data, off) for off in range(0, _SUPERBLOCK_SIZE, 4)]
    return Superblock((words[0] >> 16, words[0] & 0xFFFF), *words[1:])


def _guess(data: bytes, problem: ImageError) -> int:
    """A block size under which block 0 or 1 is a metadata block, at best one that says so itself. Raises the
    problem where there is none."""
    found: list[int] = []
    for size in suggested_sizes(data):
        first, second = (read_log(n, data[n * size : (n + 1) * size]) for n in (0, 1))
        pair = PairLogs((0, 1), (first, second), None)
        superblock = _loose_superblock(pair)
        if superblock is not None and superblock.block_size == size:
            return size
        if pair.newest is not None:
            found.append(size)
    if not found:
        raise problem
    return found[0]
