# SPDX-License-Identifier: ISC
"""The manifest of a golden set, `golden.json`, and the set on disk; docs/formats.md describes it.

A set is a folder with the manifest and one `NAME.img.xz` for each image. Entries are listed once, and what an
image holds is a list of their numbers: most images of a set hold nearly the same.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from powercut import atomic, moments
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.jsonfields import demand_distinct
from powercut.ops import key_bytes, key_text
from powercut.trace import EngineOptions
from powercut.wire import EngineField, GeometryField, Header, Key, OptionsField, Sha256
from powercut.wirefault import Natural
from powercut_models import Row

FORMAT: Final = "powercut-golden"
VERSION: Final = 1
MANIFEST: Final = "golden.json"
SUFFIX: Final = ".img.xz"

_XZ: Final = lzma.PRESET_EXTREME | 9
Number = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,99}$")]


class _Strict(Struct, forbid_unknown_fields=True):
    """Refuses what it does not know."""


class EntryField(_Strict, omit_defaults=True):
    """One entry of a store; size in bytes, time as days since 1970-01-01 and picoseconds into the day."""

    key: Key
    kind: Annotated[str, Meta(pattern="^(value|dictionary)$")]
    size: Natural | None = None
    sha256: Sha256 | None = None
    time: tuple[Natural, Natural] | None = None


class MadeField(_Strict):
    """Where an image comes from. kind: `clean` (all operations done), `cut` (after `state` of `events` device
    events), `torn` (that, and the first half of the next one), `gap` (that, and the next one but for a unit
    in its middle); words: the same for people."""

    workload: str
    kind: Annotated[str, Meta(pattern="^(clean|cut|torn|gap)$")]
    state: Natural
    events: Natural
    words: str


class ImageField(_Strict):
    """One image. options: what the engine was told when it was recorded; holds: what it showed then, a number
    of `contents`; allowed: what else it might rightly show; covers: what this image adds to the set."""

    name: Name
    sha256: Sha256
    geometry: GeometryField
    options: OptionsField
    made: MadeField
    holds: Number
    allowed: list[Number]
    covers: list[str]


class GoldenField(_Strict):
    """The whole manifest. contents: stores, each the numbers of its `entries`; absent: structures of the
    format that no image of the set has (None: the images are not of the littlefs format)."""

    format: Annotated[str, Meta(pattern=f"^{FORMAT}$")]
    version: Annotated[int, Meta(ge=1, le=VERSION)]
    engine: EngineField
    note: str
    absent: list[str] | None
    images: list[ImageField]
    contents: list[list[Number]]
    entries: list[EntryField]


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a manifest."""
    made = msgspec.json.schema(GoldenField)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "powercut golden set", **made}


# --- what a store holds --------------------------------------------------------------------------------

Fact = tuple[str, str, int | None, str | None, tuple[int, int] | None]
"""key as text, kind, size in bytes, SHA-256, time."""

Holding = tuple[Fact, ...]
"""A whole store, sorted."""


def holding(rows: Iterable[Row], *, timestamps: bool = True) -> Holding:
    """What rows come to; without times where there are no timestamps."""
    facts: list[Fact] = []
    for row in rows:
        size = digest = None
        if row.data is not None:
            size, digest = len(row.data), hashlib.sha256(row.data).hexdigest()
        facts.append((key_text(row.key), row.kind, size, digest, row.time if timestamps else None))
    return tuple(sorted(facts, key=lambda fact: fact[0]))


def without_times(facts: Holding) -> Holding:
    """The same store as an engine without timestamps shows it."""
    return tuple((*fact[:4], None) for fact in facts)


# --- the set on disk -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """A set that was read. images: by name, not unpacked yet."""

    folder: Path
    manifest: GoldenField

    def holding(self, number: int) -> Holding:
        """One of the stores of the manifest."""
        entries = self.manifest.entries
        return tuple(
            (entry.key, entry.kind, entry.size, entry.sha256, entry.time)
            for entry in (entries[index] for index in self.manifest.contents[number])
        )

    def image(self, field: ImageField) -> bytes:
        """The bytes of an image. Raises PowercutError: no such file, not as it was recorded."""
        path = self.folder / f"{field.name}{SUFFIX}"
        size = geometry_of(field).size
        try:
            with path.open("rb") as file:
                data = lzma.LZMADecompressor(memlimit=1 << 30).decompress(file.read(), max_length=size + 1)
        except OSError as error:
            raise PowercutError(f"Cannot read {path}: {atomic.reason(error)}; restore it.") from error
        except (lzma.LZMAError, EOFError) as error:
            raise PowercutError(f"{path} cannot be unpacked ({error}); restore it.") from error
        if hashlib.sha256(data).hexdigest() != field.sha256:
            raise PowercutError(
                f"{path} is not the image that was recorded: its SHA-256 differs; restore it."
            )
        return data


def geometry_of(field: ImageField) -> Geometry:
    """The device of an image."""
    return Geometry(**msgspec.structs.asdict(field.geometry))


def options_of(field: ImageField) -> EngineOptions:
    """What the engine was told when the image was recorded."""
    return EngineOptions(**msgspec.structs.asdict(field.options))


def load(folder: Path) -> GoldenSet:
    """The set in a folder. Raises PowercutError: none there, another format, damaged."""
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PowercutError(
            f"{folder} is no golden set: {path} cannot be read ({atomic.reason(error)})."
        ) from error
    try:
        header = msgspec.json.decode(text, type=Header)
        if header.format == FORMAT and header.version > VERSION:
            raise PowercutError(
                f"The golden set {folder} is of format version {header.version}, and this powercut reads up "
                f"to {VERSION}: a newer powercut is needed."
            )
        found = GoldenSet(folder, msgspec.json.decode(text, type=GoldenField))
        demand_distinct(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise PowercutError(f"The golden set {folder} is damaged: {error}; see docs/formats.md.") from error
    _check(found)
    return found


def _check(found: GoldenSet) -> None:
    """Raises PowercutError where the parts of a manifest do not fit each other."""
    manifest = found.manifest
    problem = ""
    if any(number >= len(manifest.entries) for store in manifest.contents for number in store):
        problem = "a store names an entry that is not there"
    problem = next(filter(None, map(_entry_problem, manifest.entries)), problem)
    names = [field.name for field in manifest.images]
    if len(set(names)) != len(names):
        problem = "two of its images have one name"
    for field in manifest.images:
        if max(field.holds, *field.allowed, 0) >= len(manifest.contents):
            problem = f"the image {field.name} names a store that is not there"
        problem = problem or geometry_of(field).problem() or ""
    if problem:
        raise PowercutError(f"The golden set {found.folder} is damaged: {problem}; restore {MANIFEST}.")


def _entry_problem(entry: EntryField) -> str:
    """Why no store can have this entry; empty: it may."""
    try:
        same = key_text(key_bytes(entry.key)) == entry.key
    except ValueError as error:
        return str(error)
    if not same:
        return f"the key {entry.key!r} is not spelt as keys are"
    if entry.time is not None and entry.time[1] >= moments.DAY_PS:
        return f"the time of {entry.key} has {entry.time[1]} picoseconds into the day"
    whole = entry.kind == "dictionary" or (entry.size is not None and entry.sha256 is not None)
    return "" if whole else f"the value {entry.key} has no size or no SHA-256"


def save(folder: Path, manifest: GoldenField, images: dict[str, bytes]) -> int:
    """Writes a set into a folder, all of it or nothing, the manifest last; how many bytes its files have.

    Images that the folder's earlier manifest names, and this one does not, go. Raises PowercutError.
    """
    packed = {f"{name}{SUFFIX}": lzma.compress(data, preset=_XZ) for name, data in images.items()}
    packed[MANIFEST] = dumps(manifest).encode()
    before = [f"{field.name}{SUFFIX}" for field in load(folder).manifest.images] if _there(folder) else []
    try:
        changed = {name: data for name, data in packed.items() if not _holds(folder / name, data)}
        atomic.write_all(folder, changed)
        for name in set(before) - set(packed):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise PowercutError(f"Cannot write the golden set {folder}: {atomic.reason(error)}.") from error
    return sum(map(len, packed.values()))


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file has these bytes already."""
    return path.is_file() and path.read_bytes() == data


def demand_same_build(folder: Path, name: str, version: str) -> None:
    """No set of another build is in the folder, which would be lost. Raises PowercutError."""
    if not _there(folder):
        return
    kept = load(folder).manifest.engine
    if (kept.name, kept.version) != (name, version):
        raise PowercutError(
            f"{folder} holds what {kept.name} {kept.version} wrote, which {name} {version} is to be held "
            "against; name another folder, or say --force to replace it."
        )


def _there(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


def dumps(manifest: GoldenField) -> str:
    """The manifest as text, an image, a store or an entry to a line."""
    fields = msgspec.to_builtins(manifest)
    parts = []
    for name, value in fields.items():
        if name in ("images", "contents", "entries") and value:
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            parts.append(f' "{name}": [\n{rows}\n ]')
        else:
            parts.append(f' "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
