# SPDX-License-Identifier: ISC
"""The images that were not read as they should be, as a golden set for `powercut golden check`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from powercut.compat.cells import Example
from powercut.golden.manifest import (
    FORMAT,
    VERSION,
    EntryField,
    Fact,
    GoldenField,
    Holding,
    ImageField,
    MadeField,
    save,
)
from powercut.wire import EngineField, GeometryField, OptionsField


def save_examples(folder: Path, examples: Iterable[Example], engine: EngineField) -> list[str]:
    """Writes the examples into a folder; the images' names. Raises PowercutError."""
    entries: dict[Fact, int] = {}
    contents: dict[Holding, int] = {}
    images: dict[str, bytes] = {}
    fields: list[ImageField] = []
    for example in examples:
        for store in example.expected:
            for fact in store:
                entries.setdefault(fact, len(entries))
            contents.setdefault(store, len(contents))
        name = _name(example)
        images[name] = example.image
        fields.append(_field(name, example, contents))
    save(
        folder,
        GoldenField(
            format=FORMAT,
            version=VERSION,
            engine=engine,
            note="Images that powercut compat saw refused, misread or ending an engine.",
            absent=None,
            images=fields,
            contents=[[entries[fact] for fact in store] for store in contents],
            entries=[EntryField(*fact) for fact in entries],
        ),
        images,
    )
    return list(images)


def _name(example: Example) -> str:
    cell = example.cell
    code = f"-{example.code.lower().replace('_', '-')}" if example.code else ""
    return f"{cell.writer}-{cell.state}-read-by-{cell.reader}-{example.outcome}{code}"


def _field(name: str, example: Example, contents: dict[Holding, int]) -> ImageField:
    first, *others = example.expected
    return ImageField(
        name=name,
        sha256=hashlib.sha256(example.image).hexdigest(),
        geometry=GeometryField(**asdict(example.geometry)),
        options=OptionsField(**asdict(example.options)),
        made=MadeField(
            example.workload,
            "clean" if example.clean else "cut",
            example.number,
            example.events,
            example.words,
        ),
        holds=contents[first],
        allowed=sorted(contents[store] for store in others),
        covers=[f"{example.cell.title}: {example.outcome}{' ' + example.code if example.code else ''}"],
    )
