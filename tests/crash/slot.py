# SPDX-License-Identifier: ISC
"""An engine in Python for the tests: the whole store in one program of block 0, which is atomic where whole
programs are. With it two that go wrong in places that nothing but one kind of crash state looks at."""

from __future__ import annotations

from modelled import ModelledStore
from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer


class Slot:
    """The engine that is right."""

    name = "slot"
    version = "1"
    capabilities = frozenset({"dictionaries"})
    refreshes = False
    keeps = False

    def format(self, device: Device, options: EngineOptions) -> None:
        SlotStore(device, self, fresh=True).save()

    def mount(self, device: Device, options: EngineOptions) -> SlotStore:
        return SlotStore(device, self, fresh=False)


class Refreshing(Slot):
    """Writes its block anew at each mount, the erase first: only a cut of the recovery finds it empty."""

    version = "1+refreshing"
    refreshes = True


class Keeping(Slot):
    """Has no space to remove `keep` where the device is full, and for nothing else."""

    version = "1+keeping"
    keeps = True


class SlotStore(ModelledStore):
    """A mounted store."""

    def __init__(self, device: Device, engine: Slot, *, fresh: bool) -> None:
        super().__init__(device)
        self._engine = engine
        if not fresh:
            data = device.read(0, 0, device.geometry.block_size)
            if data[:1] != b"\xff":
                self._unpack(data)
            if engine.refreshes:
                device.erase(0)
                self.save()

    def _room(self) -> int:
        """Bytes that another row may take."""
        return self._device.geometry.block_size - len(self._packed())

    def save(self) -> None:
        if self._room() < 0:
            raise Refused("NO_SPACE")
        self._device.prog(0, 0, self._packed().ljust(self._device.geometry.block_size, b"\0"))
        self._device.sync()

    def apply(self, op: Op, now: Time) -> Answer:
        if op.kind == "remove" and op.key == b"keep" and self._engine.keeps and self._room() < 64:
            raise Refused("NO_SPACE")
        return super().apply(op, now)
