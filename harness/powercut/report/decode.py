# SPDX-License-Identifier: ISC
"""One block in lines: a log of commits down to its tags, or what else its bytes are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import SequenceMatcher

from powercut import moments
from powercut.ops import data_text, printable
from powercut_models.blocks import INLINE_STRUCT, Commit, Log, Tag, le32, read_log
from powercut_models.describe import tag_words
from powercut_models.tree import TIMESTAMP

_TIME_TAG = 0x300 | TIMESTAMP

_ROW = 16  # bytes in a row of a dump

#: Lines of one block that are shown; more than any small device has.
LINES_MAX = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block. ``kind``: ``head`` (of the block), ``commit``, ``tag``, ``torn``, ``end`` or
    ``bytes``; ``off``: where in the block, None where that means nothing."""

    kind: str
    off: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Both:
    """A line on two sides, None where it is not; ``same``: whether both are equal."""

    left: Line | None
    right: Line | None

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.left == self.right


def block_lines(number: int, data: bytes, *, pair: bool, whole: bool = False) -> tuple[Line, ...]:
    """A block in lines. ``pair``: it is (or was) half of a metadata pair, so its bytes are read as a log even
    where no commit in them is whole; ``whole``: of what is no log all bytes, in rows."""
    if len(set(data)) <= 1:
        erased = "erased: " if data[:1] == b"\xff" else ""
        return (Line("head", None, f"{erased}every byte is 0x{data[:1].hex() or '00'}"),)
    log = read_log(number, data)
    if log.commits or (pair and log.torn):
        lines = _log_lines(log)
        return lines if len(lines) <= LINES_MAX else (*lines[:LINES_MAX], _rest(len(lines) - LINES_MAX))
    return _byte_rows(data) if whole else _plain_lines(data)


def _rest(count: int) -> Line:
    return Line("end", None, f"and {count} lines more")


def _log_lines(log: Log) -> tuple[Line, ...]:
    lines = [Line("head", 0, f"revision {log.revision}")]
    for number, commit in enumerate(log.commits, 1):
        lines.append(Line("commit", commit.start, f"commit {number}, {commit.end - commit.start} bytes"))
        lines += _tags(commit, "tag")
    if log.torn is not None:
        words = "not a commit: its checksum is wrong or missing"
        lines.append(Line("torn", log.torn.start, words))
        lines += _tags(log.torn, "torn")
    lines.append(Line("end", log.append_off, f"end of the log: {log.ended}"))
    return tuple(lines)


def _tags(commit: Commit, kind: str) -> list[Line]:
    return [Line(kind, tag.off, _words(tag)) for tag in commit.tags]


def _words(tag: Tag) -> str:
    """The reader's words; of a small value also the bytes, of a timestamp the date."""
    words = tag_words(tag)
    if tag.type == INLINE_STRUCT and tag.data and not tag.deleted:
        return words + _bytes(tag.data)
    if tag.type == _TIME_TAG and len(tag.data) == 12:
        time = le32(tag.data, 0), int.from_bytes(tag.data[4:], "little")
        return f"entry {tag.id}: modified {moments.words(time)}"
    return words


def _bytes(data: bytes) -> str:
    text = printable(data, 40)
    if text is not None:
        return f': "{text}"'
    if len(data) <= 16:
        return f": {data.hex()}"
    return f" (sha256 {hashlib.sha256(data).hexdigest()[:12]})"


def _plain_lines(data: bytes) -> tuple[Line, ...]:
    """Bytes that are no log: how many there are before the erased rest, and how they begin."""
    filler = data[-1:]
    used = len(data.rstrip(filler)) if filler in (b"\xff", b"\x00") else len(data)
    lines = [Line("bytes", 0, f"{used} bytes: {data_text(data[:used])}")]
    if used < len(data):
        lines.append(Line("end", used, f"then 0x{filler.hex()} to the end"))
    return tuple(lines)


def _byte_rows(data: bytes) -> tuple[Line, ...]:
    """All bytes, a row that repeats the one before left out."""
    lines: list[Line] = []
    before = b""
    for off in range(0, len(data), _ROW):
        row = data[off : off + _ROW]
        if row != before:
            text = "".join(chr(byte) if 32 < byte < 127 else "·" for byte in row)
            lines.append(Line("bytes", off, f"{row.hex(' ', 2)} {text}"))
        before = row
    lines.append(Line("end", len(data), "end of the block"))
    return tuple(lines if len(lines) <= LINES_MAX else [*lines[:LINES_MAX], _rest(len(lines) - LINES_MAX)])


def side_by_side(left: tuple[Line, ...], right: tuple[Line, ...]) -> tuple[Both, ...]:
    """Two blocks' lines next to each other, equal ones on one row. Where a commit ends says little by itself:
    lines are equal if their words are."""
    keys = [
        [(line.kind, line.words, line.off if line.kind == "bytes" else None) for line in side]
        for side in (left, right)
    ]
    rows: list[Both] = []
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for kind, start, stop, first, last in matcher.get_opcodes():
        if kind == "equal":
            rows += [Both(left[start + i], left[start + i]) for i in range(stop - start)]
            continue
        for i in range(max(stop - start, last - first)):
            one = left[start + i] if start + i < stop else None
            other = right[first + i] if first + i < last else None
            rows.append(Both(one, other))
    return tuple(rows)


def folded(rows: tuple[Both, ...], around: int) -> list[Both | int]:
    """The rows that differ with ``around`` equal ones on either side; in place of the others their number.
    Where none differs, all of them."""
    differing = [index for index, row in enumerate(rows) if not row.same]
    if not differing:
        return list(rows)
    near = {index + step for index in differing for step in range(-around, around + 1)}
    found: list[Both | int] = []
    for index, row in enumerate(rows):
        last = found[-1] if found else None
        if index in near:
            found.append(row)
        elif isinstance(last, int):
            found[-1] = last + 1
        else:
            found.append(1)
    return found
