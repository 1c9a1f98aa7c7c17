# SPDX-License-Identifier: ISC
"""What the model gives and takes: rows, answers, differences."""

from dataclasses import dataclass

from powercut_models.history import Stored
from powercut_models.keys import found_path, path_key

Time = tuple[int, int]
"""(days since 1970-01-01, picoseconds into the day)"""

EPOCH: Time = (0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the store: a key `a/b` without a leading slash, a kind (`value`, `dictionary`), a value's
    bytes and timestamp (None for dictionaries; a None time too for values without a timestamp)."""

    key: bytes
    kind: str
    data: bytes | None
    time: Time | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: a code, and where that is OK what was asked for.

    exists: kind (None: bound to nothing); size: size; last_modified: time; get, get_partial, digest: data;
    list: entries, each (name, kind), sorted.
    """

    code: str
    kind: str | None = None
    size: int | None = None
    time: Time | None = None
    data: bytes | None = None
    entries: tuple[tuple[bytes, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that is not as expected; None where there is nothing. A key shown more than once has one
    Difference for each time too many, with nothing expected."""

    key: bytes
    expected: Row | None
    found: Row | None


def pack_time(time: Time) -> bytes:
    """A time as 12 bytes that sort. Raises ValueError where it does not fit the image's le32 and le64."""
    try:
        return time[0].to_bytes(4, "big") + time[1].to_bytes(8, "big")
    except OverflowError:
        raise ValueError(f"a time is days below 2^32 and picoseconds below 2^64, not {time}") from None


def unpack_time(moment: bytes) -> Time:
    """The time in 12 bytes of pack_time."""
    return int.from_bytes(moment[:4], "big"), int.from_bytes(moment[4:], "big")


def row_of(stored: Stored) -> Row:
    """A row out of the tables, as the model shows it."""
    time = None if stored.moment is None else unpack_time(stored.moment)
    return Row(path_key(stored.path), stored.kind, stored.data, time)


def stored_of(row: Row, *, timestamps: bool) -> Stored:
    """A row as some engine shows it, in the form of the tables."""
    moment = None if row.time is None or not timestamps else pack_time(row.time)
    return Stored(found_path(row.key), row.kind, row.data, moment)
