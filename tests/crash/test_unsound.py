# SPDX-License-Identifier: ISC
"""Behind a wrong answer of the uncut run nothing is judged, and no kind of crash state counts as complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from powercut.engine import Engine
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.run import RunOptions, run_trace
from powercut.trace import EngineRef, Trace

Liar = Callable[..., str]

TRACE = Trace(
    Geometry(16, 16, 128, 63, 0xFF),
    (
        Op("set", b"a", value=Literal(b"one")),
        Op("list", b""),
        Op("set", b"b", value=Literal(b"two")),
    ),
    EngineRef("plain", "1"),
    models=("disk512", "virtio-writethrough"),
    explore=Explore(("prefix", "torn", "reorder", "full")),
)


def test_behind_a_wrong_answer_no_kind_is_complete(liar: Liar) -> None:
    verdict = run_trace(TRACE, Engine.load(liar("WRONG_CODE")), RunOptions(words=False))
    assert {one.kind for one in verdict.violations} == {"answer"}
    assert ("disk512", "reorder") in verdict.counts
    assert ("", "full") in verdict.counts
    for key, count in verdict.counts.items():
        assert not count.exhaustive, key
    assert verdict.counts["", "full"].total == len(TRACE.operations) + 1


def test_the_same_without_it_is_complete(liar: Liar) -> None:
    honest = run_trace(replace(TRACE), Engine.load(liar(None)), RunOptions(words=False))
    assert honest.counts["", "full"].exhaustive
    assert honest.counts["", "prefix"].exhaustive
