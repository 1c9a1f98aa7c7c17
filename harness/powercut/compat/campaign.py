# SPDX-License-Identifier: ISC
"""All workloads over worker processes, engines that die or hang contained, and what was seen put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powercut.compat.cells import Cell, Matrix
from powercut.compat.look import Side, Task, cell_of, look
from powercut.compat.tornstates import NO_TORN, Torn
from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.generate import operations as generated
from powercut.geometry import Geometry
from powercut.golden.workload import NAMES
from powercut.golden.workload import operations as fixed
from powercut.isolated import Died, run
from powercut.trace import EngineOptions
from powercut.tryout import first_facts
from powercut.vocabulary import Profile

#: The devices where none is asked for.
GEOMETRIES = (Geometry(16, 16, 256, 96, 0xFF), Geometry(16, 16, 512, 64, 0xFF))

#: A cell in which an engine died, or hung, so often is not looked at any more.
CRASHES_MAX, HANGS_MAX = 3, 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try. workloads: names of the fixed ones; traces: generated ones on each device besides, each of
    ops operations; bases: cut images of each workload that the other side writes on in, at most; torn: which
    crash states besides whole writes in order."""

    old: Side
    new: Side
    geometries: tuple[Geometry, ...] = GEOMETRIES
    workloads: tuple[str, ...] = NAMES
    traces: int = 4
    ops: int = 40
    seed: int = 1
    bases: int = 32
    ignore: tuple[bytes, ...] = ()
    torn: Torn = NO_TORN
    workers: int = 1
    hang_seconds: float = 10.0


Progress = Callable[[Matrix, int, int], None]
"""Called with what was seen so far, workloads done, workloads in all."""


def tasks(plan: Plan) -> list[Task]:
    """The workloads, each of what both sides can do. Raises PowercutError."""
    sides = (plan.old, plan.new)
    engines = [Engine.load(side.engine) for side in sides]
    made: list[Task] = []
    for geometry in plan.geometries:
        profile = _profile(engines, [side.options for side in sides], geometry)
        lists = {
            f"{name}-b{geometry.block_size}": ops
            for name, ops in fixed(profile).items()
            if name in plan.workloads
        }
        for number in range(plan.traces):
            name = f"seed{plan.seed + number}-b{geometry.block_size}"
            lists[name] = tuple(generated(profile, plan.seed + number, plan.ops))
        made += [
            Task(sides, name, geometry, ops, plan.bases, plan.ignore, plan.torn)
            for name, ops in lists.items()
        ]
    return made


def _profile(engines: Sequence[Engine], options: Sequence[EngineOptions], geometry: Geometry) -> Profile:
    """What both engines can do on the device. Raises PowercutError where one does not take it."""
    names: list[int] = []
    for engine, told in zip(engines, options, strict=True):
        try:
            names.append(first_facts(engine, geometry, told).name_max)
        except EngineRefusedError as error:
            raise PowercutError(
                f"{engine.name} {engine.version} does not take this device ({geometry}): {error}; say "
                "--block-size and --block-count, or other options."
            ) from error
    one, other = (engine.capabilities for engine in engines)
    return Profile(geometry, (one & other) | ({"sync"} & (one | other)), min(names))


class Campaign:
    """A plan under way; `matrix` is what was seen so far, `progress` is told of it."""

    def __init__(self, plan: Plan) -> None:
        self.matrix = Matrix()
        self.progress: Progress | None = None
        self._plan = plan
        self._tasks = tasks(plan)
        self._total = len(self._tasks)
        self._done = 0
        self._deaths: Counter[tuple[Cell, str]] = Counter()
        self._closed: frozenset[Cell] = frozenset()

    def run(self) -> Matrix:
        """Everything, or until Ctrl-C; `interrupted` is then set. Raises PowercutError."""
        plan = self._plan
        outcomes = run(look, self._tasks, workers=plan.workers, hang_seconds=plan.hang_seconds)
        try:
            for index, outcome in outcomes:
                if isinstance(outcome, Died):
                    self._again(index, outcome)
                    continue
                self.matrix.merge(outcome)
                self._done += 1
                if self.progress is not None:
                    self.progress(self.matrix, self._done, self._total)
        except KeyboardInterrupt:
            outcomes.close()
            self.matrix.interrupted = True
        return self.matrix

    def _again(self, index: int, died: Died) -> None:
        """The same workload once more, with the call that ended the process counted and left out."""
        task = self._tasks[index]
        cell = cell_of(died.item)
        if died.item in dict(task.deaths):
            raise PowercutError(
                f"An engine ends its process ({died.ending}) where no call of it is under way: {cell.title}, "
                f"workload {task.name}."
            )
        self._deaths[cell, died.kind] += 1
        limit = HANGS_MAX if died.kind == "hang" else CRASHES_MAX
        if self._deaths[cell, died.kind] >= limit:
            self._closed |= {cell}
        deaths = (*task.deaths, (died.item, died.kind))
        self._tasks.append(replace(task, deaths=deaths))
        for at, one in enumerate(self._tasks):
            self._tasks[at] = replace(one, closed=self._closed)
