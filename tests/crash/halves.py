# SPDX-License-Identifier: ISC
"""Small engines in Python whose store is one record across two blocks, and that go wrong over a half."""

from __future__ import annotations

import struct
import zlib

from modelled import ModelledStore
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions

HEAD = struct.Struct("<QII")  # sequence, bytes, checksum


class Halves:
    """The engine that is right: two areas take turns, and the checksum is over the whole record."""

    name, version = "halves", "1"
    capabilities: frozenset[str] = frozenset({"dictionaries", "rename"})
    claims = "disk512"
    #: The area of a sequence is that modulo this.
    areas = 2
    #: Blocks of the record that the checksum is over.
    summed = 2
    #: The order in which the halves are written, and whether there is a sync between them.
    order = (0, 1)
    ordered = False
    #: Whether there is a sync before an operation returns.
    syncs = True

    def format(self, device: Device, options: EngineOptions) -> None:
        HalvesStore(device, self, fresh=True).save()

    def mount(self, device: Device, options: EngineOptions) -> HalvesStore:
        return HalvesStore(device, self, fresh=False)


class HalfSummed(Halves):
    """Its checksum is over the first of the two blocks alone."""

    version = "1+half-summed"
    summed = 1


class TailFirst(HalfSummed):
    """The same, mended the one way: what the checksum is not over is durable before the rest is issued."""

    version = "1+tail-first"
    order = (1, 0)
    ordered = True


class TailFirstUnsynced(TailFirst):
    """The same without the sync between the two."""

    version = "1+tail-first-unsynced"
    ordered = False


class InPlace(Halves):
    """Writes the record over the one before it; either half makes a mix of the two."""

    version = "1+in-place"
    areas, summed = 1, 0


class InPlaceUnsynced(InPlace):
    """The same without any sync, for a device on which a write is durable once it is done."""

    version = "1+in-place-unsynced"
    syncs = False


class InPlaceTailFirst(InPlace):
    """The same in the other order, which mends nothing."""

    version = "1+in-place-tail-first"
    order = (1, 0)
    ordered = True


class HalvesStore(ModelledStore):
    """A mounted store."""

    def __init__(self, device: Device, engine: Halves, *, fresh: bool) -> None:
        super().__init__(device)
        self._engine, self._sequence = engine, 0
        self._size = device.geometry.block_size
        if not fresh:
            found = [one for area in range(engine.areas) if (one := self._record(area)) is not None]
            if not found:
                raise Refused("CORRUPT")
            self._sequence, body = max(found)
            self._unpack(body)

    def _record(self, area: int) -> tuple[int, bytes] | None:
        """The sequence of an area's record, and its bytes; None: it does not count."""
        record = b"".join(self._device.read(2 * area + half, 0, self._size) for half in (0, 1))
        sequence, size, checksum = HEAD.unpack_from(record)
        body = record[HEAD.size :][:size]
        return (sequence, body) if self._checksum(sequence, size, body) == checksum else None

    def _checksum(self, sequence: int, size: int, body: bytes) -> int:
        summed = max(self._engine.summed * self._size - HEAD.size, 0)
        return zlib.crc32(struct.pack("<QI", sequence, size) + body[:summed])

    def save(self) -> None:
        """The record of the next sequence, in its area."""
        engine, sequence = self._engine, self._sequence + 1
        body = self._packed()
        if len(body) > 2 * self._size - HEAD.size:
            raise Refused("NO_SPACE")
        head = HEAD.pack(sequence, len(body), self._checksum(sequence, len(body), body))
        record = (head + body).ljust(2 * self._size, b"\0")
        for turn, half in enumerate(engine.order):
            if turn and engine.ordered:
                self._device.sync()
            piece = record[half * self._size :][: self._size]
            self._device.prog(sequence % engine.areas * 2 + half, 0, piece)
        if engine.syncs:
            self._device.sync()
        self._sequence = sequence
