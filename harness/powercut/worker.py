# SPDX-License-Identifier: ISC
"""A worker process: makes, runs and judges one trace after the other, and makes violations small."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from pathlib import Path
from typing import Any

from powercut.attempts import with_attempt
from powercut.engine import Engine
from powercut.explorer import Watch
from powercut.judge import Violation
from powercut.processes import answer_of, tasks_of
from powercut.run import RunOptions, Verdict, initial_rows, run_trace
from powercut.shrink import first_violation, shrink
from powercut.source import Source
from powercut.trace import Trace
from powercut.why import with_why
from powercut_models import Row


@dataclass(frozen=True, slots=True)
class Work:
    """What every task of a worker shares."""

    engine: str
    source: Source
    options: RunOptions
    hang_seconds: float
    memory_bytes: int = 0


def worker_main(pipe: connection.Connection, memory: Any, work: Work) -> None:
    """Serves ("run", index, Attempt) and ("shrink", trace, violations, budget).

    Until the pipe is closed.
    """
    server = _Server(work, Watch(memory))
    limit_memory(work.memory_bytes)
    pipe.send(("ready", None))
    for task in tasks_of(pipe):
        pipe.send(answer_of(partial(server.serve, task)))


def limit_memory(limit: int) -> None:
    """At most so many bytes more than the process has now; 0: no bound. Who asks for more gets none."""
    if limit:
        pages = (
            int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
        )
        most = pages * resource.getpagesize() + limit
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


class _Server:
    def __init__(self, work: Work, watch: Watch) -> None:
        self._work = work
        self._watch = watch
        self._engine: Engine | None = None
        self._rows: tuple[bytes | None, tuple[Row, ...]] = (None, ())

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = Engine.load(self._work.engine)
        return self._engine

    def serve(self, task: Any) -> tuple[str, object]:
        if task[0] == "shrink":
            return "shrunk", self._shrink(*task[1:])
        trace = self._work.source.trace(task[1])
        options = with_attempt(self._work.options, task[2])
        return "ran", run_trace(trace, self.engine, options, self._initial(trace), self._watch)

    def _initial(self, trace: Trace) -> tuple[Row, ...]:
        """What the trace's image holds; read once where all traces start from the same."""
        if self._rows[0] != trace.image:
            self._rows = (trace.image, initial_rows(trace))
        return self._rows[1]

    def _shrink(self, trace: Trace, violations: tuple[Violation, ...], budget: int) -> Trace:
        known = first_violation(Verdict(0, 0, {}, 0.0, violations))
        return with_why(shrink(trace, self.engine, budget, known, self._work.hang_seconds), self.engine)
