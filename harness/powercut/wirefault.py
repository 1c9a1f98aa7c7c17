# SPDX-License-Identifier: ISC
"""The JSON of what a trace says about faults: crash state, device models, failing call, what is explored."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from powercut.fault import CUTS_MAX, DAMAGES, KINDS, RESUME_MAX, TEARS, WINDOW

#: The largest number of 64 bits, as in ``struct pc_cut``.
WORD_MAX = 2**64 - 1


def one_of(names: tuple[str, ...]) -> Meta:
    """A text that is one of these."""
    return Meta(pattern=f"^({'|'.join(names)})$")


#: What ``enum pc_tear_rule`` has, from bit 0.
RULES = ("bytes", "first", "units", "half", "bits", "zero", "garbage")
#: What ``enum pc_fail`` has, from 1.
FAILINGS = ("read", "prog", "erase", "sync", "prog_bad", "erase_bad")
#: The kinds by which a recovery may be cut.
NESTED = ("prefix", "torn", "reorder")

Natural = Annotated[int, Meta(ge=0, le=2**63 - 1)]
#: A number of 64 bits; its upper bound is looked at by hand, since msgspec's bounds end at 63.
Word = Annotated[int, Meta(ge=0)]
Small = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Strict(Struct, forbid_unknown_fields=True):
    """Refuses what it does not know."""


class ModelField(Strict):
    """A device model that is not built in; units in bytes, 0 for the device's prog size, or block size."""

    name: Name
    prog_unit: Small
    erase_unit: Small
    prog_tears: list[Annotated[str, one_of(RULES)]]
    erase_tears: list[Annotated[str, one_of(RULES)]]
    reorders: bool
    overwrites: bool


class FailingField(Strict):
    """A device call that fails once while the run is recorded: the ``at``-th of its kind, from 0."""

    kind: Annotated[str, one_of(FAILINGS)]
    at: Natural
    done: bool = False


class ExploreField(Strict):
    """What is explored where there is no fault, or where the engine survives the one that there is."""

    kinds: Annotated[list[Annotated[str, one_of(KINDS)]], Meta(min_length=1)]
    nested: list[Annotated[str, one_of(NESTED)]] = msgspec.field(default_factory=list)
    depth: Annotated[int, Meta(ge=2, le=CUTS_MAX)] = 2
    samples: Small = 0
    seed: Word = 0
    reader: Annotated[str, Meta(max_length=200)] = ""
    resume: Annotated[int, Meta(ge=0, le=RESUME_MAX)] = 0


class TearField(Strict):
    """How one prog or erase arrived in part; see docs/faults.md."""

    kind: Annotated[str, one_of(TEARS)]
    unit: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    a: Small = 0
    b: Word = 0
    back: Annotated[int, Meta(ge=0, le=WINDOW)] = 0


class CutField(Strict):
    """A power cut after ``at`` device events; ``lost``: numbers of those that did not arrive, ascending."""

    at: Natural
    lost: Annotated[list[Natural], Meta(max_length=WINDOW)] | UnsetType = UNSET
    torn: TearField | UnsetType = UNSET


class DamageField(Strict):
    """What is wrong with a device that was closed cleanly; ``off`` and ``size`` in bytes."""

    kind: Annotated[str, one_of(DAMAGES)]
    block: Small = 0
    off: Small = 0
    size: Small = 0
    value: Small = 0
    event: Natural = 0


class FaultField(Strict):
    """The crash state to replay: power cuts, one after the other, or damage; ``model``: which allows it."""

    kind: Annotated[str, one_of(KINDS)]
    cuts: Annotated[list[CutField], Meta(min_length=1, max_length=CUTS_MAX)]
    model: Annotated[str, Meta(max_length=200)] = ""
    damage: DamageField | UnsetType = UNSET
