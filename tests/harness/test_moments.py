# SPDX-License-Identifier: ISC
"""Timestamps are read as they are written."""

from __future__ import annotations

import pytest

from powercut import moments
from powercut.errors import PowercutError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", (0, 0)),
        ("2026-11-23T01:02:03Z", (20780, 3723 * 10**12)),
        ("2026-11-23 01:02", (20780, 3720 * 10**12)),
        ("2026-11-23T01:02:03.000000000001", (20780, 3723 * 10**12 + 1)),
        ("4294967295:86399999999999999", (2**32 - 1, moments.DAY_PS - 1)),
    ],
)
def test_times_are_read_as_they_are_written(text: str, expected: moments.Time) -> None:
    assert moments.parse(text) == expected
    assert moments.parse(moments.words(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "now", "1969-12-31", "2026-13-01", "4294967296:0", "0:86400000000000000", "-1:0"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(PowercutError, match="is no time"):
        moments.parse(text)
