# SPDX-License-Identifier: ISC
"""Timestamps: (days since 1970-01-01, picoseconds into the day), and how people write them."""

from __future__ import annotations

import datetime
import re
import time as clock

from powercut.errors import PowercutError

Time = tuple[int, int]

DAY_PS = 86_400 * 10**12
_DAYS_MAX = 2**32 - 1
_EPOCH = datetime.date(1970, 1, 1)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?)?Z?")
_PLAIN = re.compile(r"(\d{1,10}):(\d{1,17})")


def now() -> Time:
    """The wall clock, in UTC."""
    days, nanoseconds = divmod(clock.time_ns(), DAY_PS // 1000)
    return days, nanoseconds * 1000


def iso(time: Time) -> str | None:
    """``2026-11-23T01:02:03.5Z``, to the picosecond where there are any; None past the year 9999."""
    days, picoseconds = time
    if days > (datetime.date.max - _EPOCH).days or picoseconds >= DAY_PS:
        return None
    date = _EPOCH + datetime.timedelta(days=days)
    seconds, fraction = divmod(picoseconds, 10**12)
    text = f"{date}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + (f".{fraction:012}".rstrip("0") if fraction else "") + "Z"


def words(time: Time | None) -> str:
    """A time for a table: ISO, or days and picoseconds where that cannot be; ``-`` for none."""
    if time is None:
        return "-"
    return iso(time) or f"{time[0]}:{time[1]}"


def parse(text: str) -> Time:
    """The time that ``text`` names: ISO 8601 in UTC, or ``DAYS:PICOSECONDS``. Raises PowercutError."""
    time = _from_plain(text) or _from_iso(text)
    if time is None:
        raise PowercutError(
            f"{text!r} is no time: write it as 2026-11-23T01:02:03.5Z, in UTC and not before 1970, "
            "or as DAYS:PICOSECONDS."
        )
    return time


def _from_plain(text: str) -> Time | None:
    match = _PLAIN.fullmatch(text)
    if match is None or int(match[1]) > _DAYS_MAX or int(match[2]) >= DAY_PS:
        return None
    return int(match[1]), int(match[2])


def _from_iso(text: str) -> Time | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    days = (moment.date() - _EPOCH).days
    if days < 0:
        return None
    fraction = int((match[7] or "").ljust(12, "0"))
    return days, ((hour * 60 + minute) * 60 + second) * 10**12 + fraction
