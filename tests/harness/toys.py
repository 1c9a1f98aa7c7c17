# SPDX-License-Identifier: ISC
"""Small engines in Python for the tests of suites: one that is right, and some that are not."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterable

from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer, Row

HEAD = struct.Struct("<III")  # sequence, checksum, bytes
NAME_MAX, VALUE_MAX = 200, 4000


class Page:
    """Two halves; the store is a page in that with the right checksum and the higher sequence."""

    name, version = "page", "1"
    capabilities: frozenset[str] = frozenset()
    backwards = False

    def format(self, device: Device, options: EngineOptions) -> None:
        PageStore(device, self, {}, 0).save()

    def mount(self, device: Device, options: EngineOptions) -> PageStore:
        found = [page for half in (0, 1) if (page := self.read(device, half)) is not None]
        if not found:
            raise Refused("CORRUPT")
        sequence, held = max(found, key=lambda page: page[0])
        return PageStore(device, self, held, sequence)

    def read(self, device: Device, half: int) -> tuple[int, dict[bytes, bytes]] | None:
        shape = device.geometry
        first = half * (shape.block_count // 2)
        sequence, checksum, size = HEAD.unpack_from(device.read(first, 0, shape.block_size))
        if sequence % 2 != half or size > shape.block_size * (shape.block_count // 2) - 16:
            return None
        blocks = -(-(16 + size) // shape.block_size)
        page = b"".join(device.read(first + block, 0, shape.block_size) for block in range(blocks))
        body = page[16 : 16 + size]
        return (sequence, unpacked(body)) if self.believes(body, checksum) else None

    def believes(self, body: bytes, checksum: int) -> bool:
        return zlib.crc32(body) == checksum


class Careless(Page):
    """Does not look at the checksum."""

    version = "1+careless"

    def believes(self, body: bytes, checksum: int) -> bool:
        return True


class Deadly(Page):
    """Ends its process over a wrong checksum."""

    version = "1+deadly"

    def believes(self, body: bytes, checksum: int) -> bool:
        if not super().believes(body, checksum):
            os.abort()
        return True


class Hanging(Page):
    """Does not come back from a wrong checksum."""

    version = "1+hanging"

    def believes(self, body: bytes, checksum: int) -> bool:
        while not super().believes(body, checksum):
            time.sleep(0.01)
        return True


class Greedy(Page):
    """Takes half a GiB over a wrong checksum, and ends its process where there is not so much."""

    version = "1+greedy"

    def believes(self, body: bytes, checksum: int) -> bool:
        if not super().believes(body, checksum):
            try:
                bytearray(1 << 29)
            except MemoryError:
                os.abort()
            return False
        return True


class Trusting(Page):
    """Programs whole blocks, the one with the head last, and takes them to arrive whole and in that order."""

    version = "1+trusting"
    claims = "nor disk512"
    backwards = True

    def believes(self, body: bytes, checksum: int) -> bool:
        return True


class Boastful(Page):
    """One letter of a claim is wrong, and one claim is of a device model that is not built in."""

    version = "1+boastful"
    claims = "disk51 mine"


class Stillborn(Page):
    """Ends its process over an empty store."""

    version = "1+stillborn"

    def format(self, device: Device, options: EngineOptions) -> None:
        os.abort()


class Slow(Page):
    """Takes its time."""

    version = "1+slow"

    def format(self, device: Device, options: EngineOptions) -> None:
        time.sleep(0.3)
        super().format(device, options)


class PageStore:
    """A mounted page."""

    def __init__(self, device: Device, engine: Page, held: dict[bytes, bytes], sequence: int) -> None:
        self.device, self.engine, self.held, self.sequence = device, engine, held, sequence

    def save(self) -> None:
        """The commit: a new page in the other half."""
        shape = self.device.geometry
        body, sequence = packed(self.held), self.sequence + 1
        page = HEAD.pack(sequence, zlib.crc32(body), len(body)).ljust(16, b"\0") + body
        room = shape.block_count // 2
        if len(page) > room * shape.block_size:
            raise Refused("NO_SPACE")
        starts = range(0, len(page), shape.block_size)
        whole = self.engine.backwards
        piece = shape.block_size if whole else max(shape.prog_size, shape.block_size // 2)
        for at in reversed(starts) if whole else starts:
            block = sequence % 2 * room + at // shape.block_size
            data = page[at : at + shape.block_size].ljust(shape.block_size, b"\0")
            self.device.erase(block)
            for off in range(0, shape.block_size, piece):
                self.device.prog(block, off, data[off : off + piece])
        self.device.sync()
        self.sequence = sequence

    def apply(self, op: Op, now: Time) -> Answer:
        name = op.key.strip(b"/")
        if name in (b".", b"..") or b"\0" in name or b"/" in name:
            return Answer("INVALID_KEY")
        if len(name) > NAME_MAX:
            return Answer("NAME_TOO_LONG")
        if op.kind in ("set", "remove"):
            return self.change(op.kind, name, op.data())
        return self.look(op, name)

    def change(self, kind: str, name: bytes, data: bytes) -> Answer:
        if not name:
            return Answer("VALUE_EXPECTED" if kind == "set" else "INVALID_KEY")
        if len(data) > VALUE_MAX:
            return Answer("VALUE_TOO_LARGE")
        before = dict(self.held)
        if kind == "set":
            self.held[name] = data
        elif self.held.pop(name, None) is None:
            return Answer("OK")
        try:
            self.save()
        except Refused:
            self.held = before
            raise
        return Answer("OK")

    def look(self, op: Op, name: bytes) -> Answer:
        value = self.held.get(name)
        match op.kind:
            case "exists":
                kind = None if value is None and name else "value" if name else "dictionary"
                return Answer("OK", kind=kind)
            case "list" if not name:
                return Answer("OK", entries=tuple((one, "value") for one in sorted(self.held)))
            case "size" if not name:
                return Answer("OK", size=sum(len(one) for one in self.held.values()))
        if not name:
            return Answer("VALUE_EXPECTED")
        if value is None:
            return Answer("NOT_FOUND")
        match op.kind:
            case "list":
                return Answer("DICTIONARY_EXPECTED")
            case "size":
                return Answer("OK", size=len(value))
            case "get_partial":
                return Answer("OK", data=value[op.off : op.off + op.length])
        return Answer("OK", data=value)

    def entries(self) -> Iterable[Row]:
        return [Row(name, "value", value, None) for name, value in self.held.items()]

    def facts(self) -> tuple[int, int]:
        return NAME_MAX, VALUE_MAX

    def check(self) -> str:
        return ""

    def unmount(self) -> None:
        pass


def packed(held: dict[bytes, bytes]) -> bytes:
    return b"".join(
        struct.pack("<BH", len(name), len(value)) + name + value for name, value in sorted(held.items())
    )


def unpacked(body: bytes) -> dict[bytes, bytes]:
    held, at = {}, 0
    while at + 3 <= len(body):
        name, value = struct.unpack_from("<BH", body, at)
        held[body[at + 3 : at + 3 + name]] = body[at + 3 + name : at + 3 + name + value]
        at += 3 + name + value
    return held
