# SPDX-License-Identifier: ISC
"""``powercut bench``: how fast crash states are recovered and judged."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

import click

from powercut.cli.bench_engine import engine_command
from powercut.engine import Engine, Run
from powercut.explorer import CHECK, SECOND_MOUNT, WRITE, Allowed, ExploreOptions
from powercut.geometry import Geometry
from powercut.ops import Generated, Op
from powercut.predict import Prediction, predict
from powercut.run import record
from powercut.trace import EngineRef, Trace

#: What is measured, one after the other: the first alone, each of the others on top of it.
PHASES = {
    "mount, visit, fingerprint": 0,
    "and a second mount": SECOND_MOUNT,
    "and a write, mount, visit": WRITE,
    "and the engine's own check": CHECK,
    "all of it": SECOND_MOUNT | WRITE | CHECK,
}

KEYS = 14


@dataclass(frozen=True, slots=True)
class Measured:
    """Crash states a second, on one core."""

    block_size: int
    phase: str
    states: int
    states_per_second: float


def workload(block_size: int, count: int = 100) -> tuple[Op, ...]:
    """``count`` operations over 14 keys in three dictionaries and the root, about all of them live.

    Three of four set a value, of 0 to 200 bytes or, each tenth, of a block and a bit; others read or remove.
    """
    sizes = (12, 64, 0, 100, 33, 200, 7, 150, 48, block_size + 9)
    keys = [b"%s/key-%d" % (folder, at) for folder in (b"one", b"two/in", b"") for at in range(5)][:KEYS]
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


@click.group("bench")
def bench_command() -> None:
    """Measure."""


bench_command.add_command(engine_command)


@bench_command.command("crash")
@click.option("--engine", default="skink", show_default=True, help="A name, or the path of a library.")
@click.option("--seconds", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Each.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def crash_command(engine: str, seconds: float, *, as_json: bool) -> int:
    """Crash states a second on one core: 256 blocks of 512 and 4096 bytes, prog 16, 100 operations."""
    loaded = Engine.load(engine)
    figures = [measured for block_size in (512, 4096) for measured in measure(loaded, block_size, seconds)]
    if as_json:
        found = {"engine": loaded.name, "version": loaded.version, "crash": [asdict(one) for one in figures]}
        click.echo(json.dumps(found, indent=1))
        return 0
    click.echo(f"{loaded.name} {loaded.version}: crash states a second, one core")
    for one in figures:
        click.echo(f"  {one.block_size:>5}-byte blocks  {one.phase:<28} {one.states_per_second:>10,.0f}")
    return 0


def measure(engine: Engine, block_size: int, seconds: float) -> list[Measured]:
    """One figure for each of PHASES. Raises PowercutError."""
    geometry = Geometry(16, 16, block_size, 256, 0xFF)
    trace = Trace(geometry, workload(block_size), EngineRef(engine.name, engine.version))
    with record(trace, engine) as run:
        prediction = predict(run, trace.operations)
        phases = {
            name: probes
            for name, probes in PHASES.items()
            if probes != CHECK or "check" in engine.capabilities
        }
        return [_one(run, prediction, name, probes, seconds) for name, probes in phases.items()]


def _one(run: Run, prediction: Prediction, phase: str, probes: int, seconds: float) -> Measured:
    """Explores all crash states, again and again, for so long; the best of the rounds counts."""
    end = time.perf_counter() + seconds
    best, states = 0.0, 0
    while time.perf_counter() < end or not best:
        start = time.perf_counter()
        options = ExploreOptions(probes=probes, keep_identical=True, keep_unread=True)
        explored = run.explore(Allowed(prediction.allowed), options)
        spent = time.perf_counter() - start
        if explored.found:
            raise click.ClickException(f"{run.engine.name} breaks a promise here; see powercut run")
        best, states = max(best, explored.sum.checked / spent), explored.sum.checked
    return Measured(run.geometry.block_size, phase, states, round(best, 1))
