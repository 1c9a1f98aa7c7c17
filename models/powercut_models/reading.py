# SPDX-License-Identifier: ISC
"""Reading a whole littlefs image, version 2.0 or 2.1.

It is written from the format's description (docs/format.md) and shares nothing with the engine. It shows the
recovered view of an image: what a power cut left half done is hidden or seen as its repair would leave it.
Bytes that cannot be right raise ImageError, in time and memory bounded by the image's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from powercut_models.blocks import INLINE_STRUCT, SUPERBLOCK, ImageError, le32
from powercut_models.pairs import Pair, meet, read_pair
from powercut_models.tree import Entry, GlobalState, Tree, read_global_state, read_thread
from powercut_models.values import Disk

__all__ = ["Entry", "GlobalState", "Image", "ImageError", "Superblock", "find_geometry", "read_image"]

_MAGIC: Final = b"littlefs"
_SMALLEST_BLOCK: Final = 104  # eight bytes per pointer of the longest list that a 32-bit size allows
_CANDIDATES: Final = 16


@dataclass(frozen=True, slots=True)
class Superblock:
    """What the image says of itself; sizes in bytes. version: (major, minor)."""

    version: tuple[int, int]
    block_size: int
    block_count: int
    name_max: int
    file_max: int
    attr_max: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image as read.

    pairs: all metadata pairs, those on the tail list in its order, then those that the tree alone knows
    (moved in a power cut). usage: block -> its owner in words; a block that is not in it is free. root_attrs:
    the root's user attributes. leftovers: pairs on the list that the tree does not have, or has moved, for a
    repair to take out.
    """

    superblock: Superblock
    pairs: tuple[Pair, ...]
    thread: tuple[Pair, ...]
    leftovers: tuple[Pair, ...]
    state: GlobalState
    usage: dict[int, str]
    root_attrs: dict[int, bytes]
    _entries: tuple[Entry, ...]

    def entries(self) -> list[Entry]:
        """Every entry below the root, sorted by key segments, each dictionary before what it holds."""
        return list(self._entries)


def read_image(
    data: bytes, block_size: int | None = None, block_count: int | None = None, prog_size: int | None = None
) -> Image:
    """Reads a whole image. block_size, block_count: found in the superblock where not given, and compared
    with it where they are; prog_size: bytes, only checked (the format does not store it).

    Raises ImageError, with one sentence, for all that cannot be right.
    """
    block_size, _ = find_geometry(data, block_size)
    disk = Disk(data, block_size, len(data) // block_size)
    thread = read_thread(disk)
    chain = _superblock_chain(thread)
    superblock = _read_superblock(chain[-1])  # those before it may tell of a time before the image grew
    _check_geometry(superblock, len(data), block_size, block_count, prog_size)
    _check_range(thread, superblock.block_count)
    disk.block_count = superblock.block_count
    state = read_global_state(thread)
    for pair in chain[:-1]:
        for block in pair.blocks:
            disk.own(block, "the superblock chain")
    tree = Tree(disk, thread, chain[-1], state, (superblock.name_max, superblock.file_max))
    return _assemble(superblock, disk, thread, len(chain), tree, state)


def _assemble(
    superblock: Superblock, disk: Disk, thread: list[Pair], chain: int, tree: Tree, state: GlobalState
) -> Image:
    """Compares the list with the tree: a leftover is on the list alone."""
    living = {pair.blocks for pair in tree.pairs} | {pair.blocks for pair in thread[:chain]}
    leftovers = tuple(pair for pair in thread if _swapped(pair, living) is None)
    threaded = {pair.blocks for pair in thread}
    unthreaded = [pair for pair in tree.pairs if _swapped(pair, threaded) is None]
    for pair in leftovers:
        moved = any(meet(pair.blocks, other) for other in living)
        for block in pair.blocks:
            disk.owners.setdefault(block, "a pair that has moved" if moved else "an orphan")
    usage = dict(sorted(disk.owners.items()))
    pairs = (*thread, *unthreaded)
    return Image(
        superblock, pairs, tuple(thread), leftovers, state, usage, tree.root_attrs, tuple(tree.entries)
    )


def _swapped(pair: Pair, known: set[tuple[int, int]]) -> tuple[int, int] | None:
    """The pointer among `known` that names the same two blocks, in either order."""
    one, other = pair.blocks
    return (one, other) if (one, other) in known else (other, one) if (other, one) in known else None


# --- the superblock ------------------------------------------------------------------------------------


def find_geometry(data: bytes, block_size: int | None = None) -> tuple[int, Superblock]:
    """The block size, and the superblock as the first pair has it.

    Without a block size, those that the bytes themselves suggest are tried. Raises ImageError where none
    fits.
    """
    if block_size is not None:
        return block_size, _first_superblock(data, block_size)
    problem: ImageError | None = None
    for candidate in suggested_sizes(data):
        try:
            return candidate, _first_superblock(data, candidate)
        except ImageError as error:
            problem = problem or error
    raise problem or ImageError(f"no littlefs superblock was found in these {len(data)} bytes")


def suggested_sizes(data: bytes) -> Iterator[int]:
    """Block sizes worth a try: what a superblock in block 0 says of itself; where another one lies, for then
    it is in block 1; and the usual ones."""
    seen: set[int] = set()
    suggestions = [le32(data, 24)] if data[8:16] == _MAGIC else []
    at = data.find(_MAGIC, 16)
    while at >= 0 and len(suggestions) < _CANDIDATES:
        suggestions.append(at - 8)
        at = data.find(_MAGIC, at + 1)
    if suggestions:
        suggestions += [1 << power for power in range(7, 21)]
    for size in suggestions:
        if size not in seen and _SMALLEST_BLOCK <= size <= len(data) // 2:
            seen.add(size)
            yield size


def _first_superblock(data: bytes, block_size: int) -> Superblock:
    if block_size < _SMALLEST_BLOCK:
        raise ImageError(f"a block size of {block_size} bytes is below the format's {_SMALLEST_BLOCK}")
    if len(data) < 2 * block_size:
        raise ImageError(f"the image has {len(data)} bytes, less than two blocks of {block_size}")
    superblock = _read_superblock(read_pair((0, 1), Disk(data, block_size, 2).block))
    if len(data) < 2 * superblock.block_size:
        raise ImageError(f"its {len(data)} bytes are less than two blocks of {superblock.block_size}")
    if superblock.block_size != block_size:
        raise ImageError(f"the superblock says blocks of {superblock.block_size} bytes, not {block_size}")
    return superblock


def _read_superblock(pair: Pair) -> Superblock:
    slot = pair.slots[0] if pair.slots else None
    if slot is None or slot.type != SUPERBLOCK or slot.name != _MAGIC:
        raise ImageError(f"{pair.title} does not begin with a superblock named littlefs")
    if slot.struct is None or slot.struct.type != INLINE_STRUCT or len(slot.struct.data) < 24:
        raise ImageError(f"the superblock in {pair.title} lacks its 24 bytes")
    words = [le32(slot.struct.data, off) for off in range(0, 24, 4)]
    superblock = Superblock((words[0] >> 16, words[0] & 0xFFFF), *words[1:])
    if superblock.version not in ((2, 0), (2, 1)):
        raise ImageError(f"on-disk version {words[0] >> 16}.{words[0] & 0xFFFF} is not 2.0 or 2.1")
    limits = (("name_max", superblock.name_max, 1022), ("file_max", superblock.file_max, 2**31 - 1),
              ("attr_max", superblock.attr_max, 1022))  # fmt: skip
    for name, value, limit in limits:
        if value > limit:
            raise ImageError(f"the superblock says {name} {value}, and the format allows {limit}")
    return superblock


def _superblock_chain(thread: list[Pair]) -> list[Pair]:
    """The pairs that begin with a superblock entry; the last of them is the root's first. None may come
    later."""
    marked = [bool(pair.slots) and pair.slots[0].type == SUPERBLOCK for pair in thread]
    length = marked.index(False) if False in marked else len(marked)
    if any(marked[length:]):
        raise ImageError(
            f"{thread[marked.index(True, length)].title} has a superblock entry out of the chain"
        )
    for pair in thread[:length]:
        if any(slot.type == SUPERBLOCK for slot in pair.slots[1:]):
            raise ImageError(f"{pair.title} has a second superblock entry")
        _read_superblock(pair)
    return thread[:length]


def _check_geometry(
    superblock: Superblock, size: int, block_size: int, block_count: int | None, prog_size: int | None
) -> None:
    if superblock.block_size != block_size:
        raise ImageError(f"two superblocks disagree on the block size: {superblock.block_size}, {block_size}")
    if block_count is not None and superblock.block_count != block_count:
        raise ImageError(f"the superblock says {superblock.block_count} blocks, not {block_count}")
    if superblock.block_count < 2:
        raise ImageError(
            f"the superblock says {superblock.block_count} blocks, and no image has fewer than 2"
        )
    if superblock.block_count * block_size > size:
        raise ImageError(
            f"the superblock says {superblock.block_count} blocks of {block_size} bytes, and the image has "
            f"{size} bytes"
        )
    if prog_size is not None and (prog_size < 1 or block_size % prog_size):
        raise ImageError(f"a prog size of {prog_size} bytes does not divide blocks of {block_size}")


def _check_range(thread: list[Pair], block_count: int) -> None:
    for pair in thread:
        if max(pair.blocks) >= block_count:
            raise ImageError(f"{pair.title} lies past the image's {block_count} blocks")
