# SPDX-License-Identifier: ISC
"""A story on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from powercut.ops import key_text
from powercut.report import owners, words
from powercut.report.cause import Cause
from powercut.report.decode import Line, folded
from powercut.report.page import MARKS, shown_blocks
from powercut.report.story import Compared, Snapshot, Story
from powercut.report.timeline import time_line

#: Lines that are the same on both sides, around those that differ.
AROUND = 2

_COLOURS = {
    "root": "magenta", "pair": "blue", "value": "yellow", "orphan": "red", "now": "yellow",
    "earlier": "blue", "filled": "cyan", "kept": "magenta", "stale": "dim", "free": "dim",
}  # fmt: skip


def print_story(story: Story, console: Console) -> None:
    """Prints the whole story."""
    held = story.violation is None
    style = "bold green" if held else "bold red"
    console.print(Text(("✓ " if held else "✗ ") + words.headline(story), style))
    console.print(Text(f"{story.engine}, {story.trace.geometry}"))
    if story.cause is not None:
        console.print(Text(story.cause.what))
        if story.cause.where:
            console.print(Text(story.cause.where))
    for title, body in _sections(story):
        console.print()
        console.print(Text(title, "bold"))
        console.print(Padding(body, (0, 0, 0, 2)))


def _sections(story: Story) -> Iterator[tuple[str, RenderableType]]:
    if story.cause is not None and story.cause.sentence:
        yield "Why", _why(story.cause)
    yield "What happened", _narrative(story)
    yield "Time line", time_line(story)
    if story.contents is not None and story.contents.rows:
        yield "Expected and found", _contents(story)
    if story.film is not None:
        yield "Blocks", _maps(story)
        left, right = story.snapshot(story.left).title, story.snapshot(story.right).title
        different = [one for one in story.compared if not one.same]
        if different:
            yield f"Block by block: {left} (-) against {right} (+)", Group(*map(_compared, different))
        else:
            yield "Block by block", Text(f"nothing differs between {left} and {right}")


def _why(cause: Cause) -> RenderableType:
    lines = [Text(cause.sentence)]
    if cause.needs:
        lines.append(Text(f"What the {cause.whose} needs and is not given:", "dim"))
        lines += [Text(f"• {one}") for one in cause.needs]
    return Group(*lines)


def _narrative(story: Story) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for title, text in words.narrative(story):
        table.add_row(Text(title), Text(text))
    return table


# --- the store and the blocks -----------------------------------------------------------------------------


def _contents(story: Story) -> RenderableType:
    assert story.contents is not None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    disk = story.contents.rows[0].disk is not None
    for title in ("key", "expected", "the engine shows", *(["a reader sees on the disk"] if disk else [])):
        table.add_column(title, overflow="fold")
    for row in story.contents.rows:
        found = "-" if row.found is None else row.found
        cells = [
            Text(words.short_text(key_text(row.key))),
            Text(row.expected),
            Text(found, "green" if found == row.expected else "red"),
        ]
        if row.disk is not None:
            cells.append(Text(row.disk, "green" if row.right_on_disk else "red"))
        table.add_row(*cells)
    return table


def _maps(story: Story) -> RenderableType:
    assert story.film is not None
    cells = shown_blocks(story.film)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    kinds: set[str] = set()
    for one in story.snapshots:
        if one.name != "expected":
            table.add_row(Text(one.title), _map(one, cells))
            kinds |= {one.owners[first].kind for first, last in cells if first == last}
    legend = Text(
        "  ".join(f"{MARKS[kind] or '_'} {text}" for kind, text in owners.KINDS.items() if kind in kinds)
    )
    if story.littlefs:
        legend.append("  a small letter: the block of a pair that is not valid")
    legend.stylize("dim")
    return Group(table, legend)


def _map(snapshot: Snapshot, cells: list[tuple[int, int]]) -> Text:
    text = Text()
    for first, last in cells:
        if first != last:
            text.append(f" {first}…{last} free ", "dim")
            continue
        owner = snapshot.owners[first]
        mark = MARKS[owner.kind] or "_"
        style = _COLOURS[owner.kind] + (" bold" if owner.speaks else "")
        text.append(mark.lower() if owner.speaks is False else mark, style)
    return text


def _compared(one: Compared) -> RenderableType:
    lines = [Text(f"block {one.block}: {one.right.words}", "bold")]
    for row in folded(one.rows, AROUND):
        if isinstance(row, int):
            lines.append(Text(f"       … {row} the same", "dim"))
        elif row.same:
            lines.append(_line(" ", row.left, "dim"))
        else:
            lines += [_line("-", row.left, "green")] if row.left else []
            lines += [_line("+", row.right, "red")] if row.right else []
    return Group(*lines)


def _line(sign: str, line: Line | None, style: str) -> Text:
    assert line is not None
    place = "" if line.off is None else str(line.off)
    return Text(f"{sign} {place:>4} {line.words}", style)
