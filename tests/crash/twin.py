# SPDX-License-Identifier: ISC
"""An engine in Python, for the tests: the whole store twice, each copy with a number and a checksum."""

from __future__ import annotations

import struct
import zlib

from modelled import ModelledStore
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions

HEADER = struct.Struct("<QII")


class Twin:
    """The engine; the two areas are its memory."""

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


class TwinStore(ModelledStore):
    """A mounted store."""

    timestamps = True

    def __init__(self, device: Device, checked: bool, *, fresh: bool) -> None:
        super().__init__(device)
        self._sequence = -1
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
        self._unpack(data)

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
        geometry, sequence, data = self._device.geometry, self._sequence + 1, self._packed()
        if len(data) > self._room:
            raise Refused("NO_SPACE")
        head = struct.pack("<QI", sequence, len(data))
        data = head + struct.pack("<I", zlib.crc32(head + data)) + data
        for at in range(-(-len(data) // geometry.block_size)):
            part = data[at * geometry.block_size :][: geometry.block_size]
            block = sequence % 2 * (geometry.block_count // 2) + at
            self._device.erase(block)
            self._device.prog(block, 0, part.ljust(geometry.block_size, b"\0"))
        self._device.sync()
        self._sequence = sequence
