# SPDX-License-Identifier: ISC
"""`powercut bench crash` tells what it counted and measured; an engine that dies ends its row alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from powercut.cli import main
from powercut.crashbench import BLOCK_COUNTS, KEYS, OPERATIONS, Measured, Task, measure, processors, workload
from powercut.engine import Engine
from powercut.fault import KINDS
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace

TOYS = Path(__file__).parent / "toys.py"
QUICK = ("--seconds", "0.01", "--block-sizes", "512")
COUNTS = ("listed", "identical", "unread", "judged", "beyond", "violations")


@dataclass(frozen=True)
class Report:
    """What --json prints."""

    machine: str
    processors: int
    seconds: float
    interrupted: bool
    rows: list[Measured]


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> Report:
    assert main(["bench", "crash", "--json", *QUICK, *arguments]) == 0
    return msgspec.json.decode(capsys.readouterr().out, type=Report, strict=True)


def counted(one: Measured) -> dict[str, int]:
    """What does not depend on the machine."""
    return {name: getattr(one, name) for name in COUNTS}


def values(rows: Sequence[Measured], part: str, name: str) -> list[object]:
    return [getattr(one, name) for one in rows if one.part == part]


def test_json_has_every_row_of_every_part_and_figures_that_belong_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = report(capsys, "--engine", "skink")
    assert (found.processors, found.interrupted) == (processors(), False)
    assert values(found.rows, "kinds", "kind") == list(KINDS)
    assert values(found.rows, "kinds", "model") == ["", "nand", "disk512", "", "", ""]
    assert len(set(values(found.rows, "questions", "questions"))) == 5
    assert values(found.rows, "cores", "jobs") == sorted({1, min(2, processors()), processors()})
    assert values(found.rows, "log", "operations") == list(OPERATIONS)
    assert values(found.rows, "device", "block_count") == list(BLOCK_COUNTS)
    for one in found.rows:
        assert (one.engine, one.died, one.block_size) == ("skink", "", 512)
        assert one.passes >= 1
        assert one.listed == one.identical + one.unread + one.judged > 0
        seconds = one.wall_seconds if one.part == "cores" else one.processor_seconds
        assert one.judged_per_second == pytest.approx(one.judged / seconds, rel=0.01)
        assert one.listed_per_second == pytest.approx(one.listed / seconds, rel=0.01)
        assert one.microseconds == pytest.approx(one.processor_seconds / one.judged * 1e6, rel=0.01)
        if one.kind == "prefix":
            assert (one.listed, one.beyond) == (one.events + 1, 0)
        if one.part == "questions":
            assert one.judged == one.listed  # nothing is passed over there
        if one.kind != "damage":  # which skink does not claim to survive
            assert one.violations == 0


def test_what_is_counted_is_what_a_run_counts() -> None:
    engine = Engine.load("skink")
    for kind, models in (("prefix", ()), ("torn", ("nand",)), ("nested", ())):
        one = measure(Task("kinds", "skink", 512, kind=kind, model="".join(models), seconds=0.0))
        kinds = ("prefix", "nested") if kind == "nested" else (kind,)
        trace = Trace(
            Geometry(16, 16, 512, 256, 0xFF),
            workload(512),
            EngineRef("skink", engine.version),
            models=models,
            explore=Explore(kinds=kinds, depth=2),
        )
        total = run_trace(trace, engine).sum
        assert (one.listed, one.identical, one.unread, one.judged, one.beyond) == (
            total.total, total.identical, total.unread, total.checked, total.beyond,
        )  # fmt: skip


def test_neither_threads_nor_the_size_of_the_device_change_what_is_counted() -> None:
    torn = [counted(measure(Task("cores", "skink", 512, "torn", "nand", jobs=jobs))) for jobs in (1, 3)]
    assert torn[0] == torn[1]
    sizes = [
        counted(measure(Task("device", "skink", 512, block_count=count, seconds=0.0)))
        for count in (256, 4096)
    ]
    assert sizes[0] == sizes[1]


def test_a_crash_state_costs_the_same_on_a_large_device() -> None:
    small, large = (
        min(measure(Task("device", "skink", 4096, block_count=count)).microseconds for _ in range(2))
        for count in (256, 16_384)
    )
    assert large < 4 * small  # it was 22 times as much while each exploration copied the device


def test_the_log_grows_over_a_store_that_does_not() -> None:
    rows = [
        measure(Task("log", "skink", 512, operations=count, warm=True, seconds=0.0)) for count in (50, 200)
    ]
    assert rows[1].listed > 3 * rows[0].listed
    for count in (100, 400):
        last: dict[bytes, str] = {}
        for op in workload(512, count):
            last[op.key] = op.kind if op.kind != "get" else last.get(op.key, "")
        assert len(last) == KEYS
        assert list(last.values()).count("set") >= KEYS - 3


def test_littlefs_is_behind_the_same_adapter(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("littlefs", reason="littlefs-python is not installed")
    found = report(capsys, "--parts", "kinds,questions", "--kinds", "prefix,torn")
    both = [(one.engine, one.part, one.kind) for one in found.rows if one.part == "kinds"]
    assert both == [(name, "kinds", kind) for name in ("skink", "littlefs") for kind in ("prefix", "torn")]
    asked = [one.questions for one in found.rows if one.part == "questions"]
    assert len(asked) == 9  # littlefs has no check of its own
    assert all(one.judged > 100 and one.judged_per_second > 0 and not one.died for one in found.rows)


def test_an_engine_that_ends_its_process_ends_its_row_alone(capsys: pytest.CaptureFixture[str]) -> None:
    engines = [part for name in ("Deadly", "Page") for part in ("--engine", f"{TOYS}:{name}")]
    found = report(capsys, "--parts", "kinds", "--kinds", "prefix", *engines)
    deadly, page = found.rows
    assert (deadly.died, deadly.judged, deadly.judged_per_second) == ("SIGABRT", 0, 0)
    assert (page.died, page.violations) == ("", 0)
    assert page.judged > 100
    assert main(["bench", "crash", *QUICK, "--parts", "kinds", "--kinds", "prefix", *engines[:2]]) == 0
    assert "SIGABRT" in capsys.readouterr().out


def test_tables_have_the_rows_for_people_and_for_pages(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "crash", *QUICK, "--engine", "skink", "--parts", "kinds,device"]
    assert main([*arguments, "--kinds", "prefix,full"]) == 0
    text = capsys.readouterr().out
    assert "kinds: each kind of crash state" in text
    assert "device: more blocks" in text
    assert sum("skink" in line for line in text.splitlines()) == 2 + len(BLOCK_COUNTS)
    assert main([*arguments, "--kinds", "prefix,full", "--markdown"]) == 0
    tables = [table.splitlines() for table in capsys.readouterr().out.strip().split("\n\n")]
    assert [len(table) for table in tables] == [4, 2 + len(BLOCK_COUNTS)]
    for line in itertools.chain(*tables):
        assert line.startswith("| ")
        assert line.endswith(" |")
    assert tables[1][2].endswith(" 1.00 |")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--parts", "kinds,red"], "there is no part 'red'; there are kinds"),
        (["--kinds", "red"], "there is no kind 'red'; there are prefix"),
        (["--model", "red"], "'red' is not one of"),
        (["--block-sizes", "1000"], "no whole number of 16-byte progs"),
        (["--block-sizes", "128"], "128 is not between 256"),
        (["--seconds", "0"], "seconds"),
        (["--engine", "red"], "red"),
        (["--engine", "./red.so"], "red.so"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["bench", "crash", *arguments]) == 2
    caught = capsys.readouterr()
    assert words in caught.err
    assert caught.err.count("\n") == 1
    assert caught.out == ""
