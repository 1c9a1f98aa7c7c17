# SPDX-License-Identifier: ISC
"""A toy engine in several versions, for the tests: what becomes of a format that changes.

The store lies whole in one of two areas, each with a header: the format's version, a number that grows, a
length, a checksum. Version 2 turns the bytes of values round.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterable

from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer, Row, StoreModel

HEADER = struct.Struct("<IIII")
NAME_MAX = 60


class V1:
    """Writes version 1, reads it, and refuses what is newer."""

    name = "toy"
    version = "1"
    capabilities = frozenset({"timestamps", "dictionaries", "rename"})
    writes = 1

    def format(self, device: Device, options: EngineOptions) -> None:
        self.store(device).save()

    def mount(self, device: Device, options: EngineOptions) -> ToyStore:
        store = self.store(device)
        store.load(self.newest(store.areas()))
        return store

    def store(self, device: Device) -> ToyStore:
        return ToyStore(device, self.writes)

    def newest(self, areas: list[Area]) -> Area:
        """The area that is the store."""
        area = max(areas, key=lambda one: one.number)
        if area.version > self.writes:
            raise Refused("UNSUPPORTED")
        return area


class V2(V1):
    """Writes version 2, reads both."""

    version = "2"
    writes = 2


class V1Careless(V1):
    """Takes every version for its own."""

    version = "1+careless"

    def newest(self, areas: list[Area]) -> Area:
        return super().newest([Area(1, one.number, one.data) for one in areas])


class V1Stale(V1):
    """Where the newer area is of a version that it does not know, takes the older one."""

    version = "1+stale"

    def newest(self, areas: list[Area]) -> Area:
        return super().newest([one for one in areas if one.version == 1] or areas)


class V1Unclear(V1):
    """Calls what it does not know corrupt."""

    version = "1+unclear"

    def newest(self, areas: list[Area]) -> Area:
        if max(areas, key=lambda one: one.number).version > 1:
            raise Refused("CORRUPT")
        return super().newest(areas)


class V1Dies(V1):
    """Dies of what it does not know."""

    version = "1+dies"

    def newest(self, areas: list[Area]) -> Area:
        if max(areas, key=lambda one: one.number).version > 1:
            os.abort()
        return super().newest(areas)


class V1Hangs(V1):
    """Never comes back from what it does not know."""

    version = "1+hangs"

    def newest(self, areas: list[Area]) -> Area:
        while max(areas, key=lambda one: one.number).version > 1:
            time.sleep(0.01)
        return super().newest(areas)


class V1Forgets(V1):
    """Loses every second set, so that it is no build to measure others by."""

    version = "1+forgets"

    def store(self, device: Device) -> ToyStore:
        return ForgetfulStore(device, self.writes)


class V2ReadOnly(V2):
    """Reads everything and writes nothing any more."""

    version = "2+read-only"

    def store(self, device: Device) -> ToyStore:
        return ReadOnlyStore(device, self.writes)


class Area:
    """What one area holds, if its checksum is right."""

    def __init__(self, version: int, number: int, data: bytes) -> None:
        self.version, self.number, self.data = version, number, data


class ToyStore:
    """A mounted store."""

    def __init__(self, device: Device, writes: int) -> None:
        self._device, self._writes, self._number = device, writes, 0
        self._model = StoreModel(name_max=NAME_MAX)

    def areas(self) -> list[Area]:
        """Those whose checksum is right."""
        found = []
        half = self._device.geometry.block_count // 2
        for first in (0, half):
            data = b"".join(self._device.read(first + at, 0, self._size) for at in range(half))
            version, number, length, crc = HEADER.unpack_from(data)
            body = data[HEADER.size : HEADER.size + min(length, len(data))]
            if len(body) == length and zlib.crc32(data[:12] + body) == crc:
                found.append(Area(version, number, body))
        if not found:
            raise Refused("CORRUPT")
        return found

    @property
    def _size(self) -> int:
        return self._device.geometry.block_size

    def load(self, area: Area) -> None:
        self._number = area.number
        turn = -1 if area.version == 2 else 1
        for key, kind, data, moment in json.loads(area.data):
            value = None if data is None else bytes.fromhex(data)[::turn]
            self._model.load([Row(bytes.fromhex(key), kind, value, tuple(moment) if moment else None)])

    def save(self) -> None:
        turn = -1 if self._writes == 2 else 1
        rows = [
            (row.key.hex(), row.kind, None if row.data is None else row.data[::turn].hex(), row.time)
            for row in self._model.rows()
        ]
        body = json.dumps(rows).encode()
        head = struct.pack("<III", self._writes, self._number, len(body))
        data = head + struct.pack("<I", zlib.crc32(head + body)) + body
        half = self._device.geometry.block_count // 2
        if len(data) > half * self._size:
            raise Refused("NO_SPACE")
        for at in range(-(-len(data) // self._size)):
            part = data[at * self._size :][: self._size]
            block = (self._number % 2) * half + at
            self._device.erase(block)
            self._device.prog(block, 0, part.ljust(self._size, b"\0"))
        self._device.sync()

    def apply(self, op: Op, now: Time) -> Answer:
        answer = self._model.apply(
            op.kind, op.key, target=op.target, off=op.off, length=op.length, data=op.data(), time=now
        )
        if answer.code == "OK" and op.writes:
            self._number += 1
            self.save()
        return answer

    def entries(self) -> Iterable[Row]:
        return self._model.rows()

    def facts(self) -> tuple[int, int]:
        return NAME_MAX, 2**31 - 1

    def check(self) -> str:
        return ""

    def unmount(self) -> None:
        self._model.close()


class ForgetfulStore(ToyStore):
    """See V1Forgets."""

    def apply(self, op: Op, now: Time) -> Answer:
        self._sets = getattr(self, "_sets", 0) + (op.kind == "set")
        if op.kind == "set" and self._sets % 2 == 0:
            return Answer("OK")
        return super().apply(op, now)


class ReadOnlyStore(ToyStore):
    """See V2ReadOnly."""

    def apply(self, op: Op, now: Time) -> Answer:
        if op.writes:
            raise Refused("READ_ONLY")
        return super().apply(op, now)
