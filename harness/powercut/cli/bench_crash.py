# SPDX-License-Identifier: ISC
"""``powercut bench crash``: how fast crash states are recovered and judged, by kind and as things grow."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from powercut.cli.answer import INTERRUPTED as BROKEN_OFF
from powercut.cli.answer import answer, json_option
from powercut.cli.command import Command
from powercut.cli.lists import BlockSizes, Names, commas
from powercut.cli.types import ENGINE, Seconds
from powercut.crashbench import (
    BLOCK_SIZES,
    ENGINES,
    MODELS,
    PARTS,
    Measured,
    Task,
    measure_all,
    processors,
    tasks,
)
from powercut.devices import BUILTIN
from powercut.fault import KINDS

INTERRUPTED = 130

Column = tuple[str, Callable[[Measured], str]]

_ENGINE: Column = ("engine", lambda one: one.engine)
_BLOCK: Column = ("block", lambda one: str(one.block_size))
_LISTED: Column = ("listed", lambda one: f"{one.listed:,}")
_JUDGED: Column = ("judged", lambda one: one.died or f"{one.judged:,}")
_LISTED_RATE: Column = ("listed/s", lambda one: _rate(one.listed_per_second))
_JUDGED_RATE: Column = ("judged/s", lambda one: _rate(one.judged_per_second))
_EACH: Column = ("us each", lambda one: f"{one.microseconds:.1f}" if one.microseconds else "")

#: The columns of each part's table; the last one of some, which needs the part's first row, comes on top.
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "kinds": (
        _ENGINE,
        _BLOCK,
        ("kind", lambda one: one.kind),
        ("model", lambda one: one.model),
        _LISTED,
        ("identical", lambda one: f"{one.identical:,}"),
        ("unread", lambda one: f"{one.unread:,}"),
        _JUDGED,
        ("broken", lambda one: f"{one.violations:,}"),
        _LISTED_RATE,
        _JUDGED_RATE,
        _EACH,
    ),
    "questions": (
        _ENGINE,
        _BLOCK,
        ("questions", lambda one: one.questions),
        _JUDGED,
        _JUDGED_RATE,
        _EACH,
    ),
    "cores": (
        _ENGINE,
        _BLOCK,
        ("threads", lambda one: str(one.jobs)),
        _LISTED,
        _JUDGED,
        _LISTED_RATE,
        _JUDGED_RATE,
        _EACH,
    ),
    "log": (
        _ENGINE,
        _BLOCK,
        ("operations", lambda one: str(one.operations)),
        _LISTED,
        _JUDGED,
        _JUDGED_RATE,
        _EACH,
    ),
    "device": (
        _ENGINE,
        _BLOCK,
        ("blocks", lambda one: str(one.block_count)),
        _LISTED,
        _JUDGED,
        _JUDGED_RATE,
        _EACH,
    ),
}

#: Of parts in which something grows: the heading of the last column, and the figure of which it is the ratio.
_RATIOS: dict[str, tuple[str, Callable[[Measured], float]]] = {
    "cores": ("times", lambda one: one.judged_per_second),
    "log": ("times", lambda one: one.microseconds),
    "device": ("times", lambda one: one.microseconds),
}

_WORDS = ("engine", "block", "kind", "model", "questions")

_LEGEND = """\
listed: crash states that there are; identical, unread: of them, passed over, since an earlier one stands for
them; judged: recovered by the engine and asked the questions; broken: of them, that broke a promise.
All by processor time of one core, but for threads. times: by the first row of the same engine and block."""


@click.command(
    "crash",
    cls=Command,
    slow=[
        "powercut bench crash",
        "powercut bench crash --parts questions --engine skink --block-sizes 512",
        "powercut bench crash --parts kinds --kinds torn --engine ./libmine.so --seconds 0.1 --json",
    ],
)
@click.option("--parts", type=Names("part", PARTS), default=commas(PARTS), show_default=True,
              help="What is measured.")  # fmt: skip
@click.option("--engine", "engines", type=ENGINE, multiple=True, default=ENGINES, show_default=True,
              help="A name, or the path of a library; may be given several times.")  # fmt: skip
@click.option("--kinds", type=Names("kind", KINDS), default=commas(KINDS), show_default=True,
              help="Of crash state, in the part kinds.")  # fmt: skip
@click.option("--model", type=click.Choice(tuple(BUILTIN)), metavar="NAME",
              help="The device of torn and reorder states (" +
              ", ".join(f"{kind}: {model}" for kind, model in MODELS.items()) + ").")  # fmt: skip
@click.option("--block-sizes", type=BlockSizes(), default=commas(BLOCK_SIZES), show_default=True,
              help="Bytes in a block.")  # fmt: skip
@click.option("--seconds", type=Seconds(0.01), default=0.5, show_default=True,
              help="How long each figure is measured; one pass at least.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print the tables as docs/measurements.md has them.")
@json_option
def crash_command(
    parts: tuple[str, ...],
    engines: tuple[str, ...],
    kinds: tuple[str, ...],
    model: str | None,
    block_sizes: tuple[int, ...],
    seconds: float,
    *,
    markdown: bool,
    as_json: bool,
) -> int:
    """Crash states a second and core, by kind and question; more cores, longer runs, larger devices."""
    asked = list(tasks(parts, engines, block_sizes, kinds, model or "", seconds))
    found, interrupted = _measure(asked, quiet=as_json)
    code = INTERRUPTED if interrupted else 0
    if as_json:
        report = _report(found, seconds, interrupted=interrupted)
        return answer(report, code, BROKEN_OFF if interrupted else "ok")
    if markdown:
        click.echo("\n\n".join(_markdown(part, found) for part in parts))
    else:
        _show(parts, found)
    return code


def _measure(asked: Sequence[Task], *, quiet: bool) -> tuple[list[Measured], bool]:
    """The figures, and whether Ctrl-C ended the measuring before all were there."""
    found: list[Measured] = []
    show = not quiet and sys.stderr.isatty()
    figures = measure_all(asked)
    try:
        for number, task in enumerate(asked, 1):
            if show:
                what = f"{number}/{len(asked)} {task.part}: {task.engine}, {task.block_size}-byte blocks"
                print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)
            found.append(next(figures))
    except KeyboardInterrupt:
        return found, True
    finally:
        figures.close()
        if show:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    return found, False


def _report(found: Sequence[Measured], seconds: float, *, interrupted: bool) -> dict[str, object]:
    """What --json prints."""
    return {
        "machine": platform.machine(),
        "processors": processors(),
        "seconds": seconds,
        "interrupted": interrupted,
        "rows": [asdict(one) for one in found],
    }


def _table(part: str, found: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a part's table."""
    headings = [heading for heading, _ in _COLUMNS[part]]
    ratio = _RATIOS.get(part)
    if ratio is not None:
        headings.append(ratio[0])
    lines = []
    firsts: dict[tuple[str, int], Measured] = {}
    for one in found:
        if one.part != part:
            continue
        line = [show(one) for _, show in _COLUMNS[part]]
        if ratio is not None:
            first = firsts.setdefault((one.engine, one.block_size), one)
            line.append(f"{ratio[1](one) / ratio[1](first):.2f}" if ratio[1](first) and ratio[1](one) else "")
        lines.append(line)
    return headings, lines


def _show(parts: Sequence[str], found: Sequence[Measured]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=150)
    for part in parts:
        headings, lines = _table(part, found)
        table = Table(title=f"{part}: {PARTS[part]}", title_justify="left", pad_edge=False)
        for heading in headings:
            table.add_column(heading, justify="left" if heading in _WORDS else "right", no_wrap=True)
        for line in lines:
            table.add_row(*line)
        console.print(table)
    console.print(_LEGEND)


def _markdown(part: str, found: Sequence[Measured]) -> str:
    headings, lines = _table(part, found)
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rate(value: float) -> str:
    """Three digits: ``352``, ``8,540``, ``61,200``."""
    digits = len(str(int(value))) - 3
    return f"{round(value, -max(digits, 0)):,.0f}" if value else ""
