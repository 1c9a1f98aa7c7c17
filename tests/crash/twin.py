# SPDX-License-Identifier: ISC
"""An engine in Python, for the tests: the whole store twice, each copy with a number and a checksum."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Iterable

from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer, Row, StoreModel

HEADER = struct.Struct("<QII")


class Twin:
    """The engine; the model is its brain, the two areas its memory."""

    name = "twin"
    version = "1"
    capabilities = frozenset({"timestamps", "dictionaries", "rename", "set_partial", "check"})
    checked = True

    def format(self, device: Device, options: EngineOptions) -> None:
        if device.geometry.block_count < 8:
            raise Refused("UNSUPPORTED")
        TwinStore(device, self.checked, fresh=True).save()

    def mount(self, device: Device, options: EngineOptions) -> TwinStore:
        return TwinStore(device, self.checked, fresh=False)


class CarelessTwin(Twin):
    """Takes the newer copy, whole or not."""

    version = "1+careless"
    checked = False


class MistakenTwin(Twin):
    """Has a mistake in its own code."""

    def mount(self, device: Device, options: EngineOptions) -> TwinStore:
        raise ZeroDivisionError


class TwinStore:
    """A mounted store."""

    def __init__(self, device: Device, checked: bool, *, fresh: bool) -> None:
        self._device = device
        self._sequence = 0
        self._model = StoreModel()
        if not fresh:
            self._load(checked)

    def _load(self, checked: bool) -> None:
        found = []
        for area in (0, 1):
            sequence, size, crc = HEADER.unpack(self._read(area, HEADER.size))
            data = self._read(area, HEADER.size + min(size, self._room))[HEADER.size :]
            sound = zlib.crc32(struct.pack("<QI", sequence, size) + data) == crc
            if sound or (not checked and size <= self._room):
                found.append((sequence, data))
        if not found:
            raise Refused("CORRUPT")
        self._sequence, data = max(found)
        try:
            rows = [Row(*row) for row in pickle.loads(data)]
        except Exception:
            raise Refused("CORRUPT") from None
        self._model.load(rows)

    @property
    def _room(self) -> int:
        geometry = self._device.geometry
        return geometry.block_count // 2 * geometry.block_size - HEADER.size

    def _read(self, area: int, size: int) -> bytes:
        geometry, data = self._device.geometry, b""
        block = area * (geometry.block_count // 2)
        while len(data) < size:
            data += self._device.read(block, 0, geometry.block_size)
            block += 1
        return data[:size]

    def save(self) -> None:
        geometry, area = self._device.geometry, self._sequence % 2
        rows = [(row.key, row.kind, row.data, row.time) for row in self._model.rows()]
        data = pickle.dumps(rows)
        if len(data) > self._room:
            raise Refused("NO_SPACE")
        head = struct.pack("<QI", self._sequence, len(data))
        data = head + struct.pack("<I", zlib.crc32(head + data)) + data
        for at in range(-(-len(data) // geometry.block_size)):
            part = data[at * geometry.block_size :][: geometry.block_size]
            block = area * (geometry.block_count // 2) + at
            self._device.erase(block)
            self._device.prog(block, 0, part.ljust(geometry.block_size, b"\0"))
        self._device.sync()

    def apply(self, op: Op, now: Time) -> Answer:
        answer = self._model.apply(
            op.kind, op.key, target=op.target, off=op.off, length=op.length, data=op.data(), time=now
        )
        if answer.code == "OK" and op.writes:
            self._sequence += 1
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
