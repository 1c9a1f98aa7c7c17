# SPDX-License-Identifier: ISC
"""What a trace asks of the engine at format time reaches it, and holds under power cuts as well."""

from __future__ import annotations

import pytest

from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.run import record, run_trace
from powercut.skink import Disk, Store
from powercut.trace import EngineOptions, EngineRef, Trace


@pytest.mark.parametrize("checks", [0, 1])
def test_value_checksums_are_an_option_of_a_trace_and_hold(checks: int) -> None:
    values = [Op("set", b"d/v%d" % (at % 3), value=Generated(at, 900 + at)) for at in range(8)]
    engine = EngineRef("skink", options=EngineOptions(value_checks=checks))
    trace = Trace(Geometry(16, 16, 512, 64, 0xFF), (*values, Op("remove", b"d")), engine)
    loaded = Engine.load("skink")
    verdict = run_trace(trace, loaded)
    assert verdict.held
    assert verdict.total > 20
    with record(trace, loaded) as run:
        image = run.image(run.event_count)
    with Disk(trace.geometry, image) as disk, Store(disk) as store:
        assert store.stat().value_checks == bool(checks)
