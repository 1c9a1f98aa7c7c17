# SPDX-License-Identifier: ISC
"""Workloads of another make than the generated lists, on engines that lie and on one that is right."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import Engine
from powercut.filled import SMALL, FullSource
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.trace import EngineRef
from powercut.vocabulary import Profile

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

EXHAUSTIVE = ("run", "--exhaustive-ops", 2, "--exhaustive-keys", 2, "--exhaustive-sizes", 5)


def test_every_short_sequence_finds_the_shortest_that_fails(
    liar: Liar, powercut: Powercut, tmp_path: Path
) -> None:
    kinds = ("--exhaustive-kinds", "remove,set")
    done = powercut(*EXHAUSTIVE, *kinds, "--engine", liar("LATE"), "--save", tmp_path, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert told["workload"]["sequences"] == 2 + 8
    assert {one["kind"] for one in told["failures"]} <= {"content", "lost_write"}
    assert min(one["operations"] for one in told["failures"]) <= 1
    assert "fail" in told["workload"]["words"]


def test_the_statement_names_all_that_was_covered(powercut: Powercut) -> None:
    done = powercut(*EXHAUSTIVE, "--exhaustive-below", 1, "--block-count", 33)
    assert (done.returncode, done.stderr) == (0, "")
    assert "every sequence of 1 to 2 operations (set, set_partial, allocate, remove, rename)" in done.stdout
    assert "on 2 keys and 1 below each, values of 5 bytes, up to renaming of keys" in done.stdout
    assert "(33 blocks of 512 bytes, read 16, prog 16, erase 0xff): all " in done.stdout
    assert "none fails" in done.stdout


def test_a_part_of_the_sequences_is_not_called_every_one(liar: Liar, powercut: Powercut) -> None:
    done = powercut(*EXHAUSTIVE, "--traces", 3, "--engine", liar(None))
    assert done.returncode == 0
    assert "not every sequence of 1 to 2 operations" in done.stdout
    assert ": only 3 of 36 sequences" in done.stdout


def test_what_cannot_be_asked_for_is_told_in_one_sentence(liar: Liar, powercut_here: Powercut) -> None:
    for wrong, sentence in (
        (("--exhaustive-kinds", "set,burn"), "there is no 'burn'"),
        (("--exhaustive-kinds", "sync"), "skink 0.1.0 cannot do sync; leave it out of --exhaustive-kinds."),
        (("--exhaustive-sizes", "5,x"), "'5,x' is no list of numbers"),
        (("--exhaustive-sizes", "-1"), "a value has 0 to 268435456 bytes"),
        (("--exhaustive-below", 1, "--engine", liar(None)), "plain 1 has no keys below others"),
        (("--tree", "."), "Both --tree and --exhaustive-ops are given; give one of them."),
    ):
        done = powercut_here(*EXHAUSTIVE, *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("geometry", SMALL, ids=str)
def test_filled_devices_stay_full_and_are_worked_on(geometry: Geometry) -> None:
    engine = Engine.load("skink")
    source = FullSource(1, 60, (Profile(geometry, engine.capabilities, 64),), EngineRef("skink"))
    for index in range(3):
        made = source.trace(index).operations
        with engine.record(geometry, made) as run:
            codes = [run.code(number) for number, op in enumerate(made) if op.writes]
        assert codes.count("NO_SPACE") >= 5
        assert codes[20:].count("OK") >= 5
    assert source.trace(2) == source.trace(2)
    assert source.trace(1).operations != tuple(operations(source.profiles[0], 1, 60))


def test_a_full_device_shows_what_an_empty_one_does_not(liar: Liar, powercut: Powercut) -> None:
    command = ("run", "--traces", 6, "--ops", 40, "--seed", 1, "--engine", liar("REMOVE_NEEDS_ROOM"))
    assert powercut(*command).returncode == 0
    filled = powercut(*command, "--fill", "--no-shrink", "--json")
    assert filled.returncode == 1, filled.stderr
    assert "no_space" in {one["kind"] for one in json.loads(filled.stdout)["failures"]}


def test_an_engine_that_is_right_holds_on_full_devices(liar: Liar, powercut: Powercut) -> None:
    done = powercut("run", "--fill", "--traces", 14, "--ops", 40, "--seed", 1, "--engine", liar(None))
    assert (done.returncode, done.stderr) == (0, "")
