# SPDX-License-Identifier: ISC
"""One metadata block: a revision count, then a log of commits, each of tags and closed by a checksum.

docs/format.md, "A metadata block", has the layout in tables. Nothing here looks beyond the one block, and any
bytes at all are a block: one without commits, if they are nothing else.
"""

import zlib
from dataclasses import dataclass
from typing import Final

NULL: Final = 0xFFFFFFFF
"""A block pointer that points nowhere."""

DELETED: Final = 0x3FF
"""The length of a tag without data that says: no longer."""

NO_ID: Final = 0x3FF
"""The id of a tag that is about no entry."""

FILE, DIRECTORY, CONDEMNED, SUPERBLOCK = 0x001, 0x002, 0x0FE, 0x0FF
CREATE, DELETE = 0x401, 0x4FF
DIR_STRUCT, INLINE_STRUCT, CTZ_STRUCT = 0x200, 0x201, 0x202
SOFT_TAIL, HARD_TAIL = 0x600, 0x601
MOVE_STATE: Final = 0x7FF
FORWARD_CRC: Final = 0x5FF
CRCS: Final = 0x500


class ImageError(Exception):
    """The bytes are no littlefs image, or not one that can be right; the message is one sentence that says
    why."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: its place in the block, its 11-bit type, the entry it is about, its length field and its
    data."""

    off: int
    type: int
    id: int
    length: int
    data: bytes

    @property
    def group(self) -> int:
        """The type without its chunk: 0x000 names, 0x200 structs, 0x300 attributes, and so on."""
        return self.type & 0x700

    @property
    def chunk(self) -> int:
        """The low 8 bits of the type."""
        return self.type & 0xFF

    @property
    def deleted(self) -> bool:
        """Whether it says that something is no longer there."""
        return self.length == DELETED

    @property
    def is_crc(self) -> bool:
        """Whether it closes a commit."""
        return self.type & 0x780 == CRCS


@dataclass(frozen=True, slots=True)
class Commit:
    """Bytes start to end of a block, which hold tags, the last of them the CRC tag (or, of a torn commit,
    not).

    crc: as it is in the CRC tag (None: torn before); computed: as the bytes have it.
    """

    start: int
    end: int
    tags: tuple[Tag, ...]
    crc: int | None
    computed: int

    @property
    def valid(self) -> bool:
        """Whether the checksum is right."""
        return self.crc == self.computed


@dataclass(frozen=True, slots=True)
class Log:
    """One block read as a log: its valid commits in order, and what follows them.

    append_off: where the last valid commit ends (0: there is none). torn: what follows and looks like tags of
    a commit that was begun. forward: what the last commit's forward CRC says of the bytes that follow it:
    `matches` (as they were erased), `differs`, or `missing`. ended: in words, why reading stopped.
    """

    block: int
    revision: int
    commits: tuple[Commit, ...]
    append_off: int
    torn: Commit | None
    forward: str
    ended: str

    @property
    def tags(self) -> list[Tag]:
        """The tags of all valid commits, oldest first."""
        return [tag for commit in self.commits for tag in commit.tags]


def le32(data: bytes, off: int) -> int:
    """The little-endian 32-bit number at an offset."""
    return int.from_bytes(data[off : off + 4], "little")


def crc32(data: bytes) -> int:
    """The format's checksum: CRC-32 (0x04c11db7, reflected) from 0xffffffff, not inverted at the end."""
    return zlib.crc32(data) ^ 0xFFFFFFFF


def read_log(block: int, data: bytes) -> Log:
    """One block of an image (data: all of its bytes) as a log. Never fails."""
    commits: list[Commit] = []
    start, torn, previous = 0, None, 0xFFFFFFFF
    while True:
        commit, previous, ended = _read_commit(data, start, previous)
        if not commit.valid:
            torn = commit if commit.tags else None
            break
        commits.append(commit)
        start = commit.end
    if not commits and len(set(data)) <= 1:
        torn, ended = None, "the block is erased"
    forward = _forward_state(commits[-1], data) if commits else "missing"
    return Log(block, le32(data, 0), tuple(commits), start, torn, forward, ended)


def _read_commit(data: bytes, start: int, previous: int) -> tuple[Commit, int, str]:
    """The commit that begins at `start` (0: behind the revision count); the word that the next tag is XORed
    with; and, where the commit is not a valid one, why."""
    tags: list[Tag] = []
    off = start or 4
    ended = ""
    while not ended:
        if off + 4 > len(data):
            ended = "the block is full"
            break
        word = int.from_bytes(data[off : off + 4], "big") ^ previous
        if word >> 31:
            ended = "a tag is not valid" if tags else "no further commit"
            break
        tag = _decode(word, off, data)
        end = off + 4 + (0 if tag.deleted else tag.length)
        if end > len(data):
            ended = "a tag runs past the block's end"
            break
        tags.append(tag)
        previous = word
        if tag.is_crc:
            commit = _close(data, start, end, tags)
            return commit, previous ^ (tag.chunk & 1) << 31, "" if commit.valid else "a checksum is wrong"
        off = end
    return Commit(start, off, tuple(tags), None, 0), previous, ended


def _decode(word: int, off: int, data: bytes) -> Tag:
    length = word & 0x3FF
    size = 0 if length == DELETED else length
    return Tag(off, word >> 20 & 0x7FF, word >> 10 & 0x3FF, length, data[off + 4 : off + 4 + size])


def _close(data: bytes, start: int, end: int, tags: list[Tag]) -> Commit:
    """A commit whose CRC tag is the last of tags. The checksum covers all from the end of the commit before
    it to the CRC tag itself, and no padding; one of fewer than four bytes is none."""
    tag = tags[-1]
    crc = le32(tag.data, 0) if len(tag.data) >= 4 else None
    return Commit(start, end, tuple(tags), crc, crc32(data[start : tag.off + 4]))


def _forward_state(commit: Commit, data: bytes) -> str:
    for tag in commit.tags:
        if tag.type == FORWARD_CRC and len(tag.data) == 8:
            size = le32(tag.data, 0)
            erased = data[commit.end : commit.end + size]
            return "matches" if len(erased) == size and crc32(erased) == le32(tag.data, 4) else "differs"
    return "missing"
