# SPDX-License-Identifier: ISC
"""`powercut compat`: what two builds make of each other's images, and whether that is acceptable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from powercut.cli.ahead import demand_folder
from powercut.cli.answer import INTERRUPTED as BROKEN_OFF
from powercut.cli.answer import answer, json_option, so_far
from powercut.cli.command import Command
from powercut.cli.exploring import Kinds
from powercut.cli.run import FOLDER, SHAPE_OPTIONS, Shape, default_jobs, geometry_options
from powercut.cli.types import ENGINE, SEED, Seconds
from powercut.compat import policy as policies
from powercut.compat.campaign import GEOMETRIES, Campaign, Plan
from powercut.compat.cells import CELLS, SIDES, Cell, Counts, Example, Matrix
from powercut.compat.look import Side
from powercut.compat.policy import Policy
from powercut.compat.save import save_examples
from powercut.compat.tornstates import TORN_KINDS, Torn
from powercut.compat.unclaimed import Unclaimed, unclaimed_sides, unseen_sides
from powercut.devices import known_models, named
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.golden.workload import NAMES
from powercut.options import options_text, parse_options
from powercut.unseen import Unseen
from powercut.wire import EngineField

UNACCEPTABLE, INTERRUPTED = 1, 130


@click.command(
    "compat",
    cls=Command,
    slow=[
        "powercut compat --old skink --old-options disk_minor=2.0 --new skink --traces 1 --bases 2",
        "powercut compat --old ./libmine-1.so --new ./libmine-2.so",
        "powercut compat --old littlefs --new skink --policy policy.toml --save misread",
    ],
    exits={0: "the policy allows all that was seen", 1: "something is not acceptable"},
)
@click.option("--old", type=ENGINE, required=True, help="A name, ./library.so or ./file.py:Class.")
@click.option("--new", type=ENGINE, required=True, help="The same.")
@click.option("--old-options", default="", help="What old is told: disk_minor=2.0, value_checks=on, ...")
@click.option("--new-options", default="", help="What new is told.")
@click.option("--policy", type=FOLDER, metavar="FILE", help="What is acceptable, in TOML.")
@click.option("--workload", "workloads", multiple=True, type=click.Choice(NAMES), help="Of the fixed ones.")
@click.option("--traces", type=click.IntRange(0), default=4, show_default=True, help="Drawn, on each device.")
@click.option(
    "--ops", type=click.IntRange(1, 10_000), default=40, show_default=True, help="In each of these."
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="The same gives the same.")
@click.option(
    "--bases", type=click.IntRange(0), default=32, show_default=True, help="Cut images to be written on."
)
@click.option(
    "--kinds",
    type=Kinds(),
    default="prefix",
    show_default=True,
    help="Of crash state: prefix, torn, reorder.",
)
@click.option("--model", multiple=True, help="A device model, or all (those that the writer claims).")
@click.option("--models", type=FOLDER, help="A TOML file with more device models.")
@click.option(
    "--states",
    "most",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Torn and reordered ones, of each kind, of one run.",
)
@geometry_options
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes (one per processor).")
@click.option("--save", type=FOLDER, metavar="FOLDER", help="Keep examples there, as a golden set.")
@click.option("--hang", type=Seconds(0.1), default=10.0, show_default=True, help="Seconds to wait.")
@json_option
def compat_command(**given: Any) -> int:
    """Have two builds read each other's images, closed and cut, and write on in them.

    Workloads are written by each side, and the power is cut after every device event; then each side opens
    and writes images that the other left, cut likewise. Both sides read every image: the same, refused with a
    code, or misread. The policy says what is acceptable: where none is given, old may answer UNSUPPORTED to
    what new wrote, and nothing else. The exit code is 1 where something is not acceptable.
    """
    policy = policies.load(given["policy"])
    plan = _plan(given, policy)
    if given["save"] is not None:
        demand_folder(given["save"], "--save")
    engines = [Engine.load(side.engine) for side in (plan.old, plan.new)]
    campaign = Campaign(plan)
    with _Bar(shown=not given["as_json"]) as bar:
        campaign.progress = bar.update
        matrix = campaign.run()
    report = _Report(plan, engines, policy, matrix)
    saved = _save(given["save"], matrix, engines[0], report, as_json=given["as_json"])
    code = INTERRUPTED if matrix.interrupted else 0 if report.acceptable else UNACCEPTABLE
    if given["as_json"]:
        return answer(report.fields() | {"saved": saved}, code, report.verdict)
    report.tell(saved, given["save"])
    return code


def _plan(given: dict[str, Any], policy: Policy) -> Plan:
    shape = Shape(*(given[name] for name in SHAPE_OPTIONS))
    return Plan(
        old=Side(given["old"], parse_options(given["old_options"])),
        new=Side(given["new"], parse_options(given["new_options"])),
        geometries=(shape.geometry(),) if shape.given else GEOMETRIES,
        workloads=given["workloads"] or NAMES,
        traces=given["traces"],
        ops=given["ops"],
        seed=given["seed"],
        bases=given["bases"],
        ignore=policy.ignored(),
        torn=_torn(given),
        workers=given["jobs"] or default_jobs(),
        hang_seconds=given["hang"],
    )


def _torn(given: dict[str, Any]) -> Torn:
    """Which crash states besides whole writes in order. Raises PowercutError."""
    asked = [kind for kind in given["kinds"] if kind != "prefix"]
    wrong = [kind for kind in asked if kind not in TORN_KINDS]
    if wrong or not given["kinds"]:
        raise PowercutError(
            f"Images are compared in the kinds prefix, torn and reorder, not {', '.join(wrong) or 'none'}; "
            "see --kinds."
        )
    known = known_models(given["models"])
    names = list(known) if "all" in given["model"] else list(dict.fromkeys(given["model"]))
    if names and not asked:
        raise PowercutError(
            "Device models say what is torn and lost; give --kinds torn,reorder with --model."
        )
    return Torn(tuple(asked), named(names, known), given["most"])


def _save(
    folder: Path | None, matrix: Matrix, engine: Engine, report: _Report, *, as_json: bool
) -> list[str]:
    """The names of the images that were saved. Where they cannot be, all that was seen is told before that.
    Raises PowercutError."""
    if folder is None or not matrix.examples:
        return []
    examples = [matrix.examples[key] for key in sorted(matrix.examples)]
    try:
        return save_examples(folder, examples, EngineField(engine.name, engine.version))
    except PowercutError:
        so_far(report.fields() | {"saved": []})
        if not as_json:
            report.tell([], folder)
        raise


class _Bar:
    """A bar on standard error, where that is a terminal."""

    def __init__(self, *, shown: bool) -> None:
        console = Console(stderr=True)
        columns = (
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("workloads, {task.fields[images]:,} images"),
            TimeElapsedColumn(),
        )
        disable = not shown or not console.is_terminal
        self._bar = Progress(*columns, console=console, transient=True, disable=disable)
        self._task = self._bar.add_task("reading", total=None, images=0)

    def __enter__(self) -> _Bar:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)

    def update(self, matrix: Matrix, done: int, total: int) -> None:
        """Shows how far the work is."""
        images = sum(counts.looked for counts in matrix.cells.values())
        self._bar.update(self._task, completed=done, total=total, images=images)


@dataclass(frozen=True, slots=True)
class _Report:
    """What was seen, held against the policy."""

    plan: Plan
    engines: list[Engine]
    policy: Policy
    matrix: Matrix

    @property
    def acceptable(self) -> bool:
        """Whether the policy allows all that was seen."""
        return not any(self.policy.problems(cell, counts) for cell, counts in self.matrix.cells.items())

    @property
    def verdict(self) -> str:
        """In one word. An interrupted comparison is never acceptable."""
        if not self.acceptable:
            return "unacceptable"
        return BROKEN_OFF if self.matrix.interrupted else "acceptable"

    def fields(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "acceptable": self.acceptable,
            "old": self._side(0),
            "new": self._side(1),
            "seed": self.plan.seed,
            "cells": [self._cell(cell, self.matrix.cells[cell]) for cell in self._cells()],
            "images": sum(counts.looked for counts in self.matrix.cells.values()),
            "bases": self.matrix.bases,
            "bases_total": self.matrix.bases_total,
            "torn": {
                kind: {"looked": self.matrix.torn[kind], "total": self.matrix.torn_total[kind]}
                for kind in self.plan.torn.kinds
            },
            "not_looked_at": [{"writer": side} | one.fields() for side, one in self._unseen()],
            "unclaimed": [
                {"writer": one.writer, "models": list(one.models), "words": one.words}
                for one in self._unclaimed()
            ],
            "examples": [_example(self.matrix.examples[key]) for key in sorted(self.matrix.examples)],
            "interrupted": self.matrix.interrupted,
        }

    def _unseen(self) -> list[tuple[str, Unseen]]:
        return unseen_sides(self.plan, self.engines, self.matrix)

    def _unclaimed(self) -> list[Unclaimed]:
        return unclaimed_sides(self.plan, self.engines, self.matrix)

    def _cells(self) -> list[Cell]:
        """The cells of what was asked for."""
        absent = set(TORN_KINDS) - set(self.plan.torn.kinds)
        return [cell for cell in CELLS if cell.state not in absent]

    def _side(self, number: int) -> dict[str, Any]:
        engine, side = self.engines[number], (self.plan.old, self.plan.new)[number]
        return {"name": engine.name, "version": engine.version, "options": options_text(side.options)}

    def _cell(self, cell: Cell, counts: Counts) -> dict[str, Any]:
        problems = self.policy.problems(cell, counts)
        return {
            "writer": cell.writer,
            "reader": cell.reader,
            "state": cell.state,
            "same": counts.same,
            "refused": dict(sorted(counts.refused.items())),
            "misread": counts.misread,
            "crash": counts.crash,
            "hang": counts.hang,
            "identical": counts.identical,
            "left": counts.left,
            "acceptable": not problems,
        }

    # --- for people --------------------------------------------------------------------------------------

    def tell(self, saved: list[str], folder: Path | None) -> None:
        """Prints the table, what is not acceptable, and the counts."""
        console = Console(highlight=False, soft_wrap=False)
        console.print(self._table())
        for line in self._lines(saved, folder):
            console.print(line, markup=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(title=None, show_lines=False)
        table.add_column("written by")
        table.add_column("left")
        for number, side in enumerate(SIDES):
            facts = self._side(number)
            told = f" ({facts['options']})" if facts["options"] else ""
            table.add_column(f"read by {side}: {facts['name']} {facts['version']}{told}", overflow="fold")
        rows: dict[tuple[str, str], dict[str, Text]] = {}
        for cell in self._cells():
            rows.setdefault((cell.writer, cell.state), {})[cell.reader] = self._words(cell)
        for (writer, state), sides in rows.items():
            names = {"upgrade": "old, then new", "downgrade": "new, then old"}
            left = {"clean": "closed", "write": "to write on", "reorder": "writes lost"}
            table.add_row(
                names.get(writer, writer),
                left.get(state, state),
                *(sides.get(side, Text("")) for side in SIDES),
            )
        return table

    def _words(self, cell: Cell) -> Text:
        counts = self.matrix.cells[cell]
        problems = {(outcome, code) for outcome, code, _ in self.policy.problems(cell, counts)}
        words = [Text(f"{counts.same:,} same")] if counts.same else []
        for code, count in sorted(counts.refused.items()):
            words.append(
                Text(f"{count:,} refused {code}", "red" if ("refused", code) in problems else "yellow")
            )
        for outcome in ("misread", "crash", "hang"):
            count = getattr(counts, outcome)
            if count:
                words.append(
                    Text(f"{count:,} {outcome}", "bold red" if (outcome, "") in problems else "yellow")
                )
        if counts.left:
            words.append(Text(f"{counts.left:,} not looked at", "yellow"))
        return Text(", ").join(words) if words else Text("-")

    def _lines(self, saved: list[str], folder: Path | None) -> Iterator[str]:
        for cell, counts in self.matrix.cells.items():
            for outcome, code, count in self.policy.problems(cell, counts):
                yield f"NOT acceptable: {cell.title}: {count:,} {outcome}{' ' + code if code else ''}"
                example = self.matrix.examples.get((cell, outcome, code))
                if example is not None:
                    yield f"  such as {example.words}"
                    yield from (f"    {line}" for line in example.lines)
        images = sum(counts.looked for counts in self.matrix.cells.values())
        identical = sum(counts.identical for counts in self.matrix.cells.values())
        yield (
            f"{images:,} images looked at, {identical:,} more identical to one of these; the other side "
            f"wrote on in {self.matrix.bases:,} of {self.matrix.bases_total:,}"
        )
        for kind in self.plan.torn.kinds:
            looked, total = self.matrix.torn[kind], self.matrix.torn_total[kind]
            if total:
                part = "all" if looked == total else f"{looked:,} of {total:,}"
                yield f"{kind}: {part} generated crash states"
        yield from (one.line for _, one in self._unseen())
        yield from (f"not claimed: {one.words}" for one in self._unclaimed())
        if saved:
            yield f"examples: powercut golden check {folder} --engine ENGINE ({', '.join(saved)})"
        if self.matrix.interrupted:
            yield "interrupted: the counts are of what was done until then"
        else:
            yield "acceptable" if self.acceptable else "NOT acceptable"


def _example(example: Example) -> dict[str, Any]:
    cell = example.cell
    return {
        "writer": cell.writer,
        "reader": cell.reader,
        "state": cell.state,
        "outcome": example.outcome,
        "code": example.code,
        "words": example.words,
        "lines": list(example.lines),
    }
