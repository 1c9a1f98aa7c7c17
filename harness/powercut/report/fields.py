# SPDX-License-Identifier: ISC
"""A story as one structure for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from powercut.faultfile import fault_fields
from powercut.ops import key_text
from powercut.report import words
from powercut.report.story import Compared, Snapshot, Story


def story_fields(story: Story) -> dict[str, Any]:
    """``verdict``, ``kind``, ``words``, ``why`` and what ``needs`` there are, ``story`` (what happened, in
    order), ``fault``, ``operations`` with the numbers of their device events (from 1), ``events``, ``keys``
    that differ, ``maps`` (block: owner) and ``blocks`` line by line; what is not known is null or empty."""
    violation, cause, contents = story.violation, story.cause, story.contents
    return {
        "verdict": "held" if violation is None else "violation",
        "kind": None if violation is None else violation.kind,
        "engine": story.engine,
        "words": None if cause is None else cause.what,
        "why": None if cause is None else cause.sentence or None,
        "needs": [] if cause is None else list(cause.needs),
        "where": None if cause is None else cause.where or None,
        "story": [{"title": title, "words": text} for title, text in words.narrative(story)],
        "fault": None if story.fault is None else fault_fields(story.fault),
        "operations": [
            {
                "words": step.words,
                "code": step.code,
                "place": step.place,
                "events": [number + 1 for number in step.events],
            }
            for step in story.steps
        ],
        "events": [asdict(event) for event in story.events],
        "keys": [asdict(row) | {"key": key_text(row.key)} for row in (contents.rows if contents else ())],
        "keys_alike": contents.alike if contents else None,
        "maps": {one.name: _map(one) for one in story.snapshots},
        "compared": [story.left, story.right],
        "blocks": [_block(one) for one in story.compared],
    }


def _map(snapshot: Snapshot) -> dict[str, Any]:
    owners = {str(block): owner.words for block, owner in snapshot.owners.items() if owner.kind != "free"}
    return {"title": snapshot.title, "problem": snapshot.problem or None, "owners": owners}


def _block(one: Compared) -> dict[str, Any]:
    lines = []
    for row in one.rows:
        if row.same and row.left is not None:
            lines.append({"side": "both"} | asdict(row.left))
        else:
            lines += [{"side": "left"} | asdict(row.left)] if row.left else []
            lines += [{"side": "right"} | asdict(row.right)] if row.right else []
    return {"block": one.block, "left": one.left.words, "right": one.right.words, "lines": lines}
