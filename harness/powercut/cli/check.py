# SPDX-License-Identifier: ISC
"""`powercut check`: whether an image is sound, and, if asked for, one that is."""

from __future__ import annotations

from pathlib import Path

import click

from powercut import atomic, consistency
from powercut.cli.answer import answer, json_option
from powercut.cli.command import Command
from powercut.cli.store import PATH, geometry_options
from powercut.consistency import Finding, Repaired, Report
from powercut.errors import PowercutError
from powercut.imagefile import Shape, image_geometry, read_image
from powercut.ops import key_text

FOUND = 1


@click.command(
    "check",
    cls=Command,
    arguments={"IMAGE": "a littlefs image file"},
    examples=[
        "powercut check disk.img",
        "powercut check disk.img --json",
        "powercut check disk.img --repair",
    ],
    exits={0: "the image is sound", 1: "there are findings, also where they were repaired"},
)
@click.argument("image", type=PATH)
@json_option
@click.option("--repair", is_flag=True, help="Write a sound image with all that can be read.")
@click.option("--in-place", is_flag=True, help="With --repair: in the place of IMAGE.")
@click.option("-o", "--output", type=PATH, metavar="FILE", help="With --repair: instead of IMAGE.repaired.")
@geometry_options
def check_command(
    image: Path, as_json: bool, repair: bool, in_place: bool, output: Path | None, **shape: int | None
) -> int:
    """Check the store in IMAGE: each finding with its invariant's number (docs/invariants.md) and its place.

    IMAGE is not written to, unless --repair --in-place says so. Work that a power cut left pending is no
    finding; --repair does it. The exit code is 1 where there are findings, also when they were repaired.
    """
    if (in_place or output is not None) and not repair:
        raise click.UsageError("--in-place and --output are for --repair")
    if in_place and output is not None:
        raise click.UsageError("--in-place and --output exclude each other")
    data = read_image(image)
    geometry = _geometry(image, data, Shape(**shape))
    report = consistency.examine(data, geometry)
    target = image if in_place else output or image.with_name(f"{image.name}.repaired")
    repaired = _repair(data, geometry, report) if repair else None
    if repaired is not None:
        _save(target, repaired.data, image, in_place)
    code, verdict = (FOUND, "unsound") if report.findings else (0, "sound")
    if as_json:
        return answer(_fields(report, repaired, target), code, verdict)
    _tell(report, repaired, target, repair)
    return code


def _geometry(image: Path, data: bytes, shape: Shape) -> object:
    """As the other commands have it; where skink finds no superblock the independent reader's."""
    if shape.block_size is None:
        try:
            return image_geometry(image, shape)
        except PowercutError:
            size = consistency.block_size_of(data)
            if size is None or len(data) % size:
                raise
            shape = Shape(size, len(data) // size, shape.prog_size, shape.read_size)
    if shape.block_count is None:
        shape = Shape(
            shape.block_size, len(data) // (shape.block_size or 1), shape.prog_size, shape.read_size
        )
    return image_geometry(image, shape)


def _repair(data: bytes, geometry: object, report: Report) -> Repaired | None:
    """None: there is nothing to repair."""
    if report.findings:
        return consistency.rescue(data, geometry, report)
    if report.pending:
        return Repaired(consistency.settle(data, geometry), -1, ())
    return None


def _save(target: Path, data: bytes, image: Path, in_place: bool) -> None:
    if not in_place and target.exists() and target.samefile(image):
        raise PowercutError(f"{target} is the image itself; say --in-place to replace it.")
    try:
        atomic.write(target, data)
    except OSError as error:
        raise PowercutError(f"Cannot write {target}: {atomic.reason(error)}; say --output.") from error


def _tell(report: Report, repaired: Repaired | None, target: Path, repair: bool) -> None:
    for finding in report.findings:
        place = consistency.where(finding)
        click.echo(f"{finding.invariant}: {place + ': ' if place else ''}{finding.sentence}")
    if not report.findings:
        click.echo("sound" + (", with work pending that the first write will do" if report.pending else ""))
    if repaired is None:
        if repair:
            click.echo("nothing to repair")
        return
    if repaired.kept < 0:
        click.echo(f"{target}: the pending work is done")
        return
    click.echo(f"{target}: {repaired.kept} entries saved, {len(repaired.lost)} losses")
    for key, sentence in repaired.lost:
        click.echo(f"lost {key_text(key) or '/'}: {sentence}")


def _fields(report: Report, repaired: Repaired | None, target: Path) -> dict[str, object]:
    saved = None
    if repaired is not None:
        saved = {
            "file": str(target),
            "entries": repaired.kept if repaired.kept >= 0 else None,
            "lost": [{"key": key_text(key), "reason": sentence} for key, sentence in repaired.lost],
        }
    return {
        "sound": not report.findings,
        "pending": report.pending,
        "findings": [_finding_fields(finding) for finding in report.findings],
        "repaired": saved,
    }


def _finding_fields(finding: Finding) -> dict[str, object]:
    return {
        "invariant": finding.invariant,
        "sentence": finding.sentence,
        "key": None if finding.key is None else key_text(finding.key),
        "pair": finding.pair,
        "block": finding.block,
    }
