# SPDX-License-Identifier: ISC
"""A story as one page of HTML that stands by itself: no network, no other file, the same bytes every time."""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from powercut import __version__
from powercut.counts import how_many
from powercut.ops import key_text
from powercut.report import owners, words
from powercut.report.decode import Line, block_lines, folded
from powercut.report.film import Film, Frame
from powercut.report.story import Snapshot, Story
from powercut.tracewords import failing_words
from powercut_models.history import DIFFERENCE

TEMPLATES: Final = Path(__file__).parent / "templates"

#: Bytes of all blocks' contents together that a page carries; past them it shows lines and no bytes.
BYTES_MAX: Final = 24 << 20

#: The mark of each kind of owner in a map, for those who see no colour.
MARKS: Final = {
    "root": "R", "pair": "D", "value": "V", "orphan": "O", "now": "N", "earlier": "E", "filled": "F",
    "kept": "K", "stale": "·", "free": "",
}  # fmt: skip


def explain_page(story: Story, name: str) -> str:
    """The page; ``name`` is what the trace is called in commands."""
    film = story.film
    cells = [] if film is None else shown_blocks(film)
    return render(
        "explain.html",
        story=story,
        name=name,
        title=words.headline(story),
        narrative=words.narrative(story),
        failing_words=failing_words,
        moment=words.moment(story),
        bolt=bolt(story),
        sql=DIFFERENCE.strip(),
        rows=_rows(story),
        glossary=words.GLOSSARY,
        legend=_legend(story),
        marks=MARKS,
        cells=cells,
        blocks=sum(1 for first, last in cells if first == last),
        maps=[one for one in story.snapshots if one.name != "expected"],
        data="" if film is None else as_script(_data(story, film, cells)),
        sides={one.name: one for one in story.snapshots},
        fold=lambda rows: folded(rows, 6),
    )


def bolt(story: Story) -> str:
    """The mark of the moment that it is all about: a bolt where the power goes."""
    return "⚡" if words.moment(story) == "Power cut" else "✗"


def render(template: str, **values: Any) -> str:
    """A page out of a template; style and script are put inside."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["key"] = key_text
    environment.globals["inline"] = lambda file: Markup((TEMPLATES / file).read_text(encoding="utf-8"))
    environment.filters["quote"] = shlex.quote
    environment.globals["count"] = how_many
    environment.globals["version"] = __version__
    return environment.get_template(template).render(**values)


def as_script(value: object) -> Markup:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def shown_blocks(film: Film) -> list[tuple[int, int]]:
    """The blocks of the map in order, each as (block, block); what no event is about and is never more than
    free and erased as runs (first, last)."""
    busy = {block for frame in film.frames for block, owner in frame.owners.items() if owner.kind != "free"}
    busy |= {frame.block for frame in film.frames if frame.block is not None}
    cells: list[tuple[int, int]] = []
    for block in range(film.geometry.block_count):
        if block in busy or not cells or cells[-1][1] in busy:
            cells.append((block, block))
        else:
            cells[-1] = (cells[-1][0], block)
    return cells


def _rows(story: Story) -> list[dict[str, Any]]:
    if story.contents is None:
        return []
    return [
        {
            "key": words.short_text(key_text(row.key)),
            "whole": key_text(row.key),
            "expected": row.expected,
            "found": row.found,
            "disk": row.disk,
        }
        for row in story.contents.rows
    ]


def _legend(story: Story) -> list[tuple[str, str]]:
    """The kinds of owner that the film shows."""
    if story.film is None:
        return []
    kinds = {owner.kind for frame in story.film.frames for owner in frame.owners.values()}
    return [(kind, text) for kind, text in owners.KINDS.items() if kind in kinds]


# --- what the script gets ------------------------------------------------------------------------------


class _Numbered:
    """Values by number, each once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[Any, int] = {}

    def __call__(self, value: Any) -> int:
        if value not in self._known:
            self._known[value] = len(self.values)
            self.values.append(value)
        return self._known[value]


def _data(story: Story, film: Film, cells: list[tuple[int, int]]) -> dict[str, Any]:
    """The film for the script: frames with what changes, owners, versions of blocks as lists of lines."""
    people, texts = _Numbered(), _Numbered()
    pairs = _pair_versions(film)
    shown = {first for first, last in cells if first == last}
    versions = [
        [_line(line, texts) for line in block_lines(0, data, pair=index in pairs)]
        for index, data in enumerate(film.versions)
    ]
    size = len(film.versions) * film.geometry.block_size
    packed = zlib.compress(b"".join(film.versions), 9) if size <= BYTES_MAX else b""
    return {
        "frames": [_frame(frame, people, shown) for frame in film.frames],
        "owners": [[one.kind, one.words, one.speaks] for one in people.values],
        "versions": versions,
        "texts": texts.values,
        "bytes": base64.b64encode(packed).decode(),
        "size": film.geometry.block_size,
        "cut": film.cut_frame,
        "first": film.cuts[0],
        "moment": words.moment(story),
        "bolt": bolt(story),
        "behind": "full device" if story.full else "recovery",
        "fates": list(story.fates),
        "skipped": film.skipped,
        "total": len(story.events),
        "ops": [[step.words, step.events.start, step.events.stop] for step in story.steps],
        "events": [[event.kind, event.size] for event in story.events],
        "marks": MARKS,
        "maps": {one.name: one.frame for one in story.snapshots},
        "focus": [one.block for one in story.compared][:1],
    }


def _line(line: Line, texts: _Numbered) -> list[Any]:
    return [line.kind, line.off, texts(line.words)]


def _pair_versions(film: Film) -> set[int]:
    return {
        version
        for frame in film.frames
        for block, version in frame.blocks.items()
        if block in film.pair_blocks
    }


def _frame(frame: Frame, people: _Numbered, shown: set[int]) -> dict[str, Any]:
    """Only what is there; the script knows the rest."""
    fields: dict[str, Any] = {"p": frame.phase, "k": frame.kind, "n": frame.number, "w": frame.words}
    extra = {
        "op": frame.op,
        "f": None if frame.fate == "whole" else frame.fate,
        "b": frame.block,
        "z": [frame.off, frame.size] if frame.kind == "prog" else None,
        "pr": frame.problem or None,
    }
    fields |= {name: value for name, value in extra.items() if value is not None}
    fields["o"] = [[block, people(owner)] for block, owner in frame.owners.items() if block in shown]
    fields["v"] = [[block, version] for block, version in frame.blocks.items() if block in shown]
    return fields


def snapshot_marks(snapshot: Snapshot, cells: list[tuple[int, int]]) -> list[str]:
    """The kinds of owner of the shown blocks, for a small map."""
    return [snapshot.owners[first].kind for first, last in cells if first == last]
