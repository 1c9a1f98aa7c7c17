# SPDX-License-Identifier: ISC
"""Device models as data: what a device may do when the power goes.

Built-in ones are in devices.toml, users' own in files of the same form.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.infile import read_whole

#: What a write that is cut off may leave behind, in the order of the bits of ``enum pc_tear_rule``.
RULES = ("bytes", "first", "units", "half", "bits", "zero", "garbage")

_Unit = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Rule = Literal["bytes", "first", "units", "half", "bits", "zero", "garbage"]


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One model. ``prog_unit``, ``erase_unit``: bytes that the device writes atomically; 0: its prog size, a
    block. ``*_tears``: names of RULES. ``reorders``: what was not synced may be lost in any part.
    ``overwrites``: bytes may be programmed again without an erase.

    ``prog_size_max``, ``erase_value`` and ``erases`` say on which geometries there is such a device: with at
    most that prog size, with exactly that erase value, with an erase that changes something.
    """

    name: str
    prog_unit: int = 0
    erase_unit: int = 0
    prog_tears: frozenset[str] = frozenset()
    erase_tears: frozenset[str] = frozenset()
    reorders: bool = False
    overwrites: bool = True
    prog_size_max: int | None = None
    erase_value: int | None = None
    erases: bool = False
    about: str = ""

    def misfit(self, geometry: Geometry) -> str:
        """Why there is no such device of this geometry, as the rest of a sentence; empty: there is."""
        if self.prog_size_max is not None and geometry.prog_size > self.prog_size_max:
            return f"programs at most {self.prog_size_max} bytes at once, not {geometry.prog_size}"
        if self.erase_value is not None and geometry.erase_value != self.erase_value:
            return f"erases to 0x{self.erase_value:02x}"
        if self.erases and geometry.erase_value is None:
            return "has an erase that changes something"
        return ""


class _ModelTable(msgspec.Struct, forbid_unknown_fields=True):
    """One ``[model.NAME]`` table."""

    prog_unit: _Unit | Literal["prog"] = "prog"
    erase_unit: _Unit | Literal["block"] = "block"
    prog_tears: list[_Rule] = []
    erase_tears: list[_Rule] = []
    reorders: bool = False
    overwrites: bool = True
    prog_size_max: _Unit | None = None
    erase_value: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    erases: bool = False
    about: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: dict[str, _ModelTable]


def _model(name: str, table: _ModelTable) -> DeviceModel:
    return DeviceModel(
        name=name,
        prog_unit=table.prog_unit if isinstance(table.prog_unit, int) else 0,
        erase_unit=table.erase_unit if isinstance(table.erase_unit, int) else 0,
        prog_tears=frozenset(table.prog_tears),
        erase_tears=frozenset(table.erase_tears),
        reorders=table.reorders,
        overwrites=table.overwrites,
        prog_size_max=table.prog_size_max,
        erase_value=table.erase_value,
        erases=table.erases,
        about=table.about,
    )


def parse(text: str, name: str) -> dict[str, DeviceModel]:
    """The models of a file's text; ``name`` is what messages call it. Raises PowercutError."""
    try:
        tables = msgspec.convert(tomllib.loads(text), _File).model
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise PowercutError(f"The device models in {name} are wrong: {error}; see docs/faults.md.") from error
    for model in tables:
        if not model or not all(char.isalnum() or char in "-_." for char in model):
            raise PowercutError(
                f"The device models in {name} are wrong: {model!r} is no name; use letters, digits, - and _."
            )
    return {model: _model(model, table) for model, table in tables.items()}


def load(path: Path) -> dict[str, DeviceModel]:
    """The models of a file. Raises PowercutError."""
    try:
        return parse(read_whole(path).decode("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise PowercutError(
            f"Cannot read the device models {path}: {reason}; name a TOML file, see docs/faults.md."
        ) from error


def _builtin() -> dict[str, DeviceModel]:
    text = (importlib.resources.files("powercut") / "devices.toml").read_text(encoding="utf-8")
    return parse(text, "devices.toml")


#: The built-in models by name, those that allow least first.
BUILTIN: Mapping[str, DeviceModel] = _builtin()


def known_models(path: Path | None) -> dict[str, DeviceModel]:
    """The built-in models and those of a file, where one is given. Raises PowercutError."""
    return dict(BUILTIN) if path is None else {**BUILTIN, **load(path)}


def named(names: Iterable[str], known: Mapping[str, DeviceModel] = BUILTIN) -> tuple[DeviceModel, ...]:
    """The models of these names, in that order. Raises PowercutError."""
    found = []
    for name in names:
        if name not in known:
            raise PowercutError(f"There is no device model {name!r}; there are {', '.join(known)}.")
        found.append(known[name])
    return tuple(found)
