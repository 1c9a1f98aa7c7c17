# SPDX-License-Identifier: ISC
"""Coverage-guided bulk runs: libFuzzer makes up operations, the explorer cuts the power, the model judges.

The driver is built out of csrc/fuzz, the explorer and libFuzzer. It loads the engine as a library that was
compiled with ``-fsanitize=fuzzer-no-link``, so that libFuzzer sees where an input gets to, and judges crash
states by what the engine itself shows without a cut. Whatever was kept is then run once more, on the plain
engine and by the model in SQL.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from powercut import atomic
from powercut.corpus import OPS_MAX, SHAPES, name_of, pack, restrict, trace_of
from powercut.devices import RULES, DeviceModel
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import KINDS
from powercut.faultfile import PREFIXES, Explore
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.processes import HANG_SECONDS
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile

#: What the driver is made of, below csrc.
DRIVER_SOURCES = ("fuzz/*.c", "crash/*.c", "blockdev/*.c")

#: The engines that the source tree has, and what they are made of.
ENGINE_SOURCES = {
    "skink": ("skink/*.c", "blockdev/device.c", "engines/skink.c"),
    "ditto": ("engines/ditto.c", "engines/ditto/*.c", "blockdev/device.c"),
}

_SANITIZERS = "address,undefined"
_FLAGS = ("-std=c11", "-g", "-O2", "-w", "-fPIC", "-D_DEFAULT_SOURCE")
_ASAN = "malloc_context_size=4:detect_leaks=0:quarantine_size_mb=8"

#: The kinds of crash state that are explored while fuzzing goes on; the model judges the others at the end.
FUZZED = ("prefix", "torn", "reorder", "nested")

#: Bytes of an input besides its operations.
_HEAD = 512

#: Seconds for which an input may be slow: the driver itself looks at what hangs, by the crash state.
_SLOW = 10**6

#: Seconds for the input at hand, when the time is over.
_GRACE = 2.0

_STATUS = re.compile(
    r"^(?:#(\d+)\s+\S+\s+cov: (\d+) ft: .*|stat::number_of_executed_units: *(\d+))$", re.MULTILINE
)
_SUMMARY = re.compile(
    r"^(?:SUMMARY: (.*)|.*Test unit written to (\S+)|powercut fuzz: hang: (.*))$", re.MULTILINE
)
_STATES = re.compile(r"^powercut fuzz: states (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """What to fuzz: the driver, and the engine as an instrumented library."""

    driver: Path
    library: Path


@dataclass(frozen=True, slots=True)
class FuzzPlan:
    """How to fuzz. ``ops``: operations in an input, at most. ``explore``, ``models``: what is explored while
    fuzzing goes on. ``seed``: of libFuzzer's draws. ``hang_seconds``: what one crash state may take, in
    processor time, or ten times as much by the clock."""

    work: Path
    seconds: float = 60.0
    jobs: int = 1
    ops: int = 24
    seed: int = 1
    explore: Explore = PREFIXES
    models: tuple[DeviceModel, ...] = ()
    hang_seconds: float = HANG_SECONDS

    @property
    def corpus(self) -> Path:
        """The inputs that are kept: those that reach something new."""
        return self.work / "corpus"

    @property
    def findings(self) -> Path:
        """The inputs that broke a promise or ended the process."""
        return self.work / "findings"


@dataclass(slots=True)
class Fuzzed:
    """What came of it. ``states``: crash states dealt with, at least; ``edges`` of the engine that were
    reached; ``fatal``: by the name of its file, what was said of an input that ended the process."""

    executions: int = 0
    states: int = 0
    edges: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    fatal: dict[str, str] = field(default_factory=dict)


# --- building --------------------------------------------------------------------------------------------


def source_root() -> Path:
    """The folder csrc of the source tree. Raises PowercutError outside of one."""
    root = Path(__file__).resolve().parents[2] / "csrc"
    if not (root / "fuzz").is_dir():
        raise PowercutError(
            "The fuzzer is built out of the source tree; run powercut fuzz from its repository."
        )
    return root


def clang() -> list[str]:
    """The compiler, with libFuzzer. Raises PowercutError."""
    command = os.environ.get("CLANG", "clang").split()
    program = "int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { (void)d; (void)n; return 0; }"
    arguments = [*command, f"-fsanitize=fuzzer,{_SANITIZERS}", "-x", "c", "-", "-o", os.devnull]
    try:
        done = subprocess.run(arguments, input=program, text=True, capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode != 0:
        raise PowercutError(
            "powercut fuzz needs clang with libFuzzer: install it (on Debian: apt install clang "
            "libclang-rt-dev), or name one with CLANG=..."
        )
    return command


def build(plan: FuzzPlan, engine: str, instrumented: Path | None) -> Target:
    """The driver, and the engine's instrumented library where none is given. Raises PowercutError."""
    root, compiler = source_root(), clang()
    driver = _build(plan, root, compiler, "driver", DRIVER_SOURCES, shared=False)
    if instrumented is not None:
        if not instrumented.is_file():
            raise PowercutError(f"There is no library {instrumented}; give the path of a shared library.")
        return Target(driver, instrumented.resolve())
    sources = ENGINE_SOURCES.get(engine)
    if sources is None:
        raise PowercutError(
            f"The sources of {engine} are not known here; compile it with clang -fsanitize=fuzzer-no-link as "
            "well, and name that library with --instrumented."
        )
    return Target(driver, _build(plan, root, compiler, f"{engine}.so", sources, shared=True))


def _build(
    plan: FuzzPlan, root: Path, compiler: list[str], name: str, patterns: Sequence[str], *, shared: bool
) -> Path:
    """What is made of these sources; it is made once, until one of them changes."""
    files = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    cover = f"-fsanitize=fuzzer-no-link,{_SANITIZERS}"
    flags = [*_FLAGS, *([cover, "-fno-sanitize-recover=undefined"] if shared else [])]
    link = ["-shared", cover] if shared else [f"-fsanitize=fuzzer,{_SANITIZERS}", "-rdynamic"]
    headers = sorted(root.glob("**/*.h"))
    key = hashlib.sha256(repr((compiler, flags, link)).encode())
    for path in (*files, *headers):
        key.update(path.read_bytes())
    folder = plan.work / f"build-{key.hexdigest()[:16]}"
    made = folder / name
    if made.exists():
        return made.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    include = [f"-I{root / 'include'}", f"-I{root}"]
    objects = [folder / f"{'-'.join(path.relative_to(root).parts)}.o" for path in files]
    with ThreadPoolExecutor(plan.jobs) as pool:
        commands = [
            [*compiler, *flags, *include, "-c", str(path), "-o", str(to)]
            for path, to in zip(files, objects, strict=True)
        ]
        list(pool.map(_compile, commands))
    fresh = folder / f".{name}.{os.getpid()}"
    _compile([*compiler, *link, *map(str, objects), "-o", str(fresh), "-ldl", "-lpthread"])
    fresh.replace(made)
    return made.resolve()


def _compile(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or [f"exit {done.returncode}"]
        raise PowercutError(f"The fuzzer does not compile: {lines[0]}.")


# --- fuzzing ---------------------------------------------------------------------------------------------


def seed_corpus(plan: FuzzPlan, engine: Engine) -> None:
    """Inputs to begin with, where there are none: short generated lists on each shape of device."""
    plan.corpus.mkdir(parents=True, exist_ok=True)
    plan.findings.mkdir(parents=True, exist_ok=True)
    if any(plan.corpus.iterdir()):
        return
    seeds: dict[str, bytes] = {}
    for number, (read, prog, block, erase) in enumerate(SHAPES):
        geometry = Geometry(read, prog, block, 32, erase)
        profile = Profile(geometry, engine.capabilities, 40)
        for count in range(2, plan.ops + 1, 5):
            data = pack(geometry, operations(profile, plan.seed + number, count))
            if len(data) <= room(plan):
                seeds[name_of(data)] = data
    try:
        atomic.write_all(plan.corpus, seeds)
    except OSError as error:
        raise PowercutError(
            f"Cannot write into {plan.corpus}: {atomic.reason(error)}; name another folder with --work."
        ) from error


def room(plan: FuzzPlan) -> int:
    """Bytes in an input, at most."""
    return _HEAD + 16 * min(plan.ops, OPS_MAX)


def environment(plan: FuzzPlan, target: Target) -> dict[str, str]:
    """What the driver is told; csrc/fuzz/settings.h."""
    return {
        **os.environ,
        "ASAN_OPTIONS": _ASAN,
        "POWERCUT_FUZZ_ENGINE": str(target.library),
        "POWERCUT_FUZZ_FINDINGS": str(plan.findings.resolve()),
        "POWERCUT_FUZZ_HANG": str(math.ceil(plan.hang_seconds)),
        "POWERCUT_FUZZ_EXPLORE": " ".join(map(str, _explore_numbers(plan.explore))),
        "POWERCUT_FUZZ_MODELS": " ".join(str(one) for model in plan.models for one in _model_numbers(model)),
    }


def _explore_numbers(explore: Explore) -> tuple[int, ...]:
    kinds, nested = (
        sum(1 << KINDS.index(kind) + 1 for kind in some if kind in FUZZED)
        for some in (explore.kinds, explore.nested)
    )
    return kinds, nested, explore.depth, explore.samples, explore.seed, explore.resume


def _model_numbers(model: DeviceModel) -> tuple[int, ...]:
    prog, erase = (
        sum(1 << RULES.index(rule) for rule in rules) for rules in (model.prog_tears, model.erase_tears)
    )
    return (
        model.prog_unit,
        model.erase_unit,
        prog,
        erase,
        int(model.reorders),
        int(model.overwrites),
        model.prog_size_max or 0,
        0 if model.erase_value is None else model.erase_value + 1,
        int(model.erases),
    )


class _Process:
    """One driver, started again where an input ended it, until its time is over."""

    def __init__(self, plan: FuzzPlan, target: Target, number: int, until: float) -> None:
        self._plan, self._target, self._number, self._until = plan, target, number, until
        self._log = plan.work / f"fuzz{number}.log"
        self._log.write_text("")
        self._starts = 0
        self._start()

    def _start(self) -> None:
        left = max(int(self._until - time.monotonic()), 1)
        self._starts += 1
        plan = self._plan
        command = [
            str(self._target.driver),
            f"-max_total_time={left}",
            f"-max_len={room(plan)}",
            "-timeout=0",
            f"-report_slow_units={_SLOW}",
            "-rss_limit_mb=2000",
            "-reload=10",
            "-print_final_stats=1",
            f"-seed={plan.seed + 1000 * self._number + self._starts}",
            f"-artifact_prefix={plan.findings.resolve()}/",
            str(plan.corpus.resolve()),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=environment(plan, self._target),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """All that it said."""
        return self._log.read_text(errors="replace")

    def going(self) -> bool:
        """Whether it still runs, or does again. Raises PowercutError where it cannot."""
        if self._process.poll() is None:
            if time.monotonic() < self._until + _GRACE:
                return True
            self.end()  # libFuzzer looks at the clock between inputs alone
            return False
        if self._process.returncode == 2:
            lines = [line for line in self.text.splitlines() if line.startswith("powercut fuzz: ")]
            raise PowercutError(f"The fuzzer gave up: {lines[-1] if lines else 'see ' + str(self._log)}.")
        if self._process.returncode == 0 or time.monotonic() >= self._until:
            return False
        for name in _fatal(self.text):  # else it would be the end of the next one, too
            (self._plan.corpus / name.rpartition("-")[2]).unlink(missing_ok=True)
        self._start()
        return True

    def end(self) -> None:
        """Ends it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def fuzz(plan: FuzzPlan, target: Target, progress: Callable[[Fuzzed], None]) -> Fuzzed:
    """Fuzzes for the plan's time. Raises PowercutError where the engine's library gives no coverage."""
    start = time.monotonic()
    made = Fuzzed()
    processes: list[_Process] = []
    try:
        processes += [_Process(plan, target, one, start + plan.seconds) for one in range(plan.jobs)]
        while sum(one.going() for one in processes):
            time.sleep(0.25)
            _look(made, processes, start)
            progress(made)
    except KeyboardInterrupt:
        made.interrupted = True
    finally:
        for one in processes:
            one.end()
    _look(made, processes, start)
    if not any("INFO: Loaded " in one.text for one in processes) and not made.interrupted:
        raise PowercutError(
            f"{target.library} does not tell where it has been; compile it with clang "
            "-fsanitize=fuzzer-no-link."
        )
    return made


def _look(made: Fuzzed, processes: Sequence[_Process], start: float) -> None:
    """Reads what the processes said so far."""
    made.seconds = time.monotonic() - start
    made.executions = made.states = 0
    for one in processes:
        text = one.text
        last = 0
        for status in _STATUS.finditer(text):
            count = int(status[1] or status[3])
            made.executions += count - last if count >= last else count
            last = 0 if status[3] else count  # the last of a process
            made.edges = max(made.edges, int(status[2] or 0))
        made.states += _states(text)
        made.fatal |= _fatal(text)


def _states(text: str) -> int:
    """What the processes that wrote a log say of crash states: each counts from 0 and tells it often."""
    told = [int(status[1]) for status in _STATES.finditer(text)]
    return sum(now for now, then in pairwise([*told, 0]) if then < now)


def _fatal(text: str) -> dict[str, str]:
    """What ended a process, by the name of the file that the input was written to."""
    found, summary, hang = {}, "", ""
    for line in _SUMMARY.finditer(text):
        hang = line[3] or hang
        summary = re.sub(r" \([^)]*\)", "", line[1] or "") or summary
        if line[2]:
            found[Path(line[2]).name] = hang or summary
            hang = ""
    return found


# --- judging ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """The inputs of a corpus as traces of an engine."""

    files: tuple[Path, ...]
    engine: EngineRef
    capabilities: frozenset[str]

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        path = self.files[index]
        trace = trace_of(path.read_bytes(), self.engine, f"fuzzer input {path.name}")
        able = restrict(trace.operations, self.capabilities)
        return Trace(trace.geometry, able, self.engine, note=trace.note)


def kept(plan: FuzzPlan, *, findings_only: bool) -> tuple[Path, ...]:
    """What was found, and what reached something new."""
    folders = [plan.findings] if findings_only else [plan.findings, plan.corpus]
    return tuple(path for folder in folders for path in sorted(folder.iterdir()) if path.is_file())
