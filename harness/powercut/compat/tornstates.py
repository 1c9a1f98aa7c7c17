# SPDX-License-Identifier: ISC
"""Crash states of a run beyond whole writes in order: torn and reordered ones, as many as are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from powercut.claims import claimed_models
from powercut.devices import DeviceModel
from powercut.engine import Run
from powercut.explorer import ExploreOptions
from powercut.fault import Fault

#: The kinds that can be asked for, in the order in which they are looked at.
TORN_KINDS = ("torn", "reorder")


@dataclass(frozen=True, slots=True)
class Torn:
    """What is asked for. kinds: of TORN_KINDS; models: the devices, empty: those that the writer claims to
    survive; most: states of each kind of one run, at most, drawn evenly where there are more."""

    kinds: tuple[str, ...] = ()
    models: tuple[DeviceModel, ...] = ()
    most: int = 200

    def models_of(self, run: Run) -> tuple[DeviceModel, ...]:
        """The devices of a run: those of its geometry."""
        if not self.models:
            return claimed_models(run.engine.claims(run.options), run.geometry)
        return tuple(model for model in self.models if not model.misfit(run.geometry))

    def states(self, run: Run) -> tuple[dict[str, list[Fault]], dict[str, int]]:
        """The states by kind, and of how many they are. Raises PowercutError."""
        chosen: dict[str, list[Fault]] = {}
        totals: dict[str, int] = {}
        models = self.models_of(run)
        for kind in self.kinds:
            found = _listed(run, kind, models) if models else []
            totals[kind] = len(found)
            count = min(self.most, len(found))
            chosen[kind] = [found[len(found) * index // count] for index in range(count)]
        return chosen, totals


#: Whole writes in order alone.
NO_TORN = Torn()


def _listed(run: Run, kind: str, models: tuple[DeviceModel, ...]) -> list[Fault]:
    """All states of a kind, each once: what several models allow is of the first of them."""
    seen: dict[object, Fault] = {}
    for fault in run.list(ExploreOptions(kinds=frozenset({kind}), models=models, samples=1)):
        seen.setdefault(fault.cuts, fault)
    return list(seen.values())
