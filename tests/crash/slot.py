# SPDX-License-Identifier: ISC
"""An engine in Python for the tests: the whole store in one program of block 0, which is atomic where whole
programs are. With it two that go wrong in places that nothing but one kind of crash state looks at."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer, Row, StoreModel


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


class SlotStore:
    """A mounted store."""

    def __init__(self, device: Device, engine: Slot, *, fresh: bool) -> None:
        self._device, self._engine = device, engine
        self._model = StoreModel(timestamps=False)
        if not fresh:
            self._model.load(self._load())
            if engine.refreshes:
                device.erase(0)
                self.save()

    def _load(self) -> list[Row]:
        data = self._device.read(0, 0, self._device.geometry.block_size)
        return [] if data[:1] == b"\xff" else [Row(*row) for row in pickle.loads(data)]

    def _packed(self) -> bytes:
        return pickle.dumps([(row.key, row.kind, row.data, row.time) for row in self._model.rows()])

    def _full(self) -> bool:
        return len(self._packed()) > self._device.geometry.block_size - 64

    def save(self) -> None:
        size = self._device.geometry.block_size
        self._device.prog(0, 0, self._packed().ljust(size, b"\0"))
        self._device.sync()

    def apply(self, op: Op, now: Time) -> Answer:
        if op.kind == "remove" and op.key == b"keep" and self._engine.keeps and self._full():
            raise Refused("NO_SPACE")
        before = list(self._model.rows())
        answer = self._model.apply(
            op.kind, op.key, target=op.target, off=op.off, length=op.length, data=op.data()
        )
        if answer.code == "OK" and op.writes:
            if len(self._packed()) > self._device.geometry.block_size:
                self._model.close()
                self._model = StoreModel(timestamps=False)
                self._model.load(before)
                raise Refused("NO_SPACE")
            self.save()
        return answer

    def entries(self) -> Iterable[Row]:
        return self._model.rows()

    def facts(self) -> tuple[int, int]:
        return 255, 2**31 - 1

    def check(self) -> str:
        return ""

    def unmount(self) -> None:
        self._model.close()
