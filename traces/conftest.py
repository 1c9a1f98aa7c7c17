# SPDX-License-Identifier: ISC
"""Tests of every trace in this folder: one on the engine itself, which holds, and one on the engine with
the planted bug or the lie that the trace names, which fails as it was saved, and for the same reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import planted
from powercut.plugin import TraceFile, TraceItem
from powercut.replay import reasoned, replay
from powercut.trace import SUFFIX, Trace, load


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A trace file is a collector of one test or two."""
    if not file_path.name.endswith(SUFFIX):
        return None
    made: SavedFile = SavedFile.from_parent(parent, path=file_path)
    return made


@cache
def folder(config: pytest.Config) -> Path:
    """Where this session's engines are built."""
    made: Path = config._tmp_path_factory.mktemp("planted")  # type: ignore[attr-defined]
    return made


class SavedFile(TraceFile):
    """A saved trace, for the engines that it is about."""

    def collect(self) -> Iterator[TraceItem]:
        """On the engine as it is; and, where the trace names one with a mistake, on that."""
        name = self.path.name.removesuffix(SUFFIX)
        yield SoundItem.from_parent(self, name=name)
        version = load(self.path).engine.version
        if "+" in version:
            yield PlantedItem.from_parent(self, name=f"{name}[{version}]")


class SoundItem(TraceItem):
    """Replays a trace on the engine without any planted bug."""

    def engine_name(self, trace: Trace) -> str:
        """As it is built in, or here."""
        if trace.engine.name == "plain":
            return str(planted.liar(folder(self.config), None))
        return super().engine_name(trace)


class PlantedItem(TraceItem):
    """Replays a trace on the very engine that it fails on."""

    def engine_name(self, trace: Trace) -> str:
        """Built for this session."""
        library = planted.engine_of(folder(self.config), trace.engine.name, trace.engine.version)
        assert library is not None
        return str(library)

    def runtest(self) -> None:
        """It fails as it was saved, and for the same reason."""
        super().runtest()
        trace = load(self.path)
        name = self.engine_name(trace)
        shown = reasoned(replay(trace, name, isolated=False), name)
        assert (shown.why.sentence, shown.why.needs) == (trace.expect.why, trace.expect.needs)
