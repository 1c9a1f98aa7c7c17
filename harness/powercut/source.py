# SPDX-License-Identifier: ISC
"""Where a campaign's traces come from: anything that makes trace number i, the same in every process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from powercut.devices import BUILTIN, RULES, DeviceModel
from powercut.faultfile import Explore, Model, ModelData
from powercut.generate import operations
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Held, Profile


class Source(Protocol):
    """Makes traces by number, from 0; small enough to be sent to another process."""

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""


@dataclass(frozen=True, slots=True)
class GeneratedSource:
    """Traces of ``count`` operations each out of a seed, going round the profiles."""

    seed: int
    count: int
    profiles: tuple[Profile, ...]
    engine: EngineRef

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        profile = self.profiles[index % len(self.profiles)]
        made = operations(profile, self.seed * 1_000_003 + index, self.count)
        note = f"generated: seed {self.seed}, trace {index}"
        return Trace(profile.geometry, tuple(made), self.engine, note=note)


@dataclass(frozen=True, slots=True)
class FixedSource:
    """The one trace."""

    only: Trace

    def trace(self, index: int) -> Trace:
        """The trace, whatever the number."""
        return self.only


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Generated traces that all start from one image."""

    seed: int
    count: int
    profile: Profile
    engine: EngineRef
    image: bytes
    held: Held = ()

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        made = operations(self.profile, self.seed * 1_000_003 + index, self.count, self.held)
        note = f"generated on an image: seed {self.seed}, trace {index}"
        return Trace(self.profile.geometry, tuple(made), self.engine, image=self.image, note=note)


@dataclass(frozen=True, slots=True)
class ExploringSource:
    """Another source's traces, each with what is to be explored: of the device models those that there are of
    its geometry."""

    source: Source
    explore: Explore
    models: tuple[DeviceModel, ...] = ()

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        made = self.source.trace(index)
        fitting = tuple(model_data(one) for one in self.models if not one.misfit(made.geometry))
        return replace(made, explore=self.explore, models=fitting)


def model_data(model: DeviceModel) -> Model:
    """A model as a trace names it: a built-in one by its name, another with its data."""
    if BUILTIN.get(model.name) == model:
        return model.name
    return ModelData(
        model.name,
        model.prog_unit,
        model.erase_unit,
        tuple(rule for rule in RULES if rule in model.prog_tears),
        tuple(rule for rule in RULES if rule in model.erase_tears),
        model.reorders,
        model.overwrites,
    )
