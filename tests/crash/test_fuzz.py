# SPDX-License-Identifier: ISC
"""The explorer's fuzz target: it accuses those that lie and nobody else, and its inputs can be read."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from powercut.cli import main
from powercut.corpus import name_of, pack, restrict, unpack
from powercut.devices import named
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.faultfile import Explore
from powercut.fuzz import (
    DRIVER_SOURCES,
    CorpusSource,
    FuzzPlan,
    Target,
    build,
    environment,
    fuzz,
    kept,
    room,
    seed_corpus,
)
from powercut.generate import GEOMETRIES, operations
from powercut.native import engine_path
from powercut.ops import Op
from powercut.run import run_trace
from powercut.trace import EngineRef
from powercut.vocabulary import Profile

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"

Liar = Callable[..., str]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target with fuzz_main.c in the place of libFuzzer."""
    made = tmp_path_factory.mktemp("fuzz") / "driver"
    sources = [HERE / "fuzz_main.c", *(path for one in DRIVER_SOURCES for path in sorted(CSRC.glob(one)))]
    command = [*os.environ.get("CC", "cc").split(), "-O0", "-w", f"-I{CSRC}", f"-I{CSRC / 'include'}"]
    subprocess.run([*command, *map(str, sources), "-o", str(made), "-ldl", "-lpthread"], check=True)
    return made


@pytest.fixture
def run(driver: Path, tmp_path: Path) -> Run:
    """Runs the driver on an engine's library; ``plan``: what is explored."""
    plan = FuzzPlan(tmp_path)
    plan.findings.mkdir()

    def start(library: str, *arguments: object, plan: FuzzPlan = plan) -> subprocess.CompletedProcess[str]:
        told = environment(plan, Target(driver, Path(library)))
        command = [str(driver), *map(str, arguments)]
        return subprocess.run(command, env=told, check=True, capture_output=True, text=True, timeout=120)

    return start


def inputs(folder: Path, engine: Engine, count: int = 12) -> list[Path]:
    made = []
    for index in range(count):
        geometry = replace(GEOMETRIES[index % 4], block_count=40)
        data = pack(geometry, operations(Profile(geometry, engine.capabilities, 40), index, 12))
        made.append(folder / name_of(data))
        made[-1].write_bytes(data)
    return made


def test_an_engine_that_is_right_is_accused_of_nothing(liar: Liar, run: Run, tmp_path: Path) -> None:
    library = liar(None)
    done = run(library, "run", *inputs(tmp_path, Engine.load(library)))
    assert re.fullmatch(r"(powercut fuzz: states \d+\n)+", done.stderr)
    assert kept(FuzzPlan(tmp_path), findings_only=True) == ()


@pytest.mark.parametrize("lie", ["LATE", "STALE", "HEAD_FIRST", "IN_PLACE"])
def test_what_the_target_accuses_the_model_accuses_too(
    liar: Liar, run: Run, tmp_path: Path, lie: str
) -> None:
    library = liar(lie)
    engine = Engine.load(library)
    done = run(library, "run", *inputs(tmp_path, engine))
    found = kept(FuzzPlan(tmp_path), findings_only=True)
    assert found
    assert done.stderr.count("/violation-") == len(found)
    source = CorpusSource(found, EngineRef(engine.name, engine.version), engine.capabilities)
    for index in range(len(found)):
        assert not run_trace(source.trace(index), engine).held


def test_a_finding_is_written_once_and_of_one_kind_not_without_end(
    liar: Liar, run: Run, tmp_path: Path
) -> None:
    library = liar("LATE")
    files = inputs(tmp_path, Engine.load(library), 30)
    run(library, "run", *files, *files)
    found = kept(FuzzPlan(tmp_path), findings_only=True)
    assert 1 <= len(found) <= 32
    assert {path.read_bytes() for path in found} <= {path.read_bytes() for path in files}


def test_mutations_are_canonical_can_be_done_and_fit(liar: Liar, run: Run, tmp_path: Path) -> None:
    for library in (liar(None), str(engine_path("skink"))):
        engine = Engine.load(library)
        one, other = inputs(tmp_path, engine, 2)
        lines = run(library, "mutate", 600, 400, one, other).stdout.splitlines()
        made = [bytes.fromhex(line) for line in lines]
        assert len(made) == 600
        assert max(map(len, made)) <= 400
        for data in made:
            geometry, every = unpack(data)
            assert pack(geometry, every) == data
            assert restrict(every, engine.capabilities) == every
        assert len(set(made)) > 300
        kinds = {op.kind for data in made for op in unpack(data)[1]}
        assert {"set", "remove", "get", "list"} <= kinds
        assert len({unpack(data)[0] for data in made}) > 5


def test_any_bytes_can_be_run(liar: Liar, run: Run, tmp_path: Path) -> None:
    draw = random.Random(3)
    files = []
    for index in range(20):
        files.append(tmp_path / f"bytes{index}")
        files[-1].write_bytes(draw.randbytes(draw.randrange(200)))
    done = run(liar(None), "run", *files)
    assert re.fullmatch(r"(powercut fuzz: states \d+\n)+", done.stderr)


def test_the_first_corpus_fits_and_goes_round_the_devices(tmp_path: Path) -> None:
    plan = FuzzPlan(tmp_path, ops=12)
    engine = Engine.load("skink")
    seed_corpus(plan, engine)
    made = [path.read_bytes() for path in plan.corpus.iterdir()]
    assert len({unpack(data)[0] for data in made}) == 8
    assert max(map(len, made)) <= room(plan)
    assert all(restrict(unpack(data)[1], engine.capabilities) == unpack(data)[1] for data in made)
    before = {path.name for path in plan.corpus.iterdir()}
    seed_corpus(replace(plan, seed=9), engine)
    assert {path.name for path in plan.corpus.iterdir()} == before


def test_a_corpus_source_leaves_out_what_the_engine_cannot_do(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(pack(GEOMETRIES[0], [Op("sync", b""), Op("get", b"a"), Op("get", b"a/b")]))
    source = CorpusSource((path,), EngineRef("plain"), frozenset({"timestamps"}))
    assert source.trace(0).operations == (Op("get", b"a"),)
    assert source.trace(0).note == "fuzzer input input"


def test_an_engine_that_hangs_ends_the_target_which_says_so(liar: Liar, run: Run, tmp_path: Path) -> None:
    one = inputs(tmp_path, Engine.load(liar(None)), 1)[0]
    plan = FuzzPlan(tmp_path, hang_seconds=1)
    with pytest.raises(subprocess.CalledProcessError) as ended:
        run(liar("HANGS"), "run", one, plan=plan)
    assert ended.value.returncode == -signal.SIGABRT
    assert re.search(
        r"^powercut fuzz: hang: no progress for [1-9]\d* seconds", ended.value.stderr, re.MULTILINE
    )


def test_many_crash_states_are_no_hang_and_are_counted(liar: Liar, run: Run, tmp_path: Path) -> None:
    """What one crash state may take is a second here; all of them together take several."""
    library = liar(None)
    files = inputs(tmp_path, Engine.load(library), 2)
    explore = Explore(kinds=("prefix", "torn"))
    plan = FuzzPlan(tmp_path, hang_seconds=1, explore=explore, models=named(("nand",)))
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = run(library, "run", *files[1:] * 2, plan=plan)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start > 1.5
    assert kept(plan, findings_only=True) == ()
    told = [int(line.rpartition(" ")[2]) for line in done.stderr.splitlines()]
    assert told == sorted(told)
    assert told[-1] > 10_000


# --- libFuzzer's side, with a script in the place of the driver --------------------------------------------

STAND_IN = """#!/bin/sh
echo 'INFO: Loaded 1 modules   (2039 inline 8-bit counters)' >&2
echo '#7 INITED cov: 12 ft: 9 corp: 3/100b exec/s: 0 rss: 34Mb' >&2
for last in "$@"; do :; done
if mkdir "$last/../once" 2>/dev/null; then
    echo '#100 NEW    cov: 40 ft: 90 corp: 5/1Kb lim: 4 exec/s: 0' >&2
    echo 'powercut fuzz: states 70' >&2
    echo 'powercut fuzz: states 700' >&2
    echo 'SUMMARY: AddressSanitizer: heap-use-after-free mount.c:12 in mount_it' >&2
    echo 'artifact_prefix=; Test unit written to findings/crash-0123' >&2
    echo 'stat::number_of_executed_units: 120' >&2
    exit 77
fi
echo 'powercut fuzz: states 30' >&2
echo 'powercut fuzz: hang: no progress for 61 seconds of processor time' >&2
echo 'SUMMARY: libFuzzer: deadly signal' >&2
echo 'artifact_prefix=; Test unit written to findings/crash-4567' >&2
echo '#50 DONE   cov: 44 ft: 95 corp: 6/1Kb lim: 4 exec/s: 0' >&2
"""


def stand_in(folder: Path, text: str) -> Target:
    path = folder / "driver.sh"
    path.write_text(text)
    path.chmod(0o755)
    return Target(path, folder / "engine.so")


def test_a_driver_that_an_input_ended_is_started_again_and_all_is_counted(tmp_path: Path) -> None:
    plan = FuzzPlan(tmp_path, seconds=5)
    plan.corpus.mkdir()
    (plan.corpus / "0123").write_bytes(b"the end of every process that reads it")
    told: list[int] = []
    made = fuzz(plan, stand_in(tmp_path, STAND_IN), lambda now: told.append(now.executions))
    assert (made.executions, made.edges, made.interrupted) == (170, 44, False)
    assert made.states == 730
    assert made.fatal == {
        "crash-0123": "AddressSanitizer: heap-use-after-free mount.c:12 in mount_it",
        "crash-4567": "no progress for 61 seconds of processor time",
    }
    assert told[-1] == 170
    assert list(plan.corpus.iterdir()) == []


def test_what_fuzz_tells_follows_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], json_schema: Any
) -> None:
    """The command with a stand-in for the fuzzer: it keeps the first corpus, and one of it as a finding."""
    work = tmp_path / "work"
    script = (
        f"#!/bin/sh\ncp $(ls {work}/corpus/* | head -1) {work}/findings/crash-0123\n"
        "echo 'INFO: Loaded 1 modules' >&2\n"
        "echo '#50 DONE   cov: 44 ft: 95 corp: 6/1Kb lim: 4 exec/s: 0' >&2\n"
    )
    monkeypatch.setattr("powercut.cli.fuzz.build", lambda *_: stand_in(tmp_path, script))
    line = ["fuzz", "--engine", "ditto", "--seconds", "1", "--jobs", "1", "--work", str(work), "--json"]
    code = main([*line, "--seed", "1", "--ops", "4", "--save", str(tmp_path / "traces")])
    found = json.loads(capfd.readouterr().out)
    json_schema.validate(found)
    assert found["verdict"] == "violation", found.get("error")
    assert (code, found["command"], found["exit"], found["edges"]) == (1, "fuzz", 1, 44)
    assert [Path(one["input"]).name for one in found["findings"]] == ["crash-0123"]
    assert found["judged"]["traces"] == found["corpus"] + 1 > 1


def test_an_input_that_takes_long_does_not_take_more_than_its_time(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho 'INFO: Loaded 1 modules' >&2\necho '#3 NEW cov: 5 ft: 9' >&2\nexec sleep 60\n"
    made = fuzz(FuzzPlan(tmp_path, seconds=1), stand_in(tmp_path, script), lambda _: None)
    assert (made.executions, made.fatal, made.interrupted) == (3, {}, False)
    assert made.seconds < 30


def test_an_engine_that_does_not_tell_where_it_was_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(PowercutError, match="does not tell where it has been; compile it with clang -fsan"):
        fuzz(FuzzPlan(tmp_path, seconds=2), stand_in(tmp_path, "#!/bin/sh\nexit 0\n"), lambda _: None)


def test_a_driver_that_gives_up_is_told_in_its_words(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho 'powercut fuzz: ./engine.so: it exports no powercut_engine()' >&2\nexit 2\n"
    with pytest.raises(PowercutError, match=r"gave up: powercut fuzz: \./engine\.so: it exports no"):
        fuzz(FuzzPlan(tmp_path, seconds=2), stand_in(tmp_path, script), lambda _: None)


def test_without_libfuzzer_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLANG", str(tmp_path / "no-clang"))
    with pytest.raises(PowercutError, match="needs clang with libFuzzer: install it"):
        build(FuzzPlan(tmp_path), "skink", None)
