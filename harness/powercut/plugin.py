# SPDX-License-Identifier: ISC
"""The pytest plugin: every ``*.trace.json`` is a test, which passes where its verdict is the expected one.

In use where a session says ``--powercut-traces`` (or ``powercut_traces = true`` in its ini file), or where a
conftest.py says ``from powercut.plugin import *``, as traces/conftest.py does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from powercut.replay import Replay, replay
from powercut.suite.entry import engines_for
from powercut.suite.options import switched
from powercut.suite.state import KEY
from powercut.trace import SUFFIX, Trace, load
from powercut.tryout import load_engine

__all__ = ["pytest_collect_file"]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A trace file is a collector of one test; where the whole session collects them, it does so."""
    if file_path.name.endswith(SUFFIX) and not _by_session(parent.config):
        return trace_file(file_path, parent)
    return None


def trace_file(file_path: Path, parent: pytest.Collector) -> TraceFile:
    """The collector of a trace file."""
    made: TraceFile = TraceFile.from_parent(parent, path=file_path)
    return made


def _by_session(config: pytest.Config) -> bool:
    """Whether powercut.suite.entry is loaded and collects traces."""
    return KEY in config.stash and switched(config, "traces")


class UnexpectedVerdictError(Exception):
    """A trace whose verdict is another than the expected one."""


class TraceFile(pytest.File):
    """A saved trace."""

    def collect(self) -> Iterator[TraceItem]:
        """Its one test."""
        yield TraceItem.from_parent(self, name=self.path.name.removesuffix(SUFFIX))


class TraceItem(pytest.Item):
    """Replays a trace."""

    def runtest(self) -> None:
        """Raises UnexpectedVerdictError, or PowercutError where the trace cannot be replayed."""
        trace = load(self.path)
        shown = replay(trace, self.engine_name(trace), isolated=False)
        if not shown.expected:
            raise UnexpectedVerdictError(describe(self.path, shown))

    def engine_name(self, trace: Trace) -> str:
        """The engine to replay on: of those of the session the one of that name, else the built-in one."""
        names = engines_for(self) if KEY in self.config.stash else []
        return next(
            (name for name in names if load_engine(name).name == trace.engine.name), trace.engine.name
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The sentence alone."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is."""
        return self.path, None, f"trace {self.name}"


def describe(path: Path, shown: Replay) -> str:
    """What happened, what was expected, and how to see it again."""
    wanted = f"violation ({shown.kind})" if shown.kind else "held"
    got = f"violation ({shown.violation.kind}): {shown.violation.words}" if shown.violation else "held"
    lines = [f"expected: {wanted}", f"now: {got}"]
    if shown.violation is not None:
        lines.extend(f"  {line}" for line in shown.violation.differences)
    lines.append(f"see it step by step: powercut replay {path}")
    if shown.kind and shown.violation is None:
        lines.append(f"if it is mended: powercut replay --update {path}")
    return "\n".join(lines)
