# SPDX-License-Identifier: ISC
"""How fast crash states are recovered and judged: what `powercut bench crash` measures.

Each figure is that of an exploration as `powercut run` makes it, in C alone, of a run that was recorded
before. It is processor time, so that a machine with other work to do says the same, but where threads are
compared: that is wall time. The fastest pass counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from powercut import isolated
from powercut.devices import named
from powercut.engine import Engine, Run
from powercut.explorer import ALL_PROBES, CHECK, SECOND_MOUNT, WRITE, Allowed, ExploreOptions, Prepared
from powercut.fault import KINDS
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.predict import predict
from powercut.run import record
from powercut.trace import EngineRef, Trace
from powercut_models import Row

#: What is measured, by the name of the part.
PARTS: Final = {
    "kinds": "each kind of crash state",
    "questions": "prefix states, what each question costs",
    "cores": "the same states on more threads, by wall time",
    "log": "more operations on a store of the same size",
    "device": "more blocks",
}

#: The questions about a crash state: the first alone, each of the next three on top of it, and all.
QUESTIONS: Final = {
    "mount, visit, fingerprint": 0,
    "and a second mount": SECOND_MOUNT,
    "and a write, mount, visit": WRITE,
    "and the engine's own check": CHECK,
    "all": ALL_PROBES,
}

ENGINES: Final = ("skink", "littlefs")
BLOCK_SIZES: Final = (512, 4096)
OPERATIONS: Final = (50, 100, 200, 400, 800)
BLOCK_COUNTS: Final = (256, 1024, 4096, 16_384)

#: The device model of the kinds that need one, unless another is asked for.
MODELS: Final = {"torn": "nand", "reorder": "disk512"}

KEYS: Final = 14

#: A pass that takes longer than this is taken for a hang.
HANG_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Task:
    """One figure to be found. ``questions``: of QUESTIONS. ``jobs``: threads. ``pruned``: what equals an
    earlier state is passed over, as in `powercut run`. ``warm``: the run begins with a store that holds the
    keys already. ``seconds``: passes are made for so long."""

    part: str
    engine: str
    block_size: int
    kind: str = "prefix"
    model: str = ""
    questions: str = "all"
    block_count: int = 256
    operations: int = 100
    jobs: int = 1
    pruned: bool = True
    warm: bool = False
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out. ``listed`` crash states are ``identical`` or ``unread`` (passed over, since an earlier
    one stands for them) or ``judged``: recovered, and asked the questions; ``violations`` of them broke a
    promise. ``beyond``: cuts at which there are more states than were listed. Of the kind nested all counts
    include the parents.

    ``wall_seconds``, ``processor_seconds``: the fastest of ``passes``, of all threads together. The rates are
    by wall time in the part cores, else by processor time. ``microseconds``: processor time for each judged
    state. ``died``: how the engine ended the process, by a signal's name; then there are no figures.
    """

    part: str
    engine: str
    version: str
    block_size: int
    block_count: int
    operations: int
    kind: str
    model: str
    questions: str
    jobs: int
    events: int = 0
    listed: int = 0
    identical: int = 0
    unread: int = 0
    judged: int = 0
    beyond: int = 0
    violations: int = 0
    passes: int = 0
    wall_seconds: float = 0.0
    processor_seconds: float = 0.0
    listed_per_second: float = 0.0
    judged_per_second: float = 0.0
    microseconds: float = 0.0
    died: str = ""


# --- what is measured ------------------------------------------------------------------------------------


def tasks(
    parts: Sequence[str],
    engines: Sequence[str] = ENGINES,
    block_sizes: Sequence[int] = BLOCK_SIZES,
    kinds: Sequence[str] = KINDS,
    model: str = "",
    seconds: float = 0.5,
) -> Iterator[Task]:
    """The figures of these parts, engine by engine in each. ``model``: in place of MODELS."""
    for part in parts:
        for engine in engines:
            for block_size in block_sizes:
                yield from _part(Task(part, engine, block_size, seconds=seconds), kinds, model)


def _part(base: Task, kinds: Sequence[str], model: str) -> Iterator[Task]:
    if base.part == "kinds":
        for kind in kinds:
            yield replace(base, kind=kind, model=(model or MODELS[kind]) if kind in MODELS else "")
    elif base.part == "questions":
        checks = "check" in Engine.load(base.engine).capabilities
        for questions, probes in QUESTIONS.items():
            if checks or probes != CHECK:
                yield replace(base, questions=questions, pruned=False)
    elif base.part == "cores":
        for jobs in sorted({1, min(2, processors()), processors()}):
            yield replace(base, kind="torn", model=model or MODELS["torn"], jobs=jobs, operations=200)
    elif base.part == "log":
        for operations in OPERATIONS:
            yield replace(base, operations=operations, warm=True)
    else:
        for block_count in BLOCK_COUNTS:
            yield replace(base, block_count=block_count)


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def workload(block_size: int, count: int = 100, *, flat: bool = False) -> tuple[Op, ...]:
    """``count`` operations over 14 keys in three dictionaries and the root, about all of them live.

    Three of four set a value, of 0 to 200 bytes or, each tenth, of a block and a bit; others read or remove.
    ``flat``: without dictionaries, for engines that have none.
    """
    sizes = (12, 64, 0, 100, 33, 200, 7, 150, 48, block_size + 9)
    folders = (b"one-", b"two-", b"") if flat else (b"one/", b"two/in/", b"")
    keys = [b"%skey-%d" % (folder, at) for folder in folders for at in range(5)][:KEYS]
    operations = []
    for index in range(count):
        key = keys[index * 5 % KEYS]
        if index % 16 == 15:
            operations.append(Op("remove", key))
        elif index % 4 == 3:
            operations.append(Op("get", key))
        else:
            operations.append(Op("set", key, value=Generated(index, sizes[index * 7 % len(sizes)])))
    return tuple(operations)


# --- measuring -------------------------------------------------------------------------------------------


def measure_all(asked: Sequence[Task]) -> Generator[Measured, None, None]:
    """The figures in the order of the tasks, each found in another process, which an engine may end.

    Raises PowercutError: there is no such engine, or a device that it does not take.
    """
    for index, outcome in isolated.run(_work, asked, hang_seconds=HANG_SECONDS):
        if isinstance(outcome, isolated.Died):
            yield _without_figures(asked[index], outcome.how)
        else:
            yield outcome


def _work(task: Task, beat: isolated.Beat) -> Measured:
    beat(0)
    return measure(task)


def measure(task: Task) -> Measured:
    """One figure. Raises PowercutError."""
    engine = Engine.load(task.engine)
    trace, rows = _trace(task, engine)
    with record(trace, engine) as run:
        prediction = predict(run, trace.operations, rows)
        try:
            entries = prediction.entries() if task.kind == "damage" else ()
            prepared = run.prepare(Allowed(prediction.allowed, entries), _options(task))
            try:
                return _passes(task, run, prepared)
            finally:
                prepared.close()
        finally:
            prediction.close()


def _trace(task: Task, engine: Engine) -> tuple[Trace, Sequence[Row]]:
    """The run to explore, and what its store holds before."""
    geometry = Geometry(16, 16, task.block_size, task.block_count, 0xFF)
    ref = EngineRef(engine.name, engine.version)
    flat = "dictionaries" not in engine.capabilities
    trace = Trace(geometry, workload(task.block_size, task.operations, flat=flat), ref)
    if not task.warm:
        return trace, ()
    with record(Trace(geometry, workload(task.block_size, flat=flat), ref), engine) as run:
        image = run.image(run.event_count)
    return replace(trace, image=image), engine.entries(image, geometry)


def _options(task: Task) -> ExploreOptions:
    kinds = {task.kind, "prefix"} if task.kind == "nested" else {task.kind}
    return ExploreOptions(
        kinds=frozenset(kinds),
        models=named([task.model]) if task.model else (),
        jobs=task.jobs,
        probes=QUESTIONS[task.questions],
        keep_identical=not task.pruned,
        keep_unread=not task.pruned,
    )


def _passes(task: Task, run: Run, prepared: Prepared) -> Measured:
    end = time.perf_counter() + task.seconds
    wall = processor = float("inf")
    passes = 0
    while passes == 0 or time.perf_counter() < end:
        begun, used = time.perf_counter(), time.process_time()
        prepared.explore()
        wall = min(wall, time.perf_counter() - begun)
        processor = min(processor, time.process_time() - used)
        passes += 1
    explored = prepared.result()
    count = explored.sum
    seconds = max(wall if task.part == "cores" else processor, 1e-9)
    return replace(
        _without_figures(task, ""),
        events=run.event_count,
        listed=count.total,
        identical=count.identical,
        unread=count.unread,
        judged=count.checked,
        beyond=count.beyond,
        violations=len(explored.found),
        passes=passes,
        wall_seconds=wall,
        processor_seconds=processor,
        listed_per_second=round(count.total / seconds, 1),
        judged_per_second=round(count.checked / seconds, 1),
        microseconds=round(processor / count.checked * 1e6, 3) if count.checked else 0.0,
    )


def _without_figures(task: Task, died: str) -> Measured:
    engine = Engine.load(task.engine)
    return Measured(
        task.part,
        engine.name,
        engine.version,
        task.block_size,
        task.block_count,
        task.operations,
        task.kind,
        task.model,
        task.questions,
        task.jobs,
        died=died,
    )
