# SPDX-License-Identifier: ISC
"""An engine in Python for the tests: each commit is one program of the next block, and what earlier ones took
is free again only behind a mount. It may find no space where there is some once it is opened again. With it
one that is wrong."""

from __future__ import annotations

import hashlib

from modelled import ModelledStore
from powercut.engine import PROBE_KEY
from powercut.ops import Op, Time
from powercut.pyengine import Device, Refused
from powercut.trace import EngineOptions
from powercut_models import Answer

_SUM = 8


class Turns:
    """The engine that is right."""

    name = "turns"
    version = "1"
    capabilities = frozenset({"dictionaries"})
    shy = False
    lazy = False

    def format(self, device: Device, options: EngineOptions) -> None:
        TurnsStore(device, self, fresh=True).save()

    def mount(self, device: Device, options: EngineOptions) -> TurnsStore:
        return TurnsStore(device, self, fresh=False)


class Shy(Turns):
    """Lists its root no longer once something was set on a store that is not new."""

    version = "1+shy"
    shy = True


class Lazy(Turns):
    """Keeps back the first commit behind the fresh key until the next, or the unmount; a cut loses it."""

    version = "1+lazy"
    lazy = True


class Complaining(Turns):
    """Its own check finds fault with a store of three keys, the fresh one among them."""

    version = "1+complaining"
    capabilities = Turns.capabilities | {"check"}


class TurnsStore(ModelledStore):
    """A mounted store."""

    def __init__(self, device: Device, engine: Turns, *, fresh: bool) -> None:
        super().__init__(device)
        self._count = device.geometry.block_count
        self._turn, self._block, self._shy = 0, -1, False
        if not fresh:
            self._turn, self._block, data = max(self._commits(), default=(0, -1, b""))
            if not data:
                raise Refused("CORRUPT")
            self._unpack(data)
            self._shy = engine.shy and bool(self._model.rows())
        self._left = self._count - (self._block >= 0)
        self._was_set = False
        self._lazy, self._saved, self._kept_back = engine.lazy, 0, False

    def _commits(self) -> list[tuple[int, int, bytes]]:
        size, found = self._device.geometry.block_size, []
        for block in range(self._count):
            bytes_ = self._device.read(block, 0, size)
            sum_, body = bytes_[:_SUM], bytes_[_SUM:]
            if sum_ == hashlib.sha256(body).digest()[:_SUM]:
                found.append((int.from_bytes(body[:4], "little"), block, body[4:]))
        return found

    def save(self) -> None:
        self._saved += 1
        fresh_key = PROBE_KEY in [row.key for row in self._model.rows()]
        self._kept_back = self._lazy and self._saved == 2 and fresh_key
        if self._kept_back:
            return
        body = (self._turn + 1).to_bytes(4, "little") + self._packed()
        room = self._device.geometry.block_size - _SUM
        if not self._left or len(body) > room:
            raise Refused("NO_SPACE")
        body = body.ljust(room, b"\0")
        self._left -= 1
        self._turn, self._block = self._turn + 1, (self._block + 1) % self._count
        self._device.erase(self._block)
        self._device.prog(self._block, 0, hashlib.sha256(body).digest()[:_SUM] + body)
        self._device.sync()

    def unmount(self) -> None:
        if self._kept_back:
            self.save()
        super().unmount()

    def check(self) -> str:
        keys = [row.key for row in self._model.rows()]
        return "three are too many" if len(keys) == 3 and PROBE_KEY in keys else ""

    def apply(self, op: Op, now: Time) -> Answer:
        if self._shy and self._was_set and op.kind == "list" and not op.key:
            raise Refused("IO")
        self._was_set |= op.kind == "set"
        return super().apply(op, now)
