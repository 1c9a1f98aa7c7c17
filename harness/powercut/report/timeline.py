# SPDX-License-Identifier: ISC
"""The time line of the terminal: each operation with its device events, then what the recoveries did.

Nothing of it is told by colour or style alone: it is read in files and by mail, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from powercut.report import words
from powercut.report.film import Film, Frame
from powercut.report.page import bolt
from powercut.report.story import Step, Story

#: Operations before the one at hand, and behind it, that are shown.
BEFORE, BEHIND = 8, 2

#: Events of one part of a recovery that are shown, at its start and at its end.
EVENTS = 12

_FATES = {"whole": "", "lost": "red strike", "torn": "red underline", "never": "dim"}
_SIGNS = {"lost": "✕", "torn": "½"}
_EVENTS = {"prog": "■", "erase": "□", "sync": "┃"}
_MOMENTS = {
    "Power cut": "the power goes", "Damage": "the damage", "Full device": "the device is full",
    "The mistake": "the mistake",
}  # fmt: skip
_STAGES = {
    "in the recovery": "",
    "in the mount": ": mount",
    "in the fresh set": ": a fresh set",
    "in the run that went on": ": the run that went on",
}


def time_line(story: Story) -> RenderableType:
    """The rows, and what the marks in them mean."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(ratio=3)
    table.add_column(no_wrap=True)
    table.add_column(ratio=4)
    _add_operations(table, story)
    if story.film is not None:
        for what, marks in _recoveries(story, story.film):
            table.add_row("", Text(what), "", marks)
    return Group(table, Text("  ".join(_legend(story)), "dim"))


def _legend(story: Story) -> Iterator[str]:
    yield "■ prog  □ erase  ┃ sync"
    if story.film is not None:
        what = _MOMENTS[words.moment(story)]
        never = "; what is behind it never happened" if "never" in story.fates else ""
        yield f"{bolt(story)} {what}{never}"
    fates = {*story.fates, *(frame.fate for frame in (story.film.frames if story.film else ()))}
    yield from (f"{sign} {fate}" for fate, sign in _SIGNS.items() if fate in fates)


# --- the operations --------------------------------------------------------------------------------------


def _add_operations(table: Table, story: Story) -> None:
    hand = next((step.index for step in story.steps if step.place == "at hand"), 0)
    first, last = max(hand - BEFORE, 0), hand + BEHIND + 1
    cut = story.cut_step
    if first:
        earlier = cut is not None and cut < first
        table.add_row("", Text(f"… {first} operations before", "dim"), "", _bolt(story) if earlier else "")
    for step in story.steps[first:last]:
        style = {"at hand": "bold", "after": "dim"}.get(step.place, "")
        marks = _marks(story, step, cut == step.index)
        marks.rstrip()  # a blank at its end, with the bolt that is two columns wide, would not be wrapped
        table.add_row(str(step.index), Text(step.words, style), Text(step.code, style), marks)
    if last < len(story.steps):
        table.add_row("", Text(f"… {len(story.steps) - last} operations behind", "dim"), "", "")
    if story.film is not None and cut is None:
        what = "behind the last of them" if story.steps else "no operations"
        table.add_row("", Text(what, "dim"), "", _bolt(story))


def _marks(story: Story, step: Step, cut: bool) -> Text:
    """Each event as its number and mark, and a sign where it did not arrive whole; the cut where it is."""
    text = Text()
    for number in step.events:
        if cut and number == story.at:
            text.append_text(_bolt(story)).append(" ")
        fate = story.fates[number]
        mark = f"{number + 1}{_EVENTS[story.events[number].kind]}{_SIGNS.get(fate, '')}"
        text.append(mark, _FATES[fate]).append(" ")
    if cut and story.at == step.events.stop:
        text.append_text(_bolt(story))
    return text


def _bolt(story: Story) -> Text:
    return Text(bolt(story), "bold red")


# --- the recoveries --------------------------------------------------------------------------------------


def _recoveries(story: Story, film: Film) -> Iterator[tuple[str, Text]]:
    """What was done after each cut, part by part; and the next cut, where there is one."""
    ends = [*film.cuts[1:], len(film.frames)]
    for number, (cut, end) in enumerate(zip(film.cuts, ends, strict=True), 1):
        again = end < len(film.frames)
        frames = film.frames[cut + 1 : end]
        name = "recovery" if len(film.cuts) == 1 else f"recovery after cut {number}"
        parts = [(stage, list(part)) for stage, part in itertools.groupby(frames, lambda one: one.stage)]
        for index, (stage, part) in enumerate(parts or [("in the recovery", [])] * again):
            marks = _recovery_marks(part)
            if again and index == max(len(parts) - 1, 0):
                marks.append_text(_next_cut(story, number))
            yield name + _STAGES[stage] if stage in _STAGES else stage, marks


def _recovery_marks(frames: Sequence[Frame]) -> Text:
    text = Text()
    left_out = len(frames) - 2 * EVENTS
    for index, frame in enumerate(frames):
        if left_out > 0 and EVENTS <= index < EVENTS + left_out:
            text.append(f"… {left_out} more … " if index == EVENTS else "", "dim")
            continue
        mark = f"{frame.number}{_EVENTS[frame.kind]}{_SIGNS.get(frame.fate, '')}"
        text.append(mark, _FATES[frame.fate]).append(" ")
    return text


def _next_cut(story: Story, number: int) -> Text:
    """The cut of a recovery, and the event that was under way and arrived in part."""
    text = Text("⚡", "bold red")
    cut = story.fault.cuts[number] if story.fault is not None else None
    if cut is not None and cut.tear is not None and not cut.tear.back:
        text.append(f" {cut.at + 1}{_SIGNS['torn']}", _FATES["torn"])
    return text
