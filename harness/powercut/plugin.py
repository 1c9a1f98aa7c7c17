# SPDX-License-Identifier: ISC
"""The pytest plugin: every ``*.trace.json`` is a test, which passes where its verdict is the expected one.

In use where a conftest.py says ``from powercut.plugin import *``, as traces/conftest.py does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from powercut.replay import Replay, engine_for, replay
from powercut.trace import SUFFIX, load

__all__ = ["pytest_collect_file"]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A trace file is a collector of one test."""
    if file_path.name.endswith(SUFFIX):
        return TraceFile.from_parent(parent, path=file_path)
    return None


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
        shown = replay(trace, engine_for(trace, None), isolated=False)
        if not shown.expected:
            raise UnexpectedVerdictError(describe(self.path, shown))

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
    return "\n".join([*lines, f"see it step by step: powercut replay {path}"])
