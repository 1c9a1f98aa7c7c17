# SPDX-License-Identifier: ISC
"""What a trace file says about faults, as the values that the harness works with, and back.

A crash state that cannot be is refused here with a ValueError that says why and where; what only its run can
tell, such as a cut behind the last event, is told when it is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from powercut.fault import WINDOW, Cut, Damage, Failing, Fault, Tear
from powercut.geometry import Geometry
from powercut.wirefault import (
    WORD_MAX,
    CutField,
    DamageField,
    ExploreField,
    FailingField,
    FaultField,
    ModelField,
    TearField,
)


@dataclass(frozen=True, slots=True)
class ModelData:
    """A device model that is not built in, as a trace carries it: see ``struct pc_model``, units in bytes."""

    name: str
    prog_unit: int
    erase_unit: int
    prog_tears: tuple[str, ...]
    erase_tears: tuple[str, ...]
    reorders: bool
    overwrites: bool


@dataclass(frozen=True, slots=True)
class Explore:
    """Which crash states are looked at where a trace names none: what ``powercut run`` was asked for.

    ``nested``: by which kinds recovery is cut, where ``nested`` is among the kinds. ``reader``: the engine
    that reads each state as well; empty: none. ``resume``: for how many of its operations the run goes on
    after each recovery.
    """

    kinds: tuple[str, ...] = ("prefix",)
    nested: tuple[str, ...] = ()
    depth: int = 2
    samples: int = 0
    seed: int = 0
    reader: str = ""
    resume: int = 0


#: Every cut between two device events, and nothing else.
PREFIXES = Explore()

Model = str | ModelData
"""A built-in device model by its name, or one with its data."""


def model_name(model: Model) -> str:
    """What a device model is called."""
    return model if isinstance(model, str) else model.name


# --- writing ---------------------------------------------------------------------------------------------


def fault_fields(fault: Fault) -> dict[str, Any]:
    """The field ``fault`` of a trace file."""
    fields: dict[str, Any] = {"kind": fault.kind}
    if fault.model:
        fields["model"] = fault.model
    fields["cuts"] = [_cut_fields(cut) for cut in fault.cuts]
    if fault.damage is not None:
        one = fault.damage
        numbers = {name: getattr(one, name) for name in ("block", "off", "size", "value", "event")}
        fields["damage"] = {"kind": one.kind} | {name: value for name, value in numbers.items() if value}
    return fields


def _cut_fields(cut: Cut) -> dict[str, Any]:
    fields: dict[str, Any] = {"at": cut.at}
    if cut.lost:
        fields["lost"] = list(cut.lost)
    if cut.tear is not None:
        tear = cut.tear
        fields["torn"] = {"kind": tear.kind, "unit": tear.unit}
        fields["torn"] |= {name: getattr(tear, name) for name in ("a", "b", "back") if getattr(tear, name)}
    return fields


def failing_fields(failing: Failing) -> dict[str, Any]:
    """The field ``failing``."""
    return {"kind": failing.kind, "at": failing.at, "done": failing.done}


def explore_fields(explore: Explore) -> dict[str, Any]:
    """The field ``explore``."""
    fields: dict[str, Any] = {"kinds": list(explore.kinds)}
    if explore.nested:
        fields["nested"] = list(explore.nested)
    fields |= {
        "depth": explore.depth,
        "samples": explore.samples,
        "seed": explore.seed,
        "reader": explore.reader,
    }
    if explore.resume:
        fields["resume"] = explore.resume
    return fields


def model_fields(model: Model) -> Any:
    """One of the field ``models``."""
    if isinstance(model, str):
        return model
    tears = {"prog_tears": list(model.prog_tears), "erase_tears": list(model.erase_tears)}
    units = {"prog_unit": model.prog_unit, "erase_unit": model.erase_unit}
    return {
        "name": model.name,
        **units,
        **tears,
        "reorders": model.reorders,
        "overwrites": model.overwrites,
    }


# --- reading ---------------------------------------------------------------------------------------------


def failing_of(field: FailingField) -> Failing:
    """The failing call."""
    return Failing(field.kind, field.at, field.done)


def explore_of(field: ExploreField) -> Explore:
    """What is explored. Raises ValueError."""
    _word(field.seed, "$.explore.seed")
    for name, kinds in (("kinds", field.kinds), ("nested", field.nested)):
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"a kind is there twice - at `$.explore.{name}`")
    return Explore(
        tuple(field.kinds),
        tuple(field.nested),
        field.depth,
        field.samples,
        field.seed,
        field.reader,
        field.resume,
    )


def models_of(fields: Sequence[str | ModelField]) -> tuple[Model, ...]:
    """The device models. Raises ValueError."""
    models = tuple(field if isinstance(field, str) else _model(field) for field in fields)
    names = [model_name(model) for model in models]
    if len(set(names)) != len(names) or "" in names:
        raise ValueError("two device models of one name, or one without any - at `$.models`")
    return models


def _model(field: ModelField) -> ModelData:
    return ModelData(
        field.name,
        field.prog_unit,
        field.erase_unit,
        tuple(field.prog_tears),
        tuple(field.erase_tears),
        field.reorders,
        field.overwrites,
    )


def fault_of(field: FaultField) -> Fault:
    """The crash state. Raises ValueError where there can be none like it."""
    cuts = tuple(_cut(cut, f"$.fault.cuts[{number}]") for number, cut in enumerate(field.cuts))
    damage = None if field.damage is UNSET else _damage(field.damage)
    fault = Fault(field.kind, cuts, damage, field.model)
    problem = fault_problem(fault)
    if problem is not None:
        raise ValueError(f"{problem} - at `$.fault`")
    return fault


def _damage(field: DamageField | Any) -> Damage:
    return Damage(field.kind, field.block, field.off, field.size, field.value, field.event)


def demand_inside(damage: Damage, geometry: Geometry) -> None:
    """Raises ValueError where there is no such place on a device."""
    outside = damage.block >= geometry.block_count or damage.off + damage.size > geometry.block_size
    if outside or (damage.kind == "flip" and damage.off >= geometry.block_size):
        raise ValueError(f"the damage is outside the {geometry.block_count} blocks - at `$.fault.damage`")
    if damage.kind == "flip" and damage.value > 7:
        raise ValueError(f"a byte has no bit {damage.value} - at `$.fault.damage.value`")


def _cut(field: CutField, path: str) -> Cut:
    lost = () if field.lost is UNSET else tuple(field.lost)
    if list(lost) != sorted(set(lost)) or any(not field.at - WINDOW <= one < field.at for one in lost):
        raise ValueError(
            f"lost events are given in order, each once, and are among the {WINDOW} before the cut - "
            f"at `{path}.lost`"
        )
    if not isinstance(field.torn, TearField):
        return Cut(field.at, lost)
    torn = field.torn
    _word(torn.b, f"{path}.torn.b")
    if torn.back > field.at:
        raise ValueError(f"the torn event is before the first - at `{path}.torn.back`")
    if torn.back and field.at - torn.back in lost:
        raise ValueError(f"an event is both lost and torn - at `{path}`")
    return Cut(field.at, lost, Tear(torn.kind, torn.unit, torn.a, torn.b, torn.back))


def _word(number: int, path: str) -> None:
    if number > WORD_MAX:
        raise ValueError(f"a number of more than 64 bits - at `{path}`")


def fault_problem(fault: Fault) -> str | None:
    """Why there is no crash state like this, whatever the run; None: there may be."""
    if fault.kind != "full" and (len(fault.cuts) > 1) != (fault.kind == "nested"):
        return "one power cut, or with the kind nested two or more; full may have more than one as well"
    if (fault.damage is not None) != (fault.kind == "damage"):
        return "damage belongs to the kind damage, and only to that"
    first = fault.cuts[0]
    whole = not first.lost and first.tear is None
    if fault.kind in ("prefix", "damage", "full") and not whole:
        return f"nothing is lost or torn in a state of the kind {fault.kind}"
    if fault.kind == "torn" and (first.lost or first.tear is None or first.tear.back):
        return "in a state of the kind torn the event that was under way is torn, and none is lost"
    if fault.kind == "reorder" and (whole or (first.tear is not None and not first.tear.back)):
        return "in a state of the kind reorder an event before the cut is lost or torn"
    return None
