# SPDX-License-Identifier: ISC
"""Progress where there is no terminal: a line now and then, and once what would make the run shorter."""

from __future__ import annotations

import pytest

from powercut.campaign import Plan, Tally
from powercut.cli import show
from powercut.counts import Count
from powercut.geometry import Geometry
from powercut.source import FixedSource
from powercut.trace import EngineRef, Trace

TRACE = Trace(Geometry(16, 16, 512, 16, 0xFF), (), EngineRef("skink"))
PLAN = Plan("skink", FixedSource(TRACE), traces=20, workers=2)


def lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], traces: int, *, shown: bool = True
) -> list[str]:
    """What is told in three minutes, looked at each quarter of one."""
    clock = [1000.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: clock[0])
    with show.Progress(PLAN, shown=shown) as progress:
        for step in range(12):
            clock[0] += 15.0
            counts = {("", "prefix"): Count(total=1000, checked=1000)}
            progress.update(Tally(traces=traces, counts=counts, seconds=15.0 * (step + 1)), 500 * step)
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.splitlines()


def test_a_line_is_told_each_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lines(monkeypatch, capsys, 2) == [
        "powercut: 2 of 20 traces, 2,500 states, 42/s, 0 failed, 60 s",
        "powercut: 2 of 20 traces, 4,500 states, 38/s, 0 failed, 120 s",
        "powercut: 2 of 20 traces, 6,500 states, 36/s, 0 failed, 180 s",
    ]


def test_what_would_make_a_long_trace_shorter_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = lines(monkeypatch, capsys, 0)
    assert (len(told), told[1]) == (4, show.SHORTER)
    assert "--ops" in told[1]


def test_nothing_is_told_where_progress_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lines(monkeypatch, capsys, 0, shown=False) == []
