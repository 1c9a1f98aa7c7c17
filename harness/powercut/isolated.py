# SPDX-License-Identifier: ISC
"""Work that may kill or hang its process: done in others, which are watched and replaced.

A piece of work is a function of a module (so that it can be sent) that takes a task and a `Beat`. It says by
the beat which item of its task it has at hand; where its process dies, that item is known.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from powercut.errors import PowercutError
from powercut.lastwords import ending
from powercut.processes import HANG_SECONDS, START_SECONDS, Spawned, answer_of, answered, demand, tasks_of

_LAYOUT = struct.Struct("<QQ")  # beats, item

Task = TypeVar("Task")
Result = TypeVar("Result")


class Beat:
    """A sign of life, and the number of the item at hand, in memory that another process reads."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory
        self._count = 0

    def __call__(self, item: int) -> None:
        """The work goes on, with this item."""
        self._count += 1
        _LAYOUT.pack_into(self._memory, 0, self._count, item)


@dataclass(frozen=True, slots=True)
class Died:
    """What became of a task without a result. kind: `crash` or `hang`; how: a signal's name, an exit code,
    or how long nothing happened; item: the one that was at hand; said: what the process said of it."""

    kind: str
    how: str
    item: int
    said: str = ""

    @property
    def ending(self) -> str:
        """How it ended, and what it said of that."""
        return ending(self.how, self.said)


class _Process(Spawned, Generic[Task, Result]):
    """One worker process and the task that it has."""

    def __init__(self, work: Callable[[Task, Beat], Result]) -> None:
        super().__init__(_serve, _LAYOUT.size, work)
        self.index: int | None = None

    def give(self, index: int, task: Task) -> None:
        """Hands over a task."""
        self.index = index
        self.send(task)

    @property
    def item(self) -> int:
        """The item that was last at hand."""
        return int(_LAYOUT.unpack_from(self.memory, 0)[1])

    @property
    def beats(self) -> int:
        """0: it never had a task at hand."""
        return int(_LAYOUT.unpack_from(self.memory, 0)[0])

    def hangs(self, seconds: float) -> bool:
        """Whether nothing happened for so long; a process has a minute to start."""
        idle = self.idle.seconds((self.beats,))
        return self.index is not None and idle > (seconds if self.beats else max(seconds, START_SECONDS))


def run(
    work: Callable[[Task, Beat], Result],
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    hang_seconds: float = HANG_SECONDS,
) -> Generator[tuple[int, Result | Died], None, None]:
    """(index of the task, its result or how it ended), as they come. More tasks may be appended to a list
    while it runs.

    Raises PowercutError where the work did, RuntimeError where it failed by its own fault.
    """
    processes: list[_Process[Task, Result]] = []
    waiting = deque(range(len(tasks)))
    known = len(tasks)
    try:
        while True:
            waiting.extend(range(known, len(tasks)))
            known = len(tasks)
            _deal(processes, waiting, tasks, work, workers)
            busy = [one for one in processes if one.index is not None]
            if not busy:
                return
            for one in _finished(busy, hang_seconds):
                index = one.index
                assert index is not None
                outcome = _outcome(one, hang_seconds)
                if isinstance(outcome, Died):
                    processes.remove(one)
                    one.end()
                one.index = None
                yield index, outcome
    finally:
        for one in processes:
            one.end()


def _deal(
    processes: list[_Process[Task, Result]],
    waiting: deque[int],
    tasks: Sequence[Task],
    work: Callable[[Task, Beat], Result],
    workers: int,
) -> None:
    while waiting:
        idle = next((one for one in processes if one.index is None), None)
        if idle is None:
            if len(processes) >= max(workers, 1):
                return
            idle = _Process(work)
            processes.append(idle)
        index = waiting.popleft()
        idle.give(index, tasks[index])


def _finished(busy: list[_Process[Task, Result]], hang_seconds: float) -> list[_Process[Task, Result]]:
    """Those that have answered, ended or hang; waits a moment for one."""
    ready = answered(busy, 0.2)
    return [one for one in busy if one in ready or one.hangs(hang_seconds)]


def _outcome(one: _Process[Task, Result], hang_seconds: float) -> Result | Died:
    if not one.pipe.poll():
        return _died(one, "hang", f"nothing happened for {hang_seconds:.0f} seconds")
    try:
        kind, payload = one.pipe.recv()
    except (EOFError, OSError):
        return _died(one, "crash", *one.ending())
    demand(kind, payload)
    result: Result = payload
    return result


def _died(one: _Process[Task, Result], kind: str, how: str, said: str = "") -> Died:
    """Raises PowercutError where it is not the work's fault: the process never had a task at hand."""
    if not one.beats:
        raise PowercutError(f"A worker process could not start ({how}); run powercut again.")
    return Died(kind, how, one.item, said)


def _serve(pipe: connection.Connection, memory: Any, work: Callable[[Any, Beat], Any]) -> None:
    """The worker process: one task after the other until the pipe is closed."""
    beat = Beat(memory)
    for task in tasks_of(pipe):
        beat(0)
        pipe.send(answer_of(partial(_done, work, task, beat)))


def _done(work: Callable[[Any, Beat], Any], task: Any, beat: Beat) -> tuple[str, Any]:
    return "done", work(task, beat)
