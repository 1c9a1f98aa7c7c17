# SPDX-License-Identifier: ISC
"""What an engine says it survives, and which crash states are within that.

Whole writes in order, and a full device, every engine survives by contract. Device models, damage and writes
that silently do nothing only those that say so: what others fail there is told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields

from powercut.devices import BUILTIN, DeviceModel
from powercut.fault import Fault
from powercut.geometry import Geometry
from powercut.trace import EngineOptions

#: Claims about damage, of which one is enough. ``damage``: what can be read of a damaged store is as it was;
#: ``damage-past``: each entry shown was once there.
DAMAGE = frozenset({"damage", "damage-past"})

#: The claim that writes that do nothing are noticed.
SILENT = frozenset({"silent"})

_SILENT = frozenset({"prog_nothing", "erase_nothing"})


def parse_claims(text: str) -> tuple[tuple[str, str], ...]:
    """(claim, engine option that it needs, or empty) for each word of ``pc_engine.claims``."""
    parts = (word.partition("?") for word in text.split())
    return tuple((name, option) for name, _, option in parts)


def unknown_claims(
    engine: str, claims: Iterable[tuple[str, str]], models: Collection[str], file_option: str = "--models"
) -> list[str]:
    """A sentence for each claim of an engine that means nothing. ``models``: names of device models;
    ``file_option``: the one that names a file with more."""
    known = [*models, *sorted(DAMAGE | SILENT)]
    options = [one.name for one in fields(EngineOptions)]
    made = []
    for name, option in claims:
        if name not in known:
            made.append(
                f"{engine} claims to survive {name!r}, which means nothing here: claims are "
                f"{', '.join(known)}; a device model of your own is there with {file_option}."
            )
        if option and option not in options:
            made.append(
                f"{engine} claims {name!r} with the option {option!r}, which there is not: options are "
                f"{', '.join(options)}."
            )
    return made


def active(claims: Iterable[tuple[str, str]], options: EngineOptions) -> frozenset[str]:
    """The claims that hold for stores with these options."""
    return frozenset(name for name, option in claims if not option or getattr(options, option, False))


def is_claimed(fault: Fault, claims: frozenset[str]) -> bool:
    """Whether the engine claims to survive the crash state."""
    if fault.damage is not None:
        need = SILENT if fault.damage.kind in _SILENT else DAMAGE
        return bool(need & claims)
    return not fault.model or fault.model in claims


def may_not_die(fault: Fault, claims: frozenset[str]) -> bool:
    """Whether the engine may neither crash nor hang on the crash state: on damage none may."""
    return fault.damage is not None or is_claimed(fault, claims)


def claimed_models(claims: frozenset[str], geometry: Geometry) -> tuple[DeviceModel, ...]:
    """The built-in models that are claimed and that there are of this geometry."""
    return tuple(one for one in BUILTIN.values() if one.name in claims and not one.misfit(geometry))
