# SPDX-License-Identifier: ISC
"""Version 1 of the trace format: what it had otherwise than today. Files of it are read forever."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from powercut import wire
from powercut.wirefault import CutField, ExploreField, FaultField, Natural, Strict


class FaultField1(Strict):
    """A power cut after the first ``state`` device events: there was no other kind."""

    kind: Annotated[str, Meta(pattern="^prefix$")]
    state: Natural


class ExpectField1(Strict):
    """The verdict: ``held``, or ``violation`` with its kind, first crash state, and words."""

    verdict: Annotated[str, Meta(pattern="^(held|violation)$")]
    kind: str | UnsetType = UNSET
    state: Natural | UnsetType = UNSET
    words: str | UnsetType = UNSET


class TraceField1(Strict):
    """A whole trace file of version 1."""

    format: Annotated[str, Meta(pattern=f"^{wire.FORMAT}$")]
    version: Annotated[int, Meta(ge=1, le=1)]
    engine: wire.EngineField
    geometry: wire.GeometryField
    operations: Annotated[list[wire.Operation], Meta(max_length=1_000_000)]
    expect: ExpectField1
    note: str = ""
    image: wire.ImageField | None = None
    fault: FaultField1 | None = None


def upgraded(field: TraceField1) -> wire.TraceField:
    """The same trace as today's format has it: the only kind of crash state was ``prefix``."""
    expect = field.expect
    cuts = None if field.fault is None else [CutField(field.fault.state)]
    return wire.TraceField(
        format=field.format,
        version=wire.VERSION,
        engine=field.engine,
        geometry=field.geometry,
        operations=field.operations,
        explore=ExploreField(["prefix"]),
        expect=wire.ExpectField(expect.verdict, expect.kind, state=expect.state, words=expect.words),
        note=field.note,
        image=field.image,
        fault=None if cuts is None else FaultField("prefix", cuts),
    )
