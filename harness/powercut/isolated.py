# SPDX-License-Identifier: ISC
"""Work that may kill or hang its process: done in others, which are watched and replaced.

A piece of work is a function of a module (so that it can be sent) that takes a task and a `Beat`. It says by
the beat which item of its task it has at hand; where its process dies, that item is known.
"""

from __future__ import annotations

import contextlib
import signal
import struct
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context, resource_tracker
from typing import Any, Generic, TypeVar

from powercut.errors import PowercutError

#: Seconds without a beat after which a piece of work counts as hanging.
HANG_SECONDS = 60.0

_START_SECONDS = 60.0
_CONTEXT = get_context("spawn")
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
    or how long nothing happened; item: the one that was at hand."""

    kind: str
    how: str
    item: int


class _Process(Generic[Task, Result]):
    """One worker process and the task that it has."""

    def __init__(self, work: Callable[[Task, Beat], Result]) -> None:
        self._memory = _CONTEXT.RawArray("c", _LAYOUT.size)
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_serve, args=(theirs, self._memory, work), daemon=True)
        with ignored_interrupt():
            self.process.start()
        theirs.close()
        self.index: int | None = None
        self._beats, self._since = 0, time.monotonic()
        self._limit = _START_SECONDS

    def give(self, index: int, task: Task) -> None:
        """Hands over a task."""
        self.index, self._since = index, time.monotonic()
        self.pipe.send(task)

    @property
    def item(self) -> int:
        """The item that was last at hand."""
        return int(_LAYOUT.unpack_from(self._memory, 0)[1])

    @property
    def started(self) -> bool:
        """Whether it ever had a task at hand."""
        return int(_LAYOUT.unpack_from(self._memory, 0)[0]) > 0

    def hangs(self, seconds: float) -> bool:
        """Whether nothing happened for so long; a process has a minute to start."""
        beats, now = _LAYOUT.unpack_from(self._memory, 0)[0], time.monotonic()
        if beats != self._beats:
            self._beats, self._since, self._limit = beats, now, 0.0
        return self.index is not None and now - self._since > max(seconds, self._limit)

    def death(self) -> str:
        """How the process ended."""
        self.process.join(10)
        code = self.process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit code {code}"

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


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
    ready = connection.wait([one.pipe for one in busy], timeout=0.2)
    return [one for one in busy if one.pipe in ready or one.hangs(hang_seconds)]


def _outcome(one: _Process[Task, Result], hang_seconds: float) -> Result | Died:
    if not one.pipe.poll():
        return _died(one, "hang", f"nothing happened for {hang_seconds:.0f} seconds")
    try:
        kind, payload = one.pipe.recv()
    except (EOFError, OSError):
        return _died(one, "crash", one.death())
    if kind == "refused":
        raise PowercutError(payload)
    if kind == "broken":
        raise RuntimeError(f"a worker process failed:\n{payload}")
    result: Result = payload
    return result


def _died(one: _Process[Task, Result], kind: str, how: str) -> Died:
    """Raises PowercutError where it is not the work's fault: the process never had a task at hand."""
    if not one.started:
        raise PowercutError(f"A worker process could not start ({how}); run powercut again.")
    return Died(kind, how, one.item)


def _serve(pipe: connection.Connection, memory: Any, work: Callable[[Any, Beat], Any]) -> None:
    """The worker process: one task after the other until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # to the whole group: the parent ends this process
    beat = Beat(memory)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        beat(0)
        pipe.send(_answer(work, task, beat))


def _answer(work: Callable[[Any, Beat], Any], task: Any, beat: Beat) -> tuple[str, Any]:
    try:
        return "done", work(task, beat)
    except PowercutError as error:
        return "refused", str(error)
    except Exception:
        return "broken", traceback.format_exc()


@contextlib.contextmanager
def ignored_interrupt() -> Iterator[None]:
    """What is started inside does not see SIGINT: the parent ends it. One that comes then is not lost."""
    resource_tracker.ensure_running()  # which, when it starts, unblocks what is blocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
