# SPDX-License-Identifier: ISC
"""The JSON of a trace file, field by field: what ``trace.py`` reads and writes, and its published schema.

Every struct refuses unknown fields and wrong types, so that a typing error in a trace is told, not ignored.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from powercut.fault import VIOLATIONS
from powercut.wirefault import (
    WORD_MAX,
    ExploreField,
    FailingField,
    FaultField,
    ModelField,
    Natural,
    Strict,
    one_of,
)

FORMAT = "powercut-trace"
VERSION = 2

#: The largest value, in bytes, that an operation of a trace may hold or make.
VALUE_MAX = 1 << 28
#: The most bytes that all values of a trace may hold together.
VALUES_MAX = 1 << 30

Seed = Annotated[int, Meta(ge=0, le=2**63 - 1, description="the value's bytes: SHAKE-128 of powercut:SEED")]
Size = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Length = Annotated[int, Meta(ge=0, le=VALUE_MAX)]
Key = Annotated[
    str, Meta(description="segments with / between them; % and what is not printable UTF-8 as %XX")
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Bytes(Strict):
    """A value that is no short text: ``hex``, or ``zlib`` (base64), or ``seed`` and ``length``."""

    hex: Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")] | UnsetType = UNSET
    zlib: str | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    length: Length | UnsetType = UNSET


Value = str | Bytes


class _Op(Strict, tag_field="op"):
    """One operation; the field ``op`` says which."""


class Exists(_Op, tag="exists"):
    """Is the key bound, and to what."""

    key: Key


class Get(_Op, tag="get"):
    """The whole value."""

    key: Key


class GetPartial(_Op, tag="get_partial"):
    """``length`` bytes of the value from ``off`` on."""

    key: Key
    off: Natural
    length: Natural


class List(_Op, tag="list"):
    """The direct entries of a dictionary."""

    key: Key


class SizeOf(_Op, tag="size"):
    """The value's size, or the dictionary's."""

    key: Key


class LastModified(_Op, tag="last_modified"):
    """The timestamp."""

    key: Key


class Digest(_Op, tag="digest"):
    """The SHA-256."""

    key: Key


class Set(_Op, tag="set"):
    """Binds the key to the value."""

    key: Key
    value: Value


class SetPartial(_Op, tag="set_partial"):
    """Writes into a value from ``off`` on."""

    key: Key
    off: Natural
    value: Value


class Allocate(_Op, tag="allocate"):
    """Makes a value of ``length`` zero bytes."""

    key: Key
    length: Length


class Remove(_Op, tag="remove"):
    """Removes a value or a whole dictionary."""

    key: Key


class Rename(_Op, tag="rename"):
    """Moves a value or a dictionary."""

    key: Key
    target: Key


class Sync(_Op, tag="sync"):
    """Makes lasting what was changed, on an engine that promises it only then."""


Operation = (
    Exists
    | Get
    | GetPartial
    | List
    | SizeOf
    | LastModified
    | Digest
    | Set
    | SetPartial
    | Allocate
    | Remove
    | Rename
    | Sync
)


class GeometryField(Strict):
    """The device; sizes in bytes. ``erase_value`` null: erase changes nothing."""

    read_size: Size
    prog_size: Size
    block_size: Size
    block_count: Size
    erase_value: Annotated[int, Meta(ge=0, le=255)] | None


class OptionsField(Strict):
    """What the engine is told at format and mount; 0 is its default for each."""

    name_max: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    disk_minor: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    value_checks: Annotated[int, Meta(ge=0, le=1)] = 0


class EngineField(Strict):
    """The engine that the trace was recorded on, and the build that the expected verdict is about."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    version: Annotated[str, Meta(max_length=200)]
    options: OptionsField = msgspec.field(default_factory=OptionsField)


class ImageField(Strict):
    """The device's first content: a file beside the trace, or inline, compressed with zlib and in base64."""

    sha256: Sha256
    file: str | UnsetType = UNSET
    zlib: str | UnsetType = UNSET


class ExpectField(Strict):
    """The verdict: ``held``, or ``violation`` with its kind and more about it; see traces/README.md."""

    verdict: Annotated[str, Meta(pattern="^(held|violation)$")]
    kind: Annotated[str, one_of(VIOLATIONS)] | UnsetType = UNSET
    code: str | UnsetType = UNSET
    claimed: bool | UnsetType = UNSET
    state: Natural | UnsetType = UNSET
    words: str | UnsetType = UNSET
    why: str | UnsetType = UNSET
    needs: list[str] | UnsetType = UNSET
    state_seconds: Annotated[float, Meta(gt=0)] | UnsetType = UNSET
    state_memory: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET


class TraceField(Strict):
    """A whole trace file."""

    format: Annotated[str, Meta(pattern=f"^{FORMAT}$")]
    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    engine: EngineField
    geometry: GeometryField
    operations: Annotated[list[Operation], Meta(max_length=1_000_000)]
    explore: ExploreField
    expect: ExpectField
    note: str = ""
    image: ImageField | None = None
    failing: FailingField | None = None
    models: Annotated[list[str | ModelField], Meta(max_length=64)] = msgspec.field(default_factory=list)
    fault: FaultField | None = None


class Header(Struct):
    """The two fields that every version of the format has."""

    format: str
    version: int


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a trace file, as published in traces/schema.json."""
    made = msgspec.json.schema(TraceField)
    one_of = [{"required": ["hex"]}, {"required": ["zlib"]}, {"required": ["seed", "length"]}]
    definitions = made["$defs"]
    definitions["Bytes"] = {
        "description": "A value's bytes: in hex, compressed with zlib and in base64, or made from a seed.",
        **{key: field for key, field in definitions["Bytes"].items() if key != "description"},
        "oneOf": one_of,
    }
    for name, field in (("ExploreField", "seed"), ("TearField", "b")):
        definitions[name]["properties"][field]["maximum"] = WORD_MAX
    definitions["ImageField"]["oneOf"] = [{"required": ["file"]}, {"required": ["zlib"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "powercut trace", **made}
