# SPDX-License-Identifier: ISC
"""``powercut run``: traces in bulk, out of a directory or on an image, cut at every device event."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from powercut.again import engine_option
from powercut.campaign import Campaign, Plan, Tally
from powercut.cli.ahead import demand_folder, demand_one, demand_page, demand_partners
from powercut.cli.answer import INTERRUPTED, answer, json_option
from powercut.cli.command import Command
from powercut.cli.exploring import Exploring, exploring_options, take_exploring
from powercut.cli.page import both, command_line, write_page
from powercut.cli.report import report_json, report_text
from powercut.cli.show import Progress
from powercut.cli.types import ENGINE, SEED, FileName, Seconds
from powercut.cli.workloads import (
    GEOMETRY,
    Exhaustive,
    exhaustive_options,
    exhaustive_source,
    take_exhaustive,
)
from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.exhaustive import ExhaustiveSource, coverage
from powercut.failing import FailingSource
from powercut.filled import SMALL, FullSource
from powercut.generate import GEOMETRIES
from powercut.geometry import Geometry
from powercut.images import image_rows, load_image
from powercut.report.campaign import campaign_page
from powercut.report.causes import causes
from powercut.report.history import History
from powercut.save import save_failures
from powercut.source import ExploringSource, FixedSource, GeneratedSource, ImageSource, Source
from powercut.trace import EngineRef, Trace
from powercut.tree import TreeLimits, read_tree, tree_geometry, tree_operations
from powercut.tryout import first_facts
from powercut.vocabulary import Profile

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = FileName()

SHAPE_OPTIONS = ("block_size", "block_count", "prog_size", "read_size", "erase_value")


#: Options that say more of another one.
_NEEDS = {
    "tree_files": "tree",
    "tree_bytes": "tree",
    "exhaustive_keys": "exhaustive_ops",
    "exhaustive_below": "exhaustive_ops",
    "exhaustive_sizes": "exhaustive_ops",
    "exhaustive_kinds": "exhaustive_ops",
}

#: Options that mean nothing beside others.
_AGAINST = {"ops": ("exhaustive_ops", "tree"), "traces": ("tree",), "seconds": ("tree",)}


class EraseValue(click.ParamType[int | None]):
    """A byte, or ``none``."""

    name = "0..255|none"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """-1 stands for none, as in the C geometry."""
        if isinstance(value, int):
            return value
        if value == "none":
            return -1
        try:
            byte = int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor none", param, ctx)
        if not 0 <= byte <= 255:
            self.fail(f"{byte} is no byte", param, ctx)
        return byte


@dataclass(frozen=True, slots=True)
class Shape:
    """The geometry options as given; None: not given. ``erase`` -1: none."""

    block_size: int | None
    block_count: int | None
    prog_size: int | None
    read_size: int | None
    erase: int | None

    @property
    def given(self) -> bool:
        """Whether any of them is."""
        return any(field is not None for field in (self.block_size, self.block_count, *self.unit))

    @property
    def unit(self) -> tuple[int | None, ...]:
        """The options that are not blocks."""
        return self.prog_size, self.read_size, self.erase

    @property
    def erase_value(self) -> int | None:
        """The erased byte, 0xff where not given; None: erase changes nothing."""
        return 0xFF if self.erase is None else None if self.erase < 0 else self.erase

    def units(self, block_size: int) -> tuple[int, int]:
        """(read size, prog size), 16 bytes where not given."""
        prog = self.prog_size or min(16, block_size)
        return self.read_size or min(16, prog), prog

    def geometry(self, block_size: int = 512, block_count: int = 256) -> Geometry:
        """The geometry that they ask for."""
        block = self.block_size or block_size
        read, prog = self.units(block)
        return Geometry(read, prog, block, self.block_count or block_count, self.erase_value).checked()


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    engine: str
    exploring: Exploring
    shape: Shape
    ops: int
    seed: int
    tree: Path | None
    image: Path | None
    limits: TreeLimits
    traces: int | None
    seconds: float | None
    jobs: int
    errors: bool
    fill: bool
    exhaustive: Exhaustive
    save: Path
    shrink: bool
    as_json: bool
    html: Path | None


def _request(given: dict[str, Any], engine: Engine) -> Request:
    """The options as click gives them, in one value."""
    shape = Shape(*(given.pop(name) for name in SHAPE_OPTIONS))
    limits = TreeLimits(files=given.pop("tree_files"), total=given.pop("tree_bytes"))
    given["seed"] = secrets.randbelow(2**32) if given["seed"] is None else given["seed"]
    given["jobs"] = given["jobs"] or default_jobs()
    exploring = take_exploring(given, engine, given["seed"])
    return Request(
        exploring=exploring, shape=shape, limits=limits, exhaustive=take_exhaustive(given), **given
    )


def default_jobs() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def geometry_options(command: F) -> F:
    """The options that Shape holds, in the order of SHAPE_OPTIONS."""
    size = click.IntRange(1, 2**31 - 1)
    options = (
        click.option("--block-size", type=size, help="Bytes. Without any of these: several devices."),
        click.option("--block-count", type=size, help="Blocks."),
        click.option("--prog-size", type=size, help="Bytes; the unit of writing."),
        click.option("--read-size", type=size, help="Bytes; the unit of reading."),
        click.option("--erase-value", type=EraseValue(), help="An erased byte; none: as before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    "run",
    cls=Command,
    examples=[
        "powercut run --traces 10 --ops 20",
        "powercut run --traces 2 --ops 15 --kinds all --seed 1",
        "powercut run --exhaustive-ops 2 --exhaustive-keys 1 --json",
    ],
    slow=[
        "powercut run --engine ./libmine.so --seconds 60 --html run.html",
        "powercut run --kinds prefix,torn,reorder --model nor --model disk512",
    ],
    exits={0: "every crash state held", 1: "a promise is broken"},
)
@click.option("--traces", type=click.IntRange(1), help="How many traces (100 if --seconds is not given).")
@click.option("--seconds", type=Seconds(0.1), help="Begin new traces for so long.")
@click.option("--ops", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="In each.")
@click.option("--seed", type=SEED, help="The same gives the same traces (drawn, printed).")
@click.option("--engine", type=ENGINE, default="skink", help="A name, ./library.so or ./file.py:Class.")
@exploring_options
@geometry_options
@click.option("--tree", type=FOLDER, help="A workload out of this directory's files.")
@click.option("--tree-files", type=click.IntRange(1), default=200, show_default=True, help="Files, at most.")
@click.option("--tree-bytes", type=click.IntRange(1), default=2 << 20, show_default=True, help="At most.")
@click.option("--errors", is_flag=True, help="In each one device call fails.")
@click.option("--fill", is_flag=True, help="Small devices that are filled up, and worked on when full.")
@exhaustive_options
@click.option("--image", type=FOLDER, help="Start every trace from this littlefs image, which is only read.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processors to use (all).")
@click.option("--save", type=FOLDER, default=Path("traces"), show_default=True, help="Where violations go.")
@click.option("--shrink/--no-shrink", default=True, show_default=True, help="Make them small before.")
@click.option("--html", type=FOLDER, metavar="FILE", help="Write a page of what was covered and found.")
@json_option
def run_command(**given: Any) -> int:
    """Run workloads on an engine, cut the power after every device event, recover, compare with the model.

    With --kinds and --model also torn and reordered writes, cuts of the recovery, damage and full devices."""
    demand_partners(_NEEDS)
    demand_one(_AGAINST)
    engine = Engine.load(given["engine"])
    request = _request(given, engine)
    demand_folder(request.save, "--save")
    if request.html is not None:
        demand_page(request.html)
    source = make_source(request, engine)
    plan = make_plan(request, source)
    history = History()
    with Progress(plan, shown=not request.as_json) as progress:
        campaign = Campaign(plan, both(progress.update, history.add))
        tally = campaign.run()
        shrink = request.shrink and not tally.interrupted
        progress.finish(shrinking=shrink and bool(tally.failures))
        saved = save_failures(campaign, tally, engine, request.save, shrink=shrink)
        wanted = request.html is not None and not tally.interrupted
        known = causes(campaign, tally.failures, saved, engine, shrink=shrink) if wanted else {}
    unseen = request.exploring.unseen(tally, engine)
    report = report_json(plan, engine, request.seed, tally, saved, unseen)
    if isinstance(source, ExhaustiveSource):
        report["workload"] = coverage(source, tally, request.exploring.explore)
    if not request.as_json:
        click.echo(report_text(report, engine_option(engine, Path.cwd()), unseen))
    if request.html is not None:
        command = command_line(request.seed)
        page = campaign_page(
            engine, command, tally, saved, history, request.jobs, known, [one.line for one in unseen]
        )
        write_page(request.html, page)
    for problem in (one.problem for one in saved if one.problem):
        click.echo(f"powercut: {problem}", err=True)
    return answer(report, 130 if tally.interrupted else 1 if tally.failures else 0, _verdict(tally))


def _verdict(tally: Tally) -> str:
    """What was found until Ctrl-C stays found; that nothing is to be found does not follow then."""
    return "violation" if tally.failures else INTERRUPTED if tally.interrupted else "held"


def make_plan(request: Request, source: Source) -> Plan:
    """One process for each job; for a single trace one process with that many threads."""
    traces = 100 if request.traces is None and request.seconds is None else request.traces
    if isinstance(source, ExhaustiveSource):
        traces = min(source.total, request.traces or source.total)
    single = request.tree is not None or traces == 1
    exploring = request.exploring
    return Plan(
        request.engine,
        ExploringSource(source, exploring.explore, exploring.models),
        traces=1 if single else traces,
        seconds=None if single else request.seconds,
        workers=1 if single else request.jobs,
        threads=request.jobs if single else 1,
        options=exploring.options,
        hang_seconds=exploring.hang_seconds,
        memory_bytes=exploring.memory_bytes,
    )


def make_source(request: Request, engine: Engine) -> Source:
    """Where the traces come from. Raises PowercutError."""
    others = {
        "--tree": request.tree,
        "--image": request.image,
        "--exhaustive-ops": request.exhaustive.ops,
        "--errors": request.errors or None,
        "--fill": request.fill or None,
    }
    asked = [name for name, given in others.items() if given is not None]
    if len(asked) > 1:
        raise PowercutError(f"Both {asked[0]} and {asked[1]} are given; give one of them.")
    reference = EngineRef(engine.name, engine.version)
    if request.exhaustive.ops is not None:
        geometry = request.shape.geometry() if request.shape.given else GEOMETRY
        return exhaustive_source(request.exhaustive, engine, profile(engine, geometry).geometry)
    if request.tree is not None:
        return _tree_source(request, engine, reference)
    if request.image is not None:
        return _image_source(request, engine, reference)
    geometries = (request.shape.geometry(),) if request.shape.given else SMALL if request.fill else GEOMETRIES
    made = tuple(profile(engine, geometry) for geometry in geometries)
    if request.errors:
        return FailingSource(request.seed, request.ops, made, reference, request.engine)
    make = FullSource if request.fill else GeneratedSource
    return make(request.seed, request.ops, made, reference)


def profile(engine: Engine, geometry: Geometry) -> Profile:
    """What can be asked of the engine on a fresh device. Raises PowercutError where it cannot format one."""
    try:
        facts = first_facts(engine, geometry)
    except EngineRefusedError as error:
        raise PowercutError(
            f"{engine.name} {engine.version} does not take this device ({geometry}): {error}."
        ) from error
    return Profile(geometry, engine.capabilities, facts.name_max)


def _tree_source(request: Request, engine: Engine, reference: EngineRef) -> Source:
    shape = request.shape
    block = shape.block_size or 4096
    limits = request.limits
    if request.tree is None:
        raise PowercutError("There is no directory to take files from; give --tree.")
    read, prog = shape.units(block)
    probe = profile(engine, Geometry(read, prog, block, 64, shape.erase_value).checked())
    tree = read_tree(request.tree, TreeLimits(limits.files, limits.total, limits.one, probe.name_max))
    geometry = tree_geometry(tree, block, prog, read, shape.erase_value)
    if shape.block_count is not None:
        geometry = shape.geometry(block, shape.block_count)
    click.echo(f"{request.tree}: {tree}", err=True)
    operations = tree_operations(tree, request.seed)
    return FixedSource(Trace(geometry, operations, reference, note=f"files of a directory: {tree}"))


def _image_source(request: Request, engine: Engine, reference: EngineRef) -> Source:
    if request.image is None or request.shape.block_size or request.shape.block_count:
        raise PowercutError(
            "An image says itself what its blocks are; leave --block-size and --block-count out."
        )
    shape = request.shape
    data, geometry = load_image(request.image, *shape.units(16), shape.erase_value)
    rows = image_rows(data, geometry)
    held = tuple((row.key, None if row.data is None else len(row.data)) for row in rows)
    try:
        facts = first_facts(engine, geometry, image=data)
    except EngineRefusedError as error:
        raise PowercutError(
            f"{engine.name} {engine.version} does not take the image {request.image}: {error}."
        ) from error
    made = Profile(geometry, engine.capabilities, facts.name_max)
    click.echo(f"{request.image}: {len(rows)} entries, {geometry}", err=True)
    return ImageSource(request.seed, request.ops, made, reference, data, held)
