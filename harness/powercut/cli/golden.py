# SPDX-License-Identifier: ISC
"""`powercut golden`: record a set of images with what they hold, and hold a build against one."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from powercut import atomic
from powercut.cli.ahead import demand_folder
from powercut.cli.answer import INTERRUPTED as BROKEN_OFF
from powercut.cli.answer import answer, json_option
from powercut.cli.command import Group
from powercut.cli.run import FOLDER, SHAPE_OPTIONS, Shape, default_jobs, geometry_options
from powercut.cli.types import ENGINE
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.golden import manifest
from powercut.golden.check import Checked, check, demand_images
from powercut.golden.coverage import coverage
from powercut.golden.manifest import GoldenSet
from powercut.golden.record import Recorded, Request, record, write
from powercut.golden.workload import GEOMETRIES, VARIANTS
from powercut.options import parse_options

FAILED, INTERRUPTED = 1, 130

_SET = {"SET": "a folder that `golden record` made"}


@click.group("golden", cls=Group)
def golden_group() -> None:
    """Keep images that a build wrote, and hold later builds against them."""


@golden_group.command(
    "record",
    arguments={"FOLDER": "the set, a folder that is made"},
    slow=[
        "powercut golden record golden/0.1.0",
        "powercut golden record golden/mine --engine ./libmine.so --block-size 4096 --block-count 64",
    ],
)
@click.argument("folder", type=FOLDER)
@click.option("--engine", type=ENGINE, default="skink", help="A name, ./library.so or ./file.py:Class.")
@click.option("--options", "told", help="What the engine is told, such as disk_minor=2.0; else several.")
@click.option(
    "--images", "images_max", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most."
)
@click.option("--note", default="", help="A sentence that the set keeps.")
@click.option("--force", is_flag=True, help="Replace a set that another build has written.")
@geometry_options
@json_option
def record_command(
    folder: Path,
    engine: str,
    told: str | None,
    images_max: int,
    note: str,
    *,
    force: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Make a golden set in FOLDER: images that the engine leaves, clean and cut, with what they hold.

    Of every power cut in a fixed list of workloads as few images are kept as show everything that any of
    them shows: each operation cut at each kind of device event, and, in the littlefs format, each structure
    and each step of the metadata cut in its middle. The same build makes the same bytes.
    """
    demand_folder(folder)
    if not force:
        build = Engine.load(engine)
        manifest.demand_same_build(folder, build.name, build.version)
    shape = Shape(*(given[name] for name in SHAPE_OPTIONS))
    geometries = (shape.geometry(),) if shape.given else GEOMETRIES
    variants = VARIANTS if told is None else (parse_options(told),)
    console = Console(stderr=True, quiet=as_json)
    with console.status("recording") if console.is_terminal else nullcontext():
        recorded = record(Request(engine, geometries, variants, images_max, note))
    size = write(recorded, folder)
    facts = _record_facts(recorded, folder, size)
    if as_json:
        return answer(facts)
    click.echo(_record_text(facts))
    return 0


def _record_facts(recorded: Recorded, folder: Path, size: int) -> dict[str, Any]:
    fields = recorded.manifest
    return {
        "folder": str(folder),
        "engine": {"name": fields.engine.name, "version": fields.engine.version},
        "images": len(fields.images),
        "kinds": dict(sorted(Counter(field.made.kind for field in fields.images).items())),
        "bytes": size,
        "candidates": recorded.candidates,
        "features": recorded.features,
        "covered": recorded.covered,
        "absent": fields.absent,
    }


def _record_text(facts: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in facts["kinds"].items())
    lines = [
        f"{facts['folder']}: {facts['images']} images ({kinds}) by {facts['engine']['name']} "
        f"{facts['engine']['version']}, {facts['bytes']:,} bytes",
        f"they show {facts['covered']} of {facts['features']} features of {facts['candidates']:,} distinct "
        "cuts",
    ]
    if facts["absent"]:
        lines.append(f"structures of the format that none of them has: {'; '.join(facts['absent'])}")
    return "\n".join(lines)


@golden_group.command(
    "check",
    arguments=_SET,
    examples=["powercut golden check golden/mine", "powercut golden check golden/mine --engine skink --json"],
    exits={0: "every image holds", 1: "an image does not hold"},
)
@click.argument("folder", metavar="SET", type=FOLDER)
@click.option(
    "--engine", type=ENGINE, help="Instead of the one that recorded the set: a name, ./library.so, ..."
)
@click.option("--options", "told", default="", help="What it is told at mount, such as disk_minor=2.0.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes (one per processor).")
@json_option
def check_command(folder: Path, engine: str | None, told: str, jobs: int | None, *, as_json: bool) -> int:
    """Hold an engine build against the golden set SET, image by image.

    Each image is read, and has to show what it held when it was recorded, or another store that is right
    where the power went. Then the engine goes on with it: a few operations judged with the model, the power
    cut after every device event, repair included. The exit code is 1 where an image does not hold.
    """
    golden = manifest.load(folder)
    demand_images(golden)
    name = golden.manifest.engine.name if engine is None else engine
    loaded = Engine.load(name)
    found: list[Checked] = []
    interrupted = False
    try:
        with _progress(len(golden.manifest.images), shown=not as_json) as (bar, task):
            for one in check(golden, name, parse_options(told), workers=jobs or default_jobs()):
                found.append(one)
                bar.advance(task)
    except KeyboardInterrupt:
        interrupted = True
    facts = _check_facts(golden, loaded, found, interrupted)
    code = INTERRUPTED if interrupted else 0 if facts["holds"] else FAILED
    if as_json:
        return answer(facts, code, _verdict(found, interrupted))
    click.echo(_check_text(facts))
    return code


def _verdict(found: list[Checked], interrupted: bool) -> str:
    if not all(one.holds for one in found):
        return "violation"
    return BROKEN_OFF if interrupted else "held"


class _progress:  # noqa: N801 - a context manager
    """A bar on standard error, where that is a terminal."""

    def __init__(self, total: int, *, shown: bool) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("images"), TimeElapsedColumn())
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not shown or not console.is_terminal
        )
        self._task = self._bar.add_task("checking", total=total)

    def __enter__(self) -> tuple[Progress, Any]:
        self._bar.__enter__()
        return self._bar, self._task

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)


def _check_facts(
    golden: GoldenSet, engine: Engine, found: list[Checked], interrupted: bool
) -> dict[str, Any]:
    recorded = golden.manifest.engine
    made = {field.name: field.made.words for field in golden.manifest.images}
    return {
        "set": str(golden.folder),
        "recorded_by": {"name": recorded.name, "version": recorded.version},
        "engine": {"name": engine.name, "version": engine.version},
        "holds": not interrupted and all(one.holds for one in found),
        "images": len(golden.manifest.images),
        "checked": len(found),
        "crash_states": sum(one.states for one in found),
        "verdicts": dict(sorted(Counter(one.verdict for one in found).items())),
        "changes": dict(sorted(Counter(change for one in found for change in one.changes).items())),
        "results": [asdict(one) | {"made": made[one.name]} for one in found],
        "interrupted": interrupted,
    }


_WORDS = {
    "same": "hold what they held",
    "other": "hold another store that is right there",
    "different": "hold something else",
    "refused": "are refused",
    "crash": "end the engine's process",
    "hang": "make the engine hang",
    "violation": "read right and go wrong after that",
}


def _check_text(facts: dict[str, Any]) -> str:
    engine, recorded = facts["engine"], facts["recorded_by"]
    lines = []
    for one in facts["results"]:
        if one["verdict"] not in ("same", "other"):
            lines.append(f"{one['name']} ({one['made']}): {one['verdict']}: {one['words']}")
            lines.extend(f"  {line}" for line in one["lines"])
    lines.append(
        f"{engine['name']} {engine['version']} on {facts['checked']} of {facts['images']} images of "
        f"{recorded['name']} {recorded['version']}, {facts['crash_states']:,} power cuts while it wrote on:"
    )
    lines.extend(f"  {count} {_WORDS[verdict]}" for verdict, count in facts["verdicts"].items())
    lines.extend(f"  {count} are changed as it writes on: {what}" for what, count in facts["changes"].items())
    if facts["interrupted"]:
        lines.append("interrupted: the counts are of what was done until then")
    else:
        lines.append("held" if facts["holds"] else "NOT held")
    return "\n".join(lines)


@golden_group.command(
    "show",
    arguments=_SET,
    examples=["powercut golden show golden/mine", "powercut golden show golden/mine --all"],
)
@click.argument("folder", metavar="SET", type=FOLDER)
@click.option("--all", "every", is_flag=True, help="Every image that shows a structure, not the first alone.")
@json_option
def show_command(folder: Path, *, every: bool, as_json: bool) -> int:
    """List which image of the golden set SET shows which structure of the format, and what it lacks.

    Every image is read anew, by a reader that shares no code with the engine. Of images in another format it
    lists alone what was being done when the power went.
    """
    golden = manifest.load(folder)
    demand_images(golden)
    found = coverage(golden)
    images = [field.name for field in golden.manifest.images]
    if as_json:
        return answer(asdict(found) | {"set": str(folder), "images": images, "absent": found.absent})
    engine = golden.manifest.engine
    click.echo(f"{folder}: {len(images)} images by {engine.name} {engine.version}")
    for title, part in (
        ("structures of the format", found.structures),
        ("structures that it does not name", found.others),
        ("when the power went", found.moments),
    ):
        if part:
            have = sum(1 for showing in part.values() if showing)
            click.echo(f"{title}: {have} of {len(part)}")
        for name, showing in part.items():
            click.echo(f"  {name}: {_image_names(showing, every)}")
    return 0


def _image_names(images: tuple[str, ...], every: bool) -> str:
    if not images:
        return "NONE"
    if every or len(images) == 1:
        return ", ".join(images)
    return f"{images[0]} and {len(images) - 1} more"


@golden_group.command(
    "extract",
    arguments={**_SET, "NAME": "an image of the set; all are listed if left out"},
    examples=["powercut golden extract golden/mine", "powercut golden extract golden/mine --json"],
    slow=["powercut golden extract golden/mine NAME -o one.img"],
)
@click.argument("folder", metavar="SET", type=FOLDER)
@click.argument("name", required=False)
@click.option("-o", "--output", type=FOLDER, metavar="FILE", help="Instead of NAME.img.")
@json_option
def extract_command(folder: Path, name: str | None, output: Path | None, *, as_json: bool) -> int:
    """Unpack the image NAME of the golden set SET; without NAME list the images of the set."""
    golden = manifest.load(folder)
    listed = [{"name": field.name, "made": field.made.words} for field in golden.manifest.images]
    if name is None:
        if as_json:
            return answer({"set": str(folder), "images": listed, "file": None})
        for one in listed:
            click.echo(f"{one['name']}: {one['made']}")
        return 0
    field_of = {field.name: field for field in golden.manifest.images}
    if name not in field_of:
        raise PowercutError(
            f"There is no image {name} in {folder}; `powercut golden extract {folder}` lists them."
        )
    target = output or Path(f"{name}.img")
    try:
        atomic.write(target, golden.image(field_of[name]))
    except OSError as error:
        raise PowercutError(f"Cannot write {target}: {atomic.reason(error)}; say --output.") from error
    images = [one for one in listed if one["name"] == name]
    return answer({"set": str(folder), "images": images, "file": str(target)})


__all__ = ["golden_group"]
