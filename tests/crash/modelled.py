# SPDX-License-Identifier: ISC
"""What the engines in Python here have in common: the model of the store is their brain."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut_models import Answer, Row, StoreModel


class ModelledStore:
    """A mounted store. Each engine's own is where the rows lie on the device."""

    timestamps = False

    def __init__(self, device: Device) -> None:
        self._device = device
        self._model = StoreModel(timestamps=self.timestamps)

    def save(self) -> None:
        """Writes all rows; Refused where there is no room, with the device as it was."""
        raise NotImplementedError

    def _packed(self) -> bytes:
        return pickle.dumps([(row.key, row.kind, row.data, row.time) for row in self._model.rows()])

    def _unpack(self, data: bytes) -> None:
        try:
            rows = [Row(*row) for row in pickle.loads(data)]
        except Exception:
            raise Refused("CORRUPT") from None
        self._model.load(rows)

    def apply(self, op: Op, now: Time) -> Answer:
        before = list(self._model.rows())
        answer = self._model.apply(
            op.kind, op.key, target=op.target, off=op.off, length=op.length, data=op.data(), time=now
        )
        if answer.code == "OK" and op.writes:
            try:
                self.save()
            except Refused:
                self._model.close()
                self._model = StoreModel(timestamps=self.timestamps)
                self._model.load(before)
                raise
        return answer

    def entries(self) -> Iterable[Row]:
        return self._model.rows()

    def facts(self) -> tuple[int, int]:
        return 255, 2**31 - 1

    def check(self) -> str:
        return ""

    def unmount(self) -> None:
        self._model.close()
