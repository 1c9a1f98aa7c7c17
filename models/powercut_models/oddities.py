# SPDX-License-Identifier: ISC
"""Tags that are not what docs/format.md says a tag is: of unknown types, or not as their type has to be.

Only tags of valid commits count: what a power cut tore is no tag yet. What a tag means for the others (a
delete of an entry that is not there, two names) is for the reader to refuse, not for here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from powercut_models.blocks import (
    CREATE,
    CTZ_STRUCT,
    DELETE,
    DIR_STRUCT,
    DIRECTORY,
    FILE,
    FORWARD_CRC,
    HARD_TAIL,
    INLINE_STRUCT,
    MOVE_STATE,
    NO_ID,
    SOFT_TAIL,
    SUPERBLOCK,
    Tag,
)
from powercut_models.reading import Superblock
from powercut_models.survey import PairLogs, Survey

_NAMES: Final = frozenset({FILE, DIRECTORY, SUPERBLOCK})
_STRUCTS: Final = frozenset({DIR_STRUCT, INLINE_STRUCT, CTZ_STRUCT})
_SIZES: Final = {
    DIR_STRUCT: 8,
    CTZ_STRUCT: 8,
    CREATE: 0,
    DELETE: 0,
    SOFT_TAIL: 8,
    HARD_TAIL: 8,
    FORWARD_CRC: 8,
    MOVE_STATE: 12,
}
_SUPERBLOCK_SIZE: Final = 24
_KNOWN_VERSIONS: Final = ((2, 0), (2, 1))


@dataclass(frozen=True, slots=True)
class Oddity:
    """One tag that is not as the format has it: its place (off: bytes into the block) and why, as the rest
    of a sentence."""

    block: int
    off: int
    type: int
    id: int
    length: int
    words: str


def oddities(seen: Survey) -> list[Oddity]:
    """Every odd tag in the blocks of all pairs, the older ones of each pair too, by block and offset."""
    found: set[tuple[int, int]] = set()
    odd: list[Oddity] = []
    for pair in seen.pairs:
        for block, tag in _tags(pair):
            words = _why(tag, seen.superblock)
            if words and (block, tag.off) not in found:
                found.add((block, tag.off))
                odd.append(Oddity(block, tag.off, tag.type, tag.id, tag.length, words))
    return sorted(odd, key=lambda one: (one.block, one.off))


def _tags(pair: PairLogs) -> Iterator[tuple[int, Tag]]:
    for log in pair.logs:
        for tag in log.tags:
            yield log.block, tag


def _why(tag: Tag, superblock: Superblock | None) -> str:
    """What is wrong with a tag; empty where nothing is."""
    return _kind(tag) or _place(tag) or _size(tag) or (_limits(tag, superblock) if superblock else "")


def _kind(tag: Tag) -> str:
    """Whether such a type exists on disk."""
    known: dict[int, tuple[str, Callable[[], bool]]] = {
        0x000: ("a name", lambda: tag.type in _NAMES),
        0x100: ("a tag", lambda: False),
        0x200: ("a struct", lambda: tag.type in _STRUCTS),
        0x300: ("an attribute", lambda: True),
        0x400: ("a splice", lambda: tag.type in (CREATE, DELETE)),
        0x500: ("a checksum", lambda: tag.type in (0x500, 0x501, FORWARD_CRC)),
        0x600: ("a tail", lambda: tag.type in (SOFT_TAIL, HARD_TAIL)),
        0x700: ("global state", lambda: tag.type == MOVE_STATE),
    }
    group, is_known = known[tag.group]
    return "" if is_known() else f"is {group} of an unknown type"


def _place(tag: Tag) -> str:
    """Whether it is about an entry, or about none, as its type demands."""
    about_entry = tag.group < 0x500
    if about_entry and tag.id == NO_ID:
        return "is about no entry"
    if not about_entry and tag.id != NO_ID:
        return f"is about entry {tag.id}, and its type is about none"
    if tag.type == SUPERBLOCK and tag.id:
        return f"makes entry {tag.id} a superblock, which only entry 0 can be"
    return ""


def _size(tag: Tag) -> str:
    """Whether its length is one that its type can have."""
    if tag.deleted:
        return "" if tag.group in (0x200, 0x300) else "has the length that says: gone, and cannot be gone"
    wanted = _SIZES.get(tag.type)
    if wanted is not None and tag.length != wanted:
        return f"has {tag.length} bytes, not {wanted}"
    if tag.group == 0x000 and not tag.length:
        return "is a name of no bytes"
    if tag.type == SUPERBLOCK and tag.data != b"littlefs":
        return f"is a superblock named {tag.data[:32]!r}"
    return ""


def _limits(tag: Tag, superblock: Superblock) -> str:
    """Whether it keeps to what its image says of itself."""
    if tag.type == FORWARD_CRC and superblock.version == (2, 0):
        return "is a forward checksum, which a reader of version 2.0 takes for the end of the log"
    limits = {0x000: ("name_max", superblock.name_max), 0x300: ("attr_max", superblock.attr_max)}
    if tag.group in limits and tag.type != SUPERBLOCK and not tag.deleted:
        name, limit = limits[tag.group]
        if tag.length > limit:
            return f"has {tag.length} bytes, and the superblock says {name} {limit}"
    return ""


def version_words(superblock: Superblock | None) -> str:
    """What is odd about the version; empty where nothing is."""
    if superblock is None or superblock.version in _KNOWN_VERSIONS:
        return ""
    return f"on-disk version {superblock.version[0]}.{superblock.version[1]} is not 2.0 or 2.1"
