# SPDX-License-Identifier: ISC
"""``powercut bench engine``: skink beside real littlefs, row by row."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from powercut import __version__, littlefs_library
from powercut.benchmark import BLOCK_SIZES, KEYS, SIZES, WORKLOADS, Bench, Figures, Measured, rows
from powercut.cli.answer import answer, json_option, so_far
from powercut.cli.command import Command
from powercut.cli.lists import BlockSizes, Names, Numbers, commas

#: Columns of the table: heading, and what a row's figures say there.
_COLUMNS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("reads", lambda one: _rate(one.reads, one.operations)),
    ("progs", lambda one: _rate(one.progs, one.operations)),
    ("erases", lambda one: _rate(one.erases, one.operations)),
    ("B read", lambda one: _number(one.read_bytes / one.operations)),
    ("B prog", lambda one: _number(one.prog_bytes / one.operations)),
    ("WA", lambda one: "" if one.amplification is None else f"{one.amplification:.1f}"),
    ("worst us", lambda one: _number(one.worst_ns / 1000)),
    ("worst B", lambda one: _number(one.worst_bytes)),
    ("RAM B", lambda one: _number(one.memory_bytes)),
    ("B/key", lambda one: f"{one.memory_per_key:.0f}" if one.keys >= 50 else ""),
)

_LEGEND = """\
Per operation: device reads, progs, erases, bytes read and programmed. WA: bytes programmed per byte written.
worst us, worst B: time and device bytes of the worst single operation. RAM B: memory in use; B/key: what of
it an empty store does not need, per value."""


@click.command(
    "engine",
    cls=Command,
    examples=["powercut bench engine --rows create --keys 100 --rounds 1 --block-sizes 512"],
    slow=["powercut bench engine", "powercut bench engine --json > engine.json"],
)
@click.option(
    "--rows",
    "names",
    type=Names("row", WORKLOADS),
    default=commas(WORKLOADS),
    show_default=False,
    help="Of these; all if left out.",
)
@click.option("--keys", type=Numbers(10, 99_999), default=commas(KEYS), show_default=True,
              help="Values in the dictionary.")  # fmt: skip
@click.option("--sizes", type=Numbers(64, 1 << 21), default=commas(SIZES), show_default=True,
              help="Bytes in the values of write and rewrite.")  # fmt: skip
@click.option("--block-sizes", type=BlockSizes(), default=commas(BLOCK_SIZES), show_default=True,
              help="Bytes in a block.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True,
              help="Timed passes of each engine, in turns; the fastest counts.")  # fmt: skip
@click.option("--timestamps", is_flag=True, help="Each value carries the time of its last change.")
@click.option("--skink-only", is_flag=True, help="Without littlefs.")
@click.option("--markdown", is_flag=True, help="Print the tables as docs/benchmarks.md has them.")
@json_option
def engine_command(
    names: tuple[str, ...],
    keys: tuple[int, ...],
    sizes: tuple[int, ...],
    block_sizes: tuple[int, ...],
    rounds: int,
    *,
    timestamps: bool,
    skink_only: bool,
    markdown: bool,
    as_json: bool,
) -> int:
    """skink and real littlefs side by side, in one process, each on a device in memory."""
    found: list[Measured] = []
    told: list[dict[str, Any]] = []
    report = _report(told, rounds, timestamps=timestamps)
    so_far(report)
    with Bench(rounds=rounds, timestamps=timestamps, with_littlefs=not skink_only) as bench:
        for row in rows(names, keys, sizes, block_sizes):
            if not as_json and sys.stderr.isatty():
                print(
                    f"\r\033[K{row.block_size}-byte blocks: {row.title}", end="", file=sys.stderr, flush=True
                )
            found.append(bench.measure(row))
            told.append(asdict(found[-1]))
    if not as_json and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if as_json:
        return answer(report)
    if markdown:
        click.echo("\n\n".join(_markdown(found)))
    else:
        _show(found)
    return 0


def _report(told: list[dict[str, Any]], rounds: int, *, timestamps: bool) -> dict[str, object]:
    """What --json prints."""
    version = ".".join(str(part) for part in littlefs_library.VERSION)
    return {
        "skink": __version__,
        "littlefs": version,
        "machine": platform.machine(),
        "rounds": rounds,
        "timestamps": timestamps,
        "rows": told,
    }


def _show(found: Sequence[Measured]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=170)
    for block_size in dict.fromkeys(one.block_size for one in found):
        console.print(_table([one for one in found if one.block_size == block_size], block_size))
    console.print(_LEGEND)


def _table(found: Sequence[Measured], block_size: int) -> Table:
    """Two lines for each row: skink, littlefs."""
    table = Table(title=f"{block_size}-byte blocks", title_justify="left", pad_edge=False)
    table.add_column("row", no_wrap=True)
    table.add_column("engine", no_wrap=True)
    for heading in ("ops/s", "ratio", *(heading for heading, _ in _COLUMNS)):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note")
    for one in found:
        ratio = "" if one.ratio is None else f"{one.ratio:.1f}"
        table.add_row(
            one.row, "skink", _number(one.skink.ops_per_second), ratio, *_cells(one.skink), one.note
        )
        if one.littlefs is not None:
            table.add_row("", "littlefs", _number(one.littlefs.ops_per_second), "", *_cells(one.littlefs), "")
        table.add_section()
    return table


def _markdown(found: Sequence[Measured]) -> list[str]:
    """A heading and a table for each block size; a cell has both engines' figures, skink's first."""
    headings = ("row", "ops/s", "ratio", *(heading for heading, _ in _COLUMNS))
    tables = []
    for block_size in dict.fromkeys(one.block_size for one in found):
        lines = [
            f"### {block_size}-byte blocks",
            "",
            f"| {' | '.join(headings)} |",
            "| --- " * len(headings) + "|",
        ]
        for one in found:
            if one.block_size == block_size:
                ratio = (
                    "" if one.ratio is None else f"{one.ratio:.1f}" if one.ratio < 100 else f"{one.ratio:.0f}"
                )
                both = [one.skink] if one.littlefs is None else [one.skink, one.littlefs]
                speed = " / ".join(_number(figures.ops_per_second) for figures in both)
                cells = [
                    " / ".join(cell) if any(cell) else "" for cell in zip(*map(_cells, both), strict=True)
                ]
                lines.append(f"| {' | '.join([one.row, speed, ratio, *cells])} |")
        tables.append("\n".join(lines))
    return tables


def _cells(one: Figures) -> list[str]:
    return [show(one) for _, show in _COLUMNS]


def _rate(count: int, operations: int) -> str:
    rate = count / operations
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.2f}"


def _number(value: float) -> str:
    """Three digits or so: ``0.51``, ``7.3``, ``8042``, ``23.4k``, ``1.2M``."""
    if value >= 1e6:
        return f"{value / 1e6:.3g}M" if value < 1e9 else f"{value / 1e6:.0f}M"
    if value >= 1e4:
        return f"{value / 1e3:.3g}k" if value < 1e5 else f"{value / 1e3:.0f}k"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
