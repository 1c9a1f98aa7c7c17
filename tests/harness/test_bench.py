# SPDX-License-Identifier: ISC
"""`powercut bench engine` measures both engines and counts the same each time; littlefs behind the engine ABI
answers what the model does, and survives power cuts."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import asdict, dataclass

import msgspec
import pytest

from powercut import littlefs_library
from powercut.benchmark import WORKLOADS, Bench, Figures, Measured, Row, rows
from powercut.cli import main
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.native import engine_path
from powercut.ops import Generated, Literal, Op
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile

pytest.importorskip("littlefs", reason="littlefs-python is not installed")

SMALL = ["--keys", "40", "--sizes", "1024,5000", "--rounds", "1"]


@dataclass(frozen=True)
class Report:
    """What --json prints."""

    skink: str
    littlefs: str
    machine: str
    rounds: int
    timestamps: bool
    rows: list[Measured]


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> Report:
    assert main(["bench", "engine", "--json", *arguments]) == 0
    return msgspec.json.decode(capsys.readouterr().out, type=Report, strict=True)


def counted(one: Figures | None) -> dict[str, object]:
    """What does not depend on the machine."""
    assert one is not None
    clocks = ("ops_per_second", "best_ns", "median_ns", "worst_ns")
    return {name: value for name, value in asdict(one).items() if name not in clocks}


def test_json_has_every_row_complete_for_both_engines(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, *SMALL)
    expected = {
        (size, row.title)
        for size in (512, 4096)
        for row in rows(tuple(WORKLOADS), (40,), (1024, 5000), (size,))
    }
    assert {(one.block_size, one.row) for one in found.rows} == expected
    assert {one.row.split()[0] for one in found.rows} == set(WORKLOADS) - {"fill"}  # which is for 5000 keys
    for one in found.rows:
        assert one.littlefs is not None
        assert one.ratio == pytest.approx(one.skink.ops_per_second / one.littlefs.ops_per_second, rel=0.01)
        for figures in (one.skink, one.littlefs):
            assert 0 < figures.best_ns <= figures.median_ns
            assert figures.ops_per_second > 0
            assert figures.operations == one.skink.operations
            assert figures.memory_bytes >= figures.memory_empty_bytes > 0
            assert (
                figures.worst_bytes
                <= figures.read_bytes + figures.prog_bytes + figures.erases * one.block_size
            )


def test_each_row_does_to_the_device_what_its_name_says(capsys: pytest.CaptureFixture[str]) -> None:
    for one in report(capsys, *SMALL, "--block-sizes", "512").rows:
        name = one.row.split()[0]
        reads_only = name in ("read", "exists", "list", "mount")
        for figures in (one.skink, one.littlefs):
            assert figures is not None
            assert (figures.progs == 0) == reads_only, one.row
            assert (figures.prog_bytes >= figures.payload_bytes) or figures.payload_bytes == 0, one.row
            assert (figures.payload_bytes == 0) == (reads_only or name == "remove"), one.row
            if name in ("create", "create-scattered", "append", "write"):
                assert figures.syncs >= figures.operations, one.row
        assert one.littlefs is not None
        assert one.littlefs.reads > 0


@pytest.mark.parametrize("timestamps", [False, True])
def test_counts_are_the_same_in_two_runs(timestamps: bool) -> None:
    some = list(rows(("create", "overwrite", "remove", "append", "full"), (60,), (), (512,)))
    found: list[list[Measured]] = []
    for _ in range(2):
        with Bench(rounds=1, timestamps=timestamps) as bench:
            found.append(list(bench.measure_all(some)))
    for one, other in zip(*found, strict=True):
        assert counted(one.skink) == counted(other.skink)
        assert counted(one.littlefs) == counted(other.littlefs)


def test_a_store_prepared_for_one_row_serves_the_next_unchanged() -> None:
    read, write = (Row(name, 512, 50, 50, device_size=1 << 18) for name in ("read", "overwrite"))
    with Bench(rounds=1) as bench:
        first = bench.measure(read)
        bench.measure(write)
        again = bench.measure(read)
    with Bench(rounds=1) as bench:
        alone = bench.measure(write)
        after = bench.measure(read)
    assert counted(first.skink) == counted(again.skink) == counted(after.skink)
    assert counted(first.littlefs) == counted(again.littlefs) == counted(after.littlefs)
    assert alone.skink.progs >= 50


def test_rows_can_be_chosen_and_littlefs_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "--rows", "exists,write", "--skink-only", "--block-sizes", "1024", *SMALL)
    assert [one.row for one in found.rows] == ["exists 40", "write 1 KiB", "write 5000 B"]
    assert all(one.littlefs is None and one.ratio is None for one in found.rows)
    exists = found.rows[0].skink
    assert (exists.reads, exists.progs) == (0, 0)


def test_the_table_has_a_line_for_each_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "engine", "--rows", "overwrite", *SMALL, "--block-sizes", "512"]) == 0
    text = capsys.readouterr().out
    assert "512-byte blocks" in text
    lines = [line for line in text.splitlines() if "skink" in line or "littlefs" in line]
    assert len(lines) == 2
    assert "overwrite 40" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rows", "red"], "there is no row 'red'; there are create"),
        (["--keys", "many"], "'many' is not a list of numbers"),
        (["--keys", "5"], "5 is not between"),
        (["--block-sizes", "1000"], "no whole number of 16-byte progs"),
        (["--rounds", "0"], "rounds"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["bench", "engine", *arguments]) == 2
    caught = capsys.readouterr()
    assert words in caught.err
    assert caught.err.count("\n") == 1
    assert caught.out == ""


def test_a_row_that_does_not_fit_the_device_is_one_sentence() -> None:
    with Bench(rounds=1) as bench, pytest.raises(PowercutError, match=r"skink answers -6 to .* value \d+"):
        bench.measure(Row("read", 512, 5000, 10, device_size=1 << 16))


def test_another_littlefs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(littlefs_library, "VERSION", (3, 0))
    with pytest.raises(PowercutError, match=r"holds littlefs 2.11, and 2.11 is needed: install it"):
        littlefs_library.library()


def test_without_littlefs_the_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(littlefs_library.VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PowercutError, match=r"Real littlefs is not here: install it with `pip install"):
        Engine.load("littlefs")


def test_a_library_that_is_not_littlefs_is_refused() -> None:
    """In a process of its own: what is loaded once stays loaded."""
    code = """
import sys
from powercut.native import engine_path, ffi, lib
text = ffi.new("char[]", 512)
assert lib.bench_new(sys.argv[1].encode(), text, 512) == ffi.NULL
print(ffi.string(text).decode())
"""
    path = str(engine_path("ditto"))
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path} does not export littlefs's functions; install littlefs-python 0.19\n"
    done = subprocess.run(
        [sys.executable, "-c", code, "/nothing"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cannot load littlefs from /nothing: ")


# --- littlefs behind the engine ABI


@pytest.fixture(scope="module")
def littlefs() -> Engine:
    return Engine.load("littlefs")


def trace_of(engine: Engine, geometry: Geometry, ops: list[Op]) -> Trace:
    return Trace(geometry, tuple(ops), EngineRef(engine.name, engine.version))


def test_littlefs_claims_only_what_it_can_do_in_one_step(littlefs: Engine) -> None:
    assert littlefs.capabilities == {
        "timestamps",
        "set_partial",
        "allocate",
        "last_modified",
        "dictionaries",
    }


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(16, 16, 512, 256, 0xFF),
        Geometry(16, 16, 4096, 64, 0xFF),
        Geometry(1, 1, 128, 512, 0xFF),
        Geometry(64, 64, 256, 256, None),
    ],
    ids=str,
)
def test_littlefs_agrees_with_the_model_and_survives_cuts(littlefs: Engine, geometry: Geometry) -> None:
    name_max = littlefs.facts(littlefs.format(geometry), geometry).name_max
    profile = Profile(geometry, littlefs.capabilities, name_max)
    for seed in range(3):
        ops = operations(profile, seed, 60)
        verdict = run_trace(trace_of(littlefs, geometry, ops), littlefs)
        assert verdict.held, verdict.violations[0]
        assert verdict.events > 40


def test_a_create_below_missing_dictionaries_is_one_step(littlefs: Engine) -> None:
    """littlefs alone would show the dictionaries, then an empty file, then the value."""
    geometry = Geometry(16, 16, 512, 64, 0xFF)
    ops = [
        Op("set", b"a/b/c", value=Literal(b"old")),
        Op("set", b"a/b/x/y/z", value=Generated(1, 900)),
        Op("remove", b"a"),
        Op("set", b"new", value=Literal(b"v")),
    ]
    with littlefs.record(geometry, ops) as run:
        seen = set()
        for state in range(run.event_count + 1):
            shown = littlefs.entries(run.image(state), geometry)
            seen.add(tuple((row.key, len(row.data or b"")) for row in shown if row.kind == "value"))
    assert seen == {
        (),
        ((b"a/b/c", 3),),
        ((b"a/b/c", 3), (b"a/b/x/y/z", 900)),
        ((b"new", 1),),
    }


def test_littlefs_reads_what_skink_wrote_and_the_other_way_round(littlefs: Engine) -> None:
    geometry = Geometry(16, 16, 512, 128, 0xFF)
    draw = random.Random(5)
    ops = [
        Op("set", b"d%d/k%02d" % (draw.randrange(3), draw.randrange(20)), value=Generated(seed, seed * 13))
        for seed in range(60)
    ]
    skink = Engine.load("skink")
    for writer, reader in ((skink, littlefs), (littlefs, skink)):
        with writer.record(geometry, ops) as run:
            image = run.image(run.event_count)
        assert reader.entries(image, geometry) == writer.entries(image, geometry)
        assert len(reader.entries(image, geometry)) > 30


def test_littlefs_hides_and_refuses_the_adapters_own_name(littlefs: Engine) -> None:
    geometry = Geometry(16, 16, 512, 64, 0xFF)
    ops = [Op("set", b"\x01stage", value=Literal(b"v")), Op("set", b"d/\x01stage", value=Literal(b"v"))]
    with littlefs.record(geometry, ops) as run:
        assert [run.code(0), run.code(1)] == ["INVALID_KEY", "OK"]
